#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALIDATION_LAYER "VK_LAYER_KHRONOS_validation"

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

VknResult vkn_check(const VknLog *log, VkResult result, const char *call) {
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
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].vulkan == result)
            return vkn_fail(log, errors[i].result, "%s returned %s", call, errors[i].name);
    return vkn_fail(log, VKN_ERROR_DRIVER, "%s returned VkResult %d", call, result);
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

bool vkn_extension_found(const VknVulkan *vk, VkPhysicalDevice device, const char *name) {
    PFN_vkEnumerateInstanceExtensionProperties enumerate_instance =
        (PFN_vkEnumerateInstanceExtensionProperties)vk->GetInstanceProcAddr(
            VK_NULL_HANDLE, "vkEnumerateInstanceExtensionProperties");
    VkExtensionProperties *list = NULL;
    uint32_t count = 0;
    bool found = false;
    for (int fill = 0; fill <= 1; fill++) { /* first the count, then that many */
        if (fill && !(list = calloc(count + 1, sizeof *list)))
            return false;
        VkResult result = device ? vk->EnumerateDeviceExtensionProperties(device, NULL, &count, list)
                                 : enumerate_instance(NULL, &count, list);
        if (result < 0)
            count = 0;
    }
    for (uint32_t i = 0; i < count; i++)
        found |= strcmp(list[i].extensionName, name) == 0;
    free(list);
    return found;
}

static bool validation_found(const VknVulkan *vk) {
    PFN_vkEnumerateInstanceLayerProperties enumerate =
        (PFN_vkEnumerateInstanceLayerProperties)vk->GetInstanceProcAddr(VK_NULL_HANDLE,
                                                                        "vkEnumerateInstanceLayerProperties");
    VkLayerProperties list[64];
    uint32_t count = 64;
    bool found = false;
    if (enumerate(&count, list) < 0)
        return false;
    for (uint32_t i = 0; i < count; i++)
        found |= strcmp(list[i].layerName, VALIDATION_LAYER) == 0;
    return found;
}

/* Vulkan 1.3 if the loader knows it: then a 1.3 driver lets its subgroup size control be used without an
 * extension. Returns 0 when the loader knows Vulkan 1.0 only. */
static uint32_t instance_version(const VknVulkan *vk) {
    PFN_vkEnumerateInstanceVersion enumerate =
        (PFN_vkEnumerateInstanceVersion)vk->GetInstanceProcAddr(VK_NULL_HANDLE, "vkEnumerateInstanceVersion");
    uint32_t version = VK_API_VERSION_1_0;
    if (enumerate)
        enumerate(&version);
    return version >= VK_API_VERSION_1_3   ? VK_API_VERSION_1_3
           : version >= VK_API_VERSION_1_1 ? VK_API_VERSION_1_1
                                           : 0;
}

static VknResult instance_create(VknInstance *instance, const VkDebugUtilsMessengerCreateInfoEXT *messenger) {
    const VknVulkan *vk = &instance->vk;
    PFN_vkCreateInstance create =
        (PFN_vkCreateInstance)vk->GetInstanceProcAddr(VK_NULL_HANDLE, "vkCreateInstance");
    const char *layer = VALIDATION_LAYER;
    const char *extensions[2];
    uint32_t extension_count = 0;
    VkInstanceCreateFlags flags = 0;
    if (messenger)
        extensions[extension_count++] = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
    /* MoltenVK hides behind this one. */
    if (vkn_extension_found(vk, VK_NULL_HANDLE, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME)) {
        extensions[extension_count++] = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
        flags = VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
    }
    VkResult result = create(
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
    return vkn_check(&instance->log, result, "vkCreateInstance");
}

static VknResult messenger_create(VknInstance *instance, const VkDebugUtilsMessengerCreateInfoEXT *info) {
    PFN_vkCreateDebugUtilsMessengerEXT create =
        (PFN_vkCreateDebugUtilsMessengerEXT)instance->vk.GetInstanceProcAddr(
            instance->handle, "vkCreateDebugUtilsMessengerEXT");
    return vkn_check(&instance->log, create(instance->handle, info, NULL, &instance->messenger),
                     "vkCreateDebugUtilsMessengerEXT");
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
    instance->api_version = instance_version(vk);
    if (!instance->api_version)
        return vkn_fail(log, VKN_ERROR_UNSUPPORTED, "the Vulkan loader is older than Vulkan 1.1");
    if (validation && !validation_found(vk))
        return vkn_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                        "validation needs " VALIDATION_LAYER ", which is not installed");
    VknResult result = instance_create(instance, validation ? &messenger : NULL);
    if (result != VKN_SUCCESS)
        return result;
        /* Core functions are never missing. */
#define X(name) vk->name = (PFN_vk##name)vk->GetInstanceProcAddr(instance->handle, "vk" #name);
    VKN_INSTANCE_FUNCTIONS(X)
#undef X
    return validation ? messenger_create(instance, &messenger) : VKN_SUCCESS;
}

void vkn_instance_load_device(VknInstance *instance, VkDevice device) {
    VknVulkan *vk = &instance->vk;
#define X(name) vk->name = (PFN_vk##name)vk->GetDeviceProcAddr(device, "vk" #name);
    VKN_DEVICE_FUNCTIONS(X)
#undef X
}

void vkn_instance_close(VknInstance *instance) {
    if (instance->messenger) {
        PFN_vkDestroyDebugUtilsMessengerEXT destroy =
            (PFN_vkDestroyDebugUtilsMessengerEXT)instance->vk.GetInstanceProcAddr(
                instance->handle, "vkDestroyDebugUtilsMessengerEXT");
        destroy(instance->handle, instance->messenger, NULL);
    }
    if (instance->handle)
        instance->vk.DestroyInstance(instance->handle, NULL);
    if (instance->loader)
        vkn_loader_close(instance->loader);
}
