/* Weight files of layers. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* All variables of some layers. */
typedef struct Variables {
    uint32_t count;
    const VknLayer **layers; /* each variable's */
    VknNamedTensor *tensors;
} Variables;

static void variables_free(Variables *all) {
    for (uint32_t i = 0; i < all->count && all->tensors; i++)
        free(all->tensors[i].values);
    free(all->tensors);
    free(all->layers);
}

static const VknWeight *weight_of(const Variables *all, uint32_t index) {
    uint32_t first = index;
    while (first > 0 && all->layers[first - 1] == all->layers[index])
        first--;
    return vkn_layer_weight(all->layers[index], index - first);
}

/* Lists the variables with their values. */
static VknResult variables_list(uint32_t count, VknLayer *const *layers, Variables *all) {
    VknResult result = VKN_SUCCESS;
    const VknLog log = layers[0]->log;
    uint32_t most = 0;
    *all = (Variables){0};
    for (uint32_t i = 0; i < count && result == VKN_SUCCESS; i++) {
        result = vkn_layer_check_built(layers[i]);
        for (uint32_t k = 0; k < i && result == VKN_SUCCESS; k++)
            if (!strcmp(layers[i]->name, layers[k]->name))
                result = vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                                        "layers in a weight file have names that differ, two are \"%s\"",
                                        layers[i]->name);
        most += layers[i]->variable_count;
    }
    if (result != VKN_SUCCESS)
        return result;
    all->layers = calloc((size_t)most + 1, sizeof(VknLayer *));
    all->tensors = calloc((size_t)most + 1, sizeof *all->tensors);
    if (!all->layers || !all->tensors)
        result = vkn_layer_fail(log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for a list of variables");
    for (uint32_t i = 0; i < count && result == VKN_SUCCESS; i++)
        for (uint32_t k = 0; k < layers[i]->variable_count && result == VKN_SUCCESS; k++) {
            const VknWeight *weight = vkn_layer_weight(layers[i], k);
            VknNamedTensor *tensor = &all->tensors[all->count];
            tensor->name = weight->path;
            tensor->rank = weight->rank;
            memcpy(tensor->shape, weight->shape, sizeof tensor->shape);
            all->layers[all->count++] = layers[i];
            result = vkn_layer_values_read(layers[i], &weight->value, weight->count, &tensor->values);
        }
    return result;
}

static VknResult check_layers(uint32_t count, VknLayer *const *layers) {
    for (uint32_t i = 0; i < count; i++)
        if (!layers || !layers[i])
            return VKN_ERROR_INVALID_ARGUMENT;
    return count ? VKN_SUCCESS : VKN_ERROR_INVALID_ARGUMENT;
}

VknResult vkn_layers_save(uint32_t count, VknLayer *const *layers, const char *path) {
    Variables all;
    VknResult result = check_layers(count, layers);
    if (result != VKN_SUCCESS)
        return result;
    result = variables_list(count, layers, &all);
    if (result == VKN_SUCCESS)
        result = vkn_tensors_save(layers[0]->log, path, all.count, all.tensors);
    variables_free(&all);
    return result;
}

VknResult vkn_layers_load(uint32_t count, VknLayer *const *layers, const char *path) {
    Variables all;
    VknResult result = check_layers(count, layers);
    if (result != VKN_SUCCESS)
        return result;
    result = variables_list(count, layers, &all);
    if (result == VKN_SUCCESS)
        result = vkn_tensors_load(layers[0]->log, path, all.count, all.tensors);
    for (uint32_t i = 0; i < all.count && result == VKN_SUCCESS; i++) {
        const VknWeight *weight = weight_of(&all, i);
        result = vkn_layer_values_write(all.layers[i], &weight->value, weight->count, all.tensors[i].values);
    }
    variables_free(&all);
    return result;
}
