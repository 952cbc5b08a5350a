#include "pipeline.h"

#include <stdio.h>
#include <string.h>

#include "context.h"
#include "shader.h"

/* What makes a pipeline: the module and its specialization. */
typedef struct Key {
    uint32_t kernel;
    uint32_t worker;
    uint32_t spec_count;
    uint32_t spec[VKN_SPEC_COUNT];
} Key;

struct VknPipelineNode {
    VknPipelineNode *next;
    Key key;
    VkPipeline pipeline;
};

static Key key_of(const VknStep *step) {
    Key key = {step->kernel, step->worker, step->spec_count, {0}};
    memcpy(key.spec, step->spec, step->spec_count * sizeof *step->spec);
    return key;
}

/* FNV-1a over the words. */
static uint32_t key_hash(const Key *key) {
    uint32_t hash = 2166136261u;
    const uint32_t words[] = {key->kernel, key->worker, key->spec_count};
    for (uint32_t i = 0; i < 3; i++)
        hash = (hash ^ words[i]) * 16777619u;
    for (uint32_t i = 0; i < key->spec_count; i++)
        hash = (hash ^ key->spec[i]) * 16777619u;
    return (hash ^ hash >> 16) % VKN_PIPELINE_BUCKETS;
}

static VkPipeline find(const VknPipelineCache *cache, uint32_t bucket, const Key *key) {
    for (const VknPipelineNode *node = cache->bucket[bucket]; node; node = node->next)
        if (memcmp(&node->key, key, sizeof *key) == 0)
            return node->pipeline;
    return VK_NULL_HANDLE;
}

static VkPipelineShaderStageCreateFlags stage_flags(const VknCaps *caps, const VknStep *step) {
    VkPipelineShaderStageCreateFlags flags = 0;
    if (step->worker == VKN_WORKER_ALONE || step->worker == VKN_WORKER_LANE ||
        step->worker == VKN_WORKER_GROUP_TREE)
        return 0;
    /* With a varying size, gl_SubgroupSize is what really runs. */
    if (caps->subgroup_size_control)
        flags |= VK_PIPELINE_SHADER_STAGE_CREATE_ALLOW_VARYING_SUBGROUP_SIZE_BIT_EXT;
    if (caps->full_subgroups && step->spec[VKN_SPEC_LOCAL_SIZE - 1] % caps->max_subgroup_size == 0)
        flags |= VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT_EXT;
    return flags;
}

/* What the driver cannot compile is no error yet: there are other variants. */
static VknResult fail(VknContext *context, VkResult result, const char *call, const VknShader *shader) {
    if (vkn_result_of(result) != VKN_ERROR_DRIVER)
        return vkn_context_fail(context, result, call);
    vkn_host_log(&context->host, VKN_LOG_WARNING, "%s failed with VkResult %d for %s", call, result,
                 shader->name);
    return VKN_ERROR_DRIVER;
}

static VknResult create(VknContext *context, const VknStep *step, VkPipeline *pipeline) {
    const VknShader *shader;
    size_t size;
    VknResult found = vkn_custom_shader(context, step, &shader);
    if (found)
        return found;
    uint32_t *code = vkn_shader_specialize(&context->host, shader, step->spec, &size);
    if (!code)
        return VKN_ERROR_OUT_OF_HOST_MEMORY;
    VkShaderModuleCreateInfo module_info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = size, .pCode = code};
    VkShaderModule module;
    VkResult result =
        context->vk.CreateShaderModule(context->device, &module_info, context->host.allocator, &module);
    vkn_host_free(&context->host, code);
    if (result)
        return fail(context, result, "vkCreateShaderModule", shader);

    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .flags = stage_flags(&context->caps, step),
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main"},
        .layout = context->pipeline_layout};
    result = context->vk.CreateComputePipelines(context->device, context->vk_pipeline_cache, 1, &info,
                                                context->host.allocator, pipeline);
    context->vk.DestroyShaderModule(context->device, module, context->host.allocator);
    return result ? fail(context, result, "vkCreateComputePipelines", shader) : VKN_SUCCESS;
}

VknResult vkn_pipeline_get(VknContext *context, const VknStep *step, VkPipeline *pipeline) {
    VknPipelineCache *cache = &context->pipelines;
    Key key = key_of(step);
    uint32_t bucket = key_hash(&key);
    vkn_mutex_lock(&cache->mutex);
    *pipeline = find(cache, bucket, &key);
    vkn_mutex_unlock(&cache->mutex);
    if (*pipeline)
        return VKN_SUCCESS;

    /* Compiled outside the lock: other threads go on. The first to finish wins. */
    VknPipelineNode *node = vkn_host_alloc(&context->host, sizeof *node);
    if (!node)
        return VKN_ERROR_OUT_OF_HOST_MEMORY;
    VknResult result = create(context, step, &node->pipeline);
    if (result) {
        vkn_host_free(&context->host, node);
        return result;
    }
    node->key = key;
    vkn_mutex_lock(&cache->mutex);
    *pipeline = find(cache, bucket, &key);
    if (!*pipeline) {
        *pipeline = node->pipeline;
        node->next = cache->bucket[bucket];
        cache->bucket[bucket] = node;
        node = NULL;
    }
    vkn_mutex_unlock(&cache->mutex);
    if (node) {
        context->vk.DestroyPipeline(context->device, node->pipeline, context->host.allocator);
        vkn_host_free(&context->host, node);
    }
    return VKN_SUCCESS;
}

void vkn_pipeline_cache_clear(VknContext *context) {
    for (uint32_t i = 0; i < VKN_PIPELINE_BUCKETS; i++) {
        VknPipelineNode *node = context->pipelines.bucket[i];
        while (node) {
            VknPipelineNode *next = node->next;
            context->vk.DestroyPipeline(context->device, node->pipeline, context->host.allocator);
            vkn_host_free(&context->host, node);
            node = next;
        }
        context->pipelines.bucket[i] = NULL;
    }
}
