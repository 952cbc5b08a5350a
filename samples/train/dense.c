/* Flatten and Dense, and the product of matrices that LSTM needs as well. */
#include "engine.h"

Product product_create(Net *net, uint32_t rows, uint32_t columns, uint32_t depth, Matrix a, Matrix b,
                       VknBuffer bias, VknBuffer c) {
    const uint64_t alignment = gpu_alignment(net->gpu);
    VknBuffer buffers[] = {a.buffer, b.buffer, bias.buffer != VK_NULL_HANDLE ? bias : c, c};
    uint32_t first[2]; /* parts of a tensor begin anywhere: bind below and say how far */
    for (int i = 0; i < 2; i++) {
        const uint64_t rest = buffers[i].offset % alignment;
        buffers[i].offset -= rest;
        buffers[i].size += rest;
        first[i] = (uint32_t)(rest / sizeof(float));
    }
    return (Product){gpu_bind(net->gpu, 4, buffers),
                     {rows, columns, depth, first[0], a.row, a.column, first[1], b.row, b.column,
                      bias.buffer != VK_NULL_HANDLE}};
}

void product_record(const Net *net, const Product *product, VkCommandBuffer commands) {
    const uint64_t tiles = (uint64_t)((product->push[0] + 3) / 4) * ((product->push[1] + 3) / 4);
    gpu_dispatch(net->gpu, commands, KERNEL_MATMUL, product->set, product->push, sizeof product->push, tiles);
}

/* -------------------------------------------------------------------------------------------- Dense */

enum { KERNEL, BIAS };

typedef struct Dense {
    Product forward, weights, inputs;
    Operation *bias;
} Dense;

static void dense_build(Net *net, Layer *layer) {
    const uint64_t units = layer->spec->units, features = tensor_features(&layer->x);
    layer_output(net, layer, 2, (uint64_t[]){net->batch, units});
    layer_variable(net, layer, "kernel", "glorot_uniform", true, 2, (uint64_t[]){features, units});
    if (!layer->spec->without_bias)
        layer_variable(net, layer, "bias", "zeros", true, 1, &units);
}

static void dense_prepare(Net *net, Layer *layer) {
    Dense *dense = layer->state = allocate(1, sizeof *dense);
    const uint32_t in = tensor_features(&layer->x), out = layer->spec->units;
    const Variable *kernel = layer->variables[KERNEL], *bias = layer->variables[BIAS];
    dense->forward = product_create(net, net->batch, out, in, (Matrix){layer->x.value, in, 1},
                                    (Matrix){kernel->value, out, 1},
                                    bias != NULL ? bias->value : (VknBuffer){0}, layer->y.value);
    dense->weights = product_create(net, in, out, net->batch, (Matrix){layer->x.value, 1, in},
                                    (Matrix){layer->y.gradient, out, 1}, (VknBuffer){0}, kernel->gradient);
    if (layer->x.gradient.buffer != VK_NULL_HANDLE)
        dense->inputs = product_create(net, net->batch, in, out, (Matrix){layer->y.gradient, out, 1},
                                       (Matrix){kernel->value, 1, out}, (VknBuffer){0}, layer->x.gradient);
    if (bias != NULL)
        dense->bias = operation_sum(net, net->batch, out, layer->y.gradient, bias->gradient);
}

static void dense_forward(const Net *net, const Layer *layer, VkCommandBuffer commands, bool training) {
    (void)training;
    product_record(net, &((const Dense *)layer->state)->forward, commands);
}

static void dense_backward(const Net *net, const Layer *layer, VkCommandBuffer commands) {
    const Dense *dense = layer->state;
    product_record(net, &dense->weights, commands);
    if (layer->x.gradient.buffer != VK_NULL_HANDLE)
        product_record(net, &dense->inputs, commands);
    if (dense->bias != NULL)
        operation_record(dense->bias, commands);
}

const LayerType type_dense = {"Dense", "dense", dense_build, dense_prepare, dense_forward, dense_backward};

/* ------------------------------------------------------------------------------------------ Flatten */

/* Another shape for the same memory. */
static void flatten_build(Net *net, Layer *layer) {
    layer->y = layer->x;
    layer->y.rank = 2;
    layer->y.shape[1] = tensor_count(&layer->x) / net->batch;
}

static void nothing_prepare(Net *net, Layer *layer) {
    (void)net, (void)layer;
}

static void nothing_forward(const Net *net, const Layer *layer, VkCommandBuffer commands, bool training) {
    (void)net, (void)layer, (void)commands, (void)training;
}

static void nothing_backward(const Net *net, const Layer *layer, VkCommandBuffer commands) {
    (void)net, (void)layer, (void)commands;
}

const LayerType type_flatten = {"Flatten",       "flatten",       flatten_build,
                                nothing_prepare, nothing_forward, nothing_backward};
