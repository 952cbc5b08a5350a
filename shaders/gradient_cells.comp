#version 460
#extension GL_GOOGLE_include_directive : require
// Merges the sums of each statistic's cells, weighted by their gamma, and adds what makes dx follow the statistic to the
// coefficients of all of them; a worker takes one statistic at a time. The view is (channel: statistics, outer: cells of
// each, inner: parts of each cell).
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

Sums cell_sums(uint cell)
{
    Sums s = NO_SUMS;
    for (uint part = 0; part < extent[VKN_INNER];) {
        s = merge(s, sums_load(cell * extent[VKN_INNER] + part));
        part++;
        STOP_UNLESS(part < extent[VKN_INNER]);
    }
    float gamma = coefficients_load(cell).gamma.x;
    return Sums(s.count, s.dz * gamma, s.dz_xhat * gamma, 0.0);
}

void main()
{
    EACH_ITEM(extent[VKN_CHANNEL]) {
        uint begin = item * extent[VKN_OUTER], end = begin + extent[VKN_OUTER];
        Sums s = NO_SUMS;
        for (uint cell = begin + worker_lane(); cell < end;) {
            s = merge(s, cell_sums(cell));
            cell += worker_lanes();
            STOP_UNLESS(cell < end);
        }
        Coefficients c = coefficients_with(coefficients_load(begin), worker_merge(s));
        for (uint cell = begin + worker_lane(); cell < end;) {
            coefficients_store(cell, c, vec2(1.0, 0.0));
            cell += worker_lanes();
            STOP_UNLESS(cell < end);
        }
    } NEXT_ITEM;
}
