/* Projections of parameters after an update. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>

/* Keras' backend.epsilon(). */
#define EPSILON 1e-7

VknConstraint vkn_constraint_default(VknConstraintKind kind) {
    return (VknConstraint){
        .kind = kind, .maximum = kind == VKN_CONSTRAINT_MAX_NORM ? 2.0f : 1.0f, .rate = 1, .axis_count = 1};
}

VknResult vkn_constraint_check(VknLog log, const char *of, const VknConstraint *constraint) {
    const VknConstraint *c = constraint;
    if ((uint32_t)c->kind > VKN_CONSTRAINT_MIN_MAX_NORM)
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "%s: there is no constraint %d", of, c->kind);
    if (c->kind == VKN_CONSTRAINT_NONE || c->kind == VKN_CONSTRAINT_NON_NEG)
        return VKN_SUCCESS;
    if (!(isfinite(c->maximum) && 0 <= c->minimum && c->minimum <= c->maximum))
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                              "%s: a constraint needs finite 0 <= minimum <= maximum, not %g and %g", of,
                              c->minimum, c->maximum);
    if (!(c->rate >= 0 && c->rate <= 1))
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "%s: a constraint's rate is 0 to 1, not %g",
                              of, c->rate);
    if (c->axis_count > VKN_MAX_RANK)
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "%s: a constraint has at most %d axes, not %u",
                              of, VKN_MAX_RANK, c->axis_count);
    return VKN_SUCCESS;
}

static double factor_of(const VknConstraint *c, double norm) {
    switch (c->kind) {
    case VKN_CONSTRAINT_NONE:
    case VKN_CONSTRAINT_NON_NEG:
        return 1;
    case VKN_CONSTRAINT_MAX_NORM:
        return fmin(norm, c->maximum) / (EPSILON + norm);
    case VKN_CONSTRAINT_UNIT_NORM:
        return 1 / (EPSILON + norm);
    case VKN_CONSTRAINT_MIN_MAX_NORM:
        break;
    }
    return (c->rate * fmin(fmax(norm, c->minimum), c->maximum) + (1 - (double)c->rate) * norm) /
           (EPSILON + norm);
}

/* The number of the norm that element `index` belongs to: its index along the axes that are not `reduced`. */
static uint64_t norm_of(uint32_t reduced, uint32_t rank, const uint64_t *shape, uint64_t index) {
    uint64_t number = 0, stride = 1;
    for (uint32_t axis = rank; axis-- > 0; index /= shape[axis])
        if (!(reduced & 1u << axis)) {
            number += index % shape[axis] * stride;
            stride *= shape[axis];
        }
    return number;
}

static VknResult project(VknLog log, const VknConstraint *constraint, uint32_t reduced, uint32_t rank,
                         const uint64_t *shape, uint64_t count, float *values) {
    double *norms = calloc(count + 1, sizeof *norms);
    if (!norms)
        return vkn_layer_fail(log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for a constraint's norms");
    for (uint64_t i = 0; i < count; i++)
        norms[norm_of(reduced, rank, shape, i)] += (double)values[i] * values[i];
    for (uint64_t i = 0; i < count; i++)
        values[i] = (float)(values[i] * factor_of(constraint, sqrt(norms[norm_of(reduced, rank, shape, i)])));
    free(norms);
    return VKN_SUCCESS;
}

VknResult vkn_constraint_apply(VknLog log, const VknConstraint *constraint, uint32_t rank,
                               const uint64_t *shape, float *values) {
    uint64_t count;
    uint32_t reduced = (1u << VKN_MAX_RANK) - 1;
    if (!constraint || !values)
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "a constraint needs values");
    VknResult result = vkn_constraint_check(log, "constraint", constraint);
    if (result == VKN_SUCCESS)
        result = vkn_layer_shape_check(log, rank, shape, &count);
    if (result != VKN_SUCCESS || constraint->kind == VKN_CONSTRAINT_NONE)
        return result;
    if (constraint->kind == VKN_CONSTRAINT_NON_NEG) {
        for (uint64_t i = 0; i < count; i++) /* a NaN stays one */
            values[i] = values[i] < 0 ? 0 : values[i];
        return VKN_SUCCESS;
    }
    if (constraint->axis_count)
        result =
            vkn_layer_axes_check(log, "constraint", rank, constraint->axis_count, constraint->axes, &reduced);
    if (result != VKN_SUCCESS)
        return result;
    return project(log, constraint, reduced, rank, shape, count, values);
}
