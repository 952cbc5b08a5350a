#include "context.h"

#include <inttypes.h>

#include "caps.h"

VknResult vkn_result_of(VkResult result) {
    switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return VKN_ERROR_OUT_OF_HOST_MEMORY;
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_OUT_OF_POOL_MEMORY:
    case VK_ERROR_FRAGMENTED_POOL:
    case VK_ERROR_FRAGMENTATION:
        return VKN_ERROR_OUT_OF_DEVICE_MEMORY;
    case VK_ERROR_DEVICE_LOST:
        return VKN_ERROR_DEVICE_LOST;
    default:
        return VKN_ERROR_DRIVER;
    }
}

VknResult vkn_context_fail(VknContext *context, VkResult result, const char *call) {
    VknResult known = vkn_result_of(result);
    const char *what = known == VKN_ERROR_OUT_OF_HOST_MEMORY     ? ": out of host memory"
                       : known == VKN_ERROR_OUT_OF_DEVICE_MEMORY ? ": out of device memory"
                       : known == VKN_ERROR_DEVICE_LOST          ? ": the device is lost"
                                                                 : "";
    if (known == VKN_ERROR_DEVICE_LOST)
        atomic_store(&context->lost, true);
    vkn_host_log(&context->host, VKN_LOG_ERROR, "%s failed with VkResult %d%s", call, result, what);
    return known;
}

VknResult vkn_context_check(VknContext *context) {
    if (atomic_load(&context->lost))
        return VKN_FAIL(&context->host, DEVICE_LOST, "the device was lost earlier");
    return VKN_SUCCESS;
}

VknVariants vkn_context_refused(const VknContext *context) {
    VknVariants refused;
    for (uint32_t i = 0; i < VKN_KERNEL_COUNT; i++)
        refused.workers[i] = atomic_load(&((VknContext *)context)->refused[i]);
    return refused;
}

void vkn_context_refuse(VknContext *context, const VknVariants *refused) {
    for (uint32_t i = 0; i < VKN_KERNEL_COUNT; i++)
        if (refused->workers[i])
            atomic_fetch_or(&context->refused[i], refused->workers[i]);
}

static VknResult load_functions(VknContext *context, const VknContextDesc *desc) {
    PFN_vkGetDeviceProcAddr get =
        (PFN_vkGetDeviceProcAddr)desc->get_instance_proc_addr(desc->instance, "vkGetDeviceProcAddr");
    if (!get)
        return VKN_FAIL(&context->host, DRIVER, "get_instance_proc_addr has no vkGetDeviceProcAddr");
#define F(name)                                                                                              \
    context->vk.name = (PFN_vk##name)get(desc->device, "vk" #name);                                          \
    if (!context->vk.name)                                                                                   \
        return VKN_FAIL(&context->host, DRIVER, "the device has no vk" #name);
    VKN_DEVICE_FUNCTIONS(F)
#undef F
    return VKN_SUCCESS;
}

/* Storage buffers, and the same as texels, where they are read so. */
static VknResult create_layouts(VknContext *context) {
    VkDescriptorSetLayoutBinding bindings[2 * VKN_BINDING_COUNT];
    uint32_t buffers = vkn_binding_count(&context->caps);
    uint32_t count = context->caps.texel_reads ? 2 * buffers : buffers;
    for (uint32_t i = 0; i < count; i++)
        bindings[i] = i < buffers ? (VkDescriptorSetLayoutBinding){i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1,
                                                                   VK_SHADER_STAGE_COMPUTE_BIT, NULL}
                                  : (VkDescriptorSetLayoutBinding){VKN_BINDING_TEXELS + i - buffers,
                                                                   VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, 1,
                                                                   VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    VkDescriptorSetLayoutCreateInfo set_info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                                .bindingCount = count,
                                                .pBindings = bindings};
    VkResult result = context->vk.CreateDescriptorSetLayout(context->device, &set_info,
                                                            context->host.allocator, &context->set_layout);
    if (result) {
        context->set_layout = VK_NULL_HANDLE;
        return vkn_context_fail(context, result, "vkCreateDescriptorSetLayout");
    }
    VkPushConstantRange range = {VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof(VknPush)};
    VkPipelineLayoutCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                       .setLayoutCount = 1,
                                       .pSetLayouts = &context->set_layout,
                                       .pushConstantRangeCount = 1,
                                       .pPushConstantRanges = &range};
    result = context->vk.CreatePipelineLayout(context->device, &info, context->host.allocator,
                                              &context->pipeline_layout);
    if (result) {
        context->pipeline_layout = VK_NULL_HANDLE;
        return vkn_context_fail(context, result, "vkCreatePipelineLayout");
    }
    return VKN_SUCCESS;
}

VknResult vkn_context_create(const VknContextDesc *desc, VknContext **context) {
    VknHost host = {desc ? desc->allocator : NULL, desc ? desc->log : (VknLog){0}};
    VknCaps caps;
    if (!context)
        return VKN_FAIL(&host, INVALID_ARGUMENT, "vkn_context_create: context must not be NULL");
    *context = NULL;
    if (!desc || !desc->device)
        return VKN_FAIL(&host, INVALID_ARGUMENT,
                        "vkn_context_create: desc and desc->device must not be NULL");
    VknResult result = vkn_caps_query(desc, &caps);
    if (!result && desc->caps)
        result = vkn_caps_lower(&host, &caps, desc->caps);
    if (!result)
        result = vkn_schedule_check_caps(&host, &caps);
    if (result)
        return result;

    VknContext *c = vkn_host_alloc(&host, sizeof *c);
    if (!c)
        return VKN_ERROR_OUT_OF_HOST_MEMORY;
    c->host = host;
    if (desc->allocator) {
        c->allocator = *desc->allocator;
        c->host.allocator = &c->allocator;
    }
    VknMutex *mutexes[] = {&c->pipelines.mutex, &c->customs.mutex, &c->tuned.mutex};
    uint32_t made = 0;
    while (made < 3 && vkn_mutex_init(mutexes[made]))
        made++;
    if (made < 3) {
        while (made-- > 0)
            vkn_mutex_destroy(mutexes[made]);
        vkn_host_free(&host, c);
        return VKN_FAIL(&host, OUT_OF_HOST_MEMORY, "vkn_context_create: no mutex");
    }
    c->device = desc->device;
    c->vk_pipeline_cache = desc->pipeline_cache;
    c->caps = caps;
    result = load_functions(c, desc);
    if (!result)
        result = create_layouts(c);
    if (result) {
        vkn_context_destroy(c);
        return result;
    }
    *context = c;
    return VKN_SUCCESS;
}

void vkn_context_destroy(VknContext *context) {
    if (!context)
        return;
    vkn_pipeline_cache_clear(context);
    vkn_custom_clear(context);
    vkn_tuned_clear(&context->tuned, &context->host);
    if (context->pipeline_layout)
        context->vk.DestroyPipelineLayout(context->device, context->pipeline_layout, context->host.allocator);
    if (context->set_layout)
        context->vk.DestroyDescriptorSetLayout(context->device, context->set_layout, context->host.allocator);
    vkn_mutex_destroy(&context->tuned.mutex);
    vkn_mutex_destroy(&context->customs.mutex);
    vkn_mutex_destroy(&context->pipelines.mutex);
    VkAllocationCallbacks allocator = context->allocator;
    VknHost host = {context->host.allocator ? &allocator : NULL, context->host.log};
    vkn_host_free(&host, context);
}

const VknCaps *vkn_context_caps(const VknContext *context) {
    return &context->caps;
}
