/* What the weakest path asks for: the pipelines and commands of compile_list.c's last device, on a mock
 * driver that has no more than Vulkan promises, under a validation layer that knows those limits. The one
 * limit that the library needs more of, by contract, is 8 storage buffers (Vulkan promises 4): without them
 * it says so, and in the rest of the test the driver is taken to have them. */
#include <volk.h>

#include "compile_list.h"
#include "context.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    VkInstance instance;
    VkPhysicalDevice physical;
    VkDevice device;
    VkDeviceMemory memory;
    VkCommandBuffer commands;
    bool has_buffers;    /* the driver is taken to have 8 */
    uint32_t complaints; /* of the layer, beside those of the 8 */
    char message[512];   /* of the library */
} now;

static VKAPI_ATTR VkBool32 VKAPI_CALL complain(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                               VkDebugUtilsMessageTypeFlagsEXT types,
                                               const VkDebugUtilsMessengerCallbackDataEXT *data, void *user) {
    const char *expected =
        "VUID-VkPipelineLayoutCreateInfo-descriptorType-03018"; /* 8 of 4 storage buffers */
    (void)severity, (void)types, (void)user;
    if (strcmp(data->pMessageIdName ? data->pMessageIdName : "", expected) == 0)
        return VK_FALSE;
    if (now.complaints++ < 20)
        printf("FAILED: %s\n", data->pMessage);
    return VK_FALSE;
}

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user, (void)level;
    snprintf(now.message, sizeof now.message, "%s", message);
}

/* ------------------------------------------------------------------------------------------- driver */

static VKAPI_ATTR void VKAPI_CALL get_properties(VkPhysicalDevice device, VkPhysicalDeviceProperties *p) {
    vkGetPhysicalDeviceProperties(device, p);
    if (now.has_buffers)
        p->limits.maxPerStageDescriptorStorageBuffers = VKN_BINDING_LEAST;
}

/* The mock has subgroups of 0 lanes. */
static VKAPI_ATTR void VKAPI_CALL get_properties2(VkPhysicalDevice device, VkPhysicalDeviceProperties2 *p) {
    vkGetPhysicalDeviceProperties2(device, p);
    for (VkBaseOutStructure *s = p->pNext; s; s = s->pNext)
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES)
            ((VkPhysicalDeviceSubgroupProperties *)s)->subgroupSize =
                compile_caps[COMPILE_WEAKEST].caps.max_subgroup_size;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_proc(VkInstance instance, const char *name) {
    if (strcmp(name, "vkGetPhysicalDeviceProperties") == 0)
        return (PFN_vkVoidFunction)get_properties;
    if (strcmp(name, "vkGetPhysicalDeviceProperties2") == 0)
        return (PFN_vkVoidFunction)get_properties2;
    return vkGetInstanceProcAddr(instance, name);
}

static bool open_instance(void) {
    static const char *const LAYERS[] = {"VK_LAYER_KHRONOS_validation"};
    static const char *const EXTENSIONS[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME};
    const VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                           .apiVersion = VK_API_VERSION_1_1};
    const VkDebugUtilsMessengerCreateInfoEXT messenger = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
        .pfnUserCallback = complain};
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                       .pNext = &messenger,
                                       .pApplicationInfo = &application,
                                       .enabledLayerCount = 1,
                                       .ppEnabledLayerNames = LAYERS,
                                       .enabledExtensionCount = 1,
                                       .ppEnabledExtensionNames = EXTENSIONS};
    VkDebugUtilsMessengerEXT made;
    if (volkInitialize() || vkCreateInstance(&info, NULL, &now.instance))
        return false;
    volkLoadInstance(now.instance);
    return vkCreateDebugUtilsMessengerEXT(now.instance, &messenger, NULL, &made) == VK_SUCCESS;
}

static bool open_device(void) {
    const float priority = 1;
    const VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, .queueCount = 1, .pQueuePriorities = &priority};
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .queueCreateInfoCount = 1,
                                     .pQueueCreateInfos = &queue};
    VkPhysicalDeviceProperties properties;
    uint32_t count = 1;
    if (vkEnumeratePhysicalDevices(now.instance, &count, &now.physical) < 0 || count == 0)
        return false;
    vkGetPhysicalDeviceProperties(now.physical, &properties);
    printf("%s\n", properties.deviceName);
    if (!strstr(properties.deviceName, "Mock") || vkCreateDevice(now.physical, &info, NULL, &now.device))
        return false;
    volkLoadDevice(now.device);
    const VkCommandPoolCreateInfo pool_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                               .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT};
    VkCommandPool pool;
    if (vkCreateCommandPool(now.device, &pool_info, NULL, &pool))
        return false;
    const VkCommandBufferAllocateInfo commands = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                                  .commandPool = pool,
                                                  .commandBufferCount = 1};
    return vkAllocateCommandBuffers(now.device, &commands, &now.commands) == VK_SUCCESS;
}

/* -------------------------------------------------------------------------------------------- plans */

/* One buffer after the other in one piece of memory, and the last of them at `count`. */
static bool buffers_create(const VknPlanInfo *info, VknBuffer *buffers) {
    enum { MOST = 64 << 20, ALIGNMENT = 4096 };
    const VkMemoryAllocateInfo allocate = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                           .allocationSize = MOST};
    uint64_t at = 0;
    if (!now.memory && vkAllocateMemory(now.device, &allocate, NULL, &now.memory))
        return false;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        const VkBufferCreateInfo create = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                           .size = info->size[role],
                                           .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT};
        if (!info->size[role])
            continue;
        VkMemoryRequirements needs;
        if (vkCreateBuffer(now.device, &create, NULL, &buffers[role].buffer))
            return false;
        buffers[role].size = info->size[role];
        vkGetBufferMemoryRequirements(now.device, buffers[role].buffer, &needs);
        if (at + needs.size > MOST || vkBindBufferMemory(now.device, buffers[role].buffer, now.memory, at))
            return false;
        at += vkn_round_up(needs.size, vkn_max(needs.alignment, ALIGNMENT));
    }
    return true;
}

static bool record(VknContext *context, const VknDesc *desc) {
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VknBuffer buffers[VKN_ROLE_COUNT] = {0};
    VknPlan *plan = NULL;
    VknBindings *bindings = NULL;
    bool fine = vkn_plan_create(context, desc, &plan) == VKN_SUCCESS &&
                buffers_create(vkn_plan_info(plan), buffers) &&
                vkn_bindings_create(plan, buffers, &bindings) == VKN_SUCCESS &&
                vkBeginCommandBuffer(now.commands, &begin) == VK_SUCCESS &&
                vkn_plan_record(plan, bindings, now.commands, NULL) == VKN_SUCCESS &&
                vkEndCommandBuffer(now.commands) == VK_SUCCESS;
    vkn_bindings_destroy(bindings);
    vkn_plan_destroy(plan);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        if (buffers[role].buffer)
            vkDestroyBuffer(now.device, buffers[role].buffer, NULL);
    return fine;
}

/* Without the 8 storage buffers, the library must refuse the device, and say why. */
static bool is_refused(const VknContextDesc *desc) {
    VknContext *context = NULL;
    bool refused = vkn_context_create(desc, &context) == VKN_ERROR_UNSUPPORTED &&
                   strstr(now.message, "max_storage_buffers");
    printf("%s: %s\n", refused ? "as it is, it is refused" : "FAILED: it is not refused", now.message);
    vkn_context_destroy(context);
    return refused;
}

int main(void) {
    VknContextDesc desc = {.get_instance_proc_addr = instance_proc, .log = {.write = log_write}};
    VknContext *context;
    CompileList list;
    uint32_t passed = 0, failed = 0;
    if (!open_instance() || !open_device()) {
        printf("FAILED: there is no mock driver, or no validation layer\n0 passed, 1 failed, 0 skipped\n");
        return 1;
    }
    desc.instance = now.instance;
    desc.physical_device = now.physical;
    desc.device = now.device;
    failed += !is_refused(&desc);
    now.has_buffers = true;
    desc.caps = &compile_caps[COMPILE_WEAKEST].caps;
    if (!compile_list_make(300, &list) || vkn_context_create(&desc, &context)) {
        printf("FAILED: %s\n0 passed, 1 failed, 0 skipped\n", now.message);
        return 1;
    }
    for (uint32_t i = 0; i < list.count; i++) {
        const CompileItem *item = &list.items[i];
        char text[512];
        if (item->caps != COMPILE_WEAKEST)
            continue;
        uint32_t before = now.complaints;
        bool fine = record(context, &item->desc);
        compile_item_describe(item, text, sizeof text);
        if (!fine || now.complaints != before)
            printf("FAILED: %s: %s\n", text, fine ? "the layer complains" : now.message);
        failed += !fine || now.complaints != before;
        passed += fine && now.complaints == before;
    }
    vkn_context_destroy(context);
    compile_list_free(&list);
    printf("%" PRIu32 " passed, %" PRIu32 " failed, 0 skipped\n", passed, failed);
    return failed != 0;
}
