#include "planning.h"

#include "invariants.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>

Planning planning;

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user, (void)level;
    snprintf(planning.message, sizeof planning.message, "%s", message);
}

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
Memory planning_memory = {INT64_MAX, 64 << 20, 0};
const VkAllocationCallbacks planning_callbacks = {
    .pUserData = &planning_memory, .pfnAllocation = allocate, .pfnFree = release};
const VknHost planning_host = {&planning_callbacks, {.write = log_write}};

void planning_start(const char *test, uint64_t seed) {
    planning.test = test;
    planning.seed = seed;
    planning.device = NULL;
}

void planning_fail(const char *why, const char *detail) {
    const VknDesc *d = &planning.desc;
    const VknCaps *c = &planning.caps;
    print_error("%s: %s\n  operation %d, statistic %d, residual use %d, roles 0x%x, strategy %u, parts %u, "
                "virtual batch %" PRIu64 ", channels %" PRIu64 "\n",
                why, detail, (int)d->operation, (int)d->statistic, (int)d->residual_use, d->roles,
                d->strategy, d->moment_parts, d->virtual_batch_size, d->channels);
    for (uint32_t i = 0; i < d->rank; i++)
        print_error("  axis %u: %" PRIu64 ", x stride %" PRIu64 ", y stride %" PRIu64 "\n", i, d->shape[i],
                    d->x.stride[i], d->y.stride[i]);
    for (uint32_t i = 0; i < d->kept_axis_count; i++)
        print_error("  keeps %d\n", d->kept_axes[i]);
    for (uint32_t i = 0; i < d->parameter_axis_count; i++)
        print_error("  parameters of %d\n", d->parameter_axes[i]);
    print_error("  device %s: class %d, invocations %u, groups %u, range %" PRIu64
                ", alignment %u, subgroup %u, add %d, shuffle %d, full %d\n",
                planning.device ? planning.device : "invented", (int)c->device_class, c->max_invocations,
                c->max_group_count, c->max_storage_range, c->storage_offset_alignment, c->max_subgroup_size,
                c->subgroup_arithmetic, c->subgroup_shuffle, c->full_subgroups);
    fail_msg("again: --rounds 1 --seed %" PRIu64 " (%s)", planning.seed, planning.test);
}

static bool same_steps(const VknSchedule *a, const VknSchedule *b) {
    return a->step_count == b->step_count &&
           (a->step_count == 0 || memcmp(a->steps, b->steps, a->step_count * sizeof *a->steps) == 0) &&
           memcmp(&a->desc, &b->desc, sizeof a->desc) == 0 && memcmp(&a->info, &b->info, sizeof a->info) == 0;
}

bool planning_make(VknSchedule *schedule) {
    VknSchedule again;
    planning.message[0] = 0;
    memset(schedule, 0xA5, sizeof *schedule);
    VknResult result = vkn_schedule_make(&planning_host, &planning.caps, &planning.desc, schedule);
    if (result != VKN_SUCCESS) {
        if (result != VKN_ERROR_UNSUPPORTED || !planning.message[0] || schedule->steps ||
            schedule->step_count)
            planning_fail("not a clear refusal", vkn_result_name(result));
        return false;
    }
    if (planning.message[0])
        planning_fail("success, but a message", planning.message);
    if (vkn_schedule_make(&planning_host, &planning.caps, &planning.desc, &again) != VKN_SUCCESS ||
        !same_steps(schedule, &again))
        planning_fail("again the same", "is another schedule");
    vkn_schedule_free(&planning_host, &again);
    return true;
}

void planning_check(const VknSchedule *schedule) {
    char where[64];
    uint32_t step;
    const char *broken = test_invariant_broken(schedule, &planning.caps, &step);
    snprintf(where, sizeof where, "step %u of %u", step, schedule->step_count);
    if (broken)
        planning_fail(where, broken);
    if (planning.desc.strategy && schedule->step_count && schedule->info.strategy != planning.desc.strategy)
        planning_fail("not the strategy that was asked for", schedule->info.strategy_name);
}
