/* The public functions on a device: what they refuse, in which words, and that nothing happens then. */
#include "api.h"

/* ------------------------------------------------------------------------------------------- plans */

static void test_plan_refusals(void **state) {
    Api *api = *state;
    VknDesc desc = api_desc();
    VknPlan *plan = (VknPlan *)api;
    assert_fails(&api->log, vkn_plan_create(api->context, NULL, &plan), VKN_ERROR_INVALID_ARGUMENT, "desc");
    assert_null(plan);
    assert_fails(&api->log, vkn_plan_create(api->context, &desc, NULL), VKN_ERROR_INVALID_ARGUMENT, "plan");
    plan = (VknPlan *)api;
    assert_int_equal(vkn_plan_create(NULL, &desc, &plan), VKN_ERROR_INVALID_ARGUMENT);
    assert_null(plan);
    desc.rank = 9;
    plan = (VknPlan *)api;
    assert_fails(&api->log, vkn_plan_create(api->context, &desc, &plan), VKN_ERROR_INVALID_ARGUMENT,
                 "rank must be 1 to 8, not 9");
    assert_null(plan);
    desc = api_desc();
    desc.operation = VKN_OPERATION_APPLY;
    desc.roles = BIT(X) | BIT(Y) | BIT(MEAN) | BIT(VARIANCE);
    desc.strategy = 1; /* TRAIN alone */
    plan = (VknPlan *)api;
    assert_fails(&api->log, vkn_plan_create(api->context, &desc, &plan), VKN_ERROR_UNSUPPORTED,
                 vkn_strategy_name(0));
    assert_null(plan);
    desc.strategy = 0;
    assert_int_equal(vkn_plan_create(api->context, &desc, &plan), VKN_SUCCESS);
    vkn_plan_destroy(plan);
}

static void test_destroy_null(void **state) {
    (void)state;
    vkn_bindings_destroy(NULL);
    vkn_plan_destroy(NULL);
    vkn_context_destroy(NULL);
}

/* ----------------------------------------------------------------------------------------- bindings */

static void expect_bindings(Api *api, const Bound *bound, const VknBuffer *buffers, VknResult expected,
                            const char *words) {
    VknBindings *bindings = (VknBindings *)api;
    assert_fails(&api->log, vkn_bindings_create(bound->plan, buffers, &bindings), expected, words);
    assert_true((bindings != NULL) == (expected == VKN_SUCCESS));
    vkn_bindings_destroy(bindings);
}

static const char *const ROLES[] = {
    "X",       "Y",        "GAMMA", "BETA", "MEAN", "INV_STD", "VARIANCE", "RUNNING_MEAN", "RUNNING_VARIANCE",
    "MOMENTS", "WORKSPACE"};

/* Each role alone: missing, misplaced, too small. */
static void test_single_buffers(void **state) {
    Api *api = *state;
    VknDesc desc = api_desc();
    Bound bound = bound_create(api, api->context, &desc);
    uint32_t bound_count = 0;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        VknBuffer buffers[VKN_ROLE_COUNT];
        uint64_t size = vkn_plan_info(bound.plan)->size[role];
        char words[96];
        memcpy(buffers, bound.buffers, sizeof buffers);
        if (size == 0) { /* what is not bound is not looked at */
            buffers[role] = (VknBuffer){bound.memory.buffer, 3, 1};
            expect_bindings(api, &bound, buffers, VKN_SUCCESS, "");
            continue;
        }
        bound_count++;
        buffers[role].buffer = VK_NULL_HANDLE;
        snprintf(words, sizeof words, "%s needs a buffer of %llu bytes", ROLES[role],
                 (unsigned long long)size);
        expect_bindings(api, &bound, buffers, VKN_ERROR_INVALID_ARGUMENT, words);
        buffers[role] = bound.buffers[role];
        buffers[role].offset += 2;
        snprintf(words, sizeof words, "%s: offset must be a multiple of 4, not %llu", ROLES[role],
                 (unsigned long long)buffers[role].offset);
        expect_bindings(api, &bound, buffers, VKN_ERROR_INVALID_ARGUMENT, words);
        buffers[role] = bound.buffers[role];
        buffers[role].size = size - 1;
        snprintf(words, sizeof words, "%s needs %llu bytes, not %llu", ROLES[role], (unsigned long long)size,
                 (unsigned long long)size - 1);
        expect_bindings(api, &bound, buffers, VKN_ERROR_INVALID_ARGUMENT, words);
    }
    assert_int_equal(bound_count, 9); /* all but VARIANCE and MOMENTS */
    expect_bindings(api, &bound, bound.buffers, VKN_SUCCESS, "");
    bound_destroy(api, &bound);
}

/* Each pair: the same place, the last bytes of one, side by side. */
static void test_shared_memory(void **state) {
    const uint32_t written = ~(BIT(X) | BIT(GAMMA) | BIT(BETA));
    Api *api = *state;
    VknDesc desc = api_desc();
    Bound bound = bound_create(api, api->context, &desc);
    const uint64_t *size = vkn_plan_info(bound.plan)->size;
    for (uint32_t i = 0; i < VKN_ROLE_COUNT; i++)
        for (uint32_t j = 0; j < VKN_ROLE_COUNT; j++) {
            if (i == j || !size[i] || !size[j])
                continue;
            bool refused = (written >> i | written >> j) & 1, tensors = i + j == VKN_ROLE_X + VKN_ROLE_Y;
            VknResult expected = refused ? VKN_ERROR_INVALID_ARGUMENT : VKN_SUCCESS;
            VknBuffer buffers[VKN_ROLE_COUNT];
            char words[64];
            snprintf(words, sizeof words, "%s [", ROLES[j]);
            memcpy(buffers, bound.buffers, sizeof buffers);
            /* Elsewhere in memory, alone with i. */
            buffers[j].offset = buffers[i].offset = 1 << 16;
            expect_bindings(api, &bound, buffers, tensors ? VKN_SUCCESS : expected,
                            refused && !tensors ? words : "");
            buffers[j].offset = buffers[i].offset + size[i] - 4;
            expect_bindings(api, &bound, buffers, expected, refused ? words : "");
            buffers[j].offset = buffers[i].offset + size[i];
            expect_bindings(api, &bound, buffers, VKN_SUCCESS, "");
        }
    bound_destroy(api, &bound);
}

static void test_in_place(void **state) {
    Api *api = *state;
    VknDesc desc = api_desc();
    for (int strides = 0; strides < 2; strides++) {
        if (strides == 1) /* y is channels last, x is not */
            desc.y = (VknTensor){VKN_TYPE_F32, {210, 1, 42, 6}};
        Bound bound = bound_create(api, api->context, &desc);
        bound.buffers[VKN_ROLE_Y].offset = bound.buffers[VKN_ROLE_X].offset;
        expect_bindings(api, &bound, bound.buffers, strides ? VKN_ERROR_INVALID_ARGUMENT : VKN_SUCCESS,
                        strides ? "in place" : "");
        bound.buffers[VKN_ROLE_Y].offset += 4;
        expect_bindings(api, &bound, bound.buffers, VKN_ERROR_INVALID_ARGUMENT, "in place");
        bound_destroy(api, &bound);
    }
}

static void test_bindings_null(void **state) {
    Api *api = *state;
    VknDesc desc = api_desc();
    Bound bound = bound_create(api, api->context, &desc);
    VknBindings *bindings = (VknBindings *)api;
    assert_int_equal(vkn_bindings_create(NULL, bound.buffers, &bindings), VKN_ERROR_INVALID_ARGUMENT);
    assert_null(bindings);
    expect_bindings(api, &bound, NULL, VKN_ERROR_INVALID_ARGUMENT, "buffers");
    assert_fails(&api->log, vkn_bindings_create(bound.plan, bound.buffers, NULL), VKN_ERROR_INVALID_ARGUMENT,
                 "bindings");
    bound_destroy(api, &bound);
}

/* ------------------------------------------------------------------------------------------ records */

static void expect_nothing_recorded(Api *api, const Bound *bound, const VknPlan *plan,
                                    const VknBindings *bindings, const VknRecordInfo *info,
                                    const char *words) {
    Commands commands = commands_begin(api);
    assert_fails(&api->log, vkn_plan_record(plan, bindings, commands.buffer, info),
                 VKN_ERROR_INVALID_ARGUMENT, words);
    commands_submit(api, &commands);
    assert_true(bound_is_poisoned(api, bound));
    commands_destroy(api, &commands);
}

static void test_record_refusals(void **state) {
    Api *api = *state;
    VknDesc desc = api_desc();
    Bound bound = bound_create(api, api->context, &desc), other = bound_create(api, api->context, &desc);
    desc.momentum_convention = VKN_MOMENTUM_CUMULATIVE;
    Bound average = bound_create(api, api->context, &desc);
    expect_nothing_recorded(api, &bound, NULL, bound.bindings, NULL, "");
    expect_nothing_recorded(api, &bound, bound.plan, NULL, NULL, "bindings");
    expect_nothing_recorded(api, &bound, bound.plan, other.bindings, NULL, "another plan");
    expect_nothing_recorded(api, &average, average.plan, average.bindings, NULL, "batch_number");
    expect_nothing_recorded(api, &average, average.plan, average.bindings, &(VknRecordInfo){0},
                            "batch_number");
    uint32_t count = vkn_plan_info(bound.plan)->dispatch_count;
    expect_nothing_recorded(api, &bound, bound.plan, bound.bindings,
                            &(VknRecordInfo){.first_dispatch = count + 1}, "a piece of 0 from");
    expect_nothing_recorded(api, &bound, bound.plan, bound.bindings,
                            &(VknRecordInfo){.first_dispatch = 1, .dispatch_count = count}, "is not in it");
    assert_fails(&api->log, vkn_plan_record(bound.plan, bound.bindings, VK_NULL_HANDLE, NULL),
                 VKN_ERROR_INVALID_ARGUMENT, "commands");
    /* All of it is as good as before. */
    Commands commands = commands_begin(api);
    assert_int_equal(vkn_plan_record(bound.plan, bound.bindings, commands.buffer, NULL), VKN_SUCCESS);
    assert_int_equal(vkn_plan_record(average.plan, average.bindings, commands.buffer,
                                     &(VknRecordInfo){.batch_number = UINT64_MAX}),
                     VKN_SUCCESS);
    commands_submit(api, &commands);
    commands_destroy(api, &commands);
    assert_true(bound_is_written(api, &bound) && bound_is_written(api, &average));
    assert_true(bound_is_poisoned(api, &other));
    bound_destroy(api, &bound);
    bound_destroy(api, &other);
    bound_destroy(api, &average);
}

/* Work that takes long is cut into dispatches that do not: so many that none moves more than was asked for.
 */
static void test_dispatch_bytes(void **state) {
    Api *api = *state;
    VknDesc desc;
    vkn_desc_activation(&desc, VKN_OPERATION_APPLY, 2, (const uint64_t[]){1024, 1024},
                        vkn_activation_default(VKN_ACTIVATION_RELU));
    VknPlanInfo whole, pieces;
    const VknCaps *caps = vkn_context_caps(api->context);
    assert_int_equal(vkn_plan_query(caps, &desc, (VknLog){0}, &whole), VKN_SUCCESS);
    assert_int_equal(whole.dispatch_count, 1);
    for (uint64_t cut = 2; cut <= 1u << 12; cut *= 2) {
        desc.dispatch_bytes = whole.least_bytes / cut;
        assert_int_equal(vkn_plan_query(caps, &desc, (VknLog){0}, &pieces), VKN_SUCCESS);
        assert_in_range(pieces.dispatch_count, cut, 2 * cut);
        assert_int_equal(pieces.least_bytes, whole.least_bytes);
    }
}

/* An empty tensor has a plan, bindings without buffers, and records nothing. */
static void test_empty_tensor(void **state) {
    Api *api = *state;
    VknDesc desc = api_desc();
    VknPlan *plan;
    VknBindings *bindings;
    desc.shape[2] = 0;
    assert_int_equal(vkn_plan_create(api->context, &desc, &plan), VKN_SUCCESS);
    assert_int_equal(vkn_bindings_create(plan, (VknBuffer[VKN_ROLE_COUNT]){{0}}, &bindings), VKN_SUCCESS);
    Commands commands = commands_begin(api);
    assert_int_equal(vkn_plan_record(plan, bindings, commands.buffer, NULL), VKN_SUCCESS);
    commands_submit(api, &commands);
    commands_destroy(api, &commands);
    vkn_bindings_destroy(bindings);
    vkn_plan_destroy(plan);
}

int api_plan_tests(void) {
    const struct CMUnitTest tests[] = {
        TEST_WITH_API(test_plan_refusals),   TEST_WITH_API(test_single_buffers),
        TEST_WITH_API(test_shared_memory),   TEST_WITH_API(test_in_place),
        TEST_WITH_API(test_bindings_null),   TEST_WITH_API(test_record_refusals),
        TEST_WITH_API(test_dispatch_bytes),  TEST_WITH_API(test_empty_tensor),
        cmocka_unit_test(test_destroy_null),
    };
    return cmocka_run_group_tests_name("api_plan", tests, NULL, NULL);
}
