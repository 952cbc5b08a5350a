/* Rows from one element to millions: softmax forward and backward, reductions, layer norm and its gradient,
 * against fp64. In tensors that begin where quads of elements do, and one element later. */
#include "compute.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)

/* Rows, their length, and whether they are columns in memory. */
static const struct {
    uint64_t rows, length;
    bool columns;
} CASES[] = {{1000, 1, false},    {77, 2, false},     {33, 31, true},      {50, 64, false},
             {7, 1000, true},     {40, 1001, false},  {3, 65537, false},   {5, 65536, true},
             {1, 3000001, false}, {2, 2500000, true}, {200003, 16, false}, {3, 4097, false},
             {1236, 68, false},   {1236, 260, false}, {64, 1001, true}};

#define CLIMB 12   /* what a sum of exponentials is rescaled for */
#define LARGE 1e8f /* of two elements that cancel: what is added between them must not be rounded away */

static VknRuntime *runtime;
static uint32_t passed, failed;

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR)
        printf("    %s\n", message);
}

static float noise(uint64_t i) {
    uint64_t z = (i + 0x51ed27) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    return (float)((z ^ z >> 27) >> 40) * 0x1p-23f - 1;
}

/* One case's tensors; what is computed by rows is compared row by row. */
typedef struct Data {
    uint64_t rows, length, offset;
    bool columns;
    float *x, *y, *dy, *dx, *result;
    uint32_t *index;
} Data;

static uint64_t place(const Data *d, uint64_t row, uint64_t i) {
    return d->columns ? i * d->rows + row : row * d->length + i;
}

/* Fills what is computed next with NaN (and impossible indices), so that what is not written is noticed. */
static void poison(void *result, uint64_t count) {
    memset(result, 0xFF, count * sizeof(float));
}

static void lay_out(const Data *d, VknDesc *desc) {
    VknTensor tensor = {VKN_TYPE_F32, {d->columns ? 1 : d->length, d->columns ? d->rows : 1}};
    if (d->rows > 1)
        desc->x = desc->y = desc->dx = desc->residual = tensor;
}

static double off_by(double got, double want, double scale) {
    return isnan(got) ? INFINITY : fabs(got - want) / scale;
}

static void tell(const Data *d, const char *what, double worst, double bound) {
    bool right = worst <= bound;
    *(right ? &passed : &failed) += 1;
    printf("%s%-16s %7" PRIu64 " %s of %7" PRIu64 ": off by %.2g\n", right ? "" : "FAILED: ", what, d->rows,
           d->columns ? "columns" : "rows   ", d->length, worst);
}

static void check_softmax(const Data *d) {
    double worst = 0, worst_gradient = 0;
    VknDesc desc;
    poison(d->y, d->rows * d->length);
    poison(d->dx, d->rows * d->length);
    vkn_desc_softmax(&desc, VKN_OPERATION_TRAIN, 2, (uint64_t[]){d->rows, d->length}, 1, (int32_t[]){1});
    lay_out(d, &desc);
    compute(runtime, &desc,
            &(ComputeData){.memory = {[VKN_ROLE_X] = d->x, [VKN_ROLE_Y] = d->y}, .offset = d->offset});
    vkn_desc_softmax(&desc, VKN_OPERATION_TRAIN_GRADIENT, 2, (uint64_t[]){d->rows, d->length}, 1,
                     (int32_t[]){1});
    lay_out(d, &desc);
    compute(runtime, &desc,
            &(ComputeData){.memory = {[VKN_ROLE_Y] = d->y, [VKN_ROLE_DY] = d->dy, [VKN_ROLE_DX] = d->dx},
                           .offset = d->offset});
    for (uint64_t row = 0; row < d->rows; row++) {
        double sum = 0, product = 0;
        for (uint64_t i = 0; i < d->length; i++)
            sum += exp((double)d->x[place(d, row, i)]);
        for (uint64_t i = 0; i < d->length; i++)
            product += exp((double)d->x[place(d, row, i)]) / sum * d->dy[place(d, row, i)];
        for (uint64_t i = 0; i < d->length; i++) {
            double y = exp((double)d->x[place(d, row, i)]) / sum;
            worst = fmax(worst, off_by(d->y[place(d, row, i)], y, y));
            worst_gradient = fmax(
                worst_gradient, off_by(d->dx[place(d, row, i)], y * (d->dy[place(d, row, i)] - product), y));
        }
    }
    tell(d, "softmax", worst, 4e-6);
    tell(d, "its gradient", worst_gradient, 1e-5);
}

static void check_layer_norm(const Data *d) {
    double worst = 0;
    VknDesc desc;
    poison(d->y, d->rows * d->length);
    vkn_desc_layer_norm(&desc, VKN_OPERATION_TRAIN, 2, (uint64_t[]){d->rows, d->length}, 1, (int32_t[]){1});
    desc.roles = BIT(X) | BIT(Y) | BIT(GAMMA) | BIT(BETA);
    lay_out(d, &desc);
    compute(
        runtime, &desc,
        &(ComputeData){
            .memory =
                {[VKN_ROLE_X] = d->x, [VKN_ROLE_Y] = d->y, [VKN_ROLE_GAMMA] = d->dy, [VKN_ROLE_BETA] = d->x},
            .offset = d->offset});
    for (uint64_t row = 0; row < d->rows; row++) {
        double mean = 0, variance = 0, n = (double)d->length;
        for (uint64_t i = 0; i < d->length; i++)
            mean += d->x[place(d, row, i)] / n;
        for (uint64_t i = 0; i < d->length; i++)
            variance += pow(d->x[place(d, row, i)] - mean, 2) / n;
        for (uint64_t i = 0; i < d->length; i++)
            worst =
                fmax(worst,
                     off_by(d->y[place(d, row, i)],
                            (d->x[place(d, row, i)] - mean) / sqrt(variance + 1e-5) * d->dy[i] + d->x[i], 1));
    }
    tell(d, "layer norm", worst, 4e-6);
}

/* With a sigmoid, so that beta counts, too. */
static void check_layer_gradient(const Data *d) {
    float *mean = malloc(d->rows * sizeof(float)), *inv_std = malloc(d->rows * sizeof(float));
    float *dgamma = malloc(d->length * sizeof(float)), *dbeta = malloc(d->length * sizeof(float));
    double *sums = calloc(4 * d->length, sizeof *sums); /* dgamma and dbeta, and of absolute values */
    double *dz = malloc(d->length * sizeof *dz), n = (double)d->length, worst = 0, worst_parameter = 0;
    if (!mean || !inv_std || !dgamma || !dbeta || !sums || !dz)
        exit(2);
    for (uint64_t row = 0; row < d->rows; row++) {
        double m = 0, variance = 0;
        for (uint64_t i = 0; i < d->length; i++)
            m += d->x[place(d, row, i)] / n;
        for (uint64_t i = 0; i < d->length; i++)
            variance += pow(d->x[place(d, row, i)] - m, 2) / n;
        mean[row] = (float)m;
        inv_std[row] = (float)(1 / sqrt(variance + 1e-5));
    }
    VknDesc desc;
    poison(d->dx, d->rows * d->length);
    poison(dgamma, d->length);
    poison(dbeta, d->length);
    vkn_desc_layer_norm(&desc, VKN_OPERATION_TRAIN_GRADIENT, 2, (uint64_t[]){d->rows, d->length}, 1,
                        (int32_t[]){1});
    desc.activation = vkn_activation_default(VKN_ACTIVATION_SIGMOID);
    desc.roles = BIT(X) | BIT(DY) | BIT(GAMMA) | BIT(BETA) | BIT(MEAN) | BIT(INV_STD) | BIT(DX) |
                 BIT(DGAMMA) | BIT(DBETA);
    lay_out(d, &desc);
    compute(runtime, &desc,
            &(ComputeData){.memory = {[VKN_ROLE_X] = d->x,
                                      [VKN_ROLE_DY] = d->dy,
                                      [VKN_ROLE_GAMMA] = d->dy,
                                      [VKN_ROLE_BETA] = d->x,
                                      [VKN_ROLE_MEAN] = mean,
                                      [VKN_ROLE_INV_STD] = inv_std,
                                      [VKN_ROLE_DX] = d->dx,
                                      [VKN_ROLE_DGAMMA] = dgamma,
                                      [VKN_ROLE_DBETA] = dbeta},
                           .offset = d->offset});
    for (uint64_t row = 0; row < d->rows; row++) {
        double dz_mean = 0, dz_xhat_mean = 0;
        for (uint64_t i = 0; i < d->length; i++) {
            double xhat = ((double)d->x[place(d, row, i)] - mean[row]) * inv_std[row];
            double y = 1 / (1 + exp(-(xhat * d->dy[i] + d->x[i])));
            dz[i] = d->dy[place(d, row, i)] * y * (1 - y);
            sums[4 * i] += dz[i] * xhat;
            sums[4 * i + 1] += dz[i];
            sums[4 * i + 2] += fabs(dz[i] * xhat);
            sums[4 * i + 3] += fabs(dz[i]);
            dz[i] *= d->dy[i];
            dz_mean += dz[i] / n;
            dz_xhat_mean += dz[i] * xhat / n;
        }
        for (uint64_t i = 0; i < d->length; i++) {
            double xhat = ((double)d->x[place(d, row, i)] - mean[row]) * inv_std[row];
            double want = inv_std[row] * (dz[i] - dz_mean - xhat * dz_xhat_mean);
            worst = fmax(worst, off_by(d->dx[place(d, row, i)], want, inv_std[row]));
        }
    }
    for (uint64_t i = 0; i < d->length; i++) {
        worst_parameter = fmax(worst_parameter, off_by(dgamma[i], sums[4 * i], sums[4 * i + 2] + 1e-3));
        worst_parameter = fmax(worst_parameter, off_by(dbeta[i], sums[4 * i + 1], sums[4 * i + 3] + 1e-3));
    }
    tell(d, "layer gradient", worst, 1e-6);
    tell(d, "by parameters", worst_parameter, 4e-6);
    free(mean), free(inv_std), free(dgamma), free(dbeta), free(sums), free(dz);
}

static void check_reduce(const Data *d, VknStatistic statistic, const char *what) {
    double worst = 0;
    VknDesc desc;
    poison(d->result, d->rows);
    poison(d->index, d->rows);
    vkn_desc_reduce(&desc, statistic, 2, (uint64_t[]){d->rows, d->length}, 1, (int32_t[]){1});
    desc.roles |= statistic == VKN_STATISTIC_MAX ? BIT(INDEX) : 0;
    lay_out(d, &desc);
    compute(runtime, &desc,
            &(ComputeData){
                .memory = {[VKN_ROLE_X] = d->x, [VKN_ROLE_RESULT] = d->result, [VKN_ROLE_INDEX] = d->index},
                .offset = d->offset});
    for (uint64_t row = 0; row < d->rows; row++) {
        double sum = 0, absolute = 0, exponentials = 0;
        uint64_t greatest = 0;
        for (uint64_t i = 0; i < d->length; i++) {
            double x = d->x[place(d, row, i)];
            sum += x;
            absolute += fabs(x) < LARGE ? fabs(x) : 0;
            exponentials += exp(x);
            greatest = x > d->x[place(d, row, greatest)] ? i : greatest;
        }
        if (statistic == VKN_STATISTIC_MAX)
            worst = fmax(
                worst, d->index[row] == greatest && d->result[row] == d->x[place(d, row, greatest)] ? 0 : 1);
        else if (statistic == VKN_STATISTIC_SUM)
            worst = fmax(worst, off_by(d->result[row], sum, absolute));
        else
            worst = fmax(worst, off_by(d->result[row], log(exponentials), fmax(fabs(log(exponentials)), 1)));
    }
    tell(d, what, worst, statistic == VKN_STATISTIC_LOG_SUM_EXP ? 1e-6 : 2e-7);
}

int main(int argc, char **argv) {
    VknRuntimeDesc desc = {.log = {log_write, NULL}};
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--validation"))
            desc.validation = true;
        else if (!strcmp(argv[i], "--device") && i + 1 < argc)
            desc.device = argv[++i];
        else
            return fprintf(stderr, "usage: rows [--device NAME] [--validation]\n"), 2;
    }
    if (vkn_runtime_create(&desc, &runtime) != VKN_SUCCESS)
        return 2;
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        uint64_t count = CASES[c].rows * CASES[c].length;
        Data d = {.rows = CASES[c].rows, .length = CASES[c].length, .columns = CASES[c].columns};
        float **tensors[] = {&d.x, &d.y, &d.dy, &d.dx, &d.result};
        for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
            if (!(*tensors[i] = malloc(count * sizeof(float))))
                return 2;
        d.index = malloc(d.rows * sizeof *d.index);
        for (uint64_t i = 0; i < count; i++) {
            d.x[i] = 3 * noise(i) + 1;
            d.dy[i] = noise(i + count);
        }
        for (; d.offset <= sizeof(float); d.offset += sizeof(float)) {
            check_softmax(&d);
            check_layer_norm(&d);
            check_layer_gradient(&d);
            check_reduce(&d, VKN_STATISTIC_SUM, "sum");
            check_reduce(&d, VKN_STATISTIC_LOG_SUM_EXP, "log-sum-exp");
            check_reduce(&d, VKN_STATISTIC_MAX, "argmax");
        }
        for (uint64_t i = 0; i < count; i++) /* the maximum climbs along a row */
            d.x[place(&d, i / d.length, i % d.length)] += CLIMB * (float)(i % d.length) / (float)d.length;
        d.offset = 0;
        check_softmax(&d);
        check_reduce(&d, VKN_STATISTIC_LOG_SUM_EXP, "log-sum-exp");
        for (uint64_t row = 0; row < d.rows && d.length > 2; row++) {
            d.x[place(&d, row, 0)] = LARGE;
            d.x[place(&d, row, 2)] = -LARGE;
        }
        for (d.offset = 0; d.offset <= sizeof(float); d.offset += sizeof(float))
            check_reduce(&d, VKN_STATISTIC_SUM, "cancelling sum");
        for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
            free(*tensors[i]);
        free(d.index);
    }
    uint32_t messages = vkn_runtime_validation_count(runtime);
    vkn_runtime_destroy(runtime);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed + (messages > 0));
    return failed || messages || !passed;
}
