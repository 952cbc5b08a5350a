/* Schedules of random descriptions on random devices, with every strategy: what each must be, and that
 * running it touches what it should. And some devices and tensors that nobody here has. */
#include "generate.h"
#include "invariants.h"
#include "simulate.h"
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

static struct {
    uint64_t seed;
    const char *test;
    VknDesc desc;
    VknCaps caps;
    char message[512]; /* the last one that was logged */
} now;

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user, (void)level;
    snprintf(now.message, sizeof now.message, "%s", message);
}

/* ---------------------------------------------------------------------------------------- host memory */

typedef struct Memory {
    int64_t left;  /* allocations until one fails */
    uint64_t most; /* bytes of one allocation */
    int64_t live;
} Memory;

static void *allocate(void *user, size_t size, size_t alignment, VkSystemAllocationScope scope) {
    Memory *memory = user;
    void *block = memory->left-- > 0 && size <= memory->most ? malloc(size) : NULL;
    (void)alignment, (void)scope;
    memory->live += block != NULL;
    return block;
}

static void release(void *user, void *block) {
    ((Memory *)user)->live -= block != NULL;
    free(block);
}

/* No schedule is larger than this: who asks for more does not know an end. */
static Memory plenty = {INT64_MAX, 64 << 20, 0};
static const VkAllocationCallbacks callbacks = {
    .pUserData = &plenty, .pfnAllocation = allocate, .pfnFree = release};
static const VknHost host = {&callbacks, {.write = log_write}};

/* --------------------------------------------------------------------------------------------- report */

static void fail_now(const char *why, const char *detail) {
    const VknDesc *d = &now.desc;
    const VknCaps *c = &now.caps;
    print_error("%s: %s\n  operation %d, roles 0x%x, strategy %u, parts %u\n", why, detail, (int)d->operation,
                d->roles, d->strategy, d->moment_parts);
    for (uint32_t i = 0; i < d->rank; i++)
        print_error("  axis %u: %" PRIu64 ", x stride %" PRIu64 ", y stride %" PRIu64 "\n", i, d->shape[i],
                    d->x.stride[i], d->y.stride[i]);
    for (uint32_t i = 0; i < d->kept_axis_count; i++)
        print_error("  keeps %d\n", d->kept_axes[i]);
    print_error("  class %d, invocations %u, groups %u, range %" PRIu64
                ", alignment %u, subgroup %u, add %d, "
                "shuffle %d, full %d\n",
                (int)c->device_class, c->max_invocations, c->max_group_count, c->max_storage_range,
                c->storage_offset_alignment, c->max_subgroup_size, c->subgroup_arithmetic,
                c->subgroup_shuffle, c->full_subgroups);
    fail_msg("again: schedule --rounds 1 --seed %" PRIu64 " (%s)", now.seed, now.test);
}

static void start(const char *test, uint64_t round) {
    now.test = test;
    now.seed = rounds.seed + round;
}

/* ------------------------------------------------------------------------------------------- checks */

static bool same_steps(const VknSchedule *a, const VknSchedule *b) {
    return a->step_count == b->step_count &&
           (a->step_count == 0 || memcmp(a->steps, b->steps, a->step_count * sizeof *a->steps) == 0) &&
           memcmp(&a->desc, &b->desc, sizeof a->desc) == 0 && memcmp(&a->info, &b->info, sizeof a->info) == 0;
}

/* A schedule of now.desc for now.caps; false when that is refused, clearly. */
static bool make(VknSchedule *schedule) {
    VknSchedule again;
    now.message[0] = 0;
    memset(schedule, 0xA5, sizeof *schedule);
    VknResult result = vkn_schedule_make(&host, &now.caps, &now.desc, schedule);
    if (result != VKN_SUCCESS) {
        if (result != VKN_ERROR_UNSUPPORTED || !now.message[0] || schedule->steps || schedule->step_count)
            fail_now("not a clear refusal", vkn_result_name(result));
        return false;
    }
    if (now.message[0])
        fail_now("success, but a message", now.message);
    if (vkn_schedule_make(&host, &now.caps, &now.desc, &again) != VKN_SUCCESS ||
        !same_steps(schedule, &again))
        fail_now("again the same", "is another schedule");
    vkn_schedule_free(&host, &again);
    return true;
}

static void check_invariants(const VknSchedule *schedule) {
    char where[64];
    uint32_t step;
    const char *broken = test_invariant_broken(schedule, &now.caps, &step);
    snprintf(where, sizeof where, "step %u of %u", step, schedule->step_count);
    if (broken)
        fail_now(where, broken);
    if (now.desc.strategy && schedule->info.strategy != now.desc.strategy)
        fail_now("not the strategy that was asked for", schedule->info.strategy_name);
}

static bool may_be_in_place(const VknDesc *d) {
    uint32_t both = VKN_ROLE_BIT(VKN_ROLE_X) | VKN_ROLE_BIT(VKN_ROLE_Y);
    return (d->roles & both) == both && memcmp(&d->x, &d->y, sizeof d->x) == 0;
}

/* ------------------------------------------------------------------------------------------- random */

/* Small tensors, so that every access can be looked at, and now and then one of several parts in several
 * windows. Devices are weak often enough for many windows. */
static void test_every_access(void **state) {
    uint64_t runs = 0, windows = 0;
    (void)state;
    for (uint64_t round = 0; round < rounds.count; round++) {
        TestRandom random = test_random_start(rounds.seed + round);
        start("every access", round);
        bool parts = now.seed % 16 == 0;
        now.desc = test_random_desc(&random, 1 + test_random_below(&random, parts ? 40000 : 2500));
        now.caps = test_random_caps(&random);
        if (parts)
            now.caps.max_storage_range = 16384;
        for (now.desc.strategy = 0; now.desc.strategy <= vkn_strategy_count; now.desc.strategy++) {
            VknSchedule schedule;
            char fault[256];
            if (!make(&schedule)) {
                if (now.desc.strategy == 0 && !strstr(now.message, "virtual batches"))
                    fail_now("a small tensor is refused", now.message);
                continue;
            }
            check_invariants(&schedule);
            bool y_is_x = may_be_in_place(&now.desc) && test_random_below(&random, 2);
            if (!sim_check(&schedule, &now.caps, &now.desc, y_is_x, &random, fault))
                fail_now(y_is_x ? "in place" : "the kernels", fault);
            runs++;
            windows += schedule.step_count;
            vkn_schedule_free(&host, &schedule);
        }
    }
    print_message("%" PRIu64 " schedules with %" PRIu64 " dispatches\n", runs, windows);
    assert_true(windows > runs);
}

/* Tensors up to 64 GiB: planned, not run. The size stays below some 500 bindings. */
static void test_large_tensors(void **state) {
    (void)state;
    for (uint64_t round = 0; round < rounds.count / 2; round++) {
        TestRandom random = test_random_start(rounds.seed + round);
        start("large tensors", round);
        now.caps = test_random_caps(&random);
        uint64_t most = vkn_min(now.caps.max_storage_range * 100, (uint64_t)1 << 34);
        now.desc = test_random_desc(&random, 1 + (most >> test_random_below(&random, 20)));
        for (now.desc.strategy = 0; now.desc.strategy <= vkn_strategy_count; now.desc.strategy++) {
            VknSchedule schedule;
            if (make(&schedule)) {
                check_invariants(&schedule);
                vkn_schedule_free(&host, &schedule);
            }
        }
    }
}

/* --------------------------------------------------------------------------------- invented devices */

#define GPU(range)                                                                                           \
    {                                                                                                        \
        .device_class = VKN_DEVICE_NVIDIA, .max_invocations = 1024, .max_group_count = 65535,                \
        .max_shared_bytes = 49152, .max_storage_range = range, .max_storage_buffers = 8,                     \
        .storage_offset_alignment = 16, .max_subgroup_size = 32, .subgroup_arithmetic = true,                \
        .subgroup_shuffle = true, .subgroup_size_control = true, .full_subgroups = true                      \
    }
#define SHAPE(...) __VA_ARGS__
#define ROW(text, device, rank_of, shape_of, kept, least_steps)                                              \
    {                                                                                                        \
        text, device, {.rank = rank_of, .shape = {shape_of}, .kept_axis_count = 1, .kept_axes = {kept}},     \
            least_steps                                                                                      \
    }

static const struct {
    const char *name;
    VknCaps caps;
    VknDesc desc; /* operation and roles are filled in */
    uint32_t least_steps;
} INVENTED[] = {
    ROW("2^34 elements, NCHW", GPU(UINT32_MAX), 4, SHAPE(64, 256, 1024, 1024), 1, 16),
    ROW("2^34 elements, NHWC", GPU(UINT32_MAX), 4, SHAPE(64, 1024, 1024, 256), 3, 16),
    ROW("2^34 elements of one channel", GPU(UINT32_MAX), 2, SHAPE(1, (uint64_t)1 << 34), 0, 16),
    ROW("2^34 channels of one element", GPU(UINT32_MAX), 2, SHAPE(1, (uint64_t)1 << 34), 1, 16),
    ROW("2^33 - 1 elements", GPU(UINT32_MAX), 2, SHAPE(1, ((uint64_t)1 << 33) - 1), 0, 8),
    ROW("more than 65,535 groups", GPU(UINT32_MAX), 2, SHAPE(4096, 1 << 18), 1, 1),
    ROW("205 MB in windows of 128 MiB", GPU(1u << 27), 4, SHAPE(64, 64, 112, 112), 1, 2),
    ROW("one channel of 2^31 elements in windows of 128 MiB", GPU(1u << 27), 2, SHAPE((uint64_t)1 << 31, 1),
        1, 64),
    ROW("2^31 channels in windows of 128 MiB", GPU(1u << 27), 2, SHAPE(1, (uint64_t)1 << 31), 1, 64),
};

static void test_invented_devices(void **state) {
    static const uint32_t roles[] = {
        [VKN_OPERATION_TRAIN] = VKN_ROLE_BIT(VKN_ROLE_X) | VKN_ROLE_BIT(VKN_ROLE_Y),
        [VKN_OPERATION_APPLY] = VKN_ROLE_BIT(VKN_ROLE_X) | VKN_ROLE_BIT(VKN_ROLE_Y) |
                                VKN_ROLE_BIT(VKN_ROLE_MEAN) | VKN_ROLE_BIT(VKN_ROLE_VARIANCE),
        [VKN_OPERATION_STATISTICS] = VKN_ROLE_BIT(VKN_ROLE_X) | VKN_ROLE_BIT(VKN_ROLE_MOMENTS),
        [VKN_OPERATION_FINISH] = VKN_ROLE_BIT(VKN_ROLE_MOMENTS) | VKN_ROLE_BIT(VKN_ROLE_MEAN),
    };
    (void)state;
    for (size_t i = 0; i < sizeof INVENTED / sizeof *INVENTED; i++) {
        start(INVENTED[i].name, 0);
        now.caps = INVENTED[i].caps;
        now.desc = INVENTED[i].desc;
        now.desc.moment_parts = 3;
        for (uint32_t operation = VKN_OPERATION_TRAIN; operation <= VKN_OPERATION_FINISH; operation++)
            for (uint32_t strategy = 0; strategy <= vkn_strategy_count; strategy++) {
                VknSchedule schedule;
                now.desc.operation = (VknOperation)operation;
                now.desc.roles = roles[operation];
                now.desc.strategy = strategy;
                if (!make(&schedule)) {
                    if (strategy == 0)
                        fail_now("refused", now.message);
                    continue;
                }
                check_invariants(&schedule);
                if (operation != VKN_OPERATION_FINISH && schedule.step_count < INVENTED[i].least_steps)
                    fail_now("too few dispatches", schedule.info.strategy_name);
                vkn_schedule_free(&host, &schedule);
            }
    }
}

/* Sizes that no device has memory for must be refused before they fill the host's. */
static void test_absurd_sizes_are_refused(void **state) {
    static const struct {
        VknOperation operation;
        uint64_t extent, range;
        uint32_t parts;
    } ABSURD[] = {
        {VKN_OPERATION_TRAIN, (uint64_t)1 << 55, UINT32_MAX, 1},
        {VKN_OPERATION_TRAIN, (uint64_t)1 << 44, 4096, 1},
        {VKN_OPERATION_STATISTICS, (uint64_t)1 << 44, 4096, 1},
        {VKN_OPERATION_FINISH, (uint64_t)1 << 44, 4096, 1},
        {VKN_OPERATION_FINISH, (uint64_t)1 << 55, UINT32_MAX, 1 << 20},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ABSURD / sizeof *ABSURD; i++)
        for (int32_t kept = 0; kept < 2; kept++) {
            VknSchedule schedule;
            start("absurd sizes", 0);
            now.caps = (VknCaps)GPU(ABSURD[i].range);
            vkn_desc_batch_norm(&now.desc, ABSURD[i].operation, 2, (uint64_t[]){1, ABSURD[i].extent}, 1,
                                &kept);
            now.desc.moment_parts = ABSURD[i].parts;
            if (ABSURD[i].operation == VKN_OPERATION_FINISH && kept == 0)
                continue; /* one statistic */
            if (make(&schedule))
                fail_now("planned", "more than there can be");
        }
}

static void test_no_host_memory(void **state) {
    VknResult result = VKN_ERROR_OUT_OF_HOST_MEMORY;
    (void)state;
    now.caps = (VknCaps)GPU(4096);
    vkn_desc_batch_norm(&now.desc, VKN_OPERATION_TRAIN, 2, (uint64_t[]){64, 1000}, 1, (int32_t[]){1});
    for (int64_t n = 0; result != VKN_SUCCESS; n++) {
        Memory memory = {.left = n, .most = plenty.most};
        VkAllocationCallbacks failing = callbacks;
        failing.pUserData = &memory;
        const VknHost poor = {&failing, {log_write, NULL}};
        VknSchedule schedule;
        now.message[0] = 0;
        result = vkn_schedule_make(&poor, &now.caps, &now.desc, &schedule);
        if (result == VKN_SUCCESS) {
            assert_true(n > 3 && schedule.step_count > 8); /* the list of steps has grown */
            vkn_schedule_free(&poor, &schedule);
        } else {
            assert_int_equal(result, VKN_ERROR_OUT_OF_HOST_MEMORY);
            assert_true(now.message[0] && !schedule.steps);
        }
        assert_int_equal(memory.live, 0);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_access),
        cmocka_unit_test(test_large_tensors),
        cmocka_unit_test(test_invented_devices),
        cmocka_unit_test(test_no_host_memory),
        cmocka_unit_test(test_absurd_sizes_are_refused),
    };
    if (!test_rounds_parse(argc, argv, 2000, &rounds))
        return 2;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (plenty.live && !failed)
        fprintf(stderr, "%" PRId64 " allocations were not freed\n", plenty.live);
    return failed || plenty.live;
}
