#version 460
#extension GL_GOOGLE_include_directive : require
// Merges the parts of each statistic's sums, stores them, dgamma and dbeta, and the coefficients of dx; a worker
// takes one channel at a time. The view is (batch: virtual batches, channel: channels, outer: parts, none where
// only coefficients are wanted).
#include "kernel.glsl"
#include "subgroup.glsl"
#include "input.glsl"
#include "deviation.glsl"
#include "sums.glsl"
#define PARTIAL Sums
#include "worker.glsl"
#include "gradient.glsl"
#include "coefficients.glsl"
#include "sums_store.glsl"
#include "parameters_store.glsl"

layout(set = 0, binding = VKN_BINDING_FINISH_IN) readonly buffer SumsIn { float sums_in[]; };
layout(set = 0, binding = VKN_BINDING_RECORDS_OUT) writeonly buffer CoefficientsOut { float coefficients_out[]; };
layout(set = 0, binding = VKN_BINDING_COEFFICIENTS_IN) buffer CoefficientsUpdate { float coefficients_update[]; };
layout(set = 0, binding = VKN_BINDING_RENORM_IN) readonly buffer RenormIn { float renorm_in[]; };

Sums part_load(uint statistic, uint part)
{
    uint i = first_of(VKN_BINDING_FINISH_IN) +
             4 * (statistic * x_stride[VKN_CHANNEL] + part * x_stride[VKN_OUTER]);
    return Sums(sums_in[i], sums_in[i + 1], sums_in[i + 2], sums_in[i + 3]);
}

// r and d of batch renormalization: what gamma * (xhat * r + d) + beta passes on to gamma.
vec2 renorm_load(uint index)
{
    if (IS(VKN_MODE_PREPARED)) {
        uint i = first_of(VKN_BINDING_COEFFICIENTS_IN) + index * 8;
        return vec2(coefficients_in[i + 6], coefficients_in[i + 7]);
    }
    if (HAS(VKN_HAS_RENORM)) {
        uint i = first_of(VKN_BINDING_RENORM_IN) + index * 2;
        return vec2(renorm_in[i], renorm_in[i + 1]);
    }
    return vec2(1.0, 0.0);
}

void coefficients_store(uint index, Coefficients c, vec2 renorm)
{
    if (IS(VKN_MODE_PREPARED)) {
        uint i = first_of(VKN_BINDING_COEFFICIENTS_IN) + index * 8;
        coefficients_update[i + 4] = c.mean_dz.x;
        coefficients_update[i + 5] = c.mean_dz_xhat.x;
    } else {
        uint i = first_of(VKN_BINDING_RECORDS_OUT) + index * 8;
        coefficients_out[i] = c.mean.x;
        coefficients_out[i + 1] = c.inv_std.x;
        coefficients_out[i + 2] = c.gamma.x * renorm.x;
        coefficients_out[i + 3] = c.gamma.x * renorm.y + c.beta.x;
        coefficients_out[i + 4] = c.mean_dz.x;
        coefficients_out[i + 5] = c.mean_dz_xhat.x;
        coefficients_out[i + 6] = renorm.x;
        coefficients_out[i + 7] = renorm.y;
    }
}

void main()
{
    for (uint item = worker_index(); item < extent[VKN_CHANNEL]; item += worker_count()) {
        float dgamma = 0.0;
        float dbeta = 0.0;
        float dslope = 0.0;
        for (uint batch = 0; batch < extent[VKN_BATCH]; batch++) {
            uint index = batch * extent[VKN_CHANNEL] + item;
            Sums s = NO_SUMS;
            for (uint part = worker_lane(); part < extent[VKN_OUTER]; part += worker_lanes())
                s = merge(s, part_load(index, part));
            s = worker_merge(s);
            vec2 renorm = renorm_load(index);
            dgamma += s.dz_xhat * renorm.x + s.dz * renorm.y;
            dbeta += s.dz;
            dslope += s.dslope;
            if (worker_lane() == 0) {
                if (HAS(VKN_HAS_SUMS))
                    sums_store(index * part_total + part_first, s);
                if (IS(VKN_MODE_COEFFICIENTS))
                    coefficients_store(index, coefficients_with(coefficients_given(index, item), s), renorm);
            }
        }
        if (worker_lane() == 0)
            parameters_store(item, dgamma, dbeta, dslope);
    }
}
