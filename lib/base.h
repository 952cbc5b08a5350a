/* What every file of the core may use: arithmetic, log, host memory. */
#ifndef VKN_BASE_H
#define VKN_BASE_H

#include <stddef.h>

#include <vknorm/vknorm.h>

/* Where a call takes host memory from and sends messages to. */
typedef struct VknHost {
    const VkAllocationCallbacks *allocator; /* NULL: malloc and free */
    VknLog log;
} VknHost;

/* Returns zeroed memory, or NULL after logging. Released with vkn_host_free(). */
void *vkn_host_alloc(const VknHost *host, size_t size);
void vkn_host_free(const VknHost *host, void *memory);

#if defined(__MINGW32__) && !defined(__clang__)
__attribute__((format(gnu_printf, 3, 4))) /* as C11 has it, which MinGW's own printf() then is */
#elif defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void vkn_host_log(const VknHost *host, VknLogLevel level, const char *format, ...);

/* Logs an error and returns `result`: return VKN_FAIL(host, INVALID_ARGUMENT, "rank must be ..."); */
#define VKN_FAIL(host, code, ...) (vkn_host_log(host, VKN_LOG_ERROR, __VA_ARGS__), VKN_ERROR_##code)

static inline uint64_t vkn_min(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static inline uint64_t vkn_max(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static inline uint64_t vkn_divide_up(uint64_t a, uint64_t b) {
    return a / b + (a % b != 0);
}

static inline uint64_t vkn_round_up(uint64_t a, uint64_t multiple) {
    return vkn_divide_up(a, multiple) * multiple;
}

#endif
