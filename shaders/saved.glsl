// The statistics that a forward pass saved, or that are given: mean, and inverse deviation or variance.

layout(set = 0, binding = VKN_BINDING_MEAN) readonly buffer MeanIn { float mean_in[]; };
layout(set = 0, binding = VKN_BINDING_SPREAD) readonly buffer SpreadIn { float spread_in[]; };

float saved_mean(uint index)
{
    if (HAS(VKN_HAS_MEAN))
        return mean_in[first_of(VKN_BINDING_MEAN) + index];
    return 0.0;
}

float saved_inverse_deviation(uint index)
{
    float spread = spread_in[first_of(VKN_BINDING_SPREAD) + index];
    if (HAS(VKN_HAS_VARIANCE))
        return inverse_deviation(spread);
    return spread;
}
