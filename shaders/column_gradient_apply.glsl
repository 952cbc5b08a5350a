// dx and dresidual along a part of a column.

struct Gradients {
    Coefficients quad[4]; // as those of Affines
};

bool is_wide(Gradients g)
{
    return VECTOR > 1 && are_aligned(0, 0);
}

void visit_quad(Coefficients c, uint x, uint y, uint p, bool wide)
{
    Element e = column_element(x, y, p, wide);
    vec4 xhat = normalized(c, e);
    vec4 dz = dz_of(c, e, xhat);
    vec4 dx = dx_of(c, e, xhat, dz);
    vec4 dresidual = dresidual_of(c, e, xhat, dz);
    if (wide)
        gradient_store4(x, y, dx, dresidual);
    else
        for (uint k = 0; k < 4 && k < VECTOR; k++)
            gradient_store(x + k, y + k, dx[k], dresidual[k]);
}

void visit(inout Gradients g, uint x, uint y, uint p, bool wide)
{
    visit_quad(g.quad[0], x, y, p, wide);
    if (VECTOR == 16) {
        if (wide) {
            uint step = 4 * parameter_stride[VKN_LANE];
            visit_quad(g.quad[1], x + 1, y + 1, p + step, wide);
            visit_quad(g.quad[2], x + 2, y + 2, p + 2 * step, wide);
            visit_quad(g.quad[3], x + 3, y + 3, p + 3 * step, wide);
        }
    }
}

void visit4(inout Gradients g, uint x, uint y, uint p, uint x_step, uint y_step, bool wide)
{
    for (uint row = 0; row < 4; row++)
        visit(g, x + row * x_step, y + row * y_step, p + row * parameter_stride[VKN_INNER], wide);
}

#define STATE Gradients
#include "column_walk.glsl"
#undef STATE
