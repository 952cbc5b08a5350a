// Coefficients from the statistic that the forward pass saved, and from gamma and beta.

layout(set = 0, binding = VKN_BINDING_GAMMA) readonly buffer Gamma { float gamma[]; };
layout(set = 0, binding = VKN_BINDING_BETA) readonly buffer Beta { float beta[]; };
layout(set = 0, binding = VKN_BINDING_MEAN) readonly buffer MeanIn { float mean_in[]; };
layout(set = 0, binding = VKN_BINDING_SPREAD) readonly buffer SpreadIn { float spread_in[]; };

Coefficients coefficients_given(uint index)
{
    float spread = spread_in[first_of(VKN_BINDING_SPREAD) + index];
    if (HAS(VKN_HAS_VARIANCE))
        spread = inverse_deviation(spread);
    Coefficients c = Coefficients(vec4(mean_in[first_of(VKN_BINDING_MEAN) + index]), vec4(spread), vec4(1.0),
                                  vec4(0.0), vec4(0.0), vec4(0.0));
    if (HAS(VKN_HAS_GAMMA))
        c.gamma = vec4(gamma[first_of(VKN_BINDING_GAMMA) + index]);
    if (HAS(VKN_HAS_BETA))
        c.beta = vec4(beta[first_of(VKN_BINDING_BETA) + index]);
    return c;
}

// With the means of the sums: what makes the statistic follow x.
Coefficients coefficients_of(uint index, Sums s)
{
    Coefficients c = coefficients_given(index);
    if (HAS(VKN_HAS_MOMENTS)) {
        c.mean_dz = vec4(s.dz / s.count);
        c.mean_dz_xhat = vec4(s.dz_xhat / s.count);
    }
    return c;
}
