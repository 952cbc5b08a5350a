// dx and dresidual along a part of a column.

bool is_wide(Coefficients c)
{
    return VECTOR == 4 && are_aligned(0, 0);
}

void visit(inout Coefficients c, uint x, uint y, bool wide)
{
    Element e = column_element(x, y, wide);
    vec4 xhat = normalized(c, e);
    vec4 dz = dz_of(c, e, xhat);
    vec4 dx = dx_of(c, e, xhat, dz);
    if (wide)
        gradient_store4(x, y, dx, dz);
    else
        gradient_store(x, y, dx, dz, VECTOR);
}

void visit4(inout Coefficients c, uint x, uint y, uint x_step, uint y_step, bool wide)
{
    visit(c, x, y, wide);
    visit(c, x + x_step, y + y_step, wide);
    visit(c, x + 2 * x_step, y + 2 * y_step, wide);
    visit(c, x + 3 * x_step, y + 3 * y_step, wide);
}

#define STATE Coefficients
#include "column_walk.glsl"
#undef STATE
