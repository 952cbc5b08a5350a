#version 460
#extension GL_GOOGLE_include_directive : require
// dx and dresidual; an invocation takes one part of VECTOR neighbouring statistics.
#define GAMMA_BINDING VKN_BINDING_APPLY_GAMMA
#define BETA_BINDING  VKN_BINDING_APPLY_BETA
#include "kernel.glsl"
#include "input.glsl"
#include "deviation.glsl"
#include "gradient.glsl"
#include "coefficients_record.glsl"
#include "column.glsl"
#include "column_gradient.glsl"
#include "column_gradient_apply.glsl"

void main()
{
    uint items = column_count();
    EACH_ITEM_ALONE(items) {
        Column c = column_of(item);
        Coefficients all = coefficients_load(c.index);
        for (uint k = 1; k < VECTOR; k++)
            coefficients_component(all, k, coefficients_load(column_index(c, k)));
        column_walk(all, c);
    } NEXT_ITEM;
}
