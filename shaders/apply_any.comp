#version 460
#extension GL_GOOGLE_include_directive : require
// APPLY; an invocation takes one element at a time.
#include "kernel.glsl"
#include "input.glsl"
#include "statistic.glsl"
#include "affine.glsl"
#include "output.glsl"
#include "given.glsl"
#include "mask.glsl"
#include "any.glsl"

void main()
{
    uint items = statistic_count() * reduce_count();
    EACH_ITEM_ALONE(items) {
        Place place = place_at(PLACE_FIRST, item, true, true);
        bool counts = true;
        if (HAS(VKN_HAS_MASK))
            counts = mask_load(place.mask);
        apply(affine_given(place.stat), place.x, place.y, place.residual, place.dx, place.parameter, counts);
    } NEXT_ITEM;
}
