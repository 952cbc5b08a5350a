#include "plan.h"

VknResult vkn_plan_create(VknContext *context, const VknDesc *desc, VknPlan **plan) {
    if (plan)
        *plan = NULL;
    if (!context)
        return VKN_ERROR_INVALID_ARGUMENT;
    if (!desc || !plan)
        return VKN_FAIL(&context->host, INVALID_ARGUMENT, "vkn_plan_create: desc and plan must not be NULL");
    VknResult result = vkn_context_check(context);
    if (result)
        return result;

    VknPlan *p = vkn_host_alloc(&context->host, sizeof *p);
    if (!p)
        return VKN_ERROR_OUT_OF_HOST_MEMORY;
    p->context = context;
    result = vkn_schedule_make(&context->host, &context->caps, desc, &p->schedule);
    if (!result)
        result = vkn_custom_check(context, &p->schedule.desc);
    uint32_t count = p->schedule.step_count;
    if (!result && count) {
        p->pipelines = vkn_host_alloc(&context->host, count * sizeof *p->pipelines);
        result = p->pipelines ? VKN_SUCCESS : VKN_ERROR_OUT_OF_HOST_MEMORY;
    }
    for (uint32_t i = 0; !result && i < count; i++)
        result = vkn_pipeline_get(context, &p->schedule.steps[i], &p->pipelines[i]);
    if (result) {
        vkn_plan_destroy(p);
        return result;
    }
    *plan = p;
    return VKN_SUCCESS;
}

void vkn_plan_destroy(VknPlan *plan) {
    if (!plan)
        return;
    const VknHost *host = &plan->context->host;
    vkn_schedule_free(host, &plan->schedule);
    vkn_host_free(host, plan->pipelines);
    vkn_host_free(host, plan);
}

const VknPlanInfo *vkn_plan_info(const VknPlan *plan) {
    return &plan->schedule.info;
}
