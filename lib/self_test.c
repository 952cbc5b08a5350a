/* Runs what plans are made of on the device and compares with sums of its own, in f64 and two passes. Simple
 * operations come first, so that of a plan that is wrong those kernels are blamed that were never right. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "desc.h"
#include "plan.h"
#include "strategy.h"

#define MOST_CHANNELS 8

/* Far above what rounding and a device's exp() do, below what one element in a few thousand does. */
#define TOLERANCE 5e-5

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)

/* Statistics of more than 2048 elements: rows of odd length; and columns, four of which make a vector. */
static const uint64_t SHAPES[][3] = {{2, 3, 2603}, {5210, 8, 1}};

static const struct {
    VknOperation operation;
    VknStatistic statistic;
    uint32_t roles;
} CASES[] = {
    {VKN_OPERATION_FINISH, VKN_STATISTIC_VARIANCE, BIT(MOMENTS) | BIT(MEAN) | BIT(VARIANCE)},
    {VKN_OPERATION_APPLY, VKN_STATISTIC_VARIANCE,
     BIT(X) | BIT(Y) | BIT(GAMMA) | BIT(BETA) | BIT(MEAN) | BIT(VARIANCE)},
    {VKN_OPERATION_STATISTICS, VKN_STATISTIC_VARIANCE, BIT(X) | BIT(MEAN) | BIT(INV_STD)},
    {VKN_OPERATION_REDUCE, VKN_STATISTIC_MAX, BIT(X) | BIT(RESULT)},
    {VKN_OPERATION_REDUCE, VKN_STATISTIC_MEAN, BIT(X) | BIT(RESULT)},
    {VKN_OPERATION_TRAIN, VKN_STATISTIC_VARIANCE,
     BIT(X) | BIT(Y) | BIT(GAMMA) | BIT(BETA) | BIT(MEAN) | BIT(INV_STD)},
    {VKN_OPERATION_TRAIN, VKN_STATISTIC_LOG_SUM_EXP, BIT(X) | BIT(Y)},              /* softmax */
    {VKN_OPERATION_APPLY_GRADIENT, VKN_STATISTIC_NONE, BIT(X) | BIT(DY) | BIT(DX)}, /* of relu */
    {VKN_OPERATION_APPLY_GRADIENT, VKN_STATISTIC_VARIANCE,
     BIT(X) | BIT(DY) | BIT(GAMMA) | BIT(MEAN) | BIT(VARIANCE) | BIT(DX)},
    {VKN_OPERATION_GRADIENT_STATISTICS, VKN_STATISTIC_VARIANCE,
     BIT(X) | BIT(DY) | BIT(GAMMA) | BIT(MEAN) | BIT(INV_STD) | BIT(SUMS) | BIT(DGAMMA) | BIT(DBETA)},
    {VKN_OPERATION_TRAIN_GRADIENT, VKN_STATISTIC_VARIANCE,
     BIT(X) | BIT(DY) | BIT(GAMMA) | BIT(MEAN) | BIT(INV_STD) | BIT(DX) | BIT(DGAMMA) | BIT(DBETA)},
};

/* ------------------------------------------------------------------------------------------- expected */

typedef struct Channel {
    double gamma, beta, mean, variance, inv_std, max, exp_sum, dy, dy_xhat;
} Channel;

typedef struct Trial {
    VknDesc desc;
    uint64_t count; /* elements of a channel */
    Channel channel[MOST_CHANNELS];
} Trial;

/* From 0 to 1. */
static double noise(uint64_t index) {
    uint32_t bits = (uint32_t)index * 2654435761u + 12345;
    bits = (bits ^ bits >> 15) * 739982445u;
    return ((bits ^ bits >> 12) >> 8) / 16777216.0;
}

static float x_of(uint64_t element) {
    return (float)(3 * noise(element) - 1);
}

/* Goes with x, so that no sum of them is small. */
static float dy_of(uint64_t element) {
    return (float)(noise(element + 1000003) + 0.25 * x_of(element));
}

static uint64_t element_of(const Trial *t, uint32_t channel, uint64_t i) {
    const uint64_t *shape = t->desc.shape;
    return (i / shape[2] * shape[1] + channel) * shape[2] + i % shape[2];
}

static void make_channels(Trial *t) {
    t->count = t->desc.shape[0] * t->desc.shape[2];
    for (uint32_t c = 0; c < t->desc.shape[1]; c++) {
        Channel *s = &t->channel[c];
        *s = (Channel){.gamma = 0.5 + 0.125 * c, .beta = 0.25 * c - 1, .max = -INFINITY};
        for (uint64_t i = 0; i < t->count; i++) {
            double x = x_of(element_of(t, c, i));
            s->mean += x / (double)t->count;
            s->exp_sum += exp(x);
            s->max = x > s->max ? x : s->max;
        }
        for (uint64_t i = 0; i < t->count; i++)
            s->variance += pow(x_of(element_of(t, c, i)) - s->mean, 2) / (double)t->count;
        s->inv_std = 1 / sqrt(s->variance + (double)t->desc.epsilon);
        for (uint64_t i = 0; i < t->count; i++) {
            double dy = dy_of(element_of(t, c, i));
            s->dy += dy;
            s->dy_xhat += dy * (x_of(element_of(t, c, i)) - s->mean) * s->inv_std;
        }
    }
}

/* What float number `i` of a role is or should be. */
static double value_of(const Trial *t, uint32_t role, uint64_t i) {
    bool tensor = vkn_role_is_tensor(role), record = role == VKN_ROLE_MOMENTS || role == VKN_ROLE_SUMS;
    bool softmax = t->desc.statistic == VKN_STATISTIC_LOG_SUM_EXP;
    uint64_t channels = t->desc.shape[1];
    uint32_t word = (uint32_t)(i % 4);
    const Channel *s = &t->channel[(tensor ? i / t->desc.shape[2] : record ? i / 4 : i) % channels];
    double n = (double)t->count, x = tensor ? x_of(i) : 0, dy = tensor ? dy_of(i) : 0;
    double xhat = (x - s->mean) * s->inv_std;
    switch (role) {
    case VKN_ROLE_X:
        return x;
    case VKN_ROLE_Y:
        return softmax ? exp(x) / s->exp_sum : s->gamma * xhat + s->beta;
    case VKN_ROLE_GAMMA:
        return s->gamma;
    case VKN_ROLE_BETA:
        return s->beta;
    case VKN_ROLE_MEAN:
        return s->mean;
    case VKN_ROLE_INV_STD:
        return s->inv_std;
    case VKN_ROLE_VARIANCE:
        return s->variance;
    case VKN_ROLE_MOMENTS: /* each element is a part: its number, and its mean */
        return word == 0 ? 1 : word == 1 ? x_of(element_of(t, i / 4 % channels, i / 4 / channels)) : 0;
    case VKN_ROLE_DY:
        return dy;
    case VKN_ROLE_DX:
        if (t->desc.statistic == VKN_STATISTIC_NONE)
            return x > 0 ? dy : 0;
        if (t->desc.operation == VKN_OPERATION_TRAIN_GRADIENT)
            dy -= (s->dy + xhat * s->dy_xhat) / n;
        return s->gamma * s->inv_std * dy;
    case VKN_ROLE_DGAMMA:
        return s->dy_xhat;
    case VKN_ROLE_DBETA:
        return s->dy;
    case VKN_ROLE_SUMS:
        return word == 0 ? n : word == 1 ? s->dy : word == 2 ? s->dy_xhat : 0;
    default: /* RESULT */
        return t->desc.statistic == VKN_STATISTIC_MAX ? s->max : s->mean;
    }
}

/* ------------------------------------------------------------------------------------------------ runs */

typedef struct SelfTest {
    VknContext *context;
    const VknRunner *runner;
    VknHost quiet;        /* what fails here is no error yet */
    VknVariants refused;  /* more and more */
    VknVariants innocent; /* those that were part of a right run */
    VknVariants seen;     /* likewise, of this case */
    VknSelfTestInfo info;
    char wrong[128]; /* what was wrong about the last run */
} SelfTest;

static bool is_written(const Trial *t, uint32_t role) {
    return vkn_operation_info(t->desc.operation)->writes >> role & 1;
}

/* Compares an output; says in `wrong` what differs. */
static void compare(SelfTest *test, const Trial *t, uint32_t role, const float *got, uint64_t count) {
    double scale = 0;
    for (uint64_t i = 0; i < count; i++)
        scale += pow(value_of(t, role, i), 2) / (double)count;
    scale = sqrt(scale);
    for (uint64_t i = 0; i < count && !*test->wrong; i++) {
        double want = value_of(t, role, i);
        if (!(fabs(got[i] - want) <= TOLERANCE * fmax(fabs(want), scale)))
            snprintf(test->wrong, sizeof test->wrong, "number %" PRIu64 " of role %" PRIu32 " is %g, not %g",
                     i, role, (double)got[i], want);
    }
}

/* Runs a plan on inputs of the trial. Outputs begin as NaN. */
static VknResult run(SelfTest *test, const Trial *t, const VknPlan *plan) {
    const VknHost *host = &test->context->host;
    const uint64_t *size = vkn_plan_info(plan)->size;
    void *memory[VKN_ROLE_COUNT] = {0};
    VknResult result = VKN_SUCCESS;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT && !result; role++) {
        if (!size[role] || role == VKN_ROLE_WORKSPACE)
            continue;
        if (!(memory[role] = vkn_host_alloc(host, size[role])))
            result = VKN_ERROR_OUT_OF_HOST_MEMORY;
        else if (is_written(t, role))
            memset(memory[role], 0xFF, size[role]);
        else
            for (uint64_t i = 0; i < size[role] / sizeof(float); i++)
                ((float *)memory[role])[i] = (float)value_of(t, role, i);
    }
    if (!result)
        result = test->runner->run(test->runner->user, plan, memory);
    test->info.run_count++;
    test->wrong[0] = '\0';
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        if (memory[role] && !result && is_written(t, role))
            compare(test, t, role, memory[role], size[role] / sizeof(float));
        vkn_host_free(host, memory[role]);
    }
    return result;
}

/* Of a wrong plan those variants are refused that were never part of a right one, or else all. */
static void blame(SelfTest *test, const Trial *t, const VknSchedule *schedule) {
    bool all = true;
    for (uint32_t i = 0; i < schedule->step_count; i++)
        all = all && vkn_variants_have(&test->innocent, &schedule->steps[i]);
    for (uint32_t i = 0; i < schedule->step_count; i++) {
        const VknStep *step = &schedule->steps[i];
        if ((!all && vkn_variants_have(&test->innocent, step)) || vkn_variants_have(&test->refused, step))
            continue;
        vkn_variants_add(&test->refused, step);
        vkn_host_log(&test->context->host, VKN_LOG_WARNING,
                     "self-test: %s is not used any more: %s by %s is wrong, %s",
                     vkn_shaders[step->kernel][step->worker].name,
                     vkn_operation_info(t->desc.operation)->name, schedule->info.strategy_name, test->wrong);
    }
    test->info.wrong_count++;
}

/* Runs a trial, and again without what is wrong. UNSUPPORTED: the strategy has no variant left. */
static VknResult try(SelfTest *test, const Trial *t) {
    VknResult result = VKN_SUCCESS;
    do {
        VknPlan *plan;
        VknSchedule schedule;
        bool seen = true;
        result = vkn_schedule_make_without(&test->quiet, &test->context->caps, &test->refused, NULL, &t->desc,
                                           &schedule);
        for (uint32_t i = 0; i < schedule.step_count; i++)
            seen = seen && vkn_variants_have(&test->seen, &schedule.steps[i]);
        vkn_schedule_free(&test->quiet, &schedule);
        if (result || seen)
            return result;
        result = vkn_plan_make(test->context, &test->quiet, &t->desc, &test->refused, NULL, &plan);
        if (result)
            return result == VKN_ERROR_DRIVER ? VKN_ERROR_UNSUPPORTED : result;
        result = run(test, t, plan);
        if (!result && *test->wrong)
            blame(test, t, &plan->schedule);
        for (uint32_t i = 0; !result && !*test->wrong && i < plan->schedule.step_count; i++) {
            vkn_variants_add(&test->innocent, &plan->schedule.steps[i]);
            vkn_variants_add(&test->seen, &plan->schedule.steps[i]);
        }
        vkn_plan_destroy(plan);
    } while (!result && *test->wrong);
    return result;
}

static VknResult try_all(SelfTest *test) {
    Trial t = {0};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        for (size_t k = 0; k < sizeof SHAPES / sizeof *SHAPES; k++) {
            vkn_desc_batch_norm(&t.desc, CASES[i].operation, 3, SHAPES[k], 1, (int32_t[]){1});
            t.desc.roles = CASES[i].roles;
            t.desc.statistic = CASES[i].statistic;
            if (CASES[i].statistic == VKN_STATISTIC_LOG_SUM_EXP)
                t.desc.activation.id = VKN_ACTIVATION_EXP;
            if (CASES[i].statistic == VKN_STATISTIC_NONE)
                t.desc.activation = vkn_activation_default(VKN_ACTIVATION_RELU);
            make_channels(&t);
            if (CASES[i].operation == VKN_OPERATION_FINISH)
                t.desc.moment_parts = (uint32_t)t.count;
            memset(&test->seen, 0, sizeof test->seen);
            for (uint32_t row = 1; row <= vkn_strategy_count + 1; row++) {
                t.desc.strategy = row % (vkn_strategy_count + 1);
                VknResult result = try(test, &t);
                if (result == VKN_ERROR_UNSUPPORTED && !t.desc.strategy)
                    return VKN_FAIL(&test->context->host, DRIVER,
                                    "self-test: this device has no variant left that computes %s right",
                                    vkn_operation_info(t.desc.operation)->name);
                if (result && result != VKN_ERROR_UNSUPPORTED)
                    return result;
            }
        }
    return VKN_SUCCESS;
}

VknResult vkn_context_self_test(VknContext *context, const VknRunner *runner, VknSelfTestInfo *info) {
    if (!context)
        return VKN_ERROR_INVALID_ARGUMENT;
    if (!runner || !runner->run)
        return VKN_FAIL(&context->host, INVALID_ARGUMENT,
                        "vkn_context_self_test: runner and runner->run must not be NULL");
    SelfTest test = {.context = context, .runner = runner, .quiet = {.allocator = context->host.allocator}};
    VknResult result = vkn_context_check(context);
    if (result)
        return result;
    test.refused = vkn_context_refused(context);
    result = try_all(&test);
    vkn_context_refuse(context, &test.refused);
    for (uint32_t kernel = 0; kernel < VKN_KERNEL_COUNT; kernel++)
        for (uint32_t worker = 0; worker < VKN_WORKER_COUNT; worker++)
            test.info.refused_count += test.refused.workers[kernel] >> worker & 1;
    vkn_host_log(&context->host, VKN_LOG_INFO,
                 "self-test: %" PRIu32 " plans ran, %" PRIu32 " were wrong, %" PRIu32
                 " variants of kernels are not used",
                 test.info.run_count, test.info.wrong_count, test.info.refused_count);
    if (info)
        *info = test.info;
    return result;
}
