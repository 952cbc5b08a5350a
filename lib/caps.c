#include "caps.h"

#include <inttypes.h>

#include "schedule.h"

/* VK_VENDOR_ID_MESA, which the oldest headers do not have: with the device type CPU, lavapipe. */
#define VENDOR_MESA 0x10005

static VknDeviceClass device_class(const VkPhysicalDeviceProperties *properties) {
    static const struct {
        uint32_t vendor;
        VknDeviceClass class;
    } ROWS[] = {
        {0x10DE, VKN_DEVICE_NVIDIA}, {0x1002, VKN_DEVICE_AMD},      {0x8086, VKN_DEVICE_INTEL},
        {0x13B5, VKN_DEVICE_ARM},    {0x5143, VKN_DEVICE_QUALCOMM}, {0x106B, VKN_DEVICE_APPLE},
    };
    if (properties->deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU)
        return VKN_DEVICE_SOFTWARE;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        if (properties->vendorID == ROWS[i].vendor)
            return ROWS[i].class;
    return VKN_DEVICE_OTHER;
}

/* Reads the two features from either struct that can enable them. */
static void read_features(const void *chain, VknCaps *caps) {
    for (const VkBaseInStructure *s = chain; s; s = s->pNext) {
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT) {
            const VkPhysicalDeviceSubgroupSizeControlFeaturesEXT *f = (const void *)s;
            caps->subgroup_size_control = f->subgroupSizeControl;
            caps->full_subgroups = f->computeFullSubgroups;
        }
#ifdef VK_VERSION_1_3
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES) {
            const VkPhysicalDeviceVulkan13Features *f = (const void *)s;
            caps->subgroup_size_control = f->subgroupSizeControl;
            caps->full_subgroups = f->computeFullSubgroups;
        }
#endif
    }
}

VknResult vkn_caps_query(const VknContextDesc *desc, VknCaps *caps) {
    VknHost host = {NULL, desc ? desc->log : (VknLog){0}};
    if (!desc || !caps || !desc->instance || !desc->physical_device || !desc->get_instance_proc_addr)
        return VKN_FAIL(
            &host, INVALID_ARGUMENT,
            "vkn_caps_query: desc, caps, instance, physical_device and get_instance_proc_addr must not "
            "be NULL");
    PFN_vkGetPhysicalDeviceProperties get = (PFN_vkGetPhysicalDeviceProperties)desc->get_instance_proc_addr(
        desc->instance, "vkGetPhysicalDeviceProperties");
    PFN_vkGetPhysicalDeviceProperties2 get2 =
        (PFN_vkGetPhysicalDeviceProperties2)desc->get_instance_proc_addr(desc->instance,
                                                                         "vkGetPhysicalDeviceProperties2");
    VkPhysicalDeviceProperties core = {0};
    if (!get || !get2)
        return VKN_FAIL(&host, UNSUPPORTED,
                        "instance and device must have Vulkan 1.1; the instance has no "
                        "vkGetPhysicalDeviceProperties%s",
                        get ? "2" : "");
    get(desc->physical_device, &core);
    if (core.apiVersion < VK_API_VERSION_1_1)
        return VKN_FAIL(&host, UNSUPPORTED,
                        "instance and device must have Vulkan 1.1; the device has %" PRIu32 ".%" PRIu32,
                        VK_VERSION_MAJOR(core.apiVersion), VK_VERSION_MINOR(core.apiVersion));

    VknCaps c = {.device_class = device_class(&core)};
    read_features(desc->device_features, &c);
    VkPhysicalDeviceSubgroupSizeControlPropertiesEXT size = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES_EXT};
    VkPhysicalDeviceSubgroupProperties subgroup = {.sType =
                                                       VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES,
                                                   .pNext = c.subgroup_size_control ? &size : NULL};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                              .pNext = &subgroup};
    get2(desc->physical_device, &properties);

    const VkPhysicalDeviceLimits *limits = &core.limits;
    bool compute = subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT;
    c.max_invocations =
        (uint32_t)vkn_min(limits->maxComputeWorkGroupInvocations, limits->maxComputeWorkGroupSize[0]);
    c.max_group_count = limits->maxComputeWorkGroupCount[0];
    c.max_shared_bytes = limits->maxComputeSharedMemorySize;
    c.max_storage_range = limits->maxStorageBufferRange;
    c.max_storage_buffers = (uint32_t)vkn_min(limits->maxPerStageDescriptorStorageBuffers,
                                              limits->maxDescriptorSetStorageBuffers);
    c.storage_offset_alignment = (uint32_t)limits->minStorageBufferOffsetAlignment;
    c.max_subgroup_size =
        c.subgroup_size_control && size.maxSubgroupSize ? size.maxSubgroupSize : subgroup.subgroupSize;
    c.subgroup_arithmetic = compute && (subgroup.supportedOperations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT);
    c.subgroup_shuffle = compute && (subgroup.supportedOperations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT);
    c.max_texels = desc->texel_buffers ? limits->maxTexelBufferElements : 0;
    c.texel_offset_alignment = (uint32_t)limits->minTexelBufferOffsetAlignment;
    c.texel_reads = c.max_texels && c.device_class == VKN_DEVICE_SOFTWARE && core.vendorID == VENDOR_MESA;
    VknResult result = vkn_schedule_check_caps(&host, &c);
    if (!result)
        *caps = c;
    return result;
}

VknResult vkn_caps_lower(const VknHost *host, VknCaps *caps, const VknCaps *lowered) {
    /* A field may only move toward the weaker device; alignment is weaker when larger. */
    const struct {
        const char *name;
        uint64_t device, asked;
        bool raised;
    } ROWS[] = {
#define LOWER(field) {#field, caps->field, lowered->field, lowered->field > caps->field}
        LOWER(max_invocations),
        LOWER(max_group_count),
        LOWER(max_shared_bytes),
        LOWER(max_storage_range),
        LOWER(max_storage_buffers),
        LOWER(subgroup_arithmetic),
        LOWER(subgroup_shuffle),
        LOWER(subgroup_size_control),
        LOWER(full_subgroups),
        LOWER(max_texels),
#undef LOWER
        {"storage_offset_alignment", caps->storage_offset_alignment, lowered->storage_offset_alignment,
         lowered->storage_offset_alignment < caps->storage_offset_alignment},
        {"texel_offset_alignment", caps->texel_offset_alignment, lowered->texel_offset_alignment,
         lowered->texel_offset_alignment < caps->texel_offset_alignment},
        {"texel_reads", caps->max_texels > 0, lowered->texel_reads,
         lowered->texel_reads && !lowered->max_texels},
    };
    if (lowered->max_subgroup_size != caps->max_subgroup_size)
        return VKN_FAIL(host, INVALID_ARGUMENT, "caps.max_subgroup_size must stay %" PRIu32 ", not %" PRIu32,
                        caps->max_subgroup_size, lowered->max_subgroup_size);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        if (ROWS[i].raised)
            return VKN_FAIL(host, INVALID_ARGUMENT,
                            "caps.%s cannot be %" PRIu64 " on a device with %" PRIu64
                            ": capabilities may be lowered only",
                            ROWS[i].name, ROWS[i].asked, ROWS[i].device);
    *caps = *lowered;
    return VKN_SUCCESS;
}
