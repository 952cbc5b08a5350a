// What APPLY does to an element, once its statistic and parameters are loaded.

layout(constant_id = VKN_SPEC_Y_TYPE) const uint Y_TYPE = 0;
layout(constant_id = VKN_SPEC_RESIDUAL_TYPE) const uint RESIDUAL_TYPE = 0;

READ_TENSOR(residual, VKN_BINDING_RESIDUAL, RESIDUAL_TYPE)
WRITE_TENSOR(y, VKN_BINDING_Y, Y_TYPE)
layout(set = 0, binding = VKN_BINDING_GAMMA) readonly buffer Gamma { float gamma[]; };
layout(set = 0, binding = VKN_BINDING_BETA) readonly buffer Beta { float beta[]; };

// Elements of y and residual count from the start of the box.
float residual_at(uint element)
{
    if (HAS(VKN_HAS_RESIDUAL))
        return residual_load(first_of(VKN_BINDING_RESIDUAL) + element);
    return 0.0;
}

vec4 residual_at4(uint element)
{
    if (HAS(VKN_HAS_RESIDUAL))
        return residual_load4((first_of(VKN_BINDING_RESIDUAL) + element) >> 2);
    return vec4(0.0);
}

void output_store(uint element, float v)
{
    y_store(first_of(VKN_BINDING_Y) + element, v);
}

void output_store4(uint element, vec4 v)
{
    y_store4((first_of(VKN_BINDING_Y) + element) >> 2, v);
}

// y = act(((x - mean) - mean_low) * scale + offset + residual), for up to four statistics at once. The
// mean is not folded into the offset: that would cancel when it is large beside the deviation.
struct Affine {
    vec4 mean;
    vec4 mean_low;
    vec4 scale;
    vec4 offset;
};

Affine affine_of(uint index, float mean, float mean_low, float inv_std)
{
    float scale = inv_std;
    float offset = 0.0;
    if (HAS(VKN_HAS_GAMMA))
        scale *= gamma[first_of(VKN_BINDING_GAMMA) + index];
    if (HAS(VKN_HAS_BETA))
        offset = beta[first_of(VKN_BINDING_BETA) + index];
    return Affine(vec4(mean), vec4(mean_low), vec4(scale), vec4(offset));
}

Affine affine_of(uint index, Statistic s)
{
    return affine_of(index, s.mean, s.mean_low, inverse_deviation(variance_of(s)));
}

vec4 apply(Affine a, vec4 x, vec4 residual)
{
    precise vec4 centred = (x - a.mean) - a.mean_low;
    return activate(centred * a.scale + a.offset + residual);
}

float apply(Affine a, float x, float residual)
{
    precise float centred = (x - a.mean.x) - a.mean_low.x;
    return activate(centred * a.scale.x + a.offset.x + residual);
}
