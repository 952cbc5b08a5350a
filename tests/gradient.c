/* The gradients, the residual, the prologue, and 16-bit storage, on one device: every activation, both
 * layouts, every strategy, against formulas in fp64 that share no code with the library. */
#include "gradient.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static VknRuntime *runtime;
static uint32_t counts[2]; /* failed, passed */

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR && !strstr(message, "cannot serve"))
        printf("    %s\n", message);
}

static float uniform(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) * 0x1p-23f - 1;
}

static void problem_fill(TestProblem *p) {
    uint32_t state = 7;
    for (uint32_t i = 0; i < TEST_ELEMENTS; i++) {
        p->x[i] = test_round(p->x_type, 3 * uniform(&state) + 1);
        p->dy[i] = test_round(p->y_type, uniform(&state));
        p->residual[i] = test_round(p->residual_type, uniform(&state));
    }
    for (uint32_t c = 0; c < TEST_CHANNELS; c++) {
        p->gamma[c] = uniform(&state) + 1.5f;
        p->beta[c] = uniform(&state);
        p->dgamma_before[c] = uniform(&state);
    }
    test_statistics(p);
}

static VknDesc desc_of(const TestProblem *p, VknOperation operation) {
    uint64_t nchw[] = {TEST_BATCH, TEST_CHANNELS, TEST_INNER},
             nhwc[] = {TEST_BATCH, TEST_INNER, TEST_CHANNELS};
    VknDesc desc;
    vkn_desc_batch_norm(&desc, operation, 3, p->last ? nhwc : nchw, 1, (int32_t[]){p->last ? -1 : 1});
    desc.activation = p->activation;
    desc.prologue = p->prologue;
    desc.x.type = p->x_type;
    desc.y.type = p->y_type;
    desc.residual.type = p->residual_type;
    desc.dx.type = p->x_type;
    desc.accumulate = p->accumulate;
    if (operation == VKN_OPERATION_TRAIN)
        desc.roles = VKN_ROLE_BIT(VKN_ROLE_X) | VKN_ROLE_BIT(VKN_ROLE_Y) | VKN_ROLE_BIT(VKN_ROLE_GAMMA) |
                     VKN_ROLE_BIT(VKN_ROLE_BETA);
    if (operation ==
        VKN_OPERATION_APPLY_GRADIENT) /* desc_batch_norm() has VARIANCE; INV_STD is what is given */
        desc.roles ^= VKN_ROLE_BIT(VKN_ROLE_VARIANCE) | VKN_ROLE_BIT(VKN_ROLE_INV_STD);
    if (p->has_residual)
        desc.roles |= VKN_ROLE_BIT(VKN_ROLE_RESIDUAL) |
                      (operation == VKN_OPERATION_TRAIN ? 0 : VKN_ROLE_BIT(VKN_ROLE_DRESIDUAL));
    return desc;
}

/* Values of a role before the run, in elements of its type; NULL for outputs, which begin as NaN. */
static const float *initial(const TestProblem *p, uint32_t role) {
    switch ((VknRole)role) {
    case VKN_ROLE_X:
        return p->x;
    case VKN_ROLE_DY:
        return p->dy;
    case VKN_ROLE_RESIDUAL:
        return p->residual;
    case VKN_ROLE_GAMMA:
        return p->gamma;
    case VKN_ROLE_BETA:
        return p->beta;
    case VKN_ROLE_MEAN:
        return p->mean;
    case VKN_ROLE_INV_STD:
        return p->inv_std;
    case VKN_ROLE_DGAMMA:
        return p->accumulate ? p->dgamma_before : NULL;
    case VKN_ROLE_DBETA:
        return p->accumulate ? p->dgamma_before : NULL;
    case VKN_ROLE_Y:
    case VKN_ROLE_DX:
    case VKN_ROLE_DRESIDUAL:
    case VKN_ROLE_VARIANCE:
    case VKN_ROLE_RUNNING_MEAN:
    case VKN_ROLE_RUNNING_VARIANCE:
    case VKN_ROLE_MOMENTS:
    case VKN_ROLE_WORKSPACE:
        break;
    }
    return NULL;
}

static VknType type_of(const VknDesc *desc, uint32_t role) {
    if (role == VKN_ROLE_X)
        return desc->x.type;
    if (role == VKN_ROLE_Y || role == VKN_ROLE_DY)
        return desc->y.type;
    if (role == VKN_ROLE_RESIDUAL || role == VKN_ROLE_DRESIDUAL)
        return desc->residual.type;
    return role == VKN_ROLE_DX ? desc->dx.type : VKN_TYPE_F32;
}

/* Runs one strategy and compares what it wrote. Buffers begin four bytes and sixteen into theirs in turn, so
 * that aligned and unaligned accesses both occur; the bytes around are guards. */
static bool run_passes(const TestProblem *p, const VknDesc *desc, const TestExpected *expected,
                       uint32_t skew) {
    enum { GUARD = 16 };
    static uint32_t words[TEST_ELEMENTS + 4096];
    VknPlan *plan = NULL;
    VknBindings *bindings = NULL;
    VknBuffer whole[VKN_ROLE_COUNT] = {{0}}, bound[VKN_ROLE_COUNT] = {{0}};
    assert_int_equal(vkn_plan_create(vkn_runtime_context(runtime), desc, &plan), VKN_SUCCESS);
    const VknPlanInfo *info = vkn_plan_info(plan);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        if (!info->size[role])
            continue;
        uint64_t bytes = info->size[role] + 2 * GUARD + skew;
        assert_true(bytes <= sizeof words);
        assert_int_equal(vkn_runtime_buffer_create(runtime, bytes, &whole[role]), VKN_SUCCESS);
        memset(words, 0xFF, sizeof words); /* NaN in every type */
        const float *values = initial(p, role);
        if (values)
            test_encode(type_of(desc, role), values, info->size[role], (uint8_t *)words + GUARD + skew);
        assert_int_equal(vkn_runtime_upload(runtime, &whole[role], 0, words, bytes), VKN_SUCCESS);
        bound[role] = (VknBuffer){whole[role].buffer, whole[role].offset + GUARD + skew, info->size[role]};
    }
    assert_int_equal(vkn_bindings_create(plan, bound, &bindings), VKN_SUCCESS);
    assert_int_equal(vkn_runtime_run(runtime, plan, bindings, NULL, 1, NULL), VKN_SUCCESS);
    bool passed = true;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        if (!info->size[role])
            continue;
        uint64_t bytes = info->size[role] + 2 * GUARD + skew;
        assert_int_equal(vkn_runtime_download(runtime, &whole[role], 0, words, bytes), VKN_SUCCESS);
        for (uint32_t i = 0; i < GUARD; i++)
            passed =
                passed && ((uint8_t *)words)[skew + i] == 0xFF && ((uint8_t *)words)[bytes - 1 - i] == 0xFF;
        if (expected->value[role] && passed)
            passed = test_compare(expected, role, type_of(desc, role), (uint8_t *)words + GUARD + skew);
        vkn_runtime_buffer_destroy(runtime, whole[role].buffer);
    }
    vkn_bindings_destroy(bindings);
    vkn_plan_destroy(plan);
    return passed;
}

/* Every `every`-th strategy, but always the chosen one: pipelines take most of the time. */
static void run_problem(TestProblem *p, VknOperation operation, uint32_t every) {
    static TestExpected expected;
    VknDesc desc = desc_of(p, operation);
    VknPlanInfo info;
    problem_fill(p);
    test_expect(p, operation, &expected);
    for (desc.strategy = 0; desc.strategy == 0 || vkn_strategy_name(desc.strategy - 1); desc.strategy++) {
        const VknCaps *caps = vkn_context_caps(vkn_runtime_context(runtime));
        if (desc.strategy && (desc.strategy + (uint32_t)p->activation.id) % every)
            continue;
        if (vkn_plan_query(caps, &desc, (VknLog){0}, &info) == VKN_ERROR_UNSUPPORTED)
            continue;
        bool passed = run_passes(p, &desc, &expected, desc.strategy % 2 ? 4 : 0);
        counts[passed]++;
        if (!passed)
            printf(
                "FAILED: operation %d, %s, activation %d, prologue %d, residual %d, channels %s, types %d %d "
                "%d, accumulate %d\n",
                operation, info.strategy_name, p->activation.id, p->prologue.id, p->has_residual,
                p->last ? "last" : "first", p->x_type, p->y_type, p->residual_type, p->accumulate);
    }
}

static void test_activations(void **state) {
    (void)state;
    uint32_t failed = counts[0];
    for (int id = VKN_ACTIVATION_IDENTITY; id <= VKN_ACTIVATION_CLIP; id++)
        for (int variant = 0; variant < 4; variant++) {
            TestProblem p = {.activation = vkn_activation_default((VknActivationId)id),
                             .prologue = vkn_activation_default(variant == 3 ? VKN_ACTIVATION_SILU : 0),
                             .has_residual = variant & 1,
                             .accumulate = variant == 2,
                             .last = (id + variant) % 2};
            uint32_t every = id == VKN_ACTIVATION_RELU ? 2 : 6;
            if (every > 2 && variant % 2 != id % 2)
                continue;
            if (id == VKN_ACTIVATION_RELU)
                p.activation.parameter[2] = 1.5f;
            if (id == VKN_ACTIVATION_CLIP)
                p.activation = (VknActivation){VKN_ACTIVATION_CLIP, {-0.5f, 0.75f}};
            run_problem(&p, VKN_OPERATION_TRAIN, every);
            run_problem(&p, VKN_OPERATION_TRAIN_GRADIENT, every);
            run_problem(&p, VKN_OPERATION_APPLY_GRADIENT, every);
        }
    assert_int_equal(counts[0], failed);
}

static void test_types(void **state) {
    (void)state;
    uint32_t failed = counts[0];
    for (int combination = 1; combination < 9; combination++) {
        TestProblem p = {.x_type = (VknType)(combination % 3),
                         .y_type = (VknType)(combination / 3),
                         .residual_type = (VknType)((combination + 1) % 3),
                         .has_residual = combination % 2,
                         .last = combination > 4};
        run_problem(&p, VKN_OPERATION_TRAIN, 2);
        run_problem(&p, VKN_OPERATION_TRAIN_GRADIENT, 2);
    }
    assert_int_equal(counts[0], failed);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_activations), cmocka_unit_test(test_types)};
    VknRuntimeDesc desc = {.validation = argc > 1 && !strcmp(argv[argc - 1], "--validation"),
                           .device = argc > 2 && !strcmp(argv[1], "--device") ? argv[2] : NULL,
                           .log = {log_write, NULL}};
    if (vkn_runtime_create(&desc, &runtime) != VKN_SUCCESS)
        return 2;
    int failed = cmocka_run_group_tests_name("gradient", tests, NULL, NULL);
    uint32_t messages = vkn_runtime_validation_count(runtime);
    vkn_runtime_destroy(runtime);
    if (messages)
        printf("%u validation messages\n", messages);
    printf("%u passed, %u failed, 0 skipped\n", counts[1], counts[0] + (messages > 0));
    return failed || messages || !counts[1];
}
