// The affine transform of a statistic: z = ((x - mean) - mean_low) * scale + offset, for up to four at once.
// The mean is not folded into the offset: that would cancel when it is large beside the deviation.

#include "parameters.glsl"

struct Affine {
    vec4 mean;
    vec4 mean_low;
    vec4 scale;
    vec4 offset;
};

Affine affine_of(uint channel, float mean, float mean_low, float inv_std)
{
    return Affine(vec4(mean), vec4(mean_low), vec4(inv_std * gamma_of(channel)), vec4(beta_of(channel)));
}

Affine affine_of(uint channel, Statistic s)
{
    return affine_of(channel, s.mean, s.mean_low, inverse_deviation(variance_of(s)));
}
