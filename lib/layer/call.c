/* Passes: each has a plan, which is made once, and bindings, which live as long as a call or, when it is
 * recorded, until they are forgotten. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------------------------------------------------- plans */

static void plan_destroy(const VknLayer *layer, VknLayerPlan *plan) {
    vkn_plan_destroy(plan->plan);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        vkn_runtime_buffer_destroy(layer->runtime, plan->own[role].buffer);
    free(plan);
}

void vkn_layer_plans_destroy(VknLayer *layer) {
    vkn_layer_forget(layer);
    while (layer->plans) {
        VknLayerPlan *plan = layer->plans;
        layer->plans = plan->next;
        plan_destroy(layer, plan);
    }
    layer->forward = NULL;
}

static VknResult plan_fill(const VknLayer *layer, VknLayerPlan *plan) {
    VknDesc desc;
    vkn_layer_describe(layer, &plan->pass, &desc);
    VknResult result = vkn_plan_create(vkn_runtime_context(layer->runtime), &desc, &plan->plan);
    const uint32_t own = (plan->pass.operation == VKN_OPERATION_TRAIN ? VKN_SAVED_ROLES : 0) | BIT(WORKSPACE);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT && result == VKN_SUCCESS; role++) {
        const uint64_t size = vkn_plan_info(plan->plan)->size[role];
        if (size && own & VKN_ROLE_BIT(role))
            result = vkn_runtime_buffer_create(layer->runtime, size, &plan->own[role]);
    }
    return result;
}

static bool same_pass(const VknPass *a, const VknPass *b) {
    return a->operation == b->operation && a->samples == b->samples && a->roles == b->roles &&
           a->parts == b->parts && a->accumulate == b->accumulate;
}

static VknResult plan_find(VknLayer *layer, const VknPass *pass, VknLayerPlan **found) {
    for (*found = layer->plans; *found; *found = (*found)->next)
        if (same_pass(&(*found)->pass, pass))
            return VKN_SUCCESS;
    VknLayerPlan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return vkn_layer_fail(layer->log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for a plan");
    plan->pass = *pass;
    VknResult result = plan_fill(layer, plan);
    if (result != VKN_SUCCESS) {
        plan_destroy(layer, plan);
        return result;
    }
    plan->next = layer->plans;
    *found = layer->plans = plan;
    return VKN_SUCCESS;
}

/* ------------------------------------------------------------------------------------------- buffers */

/* The buffer of every role that any pass may have. */
static void gather(const VknLayer *layer, const VknLayerPlan *plan, const VknLayerCall *call,
                   VknBuffer all[VKN_ROLE_COUNT]) {
    const VknOperation operation = plan->pass.operation;
    const VknBuffer *saved =
        operation == VKN_OPERATION_TRAIN || !layer->forward ? plan->own : layer->forward->own;
    memset(all, 0, VKN_ROLE_COUNT * sizeof *all);
    for (uint32_t i = 0; i < layer->variable_count; i++) {
        const VknVariable *variable = &layer->variables[i];
        all[variable->kind->role] = variable->weight.value;
        all[variable->kind->gradient] = variable->weight.gradient; /* of X, which follows, it is none */
    }
    all[VKN_ROLE_X] = call->x;
    all[VKN_ROLE_Y] = call->y;
    all[VKN_ROLE_DY] = call->dy;
    all[VKN_ROLE_DX] = call->dx;
    all[VKN_ROLE_MOMENTS] = call->moments;
    all[VKN_ROLE_SUMS] = call->sums;
    all[VKN_ROLE_MASK] =
        operation == VKN_OPERATION_TRAIN || operation == VKN_OPERATION_STATISTICS ? call->mask : layer->mask;
    all[VKN_ROLE_MEAN] = saved[VKN_ROLE_MEAN];
    all[VKN_ROLE_INV_STD] = saved[VKN_ROLE_INV_STD];
    all[VKN_ROLE_RENORM] = saved[VKN_ROLE_RENORM];
    if (operation == VKN_OPERATION_APPLY || operation == VKN_OPERATION_APPLY_GRADIENT) {
        all[VKN_ROLE_MEAN] = all[VKN_ROLE_RUNNING_MEAN];
        all[VKN_ROLE_VARIANCE] = all[VKN_ROLE_RUNNING_VARIANCE];
    }
    all[VKN_ROLE_WORKSPACE] = plan->own[VKN_ROLE_WORKSPACE];
}

static VknResult record(const VknLayer *layer, VknLayerPlan *plan, const VknBuffer buffers[VKN_ROLE_COUNT],
                        VkCommandBuffer commands) {
    VknRecording *recording = plan->recordings;
    while (recording && memcmp(recording->buffers, buffers, sizeof recording->buffers))
        recording = recording->next;
    if (!recording) {
        recording = calloc(1, sizeof *recording);
        if (!recording)
            return vkn_layer_fail(layer->log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for a recording");
        VknResult result = vkn_bindings_create(plan->plan, buffers, &recording->bindings);
        if (result != VKN_SUCCESS) {
            free(recording);
            return result;
        }
        memcpy(recording->buffers, buffers, sizeof recording->buffers);
        recording->next = plan->recordings;
        plan->recordings = recording;
    }
    return vkn_plan_record(plan->plan, recording->bindings, commands, NULL);
}

static VknResult run(const VknLayer *layer, VknLayerPlan *plan, const VknBuffer buffers[VKN_ROLE_COUNT]) {
    VknBindings *bindings;
    VknResult result = vkn_bindings_create(plan->plan, buffers, &bindings);
    if (result == VKN_SUCCESS)
        result = vkn_runtime_run(layer->runtime, plan->plan, bindings, NULL, 1, NULL);
    vkn_bindings_destroy(bindings);
    return result;
}

void vkn_layer_forget(VknLayer *layer) {
    for (VknLayerPlan *plan = layer->plans; plan; plan = plan->next)
        while (plan->recordings) {
            VknRecording *recording = plan->recordings;
            plan->recordings = recording->next;
            vkn_bindings_destroy(recording->bindings);
            free(recording);
        }
}

/* -------------------------------------------------------------------------------------------- passes */

static VknResult pass_run(VknLayer *layer, const VknLayerCall *call, VknOperation operation, uint32_t roles,
                          uint64_t samples, const VknLayerPlan **done) {
    const bool takes_moments = operation == VKN_OPERATION_TRAIN && roles & BIT(MOMENTS);
    const bool takes_sums = operation == VKN_OPERATION_TRAIN_GRADIENT && roles & BIT(SUMS);
    const VknPass pass = {operation, samples, roles | vkn_layer_roles(layer, operation),
                          takes_moments || takes_sums ? call->parts : 1,
                          call->accumulate && roles & vkn_layer_gradients(layer)};
    VknBuffer buffers[VKN_ROLE_COUNT];
    VknLayerPlan *plan;
    VknResult result = plan_find(layer, &pass, &plan);
    if (result != VKN_SUCCESS)
        return result;
    gather(layer, plan, call, buffers);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        if (!vkn_plan_info(plan->plan)->size[role])
            buffers[role] = (VknBuffer){0};
    result = call->commands ? record(layer, plan, buffers, call->commands) : run(layer, plan, buffers);
    if (result == VKN_SUCCESS && done)
        *done = plan;
    return result;
}

static VknResult check(const VknLayer *layer, const VknLayerCall *call, bool backward, bool synchronized) {
    if (!layer)
        return VKN_ERROR_INVALID_ARGUMENT;
    if (!call)
        return vkn_layer_fail(layer->log, VKN_ERROR_INVALID_ARGUMENT, "%s: a call needs arguments",
                              layer->name);
    VknResult result = vkn_layer_check_built(layer);
    if (result != VKN_SUCCESS)
        return result;
    if (backward && !layer->forward)
        return vkn_layer_fail(layer->log, VKN_ERROR_INVALID_ARGUMENT,
                              "%s: backward follows a call of forward, and there was none", layer->name);
    if (synchronized && (layer->desc.kind != VKN_LAYER_BATCH_NORMALIZATION || !layer->desc.synchronized ||
                         (backward ? layer->forward->pass.operation
                                   : vkn_layer_operation(layer, call->training)) != VKN_OPERATION_TRAIN))
        return vkn_layer_fail(layer->log, VKN_ERROR_INVALID_ARGUMENT,
                              "%s: only synchronized batch normalization in training has parts", layer->name);
    return VKN_SUCCESS;
}

/* Whether the pass takes what other devices computed. */
static bool is_merged(const VknLayer *layer, VknOperation forward) {
    return layer->desc.kind == VKN_LAYER_BATCH_NORMALIZATION && layer->desc.synchronized &&
           forward == VKN_OPERATION_TRAIN;
}

static VknResult check_parts(const VknLayer *layer, const VknLayerCall *call, const VknBuffer *parts,
                             const char *name) {
    if (parts->buffer && call->parts)
        return VKN_SUCCESS;
    return vkn_layer_fail(layer->log, VKN_ERROR_INVALID_ARGUMENT,
                          "%s is synchronized: training needs %s of at least 1 part", layer->name, name);
}

static uint32_t mask_role(const VknLayer *layer, const VknLayerCall *call, VknOperation operation) {
    const bool takes =
        layer->desc.kind == VKN_LAYER_SOFTMAX || layer->desc.kind == VKN_LAYER_BATCH_NORMALIZATION;
    return takes && operation != VKN_OPERATION_APPLY && call->mask.buffer ? BIT(MASK) : 0;
}

/* The call's number of samples, which variables along axis 0 fix. */
static VknResult find_samples(const VknLayer *layer, const VknLayerCall *call, uint64_t *samples) {
    uint32_t axes = 0;
    *samples = call->samples ? call->samples : layer->shape[0];
    vkn_layer_axes(layer, &axes); /* which has been checked */
    if (*samples == layer->shape[0] || !(axes & 1) || layer->variable_count == 0)
        return VKN_SUCCESS;
    return vkn_layer_fail(layer->log, VKN_ERROR_INVALID_ARGUMENT,
                          "%s has variables along axis 0, of %llu samples; a call cannot have %llu",
                          layer->name, (unsigned long long)layer->shape[0], (unsigned long long)*samples);
}

VknResult vkn_layer_forward(VknLayer *layer, const VknLayerCall *call) {
    VknResult result = check(layer, call, false, false);
    if (result != VKN_SUCCESS)
        return result;
    const VknOperation operation = vkn_layer_operation(layer, call->training);
    const bool merged = is_merged(layer, operation);
    uint64_t samples;
    result = find_samples(layer, call, &samples);
    if (result == VKN_SUCCESS && merged)
        result = check_parts(layer, call, &call->moments, "moments");
    if (result != VKN_SUCCESS)
        return result;
    const uint32_t mask = mask_role(layer, call, operation);
    result = pass_run(layer, call, operation, mask | (merged ? BIT(MOMENTS) : 0), samples, &layer->forward);
    if (result == VKN_SUCCESS)
        layer->mask = mask ? call->mask : (VknBuffer){0};
    return result;
}

VknResult vkn_layer_backward(VknLayer *layer, const VknLayerCall *call) {
    VknResult result = check(layer, call, true, false);
    if (result != VKN_SUCCESS)
        return result;
    const VknPass *forward = &layer->forward->pass;
    const bool merged = is_merged(layer, forward->operation);
    if (merged)
        result = check_parts(layer, call, &call->sums, "sums");
    if (result != VKN_SUCCESS)
        return result;
    /* A softmax's y is 0 where there was a mask, and so is its gradient. */
    const uint32_t mask = layer->desc.kind == VKN_LAYER_SOFTMAX ? 0 : forward->roles & BIT(MASK);
    const uint32_t roles =
        mask | (call->dx.buffer ? BIT(DX) : 0) | (merged ? BIT(SUMS) : vkn_layer_gradients(layer));
    if (!(roles & (BIT(DX) | vkn_layer_gradients(layer))))
        return vkn_layer_fail(layer->log, VKN_ERROR_INVALID_ARGUMENT,
                              "%s: backward has nothing to write: a layer that is frozen, synchronized or "
                              "without parameters needs dx",
                              layer->name);
    return pass_run(layer, call, vkn_layer_gradient(forward->operation), roles, forward->samples, NULL);
}

VknResult vkn_layer_statistics(VknLayer *layer, const VknLayerCall *call) {
    uint64_t samples;
    VknResult result = check(layer, call, false, true);
    if (result == VKN_SUCCESS)
        result = find_samples(layer, call, &samples);
    if (result != VKN_SUCCESS)
        return result;
    return pass_run(layer, call, VKN_OPERATION_STATISTICS, mask_role(layer, call, VKN_OPERATION_STATISTICS),
                    samples, NULL);
}

VknResult vkn_layer_gradient_statistics(VknLayer *layer, const VknLayerCall *call) {
    VknResult result = check(layer, call, true, true);
    if (result != VKN_SUCCESS)
        return result;
    const VknPass *forward = &layer->forward->pass;
    return pass_run(layer, call, VKN_OPERATION_GRADIENT_STATISTICS,
                    (forward->roles & BIT(MASK)) | BIT(SUMS) | vkn_layer_gradients(layer), forward->samples,
                    NULL);
}
