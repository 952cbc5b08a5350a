/* The runtime: devices, validation and runs, and what each function refuses. */
#define _POSIX_C_SOURCE 200809L
#include "runtime_test.h"

#include <ctype.h>
#include <math.h>

/* ------------------------------------------------------------------------------------ normalization */

enum { ROWS = 7, CHANNELS = 5, COUNT = ROWS * CHANNELS };

/* Batch normalization of COUNT elements on one runtime. */
typedef struct Norm {
    VknRuntime *runtime;
    VknPlan *plan;
    VknBindings *bindings;
    VknBuffer buffers[VKN_ROLE_COUNT];
} Norm;

static Norm norm_create(VknRuntime *runtime) {
    Norm norm = {.runtime = runtime};
    VknDesc desc;
    vkn_desc_batch_norm(&desc, VKN_OPERATION_TRAIN, 2, (uint64_t[]){ROWS, CHANNELS}, 1, (int32_t[]){1});
    desc.roles = VKN_ROLE_BIT(VKN_ROLE_X) | VKN_ROLE_BIT(VKN_ROLE_Y);
    desc.epsilon = 0;
    assert_int_equal(vkn_plan_create(vkn_runtime_context(runtime), &desc, &norm.plan), VKN_SUCCESS);
    for (int role = 0; role < VKN_ROLE_COUNT; role++) {
        uint64_t size = vkn_plan_info(norm.plan)->size[role];
        if (size > 0)
            norm.buffers[role] = create_buffer(runtime, size);
    }
    assert_int_equal(vkn_bindings_create(norm.plan, norm.buffers, &norm.bindings), VKN_SUCCESS);
    return norm;
}

/* Rows 0 to 6 have mean 3 and variance 4, whatever the factor that they are multiplied with. */
static void norm_run(const Norm *norm, float factor) {
    float x[COUNT], y[COUNT];
    double seconds = 0;
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)(i % CHANNELS) + factor * (float)(i / CHANNELS);
    assert_int_equal(vkn_runtime_upload(norm->runtime, &norm->buffers[VKN_ROLE_X], 0, x, sizeof x),
                     VKN_SUCCESS);
    assert_int_equal(vkn_runtime_run(norm->runtime, norm->plan, norm->bindings, NULL, 3, &seconds),
                     VKN_SUCCESS);
    assert_true(seconds > 0 && seconds < 60);
    assert_int_equal(vkn_runtime_download(norm->runtime, &norm->buffers[VKN_ROLE_Y], 0, y, sizeof y),
                     VKN_SUCCESS);
    for (int i = 0; i < COUNT; i++)
        assert_float_equal(y[i], (factor < 0 ? -0.5f : 0.5f) * (float)(i / CHANNELS - 3), 1e-5f);
}

/* The buffers are left to the runtime. */
static void norm_destroy(const Norm *norm) {
    vkn_bindings_destroy(norm->bindings);
    vkn_plan_destroy(norm->plan);
}

/* ------------------------------------------------------------------------------------------- timing */

typedef struct Parts {
    Norm norm;
    uint32_t recorded;   /* calls */
    VknResult result[2]; /* of each part */
} Parts;

static VknResult part_record(void *user, uint32_t part, VkCommandBuffer commands) {
    Parts *parts = user;
    assert_int_equal(part, parts->recorded++ % 2);
    if (parts->result[part] != VKN_SUCCESS)
        return parts->result[part];
    return vkn_plan_record(parts->norm.plan, parts->norm.bindings, commands, NULL);
}

static void test_time(void **state) {
    Fixture *fixture = *state;
    Parts parts = {.norm = norm_create(fixture->runtime)};
    double seconds[2] = {0, 0};
    assert_int_equal(vkn_runtime_time(fixture->runtime, 2, part_record, &parts, seconds), VKN_SUCCESS);
    assert_true(seconds[0] > 0 && seconds[0] < 60);
    assert_true(seconds[1] > 0 && seconds[1] < 60);
    assert_true(parts.recorded >= 2 && parts.recorded % 2 == 0);
    parts.recorded = 0;
    parts.result[1] = VKN_ERROR_UNSUPPORTED;
    assert_int_equal(vkn_runtime_time(fixture->runtime, 2, part_record, &parts, seconds),
                     VKN_ERROR_UNSUPPORTED);
    assert_int_equal(parts.recorded, 2);
    assert_log_empty(&fixture->log);
    assert_fails(&fixture->log, vkn_runtime_time(fixture->runtime, 0, part_record, &parts, seconds),
                 VKN_ERROR_INVALID_ARGUMENT, "1 to 32 parts, not 0");
    assert_fails(&fixture->log, vkn_runtime_time(fixture->runtime, 33, part_record, &parts, seconds),
                 VKN_ERROR_INVALID_ARGUMENT, "1 to 32 parts, not 33");
    assert_fails(&fixture->log, vkn_runtime_time(fixture->runtime, 1, NULL, &parts, seconds),
                 VKN_ERROR_INVALID_ARGUMENT, "timing needs record");
    assert_fails(&fixture->log, vkn_runtime_time(fixture->runtime, 1, part_record, &parts, NULL),
                 VKN_ERROR_INVALID_ARGUMENT, "timing needs record");
    norm_run(&parts.norm, 2); /* the runtime still works after a part that failed */
    norm_destroy(&parts.norm);
}

/* ------------------------------------------------------------------------------------------ devices */

typedef struct DeviceList {
    VknRuntimeInfo devices[64];
    uint32_t count;
} DeviceList;

static void list_append(void *user, const VknRuntimeInfo *info) {
    DeviceList *list = user;
    assert_int_equal(info->index, list->count);
    list->devices[list->count++] = *info;
}

static DeviceList list_devices(void) {
    Log log = {0};
    DeviceList list = {.count = 0};
    assert_int_equal(vkn_runtime_list((VknLog){log_write, &log}, list_append, &list), VKN_SUCCESS);
    assert_log_empty(&log);
    assert_true(list.count > 0);
    return list;
}

static void test_list_needs_a_function(void **state) {
    Log log = {0};
    (void)state;
    assert_fails(&log, vkn_runtime_list((VknLog){log_write, &log}, NULL, NULL), VKN_ERROR_INVALID_ARGUMENT,
                 "NULL");
}

static void test_listed_devices_open_by_index(void **state) {
    DeviceList list = list_devices();
    (void)state;
    for (uint32_t i = 0; i < list.count; i++) {
        Log log = {0};
        char index[16];
        snprintf(index, sizeof index, "%u", i);
        VknRuntimeDesc desc = desc_of(index, &log);
        VknRuntime *runtime = open_runtime(&desc);
        const VknRuntimeInfo *info = vkn_runtime_info(runtime);
        assert_int_equal(info->index, i);
        assert_string_equal(info->device_name, list.devices[i].device_name);
        assert_string_equal(info->driver_name, list.devices[i].driver_name);
        assert_true(info->api_version >= VK_API_VERSION_1_1);
        assert_true(info->device_name[0] != '\0');
        if (strstr(info->driver_name, "SwiftShader") || strstr(info->driver_name, "llvmpipe"))
            assert_false(info->gpu);
        vkn_runtime_destroy(runtime);
        assert_log_empty(&log);
    }
}

static void test_device_opens_by_part_of_its_name_in_any_case(void **state) {
    DeviceList list = list_devices();
    (void)state;
    for (uint32_t i = 0; i < list.count; i++) {
        Log log = {0};
        char part[256];
        snprintf(part, sizeof part, "%s", list.devices[i].device_name + 1);
        for (char *c = part; *c; c++)
            *c = (char)(isupper((unsigned char)*c) ? tolower((unsigned char)*c) : toupper((unsigned char)*c));
        VknRuntimeDesc desc = desc_of(part, &log);
        VknRuntime *runtime = open_runtime(&desc);
        assert_string_equal(vkn_runtime_info(runtime)->device_name, list.devices[i].device_name);
        vkn_runtime_destroy(runtime);
        assert_log_empty(&log);
    }
}

static void test_default_device_is_a_gpu_else_swiftshader(void **state) {
    Fixture *fixture = *state;
    DeviceList list = list_devices();
    const VknRuntimeInfo *chosen = vkn_runtime_info(fixture->runtime);
    for (uint32_t i = 0; i < list.count; i++) {
        assert_true(chosen->gpu || !list.devices[i].gpu);
        if (!chosen->gpu && strstr(list.devices[i].driver_name, "SwiftShader"))
            assert_non_null(strstr(chosen->driver_name, "SwiftShader"));
    }
}

static void test_unknown_device_lists_what_there_is(void **state) {
    static const char *const unknown[] = {"no such device", "4000000000"};
    DeviceList list = list_devices();
    (void)state;
    for (int i = 0; i < 2; i++) {
        Log log = {0};
        VknRuntimeDesc desc = desc_of(unknown[i], &log);
        VknRuntime *runtime = (VknRuntime *)&desc;
        VknResult result = vkn_runtime_create(&desc, &runtime);
        assert_null(runtime);
        for (uint32_t d = 0; d < list.count; d++)
            assert_non_null(strstr(log.text, list.devices[d].device_name));
        assert_fails(&log, result, VKN_ERROR_INVALID_ARGUMENT, unknown[i]);
    }
}

/* Sets an environment variable for one call of vkn_runtime_create(), which must fail. */
static void assert_create_fails_with(const char *variable, const char *value, VknRuntimeDesc desc,
                                     VknResult expected, const char *words) {
    const char *old = getenv(variable);
    char *saved = old ? strdup(old) : NULL;
    VknRuntime *runtime;
    setenv(variable, value, 1);
    VknResult result = vkn_runtime_create(&desc, &runtime);
    if (saved)
        setenv(variable, saved, 1);
    else
        unsetenv(variable);
    free(saved);
    assert_null(runtime);
    assert_fails(desc.log.user, result, expected, words);
}

static void test_machine_without_device(void **state) {
    Log log = {0};
    VknRuntimeDesc desc = desc_of(NULL, &log);
    (void)state;
    desc.validation = false;
    assert_create_fails_with("VK_DRIVER_FILES", "/nonexistent", desc, VKN_ERROR_UNSUPPORTED,
                             "vkCreateInstance");
}

static void test_machine_without_validation_layer(void **state) {
    Log log = {0};
    VknRuntimeDesc desc = desc_of(NULL, &log);
    (void)state;
    desc.validation = true;
    assert_create_fails_with("VK_LAYER_PATH", "/nonexistent", desc, VKN_ERROR_INVALID_ARGUMENT,
                             "VK_LAYER_KHRONOS_validation");
}

static void test_create_without_arguments(void **state) {
    Log log = {0};
    VknRuntimeDesc desc = desc_of(NULL, &log);
    VknRuntime *runtime;
    (void)state;
    assert_int_equal(vkn_runtime_create(NULL, &runtime), VKN_ERROR_INVALID_ARGUMENT);
    assert_int_equal(vkn_runtime_create(&desc, NULL), VKN_ERROR_INVALID_ARGUMENT);
    vkn_runtime_destroy(NULL);
}

static void test_capabilities_can_be_lowered_only(void **state) {
    Fixture *fixture = *state;
    Log log = {0};
    VknCaps caps = *vkn_context_caps(vkn_runtime_context(fixture->runtime));
    VknRuntimeDesc desc = desc_of(NULL, &log);
    VknRuntime *runtime;
    desc.caps = &caps;
    caps.subgroup_arithmetic = false;
    runtime = open_runtime(&desc);
    assert_false(vkn_context_caps(vkn_runtime_context(runtime))->subgroup_arithmetic);
    vkn_runtime_destroy(runtime);
    assert_log_empty(&log);
    caps.max_group_count = UINT32_MAX;
    caps.max_storage_range = UINT64_MAX;
    VknResult result = vkn_runtime_create(&desc, &runtime);
    assert_null(runtime);
    assert_fails(&log, result, VKN_ERROR_INVALID_ARGUMENT, "");
}

/* --------------------------------------------------------------------------------------- validation */

/* LeakSanitizer's, where that is linked. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

/* Creates a buffer that breaks a rule (it has no usage), and leaves it behind. */
static void create_faulty_buffer(VknRuntime *runtime) {
    const VknContextDesc *desc = vkn_runtime_context_desc(runtime);
    PFN_vkCreateBuffer create =
        (PFN_vkCreateBuffer)desc->get_instance_proc_addr(desc->instance, "vkCreateBuffer");
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = 16};
    VkBuffer buffer;
    if (__lsan_disable)
        __lsan_disable();
    assert_int_equal(create(desc->device, &info, NULL, &buffer), VK_SUCCESS);
    if (__lsan_enable)
        __lsan_enable();
}

static void test_validation_counts_and_logs(void **state) {
    Log log = {0};
    VknRuntimeDesc desc = desc_of(NULL, &log);
    (void)state;
    if (!validation)
        skip();
    VknRuntime *runtime = open_runtime(&desc);
    assert_int_equal(vkn_runtime_validation_count(runtime), 0);
    create_faulty_buffer(runtime);
    assert_int_equal(vkn_runtime_validation_count(runtime), 1);
    assert_fails(&log, VKN_SUCCESS, VKN_SUCCESS, "usage");
    vkn_runtime_destroy(runtime);
    assert_fails(&log, VKN_SUCCESS, VKN_SUCCESS, "destroyed");
}

static void test_no_validation_no_count(void **state) {
    Log log = {0};
    VknRuntimeDesc desc = desc_of(NULL, &log);
    (void)state;
    desc.validation = false;
    VknRuntime *runtime = open_runtime(&desc);
    create_buffer(runtime, 4);
    assert_int_equal(vkn_runtime_validation_count(runtime), 0);
    vkn_runtime_destroy(runtime);
    assert_log_empty(&log);
}

/* --------------------------------------------------------------------------------------------- runs */

static void test_run(void **state) {
    Fixture *fixture = *state;
    VknRuntime *runtime = fixture->runtime;
    Log *log = &fixture->log;
    Norm norm = norm_create(runtime);
    norm_run(&norm, 3);
    assert_int_equal(vkn_runtime_run(runtime, norm.plan, norm.bindings, NULL, 1, NULL), VKN_SUCCESS);
    assert_fails(log, vkn_runtime_run(runtime, norm.plan, norm.bindings, NULL, 0, NULL),
                 VKN_ERROR_INVALID_ARGUMENT, "repeat");
    assert_fails(log, vkn_runtime_run(runtime, NULL, norm.bindings, NULL, 1, NULL),
                 VKN_ERROR_INVALID_ARGUMENT, "plan");
    assert_fails(log, vkn_runtime_run(runtime, norm.plan, NULL, NULL, 1, NULL), VKN_ERROR_INVALID_ARGUMENT,
                 "bindings");
    assert_int_equal(vkn_runtime_run(NULL, norm.plan, norm.bindings, NULL, 1, NULL),
                     VKN_ERROR_INVALID_ARGUMENT);
    norm_run(&norm, -1); /* a refused run leaves the runtime as it was */
    norm_destroy(&norm);
}

/* Two runtimes at once, on the first and on the last device of the machine, the second of them without
 * validation; `first` is the one that is gone first. */
static void run_two_runtimes(int first) {
    DeviceList list = list_devices();
    Log log = {0};
    VknRuntime *runtimes[2];
    Norm norms[2];
    for (uint32_t i = 0; i < 2; i++) {
        char index[16];
        snprintf(index, sizeof index, "%u", i ? list.count - 1 : 0);
        VknRuntimeDesc desc = desc_of(index, &log);
        desc.validation = validation && i == 0;
        runtimes[i] = open_runtime(&desc);
    }
    for (int i = 0; i < 2; i++)
        norms[i] = norm_create(runtimes[i]);
    for (int i = 0; i < 4; i++)
        norm_run(&norms[i % 2], (float)(i - 5));
    norm_destroy(&norms[first]);
    vkn_runtime_destroy(runtimes[first]);
    norm_run(&norms[1 - first], 2);
    norm_destroy(&norms[1 - first]);
    vkn_runtime_destroy(runtimes[1 - first]);
    assert_log_empty(&log);
}

static void test_two_runtimes_first_goes_first(void **state) {
    (void)state;
    run_two_runtimes(0);
}

static void test_two_runtimes_second_goes_first(void **state) {
    (void)state;
    run_two_runtimes(1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_needs_a_function),
        cmocka_unit_test(test_listed_devices_open_by_index),
        cmocka_unit_test(test_device_opens_by_part_of_its_name_in_any_case),
        TEST_ON_DEVICE(test_default_device_is_a_gpu_else_swiftshader),
        cmocka_unit_test(test_unknown_device_lists_what_there_is),
        cmocka_unit_test(test_machine_without_device),
        cmocka_unit_test(test_machine_without_validation_layer),
        cmocka_unit_test(test_create_without_arguments),
        TEST_ON_DEVICE(test_capabilities_can_be_lowered_only),
        cmocka_unit_test(test_validation_counts_and_logs),
        cmocka_unit_test(test_no_validation_no_count),
        TEST_ON_DEVICE(test_run),
        TEST_ON_DEVICE(test_time),
        cmocka_unit_test(test_two_runtimes_first_goes_first),
        cmocka_unit_test(test_two_runtimes_second_goes_first),
    };
    return cmocka_run_group_tests(tests, group_open, NULL);
}
