#version 460
#extension GL_GOOGLE_include_directive : require
// Merges the parts of each statistic and stores the result; a worker takes one channel at a time. The view is
// (batch: virtual batches, channel: channels, outer: parts); or (channel: statistics, outer: parts of all cells of
// each, inner: those cells, lane: parameters).
#include "kernel.glsl"
#include "subgroup.glsl"
#include "storage.glsl"
#include "activation.glsl"
#include "statistic.glsl"
#define PARTIAL Moments
#include "worker.glsl"
#include "store.glsl"
#include "affine.glsl"
#include "moments.glsl"
#include "result.glsl"

layout(set = 0, binding = VKN_BINDING_FINISH_IN) readonly buffer MomentsIn { float moments_in[]; };
layout(set = 0, binding = VKN_BINDING_RECORDS_OUT) writeonly buffer AffineOut { float affine_out[]; };

Statistic part_load(uint statistic, uint part)
{
    uint i = first_of(VKN_BINDING_FINISH_IN) +
             4 * (statistic * x_stride[VKN_CHANNEL] + part * x_stride[VKN_OUTER]);
    return Statistic(moments_in[i + 1], moments_in[i + 2], moments_in[i], moments_in[i + 3]);
}

Moments moments_of(Statistic p, float shift)
{
    if (OF(VKN_OF_MOMENTS))
        return Moments(p.count, (p.mean - shift) + p.mean_low, p.m2, 0.0);
    return Moments(p.count, p.mean, p.m2, p.mean_low);
}

// Every lane of the worker returns the same.
Statistic parts_merge(uint statistic)
{
    Moments m = no_moments();
    if (extent[VKN_OUTER] == 0)
        return statistic_of(0.0, m);
    uint full = 0; // the first part with elements; what an empty one holds is not read
    while (full + 1 < extent[VKN_OUTER] && part_load(statistic, full).count == 0.0)
        full++;
    float shift = shift_from(part_load(statistic, full).mean);
    for (uint part = full + worker_lane(); part < extent[VKN_OUTER];) {
        Statistic p = part_load(statistic, part);
        if (p.count > 0.0)
            m = merge(m, moments_of(p, shift));
        part += worker_lanes();
        STOP_UNLESS(part < extent[VKN_OUTER]);
    }
    return statistic_of(shift, worker_merge(m));
}

void affine_store(uint index, Affine a)
{
    uint i = first_of(VKN_BINDING_RECORDS_OUT) + index * 4;
    affine_out[i] = a.mean.x;
    affine_out[i + 1] = a.mean_low.x;
    affine_out[i + 2] = a.scale.x;
    affine_out[i + 3] = a.offset.x;
}

// A worker's lanes share out the cells of a statistic.
void cells_store(uint statistic, Statistic s)
{
    for (uint cell = worker_lane(); cell < extent[VKN_INNER];) {
        uint index = statistic * extent[VKN_INNER] + cell;
        affine_store(index, affine_of(index % extent[VKN_LANE], s));
        cell += worker_lanes();
        STOP_UNLESS(cell < extent[VKN_INNER]);
    }
}

void main()
{
    float batch_share = divide(1.0, float(extent[VKN_BATCH]));
    EACH_ITEM(extent[VKN_CHANNEL]) {
        float mean = 0.0;
        float variance = 0.0;
        bool any = false;
        uint batch = 0;
        if (batch < extent[VKN_BATCH]) do {
            uint index = batch * extent[VKN_CHANNEL] + item;
            Statistic merged = parts_merge(index);
            Statistic s = statistic_kind(counted(merged));
            bool known = merged.count > 0.0 || COUNT_EPSILON > 0.0;
            if (worker_lane() == 0) {
                if (known)
                    statistic_store(index, s);
                if (HAS(VKN_HAS_MOMENTS))
                    moments_store(index * part_total + part_first, merged);
                results_store(index, merged);
                if (IS(VKN_MODE_AFFINE)) {
                    if (!IS(VKN_MODE_CELLS))
                        affine_store(index, affine_of(item, s));
                }
            }
            if (IS(VKN_MODE_CELLS))
                cells_store(index, s);
            mean += s.mean * batch_share;
            variance += moving_variance(s) * batch_share;
            any = any || known;
        } while (++batch < extent[VKN_BATCH]);
        if (worker_lane() == 0 && any)
            running_move(item, mean, variance);
    } NEXT_ITEM;
}
