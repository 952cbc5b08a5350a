/* Which variables there are, their shapes, and their beginning. */
#include "internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* THE table of variables, in Keras' order. RMS normalization calls its gamma scale. */
#define PARAMETER(field)  .parameter = offsetof(VknLayerDesc, field)
#define BEGINS(field, as) .initializer = offsetof(VknLayerDesc, field##_initializer), .begins_as = as
static const VknVariableKind KINDS[] = {
    {"gamma", VKN_ROLE_GAMMA, VKN_ROLE_DGAMMA, PARAMETER(gamma)},
    {"beta", VKN_ROLE_BETA, VKN_ROLE_DBETA, PARAMETER(beta)},
    {"alpha", VKN_ROLE_SLOPE, VKN_ROLE_DSLOPE, PARAMETER(alpha)},
    {"moving_mean", VKN_ROLE_RUNNING_MEAN, BEGINS(moving_mean, "moving_mean")},
    {"moving_variance", VKN_ROLE_RUNNING_VARIANCE, BEGINS(moving_variance, "moving_variance")},
    {"moving_stddev", VKN_ROLE_RUNNING_STD, BEGINS(moving_variance, "moving_variance"), .root = true},
    {"renorm_mean", VKN_ROLE_RENORM_MEAN, BEGINS(moving_mean, "moving_mean")},
    {"renorm_stddev", VKN_ROLE_RENORM_STD, BEGINS(moving_variance, "moving_variance"), .root = true},
};

uint32_t vkn_layer_variables(const VknLayerDesc *desc) {
    const uint32_t gamma = desc->scale ? BIT(GAMMA) : 0, beta = desc->center ? BIT(BETA) : 0;
    switch (desc->kind) {
    case VKN_LAYER_BATCH_NORMALIZATION:
        return gamma | beta | BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE) |
               (desc->renorm ? BIT(RUNNING_STD) | BIT(RENORM_MEAN) | BIT(RENORM_STD) : 0);
    case VKN_LAYER_LAYER_NORMALIZATION:
    case VKN_LAYER_GROUP_NORMALIZATION:
        return gamma | beta;
    case VKN_LAYER_RMS_NORMALIZATION:
        return gamma;
    case VKN_LAYER_PRELU:
        return BIT(SLOPE);
    case VKN_LAYER_UNIT_NORMALIZATION:
    case VKN_LAYER_ACTIVATION:
    case VKN_LAYER_SOFTMAX:
        break;
    }
    return 0;
}

VknResult vkn_layer_axes(const VknLayer *layer, uint32_t *set) {
    return vkn_layer_axes_check(layer->log, layer->name, layer->rank, layer->desc.axis_count,
                                layer->desc.axes, set);
}

/* The shape that Keras gives to every variable of the layer. */
static void shape_of(const VknLayer *layer, uint32_t axes, VknWeight *weight) {
    const bool prelu = layer->desc.kind == VKN_LAYER_PRELU;
    const bool keeps_rank =
        prelu || (layer->desc.kind == VKN_LAYER_BATCH_NORMALIZATION && layer->desc.axis_count > 1);
    weight->rank = 0;
    weight->count = 1;
    for (uint32_t axis = prelu ? 1 : 0; axis < layer->rank; axis++) {
        const bool has = prelu != (axes >> axis & 1);
        if (has || keeps_rank)
            weight->shape[weight->rank++] = has ? layer->shape[axis] : 1;
        weight->count *= has ? layer->shape[axis] : 1;
    }
}

static const VknInitializer *initializer_of(const VknLayer *layer, const VknVariableKind *kind) {
    const char *desc = (const char *)&layer->desc;
    if (kind->gradient)
        return &((const VknParameterDesc *)(const void *)(desc + kind->parameter))->initializer;
    return (const VknInitializer *)(const void *)(desc + kind->initializer);
}

static VknResult path_create(const VknLayer *layer, const char *name, char **path) {
    const size_t size = strlen(layer->name) + 1 + strlen(name) + 1;
    *path = malloc(size);
    if (!*path)
        return vkn_layer_fail(layer->log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for a variable");
    snprintf(*path, size, "%s/%s", layer->name, name);
    return VKN_SUCCESS;
}

/* The values that a variable begins with. */
static VknResult begin(const VknLayer *layer, const VknVariable *variable, float *values) {
    const VknVariableKind *kind = variable->kind;
    const VknWeight *weight = &variable->weight;
    char *path = NULL;
    VknResult result = path_create(layer, kind->gradient ? weight->name : kind->begins_as, &path);
    if (result == VKN_SUCCESS)
        result = vkn_initializer_fill(layer->log, initializer_of(layer, kind), vkn_stream_of_name(path),
                                      weight->rank, weight->shape, values);
    free(path);
    for (uint64_t i = 0; i < weight->count && kind->root && result == VKN_SUCCESS; i++)
        values[i] = sqrtf(values[i]);
    return result;
}

static VknResult buffer_create(const VknLayer *layer, uint64_t count, const float *values,
                               VknBuffer *buffer) {
    VknResult result =
        vkn_runtime_buffer_create(layer->runtime, (count ? count : 1) * sizeof *values, buffer);
    if (result == VKN_SUCCESS && count)
        result = vkn_runtime_upload(layer->runtime, buffer, 0, values, count * sizeof *values);
    return result;
}

static VknResult variable_create(const VknLayer *layer, const VknVariableKind *kind, uint32_t axes,
                                 VknVariable *variable) {
    VknWeight *weight = &variable->weight;
    variable->kind = kind;
    weight->name = layer->desc.kind == VKN_LAYER_RMS_NORMALIZATION ? "scale" : kind->name;
    weight->trainable = kind->gradient != VKN_ROLE_X;
    shape_of(layer, axes, weight);
    VknResult result = path_create(layer, weight->name, &variable->path);
    weight->path = variable->path;
    float *values = calloc(weight->count + 1, sizeof *values);
    if (!values)
        result = vkn_layer_fail(layer->log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for a variable");
    if (result == VKN_SUCCESS && weight->trainable)
        result = buffer_create(layer, weight->count, values, &weight->gradient);
    if (result == VKN_SUCCESS)
        result = begin(layer, variable, values);
    if (result == VKN_SUCCESS)
        result = buffer_create(layer, weight->count, values, &weight->value);
    free(values);
    return result;
}

VknResult vkn_layer_variables_create(VknLayer *layer) {
    const uint32_t roles = vkn_layer_variables(&layer->desc);
    uint32_t axes;
    VknResult result = vkn_layer_axes(layer, &axes);
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS && result == VKN_SUCCESS; i++)
        if (roles & VKN_ROLE_BIT(KINDS[i].role))
            result = variable_create(layer, &KINDS[i], axes, &layer->variables[layer->variable_count++]);
    return result;
}

void vkn_layer_variables_destroy(VknLayer *layer) {
    for (uint32_t i = 0; i < layer->variable_count; i++) {
        VknVariable *variable = &layer->variables[i];
        vkn_runtime_buffer_destroy(layer->runtime, variable->weight.value.buffer);
        vkn_runtime_buffer_destroy(layer->runtime, variable->weight.gradient.buffer);
        free(variable->path);
        *variable = (VknVariable){0};
    }
    layer->variable_count = 0;
}

/* -------------------------------------------------------------------------------------------- values */

VknResult vkn_layer_values_read(const VknLayer *layer, const VknBuffer *buffer, uint64_t count,
                                float **values) {
    *values = malloc((size_t)(count + 1) * sizeof **values);
    if (!*values)
        return vkn_layer_fail(layer->log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for a variable");
    VknResult result = VKN_SUCCESS;
    if (count)
        result = vkn_runtime_download(layer->runtime, buffer, 0, *values, count * sizeof **values);
    return result;
}

VknResult vkn_layer_values_write(const VknLayer *layer, const VknBuffer *buffer, uint64_t count,
                                 const float *values) {
    return count ? vkn_runtime_upload(layer->runtime, buffer, 0, values, count * sizeof *values)
                 : VKN_SUCCESS;
}
