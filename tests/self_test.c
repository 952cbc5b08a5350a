/* Drivers that cannot compile some kernels, or compute wrongly with them: what vknorm then does without. */
#include "bad_driver.h"
#include "runtime_test.h"

#include <math.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* ------------------------------------------------------------------------------------------------ runs */

/* A VknRunner. */
static VknResult run(void *user, const VknPlan *plan, void *const memory[VKN_ROLE_COUNT]) {
    VknRuntime *runtime = user;
    const uint64_t *size = vkn_plan_info(plan)->size;
    VknBuffer buffers[VKN_ROLE_COUNT] = {{0}};
    VknBindings *bindings;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        assert_true((memory[role] != NULL) == (size[role] && role != VKN_ROLE_WORKSPACE));
        if (size[role])
            buffers[role] = create_buffer(runtime, size[role]);
        if (memory[role])
            assert_int_equal(vkn_runtime_upload(runtime, &buffers[role], 0, memory[role], size[role]),
                             VKN_SUCCESS);
    }
    assert_int_equal(vkn_bindings_create(plan, buffers, &bindings), VKN_SUCCESS);
    assert_int_equal(vkn_runtime_run(runtime, plan, bindings, NULL, 1, NULL), VKN_SUCCESS);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        if (memory[role])
            assert_int_equal(vkn_runtime_download(runtime, &buffers[role], 0, memory[role], size[role]),
                             VKN_SUCCESS);
        vkn_runtime_buffer_destroy(runtime, buffers[role].buffer);
    }
    vkn_bindings_destroy(bindings);
    return VKN_SUCCESS;
}

static VknResult self_test(Fixture *fixture, VknContext *context, VknSelfTestInfo *info) {
    VknRunner runner = {run, fixture->runtime};
    memset(info, 0, sizeof *info);
    return vkn_context_self_test(context, &runner, info);
}

#define ROWS    12
#define LONGEST 3001

/* Layer normalization, of rows or of columns, which the self-test itself does not run. */
static VknDesc layer_norm(bool columns, uint32_t length) {
    VknDesc desc;
    uint64_t shape[] = {columns ? length : ROWS, columns ? ROWS : length};
    vkn_desc_layer_norm(&desc, VKN_OPERATION_TRAIN, 2, shape, 1, (int32_t[]){columns ? 0 : 1});
    desc.roles = VKN_ROLE_BIT(VKN_ROLE_X) | VKN_ROLE_BIT(VKN_ROLE_Y);
    return desc;
}

/* A context on the driver, which is good until the test says otherwise. */
static VknContext *open_context(Fixture *fixture, const VknCaps *caps) {
    VknContextDesc desc = *vkn_runtime_context_desc(fixture->runtime);
    VknContext *context;
    desc.get_instance_proc_addr = bad_driver_open(desc.get_instance_proc_addr, desc.instance);
    desc.caps = caps;
    assert_int_equal(vkn_context_create(&desc, &context), VKN_SUCCESS);
    return context;
}

/* Plans and runs; whether y is right. */
static VknResult compute(Fixture *fixture, VknContext *context, const VknDesc *desc, bool *right) {
    static float x[ROWS * LONGEST], y[ROWS * LONGEST];
    bool columns = desc->shape[1] == ROWS;
    uint32_t length = (uint32_t)desc->shape[columns ? 0 : 1];
    uint32_t step = columns ? ROWS : 1, next = columns ? 1 : length;
    VknPlan *plan;
    VknResult result = vkn_plan_create(context, desc, &plan);
    if (result)
        return result;
    for (uint32_t i = 0; i < LENGTH(x); i++)
        x[i] = (float)((i * 2654435761u >> 8) % 1000) / 500;
    void *memory[VKN_ROLE_COUNT] = {[VKN_ROLE_X] = x, [VKN_ROLE_Y] = y};
    run(fixture->runtime, plan, memory);
    vkn_plan_destroy(plan);
    *right = true;
    for (uint32_t row = 0; row < ROWS; row++) {
        double mean = 0, variance = 0;
        for (uint32_t i = 0; i < length; i++)
            mean += x[row * next + i * step] / length;
        for (uint32_t i = 0; i < length; i++)
            variance += pow(x[row * next + i * step] - mean, 2) / length;
        for (uint32_t i = 0; i < length; i++) {
            uint32_t at = row * next + i * step;
            *right = *right && fabs(y[at] - (x[at] - mean) / sqrt(variance + 1e-5)) < 1e-4;
        }
    }
    return VKN_SUCCESS;
}

/* Every strategy that is left is right. Returns how many there are. */
static uint32_t expect_right(Fixture *fixture, VknContext *context) {
    uint32_t count = 0;
    for (uint32_t i = 0; !i || vkn_strategy_name(i - 1); i++)
        for (int columns = 0; columns <= 1; columns++) {
            VknDesc desc = layer_norm(columns, LONGEST);
            desc.strategy = i;
            bool right = false;
            VknResult result = compute(fixture, context, &desc, &right);
            if (result == VKN_ERROR_UNSUPPORTED && i) {
                assert_fails(&fixture->log, result, VKN_ERROR_UNSUPPORTED, vkn_strategy_name(i - 1));
                continue;
            }
            assert_int_equal(result, VKN_SUCCESS);
            if (!right)
                fail_msg("strategy %u is wrong", i);
            count++;
        }
    assert_true(count >= 2);
    return count;
}

/* ----------------------------------------------------------------------------------------- compilation */

static void test_uncompiled_subgroups(void **state) {
    Fixture *fixture = *state;
    VknContext *context = open_context(fixture, NULL);
    uint32_t all = expect_right(fixture, context);
    assert_log_empty(&fixture->log);
    vkn_context_destroy(context);

    context = open_context(fixture, NULL);
    bad.result = VK_ERROR_UNKNOWN;
    bad.unloved[0] = OP_SUBGROUP_FADD;
    bad.unloved[1] = OP_SHUFFLE_XOR;
    VknDesc desc = layer_norm(false, LONGEST), subgroups = desc;
    VknPlan *plan, *again;
    assert_int_equal(vkn_plan_create(context, &desc, &plan), VKN_SUCCESS);
    if (!bad.refused) { /* a device without subgroups */
        vkn_plan_destroy(plan);
        vkn_context_destroy(context);
        skip();
    }
    assert_fails(&fixture->log, VKN_SUCCESS, VKN_SUCCESS,
                 "vkCreateComputePipelines failed with VkResult -13");
    uint32_t refused = bad.refused;
    assert_int_equal(vkn_plan_create(context, &desc, &again), VKN_SUCCESS);
    assert_int_equal(bad.refused, refused); /* not tried again */
    assert_string_equal(vkn_plan_info(plan)->strategy_name, vkn_plan_info(again)->strategy_name);
    assert_log_empty(&fixture->log);
    vkn_plan_destroy(plan);
    vkn_plan_destroy(again);

    /* What was asked for by name is refused, first by the driver. */
    bool found = false;
    for (uint32_t i = 0; vkn_strategy_name(i); i++)
        if (strcmp(vkn_strategy_name(i), "row_subgroup_fused") == 0) {
            subgroups.strategy = i + 1;
            plan = (VknPlan *)fixture;
            VknResult result = vkn_plan_create(context, &subgroups, &plan);
            assert_true(result == VKN_ERROR_UNSUPPORTED || result == VKN_ERROR_DRIVER);
            assert_null(plan);
            found = true;
            if (result == VKN_ERROR_UNSUPPORTED)
                assert_fails(&fixture->log, result, result, "failed before");
        }
    assert_true(found);
    fixture->log.text[0] = '\0';

    VknSelfTestInfo info;
    assert_int_equal(self_test(fixture, context, &info), VKN_SUCCESS);
    assert_true(info.wrong_count == 0 && info.refused_count > 0);
    fixture->log.text[0] = '\0';
    assert_true(expect_right(fixture, context) < all);
    vkn_context_destroy(context);
}

/* Nothing is learnt from a driver that compiles nothing: it may have had a bad day. */
static void test_nothing_compiles(void **state) {
    Fixture *fixture = *state;
    VknContext *context = open_context(fixture, NULL);
    VknDesc desc = layer_norm(false, LONGEST);
    VknPlan *plan;
    bool right;
    bad.result = VK_ERROR_INITIALIZATION_FAILED;
    assert_fails(&fixture->log, vkn_plan_create(context, &desc, &plan), VKN_ERROR_DRIVER,
                 "no strategy is left");
    assert_null(plan);
    assert_true(bad.refused > 3 && bad.compiled == 0);
    bad.result = VK_SUCCESS;
    assert_int_equal(compute(fixture, context, &desc, &right), VKN_SUCCESS);
    assert_true(right);
    assert_log_empty(&fixture->log);
    vkn_context_destroy(context);
}

/* No other variant helps against these. */
static void test_no_memory(void **state) {
    static const VkResult RESULTS[] = {VK_ERROR_OUT_OF_HOST_MEMORY, VK_ERROR_OUT_OF_DEVICE_MEMORY,
                                       VK_ERROR_DEVICE_LOST};
    Fixture *fixture = *state;
    VknContext *context = open_context(fixture, NULL);
    VknDesc desc = layer_norm(false, LONGEST);
    VknPlan *plan;
    for (uint32_t i = 0; i < LENGTH(RESULTS); i++) {
        bad.result = RESULTS[i];
        assert_true(vkn_plan_create(context, &desc, &plan) != VKN_SUCCESS);
        assert_int_equal(bad.refused, i + 1);
    }
    VknSelfTestInfo info;
    assert_int_equal(self_test(fixture, context, &info), VKN_ERROR_DEVICE_LOST);
    fixture->log.text[0] = '\0';
    vkn_context_destroy(context);
}

/* ------------------------------------------------------------------------------------------- self-test */

static void test_good_driver(void **state) {
    Fixture *fixture = *state;
    VknSelfTestInfo info;
    assert_int_equal(vkn_runtime_self_test(fixture->runtime, &info), VKN_SUCCESS);
    printf("%u plans ran\n", info.run_count);
    assert_true(info.run_count > 20 && info.wrong_count == 0 && info.refused_count == 0);
    assert_int_equal(vkn_runtime_self_test(fixture->runtime, NULL), VKN_SUCCESS);
    assert_log_empty(&fixture->log);
}

static void test_wrong_numbers(void **state) {
    static const struct {
        uint32_t taken, placed, among;
        bool optional; /* the device may have none of these */
        bool shuffles; /* a device without subgroup sums */
    } DRIVERS[] = {
        {OP_SUBGROUP_FADD, OP_SUBGROUP_FMAX, ANY, true, false},                /* subgroup sums */
        {OP_SUBGROUP_FADD, OP_SUBGROUP_FMAX, OP_CONTROL_BARRIER, true, false}, /* those of groups */
        {OP_SHUFFLE_XOR, OP_SHUFFLE, ANY, true, true},
        {OP_FADD, OP_FSUB, OP_CONTROL_BARRIER, false, false}, /* groups */
        {OP_FADD, OP_FSUB, OP_SUBGROUP_FADD, true, false},
    };
    Fixture *fixture = *state;
    uint32_t found = 0;
    for (size_t i = 0; i < LENGTH(DRIVERS); i++) {
        VknCaps caps = *vkn_context_caps(vkn_runtime_context(fixture->runtime));
        caps.subgroup_arithmetic = caps.subgroup_arithmetic && !DRIVERS[i].shuffles;
        VknContext *context = open_context(fixture, &caps);
        VknSelfTestInfo info;
        bad.taken = DRIVERS[i].taken;
        bad.placed = DRIVERS[i].placed;
        bad.among = DRIVERS[i].among;
        assert_int_equal(self_test(fixture, context, &info), VKN_SUCCESS);
        printf("driver %zu: %u plans ran, %u were wrong, %u variants are refused\n", i, info.run_count,
               info.wrong_count, info.refused_count);
        if (info.wrong_count) {
            found++;
            assert_true(info.refused_count > 0);
            if (DRIVERS[i].taken != OP_FADD) /* one instruction in each: nothing else is blamed */
                assert_int_equal(info.refused_count, info.wrong_count);
            assert_fails(&fixture->log, VKN_SUCCESS, VKN_SUCCESS, "is not used any more");
        } else {
            assert_true(DRIVERS[i].optional && !info.refused_count);
        }
        expect_right(fixture, context);
        if (i == 0) { /* what is left passes again */
            assert_int_equal(self_test(fixture, context, &info), VKN_SUCCESS);
            assert_int_equal(info.wrong_count, 0);
        }
        assert_log_empty(&fixture->log);
        vkn_context_destroy(context);
    }
    assert_true(found >= 2);
}

/* Subgroups that are wrong about long rows only. */
static void test_wrong_long_rows(void **state) {
    Fixture *fixture = *state;
    VknContext *context = open_context(fixture, NULL);
    VknDesc longer = layer_norm(false, LONGEST), shorter = layer_norm(false, 200);
    VknSelfTestInfo info;
    bool right;
    bad.shortened = true;
    assert_int_equal(compute(fixture, context, &shorter, &right), VKN_SUCCESS);
    assert_true(right);
    assert_int_equal(compute(fixture, context, &longer, &right), VKN_SUCCESS);
    if (!bad.with_subgroup_count) { /* a device without subgroups */
        vkn_context_destroy(context);
        skip();
    }
    assert_false(right);
    assert_int_equal(self_test(fixture, context, &info), VKN_SUCCESS);
    assert_true(info.wrong_count > 0);
    assert_fails(&fixture->log, VKN_SUCCESS, VKN_SUCCESS, "is not used any more");
    expect_right(fixture, context);
    vkn_context_destroy(context);
}

/* Without a self-test, these drivers are believed. */
static void test_the_wrong_is_wrong(void **state) {
    Fixture *fixture = *state;
    VknContext *context = open_context(fixture, NULL);
    VknDesc desc = layer_norm(false, LONGEST);
    bool right;
    bad.taken = OP_FADD;
    bad.placed = OP_FSUB;
    assert_int_equal(compute(fixture, context, &desc, &right), VKN_SUCCESS);
    assert_false(right);
    VknSelfTestInfo info;
    assert_fails(&fixture->log, self_test(fixture, context, &info), VKN_ERROR_DRIVER, "no variant left");
    assert_true(info.wrong_count > 0 && info.refused_count > 0);
    vkn_context_destroy(context);
}

/* Softmax of a row with a NaN, on a driver whose max() does not hand it on. */
static void test_max_without_nan(void **state) {
    enum { LENGTH_OF_ROW = 37 };
    Fixture *fixture = *state;
    VknContext *context = open_context(fixture, NULL);
    float x[ROWS * LENGTH_OF_ROW], y[ROWS * LENGTH_OF_ROW];
    void *memory[VKN_ROLE_COUNT] = {[VKN_ROLE_X] = x, [VKN_ROLE_Y] = y};
    bad.drops_nan = true;
    for (uint32_t i = 0; !i || vkn_strategy_name(i - 1); i++)
        for (uint64_t columns = 0; columns <= 1; columns++) {
            uint64_t step = columns ? ROWS : 1, next = columns ? 1 : LENGTH_OF_ROW;
            VknDesc desc;
            VknPlan *plan;
            vkn_desc_softmax(&desc, VKN_OPERATION_TRAIN, 2, (uint64_t[]){ROWS, LENGTH_OF_ROW}, 1,
                             (int32_t[]){1});
            desc.x = desc.y = (VknTensor){VKN_TYPE_F32, {next, step}};
            desc.strategy = i;
            VknResult result = vkn_plan_create(context, &desc, &plan);
            fixture->log.text[0] = '\0';
            if (i && result == VKN_ERROR_UNSUPPORTED)
                continue;
            assert_int_equal(result, VKN_SUCCESS);
            for (uint64_t j = 0; j < LENGTH(x); j++)
                x[j] = 0.25f;
            for (uint64_t row = 1; row < ROWS; row += 2) /* at its beginning, within, or at its end */
                x[row * next + row % 3 * (LENGTH_OF_ROW / 2) * step] = NAN;
            run(fixture->runtime, plan, memory);
            vkn_plan_destroy(plan);
            for (uint64_t row = 0; row < ROWS; row++)
                for (uint64_t j = 0; j < LENGTH_OF_ROW; j++)
                    if (isnan(y[row * next + j * step]) != row % 2)
                        fail_msg("strategy %u, %u columns: row %u", i, (unsigned)columns, (unsigned)row);
        }
    vkn_context_destroy(context);
}

static VknResult run_lost(void *user, const VknPlan *plan, void *const memory[VKN_ROLE_COUNT]) {
    (void)plan, (void)memory;
    ++*(int *)user;
    return VKN_ERROR_DEVICE_LOST;
}

static void test_arguments(void **state) {
    Fixture *fixture = *state;
    VknContext *context = vkn_runtime_context(fixture->runtime);
    int runs = 0;
    VknRunner runner = {NULL, &runs};
    assert_int_equal(vkn_context_self_test(NULL, &runner, NULL), VKN_ERROR_INVALID_ARGUMENT);
    assert_int_equal(vkn_runtime_self_test(NULL, NULL), VKN_ERROR_INVALID_ARGUMENT);
    assert_fails(&fixture->log, vkn_context_self_test(context, NULL, NULL), VKN_ERROR_INVALID_ARGUMENT,
                 "runner");
    assert_fails(&fixture->log, vkn_context_self_test(context, &runner, NULL), VKN_ERROR_INVALID_ARGUMENT,
                 "run");
    runner.run = run_lost;
    assert_int_equal(vkn_context_self_test(context, &runner, NULL), VKN_ERROR_DEVICE_LOST);
    assert_int_equal(runs, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_ON_DEVICE(test_good_driver),        TEST_ON_DEVICE(test_uncompiled_subgroups),
        TEST_ON_DEVICE(test_nothing_compiles),   TEST_ON_DEVICE(test_no_memory),
        TEST_ON_DEVICE(test_wrong_numbers),      TEST_ON_DEVICE(test_wrong_long_rows),
        TEST_ON_DEVICE(test_the_wrong_is_wrong), TEST_ON_DEVICE(test_max_without_nan),
        TEST_ON_DEVICE(test_arguments),
    };
    return cmocka_run_group_tests_name("self_test", tests, group_open, NULL);
}
