/* Losses, optimizers, and batches on their way to the device. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

/* One command buffer serves all batches: the host fills a window of them, and the device takes the next one
 * each time that it runs the commands. */
enum { WINDOW = 16, NOBODY = -1 /* the answer of an empty row */ };

static const float BETA1_LESS = 0.1f, BETA2_LESS = 0.001f, EPSILON = 1e-7f; /* Adam: 1 - 0.9, 1 - 0.999 */

/* As in shaders/state.glsl. */
typedef struct State {
    uint32_t slot;
    float correction[2];
} State;

typedef struct Outcome {
    float loss, right;
} Outcome;

struct Feed {
    State *state;
    float *inputs;     /* [WINDOW][as the input of the net] */
    uint32_t *answers; /* [WINDOW][batch], labels, or targets as they lie in memory */
    Outcome *outcomes; /* [WINDOW][batch] */
    VkCommandBuffer commands;
};

typedef struct Buffers {
    VknBuffer state, inputs, answers, answer, outcomes;
} Buffers;

/* ------------------------------------------------------------------------------------------- commands */

static void record_feed(const Net *net, const Buffers *buffers, VkCommandBuffer commands) {
    const VkDescriptorSet set = gpu_bind(
        net->gpu, 5,
        (VknBuffer[]){buffers->state, buffers->inputs, buffers->answers, net->input.value, buffers->answer});
    const uint32_t push[] = {(uint32_t)tensor_count(&net->input), net->batch};
    gpu_dispatch(net->gpu, commands, KERNEL_FEED, set, push, sizeof push, push[0]);
    gpu_barrier(commands);
}

/* Leaves the gradient of the loss by the output in its place. vknorm's log-softmax goes before the loss, and
 * its gradient behind it. */
static void record_cross_entropy(Net *net, const Buffers *buffers, VkCommandBuffer commands) {
    const Tensor *output = net_output(net);
    VknBuffer tensors[VKN_ROLE_COUNT] = {[VKN_ROLE_X] = output->value, [VKN_ROLE_DX] = output->gradient};
    tensors[VKN_ROLE_Y] = gpu_buffer_create(net->gpu, output->value.size);
    tensors[VKN_ROLE_DY] = gpu_buffer_create(net->gpu, output->value.size);
    VknDesc forward, gradient;
    vkn_desc_log_softmax(&forward, VKN_OPERATION_TRAIN, 2, output->shape, 1, (int32_t[]){-1});
    vkn_desc_log_softmax(&gradient, VKN_OPERATION_TRAIN_GRADIENT, 2, output->shape, 1, (int32_t[]){-1});

    const VkDescriptorSet set = gpu_bind(net->gpu, 5,
                                         (VknBuffer[]){buffers->state, tensors[VKN_ROLE_Y], buffers->answer,
                                                       tensors[VKN_ROLE_DY], buffers->outcomes});
    const uint32_t push[] = {net->batch, net->classes};
    operation_record(operation_create(net, &forward, tensors), commands);
    gpu_barrier(commands);
    gpu_dispatch(net->gpu, commands, KERNEL_CROSS_ENTROPY, set, push, sizeof push, net->batch);
    gpu_barrier(commands);
    operation_record(operation_create(net, &gradient, tensors), commands);
    gpu_barrier(commands);
}

static void record_squared_error(Net *net, const Buffers *buffers, VkCommandBuffer commands) {
    const Tensor *output = net_output(net);
    const VkDescriptorSet set = gpu_bind(
        net->gpu, 5,
        (VknBuffer[]){buffers->state, output->value, buffers->answer, output->gradient, buffers->outcomes});
    gpu_dispatch(net->gpu, commands, KERNEL_SQUARED_ERROR, set, &net->batch, sizeof net->batch, net->batch);
    gpu_barrier(commands);
}

static void record_sgd(Net *net, const Optimizer *optimizer, VkCommandBuffer commands) {
    const VknBuffer velocity = gpu_buffer_create(net->gpu, net->gradients.size);
    const VkDescriptorSet set = gpu_bind(net->gpu, 3, (VknBuffer[]){net->values, net->gradients, velocity});
    const struct {
        uint32_t count;
        float rate, momentum;
    } push = {(uint32_t)(net->gradients.size / 16), optimizer->rate, optimizer->momentum};
    gpu_dispatch(net->gpu, commands, KERNEL_SGD, set, &push, sizeof push, push.count);
}

static void record_adam(Net *net, const Optimizer *optimizer, VknBuffer state, VkCommandBuffer commands) {
    const VknBuffer mean = gpu_buffer_create(net->gpu, net->gradients.size);
    const VknBuffer square = gpu_buffer_create(net->gpu, net->gradients.size);
    const VkDescriptorSet set =
        gpu_bind(net->gpu, 5, (VknBuffer[]){state, net->values, net->gradients, mean, square});
    const struct {
        uint32_t count;
        float rate, beta1_less, beta2_less, epsilon;
    } push = {(uint32_t)(net->gradients.size / 16), optimizer->rate, BETA1_LESS, BETA2_LESS, EPSILON};
    gpu_dispatch(net->gpu, commands, KERNEL_ADAM, set, &push, sizeof push, push.count);
}

static void record_optimizer(Net *net, const Optimizer *optimizer, VknBuffer state,
                             VkCommandBuffer commands) {
    switch (optimizer->kind) {
    case OPTIMIZER_SGD:
        record_sgd(net, optimizer, commands);
        break;
    case OPTIMIZER_ADAM:
        record_adam(net, optimizer, state, commands);
        break;
    }
    gpu_barrier(commands);
}

Optimizer optimizer_default(OptimizerKind kind) {
    static const float RATES[] = {[OPTIMIZER_SGD] = 0.1f, [OPTIMIZER_ADAM] = 0.001f};
    return (Optimizer){.kind = kind, .rate = RATES[kind]};
}

Feed *feed_create(Net *net, const Optimizer *optimizer) {
    Gpu *gpu = net->gpu;
    Feed *feed = allocate(1, sizeof *feed);
    const uint64_t row = sizeof(float) * net->batch;
    void *mapped;
    Buffers buffers;
    buffers.state = gpu_mapped_create(gpu, sizeof *feed->state, &mapped);
    feed->state = mapped;
    buffers.inputs = gpu_mapped_create(gpu, WINDOW * net->input.value.size, &mapped);
    feed->inputs = mapped;
    buffers.answers = gpu_mapped_create(gpu, WINDOW * row, &mapped);
    feed->answers = mapped;
    buffers.outcomes = gpu_mapped_create(gpu, WINDOW * 2 * row, &mapped);
    feed->outcomes = mapped;
    buffers.answer = gpu_buffer_create(gpu, row);
    *feed->state = (State){0, {BETA1_LESS, BETA2_LESS}};

    VkCommandBuffer commands = gpu_begin(gpu);
    record_feed(net, &buffers, commands);
    net_record_forward(net, commands, optimizer != NULL);
    if (net->classes > 0)
        record_cross_entropy(net, &buffers, commands);
    else
        record_squared_error(net, &buffers, commands);
    if (optimizer != NULL) {
        net_record_backward(net, commands);
        record_optimizer(net, optimizer, buffers.state, commands);
    }
    const float less[] = {BETA1_LESS, BETA2_LESS};
    gpu_dispatch(gpu, commands, KERNEL_ADVANCE, gpu_bind(gpu, 1, &buffers.state), less, sizeof less, 1);
    gpu_end(commands);
    feed->commands = commands;
    return feed;
}

/* ------------------------------------------------------------------------------------------- batches */

/* Writes one sample into its row of a slot; series are stored time first there. */
static void fill_row(const Net *net, Feed *feed, uint32_t slot, uint32_t row, const float *sample) {
    const uint64_t count = tensor_count(&net->input), size = count / net->batch; /* of one sample */
    const uint64_t times = net->model->series ? net->input.shape[0] : 1, part = size / times;
    float *inputs = feed->inputs + slot * count;
    for (uint64_t time = 0; time < times; time++) {
        float *to = inputs + (time * net->batch + row) * part;
        if (sample != NULL)
            memcpy(to, sample + time * part, part * sizeof *to);
        else
            memset(to, 0, part * sizeof *to);
    }
}

static void fill_slot(const Net *net, Feed *feed, uint32_t slot, const Samples *samples, uint32_t first) {
    const uint64_t size = tensor_count(&net->input) / net->batch;
    for (uint32_t row = 0; row < net->batch; row++) {
        const uint32_t place = first + row;
        uint32_t *answer = &feed->answers[slot * net->batch + row];
        if (place >= samples->count) {
            fill_row(net, feed, slot, row, NULL);
            *answer = (uint32_t)NOBODY;
            continue;
        }
        const uint32_t index = samples->order != NULL ? samples->order[place] : place;
        fill_row(net, feed, slot, row, samples->x + index * size);
        if (samples->labels != NULL)
            *answer = samples->labels[index];
        else
            memcpy(answer, &samples->targets[index], sizeof *answer);
    }
}

Score feed_run(const Net *net, Feed *feed, const Samples *samples,
               void (*progress)(void *user, uint32_t samples_done, Score score), void *user) {
    double loss = 0, right = 0;
    Score score = {0};
    for (uint32_t done = 0; done < samples->count;) {
        uint32_t slots = 0, rows = 0;
        for (; slots < WINDOW && done + rows < samples->count; slots++, rows += net->batch)
            fill_slot(net, feed, slots, samples, done + rows);
        if (rows > samples->count - done)
            rows = samples->count - done;
        feed->state->slot = 0;
        gpu_run(net->gpu, feed->commands, slots);
        for (uint32_t i = 0; i < rows; i++) {
            loss += feed->outcomes[i].loss;
            right += feed->outcomes[i].right;
        }
        done += rows;
        score = (Score){loss / done, net->classes > 0 ? right / done : -1};
        if (progress != NULL)
            progress(user, done, score);
    }
    return score;
}
