/* Conv2D without padding, and MaxPooling2D of 2 x 2. */
#include "engine.h"

enum { KERNEL, BIAS };

typedef struct Conv {
    VkDescriptorSet forward_set, weights_set;
    uint32_t push[6];
    uint64_t forward_invocations, weights_invocations;
    Operation *weights, *bias; /* the sums over samples, over pixels */
} Conv;

static void conv_build(Net *net, Layer *layer) {
    const uint64_t *x = layer->x.shape, size = layer->spec->size, filters = layer->spec->units;
    if (layer->x.gradient.buffer != VK_NULL_HANDLE)
        fail("model %s: Conv2D has no gradient by its input, so it must be the first layer",
             net->model->name);
    layer_output(net, layer, 4, (uint64_t[]){x[0], x[1] - size + 1, x[2] - size + 1, filters});
    layer_variable(net, layer, "kernel", "glorot_uniform", true, 4, (uint64_t[]){size, size, x[3], filters});
    layer_variable(net, layer, "bias", "zeros", true, 1, &filters);
}

static void conv_prepare(Net *net, Layer *layer) {
    Conv *conv = layer->state = allocate(1, sizeof *conv);
    const Variable *kernel = layer->variables[KERNEL], *bias = layer->variables[BIAS];
    const uint64_t *x = layer->x.shape;
    const VknBuffer parts = gpu_buffer_create(net->gpu, net->batch * kernel->value.size);
    *conv = (Conv){
        .forward_set =
            gpu_bind(net->gpu, 4, (VknBuffer[]){layer->x.value, kernel->value, bias->value, layer->y.value}),
        .weights_set = gpu_bind(net->gpu, 3, (VknBuffer[]){layer->x.value, layer->y.gradient, parts}),
        .push = {(uint32_t)x[0], (uint32_t)x[1], (uint32_t)x[2], (uint32_t)x[3], layer->spec->size,
                 layer->spec->units / 4},
        .forward_invocations = tensor_count(&layer->y) / 4,
        .weights_invocations = net->batch * kernel->count / 4,
        .weights = operation_sum(net, net->batch, kernel->count, parts, kernel->gradient),
        .bias =
            operation_sum(net, tensor_rows(&layer->y), layer->spec->units, layer->y.gradient, bias->gradient),
    };
}

static void conv_forward(const Net *net, const Layer *layer, VkCommandBuffer commands, bool training) {
    (void)training;
    const Conv *conv = layer->state;
    gpu_dispatch(net->gpu, commands, KERNEL_CONV_FORWARD, conv->forward_set, conv->push, sizeof conv->push,
                 conv->forward_invocations);
}

static void conv_backward(const Net *net, const Layer *layer, VkCommandBuffer commands) {
    const Conv *conv = layer->state;
    gpu_dispatch(net->gpu, commands, KERNEL_CONV_WEIGHTS, conv->weights_set, conv->push, sizeof conv->push,
                 conv->weights_invocations);
    operation_record(conv->bias, commands);
    gpu_barrier(commands);
    operation_record(conv->weights, commands);
}

const LayerType type_conv2d = {"Conv2D", "conv2d", conv_build, conv_prepare, conv_forward, conv_backward};

/* -------------------------------------------------------------------------------------- MaxPooling2D */

typedef struct Pool {
    VkDescriptorSet forward_set, backward_set;
    uint32_t push[3];
} Pool;

static void pool_build(Net *net, Layer *layer) {
    const uint64_t *x = layer->x.shape;
    if (x[1] % 2 != 0 || x[2] % 2 != 0 || x[3] % 4 != 0)
        fail("model %s: MaxPooling2D needs an even height and width and whole quads of channels, not "
             "%llux%llux%llu",
             net->model->name, (unsigned long long)x[1], (unsigned long long)x[2], (unsigned long long)x[3]);
    layer_output(net, layer, 4, (uint64_t[]){x[0], x[1] / 2, x[2] / 2, x[3]});
}

static void pool_prepare(Net *net, Layer *layer) {
    Pool *pool = layer->state = allocate(1, sizeof *pool);
    const Tensor *x = &layer->x, *y = &layer->y;
    *pool = (Pool){
        .forward_set = gpu_bind(net->gpu, 2, (VknBuffer[]){x->value, y->value}),
        .backward_set = gpu_bind(net->gpu, 4, (VknBuffer[]){x->value, y->value, y->gradient, x->gradient}),
        .push = {(uint32_t)(tensor_count(y) / 4), (uint32_t)y->shape[2], (uint32_t)y->shape[3] / 4},
    };
}

static void pool_forward(const Net *net, const Layer *layer, VkCommandBuffer commands, bool training) {
    (void)training;
    const Pool *pool = layer->state;
    gpu_dispatch(net->gpu, commands, KERNEL_POOL_FORWARD, pool->forward_set, pool->push, sizeof pool->push,
                 pool->push[0]);
}

static void pool_backward(const Net *net, const Layer *layer, VkCommandBuffer commands) {
    const Pool *pool = layer->state;
    gpu_dispatch(net->gpu, commands, KERNEL_POOL_BACKWARD, pool->backward_set, pool->push, sizeof pool->push,
                 pool->push[0]);
}

const LayerType type_max_pooling2d = {"MaxPooling2D", "max_pooling2d", pool_build,
                                      pool_prepare,   pool_forward,    pool_backward};
