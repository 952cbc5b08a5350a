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

/* A plan from its next dispatch on. */
typedef struct Piece {
    const VknBoundPlan *of;
    uint32_t next, end;
} Piece;

static VknResult open_piece(const char *call, VknContext *context, const VknBoundPlan *of,
                            VkCommandBuffer commands, Piece *piece) {
    if (!of->plan || of->plan->context != context)
        return VKN_FAIL(&context->host, INVALID_ARGUMENT, "%s: plans must be there, and of one context",
                        call);
    const VknSchedule *schedule = &of->plan->schedule;
    const VknRecordInfo *info = of->info;
    if (!of->bindings || !commands)
        return VKN_FAIL(&context->host, INVALID_ARGUMENT, "%s: bindings and commands must not be NULL", call);
    if (of->bindings->plan != of->plan)
        return VKN_FAIL(&context->host, INVALID_ARGUMENT, "%s: the bindings were made from another plan",
                        call);
    if ((schedule->desc.roles & RUNNING) && schedule->desc.momentum_convention == VKN_MOMENTUM_CUMULATIVE &&
        (!info || info->batch_number < 1))
        return VKN_FAIL(&context->host, INVALID_ARGUMENT,
                        "%s: VKN_MOMENTUM_CUMULATIVE needs a batch_number of at least 1; %s", call,
                        info ? "it is 0" : "info is NULL");
    uint32_t first = info ? info->first_dispatch : 0, end = schedule->step_count;
    if (info && (first > end || info->dispatch_count > end - first))
        return VKN_FAIL(&context->host, INVALID_ARGUMENT,
                        "%s: the plan has %" PRIu32 " dispatches; a piece of %" PRIu32 " from %" PRIu32
                        " on is not in it",
                        call, end, info->dispatch_count, first);
    if (info && info->dispatch_count)
        end = first + info->dispatch_count;
    *piece = (Piece){of, first, end};
    return VKN_SUCCESS;
}

static void record_barrier(const VknDeviceTable *vk, VkCommandBuffer commands) {
    VkMemoryBarrier barrier = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                               .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
                               .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT};
    vk->CmdPipelineBarrier(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                           VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
}

/* Records up to where the piece needs a barrier, of which one may stand before its first dispatch. */
static void record_until_barrier(Piece *piece, VkPipeline *bound, VkCommandBuffer commands) {
    const VknPlan *plan = piece->of->plan;
    const VknContext *context = plan->context;
    const VknDeviceTable *vk = &context->vk;
    for (uint32_t first = piece->next; piece->next < piece->end; piece->next++) {
        const VknStep *step = &plan->schedule.steps[piece->next];
        const VknStepSet *set = &piece->of->bindings->sets[piece->next];
        VkPipeline pipeline = plan->pipelines[piece->next];
        if (step->barrier && piece->next > first)
            return;
        VknPush push = step->push;
        memcpy(push.first, set->first, sizeof push.first);
        if (step->has_more) {
            push.part_first = set->first[VKN_BINDING_LEAST / 2];
            push.part_total = set->first[VKN_BINDING_LEAST / 2 + 1];
        }
        if (step->writes & RUNNING)
            momentum_weights(&plan->schedule.desc, piece->of->info, &push);
        if (pipeline != *bound)
            vk->CmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
        *bound = pipeline;
        vk->CmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, context->pipeline_layout, 0, 1,
                                  &set->set, 0, NULL);
        vk->CmdPushConstants(commands, context->pipeline_layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof push,
                             &push);
        vk->CmdDispatch(commands, step->group_count, 1, 1);
    }
}

/* Records pieces that do not depend on each other: what stands before the first barrier of each, one barrier
 * for all, what stands before the second, and so on. */
static void record_together(uint32_t count, Piece *pieces, VkPipeline *bound, VkCommandBuffer commands) {
    const VknDeviceTable *vk = &pieces->of->plan->context->vk;
    bool left = true;
    while (left) {
        bool barrier = false;
        left = false;
        for (uint32_t i = 0; i < count && !barrier; i++)
            barrier =
                pieces[i].next < pieces[i].end && pieces[i].of->plan->schedule.steps[pieces[i].next].barrier;
        if (barrier)
            record_barrier(vk, commands);
        for (uint32_t i = 0; i < count; i++) {
            record_until_barrier(&pieces[i], bound, commands);
            left = left || pieces[i].next < pieces[i].end;
        }
    }
}

/* So many are recorded together; of more the barriers cost as little. */
#define MOST_TOGETHER 64

static VknResult record(const char *call, VknContext *context, uint32_t count, const VknBoundPlan *plans,
                        VkCommandBuffer commands) {
    Piece pieces[MOST_TOGETHER];
    VkPipeline bound = VK_NULL_HANDLE;
    VknResult result = VKN_SUCCESS;
    for (uint32_t i = 0; i < count && !result; i++)
        result = open_piece(call, context, &plans[i], commands, &pieces[i % MOST_TOGETHER]);
    if (!result)
        result = vkn_context_check(context);
    for (uint32_t first = 0; first < count && !result; first += MOST_TOGETHER) {
        uint32_t together = (uint32_t)vkn_min(count - first, MOST_TOGETHER);
        for (uint32_t i = 0; i < together && count > MOST_TOGETHER; i++) /* others were there meanwhile */
            result = open_piece(call, context, &plans[first + i], commands, &pieces[i]);
        record_together(together, pieces, &bound, commands);
    }
    return result;
}

VknResult vkn_plan_record(const VknPlan *plan, const VknBindings *bindings, VkCommandBuffer commands,
                          const VknRecordInfo *info) {
    const VknBoundPlan one = {plan, bindings, info};
    if (!plan)
        return VKN_ERROR_INVALID_ARGUMENT;
    return record("vkn_plan_record", plan->context, 1, &one, commands);
}

VknResult vkn_plans_record(uint32_t count, const VknBoundPlan *plans, VkCommandBuffer commands) {
    if (!count)
        return VKN_SUCCESS;
    if (!plans || !plans->plan)
        return VKN_ERROR_INVALID_ARGUMENT;
    return record("vkn_plans_record", plans->plan->context, count, plans, commands);
}
