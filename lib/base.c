#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *vkn_result_name(VknResult result) {
    switch (result) {
    case VKN_SUCCESS:
        return "SUCCESS";
    case VKN_ERROR_INVALID_ARGUMENT:
        return "ERROR_INVALID_ARGUMENT";
    case VKN_ERROR_UNSUPPORTED:
        return "ERROR_UNSUPPORTED";
    case VKN_ERROR_OUT_OF_HOST_MEMORY:
        return "ERROR_OUT_OF_HOST_MEMORY";
    case VKN_ERROR_OUT_OF_DEVICE_MEMORY:
        return "ERROR_OUT_OF_DEVICE_MEMORY";
    case VKN_ERROR_DEVICE_LOST:
        return "ERROR_DEVICE_LOST";
    case VKN_ERROR_DRIVER:
        return "ERROR_DRIVER";
    }
    return "an unknown VknResult";
}

void *vkn_host_alloc(const VknHost *host, size_t size) {
    const VkAllocationCallbacks *a = host->allocator;
    void *memory =
        a ? a->pfnAllocation(a->pUserData, size, _Alignof(max_align_t), VK_SYSTEM_ALLOCATION_SCOPE_OBJECT)
          : malloc(size);
    if (memory)
        memset(memory, 0, size);
    else
        vkn_host_log(host, VKN_LOG_ERROR, "no host memory: %zu bytes were refused", size);
    return memory;
}

void vkn_host_free(const VknHost *host, void *memory) {
    if (!memory)
        return;
    if (host->allocator)
        host->allocator->pfnFree(host->allocator->pUserData, memory);
    else
        free(memory);
}

void vkn_host_log(const VknHost *host, VknLogLevel level, const char *format, ...) {
    char message[512];
    va_list arguments;
    if (!host->log.write)
        return;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    host->log.write(host->log.user, level, message);
}
