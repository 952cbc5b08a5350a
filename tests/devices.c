/* Real devices that nobody here has: on each of them every case of the table, random descriptions and huge
 * tensors are planned, and each is a legal schedule or a clear refusal. */
#include "case.h"
#include "desc.h"
#include "planning.h"
#include "problem.h"
#include "strategy.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define BIT(role)     VKN_ROLE_BIT(VKN_ROLE_##role)
#define MIB(n)        ((uint64_t)(n) << 20)

/* One row of devices.def. */
typedef struct TestDevice {
    const char *name;
    VknCaps caps;
} TestDevice;

#define DEVICE(text, class, invocations, groups, shared, range, buffers, alignment, subgroup, arithmetic,    \
               shuffle, control, full)                                                                       \
    {text,                                                                                                   \
     {VKN_DEVICE_##class, invocations, groups, shared, range, buffers, alignment, subgroup, arithmetic,      \
      shuffle, control, full, 0, 256, false}},
static const TestDevice DEVICES[] = {
#include "devices.def"
};

/* ----------------------------------------------------------------------------------------- refusals */

/* Every rule that may refuse a valid description, by words of its message, and whether that has values. */
static const struct {
    const char *name, *words;
    bool has_values;
} RULES[] = {
    {"caps", "caps.", true},
    {"strategy", "cannot serve", false},
    {"dispatches", "dispatches with max_storage_range", true},
    {"parts", "per statistic, and max_storage_range", true},
    {"elements", "and max_storage_range (", true},
    {"iterations", "an invocation may run", true},
    {"batches", "virtual batches of", true},
    {"index", "INDEX counts", true},
};

static struct { uint64_t plans, dispatches, refused[LENGTH(RULES)]; } counts[LENGTH(DEVICES)];

static void count_refusal(size_t device) {
    for (size_t i = 0; i < LENGTH(RULES); i++)
        if (strstr(planning.message, RULES[i].words)) {
            if (RULES[i].has_values && !strpbrk(planning.message, "0123456789"))
                planning_fail("a refusal without values", planning.message);
            counts[device].refused[i]++;
            return;
        }
    planning_fail("refused by no known rule", planning.message);
}

/* -------------------------------------------------------------------------------------------- plans */

static bool is_valid(const VknDesc *desc) {
    VknDesc resolved;
    const VknHost silent = {NULL, {NULL, NULL}};
    return vkn_desc_resolve(&silent, desc, &resolved) == VKN_SUCCESS;
}

static void plan_on(size_t device, uint32_t strategy) {
    VknSchedule schedule;
    planning.device = DEVICES[device].name;
    planning.caps = DEVICES[device].caps;
    planning.desc.strategy = strategy;
    if (!planning_make(&schedule)) {
        count_refusal(device);
        return;
    }
    planning_check(&schedule);
    counts[device].plans++;
    counts[device].dispatches += schedule.step_count;
    vkn_schedule_free(&planning_host, &schedule);
}

/* The choice of each device, and every strategy or another one on each. */
static void plan_everywhere(const VknDesc *desc, bool every_strategy, uint64_t first) {
    planning.desc = *desc;
    for (size_t device = 0; device < LENGTH(DEVICES); device++) {
        plan_on(device, 0);
        for (uint32_t i = 0; i < (every_strategy ? vkn_strategy_count : 1); i++)
            plan_on(device, 1 + (uint32_t)((first + device + i) % vkn_strategy_count));
    }
}

/* --------------------------------------------------------------------------------------- descriptions */

#define SAVED    (BIT(MEAN) | BIT(INV_STD) | BIT(VARIANCE))
#define RUNNING  (BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE))
#define FORWARD  (BIT(X) | BIT(GAMMA) | BIT(BETA) | SAVED | BIT(SLOPE) | BIT(RESIDUAL) | BIT(ACTIVATION_MASK))
#define BACKWARD (FORWARD | BIT(MASK) | BIT(RENORM))
#define DAFFINE  (BIT(DGAMMA) | BIT(DBETA))

/* What else a training can be planned as: which of its roles stay, which come. */
static const struct {
    VknOperation operation;
    uint32_t keep, add;
} FORMS[] = {
    {VKN_OPERATION_TRAIN, UINT32_MAX, 0},
    {VKN_OPERATION_TRAIN, UINT32_MAX, BIT(MOMENTS)},
    {VKN_OPERATION_APPLY, FORWARD | BIT(RESIDUAL_SUM), BIT(Y)},
    {VKN_OPERATION_STATISTICS, BIT(X) | BIT(MASK) | BIT(RESIDUAL) | SAVED | RUNNING, 0},
    {VKN_OPERATION_STATISTICS, BIT(X) | BIT(MASK) | SAVED | RUNNING, BIT(MOMENTS)},
    {VKN_OPERATION_FINISH, SAVED | RUNNING, BIT(MOMENTS)},
    {VKN_OPERATION_TRAIN_GRADIENT, BACKWARD, BIT(DY) | BIT(DX)},
    {VKN_OPERATION_TRAIN_GRADIENT, BACKWARD, BIT(DY) | DAFFINE},
    {VKN_OPERATION_TRAIN_GRADIENT, BACKWARD & ~BIT(RESIDUAL), BIT(DY) | BIT(DX) | DAFFINE},
    {VKN_OPERATION_TRAIN_GRADIENT, BACKWARD, BIT(DY) | BIT(DX) | DAFFINE | BIT(DRESIDUAL)},
    {VKN_OPERATION_TRAIN_GRADIENT, BACKWARD, BIT(DY) | BIT(DX) | DAFFINE | BIT(DSLOPE)},
    {VKN_OPERATION_TRAIN_GRADIENT, BACKWARD, BIT(DY) | BIT(DX) | DAFFINE | BIT(SUMS)},
    {VKN_OPERATION_TRAIN_GRADIENT, BACKWARD & ~BIT(RESIDUAL), BIT(DY) | BIT(DX) | BIT(DRESIDUAL_SUM)},
    {VKN_OPERATION_TRAIN_GRADIENT, BIT(MASK), BIT(Y) | BIT(DY) | BIT(DX)},
    {VKN_OPERATION_APPLY_GRADIENT, FORWARD, BIT(DY) | BIT(DX)},
    {VKN_OPERATION_APPLY_GRADIENT, FORWARD, BIT(DY) | BIT(DX) | DAFFINE | BIT(DRESIDUAL)},
    {VKN_OPERATION_GRADIENT_STATISTICS, BACKWARD, BIT(DY) | BIT(SUMS) | DAFFINE},
    {VKN_OPERATION_REDUCE, BIT(X) | BIT(MASK) | BIT(RESIDUAL), BIT(RESULT)},
    {VKN_OPERATION_REDUCE, BIT(X) | BIT(MASK), BIT(RESULT) | BIT(INDEX)},
};

static uint64_t valid[LENGTH(FORMS)];

/* Form number `form` of a training, if that is one; a reduction is of `statistic`. */
static bool form_of(const VknDesc *training, size_t form, uint32_t statistic, VknDesc *desc) {
    *desc = *training;
    desc->operation = FORMS[form].operation;
    desc->roles = (desc->roles & FORMS[form].keep) | FORMS[form].add;
    if (desc->operation == VKN_OPERATION_REDUCE) {
        desc->statistic = (VknStatistic)statistic;
        desc->activation = vkn_activation_default(VKN_ACTIVATION_IDENTITY);
        desc->power = 2;
    }
    valid[form] += is_valid(desc);
    return is_valid(desc);
}

/* --------------------------------------------------------------------------------------------- tests */

static TestRounds rounds;

static void test_case_table(void **state) {
    (void)state;
    for (uint32_t i = 0; i < test_case_count; i++) {
        VknDesc desc = test_case_desc(&test_cases[i]);
        planning_start(test_cases[i].name, rounds.seed);
        plan_everywhere(&desc, true, 0);
    }
}

/* Random trainings in every form, mostly small, some beyond any binding: the choice of each device, and one
 * strategy. */
static void test_random_descriptions(void **state) {
    static const ProblemShape SHAPES[] = {PROBLEM_ANY, PROBLEM_WIDE, PROBLEM_ANY, PROBLEM_CELLS};
    static Problem problem;
    (void)state;
    for (uint64_t round = 0; round < rounds.count; round++) {
        TestRandom random = test_random_start(rounds.seed + round);
        uint64_t most = (uint64_t)1 << (round % 8 ? 12 : 31);
        problem_random_desc(&problem, &random, 1 + test_random_below(&random, most), SHAPES[round % 4],
                            test_activation_id(round % TEST_ACTIVATION_COUNT));
        for (size_t form = 0; form < LENGTH(FORMS); form++) {
            uint32_t statistic = (uint32_t)test_random_below(&random, VKN_STATISTIC_PRODUCT + 1);
            if (!form_of(&problem.desc, form, statistic, &planning.desc))
                continue;
            planning_start("random descriptions", rounds.seed + round);
            plan_everywhere(&planning.desc, false, test_random_below(&random, vkn_strategy_count));
        }
    }
    for (size_t form = 0; form < LENGTH(FORMS); form++)
        if (!valid[form] && rounds.count >= 100)
            fail_msg("form %zu was never valid", form);
}

/* The last ones have tens of thousands of windows: of those each device plans one form. */
#define HUGE_COUNT   6
#define HUGEST_COUNT 3
#define KINDS        5
static const struct {
    const char *name;
    uint32_t rank;
    uint64_t shape[4];
    int32_t kept;
} HUGE[HUGE_COUNT + HUGEST_COUNT] = {
    {"205 MB", 4, {64, 64, 112, 112}, 1},
    {"205 MB, channels last", 4, {64, 112, 112, 64}, 3},
    {"one channel of 2^33", 2, {(uint64_t)1 << 33, 1}, 1},
    {"4 channels of 2^31", 2, {(uint64_t)1 << 31, 4}, 1},
    {"10^6 channels", 2, {1000, 1000000}, 1},
    {"10^6 channels of planes", 3, {2, 1000000, 3000}, 1},
    {"2^40 elements, one statistic", 2, {1, (uint64_t)1 << 40}, 0},
    {"2^40 elements, 2^20 channels", 2, {1 << 20, 1 << 20}, 1},
    {"2^40 elements, 2^20 rows", 2, {1 << 20, 1 << 20}, 0},
};

/* Batch norm, layer norm, softmax, residual and mask, of huge tensors. */
static VknDesc huge_desc(size_t shape, uint32_t kind) {
    VknDesc desc;
    vkn_desc_batch_norm(&desc, VKN_OPERATION_TRAIN, HUGE[shape].rank, HUGE[shape].shape, 1,
                        &HUGE[shape].kept);
    desc.roles |= BIT(MEAN) | BIT(INV_STD);
    desc.moment_parts = 3;
    for (int32_t axis = 0; kind == 1 && axis < (int32_t)desc.rank; axis++)
        if (axis != HUGE[shape].kept)
            desc.parameter_axes[desc.parameter_axis_count++] = axis;
    if (kind > 0)
        desc.roles &= ~RUNNING;
    if (kind == 2)
        desc.statistic = VKN_STATISTIC_LOG_SUM_EXP;
    if (kind == 2)
        desc.roles &= ~(BIT(GAMMA) | BIT(BETA));
    if (kind == 3)
        desc.roles |= BIT(RESIDUAL) | BIT(MASK);
    if (kind == 4)
        desc.virtual_batch_size = 1;
    return desc;
}

static void test_huge_tensors(void **state) {
    (void)state;
    for (size_t shape = 0; shape < HUGE_COUNT; shape++)
        for (uint32_t kind = 0; kind < KINDS; kind++)
            for (size_t form = 0; form < LENGTH(FORMS); form++) {
                VknDesc training = huge_desc(shape, kind), desc;
                if (!form_of(&training, form, VKN_STATISTIC_MAX, &desc))
                    continue;
                planning_start(HUGE[shape].name, rounds.seed);
                plan_everywhere(&desc, false, form);
            }
}

static void test_hugest_tensors(void **state) {
    (void)state;
    for (size_t shape = HUGE_COUNT; shape < LENGTH(HUGE); shape++)
        for (size_t device = 0; device < LENGTH(DEVICES); device++) {
            uint64_t number = rounds.seed + device;
            VknDesc training = huge_desc(shape, number % KINDS);
            while (!form_of(&training, number % LENGTH(FORMS), VKN_STATISTIC_SUM, &planning.desc))
                number++;
            planning_start(HUGE[shape].name, rounds.seed);
            plan_on(device, 0);
        }
}

static void print_table(void) {
    printf("%-26s %9s %11s", "device", "plans", "dispatches");
    for (size_t i = 0; i < LENGTH(RULES); i++)
        printf(" %10s", RULES[i].name);
    for (size_t device = 0; device < LENGTH(DEVICES); device++) {
        printf("\n%-26s %9" PRIu64 " %11" PRIu64, DEVICES[device].name, counts[device].plans,
               counts[device].dispatches);
        for (size_t i = 0; i < LENGTH(RULES); i++)
            printf(" %10" PRIu64, counts[device].refused[i]);
    }
    printf("\n");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_table),
        cmocka_unit_test(test_random_descriptions),
        cmocka_unit_test(test_huge_tensors),
        cmocka_unit_test(test_hugest_tensors),
    };
    if (!test_rounds_parse(argc, argv, 200, &rounds))
        return 2;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    print_table();
    return failed;
}
