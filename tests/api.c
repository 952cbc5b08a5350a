/* The public functions on a device. */
#include "api.h"

static struct {
    const char *device;
    bool validation;
    bool threads_only; /* what a sanitizer of threads is for */
} options;

/* ------------------------------------------------------------------------------------------- device */

int api_open(void **state) {
    Api *api = calloc(1, sizeof *api);
    assert_non_null(api);
    const VknRuntimeDesc desc = {
        .device = options.device, .validation = options.validation, .log = {log_write, &api->log}};
    api->runtime = open_runtime(&desc);
    api->context = vkn_runtime_context(api->runtime);
    api->desc = *vkn_runtime_context_desc(api->runtime);
    api->desc.log = desc.log;
    PFN_vkGetInstanceProcAddr get = api->desc.get_instance_proc_addr;
#define F(name) api->name = (PFN_vk##name)get(api->desc.instance, "vk" #name);
    API_FUNCTIONS(F)
#undef F
    PFN_vkGetPhysicalDeviceQueueFamilyProperties get_families =
        (PFN_vkGetPhysicalDeviceQueueFamilyProperties)get(api->desc.instance,
                                                          "vkGetPhysicalDeviceQueueFamilyProperties");
    VkQueueFamilyProperties families[16];
    uint32_t count = LENGTH(families);
    get_families(api->desc.physical_device, &count, families);
    /* The runtime's queue is the first one with compute. */
    while (api->family < count && !(families[api->family].queueFlags & VK_QUEUE_COMPUTE_BIT))
        api->family++;
    api->GetDeviceQueue(api->desc.device, api->family, 0, &api->queue);
    *state = api;
    return 0;
}

int api_close(void **state) {
    Api *api = *state;
    uint32_t messages = vkn_runtime_validation_count(api->runtime);
    vkn_runtime_destroy(api->runtime);
    assert_log_empty(&api->log);
    assert_int_equal(messages, 0);
    free(api);
    return 0;
}

/* ----------------------------------------------------------------------------------------- commands */

Commands commands_begin(const Api *api) {
    Commands commands = {VK_NULL_HANDLE, VK_NULL_HANDLE};
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .queueFamilyIndex = api->family};
    assert_int_equal(api->CreateCommandPool(api->desc.device, &pool, NULL, &commands.pool), VK_SUCCESS);
    VkCommandBufferAllocateInfo buffer = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                          .commandPool = commands.pool,
                                          .commandBufferCount = 1};
    assert_int_equal(api->AllocateCommandBuffers(api->desc.device, &buffer, &commands.buffer), VK_SUCCESS);
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    assert_int_equal(api->BeginCommandBuffer(commands.buffer, &begin), VK_SUCCESS);
    return commands;
}

void commands_barrier(const Api *api, const Commands *commands) {
    VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT};
    api->CmdPipelineBarrier(commands->buffer, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                            VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
}

void commands_submit(const Api *api, const Commands *commands) {
    VkSubmitInfo info = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                         .commandBufferCount = 1,
                         .pCommandBuffers = &commands->buffer};
    assert_int_equal(api->EndCommandBuffer(commands->buffer), VK_SUCCESS);
    assert_int_equal(api->QueueSubmit(api->queue, 1, &info, VK_NULL_HANDLE), VK_SUCCESS);
    assert_int_equal(api->QueueWaitIdle(api->queue), VK_SUCCESS);
}

void commands_destroy(const Api *api, const Commands *commands) {
    api->DestroyCommandPool(api->desc.device, commands->pool, NULL);
}

/* --------------------------------------------------------------------------------------------- plans */

enum { MEMORY_WORDS = 1 << 15, Y_WORDS = 4 * 6 * 5 * 7 };

VknDesc api_desc(void) {
    VknDesc desc;
    vkn_desc_batch_norm(&desc, VKN_OPERATION_TRAIN, 4, (uint64_t[]){4, 6, 5, 7}, 1, (int32_t[]){1});
    desc.roles |= BIT(MEAN) | BIT(INV_STD);
    while (strcmp(vkn_strategy_name(desc.strategy), "column") != 0) /* rows count from 1 */
        desc.strategy++;
    desc.strategy++;
    return desc;
}

Bound bound_create(const Api *api, VknContext *context, const VknDesc *desc) {
    static uint32_t words[MEMORY_WORDS];
    Bound bound = {.memory = create_buffer(api->runtime, sizeof words)};
    uint64_t offset = 0;
    assert_int_equal(vkn_plan_create(context, desc, &bound.plan), VKN_SUCCESS);
    for (uint32_t i = 0; i < MEMORY_WORDS; i++)
        words[i] = i < Y_WORDS ? 0x3F800000u + (i * 7919u & 0x7FFFFFu) : POISON; /* x first: 1 to 2 */
    assert_int_equal(vkn_runtime_upload(api->runtime, &bound.memory, 0, words, sizeof words), VKN_SUCCESS);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        uint64_t size = vkn_plan_info(bound.plan)->size[role];
        if (size)
            bound.buffers[role] = (VknBuffer){bound.memory.buffer, offset, size};
        offset += size + 12; /* apart, and not aligned */
    }
    assert_true(offset <= sizeof words / 2);
    assert_int_equal(vkn_bindings_create(bound.plan, bound.buffers, &bound.bindings), VKN_SUCCESS);
    return bound;
}

void bound_destroy(const Api *api, const Bound *bound) {
    vkn_bindings_destroy(bound->bindings);
    vkn_plan_destroy(bound->plan);
    vkn_runtime_buffer_destroy(api->runtime, bound->memory.buffer);
}

static uint32_t poisoned_words(const Api *api, const Bound *bound) {
    uint32_t y[Y_WORDS], count = 0;
    assert_int_equal(vkn_runtime_download(api->runtime, &bound->buffers[VKN_ROLE_Y], 0, y, sizeof y),
                     VKN_SUCCESS);
    for (uint32_t i = 0; i < Y_WORDS; i++)
        count += y[i] == POISON;
    return count;
}

bool bound_is_poisoned(const Api *api, const Bound *bound) {
    return poisoned_words(api, bound) == Y_WORDS;
}

bool bound_is_written(const Api *api, const Bound *bound) {
    return poisoned_words(api, bound) == 0;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--validation") == 0) {
            options.validation = true;
        } else if (strcmp(argv[i], "--threads") == 0) {
            options.threads_only = true;
        } else if (strcmp(argv[i], "--device") == 0 && i + 1 < argc) {
            options.device = argv[++i];
        } else {
            fprintf(stderr, "usage: %s [--device NAME] [--validation] [--threads]\n", argv[0]);
            return 2;
        }
    }
    if (options.threads_only)
        return api_thread_tests();
    return api_context_tests() + api_plan_tests() + api_memory_tests() + api_thread_tests();
}
