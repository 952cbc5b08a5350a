#define _POSIX_C_SOURCE 200809L /* setenv */
#include <volk.h>

#include "compile_device.h"
#include "context.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGET(family, compiler, subgroup, broken)                                                           \
    { #family "-" #compiler "-" #subgroup, #family, #compiler[0] == 'l', subgroup, broken }

/* Before RDNA 2, LLVM crashes in Mesa 22.3 where a kernel has gl_NumWorkGroups and reads a buffer: all of
 * ours. */
const CompileTarget compile_targets[COMPILE_TARGET_COUNT] = {
    TARGET(polaris10, aco, 64, NULL),      TARGET(polaris10, llvm, 64, "Mesa 22.3"),
    TARGET(vega10, aco, 64, NULL),         TARGET(vega10, llvm, 64, "Mesa 22.3"),
    TARGET(navi10, aco, 32, NULL),         TARGET(navi10, aco, 64, NULL),
    TARGET(navi10, llvm, 32, "Mesa 22.3"), TARGET(navi10, llvm, 64, "Mesa 22.3"),
    TARGET(navi21, aco, 32, NULL),         TARGET(navi21, aco, 64, NULL),
    TARGET(navi21, llvm, 32, NULL),        TARGET(navi21, llvm, 64, NULL),
    TARGET(gfx1100, aco, 32, NULL),        TARGET(gfx1100, aco, 64, NULL),
    TARGET(gfx1100, llvm, 32, NULL),       TARGET(gfx1100, llvm, 64, NULL),
};

struct CompileDevice {
    VkDevice handle;
    VknContext *contexts[COMPILE_CAPS_COUNT];
};

/* What a pipeline is created with beside what the library asks for. There is one device per process, and
 * vkCreateComputePipelines has no room for a pointer of ours. */
static uint32_t required_subgroup;
static char *log_to;

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR && log_to)
        snprintf(log_to, 256, "%s", message);
}

/* Stands between the library and the driver: asks for statistics, and for the size of subgroups. */
static VKAPI_ATTR VkResult VKAPI_CALL create_pipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                                                       const VkComputePipelineCreateInfo *infos,
                                                       const VkAllocationCallbacks *allocator,
                                                       VkPipeline *pipelines) {
    const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo size = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = required_subgroup};
    VkComputePipelineCreateInfo info = *infos;
    (void)count; /* the library creates one at a time */
    info.flags |= VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR;
    if (required_subgroup) {
        info.stage.pNext = &size;
        info.stage.flags &= ~(
            VkPipelineShaderStageCreateFlags)VK_PIPELINE_SHADER_STAGE_CREATE_ALLOW_VARYING_SUBGROUP_SIZE_BIT;
    }
    return vkCreateComputePipelines(device, cache, 1, &info, allocator, pipelines);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_proc(VkDevice device, const char *name) {
    if (strcmp(name, "vkCreateComputePipelines") == 0)
        return (PFN_vkVoidFunction)create_pipelines;
    return vkGetDeviceProcAddr(device, name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_proc(VkInstance instance, const char *name) {
    if (strcmp(name, "vkGetDeviceProcAddr") == 0)
        return (PFN_vkVoidFunction)device_proc;
    return vkGetInstanceProcAddr(instance, name);
}

static VkPhysicalDevice find_device(VkInstance *instance) {
    const VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                           .apiVersion = VK_API_VERSION_1_3};
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                       .pApplicationInfo = &application};
    VkPhysicalDevice devices[16];
    uint32_t count = 16;
    if (volkInitialize() || vkCreateInstance(&info, NULL, instance))
        return VK_NULL_HANDLE;
    volkLoadInstance(*instance);
    if (vkEnumeratePhysicalDevices(*instance, &count, devices) < 0)
        return VK_NULL_HANDLE;
    for (uint32_t i = 0; i < count; i++) {
        VkPhysicalDeviceProperties properties;
        vkGetPhysicalDeviceProperties(devices[i], &properties);
        if (strstr(properties.deviceName, "RADV"))
            return devices[i];
    }
    return VK_NULL_HANDLE;
}

/* Whether the device is the one that the environment asked for. */
static bool is_target(VkPhysicalDevice device, const CompileTarget *target, char driver[64],
                      char error[256]) {
    VkPhysicalDeviceSubgroupSizeControlProperties size = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
    VkPhysicalDeviceDriverProperties names = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
                                              .pNext = &size};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                              .pNext = &names};
    char family[32] = "";
    vkGetPhysicalDeviceProperties2(device, &properties);
    for (size_t i = 0; target->family[i] && i < sizeof family - 1; i++)
        family[i] = (char)toupper(target->family[i]);
    const char *name = properties.properties.deviceName;
    bool llvm = strstr(names.driverInfo, "LLVM") != NULL;
    if (sscanf(names.driverInfo, "%63[^(]", driver) == 1 && driver[strlen(driver) - 1] == ' ')
        driver[strlen(driver) - 1] = 0; /* "Mesa 22.3.6 (LLVM 15.0.6)" */
    if (!strstr(name, "Null hardware") || !strstr(name, family) || llvm != target->llvm) {
        snprintf(error, 256, "the device is \"%.100s\", driver \"%.100s\"", name, names.driverInfo);
        return false;
    }
    if (target->subgroup < size.minSubgroupSize || target->subgroup > size.maxSubgroupSize) {
        snprintf(error, 256, "subgroups are %u to %u, not %u", size.minSubgroupSize, size.maxSubgroupSize,
                 target->subgroup);
        return false;
    }
    if (size.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT)
        required_subgroup = target->subgroup;
    return true;
}

static bool create_contexts(VkInstance instance, VkPhysicalDevice physical, const void *features,
                            CompileDevice *device) {
    for (uint32_t i = 0; i < COMPILE_CAPS_COUNT; i++) {
        VknContextDesc desc = {.instance = instance,
                               .physical_device = physical,
                               .device = device->handle,
                               .get_instance_proc_addr = instance_proc,
                               .device_features = features,
                               .texel_buffers = true,
                               .caps = &compile_caps[i].caps,
                               .log = {.write = log_write}};
        if (vkn_context_create(&desc, &device->contexts[i]))
            return false;
    }
    return true;
}

CompileDevice *compile_device_open(const CompileTarget *target, char driver[64], char error[256]) {
    static CompileDevice device;
    VkInstance instance = VK_NULL_HANDLE;
    snprintf(error, 256, "there is no RADV");
    log_to = error;
    setenv("RADV_FORCE_FAMILY", target->family, 1);
    setenv("RADV_DEBUG", target->llvm ? "llvm,nocache" : "nocache", 1);
    VkPhysicalDevice physical = find_device(&instance);
    if (!physical || !is_target(physical, target, driver, error))
        return NULL;
    static const char *const EXTENSIONS[] = {VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME};
    const float priority = 1;
    const VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO, .queueCount = 1, .pQueuePriorities = &priority};
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR executable = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
        .pipelineExecutableInfo = VK_TRUE};
    const VkPhysicalDeviceSubgroupSizeControlFeatures size = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
        .pNext = &executable,
        .subgroupSizeControl = VK_TRUE,
        .computeFullSubgroups = VK_TRUE};
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .pNext = &size,
                                     .queueCreateInfoCount = 1,
                                     .pQueueCreateInfos = &queue,
                                     .enabledExtensionCount = 1,
                                     .ppEnabledExtensionNames = EXTENSIONS};
    VkResult result = vkCreateDevice(physical, &info, NULL, &device.handle);
    if (result) {
        snprintf(error, 256, "vkCreateDevice returned %d", result);
        return NULL;
    }
    volkLoadDevice(device.handle);
    return create_contexts(instance, physical, &size, &device) ? &device : NULL;
}

/* Reads the statistics of the one executable that a compute pipeline is. */
static bool read_facts(VkDevice device, VkPipeline pipeline, CompileFacts *facts, char error[256]) {
    static const char *const NAMES[FACT_COUNT] = {"SGPRs",         "VGPRs",        "Spilled SGPRs",
                                                  "Spilled VGPRs", "Scratch size", "LDS size",
                                                  "Code size",     "Instructions"};
    const VkPipelineExecutableInfoKHR info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
                                              .pipeline = pipeline};
    VkPipelineExecutableStatisticKHR rows[64];
    uint32_t count = 64, found = 0;
    memset(facts, 0, sizeof *facts);
    for (uint32_t i = 0; i < 64; i++)
        rows[i] =
            (VkPipelineExecutableStatisticKHR){.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR};
    if (vkGetPipelineExecutableStatisticsKHR(device, &info, &count, rows) < 0)
        count = 0;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t fact = 0; fact < FACT_COUNT; fact++)
            if (strcmp(rows[i].name, NAMES[fact]) == 0) {
                facts->value[fact] = (uint32_t)rows[i].value.u64;
                found |= 1u << fact;
            }
    for (uint32_t fact = 0; fact < FACT_INSTRUCTIONS; fact++)
        if (!(found >> fact & 1)) {
            snprintf(error, 256, "the driver does not tell \"%s\"", NAMES[fact]);
            return false;
        }
    return true;
}

bool compile_device_run(CompileDevice *device, const CompileItem *item, CompileFacts *facts,
                        char error[256]) {
    VknContext *context = device->contexts[item->caps];
    VkPipeline pipeline;
    log_to = error;
    if (vkn_pipeline_get(context, &item->step, &pipeline))
        return false;
    bool fine = read_facts(device->handle, pipeline, facts, error);
    vkn_pipeline_cache_clear(context);
    return fine;
}
