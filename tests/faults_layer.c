#include "faults_objects.h"

#include <stdio.h>
#include <string.h>

#include "runtime/internal.h"

Faults faults;

/* Functions that the library gets from the layer instead, and the real ones. */
#define FUNCTIONS(F)                                                                                         \
    FAULT_CREATES(F)                                                                                         \
    FAULT_CALLS(F)                                                                                           \
    FAULT_OTHERS(F)                                                                                          \
    FAULT_DESTROYS(F)                                                                                        \
    FAULT_COMMANDS(F) F(DestroyDevice, ) F(DestroyInstance, ) F(DestroyPipeline, ) F(GetDeviceProcAddr, )
enum {
#define FUNCTION(name, ...) FUNCTION_##name,
    FUNCTIONS(FUNCTION)
#undef FUNCTION
        FUNCTION_COUNT
};

static PFN_vkVoidFunction reals[FUNCTION_COUNT];
static PFN_vkGetInstanceProcAddr real_get;
static uint32_t depth;     /* calls of the driver under way */
static VkDevice submitted; /* device with work that nobody waited for */

#define REAL(name) ((PFN_vk##name)reals[FUNCTION_##name])

bool faults_in_driver(void) {
    return depth > 0;
}

void faults_violation(const char *what, const char *name) {
    faults.violations++;
    printf("    %s %s\n", what, name);
}

void faults_begin(const Fault *fault) {
    bool share = faults.share;
    memset(&faults, 0, sizeof faults);
    faults.share = share;
    faults.fault = *fault;
}

void faults_end(void) {
    faults.fault.number = 0;
}

VkResult fault_next(FaultPoint point) {
    const Fault *f = &faults.fault;
    if (!faults.watching)
        return VK_SUCCESS;
    uint32_t number = ++faults.calls[point];
    if (point != f->point || !f->number || number < f->number || (number > f->number && !f->for_good))
        return VK_SUCCESS;
    faults.injected++;
    return f->result;
}

/* The same for a function of Vulkan. */
static VkResult enter(FaultPoint point) {
    faults.entries++;
    VkResult result = fault_next(point);
    if (result == VK_ERROR_DEVICE_LOST && submitted) { /* a lost device runs nothing any more */
        REAL(DeviceWaitIdle)(submitted);
        submitted = VK_NULL_HANDLE;
    }
    return result;
}

/* ----------------------------------------------------------------------------------------- objects */

static bool forget(uint32_t kind, uint64_t handle, uint64_t *tag, const char *name) {
    if (handle && submitted)
        faults_violation("commands are pending in", name);
    return live_remove(kind, handle, tag, name);
}

static uint64_t hash_of(const VkShaderModuleCreateInfo *info) {
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < info->codeSize / 4; i++)
        hash = (hash ^ info->pCode[i]) * 1099511628211u;
    return hash | 1;
}

static uint64_t tag_of(FaultPoint point, const void *info) {
    return point == FAULT_CreateShaderModule ? hash_of(info) : 0;
}

/* Of functions that have no output. */
static char nothing;
#define NO_OUTPUT (&nothing)

static void spoil(void *output, size_t size) {
    if (faults.fault.poison)
        memset(output, 0xA5, size);
}
#define POISON(output) spoil(output, sizeof *(output))

#define CREATE(name, object, parent, info, ...)                                                              \
    static VKAPI_ATTR VkResult VKAPI_CALL layer_##name(parent p, const info *i,                              \
                                                       const VkAllocationCallbacks *a, Vk##object *o) {      \
        VkResult result = enter(FAULT_##name);                                                               \
        if (result) {                                                                                        \
            POISON(o);                                                                                       \
            return result;                                                                                   \
        }                                                                                                    \
        depth++;                                                                                             \
        result = REAL(name)(p, i, faults.share ? NULL : a, o);                                               \
        depth--;                                                                                             \
        if (!result)                                                                                         \
            live_add(KIND_##object, HANDLE(*o), tag_of(FAULT_##name, i));                                    \
        return result;                                                                                       \
    }
FAULT_CREATES(CREATE)
#undef CREATE

#define DESTROY(name, object, parent)                                                                        \
    static VKAPI_ATTR void VKAPI_CALL layer_##name(parent p, Vk##object o, const VkAllocationCallbacks *a) { \
        uint64_t tag;                                                                                        \
        faults.entries++;                                                                                    \
        depth++;                                                                                             \
        if (forget(KIND_##object, HANDLE(o), &tag, #name))                                                   \
            REAL(name)(p, o, faults.share ? NULL : a);                                                       \
        depth--;                                                                                             \
    }
FAULT_DESTROYS(DESTROY)
#undef DESTROY

static VKAPI_ATTR VkResult VKAPI_CALL layer_CreateInstance(const VkInstanceCreateInfo *info,
                                                           const VkAllocationCallbacks *allocator,
                                                           VkInstance *instance) {
    VkResult result = enter(FAULT_CreateInstance);
    if (result) {
        POISON(instance);
        return result;
    }
    result = REAL(CreateInstance)(info, allocator, instance);
    if (!result)
        live_add(KIND_Instance, HANDLE(*instance), 0);
    return result;
}

static VKAPI_ATTR void VKAPI_CALL layer_DestroyInstance(VkInstance instance,
                                                        const VkAllocationCallbacks *allocator) {
    uint64_t tag;
    if (forget(KIND_Instance, HANDLE(instance), &tag, "DestroyInstance"))
        REAL(DestroyInstance)(instance, allocator);
}

static VKAPI_ATTR void VKAPI_CALL layer_DestroyDevice(VkDevice device,
                                                      const VkAllocationCallbacks *allocator) {
    uint64_t tag;
    if (forget(KIND_Device, HANDLE(device), &tag, "DestroyDevice"))
        REAL(DestroyDevice)(device, allocator);
}

bool faults_destroy_instance(void) {
    VkInstance newest = live_newest_instance();
    if (strcmp(faults.missing, "vkDestroyInstance") != 0 || !newest)
        return false;
    layer_DestroyInstance(newest, NULL);
    return true;
}

/* --------------------------------------------------------------------------------------- pipelines */

static struct {
    VkDevice device;
    uint64_t code;
    VkPipelineShaderStageCreateFlags flags;
    VkPipeline pipeline;
} shared[512];
static uint32_t shared_count;

static VkResult shared_get(VkDevice device, VkPipelineCache cache, const VkComputePipelineCreateInfo *info,
                           VkPipeline *pipeline) {
    uint64_t code = live_tag(KIND_ShaderModule, HANDLE(info->stage.module), "CreateComputePipelines");
    uint32_t i = 0;
    while (i < shared_count &&
           !(shared[i].device == device && shared[i].code == code && shared[i].flags == info->stage.flags))
        i++;
    if (i == sizeof shared / sizeof *shared)
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    if (i == shared_count) {
        VkResult result = REAL(CreateComputePipelines)(device, cache, 1, info, NULL, &shared[i].pipeline);
        if (result)
            return result;
        shared[i].device = device;
        shared[i].code = code;
        shared[i].flags = info->stage.flags;
        shared_count++;
    }
    *pipeline = shared[i].pipeline;
    return VK_SUCCESS;
}

void faults_forget_pipelines(void) {
    while (shared_count-- > 0)
        REAL(DestroyPipeline)(shared[shared_count].device, shared[shared_count].pipeline, NULL);
    shared_count = 0;
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_CreateComputePipelines(VkDevice device, VkPipelineCache cache,
                                                                   uint32_t count,
                                                                   const VkComputePipelineCreateInfo *info,
                                                                   const VkAllocationCallbacks *allocator,
                                                                   VkPipeline *pipeline) {
    VkResult result = enter(FAULT_CreateComputePipelines);
    if (result) {
        POISON(pipeline);
        return result;
    }
    if (count != 1)
        faults_violation("the layer knows one pipeline at a time in", "CreateComputePipelines");
    depth++;
    result = faults.share ? shared_get(device, cache, info, pipeline)
                          : REAL(CreateComputePipelines)(device, cache, count, info, allocator, pipeline);
    depth--;
    if (!result)
        live_add(KIND_Pipeline, HANDLE(*pipeline), faults.share);
    return result;
}

static VKAPI_ATTR void VKAPI_CALL layer_DestroyPipeline(VkDevice device, VkPipeline pipeline,
                                                        const VkAllocationCallbacks *allocator) {
    uint64_t tag;
    faults.entries++;
    if (forget(KIND_Pipeline, HANDLE(pipeline), &tag, "DestroyPipeline") && !tag)
        REAL(DestroyPipeline)(device, pipeline, allocator);
}

/* ------------------------------------------------------------------------------------------- calls */

#define CALL(name, parameters, arguments, output, ...)                                                       \
    static VKAPI_ATTR VkResult VKAPI_CALL layer_##name parameters {                                          \
        VkResult result = enter(FAULT_##name);                                                               \
        if (result) {                                                                                        \
            POISON(output);                                                                                  \
            return result;                                                                                   \
        }                                                                                                    \
        depth++;                                                                                             \
        result = REAL(name) arguments;                                                                       \
        depth--;                                                                                             \
        return result;                                                                                       \
    }
FAULT_CALLS(CALL)
#undef CALL

#define COMMAND(name, parameters, arguments)                                                                 \
    static VKAPI_ATTR void VKAPI_CALL layer_##name parameters {                                              \
        faults.entries++;                                                                                    \
        faults.recorded++;                                                                                   \
        faults.dispatches += FUNCTION_##name == FUNCTION_CmdDispatch;                                        \
        if (c == FAULTS_NO_COMMANDS)                                                                         \
            faults_violation("a call that fails has recorded", #name);                                       \
        else                                                                                                 \
            REAL(name) arguments;                                                                            \
    }
FAULT_COMMANDS(COMMAND)
#undef COMMAND

static VkDevice device_of_queue; /* the one that was waited for or reset last is right: there is one thread */

static VKAPI_ATTR VkResult VKAPI_CALL layer_ResetCommandPool(VkDevice device, VkCommandPool pool,
                                                             VkCommandPoolResetFlags flags) {
    VkResult result = enter(FAULT_ResetCommandPool);
    device_of_queue = device;
    if (submitted)
        faults_violation("commands are pending in", "ResetCommandPool");
    return result ? result : REAL(ResetCommandPool)(device, pool, flags);
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_QueueSubmit(VkQueue queue, uint32_t count,
                                                        const VkSubmitInfo *infos, VkFence fence) {
    VkResult result = enter(FAULT_QueueSubmit);
    if (!result)
        result = REAL(QueueSubmit)(queue, count, infos, fence);
    if (!result)
        submitted = device_of_queue;
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_QueueWaitIdle(VkQueue queue) {
    VkResult result = enter(FAULT_QueueWaitIdle);
    if (!result)
        result = REAL(QueueWaitIdle)(queue);
    if (!result)
        submitted = VK_NULL_HANDLE;
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL layer_DeviceWaitIdle(VkDevice device) {
    VkResult result = enter(FAULT_DeviceWaitIdle);
    if (!result)
        result = REAL(DeviceWaitIdle)(device);
    if (!result)
        submitted = VK_NULL_HANDLE;
    return result;
}

/* ----------------------------------------------------------------------------------------- look-up */

static PFN_vkVoidFunction intercept(const char *name, PFN_vkVoidFunction real);

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL layer_GetDeviceProcAddr(VkDevice device, const char *name) {
    return intercept(name, REAL(GetDeviceProcAddr)(device, name));
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL layer_get(VkInstance instance, const char *name) {
    return intercept(name, real_get(instance, name));
}

static const struct {
    const char *name;
    PFN_vkVoidFunction layer;
} INTERCEPTED[FUNCTION_COUNT] = {
#define ROW(name, ...) {"vk" #name, (PFN_vkVoidFunction)layer_##name},
    FUNCTIONS(ROW)
#undef ROW
};

static PFN_vkVoidFunction intercept(const char *name, PFN_vkVoidFunction real) {
    if (fault_next(FAULT_lookup_of_a_function)) {
        snprintf(faults.missing, sizeof faults.missing, "%s", name);
        return NULL;
    }
    for (uint32_t i = 0; real && i < FUNCTION_COUNT; i++)
        if (strcmp(INTERCEPTED[i].name, name) == 0) {
            reals[i] = real;
            return INTERCEPTED[i].layer;
        }
    return real;
}

void faults_return_to(VkInstance instance) {
    for (uint32_t i = 0; i < FUNCTION_COUNT; i++) {
        PFN_vkVoidFunction real = real_get(instance, INTERCEPTED[i].name);
        reals[i] = real ? real : reals[i]; /* the loader's, which find the device by themselves */
    }
}

PFN_vkGetInstanceProcAddr faults_get_instance_proc_addr(void) {
    return layer_get;
}

/* In the place of the runtime's own, which is called vkn_real_loader_open() here. */
void *vkn_real_loader_open(PFN_vkGetInstanceProcAddr *get);

void *vkn_loader_open(PFN_vkGetInstanceProcAddr *get) {
    if (fault_next(FAULT_loader_open))
        return NULL;
    *get = layer_get;
    return vkn_real_loader_open(&real_get);
}
