#version 460
#extension GL_GOOGLE_include_directive : require
// dx and dresidual; an invocation takes one part of VECTOR neighbouring statistics, as apply_column.comp.
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

Coefficients quad_load(Column c)
{
    Coefficients all = coefficients_load(c.index);
    for (uint k = 1; k < 4 && k < VECTOR; k++)
        coefficients_component(all, k, coefficients_load(column_index(c, k)));
    return all;
}

void main()
{
    uint items = column_count();
    EACH_ITEM_ALONE(items) {
        Column c = column_of(item);
        Gradients g;
        g.quad[0] = quad_load(c);
        if (VECTOR != 16) {
            column_walk(g, c);
        } else if (is_wide(g)) {
            g.quad[1] = quad_load(column_beside(c, 4));
            g.quad[2] = quad_load(column_beside(c, 8));
            g.quad[3] = quad_load(column_beside(c, 12));
            column_walk(g, c, true);
        } else {
            for (uint k = 0; k < 16; k += 4) {
                g.quad[0] = quad_load(column_beside(c, k));
                column_walk(g, column_beside(c, k), false);
            }
        }
    } NEXT_ITEM;
}
