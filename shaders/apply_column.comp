#version 460
#extension GL_GOOGLE_include_directive : require
// APPLY; an invocation takes one part of VECTOR neighbouring statistics.
#include "kernel.glsl"
#include "input.glsl"
#include "statistic.glsl"
#include "affine.glsl"
#include "output.glsl"
#include "given.glsl"
#include "column.glsl"
#include "column_apply.glsl"

void main()
{
    uint items = column_count();
    EACH_ITEM_ALONE(items) {
        Column c = column_of(item);
        Affine a;
        for (uint k = 0; k < VECTOR; k++)
            affine_component(a, k, affine_given(column_index(c, k)));
        column_walk(a, c);
    } NEXT_ITEM;
}
