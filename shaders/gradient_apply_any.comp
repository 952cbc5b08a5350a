#version 460
#extension GL_GOOGLE_include_directive : require
// dx and dresidual; an invocation takes one element at a time.
#define GAMMA_BINDING VKN_BINDING_APPLY_GAMMA
#define BETA_BINDING  VKN_BINDING_APPLY_BETA
#include "kernel.glsl"
#include "input.glsl"
#include "deviation.glsl"
#include "gradient.glsl"
#include "coefficients_record.glsl"
#include "mask.glsl"
#include "any.glsl"

void main()
{
    uint items = statistic_count() * reduce_count();
    EACH_ITEM_ALONE(items) {
        Place place = place_at(PLACE_FIRST, item, true, true);
        Coefficients c = coefficients_load(place.stat);
        Element e = element_at(place.x, place.y, place.residual, place.parameter);
        if (HAS(VKN_HAS_MASK))
            e.counted = vec4(mask_load(place.mask));
        vec4 xhat = normalized(c, e);
        vec4 dz = dz_of(c, e, xhat);
        gradient_store(place.dx, place.residual, dx_of(c, e, xhat, dz).x, dresidual_of(c, e, xhat, dz).x);
    } NEXT_ITEM;
}
