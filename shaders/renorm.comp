#version 460
#extension GL_GOOGLE_include_directive : require
// Batch renormalization (Ioffe 2017): r and d, the moments that they follow, and what they do to the affine
// transform, which has mean, mean_low, inverse deviation and nothing yet. An invocation takes one channel.
#include "kernel.glsl"
#include "functions.glsl"
#include "deviation.glsl"
#include "parameters.glsl"

layout(constant_id = VKN_SPEC_RENORM) const float R_MIN = 0.0;
layout(constant_id = VKN_SPEC_RENORM + 1) const float R_MAX = 0.0;
layout(constant_id = VKN_SPEC_RENORM + 2) const float D_MAX = 0.0;
layout(constant_id = VKN_SPEC_RENORM + 3) const float OLD_WEIGHT = 0.0;
layout(constant_id = VKN_SPEC_RENORM + 4) const float NEW_WEIGHT = 0.0;

layout(set = 0, binding = VKN_BINDING_RECORDS_OUT) buffer AffineRecords { float affine[]; };
layout(set = 0, binding = VKN_BINDING_RENORM_OUT) writeonly buffer Renorm { float renorm[]; };
layout(set = 0, binding = VKN_BINDING_RENORM_MEAN) buffer RenormMean { float renorm_mean[]; };
layout(set = 0, binding = VKN_BINDING_RENORM_STD) buffer RenormStd { float renorm_std[]; };
layout(set = 0, binding = VKN_BINDING_RUNNING_STD) buffer RunningStd { float running_std[]; };
layout(set = 0, binding = VKN_BINDING_RUNNING_VARIANCE) writeonly buffer RunningVariance { float running_variance[]; };

void main()
{
    EACH_ITEM_ALONE(extent[VKN_CHANNEL]) {
        uint record = first_of(VKN_BINDING_RECORDS_OUT) + item * 4;
        uint m = first_of(VKN_BINDING_RENORM_MEAN) + item;
        uint s = first_of(VKN_BINDING_RENORM_STD) + item;
        float mean = affine[record];
        float inv_std = affine[record + 2];
        float sigma = inv_std == 0.0 ? 0.0 : divide(1.0, inv_std);
        float renorm_sigma = max(renorm_std[s], square_root(EPSILON));
        float r = 1.0; // where neither has a deviation
        float d = 0.0;
        if (renorm_sigma > 0.0) {
            r = divide(sigma, renorm_sigma);
            d = divide((mean - renorm_mean[m]) + affine[record + 1], renorm_sigma);
        }
        r = clamp(r, R_MIN, R_MAX);
        d = clamp(d, -D_MAX, D_MAX);
        affine[record + 2] = inv_std * r * gamma_of(item);
        affine[record + 3] = d * gamma_of(item) + beta_of(item);
        renorm_mean[m] = renorm_mean[m] * OLD_WEIGHT + mean * NEW_WEIGHT;
        renorm_std[s] = renorm_std[s] * OLD_WEIGHT + sigma * NEW_WEIGHT;
        if (HAS(VKN_HAS_RENORM)) {
            uint i = first_of(VKN_BINDING_RENORM_OUT) + 2 * item;
            renorm[i] = r;
            renorm[i + 1] = d;
        }
        if (HAS(VKN_HAS_RUNNING_VARIANCE)) {
            uint i = first_of(VKN_BINDING_RUNNING_STD) + item;
            float moved = running_std[i] * uintBitsToFloat(parameter_stride[VKN_PUSH_RUNNING_WEIGHT]) +
                          sigma * uintBitsToFloat(parameter_stride[VKN_PUSH_BATCH_WEIGHT]);
            running_std[i] = moved;
            running_variance[first_of(VKN_BINDING_RUNNING_VARIANCE) + item] = max(moved * moved - EPSILON, 0.0);
        }
    } NEXT_ITEM;
}
