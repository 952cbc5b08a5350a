// APPLY along four rows, or fewer, that have the same parameters: these are loaded once. The rows are equally aligned.

struct FourRows {
    Affine all; // a component for each row
    uvec4 x;    // quads from the first row on; 0 for a row that is not there
    uvec4 y;
    uint count;
};

uint head_of(FourRows s, uint x, uint y, uint count)
{
    return head_of(s.all, x, y, count);
}

void parameters_set(uint p, uint step)
{
    quad_gamma = gamma_load4(p, step);
    quad_beta = beta_load4(p, step);
    quad_slope = slope_load4(p, step);
}

void visit(inout FourRows s, uint x, uint y, uint p)
{
    parameters_set(p, 0);
    uint k = 0;
    do {
        uint x_k = x + 4 * s.x[k], y_k = y + 4 * s.y[k];
        apply(affine_of_component(s.all, k), x_k, y_k, y_k, x_k, p, true);
    } while (++k < s.count);
}

void visit4(inout FourRows s, uint x, uint y, uint p)
{
    uint step = parameter_stride[VKN_INNER];
    uvec4 xs = x + s.x, ys = y + s.y;
    vec4 s0 = sum_load4(xs[0], ys[0]), s1 = sum_load4(xs[1], ys[1]);
    vec4 s2 = sum_load4(xs[2], ys[2]), s3 = sum_load4(xs[3], ys[3]);
    parameters_set(p, step);
    apply4(affine_of_component(s.all, 0), s0, xs[0], ys[0], p, step);
    if (s.count > 1)
        apply4(affine_of_component(s.all, 1), s1, xs[1], ys[1], p, step);
    if (s.count > 2)
        apply4(affine_of_component(s.all, 2), s2, xs[2], ys[2], p, step);
    if (s.count > 3)
        apply4(affine_of_component(s.all, 3), s3, xs[3], ys[3], p, step);
}

#define QUADS_ALONE
#define STATE FourRows
#include "row_walk.glsl"
#undef STATE
#undef QUADS_ALONE
