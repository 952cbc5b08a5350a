/* Batch normalization and ReLU in a program that has a Vulkan device of its own, from device to result.
 * The functions that begin with engine_ stand for what such a program has anyway; main() is about vknorm. */
#include <vknorm/vknorm.h>
#include <vulkan/vulkan.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 2, C = 3, H = 4, W = 4 };

typedef struct Engine {
    VkInstance instance;
    VkPhysicalDevice physical_device;
    VkDevice device;
    VkQueue queue;
    VkCommandPool pool;
    VkCommandBuffer commands;
    VkBuffer buffer;
    VkDeviceMemory memory;
} Engine;

static void require(bool condition, const char *what) {
    if (condition)
        return;
    fprintf(stderr, "minimal: %s\n", what);
    exit(EXIT_FAILURE);
}

static void engine_check(VkResult result) {
    require(result == VK_SUCCESS, "a Vulkan call failed");
}

static uint32_t engine_compute_family(const Engine *engine) {
    VkQueueFamilyProperties families[16];
    uint32_t count = 16, family = 0;
    vkGetPhysicalDeviceQueueFamilyProperties(engine->physical_device, &count, families);
    while (family < count && !(families[family].queueFlags & VK_QUEUE_COMPUTE_BIT))
        family++;
    require(family < count, "the first Vulkan device has no compute queue");
    return family;
}

static Engine engine_create(void) {
    Engine engine = {0};
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                     .apiVersion = VK_API_VERSION_1_1};
    VkInstanceCreateInfo instance = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                     .pApplicationInfo = &application};
    require(vkCreateInstance(&instance, NULL, &engine.instance) == VK_SUCCESS, "no Vulkan driver was found");

    uint32_t one = 1;
    vkEnumeratePhysicalDevices(engine.instance, &one, &engine.physical_device);
    require(one == 1, "no Vulkan device was found");

    float priority = 1;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = engine_compute_family(&engine),
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkDeviceCreateInfo device = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                 .queueCreateInfoCount = 1,
                                 .pQueueCreateInfos = &queue};
    engine_check(vkCreateDevice(engine.physical_device, &device, NULL, &engine.device));
    vkGetDeviceQueue(engine.device, queue.queueFamilyIndex, 0, &engine.queue);

    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .queueFamilyIndex = queue.queueFamilyIndex};
    engine_check(vkCreateCommandPool(engine.device, &pool, NULL, &engine.pool));
    VkCommandBufferAllocateInfo commands = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = engine.pool,
                                            .commandBufferCount = 1};
    engine_check(vkAllocateCommandBuffers(engine.device, &commands, &engine.commands));
    return engine;
}

/* Creates the engine's buffer, in memory that the host sees, and returns where. */
static char *engine_buffer_create(Engine *engine, uint64_t size) {
    const VkMemoryPropertyFlags wanted =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkBufferCreateInfo buffer = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                 .size = size,
                                 .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT};
    engine_check(vkCreateBuffer(engine->device, &buffer, NULL, &engine->buffer));

    VkMemoryRequirements needs;
    VkPhysicalDeviceMemoryProperties memory;
    vkGetBufferMemoryRequirements(engine->device, engine->buffer, &needs);
    vkGetPhysicalDeviceMemoryProperties(engine->physical_device, &memory);
    uint32_t type = 0; /* Vulkan promises that one fits */
    while (!(needs.memoryTypeBits & 1u << type) ||
           (memory.memoryTypes[type].propertyFlags & wanted) != wanted)
        type++;
    VkMemoryAllocateInfo allocation = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .allocationSize = needs.size,
                                       .memoryTypeIndex = type};
    void *mapped = NULL;
    engine_check(vkAllocateMemory(engine->device, &allocation, NULL, &engine->memory));
    engine_check(vkBindBufferMemory(engine->device, engine->buffer, engine->memory, 0));
    engine_check(vkMapMemory(engine->device, engine->memory, 0, VK_WHOLE_SIZE, 0, &mapped));
    return mapped;
}

static void engine_begin(Engine *engine) {
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    engine_check(vkBeginCommandBuffer(engine->commands, &begin));
}

/* Runs what was recorded and waits until the host can read the result. */
static void engine_run(Engine *engine) {
    VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
    VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                           .commandBufferCount = 1,
                           .pCommandBuffers = &engine->commands};
    vkCmdPipelineBarrier(engine->commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_PIPELINE_STAGE_HOST_BIT,
                         0, 1, &barrier, 0, NULL, 0, NULL);
    engine_check(vkEndCommandBuffer(engine->commands));
    engine_check(vkQueueSubmit(engine->queue, 1, &submit, VK_NULL_HANDLE));
    engine_check(vkQueueWaitIdle(engine->queue));
}

static void engine_destroy(Engine *engine) {
    vkDestroyBuffer(engine->device, engine->buffer, NULL);
    vkFreeMemory(engine->device, engine->memory, NULL);
    vkDestroyCommandPool(engine->device, engine->pool, NULL);
    vkDestroyDevice(engine->device, NULL);
    vkDestroyInstance(engine->instance, NULL);
}

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR)
        fprintf(stderr, "vknorm: %s\n", message);
}

static void require_success(VknResult result) {
    require(result == VKN_SUCCESS, vkn_result_name(result)); /* the log has said why */
}

int main(void) {
    Engine engine = engine_create();

    /* The context borrows the device. */
    VknContext *context;
    require_success(vkn_context_create(&(VknContextDesc){.instance = engine.instance,
                                                         .physical_device = engine.physical_device,
                                                         .device = engine.device,
                                                         .get_instance_proc_addr = vkGetInstanceProcAddr,
                                                         .log = {.write = log_write}},
                                       &context));

    /* What to compute: batch normalization of an NCHW tensor, with statistics for each index of axis 1,
     * then ReLU. The batch's mean and variance are wanted too, gamma and beta are not. */
    VknDesc desc;
    vkn_desc_batch_norm(&desc, VKN_OPERATION_TRAIN, 4, (uint64_t[]){N, C, H, W}, 1, (int32_t[]){1});
    desc.roles = VKN_ROLE_BIT(VKN_ROLE_X) | VKN_ROLE_BIT(VKN_ROLE_Y) | VKN_ROLE_BIT(VKN_ROLE_MEAN) |
                 VKN_ROLE_BIT(VKN_ROLE_VARIANCE);
    desc.activation = vkn_activation_default(VKN_ACTIVATION_RELU);

    /* How this device computes it. Make it once, use it for every batch of that shape. */
    VknPlan *plan;
    require_success(vkn_plan_create(context, &desc, &plan));

    /* The plan says how many bytes each role has; here they lie one after another in one buffer. */
    VknBuffer buffers[VKN_ROLE_COUNT];
    uint64_t size = 0;
    for (int role = 0; role < VKN_ROLE_COUNT; role++) {
        buffers[role] = (VknBuffer){.offset = size, .size = vkn_plan_info(plan)->size[role]};
        size += buffers[role].size;
    }
    char *memory = engine_buffer_create(&engine, size);
    for (int role = 0; role < VKN_ROLE_COUNT; role++)
        buffers[role].buffer = engine.buffer;

    VknBindings *bindings;
    require_success(vkn_bindings_create(plan, buffers, &bindings));

    /* Channel c holds 10 c - (c + 1) and 10 c + (c + 1) in turn: its mean is 10 c, its deviation c + 1. */
    float *x = (float *)(memory + buffers[VKN_ROLE_X].offset);
    for (int i = 0; i < N * C * H * W; i++) {
        int c = i / (H * W) % C;
        x[i] = (float)(10 * c + (i % 2 ? c + 1 : -(c + 1)));
    }

    engine_begin(&engine);
    require_success(vkn_plan_record(plan, bindings, engine.commands, NULL));
    engine_run(&engine);

    /* Normalized, those values are -1 and 1, of which ReLU makes 0 and 1. */
    const float *y = (const float *)(memory + buffers[VKN_ROLE_Y].offset);
    const float *mean = (const float *)(memory + buffers[VKN_ROLE_MEAN].offset);
    const float *variance = (const float *)(memory + buffers[VKN_ROLE_VARIANCE].offset);
    bool correct = true;
    for (int i = 0; i < N * C * H * W; i++)
        correct &= fabs(y[i] - i % 2) < 1e-3;
    for (int c = 0; c < C; c++) {
        correct &= fabs(mean[c] - 10 * c) < 1e-3 && fabs(sqrt(variance[c]) - (c + 1)) < 1e-3;
        printf("channel %d: mean %5.2f, deviation %.2f, y = %.2f %.2f %.2f %.2f ...\n", c, mean[c],
               sqrt(variance[c]), y[c * H * W], y[c * H * W + 1], y[c * H * W + 2], y[c * H * W + 3]);
    }

    vkn_bindings_destroy(bindings);
    vkn_plan_destroy(plan);
    vkn_context_destroy(context);
    engine_destroy(&engine);
    require(correct, "the result is wrong");
    return EXIT_SUCCESS;
}
