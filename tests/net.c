/* Whether the validation layer still catches what it is there for: the library runs with one fault at a
 * time, put in between it and Vulkan, and each must give a message of its kind; without a fault there is
 * none. */
#include <vknorm/runtime.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

enum { OP_NOP = 0, OP_CONTROL_BARRIER = 224, SPIRV_HEADER_WORDS = 5 };

typedef enum FaultId {
    FAULT_NONE,
    FAULT_RACE,          /* kernels without the barriers around shared memory */
    FAULT_OUT_OF_BOUNDS, /* a binding of half the tensor */
    FAULT_NO_BARRIER,    /* nothing between dispatches */
    FAULT_LEAK,          /* pipelines that are not destroyed */
} FaultId;

typedef struct Fault {
    const char *name;
    FaultId id;
    bool in_place;       /* y lies on x */
    const char *message; /* part of the message that must come; NULL: none may */
} Fault;

static const Fault faults[] = {
    {"nothing wrong", FAULT_NONE, false, NULL},
    {"a race in shared memory", FAULT_RACE, false, "data race"},
    {"an access out of bounds", FAULT_OUT_OF_BOUNDS, false, "out of bounds"},
    {"no barrier from write to read", FAULT_NO_BARRIER, false, "READ_AFTER_WRITE"},
    {"no barrier from read to write", FAULT_NO_BARRIER, true, "WRITE_AFTER_READ"},
    {"a leak", FAULT_LEAK, false, "leaked objects"},
};

/* One at a time: Vulkan's functions have no user pointer. */
static struct {
    const Fault *fault;
    PFN_vkGetInstanceProcAddr get;
    VkInstance instance;
    VkDevice device;
    uint32_t commits; /* how often the fault was */
    uint32_t messages, expected;
} now;

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_INFO)
        return;
    now.messages++;
    if (now.fault->message && strstr(message, now.fault->message))
        now.expected++;
    else if (!now.fault->message)
        printf("    %s\n", message);
}

/* ------------------------------------------------------------------------------------------- faults */

static PFN_vkVoidFunction real(const char *name) {
    return ((PFN_vkGetDeviceProcAddr)now.get(now.instance, "vkGetDeviceProcAddr"))(now.device, name);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_without_barriers(VkDevice device,
                                                              const VkShaderModuleCreateInfo *info,
                                                              const VkAllocationCallbacks *allocator,
                                                              VkShaderModule *module) {
    VkShaderModuleCreateInfo changed = *info;
    uint32_t *code = malloc(info->codeSize);
    if (!code)
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    memcpy(code, info->pCode, info->codeSize);
    for (size_t i = SPIRV_HEADER_WORDS, words; i < info->codeSize / sizeof *code; i += words) {
        words = code[i] >> 16;
        if ((code[i] & 0xFFFF) != OP_CONTROL_BARRIER)
            continue;
        for (size_t k = 0; k < words; k++)
            code[i + k] = 1 << 16 | OP_NOP;
        now.commits++;
    }
    changed.pCode = code;
    VkResult result =
        ((PFN_vkCreateShaderModule)real("vkCreateShaderModule"))(device, &changed, allocator, module);
    free(code);
    return result;
}

static VKAPI_ATTR void VKAPI_CALL update_with_half(VkDevice device, uint32_t count,
                                                   const VkWriteDescriptorSet *writes, uint32_t copy_count,
                                                   const VkCopyDescriptorSet *copies) {
    PFN_vkUpdateDescriptorSets update = (PFN_vkUpdateDescriptorSets)real("vkUpdateDescriptorSets");
    for (uint32_t i = 0; i < count; i++) {
        VkDescriptorBufferInfo info = *writes[i].pBufferInfo;
        VkWriteDescriptorSet write = writes[i];
        info.range /= 2;
        write.pBufferInfo = &info;
        update(device, 1, &write, 0, NULL);
    }
    update(device, 0, NULL, copy_count, copies);
    now.commits++;
}

static VKAPI_ATTR void VKAPI_CALL no_barrier(VkCommandBuffer commands, VkPipelineStageFlags before,
                                             VkPipelineStageFlags after, VkDependencyFlags flags,
                                             uint32_t count, const VkMemoryBarrier *barriers,
                                             uint32_t buffer_count, const VkBufferMemoryBarrier *buffers,
                                             uint32_t image_count, const VkImageMemoryBarrier *images) {
    (void)commands, (void)before, (void)after, (void)flags, (void)count, (void)barriers, (void)buffer_count;
    (void)buffers, (void)image_count, (void)images;
    now.commits++;
}

static VKAPI_ATTR void VKAPI_CALL no_destroy(VkDevice device, VkPipeline pipeline,
                                             const VkAllocationCallbacks *allocator) {
    (void)device, (void)pipeline, (void)allocator;
    now.commits++;
}

static const struct {
    FaultId id;
    const char *name;
    PFN_vkVoidFunction function;
} functions[] = {
    {FAULT_RACE, "vkCreateShaderModule", (PFN_vkVoidFunction)create_without_barriers},
    {FAULT_OUT_OF_BOUNDS, "vkUpdateDescriptorSets", (PFN_vkVoidFunction)update_with_half},
    {FAULT_NO_BARRIER, "vkCmdPipelineBarrier", (PFN_vkVoidFunction)no_barrier},
    {FAULT_LEAK, "vkDestroyPipeline", (PFN_vkVoidFunction)no_destroy},
};

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_device(VkDevice device, const char *name) {
    (void)device;
    for (size_t i = 0; i < LENGTH(functions); i++)
        if (functions[i].id == now.fault->id && strcmp(functions[i].name, name) == 0)
            return functions[i].function;
    return real(name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_instance(VkInstance instance, const char *name) {
    return strcmp(name, "vkGetDeviceProcAddr") == 0 ? (PFN_vkVoidFunction)get_device
                                                    : now.get(instance, name);
}

/* --------------------------------------------------------------------------------------------- runs */

static void require(VknResult result, const char *what) {
    if (!result)
        return;
    printf("FAILED: %s: %s\n", what, vkn_result_name(result));
    exit(1);
}

/* A context with the fault in between, as weak as to need shared memory. */
static VknContext *open_context(VknRuntime *runtime) {
    VknContextDesc desc = *vkn_runtime_context_desc(runtime);
    VknContext *context;
    VknCaps caps;
    now.get = desc.get_instance_proc_addr;
    now.instance = desc.instance;
    now.device = desc.device;
    require(vkn_caps_query(&desc, &caps), "capabilities");
    caps.subgroup_arithmetic = caps.subgroup_shuffle = false;
    desc.caps = &caps;
    desc.get_instance_proc_addr = get_instance;
    require(vkn_context_create(&desc, &context), "context");
    return context;
}

/* Statistics and normalization in dispatches of their own, each row by a workgroup. */
static VknPlan *create_plan(VknContext *context) {
    VknDesc desc;
    VknPlan *plan;
    vkn_desc_batch_norm(&desc, VKN_OPERATION_TRAIN, 3, (uint64_t[]){2, 4, 1024}, 1, (int32_t[]){1});
    desc.roles = VKN_ROLE_BIT(VKN_ROLE_X) | VKN_ROLE_BIT(VKN_ROLE_Y);
    for (uint32_t i = 0; vkn_strategy_name(i); i++)
        if (strcmp(vkn_strategy_name(i), "row_group") == 0)
            desc.strategy = i + 1;
    require(vkn_plan_create(context, &desc, &plan), "plan");
    return plan;
}

static void run(VknRuntime *runtime, const VknPlan *plan, bool in_place) {
    static const float x[2 * 4 * 1024];
    VknBuffer buffers[VKN_ROLE_COUNT] = {{0}};
    VknBindings *bindings;
    const uint64_t *size = vkn_plan_info(plan)->size;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        if (size[role])
            require(vkn_runtime_buffer_create(runtime, size[role], &buffers[role]), "buffer");
    if (in_place)
        buffers[VKN_ROLE_Y] = buffers[VKN_ROLE_X];
    require(vkn_runtime_upload(runtime, &buffers[VKN_ROLE_X], 0, x, sizeof x), "upload");
    require(vkn_bindings_create(plan, buffers, &bindings), "bindings");
    require(vkn_runtime_run(runtime, plan, bindings, NULL, 1, NULL), "run");
    vkn_bindings_destroy(bindings);
}

/* Whether the layer said what it should. */
static bool is_caught(const char *device, const Fault *fault) {
    VknRuntime *runtime;
    VknRuntimeDesc desc = {.device = device, .validation = true, .log = {log_write, NULL}};
    memset(&now, 0, sizeof now);
    now.fault = fault;
    require(vkn_runtime_create(&desc, &runtime), "device");
    VknContext *context = open_context(runtime);
    VknPlan *plan = create_plan(context);
    run(runtime, plan, fault->in_place);
    vkn_plan_destroy(plan);
    vkn_context_destroy(context);
    vkn_runtime_destroy(runtime);
    bool right = fault->message ? now.commits > 0 && now.expected > 0 : now.messages == 0;
    printf("%s: %s, committed %u times, %u messages, %u with \"%s\"\n", right ? "passed" : "FAILED",
           fault->name, now.commits, now.messages, now.expected, fault->message ? fault->message : "");
    return right;
}

int main(int argc, char **argv) {
    const char *device = NULL;
    bool validation = false;
    uint32_t passed = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--validation"))
            validation = true;
        else if (!strcmp(argv[i], "--device") && i + 1 < argc)
            device = argv[++i];
        else
            return fprintf(stderr, "usage: net [--device NAME] [--validation]\n"), 2;
    }
    if (!validation) {
        printf("without the validation layer nothing can be caught\n0 passed, 0 failed, %zu skipped\n",
               LENGTH(faults));
        return 0;
    }
    for (size_t i = 0; i < LENGTH(faults); i++)
        passed += is_caught(device, &faults[i]);
    printf("%u passed, %zu failed, 0 skipped\n", passed, LENGTH(faults) - passed);
    return passed != LENGTH(faults);
}
