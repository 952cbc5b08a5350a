/* Compiled pipelines, kept in a file from one run to the next. */
#include "internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void warn(const VknRuntime *runtime, const char *what, const char *why) {
    const VknLog *log = &runtime->instance.log;
    char message[1024];
    snprintf(message, sizeof message, "%s the pipeline cache %s: %s", what, runtime->cache_path, why);
    if (log->write)
        log->write(log->user, VKN_LOG_WARNING, message);
}

/* Points `data` at what the driver may see of the file; the memory returned is the file's. */
static void *file_data(VknRuntime *runtime, const void **data, uint64_t *size) {
    VknCacheKey key;
    const char *why = NULL;
    uint64_t file_size;
    void *file = vkn_file_read(runtime->cache_path, &file_size, &why);
    if (why)
        warn(runtime, "cannot read", why);
    if (file && (vkn_cache_key(&runtime->context_desc, &key) != VKN_SUCCESS ||
                 vkn_cache_unpack(&key, file, file_size, runtime->instance.log, data, size) != VKN_SUCCESS))
        warn(runtime, "begins anew:", "see above");
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
    void *file = file_data(runtime, &data, &size);
    info.pInitialData = data;
    info.initialDataSize = size;
    VkResult made = vk->CreatePipelineCache(device, &info, NULL, cache);
    if (made != VK_SUCCESS && size) { /* the driver knows better */
        warn(runtime, "begins anew:", "the driver refuses it");
        info.initialDataSize = size = 0;
        made = vk->CreatePipelineCache(device, &info, NULL, cache);
    }
    free(file);
    VknResult result =
        vkn_check_made(&runtime->instance, made, "vkCreatePipelineCache", cache, sizeof *cache);
    /* What the driver makes of the file is what the file has: some drivers add to it at once. */
    if (result == VKN_SUCCESS && size)
        result = vkn_check(&runtime->instance,
                           vk->GetPipelineCacheData(device, *cache, &runtime->cache_saved, NULL),
                           "vkGetPipelineCacheData");
    return result;
}

bool vkn_runtime_save_cache(VknRuntime *runtime) {
    if (!runtime || !runtime->context_desc.pipeline_cache)
        return false;
    const VknVulkan *vk = &runtime->instance.vk;
    VkDevice device = runtime->context_desc.device;
    VkPipelineCache cache = runtime->context_desc.pipeline_cache;
    size_t size = 0;
    VkResult result = vk->GetPipelineCacheData(device, cache, &size, NULL);
    /* Caches only grow. */
    if (result == VK_SUCCESS && size == runtime->cache_saved)
        return true;
    const char *why = "the driver does not give its data";
    void *data = malloc(size + 1);
    if (data && result == VK_SUCCESS && vk->GetPipelineCacheData(device, cache, &size, data) == VK_SUCCESS) {
        VknCacheKey key;
        uint8_t header[VKN_CACHE_HEADER_SIZE];
        VknFilePart parts[] = {{header, sizeof header}, {data, size}};
        if (vkn_cache_key(&runtime->context_desc, &key) == VKN_SUCCESS) {
            vkn_cache_pack(&key, data, size, header);
            why = vkn_file_replace(runtime->cache_path, parts, 2);
        }
    }
    free(data);
    if (why)
        warn(runtime, "cannot write", why);
    else
        runtime->cache_saved = size;
    return !why;
}
