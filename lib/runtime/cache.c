/* Compiled pipelines, kept in a file from one run to the next. */
#include "internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void tell(const VknRuntime *runtime, VknLogLevel level, const char *what, const char *why) {
    vkn_file_tell(&runtime->instance.log, level, what, "pipeline cache", runtime->cache_path, why);
}

/* Points `data` at what the driver may see of the file; the memory returned is the file's. */
static void *file_data(VknRuntime *runtime, const void **data, uint64_t *size) {
    const char *why = NULL;
    uint64_t file_size;
    void *file = vkn_file_read(runtime->cache_path, &file_size, &why);
    if (why)
        tell(runtime, VKN_LOG_WARNING, "cannot read", why);
    if (file && vkn_cache_unpack(&runtime->cache_key, file, file_size, runtime->instance.log, data, size) !=
                    VKN_SUCCESS)
        tell(runtime, VKN_LOG_WARNING, "begins anew:", "see above");
    return file;
}

VknResult vkn_cache_open(VknRuntime *runtime, const char *path) {
    const VknVulkan *vk = &runtime->instance.vk;
    const VknLog *log = &runtime->instance.log;
    VkDevice device = runtime->context_desc.device;
    VkPipelineCache *cache = &runtime->context_desc.pipeline_cache;
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    const void *data = NULL;
    uint64_t size = 0;
    runtime->cache_path = malloc(strlen(path) + 1);
    if (!runtime->cache_path)
        return vkn_fail(log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for the path of the cache");
    strcpy(runtime->cache_path, path);
    VknResult result = vkn_cache_key(&runtime->context_desc, &runtime->cache_key);
    if (result != VKN_SUCCESS)
        return result;
    void *file = file_data(runtime, &data, &size);
    info.pInitialData = data;
    info.initialDataSize = size;
    VkResult made = vk->CreatePipelineCache(device, &info, NULL, cache);
    if (made != VK_SUCCESS && made != VK_ERROR_DEVICE_LOST && size) { /* the driver knows better */
        tell(runtime, VKN_LOG_WARNING, "begins anew:", "vkCreatePipelineCache refuses it");
        info.initialDataSize = size = 0;
        made = vk->CreatePipelineCache(device, &info, NULL, cache);
    }
    free(file);
    result = vkn_check_made(&runtime->instance, made, "vkCreatePipelineCache", cache, sizeof *cache);
    /* What the driver makes of the file is what the file has: some drivers add to it at once. */
    if (result == VKN_SUCCESS && size)
        result = vkn_check(&runtime->instance,
                           vk->GetPipelineCacheData(device, *cache, &runtime->cache_saved, NULL),
                           "vkGetPipelineCacheData");
    return result;
}

static bool save(VknRuntime *runtime) {
    const VknVulkan *vk = &runtime->instance.vk;
    VkDevice device = runtime->context_desc.device;
    VkPipelineCache cache = runtime->context_desc.pipeline_cache;
    const char call[] = "vkGetPipelineCacheData", *why = NULL;
    size_t size = 0;
    if (vkn_check(&runtime->instance, vk->GetPipelineCacheData(device, cache, &size, NULL), call) !=
        VKN_SUCCESS)
        return false;
    if (size == runtime->cache_saved) /* caches only grow */
        return true;
    void *data = malloc(size + 1);
    VkResult result = data ? vk->GetPipelineCacheData(device, cache, &size, data) : VK_SUCCESS;
    bool given = vkn_check(&runtime->instance, result, call) == VKN_SUCCESS;
    if (!data)
        why = "no memory for it";
    else if (result == VK_INCOMPLETE)
        why = "it grew meanwhile";
    else if (given) {
        uint8_t header[VKN_CACHE_HEADER_SIZE];
        VknFilePart parts[] = {{header, sizeof header}, {data, size}};
        vkn_cache_pack(&runtime->cache_key, data, size, header);
        why = vkn_file_replace(runtime->cache_path, parts, 2);
    }
    free(data);
    if (why)
        tell(runtime, VKN_LOG_ERROR, "cannot write", why);
    if (!given || why)
        return false;
    runtime->cache_saved = size;
    return true;
}

bool vkn_runtime_save_cache(VknRuntime *runtime) {
    if (!runtime || !runtime->context_desc.pipeline_cache)
        return false;
    bool saved = save(runtime);
    runtime->cache_failed = !saved;
    return saved;
}
