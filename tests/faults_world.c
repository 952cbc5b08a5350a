#include "faults_world.h"

#include <stdio.h>
#include <string.h>

#include <vknorm/compiler.h>

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)

static VknRuntime *device;
static VkPipelineCache cache;
static VknBuffer memory;

void world_log(void *user, VknLogLevel level, const char *message) {
    World *world = user;
    if (!world) {
        if (level == VKN_LOG_ERROR)
            printf("    %s\n", message);
        return;
    }
    if (level == VKN_LOG_WARNING && !world->warning[0])
        snprintf(world->warning, sizeof world->warning, "%s", message);
    if (level != VKN_LOG_ERROR)
        return;
    world->errors++;
    snprintf(world->sentence, sizeof world->sentence, "%s", message);
}

VknResult world_call(World *world, VknResult (*call)(World *)) {
    world->errors = 0;
    world->sentence[0] = world->warning[0] = '\0';
    faults.watching = true;
    VknResult result = call(world);
    faults.watching = false;
    return result;
}

static VkResult make_cache(const VknContextDesc *desc) {
    PFN_vkCreatePipelineCache create =
        (PFN_vkCreatePipelineCache)desc->get_instance_proc_addr(desc->instance, "vkCreatePipelineCache");
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    return create(desc->device, &info, NULL, &cache);
}

static VknResult compile_in(VknContext *context, VknActivationId *id) {
    const VknCustomActivation custom = {
        .name = "of faults", .value = "z * sigmoid(z + p0)", .derivative = "sigmoid(z)"};
    return vkn_activation_compile(context, vkn_compiler_glslang(), &custom, NULL, 0, id);
}

bool world_open(const char *name) {
    const VknRuntimeDesc desc = {.device = name, .log = {world_log, NULL}};
    VknActivationId id;
    if (vkn_runtime_create(&desc, &device) != VKN_SUCCESS)
        return false;
    /* The first activation makes the compiler start, the last one makes it stop: this one lasts. */
    if (vkn_compiler_glslang() && compile_in(vkn_runtime_context(device), &id) != VKN_SUCCESS)
        return false;
    return vkn_runtime_buffer_create(device, sizeof(uint32_t[WORLD_WORDS]), &memory) == VKN_SUCCESS &&
           make_cache(vkn_runtime_context_desc(device)) == VK_SUCCESS;
}

void world_close(void) {
    const VknContextDesc *desc = vkn_runtime_context_desc(device);
    ((PFN_vkDestroyPipelineCache)desc->get_instance_proc_addr(desc->instance, "vkDestroyPipelineCache"))(
        desc->device, cache, NULL);
    faults_forget_pipelines();
    vkn_runtime_destroy(device);
}

const VknRuntimeInfo *world_device(void) {
    return vkn_runtime_info(device);
}

void world_return(void) {
    faults_return_to(vkn_runtime_context_desc(device)->instance);
}

/* -------------------------------------------------------------------------------------- descriptions */

#define SHAPE                                                                                                \
    4, (uint64_t[]) {                                                                                        \
        2, 6, 3, 5                                                                                           \
    }

static void describe_train(VknDesc *desc) {
    vkn_desc_batch_norm(desc, VKN_OPERATION_TRAIN, SHAPE, 1, (int32_t[]){1});
    desc->roles |= BIT(MEAN) | BIT(INV_STD);
    while (strcmp(vkn_strategy_name(desc->strategy++), "column") != 0) /* three dispatches */
        ;
}

static void describe_gradient(VknDesc *desc) {
    vkn_desc_batch_norm(desc, VKN_OPERATION_TRAIN_GRADIENT, SHAPE, 1, (int32_t[]){1});
    desc->roles |= BIT(MASK) | BIT(ACTIVATION_MASK);
    desc->activation = vkn_activation_default(VKN_ACTIVATION_RELU);
}

static void describe_softmax(VknDesc *desc) {
    vkn_desc_softmax(desc, VKN_OPERATION_TRAIN, SHAPE, 1, (int32_t[]){-1});
}

static void describe_reduce(VknDesc *desc) {
    vkn_desc_reduce(desc, VKN_STATISTIC_MAX, SHAPE, 2, (int32_t[]){0, 2});
    desc->roles |= BIT(INDEX);
}

static void describe_group(VknDesc *desc) {
    vkn_desc_group_norm(desc, VKN_OPERATION_TRAIN, SHAPE, 1, 2);
    desc->roles |= BIT(RESIDUAL);
    desc->activation = vkn_activation_default(VKN_ACTIVATION_SILU);
}

static void describe_boxes(VknDesc *desc) {
    vkn_desc_batch_norm(desc, VKN_OPERATION_TRAIN, 4, (uint64_t[]){3, 2, 30, 20}, 1, (int32_t[]){1});
}

static void describe_activation(VknDesc *desc) {
    vkn_desc_activation(desc, VKN_OPERATION_APPLY, SHAPE, vkn_activation_default(VKN_ACTIVATION_RELU));
}

static void describe_empty(VknDesc *desc) {
    vkn_desc_batch_norm(desc, VKN_OPERATION_TRAIN, 2, (uint64_t[]){0, 4}, 1, (int32_t[]){1});
}

VknDesc world_describe(const World *world, uint32_t plan) {
    VknDesc desc;
    if (plan == 0) {
        world->scenario->describe(&desc);
    } else { /* the second plan is the same everywhere, and needs pipelines of its own */
        vkn_desc_batch_norm(&desc, VKN_OPERATION_APPLY, SHAPE, 1, (int32_t[]){1});
        desc.activation = vkn_activation_default(VKN_ACTIVATION_CELU);
    }
    if (plan == 0 && world->scenario->custom)
        desc.activation.id = world->custom;
    return desc;
}

/* --------------------------------------------------------------------------------------------- core */

static VknContextDesc context_desc_of(World *world) {
    VknContextDesc desc = *vkn_runtime_context_desc(device);
    desc.get_instance_proc_addr = faults_get_instance_proc_addr();
    desc.log = (VknLog){world_log, world};
    desc.pipeline_cache = world->scenario->cache ? cache : VK_NULL_HANDLE;
    world->callbacks = faults_callbacks();
    desc.allocator = world->scenario->callbacks ? &world->callbacks : NULL;
    return desc;
}

static VknResult query(World *world) {
    VknContextDesc desc = context_desc_of(world);
    VknCaps caps, before;
    memset(&before, 0x5A, sizeof before);
    memcpy(&caps, &before, sizeof caps);
    VknResult result = vkn_caps_query(&desc, &caps);
    if (result && memcmp(&caps, &before, sizeof caps))
        faults_violation("the output was touched by", "vkn_caps_query");
    world->caps = caps;
    return result;
}

static VknResult create_context(World *world) {
    VknContextDesc desc = context_desc_of(world);
    VknCaps lowered = world->caps;
    if (world->scenario->max_storage_range)
        lowered.max_storage_range = world->scenario->max_storage_range;
    desc.caps = &lowered;
    WITH_OUTPUT(world->context, vkn_context_create(&desc, &world->context));
}

static VknResult compile(World *world) {
    VknActivationId id = VKN_ACTIVATION_TANH;
    VknResult result = compile_in(world->context, &id);
    if (result && id != VKN_ACTIVATION_TANH)
        faults_violation("the output was touched by", "vkn_activation_compile");
    world->custom = id;
    return result;
}

static VknResult create_plan(World *world, uint32_t plan) {
    VknDesc desc = world_describe(world, plan);
    WITH_OUTPUT(world->plans[plan], vkn_plan_create(world->context, &desc, &world->plans[plan]));
}

VknResult world_bind(World *world, uint32_t plan, VknBuffer in) {
    const uint64_t *size = vkn_plan_info(world->plans[plan])->size;
    VknBuffer buffers[VKN_ROLE_COUNT] = {{0}};
    uint64_t offset = 0;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        if (size[role])
            buffers[role] = (VknBuffer){in.buffer, offset, size[role]};
        offset += (size[role] + 67) / 4 * 4; /* apart, and not aligned */
    }
    if (offset > in.size)
        faults_violation("the memory is too small in", world->scenario->name);
    WITH_OUTPUT(world->bindings[plan],
                vkn_bindings_create(world->plans[plan], buffers, &world->bindings[plan]));
}

const uint32_t *world_input(void) {
    static uint32_t words[WORLD_WORDS];
    for (uint32_t i = 0; i < WORLD_WORDS; i++)
        words[i] = 0x3F800000u + (i * 7919u & 0x7FFFFFu); /* 1 to 2 */
    return words;
}

/* Runs on the device's own runtime, from memory that is always the same. */
static VknResult run(World *world, uint32_t plan) {
    VknResult result = vkn_runtime_upload(device, &memory, 0, world_input(), memory.size);
    uint32_t dispatches = faults.dispatches;
    uint32_t allocations =
        faults.calls[FAULT_allocation_by_callback] + faults.calls[FAULT_allocation_by_malloc];
    if (!result)
        result = vkn_runtime_run(device, world->plans[plan], world->bindings[plan], NULL, 1, NULL);
    if (faults.dispatches - dispatches != vkn_plan_info(world->plans[plan])->dispatch_count)
        faults_violation("more or less was recorded than vkn_plan_info() says by", world->scenario->name);
    if (allocations != faults.calls[FAULT_allocation_by_callback] + faults.calls[FAULT_allocation_by_malloc])
        faults_violation("host memory was taken by", "vkn_plan_record");
    return result ? result : vkn_runtime_download(device, &memory, 0, world->output[plan], memory.size);
}

static VknResult create_bindings(World *world, uint32_t plan) {
    return world_bind(world, plan, memory);
}

#define OF_PLAN(name, number)                                                                                \
    static VknResult name##_##number(World *world) {                                                         \
        return name(world, number);                                                                          \
    }
OF_PLAN(create_plan, 0)
OF_PLAN(create_plan, 1)
OF_PLAN(create_bindings, 0)
OF_PLAN(create_bindings, 1)
OF_PLAN(run, 0)
OF_PLAN(run, 1)

static VknResult record_nowhere(World *world) {
    return vkn_plan_record(world->plans[0], world->bindings[0], FAULTS_NO_COMMANDS, NULL);
}

static VknResult bind_again(World *world) {
    VknBindings *made = world->bindings[0];
    VknResult result = create_bindings(world, 0);
    world->bindings[0] = made;
    return result;
}

static VknResult plan_again(World *world) {
    VknPlan *made = world->plans[0];
    VknResult result = create_plan(world, 0);
    world->plans[0] = made;
    return result;
}

static VknResult tell_time(void *user, uint32_t count, const VknPlan *const plans[], uint32_t rounds,
                           double *seconds) {
    (void)user;
    for (uint32_t i = 0; i < rounds * count; i++)
        seconds[i] = 1 + 1.0 / vkn_plan_info(plans[i % count])->strategy;
    return VKN_SUCCESS;
}

VknResult world_tune(World *world, VknContext *context) {
    const VknTimer timer = {tell_time, NULL};
    VknTuneInfo info, before;
    VknDesc desc = world_describe(world, 0);
    memset(&before, 0x5A, sizeof before);
    memcpy(&info, &before, sizeof info);
    VknResult result = vkn_plan_tune(context, &desc, &timer, &info);
    if (result && memcmp(&info, &before, sizeof info))
        faults_violation("the output was touched by", "vkn_plan_tune");
    return result;
}

static VknResult tune(World *world) {
    return world_tune(world, world->context);
}

/* Through memory, to where it came from. */
static VknResult pack(World *world) {
    const VknCacheKey key = {.vendor_id = 1};
    uint8_t bytes[1024];
    uint64_t size = sizeof bytes;
    VknResult result = vkn_tuning_pack(world->context, &key, bytes, &size);
    return result ? result : vkn_tuning_unpack(world->context, &key, bytes, size);
}

/* Without a call of Vulkan, or an object. */
bool world_says_lost(World *world, VknResult (*call)(World *)) {
    uint32_t entries = faults.entries;
    VknResult result = world_call(world, call);
    return result == VKN_ERROR_DEVICE_LOST && world->errors == 1 && faults.entries == entries;
}

static bool core_is_lost(World *world) {
    return !world->context ||
           (world_says_lost(world, plan_again) && (!world->plans[0] || world_says_lost(world, bind_again)) &&
            (!world->bindings[0] || world_says_lost(world, record_nowhere)) &&
            (!world->scenario->custom || world_says_lost(world, compile)));
}

static void core_close(World *world) {
    for (uint32_t plan = 0; plan < WORLD_PLANS; plan++) {
        vkn_bindings_destroy(world->bindings[plan]);
        vkn_plan_destroy(world->plans[plan]);
    }
    vkn_context_destroy(world->context);
}

/* ----------------------------------------------------------------------------------------- the table */

static const FaultPoint core_points[] = {FAULT_CreateDescriptorPool,   FAULT_CreateDescriptorSetLayout,
                                         FAULT_CreatePipelineLayout,   FAULT_CreateShaderModule,
                                         FAULT_AllocateDescriptorSets, FAULT_CreateComputePipelines,
                                         FAULT_lookup_of_a_function,   FAULT_allocation_by_callback,
                                         FAULT_allocation_by_malloc,   FAULT_POINTS};
static const FaultPoint custom_points[] = {FAULT_CreateComputePipelines, FAULT_allocation_by_malloc,
                                           FAULT_POINTS};
static const FaultPoint malloc_points[] = {FAULT_allocation_by_malloc, FAULT_POINTS};
static const FaultPoint heap_points[] = {FAULT_allocation_by_driver, FAULT_POINTS};
static const FaultPoint validation_points[] = {FAULT_CreateInstance, FAULT_CreateDebugUtilsMessengerEXT,
                                               FAULT_EnumerateInstanceLayerProperties, FAULT_POINTS};

#define BEGIN                                                                                                \
    {"query", query}, {                                                                                      \
        "context", create_context                                                                            \
    }
#define END                                                                                                  \
    {"plan", create_plan_0}, {"bindings", create_bindings_0}, {"run", run_0},                                \
        {"second plan", create_plan_1}, {"second bindings", create_bindings_1}, {"second run", run_1}, {     \
        NULL, NULL                                                                                           \
    }
static const Step core_steps[] = {BEGIN, END};
static const Step custom_steps[] = {BEGIN, {"compile", compile}, END};
static const Step tune_steps[] = {BEGIN, {"tune", tune}, {"pack", pack}, END};

#define CORE(of_steps, of_points)                                                                            \
    .steps = of_steps, .close = core_close, .is_lost = core_is_lost, .points = of_points
#define ON_CALLBACKS CORE(core_steps, core_points), .callbacks = true, .share = true
#define RUNTIME(of_steps, of_points)                                                                         \
    .steps = of_steps, .close = runtime_close, .is_lost = runtime_is_lost, .points = of_points

const Scenario scenarios[] = {
    {"train", describe_train, ON_CALLBACKS},
    {"train, malloc", describe_train, CORE(core_steps, core_points), .share = true},
    {"train, pipeline cache", describe_train, ON_CALLBACKS, .cache = true},
    {"gradient with masks", describe_gradient, ON_CALLBACKS},
    {"softmax", describe_softmax, ON_CALLBACKS},
    {"reduce", describe_reduce, ON_CALLBACKS},
    {"group norm", describe_group, ON_CALLBACKS},
    {"boxes", describe_boxes, ON_CALLBACKS, .max_storage_range = 4096},
    {"empty", describe_empty, ON_CALLBACKS},
    {"custom", describe_activation, CORE(custom_steps, custom_points), .share = true, .custom = true},
    {"tune", describe_reduce, CORE(tune_steps, core_points), .callbacks = true, .share = true},
    {"driver's memory", describe_activation, CORE(core_steps, heap_points), .callbacks = true},
    {"devices", describe_empty, RUNTIME(list_steps, NULL)},
    {"runtime", describe_activation, RUNTIME(runtime_steps, NULL)},
    {"cache file", describe_activation, RUNTIME(cache_steps, NULL), .cache_file = CACHE_FILE_NEW},
    {"cache file, kept", describe_activation, RUNTIME(cache_steps, NULL), .cache_file = CACHE_FILE_KEPT},
    {"tuning file", describe_activation, RUNTIME(tuning_steps, malloc_points), .cache_file = CACHE_FILE_NEW,
     .tuning = true},
    {"tuning file, kept", describe_activation, RUNTIME(tuned_steps, malloc_points),
     .cache_file = CACHE_FILE_KEPT, .tuning = true},
    {"validation", describe_empty, RUNTIME(validation_steps, validation_points), .validation = true},
};
const uint32_t scenario_count = sizeof scenarios / sizeof *scenarios;

const char *world_lacks(const Scenario *scenario) {
    if (scenario->custom && !vkn_compiler_glslang())
        return "this build has no compiler";
    if (scenario->points == heap_points && !strstr(world_device()->driver_name, "SwiftShader"))
        return "this driver calls its own allocations safe, or crashes";
    return NULL;
}
