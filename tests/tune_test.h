/* What the tests of tuning share: descriptions, and a clock that they hold in their hands. */
#ifndef VKN_TUNE_TEST_H
#define VKN_TUNE_TEST_H

#include "runtime_test.h"

#include <math.h>

#define LENGTH(array)      (sizeof(array) / sizeof *(array))
#define BIT(role)          VKN_ROLE_BIT(VKN_ROLE_##role)
#define FAILS(call, words) assert_fails(&fixture->log, call, VKN_ERROR_INVALID_ARGUMENT, words)

static inline VknDesc batch_norm(VknOperation operation) {
    VknDesc desc;
    vkn_desc_batch_norm(&desc, operation, 4, (uint64_t[]){4, 8, 10, 10}, 1, (int32_t[]){1});
    return desc;
}

static inline VknContext *open_context(Fixture *fixture) {
    VknContext *context;
    assert_int_equal(vkn_context_create(vkn_runtime_context_desc(fixture->runtime), &context), VKN_SUCCESS);
    return context;
}

static inline uint32_t strategy_of(VknContext *context, const VknDesc *desc) {
    VknPlan *plan;
    assert_int_equal(vkn_plan_create(context, desc, &plan), VKN_SUCCESS);
    uint32_t strategy = vkn_plan_info(plan)->strategy;
    vkn_plan_destroy(plan);
    return strategy;
}

/* ------------------------------------------------------------------------------------------ fake time */

/* The clock: all strategies take a second, but one. The machine gets slower from round to round, and now and
 * then it stops in the middle of one. */
typedef struct Clock {
    uint32_t favourite;
    double takes; /* seconds */
    double gives; /* instead of all these, if it is not 0 */
    VknResult result;
    uint32_t calls, seen; /* bits of strategies */
} Clock;

static inline VknResult fake_time(void *user, uint32_t count, const VknPlan *const plans[], uint32_t rounds,
                                  double *seconds) {
    Clock *clock = user;
    clock->calls++;
    assert_true(count >= 2 && count <= VKN_MOST_STRATEGIES && rounds >= 3);
    for (uint32_t i = 0; i < rounds * count; i++) {
        uint32_t strategy = vkn_plan_info(plans[i % count])->strategy, round = i / count;
        bool stops = i % (count + 1) == 2 && round % 3 == 1;
        clock->seen |= 1u << strategy;
        seconds[i] = clock->gives ? clock->gives
                                  : (strategy == clock->favourite ? clock->takes : 1) * (1 + 0.1 * round) +
                                        (stops ? 20 : 0);
    }
    return clock->result;
}

static inline VknResult tune(VknContext *context, const VknDesc *desc, Clock *clock, VknTuneInfo *info) {
    VknTimer timer = {fake_time, clock};
    memset(info, 0xFF, sizeof *info);
    return vkn_plan_tune(context, desc, &timer, info);
}

/* Tunes for another strategy than the planned one and returns it. */
static inline uint32_t tune_for_another(VknContext *context, const VknDesc *desc, uint32_t not_this) {
    Clock look = {.takes = 1};
    VknTuneInfo info;
    uint32_t other = 1;
    assert_int_equal(tune(context, desc, &look, &info), VKN_SUCCESS);
    assert_int_equal(info.fastest, info.planned);
    while (!(look.seen >> other & 1) || other == info.planned || other == not_this)
        other++;
    assert_int_equal(tune(context, desc, &(Clock){.favourite = other, .takes = 0.5}, &info), VKN_SUCCESS);
    assert_int_equal(info.fastest, other);
    return other;
}

static inline VknDesc layer_norm(void) {
    VknDesc desc;
    vkn_desc_layer_norm(&desc, VKN_OPERATION_TRAIN, 2, (uint64_t[]){33, 500}, 1, (int32_t[]){1});
    desc.roles = BIT(X) | BIT(Y);
    return desc;
}

/* Runs it with whatever strategy the context has for it. */
static inline void assert_computes(VknRuntime *runtime, const VknDesc *desc) {
    enum { ROWS = 33, COLUMNS = 500 };
    static float x[ROWS * COLUMNS], y[ROWS * COLUMNS];
    VknBuffer buffers[VKN_ROLE_COUNT] = {{0}};
    VknBindings *bindings;
    VknPlan *plan;
    assert_int_equal(vkn_plan_create(vkn_runtime_context(runtime), desc, &plan), VKN_SUCCESS);
    for (uint32_t i = 0; i < LENGTH(x); i++)
        x[i] = (float)((i * 2654435761u >> 8) % 1000) / 500;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        if (vkn_plan_info(plan)->size[role])
            buffers[role] = create_buffer(runtime, vkn_plan_info(plan)->size[role]);
    assert_int_equal(vkn_runtime_upload(runtime, &buffers[VKN_ROLE_X], 0, x, sizeof x), VKN_SUCCESS);
    assert_int_equal(vkn_bindings_create(plan, buffers, &bindings), VKN_SUCCESS);
    assert_int_equal(vkn_runtime_run(runtime, plan, bindings, NULL, 1, NULL), VKN_SUCCESS);
    assert_int_equal(vkn_runtime_download(runtime, &buffers[VKN_ROLE_Y], 0, y, sizeof y), VKN_SUCCESS);
    for (uint32_t row = 0; row < ROWS; row++) {
        double mean = 0, variance = 0;
        for (uint32_t i = 0; i < COLUMNS; i++)
            mean += x[row * COLUMNS + i] / (double)COLUMNS;
        for (uint32_t i = 0; i < COLUMNS; i++)
            variance += pow(x[row * COLUMNS + i] - mean, 2) / COLUMNS;
        for (uint32_t i = 0; i < COLUMNS; i++)
            assert_true(fabs(y[row * COLUMNS + i] - (x[row * COLUMNS + i] - mean) / sqrt(variance + 1e-5)) <
                        1e-4);
    }
    vkn_bindings_destroy(bindings);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        vkn_runtime_buffer_destroy(runtime, buffers[role].buffer);
    vkn_plan_destroy(plan);
}

#endif
