#version 460
#extension GL_GOOGLE_include_directive : require
// Sums of each part of each statistic; a worker takes one part at a time.
#include "kernel.glsl"
#include "subgroup.glsl"
#include "input.glsl"
#include "deviation.glsl"
#include "sums.glsl"
#define PARTIAL Sums
#include "worker.glsl"
#include "gradient.glsl"
#include "coefficients.glsl"
#include "sums_store.glsl"
#include "row.glsl"
#include "row_gradient_sums.glsl"

void main()
{
    uint items = statistic_count() * part_count;
    EACH_ITEM(items) {
        uint number = item % part_count;
        Row row = row_of(item / part_count);
        Sums s = row_sums(row, part_of(number), coefficients_given(row.index));
        if (worker_lane() == 0)
            sums_store(row.index * part_total + part_first + number, s);
    } NEXT_ITEM;
}
