// The affine transform of a statistic: z = ((x - mean) - mean_low) * scale + offset, for up to four at once.
// The mean is not folded into the offset: that would cancel when it is large beside the deviation.

#include "parameters.glsl"

struct Affine {
    vec4 mean;
    vec4 mean_low;
    vec4 scale;
    vec4 offset;
    vec4 slope; // of PReLU
};

Affine affine_of(uint channel, float mean, float mean_low, float inv_std)
{
    return Affine(vec4(mean), vec4(mean_low), vec4(inv_std * gamma_of(channel)), vec4(beta_of(channel)),
                  vec4(slope_of(channel)));
}

// Of log(sum(exp)), and what an exponential that is not divided by the sum yet is multiplied by.
Affine affine_of(uint channel, float most, float log_of_sum)
{
    return affine_of(channel, most, log_of_sum, mix(exp_of_negative(-log_of_sum), NOT_A_NUMBER, isnan(log_of_sum)));
}

Affine affine_of(uint channel, Statistic s)
{
    if (OF(VKN_OF_LOG_SUM_EXP))
        return affine_of(channel, finite_maximum(s.mean), s.mean_low);
    if (OF(VKN_OF_MAX)) { // the number of the greatest element; where nothing counts, one that no element has
        const float last = VKN_INDEX_UNIT - 1, units = 0xFFFFFFFFu / VKN_INDEX_UNIT;
        bool none = s.count == 0.0;
        return Affine(vec4(0.0), vec4(mix(s.mean_low, last, none)), vec4(mix(s.m2, units, none)), vec4(0.0), vec4(1.0));
    }
    return affine_of(channel, s.mean, s.mean_low, inverse_deviation(variance_of(s)));
}

// Of four statistics, one.
void affine_component(inout Affine all, uint component, Affine one)
{
    bvec4 chosen = is_component(component);
    all.mean = mix(all.mean, one.mean, chosen);
    all.mean_low = mix(all.mean_low, one.mean_low, chosen);
    all.scale = mix(all.scale, one.scale, chosen);
    all.offset = mix(all.offset, one.offset, chosen);
    all.slope = mix(all.slope, one.slope, chosen);
}

Affine affine_of_component(Affine all, uint k)
{
    return Affine(vec4(all.mean[k]), vec4(all.mean_low[k]), vec4(all.scale[k]), vec4(all.offset[k]),
                  vec4(all.slope[k]));
}
