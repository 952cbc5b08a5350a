/* The core inside a host program that loads Vulkan with volk and has two devices. volk's global functions
 * are bound to the first device alone, so a core that used them, or any other state of the process, would
 * fail on the second. Built twice: with the static and with the shared core. */
#include <volk.h>
#include <vknorm/vknorm.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <math.h>

enum { ROWS = 7, CHANNELS = 5, COUNT = ROWS * CHANNELS };

typedef struct Device {
    struct VolkDeviceTable vk;
    VkPhysicalDevice physical_device;
    VkDevice handle;
    VkQueue queue;
    VkCommandPool pool;
    VkCommandBuffer commands;
    VkBuffer buffer;
    VkDeviceMemory memory;
    char *mapped;
    VknContext *context;
    VknPlan *plan;
    VknBindings *bindings;
    VknBuffer buffers[VKN_ROLE_COUNT];
} Device;

static VkInstance instance;

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR)
        print_error("vknorm: %s\n", message);
}

/* ------------------------------------------------------------------------------------- host program */

static uint32_t compute_family(VkPhysicalDevice physical_device) {
    VkQueueFamilyProperties families[16];
    uint32_t count = 16, family = 0;
    vkGetPhysicalDeviceQueueFamilyProperties(physical_device, &count, families);
    while (family < count && !(families[family].queueFlags & VK_QUEUE_COMPUTE_BIT))
        family++;
    assert_true(family < count);
    return family;
}

static void device_open(Device *device, VkPhysicalDevice physical_device) {
    float priority = 1;
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = compute_family(physical_device),
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue};
    *device = (Device){.physical_device = physical_device};
    assert_int_equal(vkCreateDevice(physical_device, &info, NULL, &device->handle), VK_SUCCESS);
    volkLoadDeviceTable(&device->vk, device->handle);
    device->vk.vkGetDeviceQueue(device->handle, queue.queueFamilyIndex, 0, &device->queue);
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .queueFamilyIndex = queue.queueFamilyIndex};
    assert_int_equal(device->vk.vkCreateCommandPool(device->handle, &pool, NULL, &device->pool), VK_SUCCESS);
    VkCommandBufferAllocateInfo commands = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = device->pool,
                                            .commandBufferCount = 1};
    assert_int_equal(device->vk.vkAllocateCommandBuffers(device->handle, &commands, &device->commands),
                     VK_SUCCESS);
}

static void device_buffer_create(Device *device, uint64_t size) {
    const VkMemoryPropertyFlags wanted =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkBufferCreateInfo buffer = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                 .size = size,
                                 .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT};
    assert_int_equal(device->vk.vkCreateBuffer(device->handle, &buffer, NULL, &device->buffer), VK_SUCCESS);
    VkMemoryRequirements needs;
    VkPhysicalDeviceMemoryProperties memory;
    device->vk.vkGetBufferMemoryRequirements(device->handle, device->buffer, &needs);
    vkGetPhysicalDeviceMemoryProperties(device->physical_device, &memory);
    uint32_t type = 0;
    while (!(needs.memoryTypeBits & 1u << type) ||
           (memory.memoryTypes[type].propertyFlags & wanted) != wanted)
        type++;
    VkMemoryAllocateInfo allocation = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                       .allocationSize = needs.size,
                                       .memoryTypeIndex = type};
    void *mapped;
    assert_int_equal(device->vk.vkAllocateMemory(device->handle, &allocation, NULL, &device->memory),
                     VK_SUCCESS);
    assert_int_equal(device->vk.vkBindBufferMemory(device->handle, device->buffer, device->memory, 0),
                     VK_SUCCESS);
    assert_int_equal(device->vk.vkMapMemory(device->handle, device->memory, 0, VK_WHOLE_SIZE, 0, &mapped),
                     VK_SUCCESS);
    device->mapped = mapped;
}

static void device_submit(Device *device) {
    VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_HOST_READ_BIT};
    VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                           .commandBufferCount = 1,
                           .pCommandBuffers = &device->commands};
    device->vk.vkCmdPipelineBarrier(device->commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                                    VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
    assert_int_equal(device->vk.vkEndCommandBuffer(device->commands), VK_SUCCESS);
    assert_int_equal(device->vk.vkQueueSubmit(device->queue, 1, &submit, VK_NULL_HANDLE), VK_SUCCESS);
    assert_int_equal(device->vk.vkQueueWaitIdle(device->queue), VK_SUCCESS);
}

static void device_close(Device *device) {
    device->vk.vkDestroyBuffer(device->handle, device->buffer, NULL);
    device->vk.vkFreeMemory(device->handle, device->memory, NULL);
    device->vk.vkDestroyCommandPool(device->handle, device->pool, NULL);
    device->vk.vkDestroyDevice(device->handle, NULL);
}

/* ------------------------------------------------------------------------------------------- vknorm */

static void norm_create(Device *device) {
    VknContextDesc context = {.instance = instance,
                              .physical_device = device->physical_device,
                              .device = device->handle,
                              .get_instance_proc_addr = vkGetInstanceProcAddr,
                              .log = {.write = log_write}};
    VknDesc desc;
    uint64_t size = 0;
    vkn_desc_batch_norm(&desc, VKN_OPERATION_TRAIN, 2, (uint64_t[]){ROWS, CHANNELS}, 1, (int32_t[]){1});
    desc.roles = VKN_ROLE_BIT(VKN_ROLE_X) | VKN_ROLE_BIT(VKN_ROLE_Y);
    desc.epsilon = 0;
    assert_int_equal(vkn_context_create(&context, &device->context), VKN_SUCCESS);
    assert_int_equal(vkn_plan_create(device->context, &desc, &device->plan), VKN_SUCCESS);
    for (int role = 0; role < VKN_ROLE_COUNT; role++) {
        device->buffers[role] = (VknBuffer){.offset = size, .size = vkn_plan_info(device->plan)->size[role]};
        size += device->buffers[role].size;
    }
    device_buffer_create(device, size);
    for (int role = 0; role < VKN_ROLE_COUNT; role++)
        device->buffers[role].buffer = device->buffer;
    assert_int_equal(vkn_bindings_create(device->plan, device->buffers, &device->bindings), VKN_SUCCESS);
}

/* Records into the device's command buffer, with input values of its own. */
static void norm_record(Device *device, float deviation) {
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    float *x = (float *)(device->mapped + device->buffers[VKN_ROLE_X].offset);
    float *y = (float *)(device->mapped + device->buffers[VKN_ROLE_Y].offset);
    for (int i = 0; i < COUNT; i++) {
        x[i] = (float)(i % CHANNELS) + deviation * (float)(i / CHANNELS);
        y[i] = NAN;
    }
    assert_int_equal(device->vk.vkResetCommandPool(device->handle, device->pool, 0), VK_SUCCESS);
    assert_int_equal(device->vk.vkBeginCommandBuffer(device->commands, &begin), VK_SUCCESS);
    assert_int_equal(vkn_plan_record(device->plan, device->bindings, device->commands, NULL), VKN_SUCCESS);
}

/* Rows 0 to 6 have mean 3 and variance 4, whatever the deviation that they were multiplied with. */
static void norm_check(const Device *device, float deviation) {
    const float *y = (const float *)(device->mapped + device->buffers[VKN_ROLE_Y].offset);
    float sign = deviation < 0 ? -1.0f : 1.0f;
    for (int i = 0; i < COUNT; i++)
        assert_float_equal(y[i], sign * (float)(i / CHANNELS - 3) / 2, 1e-5f);
}

static void norm_destroy(Device *device) {
    vkn_bindings_destroy(device->bindings);
    vkn_plan_destroy(device->plan);
    vkn_context_destroy(device->context);
}

/* -------------------------------------------------------------------------------------------- tests */

/* Two devices whose work is interleaved at every step; `first` is the one that is gone first. */
static void run_interleaved(int first) {
    VkPhysicalDevice physical_devices[2];
    uint32_t count = 2;
    Device devices[2];
    assert_true(vkEnumeratePhysicalDevices(instance, &count, physical_devices) >= 0);
    assert_true(count > 0);
    physical_devices[1] = physical_devices[count - 1]; /* a machine with one has two of that one */
    for (int i = 0; i < 2; i++)
        device_open(&devices[i], physical_devices[i]);
    volkLoadDevice(devices[0].handle);
    PFN_vkCmdDispatch dispatch = vkCmdDispatch;

    for (int i = 0; i < 2; i++)
        norm_create(&devices[i]);
    for (int i = 0; i < 2; i++)
        norm_record(&devices[i], i ? -2.0f : 3.0f);
    for (int i = 0; i < 2; i++)
        device_submit(&devices[i]);
    norm_check(&devices[0], 3.0f);
    norm_check(&devices[1], -2.0f);

    norm_destroy(&devices[first]);
    device_close(&devices[first]);
    norm_record(&devices[1 - first], -5.0f);
    device_submit(&devices[1 - first]);
    norm_check(&devices[1 - first], -5.0f);
    norm_destroy(&devices[1 - first]);
    device_close(&devices[1 - first]);
    assert_ptr_equal(vkCmdDispatch, dispatch); /* the host's functions are as it left them */
}

static void test_first_device_goes_first(void **state) {
    (void)state;
    run_interleaved(0);
}

static void test_second_device_goes_first(void **state) {
    (void)state;
    run_interleaved(1);
}

static int instance_open(void **state) {
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                     .apiVersion = VK_API_VERSION_1_1};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                 .pApplicationInfo = &application};
    (void)state;
    if (volkInitialize() != VK_SUCCESS || vkCreateInstance(&info, NULL, &instance) != VK_SUCCESS)
        return -1;
    volkLoadInstance(instance);
    return 0;
}

static int instance_close(void **state) {
    (void)state;
    vkDestroyInstance(instance, NULL);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_device_goes_first),
        cmocka_unit_test(test_second_device_goes_first),
    };
    return cmocka_run_group_tests(tests, instance_open, instance_close);
}
