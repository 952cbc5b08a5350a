/* The engine's own Vulkan: a device, memory, kernels, command buffers. Nothing here knows of models, and all
 * that it has in common with vknorm is VknBuffer, and the context, which borrows the device. */
#ifndef TRAIN_GPU_H
#define TRAIN_GPU_H

#include <stdbool.h>
#include <stdint.h>
#include <vknorm/vknorm.h>
#include <vulkan/vulkan.h>

/* Prints "train: " and the sentence on stderr, and ends the program with status 2. */
_Noreturn void fail(const char *format, ...);

/* Fails when a Vulkan call did. */
void gpu_check(VkResult result, const char *call);

/* Memory that fails rather than being NULL, and is 0. */
void *allocate(uint64_t count, uint64_t size);

/* ----------------------------------------------------------------------------------------- device.c */

typedef struct Gpu {
    VkInstance instance;
    VkDebugUtilsMessengerEXT messenger; /* with validation */
    VkPhysicalDevice physical_device;
    VkPhysicalDeviceProperties properties;
    VkPhysicalDeviceMemoryProperties memory;
    VkDevice device;
    uint32_t family; /* of queues */
    VkQueue queue;
    VknContext *context;          /* vknorm's */
    uint32_t validation_messages; /* so far */

    /* gpu.c */
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout pipeline_layout;
    VkPipeline *pipelines; /* by KernelId */
    VkCommandPool command_pool;
    VkDescriptorPool descriptor_pool;
    struct Allocation *allocations; /* a list */
    VknBuffer staging;
    void *staged;
} Gpu;

/* Opens the device of which `name` is a part, or if it is NULL the first GPU, else SwiftShader, else the
 * first device. */
void gpu_open(Gpu *gpu, const char *name, bool validation);
void gpu_close(Gpu *gpu);

/* -------------------------------------------------------------------------------------------- gpu.c */

/* What gpu_open() does after there is a device, and gpu_close() before it goes. */
void gpu_start(Gpu *gpu);
void gpu_stop(Gpu *gpu);

/* A buffer of zeros. What gpu_buffer_create() and gpu_bind() made lives until gpu_forget(). */
VknBuffer gpu_buffer_create(Gpu *gpu, uint64_t size);
/* The same in memory that the host sees. */
VknBuffer gpu_mapped_create(Gpu *gpu, uint64_t size, void **mapped);
void gpu_upload(Gpu *gpu, VknBuffer buffer, const void *data);
void gpu_download(Gpu *gpu, VknBuffer buffer, void *data);
/* Frees all buffers, bindings and command buffers. */
void gpu_forget(Gpu *gpu);

/* Begins a command buffer that may be submitted often. */
VkCommandBuffer gpu_begin(Gpu *gpu);
void gpu_end(VkCommandBuffer commands);
/* What follows sees what dispatches, copies and the host wrote before. One kind of barrier serves all: the
 * layers of a network are a chain, there is little that could overlap. */
void gpu_barrier(VkCommandBuffer commands);
/* Submits the command buffer `times` times and waits. */
void gpu_run(Gpu *gpu, VkCommandBuffer commands, uint32_t times);

/* The engine's kernels, shaders/NAME.comp. They have one pipeline layout: storage buffers and push constants.
 */
typedef enum KernelId {
    KERNEL_FEED,
    KERNEL_MATMUL,
    KERNEL_CONV_FORWARD,
    KERNEL_CONV_WEIGHTS,
    KERNEL_POOL_FORWARD,
    KERNEL_POOL_BACKWARD,
    KERNEL_LSTM_FORWARD,
    KERNEL_LSTM_BACKWARD,
    KERNEL_CROSS_ENTROPY,
    KERNEL_SQUARED_ERROR,
    KERNEL_SGD,
    KERNEL_ADAM,
    KERNEL_ADVANCE,
    KERNEL_COUNT
} KernelId;

enum { MAX_BUFFERS = 6, MAX_PUSH_BYTES = 64, GROUP_SIZE = 32 };

/* Buffers for binding 0, 1, ...; their offsets are multiples of gpu_alignment(). */
VkDescriptorSet gpu_bind(Gpu *gpu, uint32_t count, const VknBuffer *buffers);
uint64_t gpu_alignment(const Gpu *gpu);

/* Records at least so many invocations; kernels have 32 in a workgroup. */
void gpu_dispatch(const Gpu *gpu, VkCommandBuffer commands, KernelId kernel, VkDescriptorSet set,
                  const void *push, uint32_t push_size, uint64_t invocations);

#endif
