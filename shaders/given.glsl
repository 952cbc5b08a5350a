// APPLY with a statistic that is in memory: moments, or mean with inverse deviation or variance.

layout(set = 0, binding = VKN_BINDING_MEAN) readonly buffer MeanIn { float mean_in[]; };
layout(set = 0, binding = VKN_BINDING_SPREAD) readonly buffer SpreadIn { float spread_in[]; };
layout(set = 0, binding = VKN_BINDING_MOMENTS_IN) readonly buffer MomentsIn { float moments_in[]; };

Affine affine_given(uint index)
{
    if (HAS(VKN_HAS_MOMENTS)) {
        uint i = first_of(VKN_BINDING_MOMENTS_IN) + index * 4;
        Statistic s = Statistic(moments_in[i + 1], moments_in[i + 2], moments_in[i], moments_in[i + 3]);
        return affine_of(index, s);
    }
    float spread = spread_in[first_of(VKN_BINDING_SPREAD) + index];
    float inv_std = spread;
    if (HAS(VKN_HAS_VARIANCE))
        inv_std = inverse_deviation(spread);
    return affine_of(index, mean_in[first_of(VKN_BINDING_MEAN) + index], 0.0, inv_std);
}
