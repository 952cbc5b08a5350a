/* Which devices the machine has, and which of them is meant by a name. */
#include "internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A machine with more devices than this is taken to have this many. */
#define MAX_DEVICES 64

static bool queue_family_find(const VknVulkan *vk, VknDevice *device) {
    VkQueueFamilyProperties families[16];
    uint32_t count = 16;
    vk->GetPhysicalDeviceQueueFamilyProperties(device->handle, &count, families);
    for (uint32_t i = 0; i < count; i++) {
        if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) {
            device->queue_family = i;
            device->timestamp_bits = families[i].timestampValidBits;
            return true;
        }
    }
    return false;
}

/* Reads what the runtime wants to know of device->handle, and whether it can use the device. */
static VknResult device_read(VknInstance *instance, VknDevice *device, bool *usable) {
    const VknVulkan *vk = &instance->vk;
    VknRuntimeInfo *info = &device->info;
    VkPhysicalDeviceProperties properties;
    vk->GetPhysicalDeviceProperties(device->handle, &properties);
    *usable = properties.apiVersion >= VK_API_VERSION_1_1 && queue_family_find(vk, device);
    if (!*usable)
        return VKN_SUCCESS;
    device->api_version =
        properties.apiVersion < instance->api_version ? properties.apiVersion : instance->api_version;
    device->tick_seconds = 1e-9 * (double)properties.limits.timestampPeriod;
    info->api_version = properties.apiVersion;
    info->gpu = properties.deviceType != VK_PHYSICAL_DEVICE_TYPE_CPU;
    info->timestamps = device->timestamp_bits > 0;
    snprintf(info->device_name, sizeof info->device_name, "%s", properties.deviceName);

    bool has_driver = device->api_version >= VK_API_VERSION_1_2;
    VknResult result = has_driver ? VKN_SUCCESS
                                  : vkn_extension_find(instance, device->handle,
                                                       VK_KHR_DRIVER_PROPERTIES_EXTENSION_NAME, &has_driver);
    if (has_driver) {
        VkPhysicalDeviceDriverProperties driver = {
            .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
        };
        vk->GetPhysicalDeviceProperties2(
            device->handle, &(VkPhysicalDeviceProperties2){
                                .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &driver});
        device->driver = driver.driverID;
        snprintf(info->driver_name, sizeof info->driver_name, "%s", driver.driverName);
        snprintf(info->driver_info, sizeof info->driver_info, "%s", driver.driverInfo);
    }
    return result;
}

VknResult vkn_device_list(VknInstance *instance, VknDevice **devices, uint32_t *count) {
    VkPhysicalDevice handles[MAX_DEVICES];
    uint32_t handle_count = MAX_DEVICES;
    VknResult result =
        vkn_check(instance, instance->vk.EnumeratePhysicalDevices(instance->handle, &handle_count, handles),
                  "vkEnumeratePhysicalDevices");
    if (result != VKN_SUCCESS)
        return result;
    VknDevice *list = calloc(MAX_DEVICES, sizeof *list);
    if (!list)
        return vkn_fail(&instance->log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for the list of devices");
    *count = 0;
    for (uint32_t i = 0; i < handle_count && result == VKN_SUCCESS; i++) {
        VknDevice *device = &list[*count];
        bool usable;
        device->handle = handles[i];
        device->info.index = *count;
        result = device_read(instance, device, &usable);
        *count += result == VKN_SUCCESS && usable;
    }
    if (result != VKN_SUCCESS) {
        free(list);
        *count = 0;
        return result;
    }
    if (*count == 0) {
        free(list);
        return vkn_fail(&instance->log, VKN_ERROR_UNSUPPORTED,
                        "none of the %u Vulkan devices has Vulkan 1.1 and a compute queue", handle_count);
    }
    *devices = list;
    return VKN_SUCCESS;
}

static bool contains(const char *text, const char *part) {
    for (; *text; text++) {
        size_t i = 0;
        while (part[i] && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            i++;
        if (!part[i])
            return true;
    }
    return false;
}

/* How well a device fits; 0: not at all. The first of the best is taken. */
static int score(const VknDevice *device, const char *wanted) {
    if (!wanted || !*wanted)
        return device->info.gpu ? 3 : device->driver == VK_DRIVER_ID_GOOGLE_SWIFTSHADER ? 2 : 1;
    if (strspn(wanted, "0123456789") == strlen(wanted))
        return strtoul(wanted, NULL, 10) == device->info.index;
    return contains(device->info.device_name, wanted) || contains(device->info.driver_name, wanted);
}

static VknResult fail_no_match(const VknLog *log, const char *wanted, const VknDevice *devices,
                               uint32_t count) {
    char names[1024] = "";
    size_t length = 0;
    for (uint32_t i = 0; i < count && length < sizeof names; i++)
        length += (size_t)snprintf(names + length, sizeof names - length, "%s%u %s (%s)", i ? ", " : "", i,
                                   devices[i].info.device_name, devices[i].info.driver_name);
    return vkn_fail(log, VKN_ERROR_INVALID_ARGUMENT, "no device matches \"%s\"; there are: %s", wanted,
                    names);
}

VknResult vkn_device_choose(VknInstance *instance, const char *wanted, VknDevice *device) {
    VknDevice *devices;
    uint32_t count;
    int best = 0;
    VknResult result = vkn_device_list(instance, &devices, &count);
    if (result != VKN_SUCCESS)
        return result;
    for (uint32_t i = 0; i < count; i++) {
        if (score(&devices[i], wanted) > best) {
            best = score(&devices[i], wanted);
            *device = devices[i];
        }
    }
    if (best == 0)
        result = fail_no_match(&instance->log, wanted, devices, count);
    free(devices);
    return result;
}

VknResult vkn_runtime_list(VknLog log, void (*each)(void *user, const VknRuntimeInfo *info), void *user) {
    VknInstance instance = {0};
    VknDevice *devices = NULL;
    uint32_t count = 0;
    if (!each)
        return vkn_fail(&log, VKN_ERROR_INVALID_ARGUMENT, "each must not be NULL");
    VknResult result = vkn_instance_open(&instance, &log, false);
    if (result == VKN_SUCCESS)
        result = vkn_device_list(&instance, &devices, &count);
    for (uint32_t i = 0; i < count; i++)
        each(user, &devices[i].info);
    free(devices);
    vkn_instance_close(&instance);
    return result;
}
