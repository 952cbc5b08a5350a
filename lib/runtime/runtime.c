/* Opens and closes a runtime. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* Enables the few features that the core makes use of. They are core in Vulkan 1.3, else an extension. */
static VknResult device_create(VknRuntime *runtime) {
    VknInstance *instance = &runtime->instance;
    VknVulkan *vk = &instance->vk;
    const VknDevice *device = &runtime->device;
    VkPhysicalDeviceSubgroupSizeControlFeaturesEXT *features = &runtime->subgroup_features;
    const char *extensions[2];
    uint32_t extension_count = 0;
    float priority = 1;
    bool core = device->api_version >= VKN_API_VERSION_1_3, size_control = core, portability;
    VknResult result = core ? VKN_SUCCESS
                            : vkn_extension_find(instance, device->handle,
                                                 VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME, &size_control);
    /* A device that has this one (MoltenVK) must be created with it. */
    if (result == VKN_SUCCESS)
        result = vkn_extension_find(instance, device->handle, "VK_KHR_portability_subset", &portability);
    if (result != VKN_SUCCESS)
        return result;
    if (size_control && !core)
        extensions[extension_count++] = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
    if (portability)
        extensions[extension_count++] = "VK_KHR_portability_subset";
    if (size_control) {
        features->sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT;
        vk->GetPhysicalDeviceFeatures2(
            device->handle, &(VkPhysicalDeviceFeatures2){
                                .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = features});
        runtime->context_desc.device_features = features;
    }
    VkResult created =
        vk->CreateDevice(device->handle,
                         &(VkDeviceCreateInfo){
                             .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                             .pNext = runtime->context_desc.device_features,
                             .queueCreateInfoCount = 1,
                             .pQueueCreateInfos = &(
                                 VkDeviceQueueCreateInfo){.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                                          .queueFamilyIndex = device->queue_family,
                                                          .queueCount = 1,
                                                          .pQueuePriorities = &priority},
                             .enabledExtensionCount = extension_count,
                             .ppEnabledExtensionNames = extensions,
                         },
                         NULL, &runtime->context_desc.device);
    result = VKN_CHECK_MADE(instance, created, "vkCreateDevice", &runtime->context_desc.device);
    if (result != VKN_SUCCESS)
        return result;
    result = vkn_instance_load_device(instance, runtime->context_desc.device);
    if (result != VKN_SUCCESS) { /* what the runtime would end it with may be missing */
        vk->DestroyDevice(runtime->context_desc.device, NULL);
        runtime->context_desc.device = VK_NULL_HANDLE;
        return result;
    }
    vk->GetDeviceQueue(runtime->context_desc.device, device->queue_family, 0, &runtime->queue);
    return VKN_SUCCESS;
}

static VknResult commands_create(VknRuntime *runtime) {
    VknInstance *instance = &runtime->instance;
    const VknVulkan *vk = &instance->vk;
    VkDevice device = runtime->context_desc.device;
    VknResult result = VKN_CHECK_MADE(
        instance,
        vk->CreateCommandPool(device,
                              &(VkCommandPoolCreateInfo){.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                                         .queueFamilyIndex = runtime->device.queue_family},
                              NULL, &runtime->command_pool),
        "vkCreateCommandPool", &runtime->command_pool);
    if (result == VKN_SUCCESS)
        result =
            vkn_check(instance,
                      vk->AllocateCommandBuffers(device,
                                                 &(VkCommandBufferAllocateInfo){
                                                     .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                     .commandPool = runtime->command_pool,
                                                     .commandBufferCount = 1},
                                                 &runtime->commands),
                      "vkAllocateCommandBuffers");
    if (result == VKN_SUCCESS && runtime->device.info.timestamps)
        result = VKN_CHECK_MADE(
            instance,
            vk->CreateQueryPool(device,
                                &(VkQueryPoolCreateInfo){.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                                         .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                                         .queryCount = VKN_STAMP_COUNT},
                                NULL, &runtime->timestamps),
            "vkCreateQueryPool", &runtime->timestamps);
    return result;
}

static VknResult runtime_open(VknRuntime *runtime, const VknRuntimeDesc *desc) {
    VknInstance *instance = &runtime->instance;
    VknContextDesc *context = &runtime->context_desc;
    VknResult result = vkn_instance_open(instance, &desc->log, desc->validation);
    if (result == VKN_SUCCESS)
        result = vkn_device_choose(instance, desc->device, &runtime->device);
    if (result == VKN_SUCCESS)
        result = device_create(runtime);
    if (result == VKN_SUCCESS)
        result = commands_create(runtime);
    if (result == VKN_SUCCESS)
        result = vkn_staging_create(runtime);
    if (result != VKN_SUCCESS)
        return result;
    context->instance = instance->handle;
    context->physical_device = runtime->device.handle;
    context->get_instance_proc_addr = instance->vk.GetInstanceProcAddr;
    context->log = desc->log;
    context->texel_buffers = true;
    if (desc->cache_path)
        result = vkn_cache_open(runtime, desc->cache_path);
    if (result != VKN_SUCCESS)
        return result;
    if (desc->caps) {
        runtime->caps = *desc->caps;
        context->caps = &runtime->caps;
    }
    result = vkn_context_create(context, &runtime->context);
    if (result == VKN_SUCCESS && desc->tuning_path)
        result = vkn_tuning_open(runtime, desc->tuning_path);
    return result;
}

VknResult vkn_runtime_create(const VknRuntimeDesc *desc, VknRuntime **runtime) {
    if (!desc || !runtime)
        return VKN_ERROR_INVALID_ARGUMENT;
    *runtime = NULL;
    VknRuntime *made = calloc(1, sizeof *made);
    if (!made)
        return vkn_fail(&desc->log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for a runtime");
    VknResult result = runtime_open(made, desc);
    if (result != VKN_SUCCESS) {
        vkn_runtime_destroy(made);
        return result;
    }
    *runtime = made;
    return VKN_SUCCESS;
}

/* What failed before is tried again, without a second message. */
static void save_at_end(VknRuntime *runtime, bool (*save)(VknRuntime *runtime), bool failed) {
    VknLog *log = &runtime->instance.log, kept = *log;
    if (failed)
        log->write = NULL;
    save(runtime);
    *log = kept;
}

void vkn_runtime_destroy(VknRuntime *runtime) {
    if (!runtime)
        return;
    const VknVulkan *vk = &runtime->instance.vk;
    VkDevice device = runtime->context_desc.device;
    if (device) {
        vk->DeviceWaitIdle(device); /* a lost device is destroyed like any other */
        if (runtime->context) {
            save_at_end(runtime, vkn_runtime_save_cache, runtime->cache_failed);
            save_at_end(runtime, vkn_runtime_save_tuning, runtime->tuning_failed);
        }
        vkn_context_destroy(runtime->context);
        vk->DestroyPipelineCache(device, runtime->context_desc.pipeline_cache, NULL);
        vkn_allocations_destroy(runtime);
        vk->DestroyQueryPool(device, runtime->timestamps, NULL);
        vk->DestroyCommandPool(device, runtime->command_pool, NULL);
        vk->DestroyDevice(device, NULL);
    }
    vkn_instance_close(&runtime->instance);
    free(runtime->cache_path);
    free(runtime->tuning_path);
    free(runtime);
}

const VknRuntimeInfo *vkn_runtime_info(const VknRuntime *runtime) {
    return &runtime->device.info;
}

VknContext *vkn_runtime_context(VknRuntime *runtime) {
    return runtime->context;
}

const VknContextDesc *vkn_runtime_context_desc(const VknRuntime *runtime) {
    return &runtime->context_desc;
}

uint32_t vkn_runtime_validation_count(const VknRuntime *runtime) {
    return atomic_load(&((VknRuntime *)runtime)->instance.message_count);
}
