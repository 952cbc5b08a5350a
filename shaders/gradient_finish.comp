#version 460
#extension GL_GOOGLE_include_directive : require
// Merges the parts of each statistic's sums, stores them, dgamma and dbeta, and the coefficients of dx; a worker
// takes one channel at a time. The view is (batch: virtual batches, channel: channels, outer: parts, none where
// only coefficients are wanted); or (channel: parameters, outer: parts of all cells of each, inner: those of one).
#include "kernel.glsl"
#include "subgroup.glsl"
#include "input.glsl"
#include "deviation.glsl"
#include "sums.glsl"
#define PARTIAL Sums
#include "worker.glsl"
#include "gradient.glsl"
#include "coefficients.glsl"
#include "coefficients_store.glsl"
#include "sums_load.glsl"
#include "sums_store.glsl"
#include "parameters_store.glsl"

layout(set = 0, binding = VKN_BINDING_RENORM_IN) readonly buffer RenormIn { float renorm_in[]; };

Sums part_load(uint statistic, uint part)
{
    uint of_statistic = part * x_stride[VKN_OUTER];
    if (IS(VKN_MODE_CELLS)) {
        uint cell = part / extent[VKN_INNER];
        of_statistic = cell * x_stride[VKN_BATCH] + (part - cell * extent[VKN_INNER]);
    }
    return sums_load(statistic * x_stride[VKN_CHANNEL] + of_statistic);
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

void main()
{
    EACH_ITEM(extent[VKN_CHANNEL]) {
        float dgamma = 0.0;
        float dbeta = 0.0;
        float dslope = 0.0;
        uint batch = 0;
        if (batch < extent[VKN_BATCH]) do {
            uint index = batch * extent[VKN_CHANNEL] + item;
            Sums s = NO_SUMS;
            for (uint part = worker_lane(); part < extent[VKN_OUTER];) {
                s = merge(s, part_load(index, part));
                part += worker_lanes();
                STOP_UNLESS(part < extent[VKN_OUTER]);
            }
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
        } while (++batch < extent[VKN_BATCH]);
        if (worker_lane() == 0)
            parameters_store(item, dgamma, dbeta, dslope);
    } NEXT_ITEM;
}
