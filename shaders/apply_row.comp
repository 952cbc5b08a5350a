#version 460
#extension GL_GOOGLE_include_directive : require
// APPLY; a worker takes one part of one statistic at a time.
#include "kernel.glsl"
#include "subgroup.glsl"
#include "input.glsl"
#include "statistic.glsl"
#define PARTIAL Moments
#include "worker.glsl"
#include "affine.glsl"
#include "output.glsl"
#include "given.glsl"
#include "row.glsl"
#include "row_apply.glsl"

void main()
{
    uint items = statistic_count() * part_count;
    EACH_ITEM(items) {
        Row row = row_of(item / part_count);
        Affine a = affine_given(row.index);
        row_walk(a, row, part_of(item % part_count));
    } NEXT_ITEM;
}
