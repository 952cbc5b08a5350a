/* Tuning: which strategy is remembered, by a clock of the test's and by the device's, and for which
 * descriptions. */
#include "tune_test.h"

#include <pthread.h>

static void test_every_winner(void **state) {
    Fixture *fixture = *state;
    VknContext *context = open_context(fixture);
    VknDesc desc = batch_norm(VKN_OPERATION_TRAIN), asked = desc, reproducible = desc;
    Clock look = {.takes = 1};
    VknTuneInfo info;
    uint32_t planned = strategy_of(context, &desc), count = 0;
    assert_int_equal(tune(context, &desc, &look, &info), VKN_SUCCESS);
    assert_true(info.planned == planned && info.fastest == planned);
    assert_true(look.seen >> planned & 1);
    reproducible.reproducible = true;
    uint32_t same_everywhere = strategy_of(context, &reproducible);
    for (uint32_t i = 1; vkn_strategy_name(i - 1); i++) {
        bool timed = look.seen >> i & 1;
        Clock clock = {.favourite = i, .takes = 0.5};
        assert_true(timed == (info.seconds[i - 1] > 0));
        assert_int_equal(tune(context, &desc, &clock, &info), VKN_SUCCESS);
        assert_int_equal(clock.seen, look.seen);
        assert_true(info.planned == planned && info.fastest == (timed ? i : planned));
        assert_int_equal(strategy_of(context, &desc), info.fastest);
        assert_int_equal(strategy_of(context, &reproducible), same_everywhere);
        asked.strategy = planned;
        assert_int_equal(strategy_of(context, &asked), planned);
        count += timed;
    }
    assert_true(count >= 4);
    vkn_context_destroy(context);
}

/* What differs by less than the clock's noise changes nothing, and what is slow is not timed for long. */
static void test_margin(void **state) {
    Fixture *fixture = *state;
    VknContext *context = open_context(fixture);
    VknDesc desc = batch_norm(VKN_OPERATION_TRAIN);
    VknTuneInfo info;
    uint32_t planned = strategy_of(context, &desc), other = tune_for_another(context, &desc, 0);
    Clock close = {.favourite = other, .takes = 0.96};
    assert_int_equal(tune(context, &desc, &close, &info), VKN_SUCCESS);
    assert_int_equal(close.calls, 2);
    assert_int_equal(info.fastest, planned);
    assert_int_equal(strategy_of(context, &desc), planned); /* the winner before is forgotten */
    assert_int_equal(tune(context, &desc, &(Clock){.favourite = other, .takes = 0.94}, &info), VKN_SUCCESS);
    assert_int_equal(info.fastest, other);
    Clock far = {.favourite = planned, .takes = 0.5}; /* of all others */
    assert_int_equal(tune(context, &desc, &far, &info), VKN_SUCCESS);
    assert_int_equal(far.calls, 1);
    assert_int_equal(strategy_of(context, &desc), planned);
    vkn_context_destroy(context);
}

static void test_rules(void **state) {
    Fixture *fixture = *state;
    VknContext *context = open_context(fixture);
    VknDesc desc = batch_norm(VKN_OPERATION_TRAIN), bad = desc;
    Clock clock = {.takes = 1};
    VknTimer timer = {fake_time, &clock};
    VknTuneInfo info, untouched;
    uint32_t other = tune_for_another(context, &desc, 0);
    assert_int_equal(vkn_plan_tune(NULL, &desc, &timer, NULL), VKN_ERROR_INVALID_ARGUMENT);
    FAILS(vkn_plan_tune(context, NULL, &timer, NULL), "must not be NULL");
    FAILS(vkn_plan_tune(context, &desc, NULL, NULL), "must not be NULL");
    FAILS(vkn_plan_tune(context, &desc, &(VknTimer){NULL, NULL}, NULL), "must not be NULL");
    bad.strategy = 1;
    FAILS(tune(context, &bad, &clock, &info), "strategy is 1");
    bad.strategy = 0;
    bad.reproducible = true;
    FAILS(tune(context, &bad, &clock, &info), "reproducible true");
    bad = desc;
    bad.epsilon = -1;
    FAILS(tune(context, &bad, &clock, &info), "epsilon");
    static const double NO_TIMES[] = {-1, NAN, INFINITY};
    for (size_t i = 0; i < LENGTH(NO_TIMES); i++)
        FAILS(tune(context, &desc, &(Clock){.gives = NO_TIMES[i]}, &info), "a plan took");
    FAILS(tune(context, &desc, &(Clock){.takes = 0, .favourite = other}, &info), "a plan took 0 seconds");
    memset(&untouched, 0xFF, sizeof untouched);
    Clock fails = {.takes = 1, .result = VKN_ERROR_OUT_OF_DEVICE_MEMORY};
    assert_int_equal(tune(context, &desc, &fails, &info), VKN_ERROR_OUT_OF_DEVICE_MEMORY);
    assert_memory_equal(&info, &untouched, sizeof info);
    assert_int_equal(strategy_of(context, &desc), other); /* as it was before */
    bad = desc;                                           /* nothing to choose */
    bad.shape[2] = 0;
    clock.calls = 0;
    assert_int_equal(tune(context, &bad, &clock, &info), VKN_SUCCESS);
    assert_true(info.planned == 0 && info.fastest == 0 && clock.calls == 0);
    VknDesc sum;
    vkn_desc_reduce(&sum, VKN_STATISTIC_SUM, 2, (uint64_t[]){5, 0}, 1, (int32_t[]){1});
    assert_int_equal(tune(context, &sum, &clock, &info), VKN_SUCCESS);
    assert_int_equal(clock.calls, 0);
    assert_int_equal(vkn_plan_tune(context, &desc, &timer, NULL), VKN_SUCCESS);
    vkn_context_destroy(context);
}

/* -------------------------------------------------------------------------------------------- threads */

typedef struct Worker {
    VknContext *context;
    VknCacheKey key;
    uint32_t number, failures;
    pthread_t thread;
} Worker;

/* Tunes a shape of its own and one that all have, plans and packs in between. */
static void *work(void *user) {
    Worker *worker = user;
    for (uint32_t round = 0; round < 10; round++)
        for (uint32_t own = 0; own < 2; own++) {
            VknDesc desc = batch_norm(VKN_OPERATION_APPLY);
            VknTuneInfo info;
            VknPlan *plan = NULL;
            uint8_t packed[1 << 13];
            uint64_t size = sizeof packed;
            desc.shape[0] += own * (1 + worker->number);
            worker->failures +=
                tune(worker->context, &desc, &(Clock){.favourite = 1 + round, .takes = 0.5}, &info) != 0;
            worker->failures += vkn_plan_create(worker->context, &desc, &plan) != 0;
            worker->failures += plan && own && vkn_plan_info(plan)->strategy != info.fastest;
            vkn_plan_destroy(plan);
            worker->failures += vkn_tuning_pack(worker->context, &worker->key, packed, &size) != 0 ||
                                vkn_tuning_unpack(worker->context, &worker->key, packed, size) != 0;
        }
    return NULL;
}

static void test_threads(void **state) {
    Fixture *fixture = *state;
    VknContext *context = open_context(fixture);
    Worker workers[4];
    for (uint32_t i = 0; i < LENGTH(workers); i++) {
        workers[i] = (Worker){.context = context, .number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (uint32_t i = 0; i < LENGTH(workers); i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].failures, 0);
    }
    vkn_context_destroy(context);
}

/* ----------------------------------------------------------------------------------------------- keys */

static void change_epsilon(VknDesc *desc) {
    desc->epsilon = 0.5f;
}
static void change_momentum(VknDesc *desc) {
    desc->momentum = 0.5f;
}
static void count_from_the_end(VknDesc *desc) {
    desc->kept_axes[0] = -3;
}
static void split_the_plane(VknDesc *desc) { /* the same bytes */
    desc->rank = 5;
    memcpy(desc->shape, (uint64_t[]){4, 8, 10, 2, 5}, 5 * sizeof *desc->shape);
}
static void write_strides(VknDesc *desc) {
    memcpy(desc->x.stride, (uint64_t[]){800, 100, 10, 1}, 4 * sizeof *desc->x.stride);
}
static void change_operation(VknDesc *desc) {
    desc->operation = VKN_OPERATION_STATISTICS;
    desc->roles = BIT(X) | BIT(MEAN) | BIT(INV_STD);
}
static void change_batch(VknDesc *desc) {
    desc->shape[0] = 5;
}
static void change_axis(VknDesc *desc) {
    desc->kept_axes[0] = 2;
}
static void change_x_stride(VknDesc *desc) {
    memcpy(desc->x.stride, (uint64_t[]){1600, 100, 10, 1}, 4 * sizeof *desc->x.stride);
}
static void change_y_stride(VknDesc *desc) {
    memcpy(desc->y.stride, (uint64_t[]){1600, 100, 10, 1}, 4 * sizeof *desc->y.stride);
}
static void change_x_type(VknDesc *desc) {
    desc->x.type = VKN_TYPE_F16;
}
static void change_y_type(VknDesc *desc) {
    desc->y.type = VKN_TYPE_BF16;
}
static void drop_roles(VknDesc *desc) {
    desc->roles &= ~(BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE));
}
static void change_statistic(VknDesc *desc) {
    desc->statistic = VKN_STATISTIC_MEAN_SQUARE;
    desc->roles &= ~(BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE) | BIT(MEAN));
}
static void add_activation(VknDesc *desc) {
    desc->activation = vkn_activation_default(VKN_ACTIVATION_GELU);
}
static void add_prologue(VknDesc *desc) {
    desc->prologue = vkn_activation_default(VKN_ACTIVATION_RELU);
}
static void cut_dispatches(VknDesc *desc) {
    desc->dispatch_bytes = 1 << 20;
}
static void add_virtual_batches(VknDesc *desc) {
    desc->virtual_batch_size = 2;
}

/* Whether what is tuned for one description is for the other, too. */
static void expect_key(VknContext *context, const char *name, const VknDesc *desc, const VknDesc *changed,
                       bool same) {
    VknPlanInfo planned;
    assert_int_equal(vkn_plan_query(vkn_context_caps(context), changed, (VknLog){0}, &planned), VKN_SUCCESS);
    uint32_t other = tune_for_another(context, desc, planned.strategy);
    uint32_t strategy = strategy_of(context, changed);
    if ((strategy == other) != same)
        fail_msg("%s: strategy %u, planned %u, tuned %u", name, strategy, planned.strategy, other);
}

static void test_keys(void **state) {
    static const struct {
        const char *name;
        bool same;
        void (*change)(VknDesc *desc);
    } ROWS[] = {
        {"epsilon", true, change_epsilon},
        {"momentum", true, change_momentum},
        {"an axis counted from the end", true, count_from_the_end},
        {"axes that lie together", true, split_the_plane},
        {"strides written out", true, write_strides},
        {"operation", false, change_operation},
        {"batch", false, change_batch},
        {"axis", false, change_axis},
        {"x.stride", false, change_x_stride},
        {"y.stride", false, change_y_stride},
        {"x.type", false, change_x_type},
        {"y.type", false, change_y_type},
        {"roles", false, drop_roles},
        {"statistic", false, change_statistic},
        {"activation", false, add_activation},
        {"prologue", false, add_prologue},
        {"dispatch_bytes", false, cut_dispatches},
        {"virtual_batch_size", false, add_virtual_batches},
    };
    Fixture *fixture = *state;
    VknContext *context = open_context(fixture);
    VknDesc gradient = batch_norm(VKN_OPERATION_TRAIN_GRADIENT), half = gradient;
    for (size_t i = 0; i < LENGTH(ROWS); i++) {
        VknDesc desc = batch_norm(VKN_OPERATION_TRAIN), changed = desc;
        ROWS[i].change(&changed);
        expect_key(context, ROWS[i].name, &desc, &changed, ROWS[i].same);
    }
    half.x.type = VKN_TYPE_F16; /* and dx is f32 still */
    expect_key(context, "x.type of a gradient", &gradient, &half, false);
    vkn_context_destroy(context);
}

/* ---------------------------------------------------------------------------------------- real device */

static void test_device(void **state) {
    Fixture *fixture = *state;
    VknContext *context = vkn_runtime_context(fixture->runtime);
    VknDesc desc = layer_norm();
    VknTuneInfo info;
    assert_int_equal(vkn_runtime_tune(NULL, &desc, &info), VKN_ERROR_INVALID_ARGUMENT);
    assert_int_equal(vkn_runtime_tune(fixture->runtime, &desc, &info), VKN_SUCCESS);
    assert_int_equal(strategy_of(context, &desc), info.fastest);
    assert_true(info.seconds[info.fastest - 1] > 0 && info.seconds[info.planned - 1] > 0);
    for (uint32_t i = 0; vkn_strategy_name(i); i++) {
        VknDesc asked = desc;
        VknPlan *plan;
        asked.strategy = i + 1;
        bool legal = vkn_plan_create(context, &asked, &plan) == VKN_SUCCESS;
        assert_true(legal || info.seconds[i] == 0);
        assert_true(info.seconds[i] >= 0 && isfinite(info.seconds[i]));
        vkn_plan_destroy(plan);
    }
    fixture->log.text[0] = '\0'; /* strategies that are not legal */
    assert_computes(fixture->runtime, &desc);
    /* Every kind of buffer, and a time of a plan that moves running values by the number of the batch. */
    VknDesc all[] = {batch_norm(VKN_OPERATION_TRAIN), batch_norm(VKN_OPERATION_TRAIN_GRADIENT),
                     batch_norm(VKN_OPERATION_STATISTICS)};
    all[0].momentum_convention = VKN_MOMENTUM_CUMULATIVE;
    all[0].roles |= BIT(MASK) | BIT(ACTIVATION_MASK);
    all[0].activation = vkn_activation_default(VKN_ACTIVATION_RELU);
    all[2].x.type = VKN_TYPE_F16;
    for (size_t i = 0; i < LENGTH(all); i++)
        assert_int_equal(vkn_runtime_tune(fixture->runtime, &all[i], NULL), VKN_SUCCESS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_ON_DEVICE(test_every_winner), TEST_ON_DEVICE(test_margin), TEST_ON_DEVICE(test_rules),
        TEST_ON_DEVICE(test_threads),      TEST_ON_DEVICE(test_keys),   TEST_ON_DEVICE(test_device),
    };
    return cmocka_run_group_tests_name("tune", tests, group_open, NULL);
}
