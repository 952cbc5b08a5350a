/* What changes gradients and variables on the host: regularizers and constraints. Parameters are small. */
#include "internal.h"

#include <stdlib.h>

static const VknParameterDesc *parameter_of(const VknLayer *layer, const VknVariable *variable) {
    const char *desc = (const char *)&layer->desc;
    return (const VknParameterDesc *)(const void *)(desc + variable->kind->parameter);
}

static VknResult regularize(const VknLayer *layer, const VknVariable *variable,
                            const VknRegularizer *regularizer, bool gradients, double *loss) {
    const VknWeight *weight = &variable->weight;
    float *values = NULL, *gradient = NULL;
    VknResult result = vkn_layer_values_read(layer, &weight->value, weight->count, &values);
    if (result == VKN_SUCCESS && gradients)
        result = vkn_layer_values_read(layer, &weight->gradient, weight->count, &gradient);
    if (result == VKN_SUCCESS)
        result = vkn_regularizer_apply(layer->log, regularizer, weight->rank, weight->shape, values, loss,
                                       gradient);
    if (result == VKN_SUCCESS && gradients)
        result = vkn_layer_values_write(layer, &weight->gradient, weight->count, gradient);
    free(values);
    free(gradient);
    return result;
}

VknResult vkn_layer_regularize(VknLayer *layer, bool gradients, double *loss) {
    if (!layer)
        return VKN_ERROR_INVALID_ARGUMENT;
    if (!loss)
        return vkn_layer_fail(layer->log, VKN_ERROR_INVALID_ARGUMENT, "%s: regularizing needs a loss",
                              layer->name);
    VknResult result = vkn_layer_check_built(layer);
    double sum = 0;
    for (uint32_t i = 0; i < layer->variable_count && result == VKN_SUCCESS && layer->desc.trainable; i++) {
        const VknVariable *variable = &layer->variables[i];
        if (!variable->weight.trainable)
            continue;
        const VknRegularizer *regularizer = &parameter_of(layer, variable)->regularizer;
        double part = 0;
        if (regularizer->l1 > 0 || regularizer->l2 > 0 || regularizer->orthogonal > 0)
            result = regularize(layer, variable, regularizer, gradients, &part);
        sum += part;
    }
    if (result == VKN_SUCCESS)
        *loss = sum;
    return result;
}

static VknResult constrain(const VknLayer *layer, const VknWeight *weight, const VknConstraint *constraint) {
    float *values;
    VknResult result = vkn_layer_values_read(layer, &weight->value, weight->count, &values);
    if (result == VKN_SUCCESS)
        result = vkn_constraint_apply(layer->log, constraint, weight->rank, weight->shape, values);
    if (result == VKN_SUCCESS)
        result = vkn_layer_values_write(layer, &weight->value, weight->count, values);
    free(values);
    return result;
}

VknResult vkn_layer_constrain(VknLayer *layer) {
    if (!layer)
        return VKN_ERROR_INVALID_ARGUMENT;
    VknResult result = vkn_layer_check_built(layer);
    for (uint32_t i = 0; i < layer->variable_count && result == VKN_SUCCESS && layer->desc.trainable; i++) {
        const VknVariable *variable = &layer->variables[i];
        if (!variable->weight.trainable)
            continue;
        const VknConstraint *constraint = &parameter_of(layer, variable)->constraint;
        if (constraint->kind != VKN_CONSTRAINT_NONE)
            result = constrain(layer, &variable->weight, constraint);
    }
    return result;
}
