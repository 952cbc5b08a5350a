#version 460
#extension GL_GOOGLE_include_directive : require
// Merges the parts of each statistic and stores the result; a worker takes one statistic at a time.
// The view is (channel: statistics, outer: parts).
#include "kernel.glsl"
#include "subgroup.glsl"
#include "statistic.glsl"
#define PARTIAL Moments
#include "worker.glsl"
#include "store.glsl"
#include "moments.glsl"

layout(set = 0, binding = VKN_BINDING_FINISH_IN) readonly buffer MomentsIn { float moments_in[]; };

Statistic part_load(uint statistic, uint part)
{
    uint i = first_of(VKN_BINDING_FINISH_IN) +
             4 * (statistic * x_stride[VKN_CHANNEL] + part * x_stride[VKN_OUTER]);
    return Statistic(moments_in[i + 1], moments_in[i + 2], moments_in[i], moments_in[i + 3]);
}

void main()
{
    for (uint item = worker_index(); item < extent[VKN_CHANNEL]; item += worker_count()) {
        uint full = 0; // the first part with elements; what an empty one holds is not read
        while (full + 1 < extent[VKN_OUTER] && part_load(item, full).count == 0.0)
            full++;
        float shift = part_load(item, full).mean;
        Moments m = NO_MOMENTS;
        for (uint part = full + worker_lane(); part < extent[VKN_OUTER]; part += worker_lanes()) {
            Statistic p = part_load(item, part);
            if (p.count > 0.0)
                m = merge(m, Moments(p.count, (p.mean - shift) + p.mean_low, p.m2));
        }
        Statistic s = statistic_of(shift, worker_merge(m));
        if (worker_lane() == 0) {
            if (s.count > 0.0)
                store(item, s);
            if (HAS(VKN_HAS_MOMENTS))
                moments_store(item * part_total + part_first, s);
        }
    }
}
