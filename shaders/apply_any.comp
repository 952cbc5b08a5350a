#version 460
#extension GL_GOOGLE_include_directive : require
// APPLY; an invocation takes one element at a time.
#include "kernel.glsl"
#include "input.glsl"
#include "statistic.glsl"
#include "affine.glsl"
#include "output.glsl"
#include "given.glsl"
#include "any.glsl"

void main()
{
    uint items = statistic_count() * reduce_count();
    for (uint item = gl_GlobalInvocationID.x; item < items; item += gl_NumWorkGroups.x * LOCAL_SIZE) {
        Place place = place_at(PLACE_FIRST, item, true, true);
        output_store(place.y, apply(affine_given(place.stat), input_load(place.x), residual_at(place.residual),
                                    place.parameter));
    }
}
