#include <inttypes.h>
#include <string.h>

#include "plan.h"

#define RUNNING (VKN_ROLE_BIT(VKN_ROLE_RUNNING_MEAN) | VKN_ROLE_BIT(VKN_ROLE_RUNNING_STD))

/* The weights of the running value and of the batch's, which sum to one. */
static void momentum_weights(const VknDesc *desc, const VknRecordInfo *info, VknPush *push) {
    double batch = 0;
    switch (desc->momentum_convention) {
    case VKN_MOMENTUM_OLD:
        batch = 1 - (double)desc->momentum;
        break;
    case VKN_MOMENTUM_NEW:
        batch = desc->momentum;
        break;
    case VKN_MOMENTUM_CUMULATIVE:
        batch = 1 / (double)info->batch_number;
        break;
    }
    const float weights[] = {(float)(1 - batch), (float)batch};
    memcpy(&push->parameter_stride[VKN_PUSH_RUNNING_WEIGHT], weights, sizeof weights);
}

VknResult vkn_plan_record(const VknPlan *plan, const VknBindings *bindings, VkCommandBuffer commands,
                          const VknRecordInfo *info) {
    if (!plan)
        return VKN_ERROR_INVALID_ARGUMENT;
    VknContext *context = plan->context;
    const VknSchedule *schedule = &plan->schedule;
    if (!bindings || !commands)
        return VKN_FAIL(&context->host, INVALID_ARGUMENT,
                        "vkn_plan_record: bindings and commands must not be NULL");
    if (bindings->plan != plan)
        return VKN_FAIL(&context->host, INVALID_ARGUMENT,
                        "vkn_plan_record: the bindings were made from another plan");
    if ((schedule->desc.roles & RUNNING) && schedule->desc.momentum_convention == VKN_MOMENTUM_CUMULATIVE &&
        (!info || info->batch_number < 1))
        return VKN_FAIL(&context->host, INVALID_ARGUMENT,
                        "vkn_plan_record: VKN_MOMENTUM_CUMULATIVE needs a batch_number of at least 1; %s",
                        info ? "it is 0" : "info is NULL");
    uint32_t first = info ? info->first_dispatch : 0, end = schedule->step_count;
    if (info && (first > end || info->dispatch_count > end - first))
        return VKN_FAIL(&context->host, INVALID_ARGUMENT,
                        "vkn_plan_record: the plan has %" PRIu32 " dispatches; a piece of %" PRIu32
                        " from %" PRIu32 " on is not in it",
                        end, info->dispatch_count, first);
    if (info && info->dispatch_count)
        end = first + info->dispatch_count;
    VknResult result = vkn_context_check(context);
    if (result)
        return result;

    const VknDeviceTable *vk = &context->vk;
    for (uint32_t i = first; i < end; i++) {
        const VknStep *step = &schedule->steps[i];
        const VknStepSet *set = &bindings->sets[i];
        VknPush push = step->push;
        memcpy(push.first, set->first, sizeof push.first);
        if (step->writes & RUNNING)
            momentum_weights(&schedule->desc, info, &push);
        if (step->barrier) {
            VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                                       .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                                       .dstAccessMask =
                                           VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT};
            vk->CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                                   VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
        }
        if (i == first || plan->pipelines[i] != plan->pipelines[i - 1])
            vk->CmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, plan->pipelines[i]);
        vk->CmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, context->pipeline_layout, 0, 1,
                                  &set->set, 0, NULL);
        vk->CmdPushConstants(commands, context->pipeline_layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof push,
                             &push);
        vk->CmdDispatch(commands, step->group_count, 1, 1);
    }
    return VKN_SUCCESS;
}
