#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vknorm/layer.h>

static const LayerType *const TYPES[LAYER_KIND_COUNT] = {
    [LAYER_FLATTEN] = &type_flatten,
    [LAYER_DENSE] = &type_dense,
    [LAYER_CONV2D] = &type_conv2d,
    [LAYER_MAX_POOLING2D] = &type_max_pooling2d,
    [LAYER_LSTM] = &type_lstm,
    [LAYER_BATCH_NORMALIZATION] = &type_batch_normalization,
    [LAYER_ACTIVATION] = &type_activation,
    [LAYER_RELU] = &type_relu,
    [LAYER_LEAKY_RELU] = &type_leaky_relu,
};

/* ----------------------------------------------------------------------------------------- tensors */

uint64_t tensor_count(const Tensor *tensor) {
    uint64_t count = 1;
    for (uint32_t i = 0; i < tensor->rank; i++)
        count *= tensor->shape[i];
    return count;
}

uint32_t tensor_features(const Tensor *tensor) {
    return (uint32_t)tensor->shape[tensor->rank - 1];
}

uint32_t tensor_rows(const Tensor *tensor) {
    return (uint32_t)(tensor_count(tensor) / tensor_features(tensor));
}

void layer_output(Net *net, Layer *layer, uint32_t rank, const uint64_t *shape) {
    layer->y = (Tensor){.rank = rank};
    for (uint32_t i = 0; i < rank; i++)
        layer->y.shape[i] = shape[i];
    const uint64_t size = tensor_count(&layer->y) * sizeof(float);
    layer->y.value = gpu_buffer_create(net->gpu, size);
    layer->y.gradient = gpu_buffer_create(net->gpu, size);
}

/* --------------------------------------------------------------------------------------- variables */

Variable *layer_variable(Net *net, Layer *layer, const char *name, const char *initializer, bool trainable,
                         uint32_t rank, const uint64_t *shape) {
    Variable *variable = &net->variables[net->variable_count++];
    *variable = (Variable){.initializer = initializer, .trainable = trainable, .rank = rank, .count = 1};
    snprintf(variable->path, sizeof variable->path, "%s/%s", layer->name, name);
    for (uint32_t i = 0; i < rank; i++) {
        variable->shape[i] = shape[i];
        variable->count *= shape[i];
    }
    layer->parameters += variable->count;
    uint32_t i = 0;
    while (layer->variables[i] != NULL)
        i++;
    layer->variables[i] = variable;
    return variable;
}

/* Variables begin where any device can bind them. */
static uint64_t size_of(const Variable *variable) {
    return (variable->count * sizeof(float) + 255) / 256 * 256;
}

static void variables_place(Net *net) {
    uint64_t end = 0, trainable_end = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < net->variable_count; i++)
            if (net->variables[i].trainable == (pass == 0)) {
                net->variables[i].value =
                    (VknBuffer){.offset = end, .size = net->variables[i].count * sizeof(float)};
                end += size_of(&net->variables[i]);
            }
        if (pass == 0)
            trainable_end = end;
    }
    net->values = gpu_buffer_create(net->gpu, end);
    net->gradients = gpu_buffer_create(net->gpu, trainable_end);
    for (uint32_t i = 0; i < net->variable_count; i++) {
        Variable *variable = &net->variables[i];
        variable->value.buffer = net->values.buffer;
        if (variable->trainable) {
            variable->gradient = variable->value;
            variable->gradient.buffer = net->gradients.buffer;
        }
    }
}

static void variable_fill(const Net *net, const Variable *variable, uint64_t seed, float *values) {
    char path[128];
    const bool unit_forget = strcmp(variable->initializer, "unit_forget") == 0;
    VknInitializer initializer = *vkn_initializer_find(unit_forget ? "zeros" : variable->initializer);
    initializer.seed = seed;
    snprintf(path, sizeof path, "%s/%s", net->model->name, variable->path);
    if (vkn_initializer_fill((VknLog){0}, &initializer, vkn_stream_of_name(path), variable->rank,
                             variable->shape, values) != VKN_SUCCESS)
        fail("%s cannot be initialized", path);
    if (unit_forget) /* of the gates i, f, c, o */
        for (uint64_t i = variable->count / 4; i < variable->count / 2; i++)
            values[i] = 1;
}

static void variables_fill(Net *net, uint64_t seed) {
    char *values = allocate(1, net->values.size);
    for (uint32_t i = 0; i < net->variable_count; i++)
        variable_fill(net, &net->variables[i], seed, (float *)(values + net->variables[i].value.offset));
    gpu_upload(net->gpu, net->values, values);
    free(values);
}

uint64_t net_parameters(const Net *net, bool trainable) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < net->variable_count; i++)
        if (net->variables[i].trainable == trainable)
            sum += net->variables[i].count;
    return sum;
}

/* ------------------------------------------------------------------------------------------ layers */

/* Keras' name: dense, dense_1, ... */
static void name_layer(const Net *net, Layer *layer) {
    uint32_t before = 0;
    for (uint32_t i = 0; i < net->layer_count; i++)
        before += net->layers[i].type == layer->type && !net->layers[i].hidden;
    if (before == 0)
        snprintf(layer->name, sizeof layer->name, "%s", layer->type->name);
    else
        snprintf(layer->name, sizeof layer->name, "%s_%u", layer->type->name, before);
}

static Layer *layer_add(Net *net, const LayerType *type, const LayerSpec *spec) {
    Layer *layer = &net->layers[net->layer_count];
    *layer = (Layer){.type = type, .spec = spec, .x = *net_output(net)};
    name_layer(net, layer);
    type->build(net, layer);
    net->layer_count++;
    return layer;
}

/* A Dense layer's activation is the prologue of the batch normalization behind it, or a layer of its own. */
static void layers_add(Net *net, const LayerSpec *specs) {
    for (const LayerSpec *spec = specs; spec->kind != LAYER_END; spec++) {
        Layer *layer = layer_add(net, TYPES[spec->kind], spec);
        const LayerSpec *before = spec > specs ? spec - 1 : NULL;
        if (spec->kind == LAYER_BATCH_NORMALIZATION && before != NULL && before->kind == LAYER_DENSE)
            layer->prologue = before->activation;
        if (spec->kind == LAYER_DENSE && spec->activation.id != VKN_ACTIVATION_IDENTITY &&
            spec[1].kind != LAYER_BATCH_NORMALIZATION)
            layer_add(net, &type_activation, spec)->hidden = true;
    }
}

const Tensor *net_output(const Net *net) {
    return net->layer_count > 0 ? &net->layers[net->layer_count - 1].y : &net->input;
}

void net_open(Net *net, Gpu *gpu, const Model *model, const Dataset *data, uint32_t batch) {
    *net = (Net){.gpu = gpu, .model = model, .batch = batch, .classes = data->classes};
    net->input = model->series
                     ? (Tensor){.rank = 3, .shape = {data->height, batch, data->channels}}
                     : (Tensor){.rank = 4, .shape = {batch, data->height, data->width, data->channels}};
    net->input.value = gpu_buffer_create(gpu, tensor_count(&net->input) * sizeof(float));
    layers_add(net, model->layers);
    variables_place(net);
}

void net_prepare(Net *net, uint64_t seed) {
    for (uint32_t i = 0; i < net->layer_count; i++) {
        Layer *layer = &net->layers[i];
        if (i > 0)
            layer->x.value = net->layers[i - 1].y.value;
        layer->type->prepare(net, layer);
    }
    variables_fill(net, seed);
}

void net_close(Net *net) {
    operations_destroy(net);
    for (uint32_t i = 0; i < net->layer_count; i++)
        free(net->layers[i].state);
    gpu_forget(net->gpu);
}

void net_record_forward(const Net *net, VkCommandBuffer commands, bool training) {
    for (uint32_t i = 0; i < net->layer_count; i++) {
        net->layers[i].type->forward(net, &net->layers[i], commands, training);
        gpu_barrier(commands);
    }
}

void net_record_backward(const Net *net, VkCommandBuffer commands) {
    for (uint32_t i = net->layer_count; i-- > 0;) {
        net->layers[i].type->backward(net, &net->layers[i], commands);
        gpu_barrier(commands);
    }
}
