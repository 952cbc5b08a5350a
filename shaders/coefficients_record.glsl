// Coefficients in memory: eight words per statistic, which gradient_finish writes.

layout(set = 0, binding = VKN_BINDING_COEFFICIENTS_IN) readonly buffer CoefficientsIn { float coefficients_in[]; };

// Where there are none, as in the gradient of an activation alone, xhat is u and there are no gamma and beta.
Coefficients coefficients_load(uint index)
{
    if (!IS(VKN_MODE_PREPARED))
        return Coefficients(vec4(0.0), vec4(1.0), vec4(1.0), vec4(0.0), vec4(0.0), vec4(0.0),
                            vec4(slope_of(index)));
    uint i = first_of(VKN_BINDING_COEFFICIENTS_IN) + index * 8;
    return Coefficients(vec4(coefficients_in[i]), vec4(coefficients_in[i + 1]), vec4(coefficients_in[i + 2]),
                        vec4(coefficients_in[i + 3]), vec4(coefficients_in[i + 4]),
                        vec4(coefficients_in[i + 5]), vec4(slope_of(index)));
}
