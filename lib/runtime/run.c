/* The runtime's one command buffer: recorded, submitted and waited for by every call that touches the
 * device. */
#include "internal.h"

VknResult vkn_commands_wait(VknRuntime *runtime) {
    VknInstance *instance = &runtime->instance;
    if (instance->lost)
        return vkn_fail(&instance->log, VKN_ERROR_DEVICE_LOST, "the device was lost earlier");
    if (!runtime->pending)
        return VKN_SUCCESS;
    VknResult result = vkn_check(instance, instance->vk.QueueWaitIdle(runtime->queue), "vkQueueWaitIdle");
    runtime->pending = result != VKN_SUCCESS && !instance->lost;
    return result;
}

VknResult vkn_commands_begin(VknRuntime *runtime) {
    VknInstance *instance = &runtime->instance;
    const VknVulkan *vk = &instance->vk;
    VknResult result = vkn_commands_wait(runtime);
    if (result == VKN_SUCCESS)
        result =
            vkn_check(instance, vk->ResetCommandPool(runtime->context_desc.device, runtime->command_pool, 0),
                      "vkResetCommandPool");
    if (result == VKN_SUCCESS)
        result = vkn_check(instance,
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
        vk->CmdResetQueryPool(runtime->commands, runtime->timestamps, 0, VKN_STAMP_COUNT);
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

/* The device's clock at the end of everything recorded so far. */
static void stamp_record(VknRuntime *runtime, uint32_t index) {
    if (runtime->timestamps)
        runtime->instance.vk.CmdWriteTimestamp(runtime->commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT,
                                               runtime->timestamps, index);
}

/* What the device's clock says about the last submission's `count` parts, or 0 if it has none. */
static VknResult stamps_read(VknRuntime *runtime, uint32_t count, double *seconds) {
    uint64_t ticks[VKN_STAMP_COUNT];
    uint32_t bits = runtime->device.timestamp_bits;
    uint64_t mask = bits < 64 ? (UINT64_C(1) << bits) - 1 : UINT64_MAX;
    VknResult result = VKN_SUCCESS;
    for (uint32_t i = 0; i < count; i++)
        seconds[i] = 0;
    if (!runtime->timestamps)
        return result;
    result = vkn_check(
        &runtime->instance,
        runtime->instance.vk.GetQueryPoolResults(runtime->context_desc.device, runtime->timestamps, 0,
                                                 count + 1, (count + 1) * sizeof *ticks, ticks, sizeof *ticks,
                                                 VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT),
        "vkGetQueryPoolResults");
    for (uint32_t i = 0; i < count && result == VKN_SUCCESS; i++)
        seconds[i] = (double)((ticks[i + 1] - ticks[i]) & mask) * runtime->device.tick_seconds;
    return result;
}

/* Ends the command buffer, submits it and waits; the host's time of that. */
static VknResult submit(VknRuntime *runtime, double *host_seconds) {
    VknInstance *instance = &runtime->instance;
    const VknVulkan *vk = &instance->vk;
    vkn_commands_barrier(runtime);
    VknResult result = vkn_check(instance, vk->EndCommandBuffer(runtime->commands), "vkEndCommandBuffer");
    if (result != VKN_SUCCESS)
        return result;
    double start = vkn_clock_seconds();
    result = vkn_check(instance,
                       vk->QueueSubmit(runtime->queue, 1,
                                       &(VkSubmitInfo){.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                                                       .commandBufferCount = 1,
                                                       .pCommandBuffers = &runtime->commands},
                                       VK_NULL_HANDLE),
                       "vkQueueSubmit");
    runtime->pending = result == VKN_SUCCESS;
    if (result == VKN_SUCCESS)
        result = vkn_commands_wait(runtime);
    *host_seconds = vkn_clock_seconds() - start;
    return result;
}

VknResult vkn_commands_submit(VknRuntime *runtime, uint32_t repeat, double *seconds) {
    double device_seconds, host_seconds;
    stamp_record(runtime, 1);
    VknResult result = submit(runtime, &host_seconds);
    if (result == VKN_SUCCESS)
        result = stamps_read(runtime, 1, &device_seconds);
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

/* All parts in one submission; `*agree`: the device's clock fits the host's. */
static VknResult time_together(VknRuntime *runtime, uint32_t count, VknRecordPart record, void *user,
                               double *seconds, bool *agree) {
    double host_seconds, sum = 0;
    *agree = true;
    VknResult result = vkn_commands_begin(runtime);
    for (uint32_t i = 0; i < count && result == VKN_SUCCESS; i++) {
        if (i > 0)
            vkn_commands_barrier(runtime);
        result = record(user, i, runtime->commands);
        stamp_record(runtime, i + 1);
    }
    if (result == VKN_SUCCESS)
        result = submit(runtime, &host_seconds);
    if (result == VKN_SUCCESS)
        result = stamps_read(runtime, count, seconds);
    for (uint32_t i = 0; i < count && result == VKN_SUCCESS; i++) {
        sum += seconds[i];
        *agree = *agree && seconds[i] > 0;
    }
    *agree = *agree && result == VKN_SUCCESS && sum <= host_seconds;
    return result;
}

VknResult vkn_runtime_time(VknRuntime *runtime, uint32_t count, VknRecordPart record, void *user,
                           double *seconds) {
    bool agree = false;
    VknResult result = VKN_SUCCESS;
    if (!runtime)
        return VKN_ERROR_INVALID_ARGUMENT;
    if (!record || !seconds || count == 0 || count > VKN_RUNTIME_MOST_PARTS)
        return vkn_fail(&runtime->instance.log, VKN_ERROR_INVALID_ARGUMENT,
                        "timing needs record, seconds and 1 to %d parts, not %u", VKN_RUNTIME_MOST_PARTS,
                        count);
    if (runtime->timestamps && runtime->device.info.gpu)
        result = time_together(runtime, count, record, user, seconds, &agree);
    for (uint32_t i = 0; i < count && !agree && result == VKN_SUCCESS; i++) {
        result = vkn_commands_begin(runtime);
        if (result == VKN_SUCCESS)
            result = record(user, i, runtime->commands);
        if (result == VKN_SUCCESS)
            result = submit(runtime, &seconds[i]);
    }
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
