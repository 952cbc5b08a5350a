#version 460
#extension GL_GOOGLE_include_directive : require
// dx and dresidual; a worker takes one part of one statistic at a time.
#define GAMMA_BINDING VKN_BINDING_APPLY_GAMMA
#define BETA_BINDING  VKN_BINDING_APPLY_BETA
#include "kernel.glsl"
#include "subgroup.glsl"
#include "input.glsl"
#include "deviation.glsl"
#include "sums.glsl"
#define PARTIAL Sums
#include "worker.glsl"
#include "gradient.glsl"
#include "coefficients_record.glsl"
#include "row.glsl"
#include "row_gradient.glsl"

void main()
{
    uint items = statistic_count() * part_count;
    EACH_ITEM(items) {
        Row row = row_of(item / part_count);
        Coefficients c = coefficients_load(row.index);
        row_walk(c, row, part_of(item % part_count));
    } NEXT_ITEM;
}
