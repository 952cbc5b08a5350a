/* Sizes at the ends: one statistic of tens of millions of elements, a hundred thousand of a few, tensors
 * above maxStorageBufferRange; forward in place, and backward. In f32, against two passes in fp64. */
#include "compute.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)
#define EPSILON   1e-3f

typedef struct Row {
    const char *name;
    uint64_t outer, channels, inner; /* of NCW; with inner 1 it is NC, channels last */
    bool backward;
} Row;

static const Row ROWS[] = {
    {"one channel of 20,000,000", 1, 1, 20000000, true},
    {"two channels of 10,000,001 rows, last", 10000001, 2, 1, true},
    {"100,000 channels of 8 x 3", 8, 100000, 3, true},
    {"100,000 channels of 16, last", 16, 100000, 1, true},
    {"1,000,000 channels of 1", 1, 1000000, 1, true},
    {"64 x 64 x 112 x 112, the first layer of ResNet-50", 64, 64, 112 * 112, false},
};

static VknRuntime *runtime;

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR)
        printf("    %s\n", message);
}

static void *allocate(uint64_t count, uint64_t size) {
    void *memory = calloc(count, size);
    if (!memory) {
        printf("FAILED: no memory for %" PRIu64 " x %" PRIu64 " bytes\n", count, size);
        exit(1);
    }
    return memory;
}

static float noise(uint64_t seed, uint64_t i) {
    uint64_t z = (i + seed * 0x51ed27) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (float)((z ^ z >> 31) >> 40) * 0x1p-23f - 1;
}

static uint64_t count_of(const Row *row) {
    return row->outer * row->channels * row->inner;
}

static uint64_t channel_of(const Row *row, uint64_t i) {
    return i / row->inner % row->channels;
}

/* Sums over the elements of each channel, of `value`. */
static double *sums_of(const Row *row, double (*value)(const Row *row, const void *user, uint64_t i),
                       const void *user) {
    double *sums = allocate(row->channels, sizeof *sums);
    for (uint64_t i = 0; i < count_of(row); i++)
        sums[channel_of(row, i)] += value(row, user, i);
    return sums;
}

typedef struct Reference {
    float *x, *dy;
    double *mean, *variance;
    double *dz, *dz_xhat;
} Reference;

static double n_of(const Row *row) {
    return (double)(row->outer * row->inner);
}

static double xhat_of(const Row *row, const Reference *r, uint64_t i) {
    uint64_t c = channel_of(row, i);
    return (r->x[i] - r->mean[c]) / sqrt(r->variance[c] + (double)EPSILON);
}

static double value_x(const Row *row, const void *user, uint64_t i) {
    const Reference *r = user;
    return r->x[i] / n_of(row);
}

static double value_square(const Row *row, const void *user, uint64_t i) {
    const Reference *r = user;
    double distance = r->x[i] - r->mean[channel_of(row, i)];
    return distance * distance / n_of(row);
}

static double value_dz(const Row *row, const void *user, uint64_t i) {
    (void)row;
    return ((const Reference *)user)->dy[i];
}

static double value_dz_xhat(const Row *row, const void *user, uint64_t i) {
    return ((const Reference *)user)->dy[i] * xhat_of(row, user, i);
}

static VknDesc desc_of(const Row *row, VknOperation operation, uint32_t roles) {
    VknDesc desc;
    vkn_desc_batch_norm(&desc, operation, 3, (uint64_t[]){row->outer, row->channels, row->inner}, 1,
                        (int32_t[]){1});
    desc.roles = roles;
    desc.epsilon = EPSILON;
    return desc;
}

/* The largest error, relative to 1: values are of that order. A sum of n roundings of either sign grows with
 * the square root of n at most where it is merged in blocks. */
static bool report(const Row *row, const char *what, double worst) {
    bool right = worst <= 2e-5;
    printf("%s%s, %s: %.1e\n", right ? "" : "FAILED: ", row->name, what, worst);
    fflush(stdout);
    return right;
}

static bool check_forward(const Row *row, const Reference *r) {
    uint64_t count = count_of(row);
    float *y = allocate(count, sizeof *y), *mean = allocate(row->channels, sizeof *mean);
    VknDesc desc = desc_of(row, VKN_OPERATION_TRAIN, BIT(X) | BIT(Y) | BIT(MEAN));
    ComputeData data = {.memory = {[VKN_ROLE_X] = y, [VKN_ROLE_MEAN] = mean}, .in_place = true};
    double worst = 0;
    memcpy(y, r->x, count * sizeof *y);
    compute(runtime, &desc, &data);
    for (uint64_t i = 0; i < count; i++) {
        double error = fabs(y[i] - xhat_of(row, r, i));
        worst = error <= worst ? worst : error; /* NaN counts */
    }
    for (uint64_t c = 0; c < row->channels; c++)
        worst = fmax(worst, fabs(mean[c] - r->mean[c]));
    free(y);
    free(mean);
    return report(row, "forward", worst);
}

static bool check_backward(const Row *row, const Reference *r) {
    uint64_t count = count_of(row), channels = row->channels;
    float *dx = allocate(count, sizeof *dx), *parameters = allocate(4 * channels, sizeof *parameters);
    float *mean = parameters, *inv_std = mean + channels, *dgamma = inv_std + channels,
          *dbeta = dgamma + channels;
    VknDesc desc = desc_of(row, VKN_OPERATION_TRAIN_GRADIENT,
                           BIT(X) | BIT(DY) | BIT(MEAN) | BIT(INV_STD) | BIT(DX) | BIT(DGAMMA) | BIT(DBETA));
    ComputeData data = {.memory = {[VKN_ROLE_X] = r->x,
                                   [VKN_ROLE_DY] = dx,
                                   [VKN_ROLE_MEAN] = mean,
                                   [VKN_ROLE_INV_STD] = inv_std,
                                   [VKN_ROLE_DGAMMA] = dgamma,
                                   [VKN_ROLE_DBETA] = dbeta},
                        .in_place = true};
    double worst = 0, n = n_of(row);
    memcpy(dx, r->dy, count * sizeof *dx);
    for (uint64_t c = 0; c < channels; c++) {
        mean[c] = (float)r->mean[c];
        inv_std[c] = (float)(1 / sqrt(r->variance[c] + (double)EPSILON));
    }
    compute(runtime, &desc, &data);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t c = channel_of(row, i);
        double inverse = 1 / sqrt(r->variance[c] + (double)EPSILON);
        double direct = r->dy[i] - r->dz[c] / n - xhat_of(row, r, i) * r->dz_xhat[c] / n;
        double error = fabs(dx[i] - inverse * direct) / inverse;
        worst = error <= worst ? worst : error;
    }
    for (uint64_t c = 0; c < channels; c++) {
        worst = fmax(worst, fabs(dgamma[c] - r->dz_xhat[c]) / sqrt(n));
        worst = fmax(worst, fabs(dbeta[c] - r->dz[c]) / sqrt(n));
    }
    free(dx);
    free(parameters);
    return report(row, "backward", worst);
}

int main(int argc, char **argv) {
    VknRuntimeDesc desc = {.log = {log_write, NULL}};
    uint32_t counts[2] = {0};
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--validation"))
            desc.validation = true;
        else if (!strcmp(argv[i], "--device") && i + 1 < argc)
            desc.device = argv[++i];
        else
            return fprintf(stderr, "usage: sizes [--device NAME] [--validation]\n"), 2;
    }
    if (vkn_runtime_create(&desc, &runtime) != VKN_SUCCESS)
        return 2;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const Row *row = &ROWS[i];
        Reference r = {.x = allocate(count_of(row), sizeof *r.x)};
        for (uint64_t e = 0; e < count_of(row); e++)
            r.x[e] = 2 * noise(1, e) + 0.5f;
        r.mean = sums_of(row, value_x, &r);
        r.variance = sums_of(row, value_square, &r);
        counts[check_forward(row, &r)]++;
        if (row->backward) {
            r.dy = allocate(count_of(row), sizeof *r.dy);
            for (uint64_t e = 0; e < count_of(row); e++)
                r.dy[e] = noise(2, e);
            r.dz = sums_of(row, value_dz, &r);
            r.dz_xhat = sums_of(row, value_dz_xhat, &r);
            counts[check_backward(row, &r)]++;
        }
        double *doubles[] = {r.mean, r.variance, r.dz, r.dz_xhat};
        for (int k = 0; k < 4; k++)
            free(doubles[k]);
        free(r.x);
        free(r.dy);
    }
    uint32_t messages = vkn_runtime_validation_count(runtime);
    vkn_runtime_destroy(runtime);
    if (messages)
        printf("%u validation messages\n", messages);
    printf("%u passed, %u failed, 0 skipped\n", counts[1], counts[0] + (messages > 0));
    return counts[0] || messages;
}
