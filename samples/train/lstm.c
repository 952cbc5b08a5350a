/* LSTM. What x adds to the gates is one product of matrices for all time steps; the rest is a kernel for
 * each. */
#include "engine.h"

enum { KERNEL, RECURRENT, BIAS };

typedef struct Lstm {
    uint32_t times, quads; /* quads: units / 4 */
    Product gates;         /* of all time steps, as far as x adds to them */
    VkDescriptorSet forward_set, backward_set;
    Product weights, recurrent, inputs;
    Operation *bias;
} Lstm;

static void lstm_build(Net *net, Layer *layer) {
    const uint64_t *x = layer->x.shape, units = layer->spec->units, gates = 4 * units;
    if (layer->spec->sequences)
        layer_output(net, layer, 3, (uint64_t[]){x[0], x[1], units});
    else
        layer_output(net, layer, 2, (uint64_t[]){x[1], units});
    layer_variable(net, layer, "kernel", "glorot_uniform", true, 2, (uint64_t[]){x[2], gates});
    layer_variable(net, layer, "recurrent_kernel", "orthogonal", true, 2, (uint64_t[]){units, gates});
    layer_variable(net, layer, "bias", "unit_forget", true, 1, &gates);
}

/* Of a buffer of time steps, those from `first` to `last`. */
static VknBuffer steps_of(VknBuffer buffer, uint32_t times, uint32_t first, uint32_t last) {
    const uint64_t size = buffer.size / times;
    return (VknBuffer){buffer.buffer, buffer.offset + first * size, (last - first + 1) * size};
}

static void lstm_prepare(Net *net, Layer *layer) {
    Lstm *lstm = layer->state = allocate(1, sizeof *lstm);
    const uint32_t times = lstm->times = (uint32_t)layer->x.shape[0], batch = net->batch;
    const uint32_t in = tensor_features(&layer->x), units = layer->spec->units, gates = 4 * units;
    const Variable *kernel = layer->variables[KERNEL], *recurrent = layer->variables[RECURRENT];
    const Variable *bias = layer->variables[BIAS];
    const uint64_t size = sizeof(float) * times * batch * units;
    lstm->quads = units / 4;

    const VknBuffer gate = gpu_buffer_create(net->gpu, 4 * size);
    const VknBuffer cell = gpu_buffer_create(net->gpu, size);
    const VknBuffer carry = gpu_buffer_create(net->gpu, size / times);
    VknBuffer hidden = layer->y.value;
    if (!layer->spec->sequences) { /* y is the last of them */
        hidden = gpu_buffer_create(net->gpu, size);
        layer->y.value = steps_of(hidden, times, times - 1, times - 1);
    }
    lstm->gates = product_create(net, times * batch, gates, in, (Matrix){layer->x.value, in, 1},
                                 (Matrix){kernel->value, gates, 1}, bias->value, gate);
    lstm->forward_set = gpu_bind(net->gpu, 4, (VknBuffer[]){recurrent->value, gate, cell, hidden});
    lstm->backward_set =
        gpu_bind(net->gpu, 5, (VknBuffer[]){recurrent->value, gate, cell, carry, layer->y.gradient});

    /* Backward leaves the gradient by the gates in their place. */
    lstm->weights = product_create(net, in, gates, times * batch, (Matrix){layer->x.value, 1, in},
                                   (Matrix){gate, gates, 1}, (VknBuffer){0}, kernel->gradient);
    lstm->recurrent = product_create(
        net, units, gates, (times - 1) * batch, (Matrix){steps_of(hidden, times, 0, times - 2), 1, units},
        (Matrix){steps_of(gate, times, 1, times - 1), gates, 1}, (VknBuffer){0}, recurrent->gradient);
    if (layer->x.gradient.buffer != VK_NULL_HANDLE)
        lstm->inputs = product_create(net, times * batch, in, gates, (Matrix){gate, gates, 1},
                                      (Matrix){kernel->value, 1, gates}, (VknBuffer){0}, layer->x.gradient);
    lstm->bias = operation_sum(net, times * batch, gates, gate, bias->gradient);
}

static void lstm_forward(const Net *net, const Layer *layer, VkCommandBuffer commands, bool training) {
    (void)training;
    const Lstm *lstm = layer->state;
    product_record(net, &lstm->gates, commands);
    for (uint32_t time = 0; time < lstm->times; time++) {
        const uint32_t push[] = {net->batch, lstm->quads, time};
        gpu_barrier(commands);
        gpu_dispatch(net->gpu, commands, KERNEL_LSTM_FORWARD, lstm->forward_set, push, sizeof push,
                     (uint64_t)((net->batch + 3) / 4) * lstm->quads);
    }
}

static void lstm_backward(const Net *net, const Layer *layer, VkCommandBuffer commands) {
    const Lstm *lstm = layer->state;
    for (uint32_t time = lstm->times; time-- > 0;) {
        const uint32_t push[] = {net->batch, lstm->quads, time, lstm->times, layer->spec->sequences};
        gpu_dispatch(net->gpu, commands, KERNEL_LSTM_BACKWARD, lstm->backward_set, push, sizeof push,
                     (uint64_t)((net->batch + 3) / 4) * lstm->quads);
        gpu_barrier(commands);
    }
    product_record(net, &lstm->weights, commands);
    product_record(net, &lstm->recurrent, commands);
    if (layer->x.gradient.buffer != VK_NULL_HANDLE)
        product_record(net, &lstm->inputs, commands);
    operation_record(lstm->bias, commands);
}

const LayerType type_lstm = {"LSTM", "lstm", lstm_build, lstm_prepare, lstm_forward, lstm_backward};
