/* The reference of the fuzz test is itself tested: its gradients against differences of its loss. */
#include "problem.h"

#include "tensor.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static TestRounds rounds;
static Problem problem;

/* Smooth activations and prologues only: a kink has no difference. */
static void smooth(Problem *p, uint64_t round) {
    static const VknActivationId IDS[] = {VKN_ACTIVATION_IDENTITY, VKN_ACTIVATION_SIGMOID,
                                          VKN_ACTIVATION_TANH, VKN_ACTIVATION_SILU, VKN_ACTIVATION_GELU};
    if (p->desc.activation.id != VKN_ACTIVATION_PRELU && p->desc.activation.id != VKN_ACTIVATION_EXP)
        p->desc.activation = vkn_activation_default(IDS[round % 5]);
    if (p->desc.prologue.id != VKN_ACTIVATION_IDENTITY && p->desc.prologue.id != VKN_ACTIVATION_LINEAR)
        p->desc.prologue = vkn_activation_default(VKN_ACTIVATION_SILU);
    p->desc.accumulate = false;
    p->desc.epsilon = 0.25f; /* tame, so that differences are exact enough */
    for (uint64_t i = 0; i < p->elements; i++) {
        if (isinf(p->given[VKN_ROLE_X][i]))
            p->given[VKN_ROLE_X][i] = 0;
        if (p->desc.residual_use == VKN_RESIDUAL_BEFORE) /* a gradient has the sum as x */
            p->given[VKN_ROLE_RESIDUAL][i] = 0;
    }
}

static double difference(Problem *p, double *at) {
    double before = *at, h = 1e-5;
    *at = before + h;
    double above = problem_loss(p);
    *at = before - h;
    double below = problem_loss(p);
    *at = before;
    return (above - below) / (2 * h);
}

static void compare(Problem *p, uint64_t seed, VknRole role, uint64_t i, double expected) {
    double got = p->value[role][i];
    if (!(fabs(got - expected) <= 2e-5 * (1 + fabs(expected))))
        fail_msg("role %d of problem %llu, element %llu: %.9g, but the loss says %.9g", role,
                 (unsigned long long)seed, (unsigned long long)i, got, expected);
}

/* Whether another element shares this one's memory: then the loss follows both. */
static bool is_shared(const Problem *p, uint64_t i) {
    for (uint64_t j = 0; j < p->elements; j++)
        if (j != i && problem_place(p, VKN_ROLE_X, j) == problem_place(p, VKN_ROLE_X, i))
            return true;
    return false;
}

static void test_gradients(void **state) {
    uint64_t compared[VKN_ROLE_COUNT] = {0};
    (void)state;
    for (uint64_t seed = rounds.seed; seed < rounds.seed + rounds.count; seed++) {
        TestRandom random = test_random_start(seed);
        Problem *p = &problem;
        problem_random(p, &random, 40, PROBLEM_ANY, 0);
        smooth(p, seed);
        p->backward = true; /* x is the sum with the residual, for the loss as well */
        problem_expect_training(p);
        /* The reference's own digits, not what f32 saves of them. */
        for (uint64_t s = 0; s < p->statistics; s++) {
            p->given[VKN_ROLE_MEAN][s] = p->value[VKN_ROLE_MEAN][s];
            p->given[VKN_ROLE_INV_STD][s] = p->value[VKN_ROLE_INV_STD][s];
            p->given[VKN_ROLE_VARIANCE][s] = p->value[VKN_ROLE_VARIANCE][s];
        }
        for (uint64_t c = 0; c < 2 * p->channels && p->desc.roles >> VKN_ROLE_RENORM & 1; c++)
            p->given[VKN_ROLE_RENORM][c] = p->value[VKN_ROLE_RENORM][c];
        if (p->desc.statistic == VKN_STATISTIC_MAX)
            continue;
        problem_expect_gradient(p, p->desc.statistic != VKN_STATISTIC_NONE, false, VKN_ROLE_X);
        p->backward = true;
        for (uint64_t i = 0; i < p->elements; i++) {
            if (test_is_padding(&p->desc, i))
                continue;
            if (!is_shared(p, i)) {
                compare(p, seed, VKN_ROLE_DX, i, difference(p, &p->given[VKN_ROLE_X][i]));
                compared[VKN_ROLE_DX]++;
            }
            if (p->has_residual && p->desc.residual_use != VKN_RESIDUAL_BEFORE)
                compare(p, seed, VKN_ROLE_DRESIDUAL, i, difference(p, &p->given[VKN_ROLE_RESIDUAL][i]));
        }
        for (uint64_t c = 0; c < p->parameters; c++) {
            if (p->desc.roles >> VKN_ROLE_GAMMA & 1)
                compare(p, seed, VKN_ROLE_DGAMMA, c, difference(p, &p->given[VKN_ROLE_GAMMA][c]));
            if (p->desc.roles >> VKN_ROLE_BETA & 1)
                compare(p, seed, VKN_ROLE_DBETA, c, difference(p, &p->given[VKN_ROLE_BETA][c]));
            if (p->desc.roles >> VKN_ROLE_SLOPE & 1)
                compare(p, seed, VKN_ROLE_DSLOPE, c, difference(p, &p->given[VKN_ROLE_SLOPE][c]));
        }
    }
    assert_true(compared[VKN_ROLE_DX] > rounds.count);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients)};
    if (!test_rounds_parse(argc, argv, 400, &rounds))
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
