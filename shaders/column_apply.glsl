// APPLY along a part of a column, VECTOR statistics at a time.

bool is_wide(Affine a)
{
    return VECTOR == 4 && is_aligned(VKN_BINDING_X, 0) && output_is_aligned(0, 0, 0);
}

void visit(inout Affine a, uint x, uint y, uint p, bool wide)
{
    uint step = parameter_stride[VKN_LANE];
    parameters_begin(p);
    if (wide) {
        apply4(a, sum_load4(x, y), x, y, p, step);
    } else {
        for (uint k = 0; k < VECTOR; k++)
            apply(affine_of_component(a, k), x + k, y + k, y + k, x + k, p + k * step, true);
    }
}

void visit4(inout Affine a, uint x, uint y, uint p, uint x_step, uint y_step, bool wide)
{
    uint p_step = parameter_stride[VKN_INNER];
    uint x1 = x + x_step, x2 = x1 + x_step, x3 = x2 + x_step;
    uint y1 = y + y_step, y2 = y1 + y_step, y3 = y2 + y_step;
    if (wide) {
        uint step = parameter_stride[VKN_LANE];
        vec4 s0 = sum_load4(x, y), s1 = sum_load4(x1, y1), s2 = sum_load4(x2, y2), s3 = sum_load4(x3, y3);
        parameters_begin(p);
        apply4(a, s0, x, y, p, step);
        parameters_begin(p += p_step);
        apply4(a, s1, x1, y1, p, step);
        parameters_begin(p += p_step);
        apply4(a, s2, x2, y2, p, step);
        parameters_begin(p += p_step);
        apply4(a, s3, x3, y3, p, step);
    } else {
        visit(a, x, y, p, wide);
        visit(a, x1, y1, p + p_step, wide);
        visit(a, x2, y2, p + 2 * p_step, wide);
        visit(a, x3, y3, p + 3 * p_step, wide);
    }
}

#define STATE Affine
#include "column_walk.glsl"
#undef STATE
