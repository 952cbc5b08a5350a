#include "plan.h"

#include "desc.h"

/* Creates the pipelines; one that the driver cannot compile is added to `refused`. */
static VknResult create_pipelines(VknPlan *p, const VknHost *host, VknVariants *refused) {
    const VknSchedule *schedule = &p->schedule;
    VknResult result = VKN_SUCCESS;
    vkn_host_free(host, p->pipelines); /* of the schedule before */
    p->pipelines = NULL;
    if (!schedule->step_count)
        return VKN_SUCCESS;
    p->pipelines = vkn_host_alloc(host, schedule->step_count * sizeof *p->pipelines);
    if (!p->pipelines)
        return VKN_ERROR_OUT_OF_HOST_MEMORY;
    for (uint32_t i = 0; !result && i < schedule->step_count; i++) {
        result = vkn_pipeline_get(p->context, &schedule->steps[i], &p->pipelines[i]);
        if (result == VKN_ERROR_DRIVER)
            vkn_variants_add(refused, &schedule->steps[i]);
    }
    return result;
}

VknResult vkn_plan_make(VknContext *context, const VknHost *host, const VknDesc *desc, VknVariants *refused,
                        VknTunedTable *tuned, VknPlan **plan) {
    VknPlan *p = vkn_host_alloc(host, sizeof *p);
    if (!p)
        return VKN_ERROR_OUT_OF_HOST_MEMORY;
    p->context = context;
    VknResult result, driver = VKN_SUCCESS;
    do { /* each round refuses one variant more, or is the last */
        vkn_schedule_free(host, &p->schedule);
        result = vkn_schedule_make_without(host, &context->caps, refused, tuned, desc, &p->schedule);
        if (!result)
            result = vkn_custom_check(context, &p->schedule.desc);
        if (!result && (result = create_pipelines(p, host, refused)) == VKN_ERROR_DRIVER)
            driver = result;
    } while (result == VKN_ERROR_DRIVER);
    if (result) {
        vkn_plan_destroy(p);
        return driver && result == VKN_ERROR_UNSUPPORTED ? driver : result;
    }
    if (driver)
        vkn_host_log(host, VKN_LOG_WARNING, "%s serves this %s instead", p->schedule.info.strategy_name,
                     vkn_operation_info(desc->operation)->name);
    *plan = p;
    return VKN_SUCCESS;
}

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
    VknVariants refused = vkn_context_refused(context);
    result = vkn_plan_make(context, &context->host, desc, &refused, &context->tuned, plan);
    /* Only what could be done without: a driver that compiles nothing may compile everything later. */
    if (!result)
        vkn_context_refuse(context, &refused);
    return result;
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
