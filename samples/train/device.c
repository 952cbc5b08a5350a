#include "gpu.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("train: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

void *allocate(uint64_t count, uint64_t size) {
    void *memory = calloc(count > 0 ? count : 1, size);
    if (memory == NULL)
        fail("there is no memory for %llu elements of %llu bytes", (unsigned long long)count,
             (unsigned long long)size);
    return memory;
}

void gpu_check(VkResult result, const char *call) {
    if (result != VK_SUCCESS)
        fail("%s failed: VkResult %d", call, result);
}

static const char *const LAYER = "VK_LAYER_KHRONOS_validation";

static VKAPI_ATTR VkBool32 VKAPI_CALL message_write(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                    VkDebugUtilsMessageTypeFlagsEXT types,
                                                    const VkDebugUtilsMessengerCallbackDataEXT *data,
                                                    void *user) {
    (void)types;
    const bool error = (severity & VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT) != 0;
    fprintf(stderr, "Validation %s: %s\n", error ? "Error" : "Warning", data->pMessage);
    ((Gpu *)user)->validation_messages++;
    return VK_FALSE;
}

static bool has_layer(void) {
    VkLayerProperties layers[64];
    uint32_t count = 64;
    vkEnumerateInstanceLayerProperties(&count, layers);
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(layers[i].layerName, LAYER) == 0)
            return true;
    return false;
}

static void instance_create(Gpu *gpu, bool validation) {
    const char *const extension = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
    const VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                           .pApplicationName = "train",
                                           .apiVersion = VK_API_VERSION_1_1};
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                       .pApplicationInfo = &application,
                                       .enabledLayerCount = validation ? 1 : 0,
                                       .ppEnabledLayerNames = &LAYER,
                                       .enabledExtensionCount = validation ? 1 : 0,
                                       .ppEnabledExtensionNames = &extension};
    if (validation && !has_layer())
        fail("--validation needs %s, which is not installed", LAYER);
    gpu_check(vkCreateInstance(&info, NULL, &gpu->instance), "vkCreateInstance()");
    if (!validation)
        return;
    const VkDebugUtilsMessengerCreateInfoEXT messenger = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity =
            VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
        .pfnUserCallback = message_write,
        .pUserData = gpu};
    const PFN_vkCreateDebugUtilsMessengerEXT create =
        (PFN_vkCreateDebugUtilsMessengerEXT)vkGetInstanceProcAddr(gpu->instance,
                                                                  "vkCreateDebugUtilsMessengerEXT");
    gpu_check(create(gpu->instance, &messenger, NULL, &gpu->messenger), "vkCreateDebugUtilsMessengerEXT()");
}

/* Whether `part` is somewhere in `name`, in any case. */
static bool contains(const char *name, const char *part) {
    for (; *name != '\0'; name++) {
        size_t i = 0;
        while (part[i] != '\0' && tolower((unsigned char)name[i]) == tolower((unsigned char)part[i]))
            i++;
        if (part[i] == '\0')
            return true;
    }
    return false;
}

/* The higher the better; 0: not at all. */
static int rank_of(const VkPhysicalDeviceProperties *properties, const char *name) {
    if (properties->apiVersion < VK_API_VERSION_1_1 ||
        (name != NULL && !contains(properties->deviceName, name)))
        return 0;
    if (properties->deviceType != VK_PHYSICAL_DEVICE_TYPE_CPU)
        return 3;
    return contains(properties->deviceName, "swiftshader") ? 2 : 1;
}

static void device_choose(Gpu *gpu, const char *name) {
    VkPhysicalDevice devices[16];
    uint32_t count = 16;
    int best = 0;
    vkEnumeratePhysicalDevices(gpu->instance, &count, devices);
    for (uint32_t i = 0; i < count; i++) {
        VkPhysicalDeviceProperties properties;
        vkGetPhysicalDeviceProperties(devices[i], &properties);
        const int rank = rank_of(&properties, name);
        if (rank > best) {
            best = rank;
            gpu->physical_device = devices[i];
            gpu->properties = properties;
        }
    }
    if (best == 0 && name != NULL)
        fail("--device \"%s\": no device with Vulkan 1.1 has that in its name", name);
    if (best == 0)
        fail("there is no device with Vulkan 1.1");
    vkGetPhysicalDeviceMemoryProperties(gpu->physical_device, &gpu->memory);
}

static void device_create(Gpu *gpu) {
    VkQueueFamilyProperties families[16];
    uint32_t count = 16;
    vkGetPhysicalDeviceQueueFamilyProperties(gpu->physical_device, &count, families);
    while (gpu->family < count && !(families[gpu->family].queueFlags & VK_QUEUE_COMPUTE_BIT))
        gpu->family++;
    if (gpu->family == count)
        fail("%s has no compute queue", gpu->properties.deviceName);
    const float priority = 1;
    const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                           .queueFamilyIndex = gpu->family,
                                           .queueCount = 1,
                                           .pQueuePriorities = &priority};
    const VkDeviceCreateInfo device = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                       .queueCreateInfoCount = 1,
                                       .pQueueCreateInfos = &queue};
    gpu_check(vkCreateDevice(gpu->physical_device, &device, NULL, &gpu->device), "vkCreateDevice()");
    vkGetDeviceQueue(gpu->device, gpu->family, 0, &gpu->queue);
}

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level != VKN_LOG_INFO)
        fprintf(stderr, "vknorm: %s\n", message);
}

void gpu_open(Gpu *gpu, const char *name, bool validation) {
    *gpu = (Gpu){0};
    instance_create(gpu, validation);
    device_choose(gpu, name);
    device_create(gpu);
    /* All that vknorm needs of an engine: its handles. */
    const VknContextDesc desc = {.instance = gpu->instance,
                                 .physical_device = gpu->physical_device,
                                 .device = gpu->device,
                                 .get_instance_proc_addr = vkGetInstanceProcAddr,
                                 .log = {.write = log_write}};
    if (vkn_context_create(&desc, &gpu->context) != VKN_SUCCESS)
        fail("vknorm cannot use %s", gpu->properties.deviceName);
    gpu_start(gpu);
}

void gpu_close(Gpu *gpu) {
    gpu_stop(gpu);
    vkn_context_destroy(gpu->context);
    vkDestroyDevice(gpu->device, NULL);
    if (gpu->messenger != VK_NULL_HANDLE)
        ((PFN_vkDestroyDebugUtilsMessengerEXT)vkGetInstanceProcAddr(
            gpu->instance, "vkDestroyDebugUtilsMessengerEXT"))(gpu->instance, gpu->messenger, NULL);
    vkDestroyInstance(gpu->instance, NULL);
}
