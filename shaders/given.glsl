// APPLY with a statistic that is in memory: an affine record, or mean with inverse deviation or variance.

#include "saved.glsl"

layout(set = 0, binding = VKN_BINDING_AFFINE_IN) readonly buffer AffineIn { float affine_in[]; };

Affine affine_given(uint index)
{
    if (IS(VKN_MODE_AFFINE)) {
        uint i = first_of(VKN_BINDING_AFFINE_IN) + index * 4;
        return Affine(vec4(affine_in[i]), vec4(affine_in[i + 1]), vec4(affine_in[i + 2]), vec4(affine_in[i + 3]),
                      vec4(slope_of(index)));
    }
    if (OF(VKN_OF_LOG_SUM_EXP))
        return affine_of(index, saved_mean(index), saved_scale(index));
    return affine_of(index, saved_mean(index), 0.0, saved_scale(index));
}
