#version 460
#extension GL_GOOGLE_include_directive : require
// Sums and dx of whole statistics; a worker takes one statistic at a time, or a part of every fourth one's and the
// three next ones' parameters.
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
        bvec4 chosen = equal(uvec4(0, 1, 2, 3), uvec4(k));
        rows.x = mix(rows.x, uvec4((row.x - first.x) >> 2), chosen);
        rows.y = mix(rows.y, uvec4((row.y - first.y) >> 2), chosen);
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

void main()
{
    uint items = statistic_count();
    Part all = Part(0, reduce_count());
    if (IS(VKN_MODE_FOUR_ROWS)) {
        for (uint part = worker_index(); part < part_count; part += worker_count())
            for (uint item = 4 * part; item < items; item += 4 * part_count)
                four_rows(item, all, first_of(VKN_BINDING_RECORDS_OUT) + part * part_length,
                          item >= 4 * part_count);
    } else {
        for (uint item = worker_index(); item < items; item += worker_count())
            one_row(item, all);
    }
}
