// Coefficients: prepared ones, or from the statistic that the forward pass saved and gamma and beta.

#include "parameters.glsl"
#include "coefficients_record.glsl"

layout(constant_id = VKN_SPEC_COUNT_EPSILON) const float COUNT_EPSILON = 0.0;

Coefficients coefficients_given(uint index, uint channel)
{
    if (HAS(VKN_HAS_PREPARED))
        return coefficients_load(index);
    Coefficients c = Coefficients(vec4(0.0), vec4(1.0), vec4(gamma_of(channel)), vec4(beta_of(channel)), vec4(0.0),
                                  vec4(0.0));
    if (HAS(VKN_HAS_ELEMENT_STATISTICS))
        return c;
    c.mean = vec4(saved_mean(index));
    c.inv_std = vec4(saved_inverse_deviation(index));
    return c;
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
        if (STATISTIC == VKN_STATISTIC_OF_VARIANCE)
            c.mean_dz = (s.dz - c.inv_std * c.mean * (COUNT_EPSILON / count) * s.dz_xhat) / count;
        if (STATISTIC == VKN_STATISTIC_OF_SUM_SQUARE)
            count = c.inv_std.x * c.inv_std.x * EPSILON < 0.99999 ? 1.0 : VKN_INFINITY; // where epsilon rules
        c.mean_dz_xhat = vec4(s.dz_xhat / count);
    }
    return c;
}
