#version 460
#extension GL_GOOGLE_include_directive : require
// Sums of each part of each statistic; an invocation takes VECTOR neighbouring statistics.
#include "kernel.glsl"
#include "input.glsl"
#include "deviation.glsl"
#include "sums.glsl"
#include "gradient.glsl"
#include "coefficients.glsl"
#include "sums_store.glsl"
#include "column.glsl"
#include "column_gradient.glsl"
#include "column_gradient_sums.glsl"

void main()
{
    uint items = column_count();
    EACH_ITEM_ALONE(items) {
        Column c = column_of(item);
        Coefficients all = coefficients_given(c.index);
        for (uint k = 1; k < VECTOR; k++)
            coefficients_component(all, k, coefficients_given(column_index(c, k)));
        ColumnSums s = column_sums(c, all);
        for (uint k = 0; k < VECTOR; k++)
            sums_store(column_index(c, k) * part_total + part_first + c.part, column_component(s, c, k));
    } NEXT_ITEM;
}
