#version 460
#extension GL_GOOGLE_include_directive : require
// Sums and dx of whole statistics; a worker takes one statistic at a time, or four, and all of a part's, of which it adds
// up the gradients of parameters.
#define NORM
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
#include "parameters_store.glsl"
#include "row.glsl"
#include "row_gradient_sums.glsl"
#include "row_gradient.glsl"
#include "row_gradient_four.glsl"

void one_row(uint item, Part all)
{
    Row row = row_of(item);
    Coefficients given = coefficients_given(row.index);
    Sums s = row_sums(row, all, given);
    if (worker_lane() == 0) {
        if (HAS(VKN_HAS_SUMS))
            sums_store(row.index, s);
        parameters_store(row.index, s.dz_xhat, s.dz, s.dslope);
    }
    Coefficients c = coefficients_with(given, s);
    row_walk(c, row, all);
}

void four_rows(uint item, Part all, uint part, bool adds)
{
    Row first = row_of(item);
    FourRows rows;
    rows.x = rows.y = uvec4(0);
    for (uint k = 0; k < 4; k++) {
        Row row = row_of(item + k);
        row_component(rows.x, rows.y, k, row, first);
        coefficients_component(rows.all, k, coefficients_given(row.index));
    }
    FourSums s = FourSums(rows, vec4(0.0), vec4(0.0));
    row_walk(s, first, all);
    vec4 dz = pack(worker_merge(unpack(s.dz))); // sums of the four rows are merged alike
    vec4 dz_xhat = pack(worker_merge(unpack(s.dz_xhat)));
    for (uint k = 0; k < 4; k++) {
        Sums sums = Sums(float(all.end - all.begin), dz[k], dz_xhat[k], 0.0);
        coefficients_component(rows.all, k, coefficients_with(coefficients_of_component(rows.all, k), sums));
    }
    FourGradients g = FourGradients(rows, part, adds);
    row_walk(g, first, all);
}

// Where a part's fours of rows begin.
uint fours_before(uint part)
{
    uint fours = statistic_count() >> 2;
    return part * (fours / part_count) + min(part, fours % part_count);
}

void main()
{
    uint items = statistic_count();
    Part all = Part(0, reduce_count());
    if (IS(VKN_MODE_FOUR_ROWS)) {
        EACH_ITEM(part_count) {
            uint begin = fours_before(item), end = fours_before(item + 1), fours = begin;
            do {
                four_rows(4 * fours, all, first_of(VKN_BINDING_RECORDS_OUT) + item * part_length, fours > begin);
            } while (++fours < end);
        } NEXT_ITEM;
    } else {
        EACH_ITEM(items) {
            one_row(item, all);
        } NEXT_ITEM;
    }
}
