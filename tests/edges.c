/* Softmax, reductions and hardmax where numbers end: infinities, NaN, the greatest and the least, ties,
 * nothing at all, with every strategy. What must come out is written down by hand. */
#include "compute.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)
#define LENGTH    9

static VknRuntime *runtime;
static uint32_t passed, failed;

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR)
        printf("    %s\n", message);
}

#define INF INFINITY
#define E1  2.718281828f

/* Rows of x, and their softmax, log-softmax and hardmax. */
static const struct {
    const char *name;
    float x[LENGTH], softmax[LENGTH], log_softmax[LENGTH];
    uint32_t hardmax, last; /* the greatest */
} ROWS[] = {
    {"one -inf",
     {0, -INF, 0, 0, 0, 0, 0, 0, 0},
     {.125f, 0, .125f, .125f, .125f, .125f, .125f, .125f, .125f},
     {-2.0794415f, -INF, -2.0794415f, -2.0794415f, -2.0794415f, -2.0794415f, -2.0794415f, -2.0794415f,
      -2.0794415f},
     0,
     8},
    {"all -inf",
     {-INF, -INF, -INF, -INF, -INF, -INF, -INF, -INF, -INF},
     {0},
     {-INF, -INF, -INF, -INF, -INF, -INF, -INF, -INF, -INF},
     0,
     8},
    {"a number among -inf",
     {-INF, -INF, -INF, -5e37f, -INF, -INF, -INF, -INF, -INF},
     {0, 0, 0, 1},
     {-INF, -INF, -INF, 0, -INF, -INF, -INF, -INF, -INF},
     3,
     3},
    {"an inf",
     {1, 2, 3, INF, 4, 5, 6, 7, 8},
     {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN},
     {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN},
     3,
     3},
    {"a NaN",
     {1, 2, 3, 4, 5, NAN, 6, 7, INF},
     {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN},
     {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN},
     5,
     5},
    {"far apart",
     {FLT_MAX, -FLT_MAX, 0, 0, 0, 0, 0, 0, FLT_MAX},
     {.5f, 0, 0, 0, 0, 0, 0, 0, .5f},
     {-.6931472f, -INF, -FLT_MAX, -FLT_MAX, -FLT_MAX, -FLT_MAX, -FLT_MAX, -FLT_MAX, -.6931472f},
     0,
     8},
    {"large",
     {1e6f, 1e6f + 1, 1e6f, -1e6f, -1e6f, -1e6f, -1e6f, -1e6f, -1e6f},
     {1 / (2 + E1), E1 / (2 + E1), 1 / (2 + E1)},
     {-1.5514447f, -.5514447f, -1.5514447f, -2000001.5f, -2000001.5f, -2000001.5f, -2000001.5f, -2000001.5f,
      -2000001.5f},
     1,
     1},
    {"zeros of both signs",
     {0, -0.0f, 0, -0.0f, 0, -0.0f, 0, -0.0f, 0},
     {1.f / 9, 1.f / 9, 1.f / 9, 1.f / 9, 1.f / 9, 1.f / 9, 1.f / 9, 1.f / 9, 1.f / 9},
     {-2.1972246f, -2.1972246f, -2.1972246f, -2.1972246f, -2.1972246f, -2.1972246f, -2.1972246f, -2.1972246f,
      -2.1972246f},
     0,
     8},
};

/* Reductions of rows. */
static const struct {
    const char *name;
    float x[LENGTH];
    float sum, mean, product, greatest, least, log_sum_exp;
    uint32_t most, lowest; /* numbers of the first greatest and least */
} REDUCED[] = {
    {"cancelling", {1e8f, 1, -1e8f, 1, 1e8f, 1, -1e8f, 1, 0}, 4, 4.f / 9, 0, 1e8f, -1e8f, 1e8f, 0, 2},
    {"large and small factors",
     {1e30f, 1e30f, 1e-30f, 1e-30f, 1e30f, 1e-30f, 2, 1e38f, 1e-38f},
     1e38f,
     1e38f / 9,
     2,
     1e38f,
     1e-38f,
     1e38f,
     7,
     8},
    {"an inf", {1, 2, INF, 3, 4, 5, 6, 7, 8}, INF, INF, INF, INF, 1, INF, 2, 0},
    {"a -inf", {1, 2, -INF, 3, 4, 5, 6, 7, 8}, -INF, -INF, -INF, 8, -INF, 8.458340f, 8, 2},
    {"both", {1, 2, -INF, 3, INF, 5, 6, 7, 8}, NAN, NAN, -INF, INF, -INF, INF, 4, 2},
    {"a NaN", {1, 2, NAN, 3, NAN, 5, 6, 7, 8}, NAN, NAN, NAN, NAN, NAN, NAN, 2, 2},
    {"ties", {3, 7, 3, 7, 3, 7, 3, 7, 5}, 45, 5, 972405, 7, 3, 8.437129f, 1, 0},
};

static bool is_near(float got, float want) {
    if (isnan(want) || isinf(want))
        return isnan(want) ? isnan(got) : got == want;
    return fabsf(got - want) <= 4e-6f * fmaxf(fabsf(want), 1) || fabsf(got - want) <= 2e-6f * fabsf(want);
}

static void tell(bool right, const char *what, const char *row, const char *strategy) {
    *(right ? &passed : &failed) += 1;
    if (!right)
        printf("FAILED: %s of %s, strategy %s\n", what, row, strategy);
}

/* Runs `desc` with each strategy that serves it; `columns`: rows of x are columns in memory. */
static void for_each_strategy(VknDesc desc, void (*check)(VknDesc *desc, const char *strategy)) {
    const VknCaps *caps = vkn_context_caps(vkn_runtime_context(runtime));
    VknPlanInfo info;
    for (desc.strategy = 1; vkn_strategy_name(desc.strategy - 1); desc.strategy++)
        if (vkn_plan_query(caps, &desc, (VknLog){0}, &info) == VKN_SUCCESS)
            check(&desc, info.strategy_name);
}

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* Where element i of a row lies: rows, or columns. */
static size_t place(const VknDesc *desc, size_t row, size_t i) {
    return row * desc->x.stride[0] + i * desc->x.stride[1];
}

static void check_rows(VknDesc *desc, const char *strategy) {
    float x[COUNT(ROWS) * LENGTH], y[COUNT(ROWS) * LENGTH];
    for (size_t row = 0; row < COUNT(ROWS); row++)
        for (size_t i = 0; i < LENGTH; i++)
            x[place(desc, row, i)] = ROWS[row].x[i];
    compute(runtime, desc, &(ComputeData){.memory = {[VKN_ROLE_X] = x, [VKN_ROLE_Y] = y}});
    for (size_t row = 0; row < COUNT(ROWS); row++) {
        bool hardmax = desc->statistic == VKN_STATISTIC_MAX, right = true;
        const float *want =
            desc->activation.id == VKN_ACTIVATION_EXP ? ROWS[row].softmax : ROWS[row].log_softmax;
        uint32_t greatest = desc->last_index ? ROWS[row].last : ROWS[row].hardmax;
        for (size_t i = 0; i < LENGTH; i++)
            right = right && is_near(y[place(desc, row, i)], hardmax ? i == greatest : want[i]);
        tell(right,
             hardmax               ? "hardmax"
             : desc->activation.id ? "softmax"
                                   : "log-softmax",
             ROWS[row].name, strategy);
    }
}

static void check_reduced(VknDesc *desc, const char *strategy) {
    float x[COUNT(REDUCED) * LENGTH], result[COUNT(REDUCED)];
    uint32_t index[COUNT(REDUCED)] = {0};
    for (size_t row = 0; row < COUNT(REDUCED); row++)
        for (size_t i = 0; i < LENGTH; i++)
            x[place(desc, row, i)] = REDUCED[row].x[i];
    compute(
        runtime, desc,
        &(ComputeData){.memory = {[VKN_ROLE_X] = x, [VKN_ROLE_RESULT] = result, [VKN_ROLE_INDEX] = index}});
    for (size_t row = 0; row < COUNT(REDUCED); row++) {
        bool most = desc->statistic == VKN_STATISTIC_MAX, least = desc->statistic == VKN_STATISTIC_MIN;
        float want = most                                       ? REDUCED[row].greatest
                     : least                                    ? REDUCED[row].least
                     : desc->statistic == VKN_STATISTIC_SUM     ? REDUCED[row].sum
                     : desc->statistic == VKN_STATISTIC_MEAN    ? REDUCED[row].mean
                     : desc->statistic == VKN_STATISTIC_PRODUCT ? REDUCED[row].product
                                                                : REDUCED[row].log_sum_exp;
        uint32_t number = most ? REDUCED[row].most : REDUCED[row].lowest;
        bool right = is_near(result[row], want) && (!(desc->roles & BIT(INDEX)) || index[row] == number);
        if (!right)
            printf("    %g instead of %g, number %u\n", (double)result[row], (double)want, index[row]);
        tell(right, "a reduction", REDUCED[row].name, strategy);
    }
}

/* Hardmax of nothing but -inf, of which the first and the last element do not count. */
static void check_masked(VknDesc *desc, const char *strategy) {
    float x[LENGTH], y[LENGTH];
    uint8_t mask[12] = {0, 1, 1, 1, 1, 1, 1, 1, 0};
    bool right = true;
    for (size_t i = 0; i < LENGTH; i++)
        x[i] = -INF;
    compute(runtime, desc,
            &(ComputeData){.memory = {[VKN_ROLE_X] = x, [VKN_ROLE_Y] = y, [VKN_ROLE_MASK] = mask}});
    for (size_t i = 0; i < LENGTH; i++)
        right = right && y[i] == (i == (desc->last_index ? LENGTH - 2 : 1));
    tell(right, "hardmax", "masked -inf", strategy);
}

/* Of no element at all: what each statistic begins with. */
static void check_nothing(void) {
    static const struct {
        VknStatistic statistic;
        float want;
    } NOTHING[] = {
        {VKN_STATISTIC_SUM, 0},          {VKN_STATISTIC_PRODUCT, 1},   {VKN_STATISTIC_MAX, -INF},
        {VKN_STATISTIC_MIN, INF},        {VKN_STATISTIC_MEAN, NAN},    {VKN_STATISTIC_VARIANCE, NAN},
        {VKN_STATISTIC_SUM_SQUARE, 0},   {VKN_STATISTIC_SUM_POWER, 0}, {VKN_STATISTIC_LOG_SUM_EXP, -INF},
        {VKN_STATISTIC_MEAN_SQUARE, NAN}};
    for (size_t i = 0; i < COUNT(NOTHING); i++) {
        bool extreme = NOTHING[i].statistic == VKN_STATISTIC_MAX || NOTHING[i].statistic == VKN_STATISTIC_MIN;
        float result[3] = {7, 7, 7};
        uint32_t index[3] = {7, 7, 7};
        VknDesc desc;
        vkn_desc_reduce(&desc, NOTHING[i].statistic, 2, (uint64_t[]){3, 0}, 1, (int32_t[]){1});
        desc.roles |= extreme ? BIT(INDEX) : 0;
        compute(runtime, &desc,
                &(ComputeData){.memory = {[VKN_ROLE_RESULT] = result, [VKN_ROLE_INDEX] = index}});
        bool right = true;
        for (size_t k = 0; k < 3; k++)
            right = right && is_near(result[k], NOTHING[i].want) && (!extreme || index[k] == UINT32_MAX);
        tell(right, "a reduction", "nothing", "finish");
    }
}

int main(int argc, char **argv) {
    static const VknStatistic STATISTICS[] = {VKN_STATISTIC_SUM,     VKN_STATISTIC_MEAN,
                                              VKN_STATISTIC_PRODUCT, VKN_STATISTIC_MAX,
                                              VKN_STATISTIC_MIN,     VKN_STATISTIC_LOG_SUM_EXP};
    VknRuntimeDesc runtime_desc = {.log = {log_write, NULL}};
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--validation"))
            runtime_desc.validation = true;
        else if (!strcmp(argv[i], "--device") && i + 1 < argc)
            runtime_desc.device = argv[++i];
        else
            return fprintf(stderr, "usage: edges [--device NAME] [--validation]\n"), 2;
    }
    if (vkn_runtime_create(&runtime_desc, &runtime) != VKN_SUCCESS)
        return 2;
    for (int columns = 0; columns < 2; columns++) {
        VknDesc desc;
        vkn_desc_softmax(&desc, VKN_OPERATION_TRAIN, 2, (uint64_t[]){COUNT(ROWS), LENGTH}, 1, (int32_t[]){1});
        desc.x = (VknTensor){VKN_TYPE_F32, {columns ? 1 : LENGTH, columns ? COUNT(ROWS) : 1}};
        desc.y = desc.x;
        for_each_strategy(desc, check_rows);
        desc.activation = vkn_activation_default(VKN_ACTIVATION_IDENTITY);
        for_each_strategy(desc, check_rows);
        desc.statistic = VKN_STATISTIC_MAX;
        for (int last = 0; last < 2; last++) {
            desc.last_index = last;
            for_each_strategy(desc, check_rows);
        }
        for (size_t i = 0; i < COUNT(STATISTICS); i++) {
            vkn_desc_reduce(&desc, STATISTICS[i], 2, (uint64_t[]){COUNT(REDUCED), LENGTH}, 1, (int32_t[]){1});
            desc.x = (VknTensor){VKN_TYPE_F32, {columns ? 1 : LENGTH, columns ? COUNT(REDUCED) : 1}};
            for_each_strategy(desc, check_reduced);
            desc.roles |= BIT(INDEX);
            if (STATISTICS[i] == VKN_STATISTIC_MAX || STATISTICS[i] == VKN_STATISTIC_MIN)
                for_each_strategy(desc, check_reduced);
        }
    }
    check_nothing();
    for (int last = 0; last < 2; last++) {
        VknDesc desc;
        vkn_desc_softmax(&desc, VKN_OPERATION_TRAIN, 2, (uint64_t[]){1, LENGTH}, 1, (int32_t[]){1});
        desc.activation = vkn_activation_default(VKN_ACTIVATION_IDENTITY);
        desc.statistic = VKN_STATISTIC_MAX;
        desc.last_index = last;
        desc.roles |= BIT(MASK);
        desc.mask_stride[0] = LENGTH;
        desc.mask_stride[1] = 1;
        for_each_strategy(desc, check_masked);
    }
    uint32_t messages = vkn_runtime_validation_count(runtime);
    vkn_runtime_destroy(runtime);
    if (messages)
        printf("%u validation messages\n", messages);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed + (messages > 0));
    return failed || messages || !passed;
}
