#version 460
#extension GL_GOOGLE_include_directive : require
// Moments of each part of each statistic; a worker takes one part at a time.
#include "kernel.glsl"
#include "subgroup.glsl"
#include "input.glsl"
#include "statistic.glsl"
#define PARTIAL Moments
#include "worker.glsl"
#include "moments.glsl"
#include "row.glsl"
#include "row_reduce.glsl"

void main()
{
    uint items = statistic_count() * part_count;
    EACH_ITEM(items) {
        uint number = item % part_count;
        Row row = row_of(item / part_count);
        Statistic s = row_reduce(row, part_of(number));
        if (worker_lane() == 0)
            moments_store(row.index * part_total + part_first + number, s);
    } NEXT_ITEM;
}
