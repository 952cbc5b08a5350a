#include "bad_driver.h"

#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

BadDriver bad;

static bool has(const uint32_t *code, size_t words, uint32_t op) {
    for (size_t i = 5; i < words; i += code[i] >> 16)
        if ((code[i] & 0xFFFF) == op)
            return true;
    return op == ANY;
}

/* FMin, FMax and FClamp of GLSL.std.450 give any operand if one is NaN; NMin, NMax and NClamp one that is
 * not. */
static uint32_t without_nan(uint32_t instruction) {
    return instruction == 37 ? 79 : instruction == 40 ? 80 : instruction == 43 ? 81 : instruction;
}

static VKAPI_ATTR VkResult VKAPI_CALL bad_module(VkDevice device, const VkShaderModuleCreateInfo *info,
                                                 const VkAllocationCallbacks *allocator, VkShaderModule *to) {
    size_t words = info->codeSize / 4;
    uint32_t *code = malloc(info->codeSize);
    VkShaderModuleCreateInfo as_seen = *info;
    if (!code)
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    memcpy(code, info->pCode, info->codeSize);
    bad.is_unloved = false;
    for (size_t i = 0; i < LENGTH(bad.unloved); i++)
        bad.is_unloved |= bad.result && has(code, words, bad.unloved[i]) && (bad.unloved[i] || !i);
    bad.has_subgroups = has(code, words, OP_SUBGROUP_FADD);
    bool mistaken = bad.taken && has(code, words, bad.among);
    for (size_t i = 5; mistaken && i < words; i += code[i] >> 16)
        if ((code[i] & 0xFFFF) == bad.taken)
            code[i] = (code[i] & 0xFFFF0000) | bad.placed;
    for (size_t i = 5; bad.drops_nan && i < words; i += code[i] >> 16)
        if ((code[i] & 0xFFFF) == OP_EXT_INST)
            code[i + 4] = without_nan(code[i + 4]);
    as_seen.pCode = code;
    VkResult result = bad.create_module(device, &as_seen, allocator, to);
    free(code);
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL bad_pipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
                                                    const VkComputePipelineCreateInfo *infos,
                                                    const VkAllocationCallbacks *allocator,
                                                    VkPipeline *pipelines) {
    if (!bad.is_unloved) {
        bad.compiled++;
        VkResult result = bad.create_pipelines(device, cache, count, infos, allocator, pipelines);
        if (bad.has_subgroups && bad.with_subgroup_count < LENGTH(bad.with_subgroups))
            bad.with_subgroups[bad.with_subgroup_count++] = *pipelines;
        return result;
    }
    bad.refused++;
    memset(pipelines, 0, count * sizeof *pipelines);
    return bad.result;
}

static VKAPI_ATTR void VKAPI_CALL bad_bind(VkCommandBuffer commands, VkPipelineBindPoint point,
                                           VkPipeline pipeline) {
    bad.is_bound = false;
    for (uint32_t i = 0; i < bad.with_subgroup_count; i++)
        bad.is_bound |= bad.with_subgroups[i] == pipeline;
    bad.bind(commands, point, pipeline);
}

static VKAPI_ATTR void VKAPI_CALL bad_push(VkCommandBuffer commands, VkPipelineLayout layout,
                                           VkShaderStageFlags stages, uint32_t offset, uint32_t size,
                                           const void *values) {
    uint32_t words[32] = {0};
    memcpy(words, values, size);
    for (uint32_t i = 0; bad.shortened && bad.is_bound && i < size / 4; i++)
        if (words[i] > 2048 && words[i] < 8192)
            words[i] = 2048;
    bad.push(commands, layout, stages, offset, size, words);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device(VkDevice device, const char *name) {
    PFN_vkVoidFunction function =
        ((PFN_vkGetDeviceProcAddr)bad.get(bad.instance, "vkGetDeviceProcAddr"))(device, name);
    if (strcmp(name, "vkCreateShaderModule") == 0) {
        bad.create_module = (PFN_vkCreateShaderModule)function;
        return (PFN_vkVoidFunction)bad_module;
    }
    if (strcmp(name, "vkCreateComputePipelines") == 0) {
        bad.create_pipelines = (PFN_vkCreateComputePipelines)function;
        return (PFN_vkVoidFunction)bad_pipelines;
    }
    if (strcmp(name, "vkCmdBindPipeline") == 0) {
        bad.bind = (PFN_vkCmdBindPipeline)function;
        return (PFN_vkVoidFunction)bad_bind;
    }
    if (strcmp(name, "vkCmdPushConstants") == 0) {
        bad.push = (PFN_vkCmdPushConstants)function;
        return (PFN_vkVoidFunction)bad_push;
    }
    return function;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get(VkInstance instance, const char *name) {
    return strcmp(name, "vkGetDeviceProcAddr") ? bad.get(instance, name) : (PFN_vkVoidFunction)get_device;
}

PFN_vkGetInstanceProcAddr bad_driver_open(PFN_vkGetInstanceProcAddr good, VkInstance instance) {
    memset(&bad, 0, sizeof bad);
    bad.get = good;
    bad.instance = instance;
    return get;
}
