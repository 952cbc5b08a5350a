/* The runtime's one command buffer: recorded, submitted and waited for by every call that touches the
 * device. */
#include "internal.h"

VknResult vkn_commands_begin(VknRuntime *runtime) {
    const VknVulkan *vk = &runtime->instance.vk;
    const VknLog *log = &runtime->instance.log;
    VknResult result =
        vkn_check(log, vk->ResetCommandPool(runtime->context_desc.device, runtime->command_pool, 0),
                  "vkResetCommandPool");
    if (result == VKN_SUCCESS)
        result = vkn_check(log,
                           vk->BeginCommandBuffer(runtime->commands,
                                                  &(VkCommandBufferBeginInfo){
                                                      .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                                      .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
                                                  }),
                           "vkBeginCommandBuffer");
    if (result != VKN_SUCCESS)
        return result;
    vkn_commands_barrier(runtime);
    if (runtime->timestamps) {
        vk->CmdResetQueryPool(runtime->commands, runtime->timestamps, 0, 2);
        vk->CmdWriteTimestamp(runtime->commands, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, runtime->timestamps, 0);
    }
    return VKN_SUCCESS;
}

void vkn_commands_barrier(VknRuntime *runtime) {
    VkPipelineStageFlags device = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                         VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT | VK_ACCESS_HOST_READ_BIT,
    };
    runtime->instance.vk.CmdPipelineBarrier(runtime->commands, device, device | VK_PIPELINE_STAGE_HOST_BIT, 0,
                                            1, &barrier, 0, NULL, 0, NULL);
}

/* What the device's clock says about the last submission, or 0 if it has none. */
static VknResult device_seconds_read(const VknRuntime *runtime, double *seconds) {
    uint64_t ticks[2];
    uint32_t bits = runtime->device.timestamp_bits;
    *seconds = 0;
    if (!runtime->timestamps)
        return VKN_SUCCESS;
    VknResult result = vkn_check(&runtime->instance.log,
                                 runtime->instance.vk.GetQueryPoolResults(
                                     runtime->context_desc.device, runtime->timestamps, 0, 2, sizeof ticks,
                                     ticks, sizeof *ticks, VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT),
                                 "vkGetQueryPoolResults");
    if (result == VKN_SUCCESS) {
        uint64_t mask = bits < 64 ? (UINT64_C(1) << bits) - 1 : UINT64_MAX;
        *seconds = (double)((ticks[1] - ticks[0]) & mask) * runtime->device.tick_seconds;
    }
    return result;
}

VknResult vkn_commands_submit(VknRuntime *runtime, uint32_t repeat, double *seconds) {
    const VknVulkan *vk = &runtime->instance.vk;
    const VknLog *log = &runtime->instance.log;
    double device_seconds;
    if (runtime->timestamps)
        vk->CmdWriteTimestamp(runtime->commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, runtime->timestamps,
                              1);
    vkn_commands_barrier(runtime);
    VknResult result = vkn_check(log, vk->EndCommandBuffer(runtime->commands), "vkEndCommandBuffer");
    if (result != VKN_SUCCESS)
        return result;
    double start = vkn_clock_seconds();
    result = vkn_check(log,
                       vk->QueueSubmit(runtime->queue, 1,
                                       &(VkSubmitInfo){.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                                                       .commandBufferCount = 1,
                                                       .pCommandBuffers = &runtime->commands},
                                       VK_NULL_HANDLE),
                       "vkQueueSubmit");
    if (result == VKN_SUCCESS)
        result = vkn_check(log, vk->QueueWaitIdle(runtime->queue), "vkQueueWaitIdle");
    double host_seconds = vkn_clock_seconds() - start;
    if (result == VKN_SUCCESS)
        result = device_seconds_read(runtime, &device_seconds);
    /* Some drivers write zeros, and a clock may wrap: then it does not agree with the host's. */
    if (result == VKN_SUCCESS && seconds)
        *seconds =
            (device_seconds > 0 && device_seconds <= host_seconds ? device_seconds : host_seconds) / repeat;
    return result;
}

VknResult vkn_runtime_run(VknRuntime *runtime, const VknPlan *plan, const VknBindings *bindings,
                          const VknRecordInfo *info, uint32_t repeat, double *seconds) {
    if (!runtime)
        return VKN_ERROR_INVALID_ARGUMENT;
    if (!plan || !bindings)
        return vkn_fail(&runtime->instance.log, VKN_ERROR_INVALID_ARGUMENT,
                        "a run needs a plan and bindings");
    if (repeat == 0)
        return vkn_fail(&runtime->instance.log, VKN_ERROR_INVALID_ARGUMENT, "repeat must be at least 1");
    VknResult result = vkn_commands_begin(runtime);
    for (uint32_t i = 0; i < repeat && result == VKN_SUCCESS; i++) {
        if (i > 0)
            vkn_commands_barrier(runtime);
        result = vkn_plan_record(plan, bindings, runtime->commands, info);
    }
    if (result == VKN_SUCCESS)
        result = vkn_commands_submit(runtime, repeat, seconds);
    return result;
}

/* A VknRunner. */
static VknResult run_once(void *user, const VknPlan *plan, void *const memory[VKN_ROLE_COUNT]) {
    VknRuntime *runtime = user;
    const uint64_t *size = vkn_plan_info(plan)->size;
    VknBuffer buffers[VKN_ROLE_COUNT] = {{0}};
    VknBindings *bindings = NULL;
    VknResult result = VKN_SUCCESS;
    for (uint32_t role = 0; result == VKN_SUCCESS && role < VKN_ROLE_COUNT; role++) {
        if (size[role])
            result = vkn_runtime_buffer_create(runtime, size[role], &buffers[role]);
        if (result == VKN_SUCCESS && memory[role])
            result = vkn_runtime_upload(runtime, &buffers[role], 0, memory[role], size[role]);
    }
    if (result == VKN_SUCCESS)
        result = vkn_bindings_create(plan, buffers, &bindings);
    if (result == VKN_SUCCESS)
        result = vkn_runtime_run(runtime, plan, bindings, NULL, 1, NULL);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        if (result == VKN_SUCCESS && memory[role])
            result = vkn_runtime_download(runtime, &buffers[role], 0, memory[role], size[role]);
        vkn_runtime_buffer_destroy(runtime, buffers[role].buffer);
    }
    vkn_bindings_destroy(bindings);
    return result;
}

VknResult vkn_runtime_self_test(VknRuntime *runtime, VknSelfTestInfo *info) {
    if (!runtime)
        return VKN_ERROR_INVALID_ARGUMENT;
    VknRunner runner = {run_once, runtime};
    return vkn_context_self_test(runtime->context, &runner, info);
}
