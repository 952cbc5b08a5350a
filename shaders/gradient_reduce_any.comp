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
#include "mask.glsl"
#include "any.glsl"

void main()
{
    uint items = statistic_count() * part_count;
    EACH_ITEM(items) {
        uint number = item % part_count;
        Place place = place_at(PLACE_FIRST, item / part_count, true, false);
        Coefficients c = coefficients_given(place.stat);
        uint begin = min(number * part_length, reduce_count());
        uint end = min(begin + part_length, reduce_count());
        Sums s = NO_SUMS;
        for (uint i = begin + worker_lane(); i < end;) {
            Place p = place_at(place, i, false, true);
            Element e = element_at(p.x, p.y, p.residual, p.parameter);
            if (HAS(VKN_HAS_MASK))
                e.counted = vec4(mask_load(p.mask));
            vec4 xhat = normalized(c, e);
            vec4 dz = weighted(e, dz_of(c, e, xhat));
            s = merge(s, Sums(e.counted.x, dz.x, dz.x * xhat.x, dslope_of(c, e, xhat).x));
            i += worker_lanes();
            STOP_UNLESS(i < end);
        }
        s = worker_merge(s);
        if (worker_lane() == 0)
            sums_store(place.stat * part_total + part_first + number, s);
    } NEXT_ITEM;
}
