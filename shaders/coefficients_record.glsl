// Coefficients in memory: eight words per statistic, which gradient_finish writes.

layout(set = 0, binding = VKN_BINDING_COEFFICIENTS_IN) readonly buffer CoefficientsIn { float coefficients_in[]; };

Coefficients coefficients_load(uint index)
{
    uint i = first_of(VKN_BINDING_COEFFICIENTS_IN) + index * 8;
    return Coefficients(vec4(coefficients_in[i]), vec4(coefficients_in[i + 1]), vec4(coefficients_in[i + 2]),
                        vec4(coefficients_in[i + 3]), vec4(coefficients_in[i + 4]),
                        vec4(coefficients_in[i + 5]));
}
