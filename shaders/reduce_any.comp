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
#include "any.glsl"

void main()
{
    uint items = statistic_count() * part_count;
    for (uint item = worker_index(); item < items; item += worker_count()) {
        uint number = item % part_count;
        Place place = place_at(PLACE_FIRST, item / part_count, true, false);
        uint begin = min(number * part_length, reduce_count());
        uint end = min(begin + part_length, reduce_count());
        float shift = begin < end ? input_load(place_at(place, begin, false, true).x) : 0.0;
        Moments m = NO_MOMENTS;
        for (uint e = begin + worker_lane(); e < end; e += worker_lanes())
            m = add(m, input_load(place_at(place, e, false, true).x) - shift);
        Statistic s = statistic_of(shift, worker_merge(m));
        if (worker_lane() == 0)
            moments_store(place.stat * part_total + part_first + number, s);
    }
}
