/* Schedules without kernels that failed: random descriptions on random devices, of which one variant after
 * the other is taken until nothing is left. */
#include "generate.h"
#include "invariants.h"
#include "strategy.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>

static TestRounds rounds;
static uint64_t seed;
static char message[512];

static void log_write(void *user, VknLogLevel level, const char *text) {
    (void)user, (void)level;
    snprintf(message, sizeof message, "%s", text);
}

static const VknHost host = {NULL, {.write = log_write}};

static void require(bool holds, const char *rule) {
    if (!holds)
        fail_msg("%s (%s): again with --rounds 1 --seed %" PRIu64, rule, message, seed);
}

/* Makes a schedule, which must be a right one without what is refused. False: there is none. */
static bool make(const VknCaps *caps, const VknVariants *refused, const VknDesc *desc,
                 VknSchedule *schedule) {
    uint32_t step;
    message[0] = '\0';
    VknResult result = vkn_schedule_make_without(&host, caps, refused, NULL, desc, schedule);
    require(!result || (result == VKN_ERROR_UNSUPPORTED && message[0] && !schedule->steps),
            "a clear refusal");
    if (result)
        return false;
    require(!message[0], "no message of success");
    require(!vkn_schedule_refused(schedule, 0, refused), "nothing refused is used");
    const char *broken = test_invariant_broken(schedule, caps, &step);
    require(!broken, broken ? broken : "");
    require(!desc->strategy || desc->strategy == schedule->info.strategy || !schedule->step_count,
            "the strategy that was asked for");
    return true;
}

static void test_one_after_the_other(void **state) {
    uint64_t schedules = 0, others = 0;
    (void)state;
    for (uint64_t round = 0; round < rounds.count; round++) {
        seed = rounds.seed + round;
        TestRandom random = test_random_start(seed);
        VknDesc desc = test_random_desc(&random, 1 + test_random_below(&random, 2500));
        VknCaps caps = test_random_caps(&random);
        VknVariants refused = {{0}};
        VknSchedule schedule;
        uint32_t first = UINT32_MAX;
        while (make(&caps, &refused, &desc, &schedule) && schedule.step_count) {
            const VknStep *step = &schedule.steps[test_random_below(&random, schedule.step_count)];
            vkn_variants_add(&refused, step);
            first = first == UINT32_MAX ? schedule.info.strategy : first;
            others += schedule.info.strategy != first;
            schedules++;
            vkn_schedule_free(&host, &schedule);
        }
        vkn_schedule_free(&host, &schedule);
        if (first == UINT32_MAX)
            continue;
        require(strstr(message, "no strategy is left") && strstr(message, "failed before"), "a reason");
        for (desc.strategy = 1; desc.strategy <= vkn_strategy_count; desc.strategy++)
            require(!make(&caps, &refused, &desc, &schedule), "a strategy that was overlooked");
    }
    printf("%" PRIu64 " schedules, %" PRIu64 " by another strategy\n", schedules, others);
    assert_true(schedules > 3 * rounds.count && others > rounds.count);
}

/* Without sums of subgroups, the same strategies go on: by shuffles where a device has them, and groups by
 * shared memory. */
static void test_weaker_workers(void **state) {
    VknVariants refused = {{0}};
    uint64_t shuffles = 0, trees = 0;
    (void)state;
    for (uint32_t i = 0; i < VKN_KERNEL_COUNT; i++)
        refused.workers[i] = 1u << VKN_WORKER_SUBGROUP_ADD | 1u << VKN_WORKER_GROUP_ADD;
    for (uint64_t round = 0; round < rounds.count; round++) {
        seed = rounds.seed + round;
        TestRandom random = test_random_start(seed);
        VknDesc desc = test_random_desc(&random, 1 + test_random_below(&random, 2500));
        VknCaps caps = test_random_caps(&random), weaker = caps;
        weaker.subgroup_arithmetic = false;
        for (desc.strategy = 0; desc.strategy <= vkn_strategy_count; desc.strategy++) {
            VknSchedule schedule, same;
            bool there = vkn_schedule_make(&host, &weaker, &desc, &same) == VKN_SUCCESS;
            bool legal = vkn_schedule_make(&host, &caps, &desc, &schedule) == VKN_SUCCESS;
            bool as_it_is = legal && !vkn_schedule_refused(&schedule, 0, &refused);
            there = there || as_it_is;
            vkn_schedule_free(&host, &schedule);
            bool made = make(&caps, &refused, &desc, &schedule);
            if (desc.strategy)
                require(made == (there && legal), "weaker workers serve where a weaker device would");
            if (desc.strategy && made && !as_it_is)
                require(memcmp(&schedule.info, &same.info, sizeof same.info) == 0 &&
                            memcmp(schedule.steps, same.steps, same.step_count * sizeof *same.steps) == 0,
                        "as on a weaker device");
            for (uint32_t i = 0; i < schedule.step_count && legal; i++) {
                shuffles += schedule.steps[i].worker == VKN_WORKER_SUBGROUP_SHUFFLE;
                trees += schedule.steps[i].worker == VKN_WORKER_GROUP_TREE;
            }
            vkn_schedule_free(&host, &schedule);
            vkn_schedule_free(&host, &same);
        }
    }
    printf("%" PRIu64 " steps of shuffles, %" PRIu64 " of shared memory\n", shuffles, trees);
    assert_true(shuffles > rounds.count && trees > rounds.count);
}

/* The sums of parameters have a strategy of their own, which gives way likewise. */
static void test_parameters(void **state) {
    VknDesc desc;
    VknCaps caps = {.device_class = VKN_DEVICE_OTHER,
                    .max_invocations = 256,
                    .max_group_count = 65535,
                    .max_shared_bytes = 16384,
                    .max_storage_range = 1 << 27,
                    .max_storage_buffers = 8,
                    .storage_offset_alignment = 16,
                    .max_subgroup_size = 32,
                    .subgroup_arithmetic = true};
    VknVariants refused = {{0}};
    VknSchedule schedule;
    uint32_t makes = 0;
    (void)state;
    vkn_desc_layer_norm(&desc, VKN_OPERATION_TRAIN_GRADIENT, 2, (uint64_t[]){64, 300}, 1, (int32_t[]){1});
    for (uint32_t count = 1; count; makes++) { /* without the kernels that sum for parameters only */
        assert_int_equal(vkn_schedule_make_without(&host, &caps, &refused, NULL, &desc, &schedule),
                         VKN_SUCCESS);
        assert_null(vkn_schedule_refused(&schedule, 0, &refused));
        assert_int_equal(schedule.steps[schedule.step_count - 1].worker, VKN_WORKER_SUBGROUP_ADD); /* of dx */
        count = 0;
        for (uint32_t i = 0; i < schedule.step_count; i++)
            if (schedule.steps[i].kernel == VKN_KERNEL_GRADIENT_REDUCE_COLUMN ||
                schedule.steps[i].kernel == VKN_KERNEL_GRADIENT_REDUCE_ROW) {
                vkn_variants_add(&refused, &schedule.steps[i]);
                count++;
            }
        vkn_schedule_free(&host, &schedule);
    }
    assert_true(makes >= 2);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_after_the_other),
                                       cmocka_unit_test(test_weaker_workers),
                                       cmocka_unit_test(test_parameters)};
    if (!test_rounds_parse(argc, argv, 2000, &rounds))
        return 2;
    return cmocka_run_group_tests_name("refuse", tests, NULL, NULL);
}
