// Moments of a part of a column, VECTOR statistics at a time.

struct ColumnMoments {
    float count;
    vec4 mean;  // from the shift
    vec4 m2;
    vec4 low;
    vec4 shift; // shift_from() the part's first row
};

void column_merge(inout ColumnMoments m, float rows, vec4 mean, vec4 m2)
{
    float count = m.count + rows;
    float share = divide(rows, count);
    vec4 distance = mean - m.mean;
    m.m2 += m2 + distance * distance * (m.count * share);
    m.mean += distance * share;
    m.count = count;
}

Moments column_moments(ColumnMoments m, uint component)
{
    return Moments(m.count, m.mean[component], m.m2[component], m.low[component]);
}

// What are no moments: one statistic after the other, each by name, as what is indexed by a variable lies in memory.
#define COLUMN_ADD(component, number)                                                                        \
    one = add(Moments(m.count, m.mean.component, m.m2.component, m.low.component), v.component, number);     \
    m.mean.component = one.mean;                                                                             \
    m.m2.component = one.m2;                                                                                 \
    m.low.component = one.low;

void column_add(inout ColumnMoments m, vec4 v, uint p)
{
    uint step = parameter_stride[VKN_LANE];
    Moments one;
    COLUMN_ADD(x, p)
    if (VECTOR == 4) {
        COLUMN_ADD(y, p + step)
        COLUMN_ADD(z, p + 2 * step)
        COLUMN_ADD(w, p + 3 * step)
    }
    m.count = one.count;
}

bool is_wide(ColumnMoments m)
{
    return VECTOR == 4 && input_is_aligned(0, 0);
}

void visit(inout ColumnMoments m, uint x, uint y, uint p, bool wide)
{
    vec4 v = column_input(x, y, wide) - m.shift;
    if (OF(VKN_OF_MOMENTS))
        column_merge(m, 1.0, v, vec4(0.0));
    else
        column_add(m, v, p);
}

void visit4(inout ColumnMoments m, uint x, uint y, uint p, uint x_step, uint y_step, bool wide)
{
    if (OF(VKN_OF_MOMENTS)) {
        vec4 a = column_input(x, y, wide) - m.shift;
        vec4 b = column_input(x + x_step, y + y_step, wide) - m.shift;
        vec4 c = column_input(x + 2 * x_step, y + 2 * y_step, wide) - m.shift;
        vec4 d = column_input(x + 3 * x_step, y + 3 * y_step, wide) - m.shift;
        vec4 mean = (a + b + c + d) * 0.25;
        a -= mean;
        b -= mean;
        c -= mean;
        d -= mean;
        column_merge(m, 4.0, mean, a * a + b * b + c * c + d * d);
    } else {
        for (uint row = 0; row < 4; row++)
            visit(m, x + row * x_step, y + row * y_step, p + row * parameter_stride[VKN_INNER], wide);
    }
}

#define STATE ColumnMoments
#include "column_walk.glsl"
#undef STATE

ColumnMoments column_reduce(Column c)
{
    uint outer = c.begin / extent[VKN_INNER];
    uint inner = c.begin - outer * extent[VKN_INNER];
    Moments none = no_moments();
    ColumnMoments m = ColumnMoments(0.0, vec4(none.mean), vec4(none.m2), vec4(none.low), vec4(0.0));
    if (OF(VKN_OF_MOMENTS)) {
        if (c.begin < c.end)
            m.shift = column_input(c.x + outer * x_stride[VKN_OUTER] + inner * x_stride[VKN_INNER],
                                   c.y + outer * y_stride[VKN_OUTER] + inner * y_stride[VKN_INNER], false);
    }
    column_walk(m, c);
    return m;
}

Statistic column_statistic(ColumnMoments m, uint component)
{
    return statistic_of(m.shift[component], column_moments(m, component));
}
