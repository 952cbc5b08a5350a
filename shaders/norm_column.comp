#version 460
#extension GL_GOOGLE_include_directive : require
// The whole of TRAIN in one dispatch; an invocation takes VECTOR neighbouring statistics.
#define NORM
#include "kernel.glsl"
#include "input.glsl"
#include "statistic.glsl"
#include "store.glsl"
#include "affine.glsl"
#include "output.glsl"
#include "column.glsl"
#include "column_reduce.glsl"
#include "column_apply.glsl"

void main()
{
    uint items = column_count();
    EACH_ITEM_ALONE(items) {
        Column c = column_of(item);
        ColumnMoments m = column_reduce(c);
        Affines a;
        for (uint k = 0; k < VECTOR; k++) {
            Statistic s = statistic_kind(column_statistic(m, k));
            statistic_store(column_index(c, k), s);
            running_move(column_index(c, k), s.mean, moving_variance(s));
            affine_component(a.quad[0], k, affine_of(column_index(c, k), s));
        }
        column_walk(a, c);
    } NEXT_ITEM;
}
