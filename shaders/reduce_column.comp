#version 460
#extension GL_GOOGLE_include_directive : require
// Moments of each part of each statistic; an invocation takes VECTOR neighbouring statistics.
#include "kernel.glsl"
#include "input.glsl"
#include "statistic.glsl"
#include "moments.glsl"
#include "column.glsl"
#include "column_reduce.glsl"

void main()
{
    uint items = column_count();
    EACH_ITEM_ALONE(items) {
        Column c = column_of(item);
        ColumnMoments m = column_reduce(c);
        for (uint k = 0; k < VECTOR; k++)
            moments_store(column_index(c, k) * part_total + part_first + c.part, column_statistic(m, k));
    } NEXT_ITEM;
}
