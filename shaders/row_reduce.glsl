// Moments of a part of a row.

struct RowMoments {
    Moments moments;
    float shift; // the part's first element
};

uint head_of(RowMoments s, uint x, uint y, uint count)
{
    return min(head_before(VKN_BINDING_X, x), count);
}

void visit(inout RowMoments s, uint x, uint y, uint p)
{
    s.moments = add(s.moments, input_load(x) - s.shift);
}

void visit4(inout RowMoments s, uint x, uint y, uint p)
{
    s.moments = add(s.moments, input_load4(x) - s.shift);
}

void visit8(inout RowMoments s, uint x, uint y, uint p, uint ahead)
{
    s.moments = add(s.moments, input_load4(x) - s.shift, input_load4(x + ahead) - s.shift);
}

#define STATE RowMoments
#include "row_walk.glsl"
#undef STATE

// Every lane of the worker returns the same.
Statistic row_reduce(Row row, Part part)
{
    uint outer = part.begin / extent[VKN_INNER];
    uint inner = part.begin - outer * extent[VKN_INNER];
    RowMoments s = RowMoments(NO_MOMENTS, 0.0);
    if (part.begin < part.end)
        s.shift = input_load(row.x + outer * x_stride[VKN_OUTER] + inner);
    row_walk(s, row, part);
    return statistic_of(s.shift, worker_merge(s.moments));
}
