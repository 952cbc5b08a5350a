// Moments of a part of a column, VECTOR statistics at a time.

struct ColumnMoments {
    float count;
    vec4 mean;  // from the shift
    vec4 m2;
    vec4 shift; // the part's first row
};

void column_merge(inout ColumnMoments m, float rows, vec4 mean, vec4 m2)
{
    float count = m.count + rows;
    float share = rows / count;
    vec4 distance = mean - m.mean;
    m.m2 += m2 + distance * distance * (m.count * share);
    m.mean += distance * share;
    m.count = count;
}

bool is_wide(ColumnMoments m)
{
    return VECTOR == 4 && is_aligned(VKN_BINDING_X, 0);
}

void visit(inout ColumnMoments m, uint x, uint y, uint p, bool wide)
{
    column_merge(m, 1.0, column_input(x, wide) - m.shift, vec4(0.0));
}

void visit4(inout ColumnMoments m, uint x, uint y, uint p, uint x_step, uint y_step, bool wide)
{
    vec4 a = column_input(x, wide) - m.shift;
    vec4 b = column_input(x + x_step, wide) - m.shift;
    vec4 c = column_input(x + 2 * x_step, wide) - m.shift;
    vec4 d = column_input(x + 3 * x_step, wide) - m.shift;
    vec4 mean = (a + b + c + d) * 0.25;
    a -= mean;
    b -= mean;
    c -= mean;
    d -= mean;
    column_merge(m, 4.0, mean, a * a + b * b + c * c + d * d);
}

#define STATE ColumnMoments
#include "column_walk.glsl"
#undef STATE

ColumnMoments column_reduce(Column c)
{
    uint outer = c.begin / extent[VKN_INNER];
    uint inner = c.begin - outer * extent[VKN_INNER];
    ColumnMoments m = ColumnMoments(0.0, vec4(0.0), vec4(0.0), vec4(0.0));
    if (c.begin < c.end)
        m.shift = column_input(c.x + outer * x_stride[VKN_OUTER] + inner * x_stride[VKN_INNER], false);
    column_walk(m, c);
    return m;
}

Statistic column_statistic(ColumnMoments m, uint component)
{
    return statistic_of(m.shift[component], Moments(m.count, m.mean[component], m.m2[component]));
}
