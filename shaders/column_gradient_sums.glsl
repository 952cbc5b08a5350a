// Sums of a part of a column.

struct ColumnSums {
    Coefficients coefficients;
    vec4 dz;
    vec4 dz_xhat;
    vec4 dslope;
};

bool is_wide(ColumnSums s)
{
    return VECTOR == 4 && element_is_aligned(0, 0);
}

void visit(inout ColumnSums s, uint x, uint y, uint p, bool wide)
{
    Element e = column_element(x, y, p, wide);
    vec4 xhat = normalized(s.coefficients, e);
    vec4 dz = weighted(e, dz_of(s.coefficients, e, xhat));
    s.dz += dz;
    s.dz_xhat += dz * xhat;
    s.dslope += dslope_of(s.coefficients, e, xhat);
}

void visit4(inout ColumnSums s, uint x, uint y, uint p, uint x_step, uint y_step, bool wide)
{
    for (uint row = 0; row < 4; row++)
        visit(s, x + row * x_step, y + row * y_step, p + row * parameter_stride[VKN_INNER], wide);
}

#define STATE ColumnSums
#include "column_walk.glsl"
#undef STATE

ColumnSums column_sums(Column c, Coefficients coefficients)
{
    ColumnSums s = ColumnSums(coefficients, vec4(0.0), vec4(0.0), vec4(0.0));
    column_walk(s, c);
    return s;
}

Sums column_component(ColumnSums s, Column c, uint component)
{
    return Sums(float(c.end - c.begin), s.dz[component], s.dz_xhat[component], s.dslope[component]);
}
