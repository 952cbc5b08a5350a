/* The parts of the runtime, each using only those before it:
 *
 *     platform   the Vulkan loader's library, the host's clock
 *     file       whole files
 *     instance   Vulkan functions, VkInstance, validation, log
 *     device     which devices there are, and which one is meant
 *     cache      compiled pipelines, kept in a file
 *     memory     buffers, and the staging buffer they are filled through
 *     run        command buffer, submission, time
 *     tune       what takes the least time, kept in a file
 *     runtime    opens and closes all of it
 *
 * Vulkan functions live in a table per runtime, as in the core: a process may hold several runtimes, one
 * with validation and one without, beside a host program that has loaded Vulkan in its own way. */
#ifndef VKNORM_RUNTIME_INTERNAL_H
#define VKNORM_RUNTIME_INTERNAL_H

#define VK_NO_PROTOTYPES
#include <vknorm/runtime.h>

#include <stdatomic.h>
#include <stddef.h>

/* The headers of Vulkan 1.2.131 are new enough: what came later goes by its older name, or by this. */
#define VKN_API_VERSION_1_3 VK_MAKE_VERSION(1, 3, 0)

/* --------------------------------------------------------------------------------------- platform */

/* Opens the Vulkan loader; NULL if the machine has none. */
void *vkn_loader_open(PFN_vkGetInstanceProcAddr *get_instance_proc_addr);
void vkn_loader_close(void *loader);

/* Seconds since some fixed moment; never goes back. */
double vkn_clock_seconds(void);

/* ------------------------------------------------------------------------------------------- file */

/* Reads a regular file that no other user can have written; NULL with `why` when that cannot be done. The
 * caller frees the memory. A missing file is NULL without `why`. */
void *vkn_file_read(const char *path, uint64_t *size, const char **why);

/* Puts the parts, one after the other, in the place of a file, in one step that is all or nothing. Returns
 * NULL, or why it could not. */
typedef struct VknFilePart {
    const void *bytes;
    uint64_t size;
} VknFilePart;
const char *vkn_file_replace(const char *path, const VknFilePart *parts, uint32_t part_count);

/* Says what went wrong with a file: tell(log, VKN_LOG_WARNING, "cannot read", "pipeline cache", path, why).
 */
void vkn_file_tell(const VknLog *log, VknLogLevel level, const char *what, const char *kind, const char *path,
                   const char *why);

/* --------------------------------------------------------------------------------------- instance */

/* DestroyInstance first: without the others the instance can still be destroyed. DestroyDevice before there
 * is a device. */
#define VKN_INSTANCE_FUNCTIONS(X)                                                                            \
    X(DestroyInstance)                                                                                       \
    X(CreateDevice)                                                                                          \
    X(DestroyDevice)                                                                                         \
    X(EnumerateDeviceExtensionProperties)                                                                    \
    X(EnumeratePhysicalDevices)                                                                              \
    X(GetDeviceProcAddr)                                                                                     \
    X(GetPhysicalDeviceFeatures2)                                                                            \
    X(GetPhysicalDeviceMemoryProperties)                                                                     \
    X(GetPhysicalDeviceProperties)                                                                           \
    X(GetPhysicalDeviceProperties2)                                                                          \
    X(GetPhysicalDeviceQueueFamilyProperties)

#define VKN_DEVICE_FUNCTIONS(X)                                                                              \
    X(AllocateCommandBuffers)                                                                                \
    X(AllocateMemory)                                                                                        \
    X(BeginCommandBuffer)                                                                                    \
    X(BindBufferMemory)                                                                                      \
    X(CmdCopyBuffer)                                                                                         \
    X(CmdPipelineBarrier)                                                                                    \
    X(CmdResetQueryPool)                                                                                     \
    X(CmdWriteTimestamp)                                                                                     \
    X(CreateBuffer)                                                                                          \
    X(CreateCommandPool)                                                                                     \
    X(CreatePipelineCache)                                                                                   \
    X(CreateQueryPool)                                                                                       \
    X(DestroyBuffer)                                                                                         \
    X(DestroyCommandPool)                                                                                    \
    X(DestroyPipelineCache)                                                                                  \
    X(DestroyQueryPool)                                                                                      \
    X(DeviceWaitIdle)                                                                                        \
    X(EndCommandBuffer)                                                                                      \
    X(FlushMappedMemoryRanges)                                                                               \
    X(FreeMemory)                                                                                            \
    X(GetBufferMemoryRequirements)                                                                           \
    X(GetDeviceQueue)                                                                                        \
    X(GetPipelineCacheData)                                                                                  \
    X(GetQueryPoolResults)                                                                                   \
    X(InvalidateMappedMemoryRanges)                                                                          \
    X(MapMemory)                                                                                             \
    X(QueueSubmit)                                                                                           \
    X(QueueWaitIdle)                                                                                         \
    X(ResetCommandPool)

typedef struct VknVulkan {
    PFN_vkGetInstanceProcAddr GetInstanceProcAddr;
#define X(name) PFN_vk##name name;
    VKN_INSTANCE_FUNCTIONS(X)
    VKN_DEVICE_FUNCTIONS(X)
#undef X
} VknVulkan;

/* The loader and a VkInstance. Zero is a closed one. */
typedef struct VknInstance {
    VknLog log;
    void *loader;
    VknVulkan vk;
    VkInstance handle;
    uint32_t api_version;
    bool lost;                          /* the device, for good */
    VkDebugUtilsMessengerEXT messenger; /* only with validation */
    PFN_vkVoidFunction messenger_destroy;
    atomic_uint message_count; /* counted by whichever thread makes the faulty call */
} VknInstance;

/* Opens the loader and creates an instance. On failure the instance is to be closed all the same. */
VknResult vkn_instance_open(VknInstance *instance, const VknLog *log, bool validation);
void vkn_instance_close(VknInstance *instance);

/* Looks up a function; VK_NULL_HANDLE for one that needs no instance. Logs it if there is none. */
VknResult vkn_function_find(VknInstance *instance, VkInstance of, const char *name,
                            PFN_vkVoidFunction *function);

/* Loads the table's device functions. */
VknResult vkn_instance_load_device(VknInstance *instance, VkDevice device);

/* Whether the device, or for VK_NULL_HANDLE the instance, offers an extension. */
VknResult vkn_extension_find(VknInstance *instance, VkPhysicalDevice device, const char *name, bool *found);

/* Logs a sentence at ERROR level and returns `result`. */
VknResult vkn_fail(const VknLog *log, VknResult result, const char *format, ...);

/* The VknResult of what the Vulkan function `call` returned; logs it if that is an error, and latches the
 * loss of the device. */
VknResult vkn_check(VknInstance *instance, VkResult result, const char *call);

/* The same for a function that makes *handle, which is undefined when it fails: it becomes VK_NULL_HANDLE. */
#define VKN_CHECK_MADE(instance, result, call, handle)                                                       \
    vkn_check_made(instance, result, call, handle, sizeof *(handle))
VknResult vkn_check_made(VknInstance *instance, VkResult result, const char *call, void *handle, size_t size);

/* ----------------------------------------------------------------------------------------- device */

typedef struct VknDevice {
    VkPhysicalDevice handle;
    VknRuntimeInfo info;
    VkDriverId driver;       /* 0 when the driver does not say */
    uint32_t api_version;    /* the lower of the device's and the instance's */
    uint32_t queue_family;   /* the first that has compute */
    uint32_t timestamp_bits; /* of that queue family */
    double tick_seconds;     /* from one timestamp value to the next */
} VknDevice;

/* Lists the devices that the runtime can open, at least one. The caller frees the array. */
VknResult vkn_device_list(VknInstance *instance, VknDevice **devices, uint32_t *count);

/* Copies the device that `wanted` names, see VknRuntimeDesc.device, to `device`. */
VknResult vkn_device_choose(VknInstance *instance, const char *wanted, VknDevice *device);

/* ---------------------------------------------------------------------------------------- runtime */

/* A buffer and its memory. All that are alive form a list. */
typedef struct VknAllocation {
    VkBuffer buffer;
    VkDeviceMemory memory;
    uint64_t size;
    void *mapped; /* staging only */
    struct VknAllocation *next;
} VknAllocation;

/* One before the first part of a submission, one after each. */
#define VKN_STAMP_COUNT (VKN_RUNTIME_MOST_PARTS + 1)

struct VknRuntime {
    VknInstance instance;
    VknDevice device;
    VkPhysicalDeviceSubgroupSizeControlFeaturesEXT subgroup_features;
    VknCaps caps;
    VknContextDesc context_desc;
    VknContext *context;
    char *cache_path; /* NULL: none */
    VknCacheKey cache_key;
    size_t cache_saved;               /* bytes of data that need no saving */
    char *tuning_path;                /* NULL: none */
    bool cache_failed, tuning_failed; /* to be saved when that was last tried, and the log has said why */
    VkQueue queue;
    VkCommandPool command_pool;
    VkCommandBuffer commands;
    VkQueryPool timestamps; /* VKN_STAMP_COUNT; VK_NULL_HANDLE if the queue has no clock */
    bool pending;           /* submitted, and waiting for it failed */
    VknAllocation *allocations;
    VknAllocation *staging;
};

/* Creates context_desc.pipeline_cache, with what the file holds if that can be trusted. */
VknResult vkn_cache_open(VknRuntime *runtime, const char *path);

/* Gives the context what the file of tuned strategies holds, if that can be trusted. */
VknResult vkn_tuning_open(VknRuntime *runtime, const char *path);

/* Creates the staging buffer. */
VknResult vkn_staging_create(VknRuntime *runtime);

/* Destroys every allocation, the staging buffer too. */
void vkn_allocations_destroy(VknRuntime *runtime);

/* Waits for what is pending still. Every call that touches the device begins with this one: it fails when the
 * device is lost. */
VknResult vkn_commands_wait(VknRuntime *runtime);

/* Begins the runtime's command buffer. Commands that are recorded into it next see what all earlier
 * submissions wrote. */
VknResult vkn_commands_begin(VknRuntime *runtime);

/* Orders all commands before against all that come after. */
void vkn_commands_barrier(VknRuntime *runtime);

/* Ends the command buffer, submits it and waits. `seconds`, if not NULL, receives the time of each of the
 * `repeat` equal parts that it consists of. */
VknResult vkn_commands_submit(VknRuntime *runtime, uint32_t repeat, double *seconds);

#endif
