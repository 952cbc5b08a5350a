/* Where the engine meets vknorm: it describes what it wants, lends its buffers, and has the plan recorded
 * into its own command buffer. */
#include "engine.h"

#include <stdlib.h>

struct Operation {
    Operation *next;
    VknPlan *plan;
    VknBindings *bindings;
};

Operation *operation_create(Net *net, const VknDesc *desc, const VknBuffer *buffers) {
    Operation *operation = allocate(1, sizeof *operation);
    VknBuffer bound[VKN_ROLE_COUNT];
    for (int role = 0; role < VKN_ROLE_COUNT; role++)
        bound[role] = buffers[role];
    if (vkn_plan_create(net->gpu->context, desc, &operation->plan) != VKN_SUCCESS)
        fail("vknorm has no plan for model %s", net->model->name); /* its log has said why */
    const uint64_t workspace = vkn_plan_info(operation->plan)->size[VKN_ROLE_WORKSPACE];
    if (workspace > 0)
        bound[VKN_ROLE_WORKSPACE] = gpu_buffer_create(net->gpu, workspace);
    if (vkn_bindings_create(operation->plan, bound, &operation->bindings) != VKN_SUCCESS)
        fail("vknorm cannot bind the buffers of model %s", net->model->name);
    operation->next = net->operations;
    net->operations = operation;
    return operation;
}

void operation_record(const Operation *operation, VkCommandBuffer commands) {
    if (vkn_plan_record(operation->plan, operation->bindings, commands, NULL) != VKN_SUCCESS)
        fail("vknorm cannot record");
}

Operation *operation_sum(Net *net, uint64_t rows, uint64_t columns, VknBuffer x, VknBuffer sums) {
    VknDesc desc;
    vkn_desc_reduce(&desc, VKN_STATISTIC_SUM, 2, (uint64_t[]){rows, columns}, 1, (int32_t[]){0});
    return operation_create(net, &desc,
                            (VknBuffer[VKN_ROLE_COUNT]){[VKN_ROLE_X] = x, [VKN_ROLE_RESULT] = sums});
}

void operations_destroy(Net *net) {
    while (net->operations != NULL) {
        Operation *operation = net->operations;
        net->operations = operation->next;
        vkn_bindings_destroy(operation->bindings);
        vkn_plan_destroy(operation->plan);
        free(operation);
    }
}

/* ------------------------------------------------------------------------------ BatchNormalization */

enum { GAMMA, BETA, MOVING_MEAN, MOVING_VARIANCE };

typedef struct Norm {
    Operation *train, *infer, *gradient;
} Norm;

static void norm_build(Net *net, Layer *layer) {
    const LayerSpec *spec = layer->spec;
    uint64_t shape[MAX_AXES];
    for (uint32_t i = 0; i < spec->axis_count; i++)
        shape[i] = layer->x.shape[(spec->axes[i] + (int32_t)layer->x.rank) % (int32_t)layer->x.rank];
    layer_output(net, layer, layer->x.rank, layer->x.shape);
    layer_variable(net, layer, "gamma", "ones", true, spec->axis_count, shape);
    layer_variable(net, layer, "beta", "zeros", true, spec->axis_count, shape);
    layer_variable(net, layer, "moving_mean", "zeros", false, spec->axis_count, shape);
    layer_variable(net, layer, "moving_variance", "ones", false, spec->axis_count, shape);
}

/* The activation before or after the layer is part of the description, not a pass of its own. */
static VknDesc norm_desc(const Layer *layer, VknOperation operation, uint32_t more_roles) {
    VknDesc desc;
    vkn_desc_batch_norm(&desc, operation, layer->x.rank, layer->x.shape, layer->spec->axis_count,
                        layer->spec->axes);
    desc.roles |= more_roles;
    /* Keras' 0.99 of the old value, said as 0.01 of the new one: 1 - 0.99f would be off by 1e-6 of itself. */
    desc.momentum_convention = VKN_MOMENTUM_NEW;
    desc.momentum = 0.01f;
    desc.prologue = layer->prologue;
    desc.activation = layer->epilogue;
    return desc;
}

static void norm_prepare(Net *net, Layer *layer) {
    Norm *norm = layer->state = allocate(1, sizeof *norm);
    Variable *const *variables = layer->variables;
    const uint64_t size = variables[GAMMA]->value.size;
    VknBuffer buffers[VKN_ROLE_COUNT] = {
        [VKN_ROLE_X] = layer->x.value,
        [VKN_ROLE_Y] = layer->y.value,
        [VKN_ROLE_DX] = layer->x.gradient,
        [VKN_ROLE_DY] = layer->y.gradient,
        [VKN_ROLE_GAMMA] = variables[GAMMA]->value,
        [VKN_ROLE_BETA] = variables[BETA]->value,
        [VKN_ROLE_DGAMMA] = variables[GAMMA]->gradient,
        [VKN_ROLE_DBETA] = variables[BETA]->gradient,
        [VKN_ROLE_RUNNING_MEAN] = variables[MOVING_MEAN]->value,
        [VKN_ROLE_RUNNING_VARIANCE] = variables[MOVING_VARIANCE]->value,
    };
    /* Inference: the moving statistics are the statistics. */
    buffers[VKN_ROLE_MEAN] = variables[MOVING_MEAN]->value;
    buffers[VKN_ROLE_VARIANCE] = variables[MOVING_VARIANCE]->value;
    const VknDesc infer = norm_desc(layer, VKN_OPERATION_APPLY, 0);
    norm->infer = operation_create(net, &infer, buffers);

    /* Training: those of the batch, which the gradient needs again. */
    const uint32_t statistics = VKN_ROLE_BIT(VKN_ROLE_MEAN) | VKN_ROLE_BIT(VKN_ROLE_INV_STD);
    buffers[VKN_ROLE_MEAN] = gpu_buffer_create(net->gpu, size);
    buffers[VKN_ROLE_INV_STD] = gpu_buffer_create(net->gpu, size);
    const VknDesc train = norm_desc(layer, VKN_OPERATION_TRAIN, statistics);
    norm->train = operation_create(net, &train, buffers);

    /* The plan may take the derivative of the activation from y. */
    VknDesc gradient = norm_desc(layer, VKN_OPERATION_TRAIN_GRADIENT, VKN_ROLE_BIT(VKN_ROLE_Y));
    if (layer->x.gradient.buffer == VK_NULL_HANDLE)
        gradient.roles &= ~VKN_ROLE_BIT(VKN_ROLE_DX);
    norm->gradient = operation_create(net, &gradient, buffers);
}

static void norm_forward(const Net *net, const Layer *layer, VkCommandBuffer commands, bool training) {
    (void)net;
    const Norm *norm = layer->state;
    operation_record(training ? norm->train : norm->infer, commands);
}

static void norm_backward(const Net *net, const Layer *layer, VkCommandBuffer commands) {
    (void)net;
    operation_record(((const Norm *)layer->state)->gradient, commands);
}

const LayerType type_batch_normalization = {"BatchNormalization", "batch_normalization", norm_build,
                                            norm_prepare,         norm_forward,          norm_backward};

/* -------------------------------------------------------------------------------------- activations */

typedef struct Activation {
    Operation *forward, *gradient;
} Activation;

/* After batch normalization it is done there already: y is x. */
static bool is_fused(const Layer *layer) {
    return layer->y.value.buffer == layer->x.value.buffer;
}

static void activation_build(Net *net, Layer *layer) {
    Layer *before = layer - 1; /* a model does not begin with an activation */
    if (before->type == &type_batch_normalization) {
        before->epilogue = layer->spec->activation;
        layer->y = layer->x;
    } else
        layer_output(net, layer, layer->x.rank, layer->x.shape);
}

static void activation_prepare(Net *net, Layer *layer) {
    if (is_fused(layer))
        return;
    Activation *activation = layer->state = allocate(1, sizeof *activation);
    const VknBuffer buffers[VKN_ROLE_COUNT] = {[VKN_ROLE_X] = layer->x.value,
                                               [VKN_ROLE_Y] = layer->y.value,
                                               [VKN_ROLE_DX] = layer->x.gradient,
                                               [VKN_ROLE_DY] = layer->y.gradient};
    VknDesc desc;
    vkn_desc_activation(&desc, VKN_OPERATION_APPLY, layer->x.rank, layer->x.shape, layer->spec->activation);
    activation->forward = operation_create(net, &desc, buffers);
    vkn_desc_activation(&desc, VKN_OPERATION_APPLY_GRADIENT, layer->x.rank, layer->x.shape,
                        layer->spec->activation);
    activation->gradient = operation_create(net, &desc, buffers);
}

static void activation_forward(const Net *net, const Layer *layer, VkCommandBuffer commands, bool training) {
    (void)net, (void)training;
    if (!is_fused(layer))
        operation_record(((const Activation *)layer->state)->forward, commands);
}

static void activation_backward(const Net *net, const Layer *layer, VkCommandBuffer commands) {
    (void)net;
    if (!is_fused(layer))
        operation_record(((const Activation *)layer->state)->gradient, commands);
}

#define ACTIVATION(kind, name)                                                                               \
    { kind, name, activation_build, activation_prepare, activation_forward, activation_backward }
const LayerType type_activation = ACTIVATION("Activation", "activation");
const LayerType type_relu = ACTIVATION("ReLU", "re_lu");
const LayerType type_leaky_relu = ACTIVATION("LeakyReLU", "leaky_re_lu");
