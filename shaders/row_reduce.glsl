// Moments of a part of a row.

struct RowMoments {
    Moments moments;
    float shift; // shift_from() the part's first element
};

uint head_of(RowMoments s, uint x, uint y, uint count)
{
    uint head = min(head_before(VKN_BINDING_X, x), count);
    return input_is_aligned(x + head, y + head) ? head : count;
}

void visit(inout RowMoments s, uint x, uint y, uint p)
{
    s.moments = add(s.moments, input_load(x, y) - s.shift, p);
}

void visit4(inout RowMoments s, uint x, uint y, uint p)
{
    s.moments = add(s.moments, input_load4(x, y) - s.shift, p, parameter_stride[VKN_INNER]);
}

void visit8(inout RowMoments s, uint x, uint y, uint p, uint ahead)
{
    uint step = parameter_stride[VKN_INNER];
    s.moments = add(s.moments, input_load4(x, y) - s.shift, input_load4(x + ahead, y + ahead) - s.shift, p,
                    4 * ahead * step, step);
}

#define STATE RowMoments
#include "row_walk.glsl"
#undef STATE

// Every lane of the worker returns the same.
Statistic row_reduce(Row row, Part part)
{
    uint outer = part.begin / extent[VKN_INNER];
    uint inner = part.begin - outer * extent[VKN_INNER];
    RowMoments s = RowMoments(no_moments(), 0.0);
    if (part.begin < part.end)
        s.shift = shift_from(input_load(row.x + outer * x_stride[VKN_OUTER] + inner,
                                        row.y + outer * y_stride[VKN_OUTER] + inner));
    row_walk(s, row, part);
    return statistic_of(s.shift, worker_merge(s.moments));
}
