#version 460
#extension GL_GOOGLE_include_directive : require
// Merges the parts of each statistic's sums, stores dgamma and dbeta, and the coefficients of dx; a worker
// takes one statistic at a time. The view is (channel: statistics, outer: parts, none if the statistic is a
// constant and neither dgamma nor dbeta is wanted).
#define DX_BINDING VKN_BINDING_DX
#include "kernel.glsl"
#include "subgroup.glsl"
#include "input.glsl"
#include "deviation.glsl"
#include "sums.glsl"
#define PARTIAL Sums
#include "worker.glsl"
#include "gradient.glsl"
#include "coefficients.glsl"

layout(constant_id = VKN_SPEC_ACCUMULATE) const uint ACCUMULATE = 0;

layout(set = 0, binding = VKN_BINDING_FINISH_IN) readonly buffer SumsIn { float sums_in[]; };
layout(set = 0, binding = VKN_BINDING_MOMENTS_OUT) writeonly buffer CoefficientsOut { float coefficients_out[]; };
layout(set = 0, binding = VKN_BINDING_DGAMMA) buffer DGamma { float dgamma[]; };
layout(set = 0, binding = VKN_BINDING_DBETA) buffer DBeta { float dbeta[]; };

Sums part_load(uint statistic, uint part)
{
    uint i = first_of(VKN_BINDING_FINISH_IN) +
             4 * (statistic * x_stride[VKN_CHANNEL] + part * x_stride[VKN_OUTER]);
    return Sums(sums_in[i], sums_in[i + 1], sums_in[i + 2]);
}

void coefficients_store(uint index, Coefficients c)
{
    uint i = first_of(VKN_BINDING_MOMENTS_OUT) + index * 8;
    coefficients_out[i] = c.mean.x;
    coefficients_out[i + 1] = c.inv_std.x;
    coefficients_out[i + 2] = c.gamma.x;
    coefficients_out[i + 3] = c.beta.x;
    coefficients_out[i + 4] = c.mean_dz.x;
    coefficients_out[i + 5] = c.mean_dz_xhat.x;
}

void main()
{
    for (uint item = worker_index(); item < extent[VKN_CHANNEL]; item += worker_count()) {
        Sums s = NO_SUMS;
        for (uint part = worker_lane(); part < extent[VKN_OUTER]; part += worker_lanes())
            s = merge(s, part_load(item, part));
        s = worker_merge(s);
        if (worker_lane() == 0) {
            uint g = first_of(VKN_BINDING_DGAMMA) + item;
            uint b = first_of(VKN_BINDING_DBETA) + item;
            float before_g = 0.0;
            float before_b = 0.0;
            if (HAS(VKN_HAS_DGAMMA)) {
                if (ACCUMULATE != 0)
                    before_g = dgamma[g];
                dgamma[g] = before_g + s.dz_xhat;
            }
            if (HAS(VKN_HAS_DBETA)) {
                if (ACCUMULATE != 0)
                    before_b = dbeta[b];
                dbeta[b] = before_b + s.dz;
            }
            if (HAS(VKN_HAS_COEFFICIENTS))
                coefficients_store(item, coefficients_of(item, s));
        }
    }
}
