#include "gradient.h"
#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define U       0x1p-24
#define EPSILON 1e-3

/* ----------------------------------------------------------------------------------------------- types */

/* Digits of the significand, and the exponent of the smallest normal number. */
static void format_of(VknType type, int *digits, int *smallest) {
    *digits = type == VKN_TYPE_F32 ? 24 : type == VKN_TYPE_F16 ? 11 : 8;
    *smallest = type == VKN_TYPE_F16 ? -14 : -126;
}

/* The distance between neighbours around a value. */
static double spacing(VknType type, double value) {
    int digits, smallest, exponent;
    format_of(type, &digits, &smallest);
    frexp(value, &exponent);
    return ldexp(1, (exponent - 1 < smallest ? smallest : exponent - 1) - digits + 1);
}

float test_round(VknType type, float value) {
    double unit = spacing(type, value);
    return (float)(nearbyint(value / unit) * unit);
}

static double decode(VknType type, const uint8_t *data, uint32_t i) {
    uint32_t word;
    uint16_t half;
    float value;
    if (type == VKN_TYPE_F32) {
        memcpy(&value, data + 4 * i, 4);
        return value;
    }
    memcpy(&half, data + 2 * i, 2);
    if (type == VKN_TYPE_BF16) {
        word = (uint32_t)half << 16;
        memcpy(&value, &word, 4);
        return value;
    }
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                       : exponent == 0 ? ldexp(fraction, -24)
                                       : ldexp(1024 + fraction, exponent - 25);
    return half >> 15 ? -magnitude : magnitude;
}

void test_encode(VknType type, const float *values, uint64_t bytes, uint8_t *to) {
    uint64_t count = type == VKN_TYPE_F32 ? bytes / 4 : TEST_ELEMENTS;
    if (type == VKN_TYPE_F32) {
        memcpy(to, values, bytes);
        return;
    }
    for (uint64_t i = 0; i < count; i++) { /* the values are representable */
        uint32_t word;
        uint16_t half = 0;
        memcpy(&word, &values[i], 4);
        int exponent;
        double fraction = frexp(fabsf(values[i]), &exponent);
        if (type == VKN_TYPE_BF16)
            half = (uint16_t)(word >> 16);
        else if (values[i] != 0)
            half = (uint16_t)(exponent < -13 ? ldexp(fraction, exponent + 24)
                                             : ldexp(fraction, 11) - 1024 + (exponent + 14) * 1024);
        half |= type == VKN_TYPE_F16 && word >> 31 ? 0x8000 : 0;
        memcpy(to + 2 * i, &half, 2);
    }
}

/* ----------------------------------------------------------------------------------------- activations */

/* By central differences of test_activation_value(): no formula to get wrong. Kinks are left to the bound. */
static double derivative_of(const VknActivation *a, double z) {
    double h = 1e-5;
    return (test_activation_value(a, z + h) - test_activation_value(a, z - h)) / (2 * h);
}

/* How far the derivative may move within `slack` of z: large across a kink. */
static double derivative_slack(const VknActivation *a, double z, double slack) {
    double here = derivative_of(a, z);
    double step = 2e-5 + slack;
    return fmax(fabs(derivative_of(a, z + step) - here), fabs(derivative_of(a, z - step) - here));
}

/* ---------------------------------------------------------------------------------------------- expected */

static uint32_t channel_of(const TestProblem *p, uint32_t i) {
    return p->last ? i % TEST_CHANNELS : i / TEST_INNER % TEST_CHANNELS;
}

static void moments_of(const TestProblem *p, uint32_t channel, double *mean, double *variance) {
    double n = TEST_BATCH * TEST_INNER;
    *mean = *variance = 0;
    for (uint32_t i = 0; i < TEST_ELEMENTS; i++)
        *mean += channel_of(p, i) == channel ? test_activation_value(&p->prologue, p->x[i]) / n : 0;
    for (uint32_t i = 0; i < TEST_ELEMENTS; i++)
        if (channel_of(p, i) == channel)
            *variance += pow(test_activation_value(&p->prologue, p->x[i]) - *mean, 2) / n;
}

void test_statistics(TestProblem *p) {
    for (uint32_t c = 0; c < TEST_CHANNELS; c++) {
        double mean, variance;
        moments_of(p, c, &mean, &variance);
        p->mean[c] = (float)mean;
        p->inv_std[c] = (float)(1 / sqrt(variance + (float)EPSILON));
    }
}

static void set(TestExpected *e, uint32_t role, double (*rows)[TEST_ELEMENTS]) {
    e->value[role] = rows[0];
    e->bound[role] = rows[1];
    e->count[role] = TEST_ELEMENTS;
}

/* An error of z of about 64 u per unit of its terms: eight roundings, the statistics' own error, and that of
 * the activation's exp. */
static double z_bound(double xhat, double gamma, double beta, double residual) {
    return 64 * U * (fabs(xhat * gamma) + fabs(gamma) + fabs(beta) + fabs(residual) + 0.1);
}

static void expect_forward(const TestProblem *p, TestExpected *e) {
    set(e, VKN_ROLE_Y, e->tensor[0]);
    for (uint32_t i = 0; i < TEST_ELEMENTS; i++) {
        uint32_t c = channel_of(p, i);
        double mean, variance, residual = p->has_residual ? p->residual[i] : 0;
        moments_of(p, c, &mean, &variance);
        double xhat = (test_activation_value(&p->prologue, p->x[i]) - mean) / sqrt(variance + (float)EPSILON);
        double z = xhat * p->gamma[c] + p->beta[c] + residual;
        e->tensor[0][0][i] = test_activation_value(&p->activation, z);
        e->tensor[0][1][i] = 1.2 * z_bound(xhat, p->gamma[c], p->beta[c], residual) +
                             spacing(p->y_type, e->tensor[0][0][i]) / 2 * 1.01;
    }
}

static void expect_gradient(const TestProblem *p, bool follows, TestExpected *e) {
    double n = TEST_BATCH * TEST_INNER;
    static double dz[TEST_ELEMENTS], dz_bound[TEST_ELEMENTS], xhat[TEST_ELEMENTS];
    double sum[TEST_CHANNELS][2] = {{0}}, sum_bound[TEST_CHANNELS][2] = {{0}};
    for (uint32_t i = 0; i < TEST_ELEMENTS; i++) {
        uint32_t c = channel_of(p, i);
        double residual = p->has_residual ? p->residual[i] : 0;
        xhat[i] = (test_activation_value(&p->prologue, p->x[i]) - p->mean[c]) * p->inv_std[c];
        double z = xhat[i] * p->gamma[c] + p->beta[c] + residual;
        double slack = z_bound(xhat[i], p->gamma[c], p->beta[c], residual);
        dz[i] = p->dy[i] * derivative_of(&p->activation, z);
        dz_bound[i] = fabs(p->dy[i]) * (derivative_slack(&p->activation, z, slack) + 64 * U);
        sum[c][0] += dz[i];
        sum[c][1] += dz[i] * xhat[i];
        sum_bound[c][0] += dz_bound[i] + 16 * U * fabs(dz[i]);
        sum_bound[c][1] += (dz_bound[i] + 80 * U * fabs(dz[i])) * (fabs(xhat[i]) + 0.1);
    }
    set(e, VKN_ROLE_DX, e->tensor[0]);
    if (p->has_residual)
        set(e, VKN_ROLE_DRESIDUAL, e->tensor[1]);
    for (uint32_t i = 0; i < TEST_ELEMENTS; i++) {
        uint32_t c = channel_of(p, i);
        double scale = p->gamma[c] * p->inv_std[c] * derivative_of(&p->prologue, p->x[i]);
        double couple = follows ? sum[c][0] / n + xhat[i] * sum[c][1] / n : 0;
        double bound = dz_bound[i] + 64 * U * (fabs(dz[i]) + fabs(couple) + 0.1);
        if (follows)
            bound += (sum_bound[c][0] + fabs(xhat[i]) * sum_bound[c][1]) / n;
        e->tensor[0][0][i] = scale * (dz[i] - couple);
        e->tensor[0][1][i] = fabs(scale) * bound + 1e-9 +
                             64 * U * fabs(dz[i] - couple) * p->gamma[c] * p->inv_std[c] +
                             spacing(p->x_type, e->tensor[0][0][i]) / 2 * 1.01;
        e->tensor[1][0][i] = dz[i];
        e->tensor[1][1][i] = dz_bound[i] + 1e-9 + spacing(p->residual_type, dz[i]) / 2 * 1.01;
    }
    for (int k = 0; k < 2; k++) {
        uint32_t role = k ? VKN_ROLE_DGAMMA : VKN_ROLE_DBETA;
        for (uint32_t c = 0; c < TEST_CHANNELS; c++) {
            e->parameter[k][0][c] = sum[c][k] + (p->accumulate ? p->dgamma_before[c] : 0);
            e->parameter[k][1][c] = sum_bound[c][k] + 4 * U * fabs(e->parameter[k][0][c]);
        }
        e->value[role] = e->parameter[k][0];
        e->bound[role] = e->parameter[k][1];
        e->count[role] = TEST_CHANNELS;
    }
}

void test_expect(const TestProblem *p, VknOperation operation, TestExpected *e) {
    memset(e, 0, sizeof *e);
    if (operation == VKN_OPERATION_TRAIN)
        expect_forward(p, e);
    else
        expect_gradient(p, operation == VKN_OPERATION_TRAIN_GRADIENT, e);
}

bool test_compare(const TestExpected *e, uint32_t role, VknType type, const uint8_t *data) {
    for (uint32_t i = 0; i < e->count[role]; i++) {
        double got = decode(type, data, i);
        if (!(fabs(got - e->value[role][i]) <= e->bound[role][i])) {
            printf("    role %u element %u is %.9g, expected %.9g within %.3g\n", role, i, got,
                   e->value[role][i], e->bound[role][i]);
            return false;
        }
    }
    return true;
}
