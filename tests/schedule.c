/* Schedules of random descriptions on random devices, with every strategy: what each must be, and that
 * running it touches what it should. And some devices and tensors that nobody here has. */
#include "planning.h"
#include "simulate.h"
#include "strategy.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <string.h>

static TestRounds rounds;

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
        planning_start("every access", rounds.seed + round);
        bool parts = planning.seed % 16 == 0;
        planning.desc = test_random_desc(&random, 1 + test_random_below(&random, parts ? 40000 : 2500));
        planning.caps = test_random_caps(&random);
        if (parts)
            planning.caps.max_storage_range = 16384;
        for (planning.desc.strategy = 0; planning.desc.strategy <= vkn_strategy_count;
             planning.desc.strategy++) {
            VknSchedule schedule;
            char fault[256];
            if (!planning_make(&schedule)) {
                if (planning.desc.strategy == 0 && !strstr(planning.message, "virtual batches"))
                    planning_fail("a small tensor is refused", planning.message);
                continue;
            }
            planning_check(&schedule);
            bool y_is_x = may_be_in_place(&planning.desc) && test_random_below(&random, 2);
            if (!sim_check(&schedule, &planning.caps, &planning.desc, y_is_x, &random, fault))
                planning_fail(y_is_x ? "in place" : "the kernels", fault);
            runs++;
            windows += schedule.step_count;
            vkn_schedule_free(&planning_host, &schedule);
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
        planning_start("large tensors", rounds.seed + round);
        planning.caps = test_random_caps(&random);
        uint64_t most = vkn_min(planning.caps.max_storage_range * 100, (uint64_t)1 << 34);
        planning.desc = test_random_desc(&random, 1 + (most >> test_random_below(&random, 20)));
        for (planning.desc.strategy = 0; planning.desc.strategy <= vkn_strategy_count;
             planning.desc.strategy++) {
            VknSchedule schedule;
            if (planning_make(&schedule)) {
                planning_check(&schedule);
                vkn_schedule_free(&planning_host, &schedule);
            }
        }
    }
}

/* Group norms up to 64 GiB, by cell unless cells are too many: planned, not run. */
static void test_large_cells(void **state) {
    uint64_t found = 0;
    (void)state;
    for (uint64_t round = 0; round < rounds.count / 4; round++) {
        TestRandom random = test_random_start(rounds.seed + round);
        planning_start("large cells", rounds.seed + round);
        planning.caps = test_random_caps(&random);
        uint64_t most = vkn_min(planning.caps.max_storage_range * 100, (uint64_t)1 << 34);
        uint64_t left = 1 + (most >> (6 + test_random_below(&random, 14))), shape[4];
        uint64_t groups = 1 + test_random_below(&random, 64), first = test_random_below(&random, 4);
        int32_t axis = round % 2 ? 3 : 1;
        for (uint64_t i = 0; i < 4; i++) {
            uint64_t extent = 1 + (test_random_below(&random, left) >> test_random_below(&random, 16));
            shape[(first + i) % 4] = extent;
            left = vkn_max(1, left / extent);
        }
        shape[axis] *= groups;
        vkn_desc_group_norm(&planning.desc,
                            round % 8 == 1 ? VKN_OPERATION_TRAIN : VKN_OPERATION_TRAIN_GRADIENT, 4, shape,
                            axis, groups);
        for (planning.desc.strategy = 0; planning.desc.strategy <= vkn_strategy_count;
             planning.desc.strategy++) {
            VknSchedule schedule;
            if (!planning_make(&schedule))
                continue;
            planning_check(&schedule);
            found += (schedule.steps[0].spec[VKN_SPEC_MODES - 1] & VKN_MODE_CELLS) != 0;
            vkn_schedule_free(&planning_host, &schedule);
        }
    }
    print_message("%" PRIu64 " schedules by cell\n", found);
    assert_true(found >= rounds.count / 8);
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
        planning_start(INVENTED[i].name, rounds.seed);
        planning.caps = INVENTED[i].caps;
        planning.desc = INVENTED[i].desc;
        planning.desc.moment_parts = 3;
        for (uint32_t operation = VKN_OPERATION_TRAIN; operation <= VKN_OPERATION_FINISH; operation++)
            for (uint32_t strategy = 0; strategy <= vkn_strategy_count; strategy++) {
                VknSchedule schedule;
                planning.desc.operation = (VknOperation)operation;
                planning.desc.roles = roles[operation];
                planning.desc.strategy = strategy;
                if (!planning_make(&schedule)) {
                    if (strategy == 0)
                        planning_fail("refused", planning.message);
                    continue;
                }
                planning_check(&schedule);
                if (operation != VKN_OPERATION_FINISH && schedule.step_count < INVENTED[i].least_steps)
                    planning_fail("too few dispatches", schedule.info.strategy_name);
                vkn_schedule_free(&planning_host, &schedule);
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
            planning_start("absurd sizes", rounds.seed);
            planning.caps = (VknCaps)GPU(ABSURD[i].range);
            vkn_desc_batch_norm(&planning.desc, ABSURD[i].operation, 2, (uint64_t[]){1, ABSURD[i].extent}, 1,
                                &kept);
            planning.desc.moment_parts = ABSURD[i].parts;
            if (ABSURD[i].operation == VKN_OPERATION_FINISH && kept == 0)
                continue; /* one statistic */
            if (planning_make(&schedule))
                planning_fail("planned", "more than there can be");
        }
}

/* Of planning.desc, which is not planned without so many allocations and steps. */
static void check_no_host_memory(int64_t allocations, uint32_t steps) {
    VknResult result = VKN_ERROR_OUT_OF_HOST_MEMORY;
    for (int64_t n = 0; result != VKN_SUCCESS; n++) {
        Memory memory = {.left = n, .most = planning_memory.most};
        VkAllocationCallbacks failing = planning_callbacks;
        failing.pUserData = &memory;
        const VknHost poor = {&failing, planning_host.log};
        VknSchedule schedule;
        planning.message[0] = 0;
        result = vkn_schedule_make(&poor, &planning.caps, &planning.desc, &schedule);
        if (result == VKN_SUCCESS) {
            assert_true(n > allocations && schedule.step_count > steps); /* the list of steps has grown */
            vkn_schedule_free(&poor, &schedule);
        } else {
            assert_int_equal(result, VKN_ERROR_OUT_OF_HOST_MEMORY);
            assert_true(planning.message[0] && !schedule.steps);
        }
        assert_int_equal(memory.live, 0);
    }
}

static void test_no_host_memory(void **state) {
    (void)state;
    planning.caps = (VknCaps)GPU(4096);
    vkn_desc_batch_norm(&planning.desc, VKN_OPERATION_TRAIN, 2, (uint64_t[]){64, 1000}, 1, (int32_t[]){1});
    check_no_host_memory(3, 8);
    planning.caps = (VknCaps)GPU(1 << 27); /* by cell, without the log of those who are not */
    vkn_desc_group_norm(&planning.desc, VKN_OPERATION_TRAIN_GRADIENT, 4, (uint64_t[]){2, 320, 64, 64}, 1, 32);
    check_no_host_memory(1, 4);
}

static void tuning_check(const VknTuning *row) {
    assert_true(row->local_size >= 16 && row->local_size <= 256 &&
                !(row->local_size & (row->local_size - 1)));
    assert_true(row->lanes >= row->local_size && row->max_groups && row->part && row->column_part);
    assert_true(row->small && row->small_apply && row->cells && row->cell_rows);
}

/* A device class that is not there is any GPU; every row has figures that can be divided by. Of those that
 * read texels only lavapipe, the software renderer, has a row of its own. */
static void test_tuning(void **state) {
    const VknTuning *other = vkn_tuning(&(VknCaps){.device_class = VKN_DEVICE_OTHER});
    (void)state;
    for (int i = VKN_DEVICE_OTHER; i <= VKN_DEVICE_APPLE; i++) {
        const VknTuning *row = vkn_tuning(&(VknCaps){.device_class = (VknDeviceClass)i});
        const VknTuning *texels =
            vkn_tuning(&(VknCaps){.device_class = (VknDeviceClass)i, .texel_reads = true});
        assert_true((row == other) == (i == VKN_DEVICE_OTHER));
        assert_true((row == texels) == (i != VKN_DEVICE_SOFTWARE));
        tuning_check(row);
        tuning_check(texels);
    }
    assert_ptr_equal(vkn_tuning(&(VknCaps){.device_class = (VknDeviceClass)8}), other);
    assert_ptr_equal(vkn_tuning(&(VknCaps){.device_class = (VknDeviceClass)-1}), other);
}

/* What goes by cell: gradients of group norms, and with channels last their training; not what is small, as a
 * whole or in each cell, nor where so many cells have a parameter that one dispatch does not merge them; not
 * without dx, or dgamma and dbeta, or with slopes. */
static void test_cells(void **state) {
    static const struct {
        VknOperation operation;
        uint64_t shape[4];
        int32_t channel_axis;
        uint64_t groups;
        uint32_t dispatches; /* 0: not by cell */
        uint32_t toggled;    /* roles that it lacks, or has: SLOPE, with its activation */
    } ROWS[] = {
        {VKN_OPERATION_TRAIN_GRADIENT, {2, 320, 64, 64}, 1, 32, 5, 0},
        {VKN_OPERATION_TRAIN_GRADIENT, {2, 64, 64, 320}, 3, 32, 5, 0},
        {VKN_OPERATION_TRAIN_GRADIENT, {8, 64, 28, 28}, 1, 64, 5, 0},
        {VKN_OPERATION_TRAIN, {2, 64, 64, 320}, 3, 32, 3, 0},
        {VKN_OPERATION_TRAIN, {2, 320, 64, 64}, 1, 32, 0, 0},
        {VKN_OPERATION_TRAIN, {2, 64, 64, 2048}, 3, 2, 0, 0},
        {VKN_OPERATION_TRAIN_GRADIENT, {1, 64, 8, 8}, 1, 32, 0, 0},
        {VKN_OPERATION_TRAIN_GRADIENT, {40000, 2, 4, 4}, 1, 2, 0, 0},
        {VKN_OPERATION_TRAIN_GRADIENT, {400, 64, 4, 4}, 1, 32, 5, 0},
        {VKN_OPERATION_TRAIN_GRADIENT, {400, 64, 3, 5}, 1, 32, 0, 0},
        {VKN_OPERATION_TRAIN_GRADIENT, {2, 320, 64, 64}, 1, 32, 5, VKN_HAS_DBETA},
        {VKN_OPERATION_TRAIN_GRADIENT, {2, 320, 64, 64}, 1, 32, 0, VKN_HAS_DGAMMA | VKN_HAS_DBETA},
        {VKN_OPERATION_TRAIN_GRADIENT, {2, 320, 64, 64}, 1, 32, 0, VKN_HAS_DX},
        {VKN_OPERATION_TRAIN, {2, 64, 64, 320}, 3, 32, 0, VKN_HAS_GAMMA | VKN_HAS_BETA},
        {VKN_OPERATION_TRAIN_GRADIENT, {2, 320, 64, 64}, 1, 32, 0, VKN_HAS_SLOPE},
    };
    (void)state;
    planning_start("cells", 0);
    planning.caps = (VknCaps){.device_class = VKN_DEVICE_SOFTWARE,
                              .max_invocations = 256,
                              .max_group_count = 65535,
                              .max_shared_bytes = 16384,
                              .max_storage_range = 1 << 27,
                              .max_storage_buffers = 8,
                              .storage_offset_alignment = 16,
                              .max_subgroup_size = 4,
                              .subgroup_arithmetic = true};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        VknSchedule schedule;
        uint32_t by_cell = 0;
        vkn_desc_group_norm(&planning.desc, ROWS[i].operation, 4, ROWS[i].shape, ROWS[i].channel_axis,
                            ROWS[i].groups);
        planning.desc.roles ^= ROWS[i].toggled;
        if (ROWS[i].toggled & VKN_HAS_SLOPE)
            planning.desc.activation = vkn_activation_default(VKN_ACTIVATION_PRELU);
        assert_true(planning_make(&schedule));
        planning_check(&schedule);
        for (uint32_t j = 0; j < schedule.step_count; j++)
            by_cell += (schedule.steps[j].spec[VKN_SPEC_MODES - 1] & VKN_MODE_CELLS) != 0;
        assert_int_equal(by_cell, ROWS[i].dispatches);
        assert_true(!by_cell || by_cell == schedule.step_count);
        vkn_schedule_free(&planning_host, &schedule);
    }
}

/* Nobody works together on a column: channels last go by columns where there are no subgroups, too. */
static void test_columns_alone(void **state) {
    static const VknOperation OPERATIONS[] = {VKN_OPERATION_TRAIN, VKN_OPERATION_APPLY,
                                              VKN_OPERATION_TRAIN_GRADIENT};
    (void)state;
    planning_start("columns alone", 0);
    planning.caps = (VknCaps)GPU(1 << 27);
    planning.caps.subgroup_arithmetic = planning.caps.subgroup_shuffle = false;
    for (size_t i = 0; i < sizeof OPERATIONS / sizeof *OPERATIONS; i++) {
        VknSchedule schedule;
        vkn_desc_batch_norm(&planning.desc, OPERATIONS[i], 4, (uint64_t[]){8, 56, 56, 64}, 1, (int32_t[]){3});
        assert_true(planning_make(&schedule));
        planning_check(&schedule);
        assert_string_equal(schedule.info.strategy_name, "column");
        vkn_schedule_free(&planning_host, &schedule);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_access),   cmocka_unit_test(test_large_tensors),
        cmocka_unit_test(test_large_cells),    cmocka_unit_test(test_invented_devices),
        cmocka_unit_test(test_no_host_memory), cmocka_unit_test(test_absurd_sizes_are_refused),
        cmocka_unit_test(test_tuning),         cmocka_unit_test(test_cells),
        cmocka_unit_test(test_columns_alone),
    };
    if (!test_rounds_parse(argc, argv, 2000, &rounds))
        return 2;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (planning_memory.live && !failed)
        fprintf(stderr, "%" PRId64 " allocations were not freed\n", planning_memory.live);
    return failed || planning_memory.live;
}
