#version 460
#extension GL_GOOGLE_include_directive : require
// Sums and dx of whole statistics; a worker takes one statistic at a time.
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

void main()
{
    uint items = statistic_count();
    for (uint item = worker_index(); item < items; item += worker_count()) {
        Row row = row_of(item);
        Part all = Part(0, reduce_count());
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
}
