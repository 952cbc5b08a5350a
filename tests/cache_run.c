/* Cached pipelines from one runtime to the next, and files that no driver should see. */
#define _XOPEN_SOURCE 700
#include "folder.h"
#include "runtime_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define EMPTY         (VKN_CACHE_HEADER_SIZE + 32) /* a cache that holds no pipeline has Vulkan's header still */

static VknRuntime *open_with_cache(Log *log) {
    VknRuntimeDesc desc = desc_of(NULL, log);
    desc.cache_path = path;
    return open_runtime(&desc);
}

/* ---------------------------------------------------------------------------------------- compilation */

/* What the driver says of the last pipelines, by an entry point that asks. */
static struct {
    PFN_vkGetInstanceProcAddr get;
    VkInstance instance;
    PFN_vkCreateComputePipelines create;
    uint32_t pipelines, hits;
    double milliseconds;
} asked;

static VKAPI_ATTR VkResult VKAPI_CALL create_pipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                                                       const VkComputePipelineCreateInfo *infos,
                                                       const VkAllocationCallbacks *allocator,
                                                       VkPipeline *pipelines) {
    VkPipelineCreationFeedback feedback = {0}, stage = {0};
    VkPipelineCreationFeedbackCreateInfo ask = {.sType =
                                                    VK_STRUCTURE_TYPE_PIPELINE_CREATION_FEEDBACK_CREATE_INFO,
                                                .pPipelineCreationFeedback = &feedback,
                                                .pipelineStageCreationFeedbackCount = 1,
                                                .pPipelineStageCreationFeedbacks = &stage};
    VkComputePipelineCreateInfo info = *infos;
    assert_int_equal(count, 1);
    assert_true(cache != VK_NULL_HANDLE);
    info.pNext = &ask;
    VkResult result = asked.create(device, cache, 1, &info, allocator, pipelines);
    asked.pipelines++;
    asked.hits += (feedback.flags & VK_PIPELINE_CREATION_FEEDBACK_APPLICATION_PIPELINE_CACHE_HIT_BIT) != 0;
    asked.milliseconds += 1e-6 * (double)feedback.duration;
    return result;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device(VkDevice device, const char *name) {
    PFN_vkVoidFunction function =
        ((PFN_vkGetDeviceProcAddr)asked.get(asked.instance, "vkGetDeviceProcAddr"))(device, name);
    if (strcmp(name, "vkCreateComputePipelines"))
        return function;
    asked.create = (PFN_vkCreateComputePipelines)function;
    return (PFN_vkVoidFunction)create_pipelines;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get(VkInstance instance, const char *name) {
    return strcmp(name, "vkGetDeviceProcAddr") ? asked.get(instance, name) : (PFN_vkVoidFunction)get_device;
}

/* Compiles a training step, on a context of its own where the driver can be asked. */
static void compile(VknRuntime *runtime) {
    VknContextDesc desc = *vkn_runtime_context_desc(runtime);
    VknContext *context;
    VknDesc norm;
    VknPlan *plan;
    memset(&asked, 0, sizeof asked);
    asked.get = desc.get_instance_proc_addr;
    asked.instance = desc.instance;
    if (vkn_runtime_info(runtime)->api_version >= VK_API_VERSION_1_3)
        desc.get_instance_proc_addr = get;
    vkn_desc_batch_norm(&norm, VKN_OPERATION_TRAIN, 2, (uint64_t[]){20000, 3}, 1, (int32_t[]){1});
    assert_int_equal(vkn_context_create(&desc, &context), VKN_SUCCESS);
    assert_int_equal(vkn_plan_create(context, &norm, &plan), VKN_SUCCESS);
    vkn_plan_destroy(plan);
    vkn_context_destroy(context);
}

/* ---------------------------------------------------------------------------------------------- files */

typedef struct File {
    uint8_t *bytes; /* room for more */
    size_t size;
} File;

static File file_read(void) {
    FILE *stream = fopen(path, "rb");
    File file = {calloc(1, 1 << 24), 0};
    assert_true(stream && file.bytes);
    file.size = fread(file.bytes, 1, 1 << 24, stream);
    fclose(stream);
    return file;
}

static void file_write(const File *file) {
    unlink(path);
    int to = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
    assert_true(to >= 0 && write(to, file->bytes, file->size) == (ssize_t)file->size);
    close(to);
}

/* The file is a cache of this device. */
static bool file_is_right(const VknRuntime *runtime) {
    VknCacheKey key;
    File file = file_read();
    const void *data;
    uint64_t size;
    assert_int_equal(vkn_cache_key(vkn_runtime_context_desc(runtime), &key), VKN_SUCCESS);
    bool right = vkn_cache_unpack(&key, file.bytes, file.size, (VknLog){0}, &data, &size) == VKN_SUCCESS;
    free(file.bytes);
    return right;
}

static void test_second_run(void **state) {
    Log log = {0};
    struct stat before, after;
    (void)state;
    VknRuntime *runtime = open_with_cache(&log);
    compile(runtime);
    double first = asked.milliseconds;
    assert_int_equal(asked.hits, 0);
    assert_true(vkn_runtime_save_cache(runtime));
    assert_true(file_is_right(runtime));
    vkn_runtime_destroy(runtime);
    File file = file_read();
    assert_int_equal(stat(path, &before), 0);
    runtime = open_with_cache(&log);
    compile(runtime);
    printf("%zu bytes, then %u of %u pipelines from the cache; %.1f ms, then %.1f ms\n", file.size,
           asked.hits, asked.pipelines, first, asked.milliseconds);
    if (asked.pipelines && file.size > EMPTY)
        assert_int_equal(asked.hits, asked.pipelines);
    assert_int_equal(vkn_runtime_validation_count(runtime), 0);
    vkn_runtime_destroy(runtime); /* has nothing to add */
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_log_empty(&log);
    free(file.bytes);
}

static PFN_vkVoidFunction device_function(const VknContextDesc *desc, const char *name) {
    return ((PFN_vkGetDeviceProcAddr)desc->get_instance_proc_addr(desc->instance, "vkGetDeviceProcAddr"))(
        desc->device, name);
}

/* Whether the driver has got no data: its cache is as large as one that began with none. Drivers keep what
 * they are given, right or wrong. */
static bool is_fresh(const VknRuntime *runtime) {
    const VknContextDesc *desc = vkn_runtime_context_desc(runtime);
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    PFN_vkGetPipelineCacheData read =
        (PFN_vkGetPipelineCacheData)device_function(desc, "vkGetPipelineCacheData");
    VkPipelineCache empty;
    size_t size, least;
    assert_int_equal(((PFN_vkCreatePipelineCache)device_function(desc, "vkCreatePipelineCache"))(
                         desc->device, &info, NULL, &empty),
                     VK_SUCCESS);
    assert_int_equal(read(desc->device, empty, &least, NULL), VK_SUCCESS);
    assert_int_equal(read(desc->device, desc->pipeline_cache, &size, NULL), VK_SUCCESS);
    ((PFN_vkDestroyPipelineCache)device_function(desc, "vkDestroyPipelineCache"))(desc->device, empty, NULL);
    return size == least;
}

/* A runtime opens and compiles beside the file at `path`, says `words`, and has seen nothing of the file. */
static void opens_without(const char *words) {
    Log log = {0};
    VknRuntime *runtime = open_with_cache(&log);
    if (!strstr(log.text, words) || (*words && !strstr(log.text, path)))
        fail_msg("the log should say \"%s\" and \"%s\", it says \"%s\"", words, path, log.text);
    assert_true(is_fresh(runtime));
    compile(runtime);
    assert_int_equal(asked.hits, 0);
    assert_int_equal(vkn_runtime_validation_count(runtime), 0);
    vkn_runtime_destroy(runtime);
}

static void test_bad_files(void **state) {
    Log log = {0};
    VknCacheKey key, foreign;
    (void)state;
    VknRuntime *runtime = open_with_cache(&log);
    compile(runtime);
    assert_int_equal(vkn_cache_key(vkn_runtime_context_desc(runtime), &key), VKN_SUCCESS);
    vkn_runtime_destroy(runtime);
    File good = file_read();
    for (int kind = 0; kind < 8; kind++) {
        File bad = {malloc(good.size), good.size};
        assert_non_null(bad.bytes);
        memcpy(bad.bytes, good.bytes, good.size);
        foreign = key;
        foreign.driver_version += kind == 0;
        foreign.device_id += kind == 1;
        foreign.driver_uuid[15] ^= kind == 2;
        uint8_t *data = bad.bytes + VKN_CACHE_HEADER_SIZE;
        if (kind < 3)
            vkn_cache_pack(&foreign, data, good.size - VKN_CACHE_HEADER_SIZE, bad.bytes);
        bad.bytes[kind == 3 ? 70 : 0] ^= kind == 3;
        bad.bytes[bad.size - 1] ^= kind == 4;
        bad.size = kind == 5 ? 0 : kind == 6 ? good.size - 1 : good.size;
        if (kind == 7) { /* the header is right, the data is another device's */
            data[12] ^= 1;
            vkn_cache_pack(&key, data, good.size - VKN_CACHE_HEADER_SIZE, bad.bytes);
        }
        file_write(&bad);
        opens_without("not used");
        runtime = open_with_cache(&log); /* it was written anew */
        assert_true(file_is_right(runtime));
        vkn_runtime_destroy(runtime);
        assert_log_empty(&log);
        free(bad.bytes);
    }
    file_write(&good);
    assert_int_equal(chmod(path, 0666), 0);
    opens_without("other users may write");
    runtime = open_with_cache(&log); /* which is mended, too */
    vkn_runtime_destroy(runtime);
    assert_log_empty(&log);
    free(good.bytes);
}

static void test_bad_places(void **state) {
    Log log = {0};
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    opens_without("no regular file");
    VknRuntime *runtime = open_with_cache(&log);
    compile(runtime);
    assert_fails(&log, VKN_SUCCESS, VKN_SUCCESS, "no regular file");
    assert_false(vkn_runtime_save_cache(runtime));
    assert_fails(&log, VKN_SUCCESS, VKN_SUCCESS, "cannot write");
    vkn_runtime_destroy(runtime); /* which has said so already */
    assert_log_empty(&log);
    snprintf(path, sizeof path, "%s/none/cache", folder);
    opens_without("");
    VknRuntimeDesc without = desc_of(NULL, &log);
    runtime = open_runtime(&without);
    assert_false(vkn_runtime_save_cache(runtime));
    assert_false(vkn_runtime_save_cache(NULL));
    assert_true(vkn_runtime_context_desc(runtime)->pipeline_cache == VK_NULL_HANDLE);
    vkn_runtime_destroy(runtime);
    snprintf(path, sizeof path, "%s/cache", folder);
}

/* Processes that begin and end at the same time, with one file. */
static void test_processes(void **state) {
    pid_t children[4];
    int status;
    (void)state;
    for (size_t i = 0; i < LENGTH(children); i++) {
        children[i] = fork();
        for (int round = 0; children[i] == 0 && round < 3; round++) {
            Log log = {0};
            VknRuntime *runtime = open_with_cache(&log);
            compile(runtime);
            vkn_runtime_destroy(runtime);
            if (log.text[0])
                _exit(1);
            unlink(path); /* so that there is something to write */
        }
        if (children[i] == 0)
            _exit(0);
    }
    for (size_t i = 0; i < LENGTH(children); i++) {
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
}

int main(void) {
    const struct CMUnitTest processes[] = {TEST_IN_FOLDER(test_processes)};
    const struct CMUnitTest tests[] = {
        TEST_IN_FOLDER(test_second_run),
        TEST_IN_FOLDER(test_bad_files),
        TEST_IN_FOLDER(test_bad_places),
    };
    /* First, as no driver survives a fork. */
    int failed = cmocka_run_group_tests_name("cache_processes", processes, NULL, NULL);
    return failed + cmocka_run_group_tests_name("cache_run", tests, group_open, NULL);
}
