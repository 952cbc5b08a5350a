// APPLY along a part of a row.

uint head_of(Affine a, uint x, uint y, uint count)
{
    uint head = min(head_before(VKN_BINDING_X, x), count);
    return output_is_aligned(x + head, y + head, y + head) ? head : count;
}

void visit(inout Affine a, uint x, uint y, uint p)
{
    apply(a, x, y, y, x, p, true);
}

void visit4(inout Affine a, uint x, uint y, uint p)
{
    apply4(a, sum_load4(x, y), x, y, p, parameter_stride[VKN_INNER]);
}

void visit8(inout Affine a, uint x, uint y, uint p, uint ahead)
{
    uint step = parameter_stride[VKN_INNER];
    vec4 near = sum_load4(x, y), far = sum_load4(x + ahead, y + ahead);
    apply4(a, near, x, y, p, step);
    apply4(a, far, x + ahead, y + ahead, p + 4 * ahead * step, step);
}

#define STATE Affine
#include "row_walk.glsl"
#undef STATE
