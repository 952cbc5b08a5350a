// dx and dresidual along a part of a row.

uint head_of(Coefficients c, uint x, uint y, uint count)
{
    uint head = min(head_before(VKN_BINDING_X, x), count);
    return are_aligned(x + head, y + head) ? head : count;
}

void visit(inout Coefficients c, uint x, uint y, uint p)
{
    Element e = element_at(x, y, y, p);
    vec4 xhat = normalized(c, e);
    vec4 dz = dz_of(c, e, xhat);
    gradient_store(x, y, dx_of(c, e, xhat, dz).x, dresidual_of(c, e, xhat, dz).x);
}

void visit4(inout Coefficients c, uint x, uint y, uint p)
{
    Element e = element_at4(x, y, p, parameter_stride[VKN_INNER]);
    vec4 xhat = normalized(c, e);
    vec4 dz = dz_of(c, e, xhat);
    gradient_store4(x, y, dx_of(c, e, xhat, dz), dresidual_of(c, e, xhat, dz));
}

void visit8(inout Coefficients c, uint x, uint y, uint p, uint ahead)
{
    visit4(c, x, y, p);
    visit4(c, x + ahead, y + ahead, p + 4 * ahead * parameter_stride[VKN_INNER]);
}

#define STATE Coefficients
#include "row_walk.glsl"
#undef STATE
