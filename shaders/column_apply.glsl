// APPLY along a part of a column, VECTOR statistics at a time.

void affine_component(inout Affine all, uint component, Affine one)
{
    all.mean[component] = one.mean.x;
    all.mean_low[component] = one.mean_low.x;
    all.scale[component] = one.scale.x;
    all.offset[component] = one.offset.x;
    all.slope[component] = one.slope.x;
}

bool is_wide(Affine a)
{
    return VECTOR == 4 && is_aligned(VKN_BINDING_X, 0) && output_is_aligned(0, 0, 0);
}

// One of neighbouring statistics.
Affine affine_of_component(Affine all, uint k)
{
    return Affine(vec4(all.mean[k]), vec4(all.mean_low[k]), vec4(all.scale[k]), vec4(all.offset[k]),
                  vec4(all.slope[k]));
}

void visit(inout Affine a, uint x, uint y, uint p, bool wide)
{
    uint step = parameter_stride[VKN_LANE];
    if (wide) {
        apply4(a, x, y, p, step);
    } else {
        for (uint k = 0; k < VECTOR; k++)
            apply(affine_of_component(a, k), x + k, y + k, y + k, x + k, p + k * step, true);
    }
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
