// APPLY along a part of a row.

uint head_of(Affine a, uint x, uint y, uint count)
{
    uint head = min(head_before(VKN_BINDING_X, x), count);
    return output_is_aligned(y + head, y + head) ? head : count;
}

void visit(inout Affine a, uint x, uint y, uint p)
{
    output_store(y, apply(a, input_load(x), residual_at(y), p));
}

void visit4(inout Affine a, uint x, uint y, uint p)
{
    output_store4(y, apply(a, input_load4(x), residual_at4(y), p, parameter_stride[VKN_INNER]));
}

void visit8(inout Affine a, uint x, uint y, uint p, uint ahead)
{
    uint step = parameter_stride[VKN_INNER];
    vec4 v = apply(a, input_load4(x), residual_at4(y), p, step);
    vec4 w = apply(a, input_load4(x + ahead), residual_at4(y + ahead), p + ahead * step, step);
    output_store4(y, v);
    output_store4(y + ahead, w);
}

#define STATE Affine
#include "row_walk.glsl"
#undef STATE
