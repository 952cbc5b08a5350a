/* How variables begin. The number of index i depends on the seed, the stream and i alone. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    VknInitializer initializer;
} NAMES[] = {
#define SCALING(factor, of, shape)                                                                           \
    { .kind = VKN_INITIALIZER_VARIANCE_SCALING, .scale = factor, .fan = of, .distribution = shape }
    {"zeros", {.kind = VKN_INITIALIZER_CONSTANT, .value = 0}},
    {"ones", {.kind = VKN_INITIALIZER_CONSTANT, .value = 1}},
    {"constant", {.kind = VKN_INITIALIZER_CONSTANT, .value = 0}},
    {"random_uniform", {.kind = VKN_INITIALIZER_UNIFORM, .minimum = -0.05f, .maximum = 0.05f}},
    {"random_normal", {.kind = VKN_INITIALIZER_NORMAL, .deviation = 0.05f}},
    {"truncated_normal", {.kind = VKN_INITIALIZER_TRUNCATED_NORMAL, .deviation = 0.05f}},
    {"variance_scaling", SCALING(1, VKN_FAN_IN, VKN_DISTRIBUTION_TRUNCATED_NORMAL)},
    {"glorot_uniform", SCALING(1, VKN_FAN_AVERAGE, VKN_DISTRIBUTION_UNIFORM)},
    {"glorot_normal", SCALING(1, VKN_FAN_AVERAGE, VKN_DISTRIBUTION_TRUNCATED_NORMAL)},
    {"he_uniform", SCALING(2, VKN_FAN_IN, VKN_DISTRIBUTION_UNIFORM)},
    {"he_normal", SCALING(2, VKN_FAN_IN, VKN_DISTRIBUTION_TRUNCATED_NORMAL)},
    {"lecun_uniform", SCALING(1, VKN_FAN_IN, VKN_DISTRIBUTION_UNIFORM)},
    {"lecun_normal", SCALING(1, VKN_FAN_IN, VKN_DISTRIBUTION_TRUNCATED_NORMAL)},
    {"orthogonal", {.kind = VKN_INITIALIZER_ORTHOGONAL, .gain = 1}},
    {"identity", {.kind = VKN_INITIALIZER_IDENTITY, .gain = 1}},
#undef SCALING
};

const VknInitializer *vkn_initializer_find(const char *name) {
    for (size_t i = 0; name && i < sizeof NAMES / sizeof *NAMES; i++)
        if (!strcmp(NAMES[i].name, name))
            return &NAMES[i].initializer;
    return NULL;
}

/* ------------------------------------------------------------------------------------------ numbers */

typedef struct Source {
    uint64_t seed;
    uint32_t stream;
} Source;

/* Two numbers in (0, 1), of 53 bits; attempt: another pair for the same index. */
static void draw(Source source, uint64_t index, uint32_t attempt, double pair[2]) {
    const uint32_t key[2] = {(uint32_t)source.seed, (uint32_t)(source.seed >> 32)};
    uint32_t block[4] = {(uint32_t)index, (uint32_t)(index >> 32), attempt, source.stream};
    vkn_philox(key, block);
    for (int i = 0; i < 2; i++) {
        uint64_t bits = (uint64_t)block[2 * i + 1] << 32 | block[2 * i];
        pair[i] = ((double)(bits >> 11) + 0.5) * 0x1p-53;
    }
}

static double draw_uniform(Source source, uint64_t index) {
    double pair[2];
    draw(source, index, 0, pair);
    return pair[0];
}

/* Box & Muller 1958. */
static double draw_normal(Source source, uint64_t index, uint32_t attempt) {
    double pair[2];
    draw(source, index, attempt, pair);
    return sqrt(-2 * log(pair[0])) * cos(6.28318530717958647693 * pair[1]);
}

static double draw_truncated(Source source, uint64_t index) {
    double z = draw_normal(source, index, 0);
    for (uint32_t attempt = 1; fabs(z) > 2; attempt++)
        z = draw_normal(source, index, attempt);
    return z;
}

/* ---------------------------------------------------------------------------------------- orthogonal */

/* Subtracts from `column` its parts along the `count` columns before, twice, so that none is left (Giraud,
 * Langou, Rozloznik 2005), and makes it a unit vector. */
static void orthogonalize(double *matrix, uint64_t rows, uint64_t count) {
    double *column = matrix + count * rows, norm = 0;
    for (int pass = 0; pass < 2; pass++)
        for (uint64_t k = 0; k < count; k++) {
            double dot = 0;
            for (uint64_t i = 0; i < rows; i++)
                dot += matrix[k * rows + i] * column[i];
            for (uint64_t i = 0; i < rows; i++)
                column[i] -= dot * matrix[k * rows + i];
        }
    for (uint64_t i = 0; i < rows; i++)
        norm += column[i] * column[i];
    for (uint64_t i = 0; i < rows; i++)
        column[i] /= sqrt(norm);
}

/* A matrix of `rows` x `columns`, that is a tensor's last axis and all before it. */
static VknResult fill_orthogonal(VknLog log, const VknInitializer *initializer, Source source, uint64_t rows,
                                 uint64_t columns, float *values) {
    const uint64_t longer = rows > columns ? rows : columns, shorter = rows > columns ? columns : rows;
    double *matrix = calloc(longer * shorter + 1, sizeof *matrix);
    if (!matrix)
        return vkn_layer_fail(log, VKN_ERROR_OUT_OF_HOST_MEMORY,
                              "no memory for an orthogonal matrix of %llu x %llu", (unsigned long long)rows,
                              (unsigned long long)columns);
    for (uint64_t k = 0; k < shorter; k++) {
        for (uint64_t i = 0; i < longer; i++)
            matrix[k * longer + i] = draw_normal(source, k * longer + i, 0);
        orthogonalize(matrix, longer, k);
    }
    for (uint64_t k = 0; k < shorter; k++)
        for (uint64_t i = 0; i < longer; i++)
            values[rows >= columns ? i * columns + k : k * columns + i] =
                (float)(initializer->gain * matrix[k * longer + i]);
    free(matrix);
    return VKN_SUCCESS;
}

/* --------------------------------------------------------------------------------------------- fill */

static double fan_of(VknFan fan, uint32_t rank, const uint64_t *shape) {
    double window = 1;
    for (uint32_t i = 0; i + 2 < rank; i++)
        window *= (double)shape[i];
    const double in = rank == 0 ? 1 : rank == 1 ? (double)shape[0] : window * (double)shape[rank - 2];
    const double out = rank == 0 ? 1 : window * (double)shape[rank - 1];
    switch (fan) {
    case VKN_FAN_IN:
        return fmax(1, in);
    case VKN_FAN_OUT:
        return fmax(1, out);
    case VKN_FAN_AVERAGE:
        break;
    }
    return fmax(1, (in + out) / 2);
}

static double scaled(const VknInitializer *initializer, double variance, Source source, uint64_t index) {
    switch (initializer->distribution) {
    case VKN_DISTRIBUTION_TRUNCATED_NORMAL: /* the deviation of what is cut at -2 and 2 */
        return sqrt(variance) / 0.87962566103423978 * draw_truncated(source, index);
    case VKN_DISTRIBUTION_NORMAL:
        return sqrt(variance) * draw_normal(source, index, 0);
    case VKN_DISTRIBUTION_UNIFORM:
        break;
    }
    return sqrt(3 * variance) * (2 * draw_uniform(source, index) - 1);
}

static double value_of(const VknInitializer *initializer, Source source, double variance, uint64_t columns,
                       uint64_t index) {
    const VknInitializer *i = initializer;
    switch (i->kind) {
    case VKN_INITIALIZER_CONSTANT:
        return i->value;
    case VKN_INITIALIZER_UNIFORM:
        return i->minimum + ((double)i->maximum - i->minimum) * draw_uniform(source, index);
    case VKN_INITIALIZER_NORMAL:
        return i->mean + i->deviation * draw_normal(source, index, 0);
    case VKN_INITIALIZER_TRUNCATED_NORMAL:
        return i->mean + i->deviation * draw_truncated(source, index);
    case VKN_INITIALIZER_VARIANCE_SCALING:
        return scaled(i, variance, source, index);
    case VKN_INITIALIZER_IDENTITY:
        return index / columns == index % columns ? i->gain : 0;
    case VKN_INITIALIZER_ORTHOGONAL: /* not one by one */
        break;
    }
    return 0;
}

VknResult vkn_initializer_check(VknLog log, const char *of, const VknInitializer *initializer) {
    const VknInitializer *i = initializer;
    if ((uint32_t)i->kind > VKN_INITIALIZER_IDENTITY)
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "%s: there is no initializer %d", of, i->kind);
    if (i->kind == VKN_INITIALIZER_CONSTANT && !isfinite(i->value))
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "%s: a constant must be finite, not %g", of,
                              i->value);
    if (i->kind == VKN_INITIALIZER_UNIFORM &&
        !(isfinite(i->minimum) && isfinite(i->maximum) && i->minimum <= i->maximum))
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                              "%s: uniform needs finite minimum <= maximum, not %g and %g", of, i->minimum,
                              i->maximum);
    if ((i->kind == VKN_INITIALIZER_NORMAL || i->kind == VKN_INITIALIZER_TRUNCATED_NORMAL) &&
        !(isfinite(i->mean) && isfinite(i->deviation) && i->deviation >= 0))
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                              "%s: normal needs a finite mean and deviation >= 0, not %g and %g", of, i->mean,
                              i->deviation);
    if (i->kind == VKN_INITIALIZER_VARIANCE_SCALING &&
        !(isfinite(i->scale) && i->scale > 0 && (uint32_t)i->fan <= VKN_FAN_AVERAGE &&
          (uint32_t)i->distribution <= VKN_DISTRIBUTION_UNIFORM))
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                              "%s: variance scaling needs finite scale > 0, a fan and a distribution, not "
                              "%g, %d and %d",
                              of, i->scale, i->fan, i->distribution);
    if ((i->kind == VKN_INITIALIZER_ORTHOGONAL || i->kind == VKN_INITIALIZER_IDENTITY) && !isfinite(i->gain))
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "%s: gain must be finite, not %g", of,
                              i->gain);
    return VKN_SUCCESS;
}

VknResult vkn_initializer_fill(VknLog log, const VknInitializer *initializer, uint32_t stream, uint32_t rank,
                               const uint64_t *shape, float *values) {
    uint64_t count;
    if (!initializer || !values)
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "an initializer needs values to fill");
    VknResult result = vkn_initializer_check(log, "initializer", initializer);
    if (result == VKN_SUCCESS)
        result = vkn_layer_shape_check(log, rank, shape, &count);
    if (result != VKN_SUCCESS)
        return result;
    const uint64_t columns = rank ? shape[rank - 1] : 1;
    const Source source = {initializer->seed, stream};
    if (initializer->kind == VKN_INITIALIZER_IDENTITY && rank != 2)
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                              "identity makes tensors of rank 2, not of rank %u", rank);
    if (initializer->kind == VKN_INITIALIZER_ORTHOGONAL) {
        if (rank < 2)
            return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                                  "orthogonal makes tensors of rank 2 or more, not of rank %u", rank);
        return count ? fill_orthogonal(log, initializer, source, count / columns, columns, values)
                     : VKN_SUCCESS;
    }
    const double variance = initializer->scale / fan_of(initializer->fan, rank, shape);
    for (uint64_t i = 0; i < count; i++)
        values[i] = (float)value_of(initializer, source, variance, columns, i);
    return VKN_SUCCESS;
}
