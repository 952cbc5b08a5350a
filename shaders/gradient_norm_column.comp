#version 460
#extension GL_GOOGLE_include_directive : require
// Sums and dx of whole statistics; an invocation takes VECTOR neighbouring statistics.
#define NORM
#include "kernel.glsl"
#include "input.glsl"
#include "deviation.glsl"
#include "sums.glsl"
#include "gradient.glsl"
#include "coefficients.glsl"
#include "sums_store.glsl"
#include "parameters_store.glsl"
#include "column.glsl"
#include "column_gradient.glsl"
#include "column_gradient_sums.glsl"
#include "column_gradient_apply.glsl"

void main()
{
    uint items = column_count();
    EACH_ITEM_ALONE(items) {
        Column c = column_of(item);
        Coefficients all = coefficients_given(c.index);
        for (uint k = 1; k < VECTOR; k++)
            coefficients_component(all, k, coefficients_given(column_index(c, k)));
        ColumnSums s = column_sums(c, all);
        for (uint k = 0; k < VECTOR; k++) {
            Sums sums = column_component(s, c, k);
            if (HAS(VKN_HAS_SUMS))
                sums_store(column_index(c, k), sums);
            parameters_store(column_index(c, k), sums.dz_xhat, sums.dz, sums.dslope);
            coefficients_component(all, k, coefficients_with(coefficients_given(column_index(c, k)), sums));
        }
        Gradients g;
        g.quad[0] = all;
        column_walk(g, c);
    } NEXT_ITEM;
}
