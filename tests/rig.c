#include "rig.h"

#include <assert.h>

static void keep_message(void *user, VknLogLevel level, const char *message) {
    TestRig *rig = user;
    if (level != VKN_LOG_INFO)
        snprintf(rig->message, sizeof rig->message, "%s", message);
}

VknLog test_rig_log(TestRig *rig) {
    return (VknLog){keep_message, rig};
}

static PFN_vkVoidFunction device_function(const TestRig *rig, const char *name) {
    const VknContextDesc *desc = vkn_runtime_context_desc(rig->runtime);
    PFN_vkGetDeviceProcAddr get =
        (PFN_vkGetDeviceProcAddr)desc->get_instance_proc_addr(desc->instance, "vkGetDeviceProcAddr");
    return get(desc->device, name);
}

VknResult test_rig_open(TestRig *rig, const char *device, bool validation) {
    assert(test_mask_count <= TEST_MAX_MASKS);
    *rig = (TestRig){0};
    VknResult result = vkn_runtime_create(
        &(VknRuntimeDesc){.device = device, .validation = validation, .log = test_rig_log(rig)},
        &rig->runtime);
    if (result != VKN_SUCCESS)
        return result;
    PFN_vkCreatePipelineCache create =
        (PFN_vkCreatePipelineCache)device_function(rig, "vkCreatePipelineCache");
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    if (create(vkn_runtime_context_desc(rig->runtime)->device, &info, NULL, &rig->pipelines) != VK_SUCCESS)
        return VKN_ERROR_DRIVER;
    return VKN_SUCCESS;
}

bool test_rig_close(TestRig *rig) {
    VkDevice device = vkn_runtime_context_desc(rig->runtime)->device;
    uint32_t messages = vkn_runtime_validation_count(rig->runtime);
    for (uint32_t i = 0; i < TEST_MAX_MASKS; i++)
        vkn_context_destroy(rig->contexts[i]);
    ((PFN_vkDestroyPipelineCache)device_function(rig, "vkDestroyPipelineCache"))(device, rig->pipelines,
                                                                                 NULL);
    bool silent = vkn_runtime_validation_count(rig->runtime) == messages;
    vkn_runtime_destroy(rig->runtime);
    return silent;
}

VknResult test_rig_context(TestRig *rig, uint32_t mask, VknContext **context) {
    *context = rig->contexts[mask];
    if (*context)
        return VKN_SUCCESS;
    VknContextDesc desc = *vkn_runtime_context_desc(rig->runtime);
    VknCaps caps;
    VknResult result = vkn_caps_query(&desc, &caps);
    if (result != VKN_SUCCESS || !test_mask_apply(&test_masks[mask], &caps))
        return result;
    desc.caps = &caps;
    desc.pipeline_cache = rig->pipelines;
    result = vkn_context_create(&desc, &rig->contexts[mask]);
    *context = rig->contexts[mask];
    return result;
}

static VknResult reserve(TestRig *rig, uint64_t size) {
    if (rig->memory.size >= size)
        return VKN_SUCCESS;
    vkn_runtime_buffer_destroy(rig->runtime, rig->memory.buffer);
    rig->memory = (VknBuffer){0};
    return vkn_runtime_buffer_create(rig->runtime, size, &rig->memory);
}

static VknResult run_bound(TestRig *rig, const VknPlan *plan, const TestImage *image, uint64_t batch_number) {
    VknBuffer buffers[VKN_ROLE_COUNT] = {0};
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        if (image->words[role] > 0)
            buffers[role] = (VknBuffer){.buffer = rig->memory.buffer,
                                        .offset = rig->memory.offset + 4 * image->offset[role],
                                        .size = 4 * image->words[role]};
    VknBindings *bindings = NULL;
    VknResult result = vkn_bindings_create(plan, buffers, &bindings);
    if (result == VKN_SUCCESS)
        result = vkn_runtime_run(rig->runtime, plan, bindings, &(VknRecordInfo){.batch_number = batch_number},
                                 1, NULL);
    vkn_bindings_destroy(bindings);
    return result;
}

VknResult test_rig_run(TestRig *rig, const VknPlan *plan, const TestImage *image, uint64_t batch_number,
                       uint32_t *after) {
    uint64_t size = 4 * image->word_count;
    VknResult result = reserve(rig, size);
    if (result == VKN_SUCCESS)
        result = vkn_runtime_upload(rig->runtime, &rig->memory, 0, image->before, size);
    if (result == VKN_SUCCESS)
        result = run_bound(rig, plan, image, batch_number);
    if (result == VKN_SUCCESS)
        result = vkn_runtime_download(rig->runtime, &rig->memory, 0, after, size);
    return result;
}
