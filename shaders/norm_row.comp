#version 460
#extension GL_GOOGLE_include_directive : require
// The whole of TRAIN in one dispatch; a worker takes one statistic at a time.
#include "kernel.glsl"
#include "subgroup.glsl"
#include "input.glsl"
#include "statistic.glsl"
#define PARTIAL Moments
#include "worker.glsl"
#include "store.glsl"
#include "affine.glsl"
#include "output.glsl"
#include "row.glsl"
#include "row_reduce.glsl"
#include "row_apply.glsl"

void main()
{
    uint items = statistic_count();
    for (uint item = worker_index(); item < items; item += worker_count()) {
        Row row = row_of(item);
        Part all = Part(0, reduce_count());
        Statistic s = statistic_kind(row_reduce(row, all));
        if (worker_lane() == 0) {
            statistic_store(row.index, s);
            running_move(row.index, s.mean, moving_variance(s));
        }
        Affine a = affine_of(row.index, s);
        row_walk(a, row, all);
    }
}
