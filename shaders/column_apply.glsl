// APPLY along a part of a column, VECTOR statistics at a time.

void affine_component(inout Affine all, uint component, Affine one)
{
    all.mean[component] = one.mean.x;
    all.mean_low[component] = one.mean_low.x;
    all.scale[component] = one.scale.x;
    all.offset[component] = one.offset.x;
}

bool is_wide(Affine a)
{
    return VECTOR == 4 && is_aligned(VKN_BINDING_X, 0) && output_is_aligned(0, 0);
}

vec4 column_residual(uint y, bool wide)
{
    if (wide)
        return residual_at4(y);
    if (VECTOR == 4)
        return vec4(residual_at(y), residual_at(y + 1), residual_at(y + 2), residual_at(y + 3));
    return vec4(residual_at(y), 0.0, 0.0, 0.0);
}

void column_output(uint y, vec4 v, bool wide)
{
    if (wide) {
        output_store4(y, v);
    } else {
        for (uint k = 0; k < VECTOR; k++)
            output_store(y + k, v[k]);
    }
}

void visit(inout Affine a, uint x, uint y, uint p, bool wide)
{
    vec4 z = apply(a, column_input(x, wide), column_residual(y, wide), p, parameter_stride[VKN_LANE]);
    column_output(y, z, wide);
}

void visit4(inout Affine a, uint x, uint y, uint p, uint x_step, uint y_step, bool wide)
{
    uint p_step = parameter_stride[VKN_INNER];
    visit(a, x, y, p, wide);
    visit(a, x + x_step, y + y_step, p + p_step, wide);
    visit(a, x + 2 * x_step, y + 2 * y_step, p + 2 * p_step, wide);
    visit(a, x + 3 * x_step, y + 3 * y_step, p + 3 * p_step, wide);
}

#define STATE Affine
#include "column_walk.glsl"
#undef STATE
