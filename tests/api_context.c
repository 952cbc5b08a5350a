/* Capabilities and contexts: what is refused, on this device and on worse ones that stand in for it. */
#include "api.h"

/* ------------------------------------------------------------------------------------------ stand-in */

/* The device with some of its answers changed. One at a time: Vulkan's functions have no user pointer. */
static struct {
    PFN_vkGetInstanceProcAddr get;
    VkInstance instance;
    const char *missing;                          /* a function that it does not have, or NULL */
    void (*change)(VkPhysicalDeviceProperties *); /* or NULL */
    bool no_subgroups;
    VkResult pipeline_result; /* of creating pipelines, unless it is VK_SUCCESS */
} fake;

static PFN_vkVoidFunction real(const char *name) {
    return fake.get(fake.instance, name);
}

static VKAPI_ATTR void VKAPI_CALL fake_properties(VkPhysicalDevice device, VkPhysicalDeviceProperties *p) {
    ((PFN_vkGetPhysicalDeviceProperties)real("vkGetPhysicalDeviceProperties"))(device, p);
    if (fake.change)
        fake.change(p);
}

static VKAPI_ATTR void VKAPI_CALL fake_properties2(VkPhysicalDevice device, VkPhysicalDeviceProperties2 *p) {
    ((PFN_vkGetPhysicalDeviceProperties2)real("vkGetPhysicalDeviceProperties2"))(device, p);
    if (fake.change)
        fake.change(&p->properties);
    for (VkBaseOutStructure *s = p->pNext; s; s = s->pNext)
        if (fake.no_subgroups && s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES)
            ((VkPhysicalDeviceSubgroupProperties *)s)->supportedOperations = VK_SUBGROUP_FEATURE_BASIC_BIT;
}

static VKAPI_ATTR VkResult VKAPI_CALL fake_create_pipelines(VkDevice device, VkPipelineCache cache,
                                                            uint32_t count,
                                                            const VkComputePipelineCreateInfo *infos,
                                                            const VkAllocationCallbacks *allocator,
                                                            VkPipeline *pipelines) {
    if (fake.pipeline_result == VK_SUCCESS)
        return ((PFN_vkCreateComputePipelines)real("vkCreateComputePipelines"))(device, cache, count, infos,
                                                                                allocator, pipelines);
    memset(pipelines, 0, count * sizeof *pipelines);
    return fake.pipeline_result;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL fake_get_device(VkDevice device, const char *name) {
    if (fake.missing && strcmp(name, fake.missing) == 0)
        return NULL;
    if (strcmp(name, "vkCreateComputePipelines") == 0)
        return (PFN_vkVoidFunction)fake_create_pipelines;
    return ((PFN_vkGetDeviceProcAddr)real("vkGetDeviceProcAddr"))(device, name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL fake_get(VkInstance instance, const char *name) {
    if (fake.missing && strcmp(name, fake.missing) == 0)
        return NULL;
    if (strcmp(name, "vkGetPhysicalDeviceProperties") == 0)
        return (PFN_vkVoidFunction)fake_properties;
    if (strcmp(name, "vkGetPhysicalDeviceProperties2") == 0)
        return (PFN_vkVoidFunction)fake_properties2;
    if (strcmp(name, "vkGetDeviceProcAddr") == 0)
        return (PFN_vkVoidFunction)fake_get_device;
    return fake.get(instance, name);
}

/* The description of a context on the stand-in, which is the device itself until `fake` says otherwise. */
static VknContextDesc fake_desc(const Api *api) {
    VknContextDesc desc = api->desc;
    memset(&fake, 0, sizeof fake);
    fake.get = desc.get_instance_proc_addr;
    fake.instance = desc.instance;
    desc.get_instance_proc_addr = fake_get;
    return desc;
}

static void expect_context(Api *api, const VknContextDesc *desc, VknResult expected, const char *words) {
    VknContext *context = (VknContext *)api;
    assert_fails(&api->log, vkn_context_create(desc, &context), expected, words);
    assert_true((context != NULL) == (expected == VKN_SUCCESS));
    vkn_context_destroy(context);
}

static void expect_caps(Api *api, const VknContextDesc *desc, VknResult expected, const char *words) {
    VknCaps caps, before;
    memset(&before, 0xA5, sizeof before);
    memcpy(&caps, &before, sizeof caps);
    assert_fails(&api->log, vkn_caps_query(desc, &caps), expected, words);
    if (expected != VKN_SUCCESS)
        assert_memory_equal(&caps, &before, sizeof caps);
}

/* ---------------------------------------------------------------------------------------- arguments */

static void test_null_arguments(void **state) {
    Api *api = *state;
    VknContextDesc desc = api->desc;
    VknContext *context = (VknContext *)api;
    VknCaps caps;
    assert_int_equal(vkn_context_create(NULL, &context), VKN_ERROR_INVALID_ARGUMENT);
    assert_null(context);
    assert_fails(&api->log, vkn_context_create(&desc, NULL), VKN_ERROR_INVALID_ARGUMENT, "context");
    assert_int_equal(vkn_caps_query(NULL, &caps), VKN_ERROR_INVALID_ARGUMENT);
    assert_fails(&api->log, vkn_caps_query(&desc, NULL), VKN_ERROR_INVALID_ARGUMENT, "caps");
    desc.instance = VK_NULL_HANDLE;
    expect_context(api, &desc, VKN_ERROR_INVALID_ARGUMENT, "instance");
    expect_caps(api, &desc, VKN_ERROR_INVALID_ARGUMENT, "instance");
    desc = api->desc;
    desc.physical_device = VK_NULL_HANDLE;
    expect_context(api, &desc, VKN_ERROR_INVALID_ARGUMENT, "physical_device");
    expect_caps(api, &desc, VKN_ERROR_INVALID_ARGUMENT, "physical_device");
    desc = api->desc;
    desc.get_instance_proc_addr = NULL;
    expect_context(api, &desc, VKN_ERROR_INVALID_ARGUMENT, "get_instance_proc_addr");
    expect_caps(api, &desc, VKN_ERROR_INVALID_ARGUMENT, "get_instance_proc_addr");
    desc = api->desc;
    desc.device = VK_NULL_HANDLE;
    expect_context(api, &desc, VKN_ERROR_INVALID_ARGUMENT, "device");
    expect_caps(api, &desc, VKN_SUCCESS, ""); /* which does not read it */
    expect_context(api, &api->desc, VKN_SUCCESS, "");
}

/* ------------------------------------------------------------------------------------- capabilities */

/* Fields of 32 bits, and max_storage_range: the worst value that is legal. */
#define NUMBERS(F)                                                                                           \
    F(max_invocations, 64)                                                                                   \
    F(max_group_count, 1)                                                                                    \
    F(max_shared_bytes, 16384)                                                                               \
    F(max_storage_range, 4096)                                                                               \
    F(max_storage_buffers, 8)
#define SWITCHES(F)                                                                                          \
    F(subgroup_arithmetic)                                                                                   \
    F(subgroup_shuffle)                                                                                      \
    F(subgroup_size_control)                                                                                 \
    F(full_subgroups)

/* On a device that has none of the optional features. */
static void test_caps_cannot_be_raised(void **state) {
    Api *api = *state;
    VknContextDesc desc = fake_desc(api);
    VknCaps device, caps;
    fake.no_subgroups = true;
    desc.device_features = NULL;
    desc.caps = &caps;
    assert_int_equal(vkn_caps_query(&desc, &device), VKN_SUCCESS);
    caps = device;
    expect_context(api, &desc, VKN_SUCCESS, "");
#define NUMBER(field, floor)                                                                                 \
    caps = device;                                                                                           \
    caps.field++;                                                                                            \
    expect_context(api, &desc, VKN_ERROR_INVALID_ARGUMENT, "caps." #field);                                  \
    caps.field = floor;                                                                                      \
    expect_context(api, &desc, VKN_SUCCESS, "");                                                             \
    caps.field--;                                                                                            \
    expect_context(api, &desc, VKN_ERROR_UNSUPPORTED, #field);
    NUMBERS(NUMBER)
#undef NUMBER
#define SWITCH(field)                                                                                        \
    caps = device;                                                                                           \
    assert_false(caps.field);                                                                                \
    caps.field = true;                                                                                       \
    expect_context(api, &desc, VKN_ERROR_INVALID_ARGUMENT, "caps." #field);
    SWITCHES(SWITCH)
#undef SWITCH
    caps = device;
    caps.storage_offset_alignment = 256;
    expect_context(api, &desc, VKN_SUCCESS, "");
    caps.storage_offset_alignment = 512;
    expect_context(api, &desc, VKN_ERROR_UNSUPPORTED, "storage_offset_alignment");
    caps.storage_offset_alignment = device.storage_offset_alignment / 2;
    expect_context(api, &desc, VKN_ERROR_INVALID_ARGUMENT, "caps.storage_offset_alignment");
    caps = device;
    caps.max_texels++;
    expect_context(api, &desc, VKN_ERROR_INVALID_ARGUMENT, "caps.max_texels");
    caps = device;
    caps.texel_offset_alignment /= 2;
    expect_context(api, &desc, VKN_ERROR_INVALID_ARGUMENT, "caps.texel_offset_alignment");
    caps = device;
    caps.max_subgroup_size *= 2;
    expect_context(api, &desc, VKN_ERROR_INVALID_ARGUMENT, "caps.max_subgroup_size");
    caps.max_subgroup_size = 1; /* no device that runs has lanes of one */
    expect_context(api, &desc, VKN_ERROR_INVALID_ARGUMENT, "caps.max_subgroup_size");
}

/* Whether tensors are read as texels is the caller's choice, where buffers allow it. */
static void test_texel_reads(void **state) {
    Api *api = *state;
    VknContextDesc desc = api->desc;
    VknCaps caps;
    assert_int_equal(vkn_caps_query(&desc, &caps), VKN_SUCCESS);
    assert_true(desc.texel_buffers && caps.max_texels >= 65536);
    for (int reads = 0; reads < 2; reads++) {
        caps.texel_reads = reads;
        desc.caps = &caps;
        expect_context(api, &desc, VKN_SUCCESS, "");
    }
    caps.texel_offset_alignment = 512;
    expect_context(api, &desc, VKN_ERROR_UNSUPPORTED, "texel_offset_alignment");
    caps.texel_reads = false;
    expect_context(api, &desc, VKN_SUCCESS, "");
    caps.texel_reads = true;
    caps.max_texels = 0;
    expect_context(api, &desc, VKN_ERROR_INVALID_ARGUMENT, "caps.texel_reads");

    desc.caps = NULL;
    desc.texel_buffers = false;
    assert_int_equal(vkn_caps_query(&desc, &caps), VKN_SUCCESS);
    assert_int_equal(caps.max_texels, 0);
    assert_false(caps.texel_reads);
}

static void test_context_has_the_lowered_caps(void **state) {
    Api *api = *state;
    VknContextDesc desc = api->desc;
    VknContext *context;
    VknCaps caps;
    assert_int_equal(vkn_caps_query(&desc, &caps), VKN_SUCCESS);
    caps.device_class = VKN_DEVICE_ARM;
    caps.max_storage_range = 4096;
    caps.subgroup_arithmetic = false;
    desc.caps = &caps;
    assert_int_equal(vkn_context_create(&desc, &context), VKN_SUCCESS);
    assert_ptr_not_equal(vkn_context_caps(context), &caps);
    assert_memory_equal(vkn_context_caps(context), &caps, sizeof caps);
    vkn_context_destroy(context);
}

/* What was enabled is read from either struct, wherever it stands in the chain. */
static void test_features(void **state) {
    Api *api = *state;
    VknContextDesc desc = api->desc;
    for (uint32_t bits = 0; bits < 8; bits++) {
        VkPhysicalDeviceVulkan13Features core = {.sType =
                                                     VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES,
                                                 .subgroupSizeControl = bits & 1,
                                                 .computeFullSubgroups = bits >> 1 & 1};
        VkPhysicalDeviceSubgroupSizeControlFeatures extension = {
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
            .subgroupSizeControl = bits & 1,
            .computeFullSubgroups = bits >> 1 & 1};
        VkPhysicalDevice16BitStorageFeatures other = {
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES,
            .pNext = bits & 4 ? (void *)&core : (void *)&extension};
        VknCaps caps;
        desc.device_features = &other;
        assert_int_equal(vkn_caps_query(&desc, &caps), VKN_SUCCESS);
        assert_int_equal(caps.subgroup_size_control, bits & 1);
        assert_int_equal(caps.full_subgroups, bits >> 1 & 1);
    }
    assert_log_empty(&api->log);
}

/* ------------------------------------------------------------------------------------- worse devices */

#define CHANGES(F)                                                                                           \
    F(old, p->apiVersion = VK_API_VERSION_1_0, "1.1")                                                        \
    F(small_groups, p->limits.maxComputeWorkGroupInvocations = 32, "max_invocations")                        \
    F(narrow_groups, p->limits.maxComputeWorkGroupSize[0] = 32, "max_invocations")                           \
    F(no_groups, p->limits.maxComputeWorkGroupCount[0] = 0, "max_group_count")                               \
    F(little_shared, p->limits.maxComputeSharedMemorySize = 8192, "max_shared_bytes")                        \
    F(little_range, p->limits.maxStorageBufferRange = 2048, "max_storage_range")                             \
    F(few_in_stage, p->limits.maxPerStageDescriptorStorageBuffers = 4, "max_storage_buffers")                \
    F(few_in_set, p->limits.maxDescriptorSetStorageBuffers = 4, "max_storage_buffers")                       \
    F(coarse, p->limits.minStorageBufferOffsetAlignment = 1024, "storage_offset_alignment")

#define DEFINE(name, change, words)                                                                          \
    static void change_##name(VkPhysicalDeviceProperties *p) {                                               \
        change;                                                                                              \
    }
CHANGES(DEFINE)
#undef DEFINE

static void test_devices_below_a_floor(void **state) {
    static const struct {
        void (*change)(VkPhysicalDeviceProperties *p);
        const char *words;
    } ROWS[] = {
#define ROW(name, change, words) {change_##name, words},
        CHANGES(ROW)
#undef ROW
    };
    Api *api = *state;
    VknContextDesc desc = fake_desc(api);
    for (size_t i = 0; i < LENGTH(ROWS); i++) {
        fake.change = ROWS[i].change;
        expect_context(api, &desc, VKN_ERROR_UNSUPPORTED, ROWS[i].words);
        expect_caps(api, &desc, VKN_ERROR_UNSUPPORTED, ROWS[i].words);
    }
}

static void test_missing_functions(void **state) {
    Api *api = *state;
    VknContextDesc desc = fake_desc(api);
    fake.missing = "vkGetPhysicalDeviceProperties2";
    expect_context(api, &desc, VKN_ERROR_UNSUPPORTED, fake.missing);
    fake.missing = "vkGetDeviceProcAddr";
    expect_context(api, &desc, VKN_ERROR_DRIVER, fake.missing);
    fake.missing = "vkCmdDispatch";
    expect_context(api, &desc, VKN_ERROR_DRIVER, fake.missing);
    fake.missing = NULL;
    expect_context(api, &desc, VKN_SUCCESS, "");
}

/* Each VkResult asks for one remedy. The loss of the device is for good. */
static void test_driver_errors(void **state) {
    static const struct {
        VkResult vulkan;
        VknResult result;
    } ROWS[] = {
        {VK_ERROR_OUT_OF_HOST_MEMORY, VKN_ERROR_OUT_OF_HOST_MEMORY},
        {VK_ERROR_OUT_OF_DEVICE_MEMORY, VKN_ERROR_OUT_OF_DEVICE_MEMORY},
        {VK_ERROR_OUT_OF_POOL_MEMORY, VKN_ERROR_OUT_OF_DEVICE_MEMORY},
        {VK_ERROR_FRAGMENTATION, VKN_ERROR_OUT_OF_DEVICE_MEMORY},
        {VK_ERROR_INITIALIZATION_FAILED, VKN_ERROR_DRIVER},
        {VK_ERROR_UNKNOWN, VKN_ERROR_DRIVER},
        {VK_ERROR_DEVICE_LOST, VKN_ERROR_DEVICE_LOST}, /* the last one */
    };
    Api *api = *state;
    VknContextDesc context_desc = fake_desc(api);
    VknDesc desc = api_desc(), other = desc;
    VknContext *context;
    VknPlan *plan;
    other.activation = vkn_activation_default(VKN_ACTIVATION_RELU); /* needs other pipelines */
    assert_int_equal(vkn_context_create(&context_desc, &context), VKN_SUCCESS);
    Bound bound = bound_create(api, context, &desc);
    for (size_t i = 0; i < LENGTH(ROWS); i++) {
        fake.pipeline_result = ROWS[i].vulkan;
        plan = (VknPlan *)api;
        assert_fails(&api->log, vkn_plan_create(context, &other, &plan), ROWS[i].result,
                     "vkCreateComputePipelines");
        assert_null(plan);
    }
    fake.pipeline_result = VK_SUCCESS;
    VknBindings *bindings = (VknBindings *)api;
    assert_fails(&api->log, vkn_plan_create(context, &desc, &plan), VKN_ERROR_DEVICE_LOST, "lost");
    assert_fails(&api->log, vkn_bindings_create(bound.plan, bound.buffers, &bindings), VKN_ERROR_DEVICE_LOST,
                 "lost");
    assert_null(bindings);
    Commands commands = commands_begin(api);
    assert_fails(&api->log, vkn_plan_record(bound.plan, bound.bindings, commands.buffer, NULL),
                 VKN_ERROR_DEVICE_LOST, "lost");
    commands_submit(api, &commands);
    assert_true(bound_is_poisoned(api, &bound));
    commands_destroy(api, &commands);
    bound_destroy(api, &bound);
    vkn_context_destroy(context);
}

int api_context_tests(void) {
    const struct CMUnitTest tests[] = {
        TEST_WITH_API(test_null_arguments),    TEST_WITH_API(test_caps_cannot_be_raised),
        TEST_WITH_API(test_texel_reads),       TEST_WITH_API(test_context_has_the_lowered_caps),
        TEST_WITH_API(test_features),          TEST_WITH_API(test_devices_below_a_floor),
        TEST_WITH_API(test_missing_functions), TEST_WITH_API(test_driver_errors),
    };
    return cmocka_run_group_tests_name("api_context", tests, NULL, NULL);
}
