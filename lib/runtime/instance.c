#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALIDATION_LAYER "VK_LAYER_KHRONOS_validation"
#define PORTABILITY      "VK_KHR_portability_enumeration"

/* -------------------------------------------------------------------------------------------- log */

VknResult vkn_fail(const VknLog *log, VknResult result, const char *format, ...) {
    char message[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (log->write)
        log->write(log->user, VKN_LOG_ERROR, message);
    return result;
}

VknResult vkn_check(VknInstance *instance, VkResult result, const char *call) {
    const VknLog *log = &instance->log;
    static const struct {
        VkResult vulkan;
        VknResult result;
        const char *name;
    } errors[] = {
        {VK_ERROR_OUT_OF_HOST_MEMORY, VKN_ERROR_OUT_OF_HOST_MEMORY, "VK_ERROR_OUT_OF_HOST_MEMORY"},
        {VK_ERROR_OUT_OF_DEVICE_MEMORY, VKN_ERROR_OUT_OF_DEVICE_MEMORY, "VK_ERROR_OUT_OF_DEVICE_MEMORY"},
        {VK_ERROR_MEMORY_MAP_FAILED, VKN_ERROR_OUT_OF_HOST_MEMORY, "VK_ERROR_MEMORY_MAP_FAILED"},
        {VK_ERROR_TOO_MANY_OBJECTS, VKN_ERROR_OUT_OF_DEVICE_MEMORY, "VK_ERROR_TOO_MANY_OBJECTS"},
        {VK_ERROR_DEVICE_LOST, VKN_ERROR_DEVICE_LOST, "VK_ERROR_DEVICE_LOST"},
        {VK_ERROR_INCOMPATIBLE_DRIVER, VKN_ERROR_UNSUPPORTED, "VK_ERROR_INCOMPATIBLE_DRIVER"},
    };
    if (result >= 0)
        return VKN_SUCCESS;
    instance->lost |= result == VK_ERROR_DEVICE_LOST;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].vulkan == result)
            return vkn_fail(log, errors[i].result, "%s returned %s", call, errors[i].name);
    return vkn_fail(log, VKN_ERROR_DRIVER, "%s returned VkResult %d", call, result);
}

VknResult vkn_check_made(VknInstance *instance, VkResult result, const char *call, void *handle,
                         size_t size) {
    if (result < 0)
        memset(handle, 0, size);
    return vkn_check(instance, result, call);
}

/* The layer also remarks on its own settings: that they are slow, or need features that it adds. */
static bool is_remark(const VkDebugUtilsMessengerCallbackDataEXT *data) {
    const char *name = data->pMessageIdName ? data->pMessageIdName : "";
    return strcmp(name, "VALIDATION-SETTINGS") == 0 || strcmp(name, "WARNING-Setting-Limit-Adjusted") == 0;
}

static VKAPI_ATTR VkBool32 VKAPI_CALL message_receive(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                      VkDebugUtilsMessageTypeFlagsEXT types,
                                                      const VkDebugUtilsMessengerCallbackDataEXT *data,
                                                      void *user) {
    VknInstance *instance = user;
    VknLogLevel level =
        severity & VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT ? VKN_LOG_ERROR : VKN_LOG_WARNING;
    char message[2048];
    (void)types;
    if (is_remark(data))
        level = VKN_LOG_INFO;
    else
        atomic_fetch_add(&instance->message_count, 1);
    if (instance->log.write) {
        snprintf(message, sizeof message, "%s", data->pMessage);
        for (char *end = message; (end = strchr(end, '\n'));)
            *end = ' '; /* a log message is one line */
        instance->log.write(instance->log.user, level, message);
    }
    return VK_FALSE;
}

/* --------------------------------------------------------------------------------------- instance */

VknResult vkn_function_find(VknInstance *instance, VkInstance of, const char *name,
                            PFN_vkVoidFunction *function) {
    *function = instance->vk.GetInstanceProcAddr(of, name);
    return *function ? VKN_SUCCESS
                     : vkn_fail(&instance->log, VKN_ERROR_DRIVER, "the Vulkan loader has no %s", name);
}

VknResult vkn_extension_find(VknInstance *instance, VkPhysicalDevice device, const char *name, bool *found) {
    PFN_vkVoidFunction function = NULL;
    VkExtensionProperties *list = NULL;
    uint32_t count = 0;
    VknResult result = device ? VKN_SUCCESS
                              : vkn_function_find(instance, VK_NULL_HANDLE,
                                                  "vkEnumerateInstanceExtensionProperties", &function);
    *found = false;
    for (int fill = 0; fill <= 1 && result == VKN_SUCCESS; fill++) { /* first the count, then that many */
        if (fill && !(list = calloc(count + 1, sizeof *list)))
            return vkn_fail(&instance->log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for extensions");
        if (device)
            result = vkn_check(instance,
                               instance->vk.EnumerateDeviceExtensionProperties(device, NULL, &count, list),
                               "vkEnumerateDeviceExtensionProperties");
        else
            result = vkn_check(instance,
                               ((PFN_vkEnumerateInstanceExtensionProperties)function)(NULL, &count, list),
                               "vkEnumerateInstanceExtensionProperties");
    }
    for (uint32_t i = 0; i < count && result == VKN_SUCCESS; i++)
        *found |= strcmp(list[i].extensionName, name) == 0;
    free(list);
    return result;
}

static VknResult validation_find(VknInstance *instance) {
    PFN_vkVoidFunction enumerate;
    VkLayerProperties list[64];
    uint32_t count = 64;
    VknResult result =
        vkn_function_find(instance, VK_NULL_HANDLE, "vkEnumerateInstanceLayerProperties", &enumerate);
    if (result == VKN_SUCCESS)
        result = vkn_check(instance, ((PFN_vkEnumerateInstanceLayerProperties)enumerate)(&count, list),
                           "vkEnumerateInstanceLayerProperties");
    if (result != VKN_SUCCESS)
        return result;
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(list[i].layerName, VALIDATION_LAYER) == 0)
            return VKN_SUCCESS;
    return vkn_fail(&instance->log, VKN_ERROR_INVALID_ARGUMENT,
                    "validation needs " VALIDATION_LAYER ", which is not installed");
}

/* Vulkan 1.3 if the loader knows it: then a 1.3 driver lets its subgroup size control be used without an
 * extension. */
static VknResult version_find(VknInstance *instance) {
    PFN_vkEnumerateInstanceVersion enumerate =
        (PFN_vkEnumerateInstanceVersion)instance->vk.GetInstanceProcAddr(VK_NULL_HANDLE,
                                                                         "vkEnumerateInstanceVersion");
    uint32_t version = VK_API_VERSION_1_0; /* which has no such function */
    VknResult result =
        enumerate ? vkn_check(instance, enumerate(&version), "vkEnumerateInstanceVersion") : VKN_SUCCESS;
    if (result != VKN_SUCCESS)
        return result;
    if (version < VK_API_VERSION_1_1)
        return vkn_fail(&instance->log, VKN_ERROR_UNSUPPORTED, "the Vulkan loader is older than Vulkan 1.1");
    instance->api_version = version >= VKN_API_VERSION_1_3 ? VKN_API_VERSION_1_3 : VK_API_VERSION_1_1;
    return VKN_SUCCESS;
}

static VknResult instance_create(VknInstance *instance, const VkDebugUtilsMessengerCreateInfoEXT *messenger) {
    PFN_vkVoidFunction create;
    const char *layer = VALIDATION_LAYER;
    const char *extensions[2];
    uint32_t extension_count = 0;
    VkInstanceCreateFlags flags = 0;
    if (messenger)
        extensions[extension_count++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
    bool portability; /* MoltenVK hides behind this one */
    VknResult result = vkn_function_find(instance, VK_NULL_HANDLE, "vkCreateInstance", &create);
    if (result == VKN_SUCCESS)
        result = vkn_extension_find(instance, VK_NULL_HANDLE, PORTABILITY, &portability);
    if (result != VKN_SUCCESS)
        return result;
    if (portability) {
        extensions[extension_count++] = PORTABILITY;
        flags = 1 /* VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR */;
    }
    VkResult created = ((PFN_vkCreateInstance)create)(
        &(VkInstanceCreateInfo){
            .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
            .pNext = messenger,
            .flags = flags,
            .pApplicationInfo = &(VkApplicationInfo){.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                                     .pEngineName = "vknorm",
                                                     .apiVersion = instance->api_version},
            .enabledLayerCount = messenger ? 1 : 0,
            .ppEnabledLayerNames = &layer,
            .enabledExtensionCount = extension_count,
            .ppEnabledExtensionNames = extensions,
        },
        NULL, &instance->handle);
    return VKN_CHECK_MADE(instance, created, "vkCreateInstance", &instance->handle);
}

static VknResult messenger_create(VknInstance *instance, const VkDebugUtilsMessengerCreateInfoEXT *info) {
    PFN_vkVoidFunction create;
    VknResult result =
        vkn_function_find(instance, instance->handle, "vkCreateDebugUtilsMessengerEXT", &create);
    if (result == VKN_SUCCESS)
        result = vkn_function_find(instance, instance->handle, "vkDestroyDebugUtilsMessengerEXT",
                                   &instance->messenger_destroy);
    if (result != VKN_SUCCESS)
        return result;
    return VKN_CHECK_MADE(
        instance,
        ((PFN_vkCreateDebugUtilsMessengerEXT)create)(instance->handle, info, NULL, &instance->messenger),
        "vkCreateDebugUtilsMessengerEXT", &instance->messenger);
}

/* Without all of them there is no instance. */
static VknResult load_instance(VknInstance *instance) {
    VknVulkan *vk = &instance->vk;
    VknResult result = VKN_SUCCESS;
    PFN_vkVoidFunction function;
#define X(name)                                                                                              \
    if (result == VKN_SUCCESS)                                                                               \
        result = vkn_function_find(instance, instance->handle, "vk" #name, &function);                       \
    if (result == VKN_SUCCESS)                                                                               \
        vk->name = (PFN_vk##name)function;
    VKN_INSTANCE_FUNCTIONS(X)
#undef X
    if (result != VKN_SUCCESS) {
        if (vk->DestroyInstance)
            vk->DestroyInstance(instance->handle, NULL);
        instance->handle = VK_NULL_HANDLE;
    }
    return result;
}

VknResult vkn_instance_open(VknInstance *instance, const VknLog *log, bool validation) {
    VknVulkan *vk = &instance->vk;
    /* Given to vkCreateInstance too, so that creating and destroying the instance is watched as well. */
    VkDebugUtilsMessengerCreateInfoEXT messenger = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity =
            VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        /* not GENERAL: those are the loader's complaints about the machine */
        .messageType =
            VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT,
        .pfnUserCallback = message_receive,
        .pUserData = instance,
    };
    instance->log = *log;
    instance->loader = vkn_loader_open(&vk->GetInstanceProcAddr);
    if (!instance->loader)
        return vkn_fail(log, VKN_ERROR_UNSUPPORTED, "this machine has no Vulkan loader");
    VknResult result = version_find(instance);
    if (result == VKN_SUCCESS && validation)
        result = validation_find(instance);
    if (result == VKN_SUCCESS)
        result = instance_create(instance, validation ? &messenger : NULL);
    if (result == VKN_SUCCESS)
        result = load_instance(instance);
    if (result == VKN_SUCCESS && validation)
        result = messenger_create(instance, &messenger);
    return result;
}

VknResult vkn_instance_load_device(VknInstance *instance, VkDevice device) {
    VknVulkan *vk = &instance->vk;
#define X(name)                                                                                              \
    vk->name = (PFN_vk##name)vk->GetDeviceProcAddr(device, "vk" #name);                                      \
    if (!vk->name)                                                                                           \
        return vkn_fail(&instance->log, VKN_ERROR_DRIVER, "the device has no vk" #name);
    VKN_DEVICE_FUNCTIONS(X)
#undef X
    return VKN_SUCCESS;
}

void vkn_instance_close(VknInstance *instance) {
    if (instance->messenger)
        ((PFN_vkDestroyDebugUtilsMessengerEXT)instance->messenger_destroy)(instance->handle,
                                                                           instance->messenger, NULL);
    if (instance->handle)
        instance->vk.DestroyInstance(instance->handle, NULL);
    if (instance->loader)
        vkn_loader_close(instance->loader);
}
