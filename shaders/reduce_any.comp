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
#include "mask.glsl"
#include "any.glsl"

float element_at(Place place)
{
    return input_load(place.x, place.residual);
}

// What neighbours share, so that merging them cancels nothing: the part's first element, or where there is a
// mask, the mean of what the lanes come upon first.
float shift_of(Place place, uint begin, uint end)
{
    if (!HAS(VKN_HAS_MASK))
        return begin < end ? element_at(place_at(place, begin, false, true)) : 0.0;
    Moments found = no_moments();
    for (uint e = begin + worker_lane(); e < end && found.count == 0.0; e += worker_lanes()) {
        Place p = place_at(place, e, false, true);
        if (mask_load(p.mask))
            found = Moments(1.0, element_at(p), 0.0, 0.0);
    }
    return worker_merge(found).mean;
}

void main()
{
    uint items = statistic_count() * part_count;
    EACH_ITEM(items) {
        uint number = item % part_count;
        Place place = place_at(PLACE_FIRST, item / part_count, true, false);
        uint begin = min(number * part_length, reduce_count());
        uint end = min(begin + part_length, reduce_count());
        float shift = 0.0;
        if (OF(VKN_OF_MOMENTS))
            shift = shift_of(place, begin, end);
        Moments m = no_moments();
        for (uint e = begin + worker_lane(); e < end;) {
            Place p = place_at(place, e, false, true);
            bool counts = true;
            if (HAS(VKN_HAS_MASK))
                counts = mask_load(p.mask);
            if (counts)
                m = add(m, element_at(p) - shift, p.parameter);
            e += worker_lanes();
            STOP_UNLESS(e < end);
        }
        Statistic s = statistic_of(shift, worker_merge(m));
        if (worker_lane() == 0)
            moments_store(place.stat * part_total + part_first + number, s);
    } NEXT_ITEM;
}
