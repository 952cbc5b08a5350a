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
    for (uint k = 0; k < s.count;) {
        Row row = row_of(item + k);
        row_component(s.x, s.y, k, row, first);
        affine_component(s.all, k, row_affine(row, row_reduce(row, all)));
        k++;
        STOP_UNLESS(k < s.count);
    }
    row_walk(s, first, all);
}

void main()
{
    uint items = statistic_count();
    Part all = Part(0, reduce_count());
    if (IS(VKN_MODE_FOUR_ROWS)) {
        EACH_ITEM((items + 3) >> 2) {
            four_rows(4 * item, items, all);
        } NEXT_ITEM;
    } else {
        EACH_ITEM(items) {
            Row row = row_of(item);
            if (HELD > 0) {
                row_hold(row);
                held_apply(row_affine(row, held_reduce(row)), row);
            } else {
                Affine a = row_affine(row, row_reduce(row, all));
                row_walk(a, row, all);
            }
        } NEXT_ITEM;
    }
}
