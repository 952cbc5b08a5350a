// The input of the statistic: x, and what is added to it first, after the prologue activation. Elements and
// quads count from the start of the box.

layout(constant_id = VKN_SPEC_X_TYPE) const uint X_TYPE = 0;

layout(constant_id = VKN_SPEC_RESIDUAL_TYPE) const uint RESIDUAL_TYPE = 0;
layout(constant_id = VKN_SPEC_DX_TYPE) const uint DX_TYPE = 0;

#include "storage.glsl"
#include "activation.glsl"

READ_TENSOR(x, VKN_BINDING_X, X_TYPE)
READ_TENSOR(residual, AT(RESIDUAL), RESIDUAL_TYPE)
WRITE_TENSOR(residual_sum, AT(RESIDUAL_SUM), DX_TYPE)

#define is_aligned(binding, element)  (((first_of(binding) + (element)) & 3u) == 0)
#define head_before(binding, element) ((0u - (first_of(binding) + (element))) & 3u)

// As it is stored, where the caller keeps it: what follows is the same as if it were read from there.
vec2 sum_as_stored(vec2 sum)
{
    if (IS(VKN_MODE_ROUND_SUM)) {
        if (DX_TYPE == VKN_STORE_F16)
            return f16_unpack(f16_pack(sum.x, sum.y));
        if (DX_TYPE == VKN_STORE_BF16)
            return bf16_unpack(bf16_pack(sum.x, sum.y));
    }
    return sum;
}

float sum_load(uint x, uint residual)
{
    float v = x_load(first_of(VKN_BINDING_X) + x);
    if (IS(VKN_MODE_RESIDUAL_BEFORE))
        v = sum_as_stored(vec2(v + residual_load(first_of(AT(RESIDUAL)) + residual))).x;
    return v;
}

vec4 sum_load4(uint x, uint residual)
{
    vec4 v = x_load4(quad_of(VKN_BINDING_X, x));
    if (IS(VKN_MODE_RESIDUAL_BEFORE)) {
        v += residual_load4(quad_of(AT(RESIDUAL), residual));
        v = vec4(sum_as_stored(v.xy), sum_as_stored(v.zw));
    }
    return v;
}

float input_load(uint x, uint residual)
{
    return prologue(sum_load(x, residual));
}

vec4 input_load4(uint x, uint residual)
{
    return prologue(sum_load4(x, residual));
}

// Whether quads from these elements on are aligned in all that is added to x.
bool input_is_aligned(uint x, uint residual)
{
    return is_aligned(VKN_BINDING_X, x) &&
           (!IS(VKN_MODE_RESIDUAL_BEFORE) || is_aligned(AT(RESIDUAL), residual));
}
