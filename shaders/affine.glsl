// What APPLY does to an element, once its statistic and parameters are loaded.

layout(constant_id = VKN_SPEC_Y_TYPE) const uint Y_TYPE = 0;

WRITE_TENSOR(y, VKN_BINDING_Y, Y_TYPE);

layout(set = 0, binding = VKN_BINDING_GAMMA) readonly buffer Gamma { float gamma[]; };
layout(set = 0, binding = VKN_BINDING_BETA) readonly buffer Beta { float beta[]; };

#include "activation.glsl"

// y = act(((x - mean) - mean_low) * scale + offset), for up to four statistics at once. The mean is not
// folded into the offset: that would cancel when it is large beside the deviation.
struct Affine {
    vec4 mean;
    vec4 mean_low;
    vec4 scale;
    vec4 offset;
};

Affine affine_of(uint index, float mean, float mean_low, float inv_std)
{
    float scale = has(VKN_HAS_GAMMA) ? inv_std * gamma[first_of(VKN_BINDING_GAMMA) + index] : inv_std;
    float offset = has(VKN_HAS_BETA) ? beta[first_of(VKN_BINDING_BETA) + index] : 0.0;
    return Affine(vec4(mean), vec4(mean_low), vec4(scale), vec4(offset));
}

Affine affine_of(uint index, Statistic s)
{
    return affine_of(index, s.mean, s.mean_low, inverse_deviation(variance_of(s)));
}

vec4 apply(Affine a, vec4 x)
{
    precise vec4 centred = (x - a.mean) - a.mean_low;
    return activate(centred * a.scale + a.offset);
}

float apply(Affine a, float x)
{
    precise float centred = (x - a.mean.x) - a.mean_low.x;
    return activate(centred * a.scale.x + a.offset.x);
}
