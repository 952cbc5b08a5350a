#version 460
#extension GL_GOOGLE_include_directive : require
// The whole of TRAIN in one dispatch; a worker takes one statistic at a time, or four.
#define NORM
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
#include "row_apply_four.glsl"
#include "row_held.glsl"

Affine row_affine(Row row, Statistic reduced)
{
    Statistic s = statistic_kind(reduced);
    if (worker_lane() == 0) {
        statistic_store(row.index, s);
        running_move(row.index, s.mean, moving_variance(s));
    }
    return affine_of(row.index, s);
}

void four_rows(uint item, uint items, Part all)
{
    Row first = row_of(item);
    FourRows s;
    s.x = s.y = uvec4(0);
    s.count = min(items - item, 4);
    for (uint k = 0; k < s.count; k++) {
        Row row = row_of(item + k);
        bvec4 chosen = equal(uvec4(0, 1, 2, 3), uvec4(k));
        s.x = mix(s.x, uvec4((row.x - first.x) >> 2), chosen);
        s.y = mix(s.y, uvec4((row.y - first.y) >> 2), chosen);
        affine_component(s.all, k, row_affine(row, row_reduce(row, all)));
    }
    row_walk(s, first, all);
}

void main()
{
    uint items = statistic_count();
    Part all = Part(0, reduce_count());
    if (IS(VKN_MODE_FOUR_ROWS)) {
        for (uint item = 4 * worker_index(); item < items; item += 4 * worker_count())
            four_rows(item, items, all);
    } else {
        for (uint item = worker_index(); item < items; item += worker_count()) {
            Row row = row_of(item);
            if (HELD > 0) {
                row_hold(row);
                held_apply(row_affine(row, held_reduce(row)), row);
            } else {
                Affine a = row_affine(row, row_reduce(row, all));
                row_walk(a, row, all);
            }
        }
    }
}
