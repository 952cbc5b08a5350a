// dx and dresidual along a part of a column.

bool is_wide(Coefficients c)
{
    return VECTOR == 4 && are_aligned(0, 0);
}

void visit(inout Coefficients c, uint x, uint y, uint p, bool wide)
{
    Element e = column_element(x, y, p, wide);
    vec4 xhat = normalized(c, e);
    vec4 dz = dz_of(c, e, xhat);
    vec4 dx = dx_of(c, e, xhat, dz);
    vec4 dresidual = dresidual_of(c, e, xhat, dz);
    if (wide)
        gradient_store4(x, y, dx, dresidual);
    else
        for (uint k = 0; k < VECTOR; k++)
            gradient_store(x + k, y + k, dx[k], dresidual[k]);
}

void visit4(inout Coefficients c, uint x, uint y, uint p, uint x_step, uint y_step, bool wide)
{
    for (uint row = 0; row < 4; row++)
        visit(c, x + row * x_step, y + row * y_step, p + row * parameter_stride[VKN_INNER], wide);
}

#define STATE Coefficients
#include "column_walk.glsl"
#undef STATE
