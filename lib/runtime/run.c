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
static VknResult device_seconds_read(VknRuntime *runtime, double *seconds) {
    uint64_t ticks[2];
    uint32_t bits = runtime->device.timestamp_bits;
    *seconds = 0;
    if (!runtime->timestamps)
        return VKN_SUCCESS;
    VknResult result = vkn_check(&runtime->instance,
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
    VknInstance *instance = &runtime->instance;
    const VknVulkan *vk = &instance->vk;
    double device_seconds;
    if (runtime->timestamps)
        vk->CmdWriteTimestamp(runtime->commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, runtime->timestamps,
                              1);
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
