// Coefficients: prepared ones, or from the statistic that the forward pass saved and gamma and beta.

#include "parameters.glsl"
#include "coefficients_record.glsl"

layout(constant_id = VKN_SPEC_COUNT_EPSILON) const float COUNT_EPSILON = 0.0;

layout(set = 0, binding = VKN_BINDING_MEAN) readonly buffer MeanIn { float mean_in[]; };
layout(set = 0, binding = VKN_BINDING_SPREAD) readonly buffer SpreadIn { float spread_in[]; };

Coefficients coefficients_given(uint index, uint channel)
{
    if (HAS(VKN_HAS_PREPARED))
        return coefficients_load(index);
    float spread = spread_in[first_of(VKN_BINDING_SPREAD) + index];
    if (HAS(VKN_HAS_VARIANCE))
        spread = inverse_deviation(spread);
    return Coefficients(vec4(mean_in[first_of(VKN_BINDING_MEAN) + index]), vec4(spread), vec4(gamma_of(channel)),
                        vec4(beta_of(channel)), vec4(0.0), vec4(0.0));
}

Coefficients coefficients_given(uint index)
{
    return coefficients_given(index, index);
}

// Adds the means of the sums: what makes dx follow the statistic. The mean of a mask is off that of what it
// counts by COUNT_EPSILON, so it also moves with the sum that multiplies it.
Coefficients coefficients_with(Coefficients c, Sums s)
{
    float count = s.count + COUNT_EPSILON;
    if (HAS(VKN_HAS_COUPLING) && count > 0.0) {
        c.mean_dz = (s.dz - c.inv_std * c.mean * (COUNT_EPSILON / count) * s.dz_xhat) / count;
        c.mean_dz_xhat = vec4(s.dz_xhat / count);
    }
    return c;
}
