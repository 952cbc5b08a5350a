// Coefficients: prepared ones, or from the statistic that the forward pass saved and gamma and beta.

#include "parameters.glsl"
#include "coefficients_record.glsl"

layout(constant_id = VKN_SPEC_COUNT_EPSILON) const float COUNT_EPSILON = 0.0;

Coefficients coefficients_given(uint index, uint channel)
{
    if (IS(VKN_MODE_PREPARED))
        return coefficients_load(index);
    Coefficients c = Coefficients(vec4(0.0), vec4(1.0), vec4(gamma_of(channel)), vec4(beta_of(channel)), vec4(0.0),
                                  vec4(0.0), vec4(slope_of(channel)));
    if (IS(VKN_MODE_ELEMENT_STATISTICS))
        return c;
    c.mean = vec4(saved_mean(index));
    c.inv_std = vec4(saved_scale(index));
    return c;
}

Coefficients coefficients_given(uint index)
{
    return coefficients_given(index, index);
}

// Whether epsilon is what an inverse deviation comes from, so that it does not follow x.
bool epsilon_rules(float inv_std)
{
    return inv_std >= inverse_deviation(0.0) * 0.999995 && EPSILON > 0.0;
}

// Adds the means of the sums: what makes dx follow the statistic. The mean of a mask is off that of what it
// counts by COUNT_EPSILON, so it also moves with the sum that multiplies it.
Coefficients coefficients_with(Coefficients c, Sums s)
{
    float count = s.count + COUNT_EPSILON;
    if (IS(VKN_MODE_COUPLING) && count > 0.0) {
        if (OF(VKN_OF_VARIANCE))
            c.mean_dz = divide(s.dz - c.inv_std * c.mean * divide(COUNT_EPSILON, count) * s.dz_xhat, count);
        if (OF(VKN_OF_LOG_SUM_EXP))
            c.mean_dz = vec4(s.dz);
        if (OF(VKN_OF_SUM_SQUARE | VKN_OF_SUM_POWER))
            count = epsilon_rules(c.inv_std.x) ? INFINITY : 1.0;
        c.mean_dz_xhat = vec4(divide(s.dz_xhat, count));
    }
    return c;
}
