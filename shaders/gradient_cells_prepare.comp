#version 460
#extension GL_GOOGLE_include_directive : require
// The coefficients of cells, but for what follows their sums. The view is (batch: cells of a parameter, channel:
// parameters, outer: cells of a statistic); an invocation takes one cell at a time.
#include "kernel.glsl"
#include "input.glsl"
#include "deviation.glsl"
#include "sums.glsl"
#include "gradient.glsl"
#include "coefficients.glsl"
#include "coefficients_store.glsl"

void main()
{
    EACH_ITEM_ALONE(statistic_count()) {
        Coefficients c = coefficients_given(item / extent[VKN_OUTER], item % extent[VKN_CHANNEL]);
        coefficients_store(item, c, vec2(1.0, 0.0));
    } NEXT_ITEM;
}
