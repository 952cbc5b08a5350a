// APPLY along a part of a column, VECTOR statistics at a time.

struct Affines {
    Affine quad[4]; // the first alone, unless VECTOR is 16 and the walk wide
};

bool is_wide(Affines a)
{
    return VECTOR > 1 && is_aligned(VKN_BINDING_X, 0) && output_is_aligned(0, 0, 0);
}

// Four quads, a step apart.
void apply_quads(Affine a, Affine b, Affine c, Affine d, uint x, uint y, uint p, uint x_step, uint y_step, uint p_step)
{
    uint step = parameter_stride[VKN_LANE];
    uint x1 = x + x_step, x2 = x1 + x_step, x3 = x2 + x_step;
    uint y1 = y + y_step, y2 = y1 + y_step, y3 = y2 + y_step;
    vec4 s0 = sum_load4(x, y), s1 = sum_load4(x1, y1), s2 = sum_load4(x2, y2), s3 = sum_load4(x3, y3);
    parameters_begin(p);
    apply4(a, s0, x, y, p, step);
    parameters_begin(p += p_step);
    apply4(b, s1, x1, y1, p, step);
    parameters_begin(p += p_step);
    apply4(c, s2, x2, y2, p, step);
    parameters_begin(p += p_step);
    apply4(d, s3, x3, y3, p, step);
}

void visit(inout Affines a, uint x, uint y, uint p, bool wide)
{
    uint step = parameter_stride[VKN_LANE];
    parameters_begin(p);
    if (wide) {
        if (VECTOR == 16)
            apply_quads(a.quad[0], a.quad[1], a.quad[2], a.quad[3], x, y, p, 1, 1, 4 * step);
        else
            apply4(a.quad[0], sum_load4(x, y), x, y, p, step);
    } else {
        for (uint k = 0; k < 4 && k < VECTOR; k++)
            apply(affine_of_component(a.quad[0], k), x + k, y + k, y + k, x + k, p + k * step, true);
    }
}

void visit4(inout Affines a, uint x, uint y, uint p, uint x_step, uint y_step, bool wide)
{
    uint p_step = parameter_stride[VKN_INNER];
    if (wide) {
        apply_quads(a.quad[0], a.quad[0], a.quad[0], a.quad[0], x, y, p, x_step, y_step, p_step);
    } else {
        for (uint row = 0; row < 4; row++)
            visit(a, x + row * x_step, y + row * y_step, p + row * p_step, wide);
    }
}

#define STATE Affines
#include "column_walk.glsl"
#undef STATE
