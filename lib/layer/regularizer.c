/* Penalties of parameters and their gradients, in f64. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>

VknResult vkn_regularizer_check(VknLog log, const char *of, const VknRegularizer *regularizer) {
    const float factors[] = {regularizer->l1, regularizer->l2, regularizer->orthogonal};
    for (int i = 0; i < 3; i++)
        if (!isfinite(factors[i]) || factors[i] < 0)
            return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                                  "%s: the factors of a regularizer must be finite and >= 0, not l1 %g, l2 "
                                  "%g, orthogonal %g",
                                  of, factors[0], factors[1], factors[2]);
    return VKN_SUCCESS;
}

static double sign(double x) {
    return (x > 0) - (x < 0);
}

/* `count` vectors of `length` numbers. A vector below the epsilon of Keras' normalize() is divided by that,
 * and then constant in its length no more. */
typedef struct Vectors {
    uint64_t count, length;
    double *unit;  /* [count][length] */
    double *norm;  /* [count] */
    double *slope; /* [length], of one vector */
} Vectors;

#define LEAST_NORM 1e-7

static void vectors_normalize(Vectors *v) {
    for (uint64_t a = 0; a < v->count; a++) {
        double *vector = v->unit + a * v->length, sum = 0;
        for (uint64_t i = 0; i < v->length; i++)
            sum += vector[i] * vector[i];
        v->norm[a] = fmax(sqrt(sum), LEAST_NORM);
        for (uint64_t i = 0; i < v->length; i++)
            vector[i] /= v->norm[a];
    }
}

/* The sum of |a . b| over all b but a; v->slope becomes its derivative by the vector a before it was divided
 * by its norm. */
static double vector_penalty(const Vectors *v, uint64_t a) {
    const double *unit = v->unit + a * v->length;
    double sum = 0, along = 0;
    for (uint64_t i = 0; i < v->length; i++)
        v->slope[i] = 0;
    for (uint64_t b = 0; b < v->count; b++) {
        const double *other = v->unit + b * v->length;
        double dot = 0;
        for (uint64_t i = 0; i < v->length; i++)
            dot += unit[i] * other[i];
        if (b == a)
            continue;
        sum += fabs(dot);
        for (uint64_t i = 0; i < v->length; i++)
            v->slope[i] += sign(dot) * other[i];
    }
    for (uint64_t i = 0; i < v->length; i++)
        along += v->norm[a] > LEAST_NORM ? v->slope[i] * unit[i] : 0;
    for (uint64_t i = 0; i < v->length; i++)
        v->slope[i] = (v->slope[i] - along * unit[i]) / v->norm[a];
    return sum;
}

static VknResult orthogonal(VknLog log, const VknRegularizer *regularizer, const uint64_t shape[2],
                            const float *values, double *loss, float *gradient) {
    const bool columns = regularizer->orthogonal_columns;
    Vectors v = {.count = shape[columns ? 1 : 0], .length = shape[columns ? 0 : 1]};
    if (v.count < 2)
        return VKN_SUCCESS;
    const uint64_t to_next = columns ? 1 : shape[1], along = columns ? shape[1] : 1;
    const double per_pair = 2 * (double)regularizer->orthogonal / ((double)v.count * ((double)v.count - 1));
    v.unit = malloc(sizeof *v.unit * (v.count * v.length + v.count + v.length));
    if (!v.unit)
        return vkn_layer_fail(log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for an orthogonal regularizer");
    v.norm = v.unit + v.count * v.length;
    v.slope = v.norm + v.count;
    for (uint64_t a = 0; a < v.count; a++)
        for (uint64_t i = 0; i < v.length; i++)
            v.unit[a * v.length + i] = values[a * to_next + i * along];
    vectors_normalize(&v);
    for (uint64_t a = 0; a < v.count; a++) {
        *loss += per_pair / 2 * vector_penalty(&v, a); /* each pair is met twice */
        for (uint64_t i = 0; gradient && i < v.length; i++)
            gradient[a * to_next + i * along] += (float)(per_pair * v.slope[i]);
    }
    free(v.unit);
    return VKN_SUCCESS;
}

VknResult vkn_regularizer_apply(VknLog log, const VknRegularizer *regularizer, uint32_t rank,
                                const uint64_t *shape, const float *values, double *loss, float *gradient) {
    uint64_t count;
    if (!regularizer || !values || !loss)
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "a regularizer needs values and a loss");
    VknResult result = vkn_regularizer_check(log, "regularizer", regularizer);
    if (result == VKN_SUCCESS)
        result = vkn_layer_shape_check(log, rank, shape, &count);
    if (result != VKN_SUCCESS)
        return result;
    if (regularizer->orthogonal > 0 && rank != 2)
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                              "the orthogonal regularizer takes values of rank 2, not of rank %u", rank);
    double sum = 0;
    if (regularizer->orthogonal > 0)
        result = orthogonal(log, regularizer, shape, values, &sum, gradient);
    for (uint64_t i = 0; i < count && result == VKN_SUCCESS; i++) {
        const double w = values[i], l1 = regularizer->l1, l2 = regularizer->l2;
        sum += l1 * fabs(w) + l2 * w * w;
        if (gradient)
            gradient[i] += (float)(l1 * sign(w) + 2 * l2 * w);
    }
    if (result == VKN_SUCCESS)
        *loss = sum;
    return result;
}
