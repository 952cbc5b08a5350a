#include "gpu.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "adam.h"
#include "advance.h"
#include "conv_forward.h"
#include "conv_weights.h"
#include "cross_entropy.h"
#include "feed.h"
#include "lstm_backward.h"
#include "lstm_forward.h"
#include "matmul.h"
#include "pool_backward.h"
#include "pool_forward.h"
#include "sgd.h"
#include "squared_error.h"

typedef struct Spirv {
    const uint32_t *words;
    size_t size;
} Spirv;

static const Spirv SPIRV[KERNEL_COUNT] = {
    [KERNEL_FEED] = {feed, sizeof feed},
    [KERNEL_MATMUL] = {matmul, sizeof matmul},
    [KERNEL_CONV_FORWARD] = {conv_forward, sizeof conv_forward},
    [KERNEL_CONV_WEIGHTS] = {conv_weights, sizeof conv_weights},
    [KERNEL_POOL_FORWARD] = {pool_forward, sizeof pool_forward},
    [KERNEL_POOL_BACKWARD] = {pool_backward, sizeof pool_backward},
    [KERNEL_LSTM_FORWARD] = {lstm_forward, sizeof lstm_forward},
    [KERNEL_LSTM_BACKWARD] = {lstm_backward, sizeof lstm_backward},
    [KERNEL_CROSS_ENTROPY] = {cross_entropy, sizeof cross_entropy},
    [KERNEL_SQUARED_ERROR] = {squared_error, sizeof squared_error},
    [KERNEL_SGD] = {sgd, sizeof sgd},
    [KERNEL_ADAM] = {adam, sizeof adam},
    [KERNEL_ADVANCE] = {advance, sizeof advance},
};

enum { MAX_SETS = 256, STAGING_SIZE = 1 << 20 };

typedef struct Allocation {
    struct Allocation *next;
    VkBuffer buffer;
    VkDeviceMemory memory;
} Allocation;

/* -------------------------------------------------------------------------------------------- memory */

static uint32_t memory_type(const Gpu *gpu, uint32_t allowed, VkMemoryPropertyFlags wanted) {
    for (uint32_t type = 0; type < gpu->memory.memoryTypeCount; type++)
        if ((allowed & 1u << type) && (gpu->memory.memoryTypes[type].propertyFlags & wanted) == wanted)
            return type;
    fail("there is no memory of the kind %x", wanted); /* Vulkan promises that there is */
}

static VknBuffer buffer_create(Gpu *gpu, uint64_t size, VkMemoryPropertyFlags kind, void **mapped) {
    Allocation *allocation = allocate(1, sizeof *allocation);
    const VkBufferCreateInfo buffer = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                       .size = size,
                                       .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
                                                VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                                VK_BUFFER_USAGE_TRANSFER_DST_BIT};
    gpu_check(vkCreateBuffer(gpu->device, &buffer, NULL, &allocation->buffer), "vkCreateBuffer()");
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(gpu->device, allocation->buffer, &needs);
    const VkMemoryAllocateInfo memory = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                         .allocationSize = needs.size,
                                         .memoryTypeIndex = memory_type(gpu, needs.memoryTypeBits, kind)};
    gpu_check(vkAllocateMemory(gpu->device, &memory, NULL, &allocation->memory), "vkAllocateMemory()");
    gpu_check(vkBindBufferMemory(gpu->device, allocation->buffer, allocation->memory, 0),
              "vkBindBufferMemory()");
    if (mapped != NULL)
        gpu_check(vkMapMemory(gpu->device, allocation->memory, 0, VK_WHOLE_SIZE, 0, mapped), "vkMapMemory()");
    allocation->next = gpu->allocations;
    gpu->allocations = allocation;
    return (VknBuffer){.buffer = allocation->buffer, .size = size};
}

VknBuffer gpu_mapped_create(Gpu *gpu, uint64_t size, void **mapped) {
    const VknBuffer buffer = buffer_create(
        gpu, size, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, mapped);
    memset(*mapped, 0, size);
    return buffer;
}

/* Runs a command buffer once. */
static void run_once(Gpu *gpu, VkCommandBuffer commands) {
    gpu_end(commands);
    gpu_run(gpu, commands, 1);
    vkFreeCommandBuffers(gpu->device, gpu->command_pool, 1, &commands);
}

VknBuffer gpu_buffer_create(Gpu *gpu, uint64_t size) {
    const VknBuffer buffer = buffer_create(gpu, size, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, NULL);
    VkCommandBuffer commands = gpu_begin(gpu);
    vkCmdFillBuffer(commands, buffer.buffer, 0, VK_WHOLE_SIZE, 0);
    run_once(gpu, commands);
    return buffer;
}

static void copy(Gpu *gpu, VknBuffer from, VknBuffer to, uint64_t size) {
    VkCommandBuffer commands = gpu_begin(gpu);
    const VkBufferCopy region = {.srcOffset = from.offset, .dstOffset = to.offset, .size = size};
    vkCmdCopyBuffer(commands, from.buffer, to.buffer, 1, &region);
    run_once(gpu, commands);
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

void gpu_upload(Gpu *gpu, VknBuffer buffer, const void *data) {
    for (uint64_t done = 0, size; done < buffer.size; done += size) {
        size = least(buffer.size - done, STAGING_SIZE);
        memcpy(gpu->staged, (const char *)data + done, size);
        copy(gpu, gpu->staging, (VknBuffer){buffer.buffer, buffer.offset + done, size}, size);
    }
}

void gpu_download(Gpu *gpu, VknBuffer buffer, void *data) {
    for (uint64_t done = 0, size; done < buffer.size; done += size) {
        size = least(buffer.size - done, STAGING_SIZE);
        copy(gpu, (VknBuffer){buffer.buffer, buffer.offset + done, size}, gpu->staging, size);
        memcpy((char *)data + done, gpu->staged, size);
    }
}

/* ------------------------------------------------------------------------------------------ commands */

VkCommandBuffer gpu_begin(Gpu *gpu) {
    const VkCommandBufferAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                              .commandPool = gpu->command_pool,
                                              .commandBufferCount = 1};
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                            .flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT};
    VkCommandBuffer commands;
    gpu_check(vkAllocateCommandBuffers(gpu->device, &info, &commands), "vkAllocateCommandBuffers()");
    gpu_check(vkBeginCommandBuffer(commands, &begin), "vkBeginCommandBuffer()");
    gpu_barrier(commands); /* behind what was submitted before */
    return commands;
}

void gpu_end(VkCommandBuffer commands) {
    const VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                     .srcAccessMask =
                                         VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
                                     .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
    vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                         VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
    gpu_check(vkEndCommandBuffer(commands), "vkEndCommandBuffer()");
}

void gpu_barrier(VkCommandBuffer commands) {
    const VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    const VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                         VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT};
    vkCmdPipelineBarrier(commands, stages, stages, 0, 1, &barrier, 0, NULL, 0, NULL);
}

void gpu_run(Gpu *gpu, VkCommandBuffer commands, uint32_t times) {
    const VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &commands};
    for (uint32_t i = 0; i < times; i++)
        gpu_check(vkQueueSubmit(gpu->queue, 1, &submit, VK_NULL_HANDLE), "vkQueueSubmit()");
    gpu_check(vkQueueWaitIdle(gpu->queue), "vkQueueWaitIdle()");
}

/* ------------------------------------------------------------------------------------------- kernels */

uint64_t gpu_alignment(const Gpu *gpu) {
    return gpu->properties.limits.minStorageBufferOffsetAlignment;
}

VkDescriptorSet gpu_bind(Gpu *gpu, uint32_t count, const VknBuffer *buffers) {
    const VkDescriptorSetAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                              .descriptorPool = gpu->descriptor_pool,
                                              .descriptorSetCount = 1,
                                              .pSetLayouts = &gpu->set_layout};
    VkDescriptorSet set;
    gpu_check(vkAllocateDescriptorSets(gpu->device, &info, &set), "vkAllocateDescriptorSets()");
    VkDescriptorBufferInfo ranges[MAX_BUFFERS];
    VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                  .dstSet = set,
                                  .descriptorCount = count,
                                  .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                  .pBufferInfo = ranges};
    assert(count <= MAX_BUFFERS);
    for (uint32_t i = 0; i < count; i++) {
        assert(buffers[i].offset % gpu_alignment(gpu) == 0);
        ranges[i] = (VkDescriptorBufferInfo){buffers[i].buffer, buffers[i].offset, buffers[i].size};
    }
    vkUpdateDescriptorSets(gpu->device, 1, &write, 0, NULL);
    return set;
}

void gpu_dispatch(const Gpu *gpu, VkCommandBuffer commands, KernelId kernel, VkDescriptorSet set,
                  const void *push, uint32_t push_size, uint64_t invocations) {
    const uint64_t groups = (invocations + GROUP_SIZE - 1) / GROUP_SIZE;
    if (groups > gpu->properties.limits.maxComputeWorkGroupCount[0])
        fail("a kernel needs %llu workgroups, and the device has %u at most: take a smaller --batch",
             (unsigned long long)groups, gpu->properties.limits.maxComputeWorkGroupCount[0]);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, gpu->pipelines[kernel]);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, gpu->pipeline_layout, 0, 1, &set, 0,
                            NULL);
    vkCmdPushConstants(commands, gpu->pipeline_layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, push_size, push);
    vkCmdDispatch(commands, (uint32_t)groups, 1, 1);
}

static VkPipeline pipeline_create(const Gpu *gpu, const Spirv *spirv) {
    const VkShaderModuleCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = spirv->size, .pCode = spirv->words};
    VkShaderModule module;
    gpu_check(vkCreateShaderModule(gpu->device, &info, NULL, &module), "vkCreateShaderModule()");
    const VkComputePipelineCreateInfo create = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main"},
        .layout = gpu->pipeline_layout};
    VkPipeline pipeline;
    gpu_check(vkCreateComputePipelines(gpu->device, VK_NULL_HANDLE, 1, &create, NULL, &pipeline),
              "vkCreateComputePipelines()");
    vkDestroyShaderModule(gpu->device, module, NULL);
    return pipeline;
}

void gpu_start(Gpu *gpu) {
    VkDescriptorSetLayoutBinding bindings[MAX_BUFFERS];
    for (uint32_t i = 0; i < MAX_BUFFERS; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){.binding = i,
                                                     .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                                     .descriptorCount = 1,
                                                     .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
    const VkDescriptorSetLayoutCreateInfo set = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                                 .bindingCount = MAX_BUFFERS,
                                                 .pBindings = bindings};
    gpu_check(vkCreateDescriptorSetLayout(gpu->device, &set, NULL, &gpu->set_layout),
              "vkCreateDescriptorSetLayout()");
    const VkPushConstantRange push = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = MAX_PUSH_BYTES};
    const VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                               .setLayoutCount = 1,
                                               .pSetLayouts = &gpu->set_layout,
                                               .pushConstantRangeCount = 1,
                                               .pPushConstantRanges = &push};
    gpu_check(vkCreatePipelineLayout(gpu->device, &layout, NULL, &gpu->pipeline_layout),
              "vkCreatePipelineLayout()");
    gpu->pipelines = allocate(KERNEL_COUNT, sizeof *gpu->pipelines);
    for (int kernel = 0; kernel < KERNEL_COUNT; kernel++)
        gpu->pipelines[kernel] = pipeline_create(gpu, &SPIRV[kernel]);

    const VkCommandPoolCreateInfo commands = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                              .queueFamilyIndex = gpu->family};
    gpu_check(vkCreateCommandPool(gpu->device, &commands, NULL, &gpu->command_pool), "vkCreateCommandPool()");
    const VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, MAX_SETS * MAX_BUFFERS};
    const VkDescriptorPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                             .maxSets = MAX_SETS,
                                             .poolSizeCount = 1,
                                             .pPoolSizes = &size};
    gpu_check(vkCreateDescriptorPool(gpu->device, &pool, NULL, &gpu->descriptor_pool),
              "vkCreateDescriptorPool()");
    gpu->staging = gpu_mapped_create(gpu, STAGING_SIZE, &gpu->staged);
}

/* Frees the newer allocations, down to `last`. */
static void free_until(Gpu *gpu, const Allocation *last) {
    while (gpu->allocations != last) {
        Allocation *allocation = gpu->allocations;
        gpu->allocations = allocation->next;
        vkDestroyBuffer(gpu->device, allocation->buffer, NULL);
        vkFreeMemory(gpu->device, allocation->memory, NULL);
        free(allocation);
    }
}

void gpu_forget(Gpu *gpu) {
    gpu_check(vkResetCommandPool(gpu->device, gpu->command_pool, VK_COMMAND_POOL_RESET_RELEASE_RESOURCES_BIT),
              "vkResetCommandPool()");
    gpu_check(vkResetDescriptorPool(gpu->device, gpu->descriptor_pool, 0), "vkResetDescriptorPool()");
    const Allocation *first = gpu->allocations; /* the oldest is the staging buffer */
    while (first->next != NULL)
        first = first->next;
    free_until(gpu, first);
}

void gpu_stop(Gpu *gpu) {
    free_until(gpu, NULL);
    vkDestroyDescriptorPool(gpu->device, gpu->descriptor_pool, NULL);
    vkDestroyCommandPool(gpu->device, gpu->command_pool, NULL);
    for (int kernel = 0; kernel < KERNEL_COUNT; kernel++)
        vkDestroyPipeline(gpu->device, gpu->pipelines[kernel], NULL);
    free(gpu->pipelines);
    vkDestroyPipelineLayout(gpu->device, gpu->pipeline_layout, NULL);
    vkDestroyDescriptorSetLayout(gpu->device, gpu->set_layout, NULL);
}
