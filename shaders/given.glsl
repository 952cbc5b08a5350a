// APPLY with a statistic that is in memory: an affine record, or mean with inverse deviation or variance.

layout(set = 0, binding = VKN_BINDING_MEAN) readonly buffer MeanIn { float mean_in[]; };
layout(set = 0, binding = VKN_BINDING_SPREAD) readonly buffer SpreadIn { float spread_in[]; };
layout(set = 0, binding = VKN_BINDING_AFFINE_IN) readonly buffer AffineIn { float affine_in[]; };

Affine affine_given(uint index)
{
    if (HAS(VKN_HAS_AFFINE)) {
        uint i = first_of(VKN_BINDING_AFFINE_IN) + index * 4;
        return Affine(vec4(affine_in[i]), vec4(affine_in[i + 1]), vec4(affine_in[i + 2]),
                      vec4(affine_in[i + 3]));
    }
    float spread = spread_in[first_of(VKN_BINDING_SPREAD) + index];
    float inv_std = spread;
    if (HAS(VKN_HAS_VARIANCE))
        inv_std = inverse_deviation(spread);
    return affine_of(index, mean_in[first_of(VKN_BINDING_MEAN) + index], 0.0, inv_std);
}
