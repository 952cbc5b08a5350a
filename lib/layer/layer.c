/* Creates, builds and counts. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------------------------------- checks */

VknResult vkn_layer_shape_check(VknLog log, uint32_t rank, const uint64_t *shape, uint64_t *count) {
    const uint64_t most = (uint64_t)1 << 40; /* as much as hosts may have */
    *count = 1;
    if (rank > VKN_MAX_RANK || (rank && !shape))
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                              "a tensor has rank 0 to %d and a shape, not rank %u", VKN_MAX_RANK, rank);
    for (uint32_t i = 0; i < rank; i++) {
        if (shape[i] && *count > most / shape[i])
            return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                                  "a tensor in host memory has at most %llu elements, not this shape",
                                  (unsigned long long)most);
        *count *= shape[i];
    }
    return VKN_SUCCESS;
}

VknResult vkn_layer_axes_check(VknLog log, const char *of, uint32_t rank, uint32_t count, const int32_t *axes,
                               uint32_t *set) {
    *set = 0;
    for (uint32_t i = 0; i < count; i++) {
        const int32_t extent = (int32_t)rank, axis = axes[i] < 0 ? axes[i] + extent : axes[i];
        if (axis < 0 || axis >= extent)
            return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                                  "%s: an axis of a tensor of rank %u is from %d to %d, not %d", of, rank,
                                  -extent, extent - 1, axes[i]);
        if (*set & 1u << axis)
            return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "%s: axis %d is listed twice", of,
                                  axes[i]);
        *set |= 1u << axis;
    }
    return VKN_SUCCESS;
}

static VknResult check_parameter(VknLog log, const char *of, const VknParameterDesc *parameter) {
    VknResult result = vkn_initializer_check(log, of, &parameter->initializer);
    if (result == VKN_SUCCESS)
        result = vkn_regularizer_check(log, of, &parameter->regularizer);
    if (result == VKN_SUCCESS)
        result = vkn_constraint_check(log, of, &parameter->constraint);
    return result;
}

static VknResult check_parameters(VknLog log, const VknLayerDesc *desc) {
    const uint32_t roles = vkn_layer_variables(desc);
    VknResult result = VKN_SUCCESS;
    if (roles & BIT(GAMMA))
        result = check_parameter(log, "gamma", &desc->gamma);
    if (roles & BIT(BETA) && result == VKN_SUCCESS)
        result = check_parameter(log, "beta", &desc->beta);
    if (roles & BIT(SLOPE) && result == VKN_SUCCESS)
        result = check_parameter(log, "alpha", &desc->alpha);
    if (roles & BIT(RUNNING_MEAN) && result == VKN_SUCCESS)
        result = vkn_initializer_check(log, "moving_mean", &desc->moving_mean_initializer);
    if (roles & BIT(RUNNING_VARIANCE) && result == VKN_SUCCESS)
        result = vkn_initializer_check(log, "moving_variance", &desc->moving_variance_initializer);
    return result;
}

/* Rules that the core cannot know. */
static VknResult check(VknLog log, const VknLayerDesc *desc) {
    if (desc->kind < VKN_LAYER_BATCH_NORMALIZATION || desc->kind > VKN_LAYER_SOFTMAX)
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "there is no kind of layer %d", desc->kind);
    if (!vkn_layer_name_valid(desc->name, false))
        return vkn_layer_fail(
            log, VKN_ERROR_INVALID_ARGUMENT,
            "a layer's name is not empty and has no control characters, '\"', '\\' and '/', "
            "not \"%s\"",
            desc->name ? desc->name : "");
    const bool no_axes = desc->kind == VKN_LAYER_ACTIVATION || desc->kind == VKN_LAYER_PRELU;
    if (desc->axis_count > VKN_MAX_RANK || (desc->axis_count == 0 && !no_axes))
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "%s: the layer has 1 to %d axes, not %u",
                              desc->name, VKN_MAX_RANK, desc->axis_count);
    if (desc->kind == VKN_LAYER_GROUP_NORMALIZATION &&
        (desc->axis_count != 1 || (desc->groups < 1 && desc->groups != -1)))
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                              "%s: group normalization has one axis, and groups >= 1 or -1, not %u and %lld",
                              desc->name, desc->axis_count, (long long)desc->groups);
    if (!isfinite(desc->epsilon) || desc->epsilon < 0)
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "%s: epsilon is finite and >= 0, not %g",
                              desc->name, desc->epsilon);
    if (desc->activation.id == VKN_ACTIVATION_PRELU)
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                              "%s: PReLU is a kind of layer, not an activation of one", desc->name);
    if (desc->kind == VKN_LAYER_BATCH_NORMALIZATION && desc->synchronized &&
        (desc->renorm || desc->virtual_batch_size))
        return vkn_layer_fail(log, VKN_ERROR_UNSUPPORTED,
                              "%s: synchronized excludes renorm and virtual batches", desc->name);
    return check_parameters(log, desc);
}

/* Asks the core what it thinks of a pass. */
static VknResult query(const VknLayer *layer, VknOperation operation, uint32_t more) {
    const VknPass pass = {operation, layer->shape[0], vkn_layer_roles(layer, operation) | more, 1, false};
    VknDesc desc;
    VknPlanInfo info;
    vkn_layer_describe(layer, &pass, &desc);
    return vkn_plan_query(vkn_context_caps(vkn_runtime_context(layer->runtime)), &desc, layer->log, &info);
}

/* Of all that it will do. */
static VknResult query_all(const VknLayer *layer) {
    VknResult result = VKN_SUCCESS;
    for (int training = 0; training < 2 && result == VKN_SUCCESS; training++) {
        const VknOperation forward = vkn_layer_operation(layer, training);
        result = query(layer, forward, 0);
        if (result == VKN_SUCCESS)
            result = query(layer, vkn_layer_gradient(forward), BIT(DX));
    }
    return result;
}

/* Of the least x that there may be, whatever the axes are; frozen or not. */
static VknResult query_least(const VknLayer *layer) {
    VknLayer least = *layer;
    const bool is_virtual = least.desc.kind == VKN_LAYER_BATCH_NORMALIZATION && least.desc.virtual_batch_size;
    least.rank = 2;
    least.shape[0] = is_virtual ? least.desc.virtual_batch_size : 1;
    least.shape[1] = 1;
    least.desc.axis_count = least.desc.axis_count > 0;
    least.desc.axes[0] = 1;
    least.desc.groups = 1;
    least.desc.trainable = true;
    return query_all(&least);
}

/* -------------------------------------------------------------------------------------------- create */

VknResult vkn_layer_create(VknRuntime *runtime, const VknLayerDesc *desc, VknLayer **layer) {
    if (!runtime || !layer)
        return VKN_ERROR_INVALID_ARGUMENT;
    const VknLog log = vkn_runtime_context_desc(runtime)->log;
    *layer = NULL;
    if (!desc)
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "a layer needs a description");
    VknResult result = check(log, desc);
    if (result != VKN_SUCCESS)
        return result;
    VknLayer *made = calloc(1, sizeof *made);
    char *name = malloc(strlen(desc->name) + 1);
    if (!made || !name) {
        free(made);
        free(name);
        return vkn_layer_fail(log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for a layer");
    }
    made->runtime = runtime;
    made->log = log;
    made->desc = *desc;
    made->desc.name = made->name = strcpy(name, desc->name);
    if (desc->kind == VKN_LAYER_ACTIVATION)
        made->desc.axis_count = 0;
    result = query_least(made);
    if (result == VKN_SUCCESS)
        *layer = made;
    else
        vkn_layer_destroy(made);
    return result;
}

void vkn_layer_destroy(VknLayer *layer) {
    if (!layer)
        return;
    vkn_layer_plans_destroy(layer);
    vkn_layer_variables_destroy(layer);
    free(layer->name);
    free(layer);
}

/* --------------------------------------------------------------------------------------------- build */

static VknResult build(VknLayer *layer) {
    const VknLayerDesc *desc = &layer->desc;
    uint32_t axes;
    VknResult result = vkn_layer_axes(layer, &axes);
    if (result == VKN_SUCCESS && desc->kind == VKN_LAYER_PRELU && axes & 1)
        result = vkn_layer_fail(layer->log, VKN_ERROR_INVALID_ARGUMENT,
                                "%s: samples cannot be shared_axes: the slope has no axis 0", layer->name);
    if (result == VKN_SUCCESS && desc->kind == VKN_LAYER_GROUP_NORMALIZATION && desc->groups > 0) {
        const uint64_t channels =
            layer->shape[desc->axes[0] < 0 ? desc->axes[0] + (int32_t)layer->rank : desc->axes[0]];
        if (channels % (uint64_t)desc->groups)
            result = vkn_layer_fail(layer->log, VKN_ERROR_INVALID_ARGUMENT,
                                    "%s: %lld groups do not divide %llu channels", layer->name,
                                    (long long)desc->groups, (unsigned long long)channels);
    }
    if (result == VKN_SUCCESS)
        result = query_all(layer);
    if (result == VKN_SUCCESS)
        result = vkn_layer_variables_create(layer);
    return result;
}

VknResult vkn_layer_build(VknLayer *layer, uint32_t rank, const uint64_t *shape) {
    uint64_t count;
    if (!layer)
        return VKN_ERROR_INVALID_ARGUMENT;
    if (layer->built)
        return vkn_layer_fail(layer->log, VKN_ERROR_INVALID_ARGUMENT, "%s is built already", layer->name);
    if (rank == 0)
        return vkn_layer_fail(layer->log, VKN_ERROR_INVALID_ARGUMENT, "%s: x has rank 1 to %d, not 0",
                              layer->name, VKN_MAX_RANK);
    VknResult result = vkn_layer_shape_check(layer->log, rank, shape, &count);
    if (result != VKN_SUCCESS)
        return result;
    layer->rank = rank;
    memcpy(layer->shape, shape, rank * sizeof *shape);
    result = build(layer);
    if (result == VKN_SUCCESS)
        layer->built = true;
    else
        vkn_layer_variables_destroy(layer);
    return result;
}

VknResult vkn_layer_check_built(const VknLayer *layer) {
    if (!layer->built)
        return vkn_layer_fail(layer->log, VKN_ERROR_INVALID_ARGUMENT, "%s is not built", layer->name);
    return VKN_SUCCESS;
}

void vkn_layer_set_trainable(VknLayer *layer, bool trainable) {
    layer->desc.trainable = trainable;
}

/* ------------------------------------------------------------------------------------------- weights */

const VknWeight *vkn_layer_weight(const VknLayer *layer, uint32_t index) {
    return index < layer->variable_count ? &layer->variables[index].weight : NULL;
}

VknParameterCount vkn_layer_parameter_count(const VknLayer *layer) {
    VknParameterCount count = {0};
    for (uint32_t i = 0; i < layer->variable_count; i++) {
        const VknWeight *weight = &layer->variables[i].weight;
        count.total += weight->count;
        *(weight->trainable && layer->desc.trainable ? &count.trainable : &count.non_trainable) +=
            weight->count;
    }
    return count;
}
