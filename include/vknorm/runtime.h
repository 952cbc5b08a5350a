/* vknorm runtime - a Vulkan device, buffers and a queue for programs that have no engine of their own:
 * vknorm's tests, samples and tools. Built on the public core API only; a separate library. Engines
 * that own a device do not need it.
 *
 * Threads: one VknRuntime is used by one thread at a time. Every call that touches the device waits
 * until the device is done. After DEVICE_LOST every later call that touches the device returns it; a context
 * knows of the loss that it met itself. */
#ifndef VKNORM_RUNTIME_H
#define VKNORM_RUNTIME_H

#include <vknorm/vknorm.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A device, its queue, its buffers, and a context. */
typedef struct VknRuntime VknRuntime;

/* Which device to open, and how. */
typedef struct VknRuntimeDesc {
    /* Which device: NULL or "" is the first GPU, else SwiftShader, else any other software renderer; a
     * number is the index printed by vkn_runtime_list(); anything else is a part of the device or
     * driver name, in any case ("nvidia", "swiftshader", "llvmpipe"). */
    const char *device;
    /* Enables VK_LAYER_KHRONOS_validation, counts its warnings and errors and passes them to the log. What
     * it says of its own settings is not counted. The layer must be installed: INVALID_ARGUMENT if not. */
    bool validation;
    /* NULL, or lowered capabilities, see VknContextDesc.caps. */
    const VknCaps *caps;
    VknLog log; /* of the runtime, its context, and the validation layer */
    /* NULL, or the file where compiled pipelines are kept from one run to the next, by any number of
     * processes at once. It is read by vkn_runtime_create() and written by vkn_runtime_save_cache() and at
     * the end. A file that is damaged, not this device's and driver's, or that other users may write to, is
     * not used and written anew: vkn_cache_unpack(). No trouble with the file is an error: the log tells of
     * it, at WARNING level when it is read, and pipelines are compiled as if there were none. The string is
     * copied. */
    const char *cache_path;
    /* NULL, or the file where vkn_runtime_save_tuning() keeps what vkn_runtime_tune() found, likewise:
     * vkn_tuning_unpack(). */
    const char *tuning_path;
} VknRuntimeDesc;

/* Facts about a device. */
typedef struct VknRuntimeInfo {
    uint32_t index;        /* among the devices of vkn_runtime_list() */
    char device_name[256]; /* VkPhysicalDeviceProperties.deviceName */
    char driver_name[256]; /* VkPhysicalDeviceDriverProperties.driverName */
    char driver_info[256]; /* likewise; may be empty */
    uint32_t api_version;  /* VK_MAKE_API_VERSION encoding */
    bool gpu;              /* false: a software renderer */
    bool timestamps;       /* vkn_runtime_run() reports the device's own clock, else the host's */
} VknRuntimeInfo;

/* Calls `each` for every device of the machine that has Vulkan 1.1 and a compute queue, in index order.
 * Errors: INVALID_ARGUMENT; UNSUPPORTED when there is no Vulkan loader or no such device;
 * OUT_OF_HOST_MEMORY, OUT_OF_DEVICE_MEMORY, DRIVER. */
VKN_API VknResult vkn_runtime_list(VknLog log, void (*each)(void *user, const VknRuntimeInfo *info),
                                   void *user);

/* Opens a device with a compute queue and creates a context on it. Errors: INVALID_ARGUMENT when no
 * device matches (the log lists those there are), UNSUPPORTED when there is none, those of
 * vkn_context_create(). */
VKN_API VknResult vkn_runtime_create(const VknRuntimeDesc *desc, VknRuntime **runtime);

/* Waits for the device, then destroys the context, every buffer that is left, and the device. Plans and
 * bindings of the context must have been destroyed: what is left of them is found by validation now, when
 * there is no count to read any more, and goes to the log at ERROR level. */
VKN_API void vkn_runtime_destroy(VknRuntime *runtime);

/* Writes the pipelines that were compiled so far to VknRuntimeDesc.cache_path, unless the file that was read
 * had them all: to a file beside it first, which then takes its place, so that there is no moment at which
 * others see a part of it. vkn_runtime_destroy() does this, too, and says nothing if the last call failed.
 * Returns whether the file is now complete; the log says why it is not. */
VKN_API bool vkn_runtime_save_cache(VknRuntime *runtime);

/* Facts about the open device. Valid until it is destroyed. */
VKN_API const VknRuntimeInfo *vkn_runtime_info(const VknRuntime *runtime);

/* The core context. Owned by the runtime. Its VknContextDesc.texel_buffers is true: buffers that are not the
 * runtime's need that usage, too. */
VKN_API VknContext *vkn_runtime_context(VknRuntime *runtime);

/* vkn_context_self_test() with the runtime's queue and memory. Errors: the same. */
VKN_API VknResult vkn_runtime_self_test(VknRuntime *runtime, VknSelfTestInfo *info);

/* vkn_plan_tune() with the runtime's queue and memory: times by the device's clock where it has one, else
 * from submission to completion; what takes less than a millisecond is recorded several times over, with
 * barriers between. The tensors stay where they are, so that those that fit into a cache are read from there.
 * Errors: those of vkn_plan_tune(), vkn_runtime_buffer_create(), vkn_bindings_create() and
 * vkn_runtime_time(). */
VKN_API VknResult vkn_runtime_tune(VknRuntime *runtime, const VknDesc *desc, VknTuneInfo *info);

/* Writes what the context knows by tuning to VknRuntimeDesc.tuning_path, with what other processes have
 * written there since, in the way of vkn_runtime_save_cache(); vkn_runtime_destroy() does this, too. Returns
 * whether the file is now complete; the log says why it is not. */
VKN_API bool vkn_runtime_save_tuning(VknRuntime *runtime);

/* What vkn_context_create() was given: the handles, for programs that make Vulkan calls of their own. */
VKN_API const VknContextDesc *vkn_runtime_context_desc(const VknRuntime *runtime);

/* Validation messages so far; 0 without VknRuntimeDesc.validation. */
VKN_API uint32_t vkn_runtime_validation_count(const VknRuntime *runtime);

/* Creates a buffer of `size` bytes (at least 1) in device memory, for storage, texel reads and transfers.
 * Contents are undefined. Errors: INVALID_ARGUMENT, OUT_OF_HOST_MEMORY, OUT_OF_DEVICE_MEMORY, DEVICE_LOST. */
VKN_API VknResult vkn_runtime_buffer_create(VknRuntime *runtime, uint64_t size, VknBuffer *buffer);

/* Destroys a buffer of the runtime's; VK_NULL_HANDLE is allowed. */
VKN_API void vkn_runtime_buffer_destroy(VknRuntime *runtime, VkBuffer buffer);

/* Copies `size` bytes from or to host memory and waits; `offset` counts from buffer->offset and, like
 * `size`, is a multiple of 4. Errors: INVALID_ARGUMENT when the range leaves the VknBuffer, or that the
 * runtime's buffer; DEVICE_LOST, DRIVER. */
VKN_API VknResult vkn_runtime_upload(VknRuntime *runtime, const VknBuffer *buffer, uint64_t offset,
                                     const void *data, uint64_t size);
/* The way back, see above. */
VKN_API VknResult vkn_runtime_download(VknRuntime *runtime, const VknBuffer *buffer, uint64_t offset,
                                       void *data, uint64_t size);

/* Records a plan of a context on the runtime's device `repeat` times (at least 1) with barriers between,
 * submits once, waits. If `seconds` is not NULL it receives the time of one repetition: device timestamps
 * where they are valid, else host time from submission to completion. Errors: those of vkn_plan_record(),
 * OUT_OF_DEVICE_MEMORY, DEVICE_LOST. */
VKN_API VknResult vkn_runtime_run(VknRuntime *runtime, const VknPlan *plan, const VknBindings *bindings,
                                  const VknRecordInfo *info, uint32_t repeat, double *seconds);

/* The same for vkCmdCopyBuffer of `size` bytes, a multiple of 4 and not 0, between two buffers or ranges of
 * one that do not overlap: the device's copy bandwidth is 2 * size / seconds. */
VKN_API VknResult vkn_runtime_copy(VknRuntime *runtime, const VknBuffer *from, const VknBuffer *to,
                                   uint64_t size, uint32_t repeat, double *seconds);

/* The most parts that vkn_runtime_time() times at once. */
#define VKN_RUNTIME_MOST_PARTS 32

/* Records part `part` into `commands`, for vkn_runtime_time(). */
typedef VknResult (*VknRecordPart)(void *user, uint32_t part, VkCommandBuffer commands);

/* Times what the caller records: `record` writes part `part` of `count` into `commands`, by vkn_plan_record()
 * or by Vulkan calls of its own, and is called once or twice for each part, in order. Barriers stand between
 * the parts. seconds[part] receives its time: on a GPU with timestamps all parts are one submission with a
 * timestamp after each; else, and on software renderers, every part is submitted on its own, and the time is
 * the host's, from submission to completion. Errors: what `record` returns, INVALID_ARGUMENT, DEVICE_LOST,
 * OUT_OF_DEVICE_MEMORY. */
VKN_API VknResult vkn_runtime_time(VknRuntime *runtime, uint32_t count, VknRecordPart record, void *user,
                                   double *seconds);

#ifdef __cplusplus
}
#endif

#endif
