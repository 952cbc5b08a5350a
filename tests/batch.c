/* Independent plans recorded together: the same results as one after the other, with fewer barriers. */
#include "runtime_test.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define PLANS         20
#define MANY          70

/* What a context records, through entry points that count. Vulkan's functions have no user pointer. */
static struct {
    PFN_vkGetInstanceProcAddr get;
    VkInstance instance;
    PFN_vkCmdPipelineBarrier barrier;
    PFN_vkCmdDispatch dispatch;
    uint32_t barriers, dispatches;
} seen;

static VKAPI_ATTR void VKAPI_CALL barrier(VkCommandBuffer commands, VkPipelineStageFlags from,
                                          VkPipelineStageFlags to, VkDependencyFlags flags, uint32_t count,
                                          const VkMemoryBarrier *barriers, uint32_t buffer_count,
                                          const VkBufferMemoryBarrier *buffers, uint32_t image_count,
                                          const VkImageMemoryBarrier *images) {
    seen.barriers++;
    seen.barrier(commands, from, to, flags, count, barriers, buffer_count, buffers, image_count, images);
}

static VKAPI_ATTR void VKAPI_CALL dispatch(VkCommandBuffer commands, uint32_t x, uint32_t y, uint32_t z) {
    seen.dispatches++;
    seen.dispatch(commands, x, y, z);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device(VkDevice device, const char *name) {
    PFN_vkVoidFunction function =
        ((PFN_vkGetDeviceProcAddr)seen.get(seen.instance, "vkGetDeviceProcAddr"))(device, name);
    if (strcmp(name, "vkCmdPipelineBarrier") == 0) {
        seen.barrier = (PFN_vkCmdPipelineBarrier)function;
        return (PFN_vkVoidFunction)barrier;
    }
    if (strcmp(name, "vkCmdDispatch") == 0) {
        seen.dispatch = (PFN_vkCmdDispatch)function;
        return (PFN_vkVoidFunction)dispatch;
    }
    return function;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get(VkInstance instance, const char *name) {
    return strcmp(name, "vkGetDeviceProcAddr") ? seen.get(instance, name) : (PFN_vkVoidFunction)get_device;
}

static VknContext *open_context(VknRuntime *runtime) {
    VknContextDesc desc = *vkn_runtime_context_desc(runtime);
    VknContext *context;
    memset(&seen, 0, sizeof seen);
    seen.get = desc.get_instance_proc_addr;
    seen.instance = desc.instance;
    desc.get_instance_proc_addr = get;
    assert_int_equal(vkn_context_create(&desc, &context), VKN_SUCCESS);
    return context;
}

/* ---------------------------------------------------------------------------------------------- plans */

/* A plan with memory of its own, all roles in one buffer. */
typedef struct Job {
    VknPlan *plan;
    VknBindings *bindings;
    VknBuffer memory;
} Job;

/* Of one dispatch, and of several. */
static VknDesc describe(uint32_t i) {
    VknDesc desc;
    uint64_t shape[3] = {2 + i % 3, 4 + i % 5, 30};
    if (i % 4 == 0)
        vkn_desc_layer_norm(&desc, VKN_OPERATION_TRAIN, 3, shape, 1, (int32_t[]){-1});
    else if (i % 4 == 1)
        vkn_desc_reduce(&desc, VKN_STATISTIC_SUM, 3, shape, 1, (int32_t[]){1});
    else
        vkn_desc_batch_norm(&desc, i % 4 == 2 ? VKN_OPERATION_TRAIN : VKN_OPERATION_TRAIN_GRADIENT, 3, shape,
                            1, (int32_t[]){1});
    for (uint32_t k = 0; i % 4 == 2 && vkn_strategy_name(k); k++)
        if (strcmp(vkn_strategy_name(k), "row_subgroup") == 0)
            desc.strategy = k + 1; /* three dispatches */
    return desc;
}

static void job_open(Job *job, VknRuntime *runtime, VknContext *context, uint32_t i) {
    VknDesc desc = describe(i);
    VknBuffer buffers[VKN_ROLE_COUNT] = {{0}};
    uint64_t size = 0;
    assert_int_equal(vkn_plan_create(context, &desc, &job->plan), VKN_SUCCESS);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        buffers[role].offset = size;
        buffers[role].size = vkn_plan_info(job->plan)->size[role];
        size += (buffers[role].size + 255) / 256 * 256;
    }
    job->memory = create_buffer(runtime, size);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        buffers[role].buffer = job->memory.buffer;
    assert_int_equal(vkn_bindings_create(job->plan, buffers, &job->bindings), VKN_SUCCESS);
}

static void job_close(Job *job, VknRuntime *runtime) {
    vkn_bindings_destroy(job->bindings);
    vkn_plan_destroy(job->plan);
    vkn_runtime_buffer_destroy(runtime, job->memory.buffer);
}

static void fill(Job *jobs, uint32_t count, VknRuntime *runtime) {
    static float data[1 << 14];
    for (uint32_t i = 0; i < LENGTH(data); i++)
        data[i] = 0.5f + (float)((i * 2654435761u >> 8) % 1000) / 500;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(jobs[i].memory.size <= sizeof data);
        assert_int_equal(vkn_runtime_upload(runtime, &jobs[i].memory, 0, data, jobs[i].memory.size),
                         VKN_SUCCESS);
    }
}

/* The bytes of every job's memory, one after the other, for the caller to free. */
static uint8_t *results(Job *jobs, uint32_t count, VknRuntime *runtime, uint64_t *size) {
    uint8_t *bytes = calloc(count, 1 << 16);
    *size = 0;
    assert_non_null(bytes);
    for (uint32_t i = 0; i < count; *size += jobs[i++].memory.size)
        assert_int_equal(
            vkn_runtime_download(runtime, &jobs[i].memory, 0, bytes + *size, jobs[i].memory.size),
            VKN_SUCCESS);
    return bytes;
}

/* --------------------------------------------------------------------------------------------- record */

typedef struct Batch {
    const VknBoundPlan *recordings;
    uint32_t count;
    bool together;
} Batch;

static VknResult record(void *user, uint32_t part, VkCommandBuffer commands) {
    const Batch *batch = user;
    VknResult result = VKN_SUCCESS;
    (void)part;
    seen.barriers = seen.dispatches = 0;
    if (batch->together)
        return vkn_plans_record(batch->count, batch->recordings, commands);
    for (uint32_t i = 0; i < batch->count && !result; i++)
        result = vkn_plan_record(batch->recordings[i].plan, batch->recordings[i].bindings, commands,
                                 batch->recordings[i].info);
    return result;
}

static void run(Fixture *fixture, Batch *batch) {
    double seconds;
    assert_int_equal(vkn_runtime_time(fixture->runtime, 1, record, batch, &seconds), VKN_SUCCESS);
}

/* Runs the first `count` jobs in turns and together, and looks at what was recorded. */
static void compare(Fixture *fixture, Job *jobs, uint32_t count, uint32_t barriers) {
    VknBoundPlan recordings[MANY];
    uint32_t dispatches = 0, sum = 0;
    uint64_t size;
    for (uint32_t i = 0; i < count; i++) {
        recordings[i] = (VknBoundPlan){jobs[i].plan, jobs[i].bindings, NULL};
        dispatches += vkn_plan_info(jobs[i].plan)->dispatch_count;
        sum += vkn_plan_info(jobs[i].plan)->barrier_count;
    }
    Batch batch = {recordings, count, false};
    fill(jobs, count, fixture->runtime);
    run(fixture, &batch);
    assert_int_equal(seen.dispatches, dispatches);
    assert_int_equal(seen.barriers, sum);
    uint8_t *expected = results(jobs, count, fixture->runtime, &size);
    fill(jobs, count, fixture->runtime);
    batch.together = true;
    run(fixture, &batch);
    assert_int_equal(seen.dispatches, dispatches);
    assert_int_equal(seen.barriers, barriers);
    uint8_t *got = results(jobs, count, fixture->runtime, &size);
    assert_memory_equal(got, expected, size);
    free(expected);
    free(got);
}

static void test_together(void **state) {
    Fixture *fixture = *state;
    VknContext *context = open_context(fixture->runtime);
    Job jobs[MANY];
    uint32_t most = 0, most_of_one = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        job_open(&jobs[i], fixture->runtime, context, i);
        uint32_t barriers = vkn_plan_info(jobs[i].plan)->barrier_count;
        most = barriers > most ? barriers : most;
        most_of_one = i == 0 ? barriers : most_of_one;
    }
    assert_int_equal(most, 2);
    compare(fixture, jobs, 1, most_of_one);
    compare(fixture, jobs, PLANS, most);
    compare(fixture, jobs, MANY, 2 * most); /* 64, and the rest */
    for (uint32_t i = 0; i < MANY; i++)
        job_close(&jobs[i], fixture->runtime);
    vkn_context_destroy(context);
}

/* Pieces of plans, which begin with their barrier. */
static void test_pieces(void **state) {
    Fixture *fixture = *state;
    VknContext *context = open_context(fixture->runtime);
    Job jobs[2];
    const VknRecordInfo first = {.dispatch_count = 1}, rest = {.first_dispatch = 1};
    uint64_t size;
    for (uint32_t i = 0; i < 2; i++)
        job_open(&jobs[i], fixture->runtime, context, 2); /* three dispatches, two barriers */
    VknBoundPlan whole[] = {{jobs[0].plan, jobs[0].bindings, NULL}, {jobs[1].plan, jobs[1].bindings, NULL}};
    VknBoundPlan firsts[] = {{jobs[0].plan, jobs[0].bindings, &first},
                             {jobs[1].plan, jobs[1].bindings, &first}};
    VknBoundPlan rests[] = {{jobs[0].plan, jobs[0].bindings, &rest}, {jobs[1].plan, jobs[1].bindings, &rest}};
    fill(jobs, 2, fixture->runtime);
    run(fixture, &(Batch){whole, 2, true});
    uint8_t *expected = results(jobs, 2, fixture->runtime, &size);
    fill(jobs, 2, fixture->runtime);
    run(fixture, &(Batch){firsts, 2, true});
    assert_true(seen.dispatches == 2 && seen.barriers == 0);
    run(fixture, &(Batch){rests, 2, true});
    assert_true(seen.dispatches == 4 && seen.barriers == 2);
    uint8_t *got = results(jobs, 2, fixture->runtime, &size);
    assert_memory_equal(got, expected, size);
    free(expected);
    free(got);
    for (uint32_t i = 0; i < 2; i++)
        job_close(&jobs[i], fixture->runtime);
    vkn_context_destroy(context);
}

static VknResult record_refused(void *user, uint32_t part, VkCommandBuffer commands) {
    (void)part;
    return vkn_plans_record(2, user, commands);
}

static void test_refusals(void **state) {
    Fixture *fixture = *state;
    VknContext *context = open_context(fixture->runtime);
    Job jobs[2], stranger;
    double seconds;
    for (uint32_t i = 0; i < 2; i++)
        job_open(&jobs[i], fixture->runtime, context, i);
    job_open(&stranger, fixture->runtime, vkn_runtime_context(fixture->runtime), 0);
    const VknBoundPlan good = {jobs[0].plan, jobs[0].bindings, NULL};
    const VknRecordInfo beyond = {.first_dispatch = 9};
    const struct {
        VknBoundPlan recording;
        const char *words;
    } BAD[] = {
        {{NULL, jobs[1].bindings, NULL}, "plans must be there"},
        {{stranger.plan, stranger.bindings, NULL}, "of one context"},
        {{jobs[1].plan, NULL, NULL}, "vkn_plans_record: bindings"},
        {{jobs[1].plan, jobs[0].bindings, NULL}, "another plan"},
        {{jobs[1].plan, jobs[1].bindings, &beyond}, "is not in it"},
    };
    for (size_t i = 0; i < LENGTH(BAD); i++) {
        VknBoundPlan two[] = {good, BAD[i].recording};
        seen.dispatches = 0;
        assert_fails(&fixture->log, vkn_runtime_time(fixture->runtime, 1, record_refused, two, &seconds),
                     VKN_ERROR_INVALID_ARGUMENT, BAD[i].words);
        assert_int_equal(seen.dispatches, 0); /* not even the good one */
    }
    assert_fails(&fixture->log, vkn_plans_record(1, &good, VK_NULL_HANDLE), VKN_ERROR_INVALID_ARGUMENT,
                 "commands must not be NULL");
    assert_int_equal(vkn_plans_record(0, NULL, VK_NULL_HANDLE), VKN_SUCCESS);
    assert_int_equal(vkn_plans_record(1, NULL, VK_NULL_HANDLE), VKN_ERROR_INVALID_ARGUMENT);
    for (uint32_t i = 0; i < 2; i++)
        job_close(&jobs[i], fixture->runtime);
    job_close(&stranger, fixture->runtime);
    vkn_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST_ON_DEVICE(test_together), TEST_ON_DEVICE(test_pieces),
                                       TEST_ON_DEVICE(test_refusals)};
    return cmocka_run_group_tests_name("batch", tests, group_open, NULL);
}
