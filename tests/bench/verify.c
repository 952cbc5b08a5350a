/* The formulas of vknorm.h in fp64, element by element. */
#include "bench.h"

#include "../number.h"
#include "../reference.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Elements that are looked at: enough statistics to have these, at least two, all of each. */
#define SAMPLE 200000u

/* What f32 arithmetic may lose of the sum of all magnitudes; a single element that is missing from the sum
 * over a plane of 56 x 56 at batch 8 is more. */
#define TOLERANCE 2e-5

/* z this close to 0 may lie on either side of a jump of the activation's slope. */
#define JUMP 1e-5

typedef struct Check {
    VknRuntime *runtime;
    const VknDesc *desc;
    uint32_t kept, parameter; /* bit axis */
    uint64_t count;           /* elements behind each statistic */
    uint8_t *got[VKN_ROLE_COUNT];
    uint64_t got_count[VKN_ROLE_COUNT];
    char *message;
    size_t message_size;
    bool failed;
} Check;

static bool has(const Check *c, VknRole role) {
    return c->desc->roles & VKN_ROLE_BIT(role);
}

static double given(const Check *c, VknRole role, uint64_t index, double absent) {
    return has(c, role) ? bench_value(c->desc, role, index) : absent;
}

/* --------------------------------------------------------------------------------------------- axes */

static uint32_t axis_mask(uint32_t count, const int32_t *axes) {
    uint32_t mask = 0;
    for (uint32_t i = 0; i < count; i++)
        mask |= 1u << axes[i];
    return mask;
}

static uint64_t extent_of(const VknDesc *desc, uint32_t mask) {
    uint64_t extent = 1;
    for (uint32_t i = 0; i < desc->rank; i++)
        extent *= mask >> i & 1 ? desc->shape[i] : 1;
    return extent;
}

/* The number of an element among the axes of a mask. */
static uint64_t number_of(const VknDesc *desc, uint32_t mask, uint64_t element) {
    uint64_t number = 0, scale = 1;
    for (uint32_t i = desc->rank; i-- > 0; element /= desc->shape[i])
        if (mask >> i & 1) {
            number += element % desc->shape[i] * scale;
            scale *= desc->shape[i];
        }
    return number;
}

/* The element that is number `fixed` among the axes of a mask and number `member` among the others. */
static uint64_t element_of(const VknDesc *desc, uint32_t mask, uint64_t fixed, uint64_t member) {
    uint64_t element = 0, scale = 1;
    for (uint32_t i = desc->rank; i-- > 0; scale *= desc->shape[i]) {
        uint64_t *number = mask >> i & 1 ? &fixed : &member;
        element += *number % desc->shape[i] * scale;
        *number /= desc->shape[i];
    }
    return element;
}

/* ------------------------------------------------------------------------------------------ compare */

static const char *const NAMES[VKN_ROLE_COUNT] = {
    [VKN_ROLE_Y] = "y",           [VKN_ROLE_MEAN] = "mean",           [VKN_ROLE_INV_STD] = "inv_std",
    [VKN_ROLE_DX] = "dx",         [VKN_ROLE_DGAMMA] = "dgamma",       [VKN_ROLE_DBETA] = "dbeta",
    [VKN_ROLE_RESULT] = "result", [VKN_ROLE_DRESIDUAL] = "dresidual",
};

static void compare(Check *c, VknRole role, uint64_t index, double want, double scale) {
    VknType type = bench_role_type(c->desc, role);
    if (!has(c, role))
        return;
    double rounding = type == VKN_TYPE_F32 ? 0 : test_spacing(type, want);
    double got = test_decode(type, c->got[role], index);
    if (fabs(got - want) <= TOLERANCE * scale + rounding)
        return;
    snprintf(c->message, c->message_size, "%s[%" PRIu64 "] is %.9g, should be %.9g", NAMES[role], index, got,
             want);
    c->failed = true;
}

/* What nobody wrote is still NaN. */
static void compare_all_written(Check *c, VknRole role) {
    uint32_t size = test_type_size(bench_role_type(c->desc, role));
    static const uint8_t nan[4] = {0xFF, 0xFF, 0xFF, 0xFF};
    for (uint64_t i = 0; i < c->got_count[role] && !c->failed; i++)
        if (memcmp(c->got[role] + i * size, nan, size) == 0) {
            snprintf(c->message, c->message_size, "%s[%" PRIu64 "] was not written", NAMES[role], i);
            c->failed = true;
        }
}

/* ------------------------------------------------------------------------------------------ forward */

static void compare_y(Check *c, uint64_t element, double xhat) {
    uint64_t parameter = number_of(c->desc, c->parameter, element);
    double scaled = given(c, VKN_ROLE_GAMMA, parameter, 1) * xhat,
           beta = given(c, VKN_ROLE_BETA, parameter, 0) + given(c, VKN_ROLE_RESIDUAL, element, 0);
    double want = test_activation_value(&c->desc->activation, scaled + beta);
    /* An exponential is wrong by a part of itself, and is small where there are many. */
    double scale = c->desc->statistic == VKN_STATISTIC_LOG_SUM_EXP ? want * (1 + fabs(xhat))
                                                                   : 1 + fabs(scaled) + fabs(beta);
    compare(c, VKN_ROLE_Y, element, want, scale);
}

static void compare_given(Check *c, uint64_t element) {
    const VknDesc *desc = c->desc;
    uint64_t statistic = number_of(desc, c->kept, element);
    double x = given(c, VKN_ROLE_X, element, 0);
    double scale = has(c, VKN_ROLE_VARIANCE)
                       ? 1 / sqrt(given(c, VKN_ROLE_VARIANCE, statistic, 0) + (double)desc->epsilon)
                       : 1;
    if (desc->operation == VKN_OPERATION_APPLY) {
        compare_y(c, element, (x - given(c, VKN_ROLE_MEAN, statistic, 0)) * scale);
        return;
    }
    double dy = given(c, VKN_ROLE_DY, element, 0);
    compare(c, VKN_ROLE_DX, element, dy * test_activation_slope(&desc->activation, x),
            fabs(x) < JUMP ? HUGE_VAL : 1 + fabs(dy));
}

static void compare_forward(Check *c, uint64_t statistic) {
    const VknDesc *desc = c->desc;
    double sum = 0, magnitude = 0, squares = 0, most = -HUGE_VAL, exponentials = 0, n = (double)c->count;
    for (uint64_t i = 0; i < c->count; i++) {
        double x = given(c, VKN_ROLE_X, element_of(desc, c->kept, statistic, i), 0);
        sum += x;
        magnitude += fabs(x);
        most = fmax(most, x);
    }
    compare(c, VKN_ROLE_RESULT, statistic, sum, magnitude);
    if (desc->operation == VKN_OPERATION_REDUCE)
        return;
    double mean = desc->statistic == VKN_STATISTIC_VARIANCE ? sum / n : 0;
    for (uint64_t i = 0; i < c->count; i++) {
        double x = given(c, VKN_ROLE_X, element_of(desc, c->kept, statistic, i), 0);
        squares += (x - mean) * (x - mean);
        exponentials += exp(x - most);
    }
    double inv_std = 1 / sqrt(squares / n + (double)desc->epsilon);
    compare(c, VKN_ROLE_MEAN, statistic, mean, 1);
    compare(c, VKN_ROLE_INV_STD, statistic, inv_std, inv_std);
    for (uint64_t i = 0; i < c->count && !c->failed; i++) {
        uint64_t element = element_of(desc, c->kept, statistic, i);
        double x = given(c, VKN_ROLE_X, element, 0);
        compare_y(c, element,
                  desc->statistic == VKN_STATISTIC_LOG_SUM_EXP ? x - most - log(exponentials)
                                                               : (x - mean) * inv_std);
    }
}

/* ----------------------------------------------------------------------------------------- gradient */

typedef struct Slope {
    double xhat, dz;
    double slack; /* how much dz may be off, at a jump */
} Slope;

static Slope slope_of(const Check *c, uint64_t element) {
    uint64_t statistic = number_of(c->desc, c->kept, element);
    uint64_t parameter = number_of(c->desc, c->parameter, element);
    double dy = given(c, VKN_ROLE_DY, element, 0);
    Slope s = {.slack = 0};
    if (!has(c, VKN_ROLE_X)) { /* of softmax: exp' is y itself */
        s.dz = dy * given(c, VKN_ROLE_Y, element, 0);
        return s;
    }
    s.xhat = (given(c, VKN_ROLE_X, element, 0) - given(c, VKN_ROLE_MEAN, statistic, 0)) *
             given(c, VKN_ROLE_INV_STD, statistic, 1);
    double z = given(c, VKN_ROLE_GAMMA, parameter, 1) * s.xhat + given(c, VKN_ROLE_BETA, parameter, 0) +
               given(c, VKN_ROLE_RESIDUAL, element, 0);
    s.dz = dy * test_activation_slope(&c->desc->activation, z);
    s.slack = fabs(z) < JUMP ? fabs(dy) : 0;
    return s;
}

static double gamma_of(const Check *c, uint64_t element) {
    return given(c, VKN_ROLE_GAMMA, number_of(c->desc, c->parameter, element), 1);
}

static void compare_dx(Check *c, uint64_t statistic) {
    double sum = 0, sum_xhat = 0, slack = 0, n = (double)c->count;
    double inv_std = given(c, VKN_ROLE_INV_STD, statistic, 1);
    bool softmax = !has(c, VKN_ROLE_X), centred = c->desc->statistic == VKN_STATISTIC_VARIANCE;
    for (uint64_t i = 0; i < c->count; i++) {
        uint64_t element = element_of(c->desc, c->kept, statistic, i);
        Slope s = slope_of(c, element);
        sum += gamma_of(c, element) * s.dz;
        sum_xhat += gamma_of(c, element) * s.dz * s.xhat;
        slack += s.slack;
    }
    for (uint64_t i = 0; i < c->count && !c->failed; i++) {
        uint64_t element = element_of(c->desc, c->kept, statistic, i);
        Slope s = slope_of(c, element);
        double dz = gamma_of(c, element) * s.dz, y = given(c, VKN_ROLE_Y, element, 0);
        double dx = softmax ? dz - y * sum : inv_std * (dz - (centred ? sum / n : 0) - s.xhat * sum_xhat / n);
        double scale = softmax ? fabs(dz) + y * (1 + fabs(sum)) : 1 + fabs(dx) + 1e5 * slack / n;
        compare(c, VKN_ROLE_DX, element, dx, s.slack > 0 ? HUGE_VAL : scale);
        compare(c, VKN_ROLE_DRESIDUAL, element, s.dz, s.slack > 0 ? HUGE_VAL : 1 + fabs(s.dz));
    }
}

static void compare_parameter(Check *c, uint64_t parameter) {
    uint64_t members = bench_element_count(c->desc) / extent_of(c->desc, c->parameter);
    double dbeta = 0, dgamma = 0, beta_scale = 0, gamma_scale = 0;
    for (uint64_t i = 0; i < members; i++) {
        Slope s = slope_of(c, element_of(c->desc, c->parameter, parameter, i));
        dbeta += s.dz;
        dgamma += s.dz * s.xhat;
        beta_scale += fabs(s.dz) + s.slack / TOLERANCE;
        gamma_scale += fabs(s.dz * s.xhat) + s.slack * fabs(s.xhat) / TOLERANCE;
    }
    compare(c, VKN_ROLE_DBETA, parameter, dbeta, beta_scale);
    compare(c, VKN_ROLE_DGAMMA, parameter, dgamma, gamma_scale);
}

/* ------------------------------------------------------------------------------------------- sample */

/* Calls `compare_one` for numbers from 0 to total - 1, the first and the last among them. */
static void sample(Check *c, uint64_t total, uint64_t cost, void (*compare_one)(Check *, uint64_t)) {
    uint64_t wanted = SAMPLE / cost < 2 ? 2 : SAMPLE / cost;
    uint64_t taken = wanted < total ? wanted : total;
    for (uint64_t i = 0; i < taken && !c->failed; i++)
        compare_one(c, taken == 1 ? 0 : (uint64_t)((double)i * (double)(total - 1) / (double)(taken - 1)));
}

static void compare_sample(Check *c) {
    const VknDesc *desc = c->desc;
    uint64_t elements = bench_element_count(desc);
    uint64_t statistics = extent_of(desc, c->kept), parameters = extent_of(desc, c->parameter);
    switch (desc->operation) {
    case VKN_OPERATION_APPLY:
    case VKN_OPERATION_APPLY_GRADIENT:
        sample(c, elements, 1, compare_given);
        break;
    case VKN_OPERATION_TRAIN:
    case VKN_OPERATION_REDUCE:
        sample(c, statistics, c->count, compare_forward);
        break;
    case VKN_OPERATION_TRAIN_GRADIENT:
        sample(c, statistics, c->count, compare_dx);
        sample(c, parameters, elements / parameters, compare_parameter);
        break;
    case VKN_OPERATION_STATISTICS:
    case VKN_OPERATION_FINISH:
    case VKN_OPERATION_GRADIENT_STATISTICS:
        snprintf(c->message, c->message_size, "nothing is known of this operation");
        c->failed = true;
    }
}

bool bench_verify(VknRuntime *runtime, const VknDesc *desc, const VknBuffer buffers[VKN_ROLE_COUNT],
                  char *message, size_t message_size) {
    static const VknRole outputs[] = {VKN_ROLE_Y,      VKN_ROLE_MEAN,  VKN_ROLE_INV_STD, VKN_ROLE_DX,
                                      VKN_ROLE_DGAMMA, VKN_ROLE_DBETA, VKN_ROLE_RESULT,  VKN_ROLE_DRESIDUAL};
    Check c = {.runtime = runtime, .desc = desc, .message = message, .message_size = message_size};
    c.kept = axis_mask(desc->kept_axis_count, desc->kept_axes);
    c.parameter =
        desc->parameter_axis_count ? axis_mask(desc->parameter_axis_count, desc->parameter_axes) : c.kept;
    c.count = bench_element_count(desc) / extent_of(desc, c.kept);
    for (uint32_t i = 0; i < sizeof outputs / sizeof *outputs && !c.failed; i++) {
        const VknBuffer *buffer = &buffers[outputs[i]];
        if (!buffer->size)
            continue;
        c.got[outputs[i]] = malloc(buffer->size);
        c.got_count[outputs[i]] = buffer->size / test_type_size(bench_role_type(desc, outputs[i]));
        if (!c.got[outputs[i]] ||
            vkn_runtime_download(runtime, buffer, 0, c.got[outputs[i]], buffer->size) != VKN_SUCCESS) {
            snprintf(message, message_size, "the result could not be read back");
            c.failed = true;
        } else {
            compare_all_written(&c, outputs[i]);
        }
    }
    if (!c.failed)
        compare_sample(&c);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        free(c.got[role]);
    return !c.failed;
}
