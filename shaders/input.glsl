// The input of the statistic: x, after the prologue activation. Elements count from the start of the box.

layout(constant_id = VKN_SPEC_X_TYPE) const uint X_TYPE = 0;

#include "storage.glsl"
#include "activation.glsl"

READ_TENSOR(x, VKN_BINDING_X, X_TYPE)

bool is_aligned(uint binding, uint element)
{
    return ((first_of(binding) + element) & 3u) == 0;
}

uint head_before(uint binding, uint element)
{
    return (0u - (first_of(binding) + element)) & 3u;
}

float input_load(uint element)
{
    return prologue(x_load(first_of(VKN_BINDING_X) + element));
}

vec4 input_load4(uint element)
{
    return prologue(x_load4((first_of(VKN_BINDING_X) + element) >> 2));
}
