/* Buffers in device memory, and the way into and out of them: through a staging buffer that stays mapped,
 * a part at a time, so that a transfer of any size needs the same memory. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* Also a multiple of every nonCoherentAtomSize, which is 256 at most. */
#define STAGING_SIZE (16u << 20)

/* -------------------------------------------------------------------------------------- allocation */

/* The first memory type that has all wanted properties, else the first that has the required ones, which
 * for buffers always exists. The first is what Vulkan lists as the fastest. */
static uint32_t memory_type_find(const VkPhysicalDeviceMemoryProperties *memory, uint32_t allowed,
                                 VkMemoryPropertyFlags required, VkMemoryPropertyFlags wanted) {
    uint32_t fallback = UINT32_MAX;
    for (uint32_t i = 0; i < memory->memoryTypeCount; i++) {
        VkMemoryPropertyFlags flags = memory->memoryTypes[i].propertyFlags;
        if (!(allowed & 1u << i) || (flags & required) != required)
            continue;
        if ((flags & wanted) == wanted)
            return i;
        if (fallback == UINT32_MAX)
            fallback = i;
    }
    return fallback;
}

static void allocation_destroy(VknRuntime *runtime, VknAllocation *allocation) {
    const VknVulkan *vk = &runtime->instance.vk;
    VkDevice device = runtime->context_desc.device;
    vk->DestroyBuffer(device, allocation->buffer, NULL);
    vk->FreeMemory(device, allocation->memory, NULL); /* unmaps it */
    free(allocation);
}

static VknResult allocation_fill(VknRuntime *runtime, VknAllocation *allocation, uint64_t size,
                                 VkBufferUsageFlags usage, VkMemoryPropertyFlags required,
                                 VkMemoryPropertyFlags wanted) {
    VknInstance *instance = &runtime->instance;
    const VknVulkan *vk = &instance->vk;
    VkDevice device = runtime->context_desc.device;
    VkMemoryRequirements needs;
    VkPhysicalDeviceMemoryProperties memory;
    VknResult result = VKN_CHECK_MADE(
        instance,
        vk->CreateBuffer(device,
                         &(VkBufferCreateInfo){
                             .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = size, .usage = usage},
                         NULL, &allocation->buffer),
        "vkCreateBuffer", &allocation->buffer);
    if (result != VKN_SUCCESS)
        return result;
    vk->GetBufferMemoryRequirements(device, allocation->buffer, &needs);
    vk->GetPhysicalDeviceMemoryProperties(runtime->device.handle, &memory);
    uint32_t type = memory_type_find(&memory, needs.memoryTypeBits, required, wanted);
    uint64_t heap_size = memory.memoryHeaps[memory.memoryTypes[type].heapIndex].size;
    if (needs.size > heap_size) /* which drivers must not be asked for */
        return vkn_fail(&instance->log, VKN_ERROR_OUT_OF_DEVICE_MEMORY,
                        "a buffer of %llu bytes does not fit in the device's %llu bytes",
                        (unsigned long long)needs.size, (unsigned long long)heap_size);
    result = VKN_CHECK_MADE(
        instance,
        vk->AllocateMemory(device,
                           &(VkMemoryAllocateInfo){.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                                   .allocationSize = needs.size,
                                                   .memoryTypeIndex = type},
                           NULL, &allocation->memory),
        "vkAllocateMemory", &allocation->memory);
    if (result != VKN_SUCCESS)
        return result;
    return vkn_check(instance, vk->BindBufferMemory(device, allocation->buffer, allocation->memory, 0),
                     "vkBindBufferMemory");
}

static VknResult allocation_create(VknRuntime *runtime, uint64_t size, VkBufferUsageFlags usage,
                                   VkMemoryPropertyFlags required, VkMemoryPropertyFlags wanted,
                                   VknAllocation **allocation) {
    VknAllocation *made = calloc(1, sizeof *made);
    if (!made)
        return vkn_fail(&runtime->instance.log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for a buffer");
    VknResult result = allocation_fill(runtime, made, size, usage, required, wanted);
    if (result != VKN_SUCCESS) {
        allocation_destroy(runtime, made);
        return result;
    }
    made->size = size;
    made->next = runtime->allocations;
    runtime->allocations = made;
    *allocation = made;
    return VKN_SUCCESS;
}

VknResult vkn_staging_create(VknRuntime *runtime) {
    VknAllocation *staging = NULL;
    /* The host reads it too, which is slow from memory that its cache does not hold. */
    VknResult result = allocation_create(
        runtime, STAGING_SIZE, VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT, VK_MEMORY_PROPERTY_HOST_CACHED_BIT, &staging);
    if (result != VKN_SUCCESS)
        return result;
    runtime->staging = staging;
    return vkn_check(&runtime->instance,
                     runtime->instance.vk.MapMemory(runtime->context_desc.device, staging->memory, 0,
                                                    VK_WHOLE_SIZE, 0, &staging->mapped),
                     "vkMapMemory");
}

void vkn_allocations_destroy(VknRuntime *runtime) {
    while (runtime->allocations) {
        VknAllocation *allocation = runtime->allocations;
        runtime->allocations = allocation->next;
        allocation_destroy(runtime, allocation);
    }
}

VknResult vkn_runtime_buffer_create(VknRuntime *runtime, uint64_t size, VknBuffer *buffer) {
    VknAllocation *allocation = NULL;
    if (!runtime || !buffer)
        return VKN_ERROR_INVALID_ARGUMENT;
    if (size == 0)
        return vkn_fail(&runtime->instance.log, VKN_ERROR_INVALID_ARGUMENT,
                        "the size of a buffer must be at least 1");
    VknResult result = vkn_commands_wait(runtime);
    if (result == VKN_SUCCESS)
        result =
            allocation_create(runtime, size,
                              VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT |
                                  VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
                              0, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, &allocation);
    if (result == VKN_SUCCESS)
        *buffer = (VknBuffer){allocation->buffer, 0, size};
    return result;
}

void vkn_runtime_buffer_destroy(VknRuntime *runtime, VkBuffer buffer) {
    if (!runtime)
        return;
    if (runtime->pending)
        vkn_commands_wait(runtime); /* a failure is logged, and leaves no other way */
    for (VknAllocation **link = &runtime->allocations; *link; link = &(*link)->next) {
        VknAllocation *allocation = *link;
        if (allocation->buffer == buffer) {
            *link = allocation->next;
            allocation_destroy(runtime, allocation);
            return;
        }
    }
}

/* --------------------------------------------------------------------------------------- transfers */

/* The bytes of a buffer of the runtime's; of others as many as there may be. */
static uint64_t size_of(const VknRuntime *runtime, VkBuffer buffer) {
    for (const VknAllocation *allocation = runtime->allocations; allocation; allocation = allocation->next)
        if (allocation->buffer == buffer)
            return allocation->size;
    return UINT64_MAX;
}

static VknResult range_check(const VknRuntime *runtime, const VknBuffer *buffer, uint64_t offset,
                             uint64_t size) {
    if (!runtime)
        return VKN_ERROR_INVALID_ARGUMENT;
    const VknLog *log = &runtime->instance.log;
    if (!buffer || !buffer->buffer)
        return vkn_fail(log, VKN_ERROR_INVALID_ARGUMENT, "a transfer needs a buffer");
    if (offset % 4 || size % 4)
        return vkn_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                        "the offset %llu and the size %llu of a transfer must be multiples of 4",
                        (unsigned long long)offset, (unsigned long long)size);
    if (size > buffer->size || offset > buffer->size - size)
        return vkn_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                        "a transfer of %llu bytes at offset %llu leaves the buffer of %llu bytes",
                        (unsigned long long)size, (unsigned long long)offset,
                        (unsigned long long)buffer->size);
    uint64_t whole = size_of(runtime, buffer->buffer);
    if (buffer->size > whole || buffer->offset > whole - buffer->size)
        return vkn_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                        "%llu bytes at offset %llu are not within the buffer, which was created with %llu",
                        (unsigned long long)buffer->size, (unsigned long long)buffer->offset,
                        (unsigned long long)whole);
    return VKN_SUCCESS;
}

static VknResult transfer(VknRuntime *runtime, VkBuffer from, VkBuffer to, VkBufferCopy region,
                          uint32_t repeat, double *seconds) {
    VknResult result = vkn_commands_begin(runtime);
    if (result != VKN_SUCCESS)
        return result;
    for (uint32_t i = 0; i < repeat; i++) {
        if (i > 0)
            vkn_commands_barrier(runtime);
        runtime->instance.vk.CmdCopyBuffer(runtime->commands, from, to, 1, &region);
    }
    return vkn_commands_submit(runtime, repeat, seconds);
}

VknResult vkn_runtime_copy(VknRuntime *runtime, const VknBuffer *from, const VknBuffer *to, uint64_t size,
                           uint32_t repeat, double *seconds) {
    VknResult result = range_check(runtime, from, 0, size);
    if (result == VKN_SUCCESS)
        result = range_check(runtime, to, 0, size);
    if (result != VKN_SUCCESS)
        return result;
    const VknLog *log = &runtime->instance.log;
    if (size == 0 || repeat == 0)
        return vkn_fail(log, VKN_ERROR_INVALID_ARGUMENT, "size %llu and repeat %u must not be 0",
                        (unsigned long long)size, repeat);
    if (from->buffer == to->buffer && from->offset < to->offset + size && to->offset < from->offset + size)
        return vkn_fail(log, VKN_ERROR_INVALID_ARGUMENT, "the ranges of a copy must not overlap");
    return transfer(runtime, from->buffer, to->buffer, (VkBufferCopy){from->offset, to->offset, size}, repeat,
                    seconds);
}

/* The first `size` bytes of the staging buffer, rounded up to whole atoms. */
static VkMappedMemoryRange staging_range(const VknRuntime *runtime, uint64_t size) {
    return (VkMappedMemoryRange){
        .sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
        .memory = runtime->staging->memory,
        .size = (size + 255) / 256 * 256,
    };
}

static uint64_t part_size(uint64_t left) {
    return left < STAGING_SIZE ? left : STAGING_SIZE;
}

VknResult vkn_runtime_upload(VknRuntime *runtime, const VknBuffer *buffer, uint64_t offset, const void *data,
                             uint64_t size) {
    VknResult result = range_check(runtime, buffer, offset, size);
    if (result != VKN_SUCCESS)
        return result;
    const VknVulkan *vk = &runtime->instance.vk;
    if (!data)
        return vkn_fail(&runtime->instance.log, VKN_ERROR_INVALID_ARGUMENT, "data must not be NULL");
    result = vkn_commands_wait(runtime); /* for the staging buffer */
    for (uint64_t done = 0; done < size && result == VKN_SUCCESS; done += part_size(size - done)) {
        uint64_t part = part_size(size - done);
        VkMappedMemoryRange range = staging_range(runtime, part);
        memcpy(runtime->staging->mapped, (const char *)data + done, part);
        result = vkn_check(&runtime->instance,
                           vk->FlushMappedMemoryRanges(runtime->context_desc.device, 1, &range),
                           "vkFlushMappedMemoryRanges");
        if (result == VKN_SUCCESS)
            result = transfer(runtime, runtime->staging->buffer, buffer->buffer,
                              (VkBufferCopy){0, buffer->offset + offset + done, part}, 1, NULL);
    }
    return result;
}

VknResult vkn_runtime_download(VknRuntime *runtime, const VknBuffer *buffer, uint64_t offset, void *data,
                               uint64_t size) {
    VknResult result = range_check(runtime, buffer, offset, size);
    if (result != VKN_SUCCESS)
        return result;
    const VknVulkan *vk = &runtime->instance.vk;
    if (!data)
        return vkn_fail(&runtime->instance.log, VKN_ERROR_INVALID_ARGUMENT, "data must not be NULL");
    for (uint64_t done = 0; done < size && result == VKN_SUCCESS; done += part_size(size - done)) {
        uint64_t part = part_size(size - done);
        VkMappedMemoryRange range = staging_range(runtime, part);
        result = transfer(runtime, buffer->buffer, runtime->staging->buffer,
                          (VkBufferCopy){buffer->offset + offset + done, 0, part}, 1, NULL);
        if (result == VKN_SUCCESS)
            result = vkn_check(&runtime->instance,
                               vk->InvalidateMappedMemoryRanges(runtime->context_desc.device, 1, &range),
                               "vkInvalidateMappedMemoryRanges");
        if (result == VKN_SUCCESS)
            memcpy((char *)data + done, runtime->staging->mapped, part);
    }
    return result;
}
