#include "problem_check.h"

#include "number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)

/* Those of problem_check(). */
static VknRuntime *runtime;
static ProblemTally *tally;
static Problem problem;
static bool alike;

/* The chosen strategy, and others that are legal. */
static void check(const Problem *p, VknDesc desc, TestRandom *random, uint64_t seed) {
    const VknCaps *caps = vkn_context_caps(vkn_runtime_context(runtime));
    uint32_t count = 0;
    VknPlanInfo info;
    while (vkn_strategy_name(count))
        count++;
    uint32_t first = (uint32_t)test_random_below(random, count), tried = 0;
    for (uint32_t i = 0; i <= count && tried < tally->strategies; i++) {
        desc.strategy = i ? 1 + (first + i) % count : 0;
        VknResult result = vkn_plan_query(caps, &desc, (VknLog){0}, &info);
        if (i && result == VKN_ERROR_UNSUPPORTED)
            continue;
        bool right = problem_run(runtime, p, &desc, seed + i, alike);
        tally->runs_of[desc.operation]++;
        *(right ? &tally->passed : &tally->failed) += 1;
        tried++;
        if (!right)
            printf("FAILED: fuzz --seed %" PRIu64
                   " --rounds 1: operation %d, strategy %s, roles 0x%x, statistic %d\n",
                   seed, desc.operation, info.strategy_name, desc.roles, desc.statistic);
    }
}

static uint32_t some_of(TestRandom *random, uint32_t roles) {
    return roles & (uint32_t)(test_random_next(random) >> 16);
}

#define SAVED   (BIT(MEAN) | BIT(INV_STD) | BIT(VARIANCE))
#define RUNNING (BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE))

static void check_forward(Problem *p, TestRandom *random, uint64_t seed) {
    VknDesc desc = p->desc;
    if (desc.statistic == VKN_STATISTIC_NONE)
        return;
    problem_expect_training(p);
    desc.roles &= ~some_of(random, SAVED | BIT(RENORM));
    check(p, desc, random, seed);
    if (p->desc.statistic == VKN_STATISTIC_MAX)
        return;

    bool renorm = p->desc.roles & BIT(RENORM_MEAN), before = p->desc.residual_use == VKN_RESIDUAL_BEFORE;
    bool merges = p->desc.statistic <= VKN_STATISTIC_SUM_SQUARE;
    desc = p->desc;
    desc.operation = VKN_OPERATION_STATISTICS;
    desc.roles &= BIT(X) | BIT(MASK) | SAVED | (renorm ? 0 : RUNNING) | (before ? BIT(RESIDUAL) : 0);
    desc.roles |= merges ? BIT(MOMENTS) : 0;
    if (!(p->desc.roles & BIT(RESIDUAL_SUM))) /* whose type it does not know */
        check(p, desc, random, seed);

    if (p->desc.parameter_axis_count || !merges || p->desc.roles & BIT(SLOPE)) /* MOMENTS are of batch norm */
        return;
    desc = p->desc;
    desc.roles |= BIT(MOMENTS);
    check(p, desc, random, seed);

    /* Where nothing counts, FINISH with a count_epsilon of 0 leaves everything as it is. */
    if (desc.virtual_batch_size || (desc.roles & BIT(MASK) && desc.count_epsilon == 0))
        return;
    desc.operation = VKN_OPERATION_FINISH;
    desc.roles &= BIT(MOMENTS) | SAVED | (renorm ? 0 : RUNNING);
    desc.count_epsilon = p->desc.roles & BIT(MASK) ? desc.count_epsilon : 0;
    check(p, desc, random, seed);
}

static void check_apply(Problem *p, TestRandom *random, uint64_t seed) {
    VknDesc desc = p->desc;
    if (desc.virtual_batch_size || desc.roles & BIT(RENORM_MEAN) || desc.statistic == VKN_STATISTIC_MAX ||
        (desc.statistic == VKN_STATISTIC_LOG_SUM_EXP && desc.roles & BIT(MASK)))
        return;
    desc.operation = VKN_OPERATION_APPLY;
    desc.roles &= BIT(X) | BIT(Y) | BIT(GAMMA) | BIT(BETA) | SAVED | BIT(RESIDUAL) | BIT(RESIDUAL_SUM) |
                  BIT(SLOPE) | BIT(ACTIVATION_MASK);
    problem_expect_apply(p);
    check(p, desc, random, seed);
}

/* Every statistic in turn, of what the problem reduces. */
static void check_reduce(Problem *p, TestRandom *random, uint64_t seed) {
    static const VknActivationId ACTIVATIONS[] = {VKN_ACTIVATION_IDENTITY, VKN_ACTIVATION_SIGMOID,
                                                  VKN_ACTIVATION_LEAKY_RELU};
    VknDesc kept = p->desc;
    uint32_t statistic = (uint32_t)test_random_below(random, VKN_STATISTIC_PRODUCT + 1);
    if (kept.virtual_batch_size || statistic == VKN_STATISTIC_NONE)
        return;
    if (kept.statistic == VKN_STATISTIC_LOG_SUM_EXP) /* x may be -inf */
        statistic = VKN_STATISTIC_LOG_SUM_EXP;
    bool extreme = statistic == VKN_STATISTIC_MAX || statistic == VKN_STATISTIC_MIN;
    bool exact = p->desc.prologue.id == VKN_ACTIVATION_IDENTITY;
    p->desc.statistic = (VknStatistic)statistic;
    p->desc.operation = VKN_OPERATION_REDUCE;
    p->desc.power = 1 + (float)(seed % 4) / 2;
    p->desc.last_index = seed % 2;
    p->desc.activation = vkn_activation_default(ACTIVATIONS[seed % 3]);
    p->desc.roles &= BIT(X) | BIT(MASK) | (kept.residual_use == VKN_RESIDUAL_BEFORE ? BIT(RESIDUAL) : 0);
    p->desc.roles |= BIT(RESULT) | (extreme && exact ? BIT(INDEX) : 0);
    problem_expect_reduce(p);
    check(p, p->desc, random, seed);
    p->desc = kept;
}

/* Gives the forward pass's y to the backward pass, as it was stored. */
static bool give_y(Problem *p) {
    for (uint64_t i = 0; i < p->elements; i++)
        p->given[VKN_ROLE_Y][i] = test_round(p->desc.y.type, p->value[VKN_ROLE_Y][i]);
    return problem_y_determines(&p->desc.activation);
}

/* Softmax and log-softmax from y alone. */
static void check_gradient_of_output(Problem *p, TestRandom *random, uint64_t seed) {
    VknDesc desc = p->desc;
    if (desc.statistic != VKN_STATISTIC_LOG_SUM_EXP || p->has_residual)
        return;
    desc.operation = VKN_OPERATION_TRAIN_GRADIENT;
    desc.roles = BIT(Y) | BIT(DY) | BIT(DX) | (desc.roles & BIT(MASK));
    problem_expect_gradient(p, true, false, VKN_ROLE_DY);
    check(p, desc, random, seed);
}

static void check_gradients(Problem *p, TestRandom *random, uint64_t seed) {
    VknDesc desc = p->desc;
    bool after = desc.residual_use == VKN_RESIDUAL_AFTER, before = desc.residual_use == VKN_RESIDUAL_BEFORE;
    bool none = desc.statistic == VKN_STATISTIC_NONE, merges = desc.statistic <= VKN_STATISTIC_SUM_SQUARE;
    uint32_t residual = p->has_residual && !before ? BIT(RESIDUAL) : 0;
    uint32_t sources = residual | (desc.roles & BIT(ACTIVATION_MASK));
    uint32_t outputs = BIT(DX) | BIT(DGAMMA) | BIT(DBETA) | (residual ? BIT(DRESIDUAL) : 0) |
                       (desc.roles & BIT(SLOPE) ? BIT(DSLOPE) : 0);
    bool takes_y = give_y(p);
    if (desc.statistic == VKN_STATISTIC_MAX)
        return;
    if (desc.statistic == VKN_STATISTIC_LOG_SUM_EXP) {
        outputs &= ~(BIT(DGAMMA) | BIT(DBETA));
        check_gradient_of_output(p, random, seed);
    }
    if (takes_y && after && test_random_below(random, 2))
        sources |= BIT(Y);
    if (after && sources & ~residual) /* they make up for the residual */
        sources &= ~some_of(random, residual);
    desc.roles &= BIT(X) | BIT(GAMMA) | BIT(BETA) | SAVED | BIT(MASK) | BIT(RENORM) | BIT(SLOPE);
    desc.roles |= BIT(DY) | sources;
    desc.operation = none ? VKN_OPERATION_APPLY_GRADIENT : VKN_OPERATION_TRAIN_GRADIENT;

    VknPlanInfo info;
    uint32_t some = outputs & ~some_of(random, outputs);
    desc.roles |= some ? some : outputs;
    desc.roles |= p->desc.roles & BIT(RESIDUAL_SUM) ? BIT(DX) | BIT(DRESIDUAL_SUM) : 0;
    problem_require(vkn_plan_query(vkn_context_caps(vkn_runtime_context(runtime)), &desc,
                                   vkn_runtime_context_desc(runtime)->log, &info),
                    "query");
    VknRole from = info.activation_source == VKN_ACTIVATION_SOURCE_OUTPUT ? VKN_ROLE_Y : VKN_ROLE_X;
    problem_expect_gradient(p, !none, false, from);
    check(p, desc, random, seed);

    if (!p->desc.parameter_axis_count && merges && !(desc.roles & (BIT(SLOPE) | BIT(DRESIDUAL_SUM)))) {
        desc.roles = (desc.roles & ~outputs) | BIT(SUMS) | some_of(random, BIT(DGAMMA) | BIT(DBETA));
        desc.operation = VKN_OPERATION_GRADIENT_STATISTICS;
        check(p, desc, random, seed);

        desc.roles |= outputs;
        desc.operation = VKN_OPERATION_TRAIN_GRADIENT;
        problem_expect_gradient(p, true, true, from);
        check(p, desc, random, seed);
    }

    if (none || p->desc.statistic == VKN_STATISTIC_LOG_SUM_EXP || p->desc.virtual_batch_size ||
        p->desc.roles & (BIT(RENORM) | BIT(MASK)))
        return;
    desc.roles &= ~BIT(SUMS);
    desc.operation = VKN_OPERATION_APPLY_GRADIENT;
    problem_expect_gradient(p, false, false, from);
    check(p, desc, random, seed);
}

void problem_check(VknRuntime *on, TestRandom *random, uint64_t seed, uint64_t most, uint32_t activation,
                   ProblemTally *into) {
    runtime = on;
    tally = into;
    alike = test_random_below(random, 2);
    ProblemShape shape = seed % 4 == 0 ? PROBLEM_CELLS : PROBLEM_ANY;
    if (alike && test_random_below(random, 2))
        shape = PROBLEM_WIDE;
    problem_random(&problem, random, most, shape, activation);
    check_forward(&problem, random, seed);
    check_apply(&problem, random, seed); /* after one of them there is an activation mask */
    check_gradients(&problem, random, seed);
    check_reduce(&problem, random, seed);
}
