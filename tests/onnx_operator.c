#include "onnx_operator.h"

#include <math.h>
#include <string.h>

static const OnnxOperator OPERATORS[] = {
    {"BatchNormalization", .describe = onnx_batch_norm},
    {"GroupNormalization", .describe = onnx_group_norm},
    {"InstanceNormalization", .describe = onnx_instance_norm},
    {"LayerNormalization", onnx_layer_norm, .constructor = vkn_desc_layer_norm},
    {"LpNormalization", .describe = onnx_lp_norm},
    {"MeanVarianceNormalization", .describe = onnx_mean_variance},
    {"RMSNormalization", onnx_layer_norm, .constructor = vkn_desc_rms_norm},

    {"Hardmax", onnx_softmax, .constructor = vkn_desc_log_softmax, .statistic = VKN_STATISTIC_MAX},
    {"LogSoftmax", onnx_softmax, .constructor = vkn_desc_log_softmax},
    {"Softmax", onnx_softmax, .constructor = vkn_desc_softmax},

    {"ArgMax", onnx_arg, .statistic = VKN_STATISTIC_MAX},
    {"ArgMin", onnx_arg, .statistic = VKN_STATISTIC_MIN},
    {"GlobalAveragePool", onnx_global_pool, .statistic = VKN_STATISTIC_MEAN},
    {"GlobalMaxPool", onnx_global_pool, .statistic = VKN_STATISTIC_MAX},
    {"ReduceL1", onnx_reduce, .statistic = VKN_STATISTIC_SUM, .prologue = VKN_ACTIVATION_ABS},
    {"ReduceL2", onnx_reduce, .statistic = VKN_STATISTIC_SUM_SQUARE, .activation = VKN_ACTIVATION_SQRT},
    {"ReduceLogSum", onnx_reduce, .statistic = VKN_STATISTIC_SUM, .activation = VKN_ACTIVATION_LOG},
    {"ReduceLogSumExp", onnx_reduce, .statistic = VKN_STATISTIC_LOG_SUM_EXP},
    {"ReduceMax", onnx_reduce, .statistic = VKN_STATISTIC_MAX},
    {"ReduceMean", onnx_reduce, .statistic = VKN_STATISTIC_MEAN},
    {"ReduceMin", onnx_reduce, .statistic = VKN_STATISTIC_MIN},
    {"ReduceProd", onnx_reduce, .statistic = VKN_STATISTIC_PRODUCT},
    {"ReduceSum", onnx_reduce, .statistic = VKN_STATISTIC_SUM},
    {"ReduceSumSquare", onnx_reduce, .statistic = VKN_STATISTIC_SUM_SQUARE},

    {"Abs", onnx_activation, .activation = VKN_ACTIVATION_ABS},
    {"Celu", onnx_activation, .activation = VKN_ACTIVATION_CELU, .parameter = {{"alpha", 1}}},
    {"Clip", onnx_clip, .activation = VKN_ACTIVATION_CLIP},
    {"Elu", onnx_activation, .activation = VKN_ACTIVATION_ELU, .parameter = {{"alpha", 1}}},
    {"Erf", onnx_activation, .activation = VKN_ACTIVATION_ERF},
    {"Exp", onnx_activation, .activation = VKN_ACTIVATION_EXP},
    {"Gelu", .describe = onnx_gelu},
    {"HardSigmoid", onnx_activation, .activation = VKN_ACTIVATION_HARD_SIGMOID,
     .parameter = {{"alpha", 0.2f}, {"beta", 0.5f}}},
    {"HardSwish", onnx_activation, .activation = VKN_ACTIVATION_HARD_SWISH},
    {"Identity", onnx_activation, .activation = VKN_ACTIVATION_IDENTITY},
    {"LeakyRelu", onnx_activation, .activation = VKN_ACTIVATION_LEAKY_RELU, .parameter = {{"alpha", 0.01f}}},
    {"Log", onnx_activation, .activation = VKN_ACTIVATION_LOG},
    {"Mish", onnx_activation, .activation = VKN_ACTIVATION_MISH},
    {"Neg", onnx_activation, .activation = VKN_ACTIVATION_LINEAR, .parameter = {{"", -1}, {"", 0}}},
    {"PRelu", onnx_prelu, .activation = VKN_ACTIVATION_PRELU},
    {"Reciprocal", onnx_activation, .activation = VKN_ACTIVATION_RECIPROCAL},
    {"Relu", onnx_activation, .activation = VKN_ACTIVATION_RELU},
    {"Selu", .describe = onnx_selu},
    {"Shrink", onnx_activation, .activation = VKN_ACTIVATION_SHRINK,
     .parameter = {{"bias", 0}, {"lambd", 0.5f}}},
    {"Sigmoid", onnx_activation, .activation = VKN_ACTIVATION_SIGMOID},
    {"Sign", onnx_activation, .activation = VKN_ACTIVATION_SIGN},
    {"Softplus", onnx_activation, .activation = VKN_ACTIVATION_SOFTPLUS,
     .parameter = {{"", 1}, {"", INFINITY}}},
    {"Softsign", onnx_activation, .activation = VKN_ACTIVATION_SOFTSIGN},
    {"Sqrt", onnx_activation, .activation = VKN_ACTIVATION_SQRT},
    {"SwiGLU", onnx_swiglu, .activation = VKN_ACTIVATION_SILU, .parameter = {{"alpha", 1}}},
    {"Swish", onnx_activation, .activation = VKN_ACTIVATION_SILU, .parameter = {{"alpha", 1}}},
    {"Tanh", onnx_activation, .activation = VKN_ACTIVATION_TANH},
    {"ThresholdedRelu", onnx_activation, .activation = VKN_ACTIVATION_THRESHOLDED_RELU,
     .parameter = {{"alpha", 1}}},
};

const OnnxOperator *onnx_operator_find(const Onnx__NodeProto *node) {
    bool standard = !node->domain || !node->domain[0] || !strcmp(node->domain, "ai.onnx");
    for (size_t i = 0; standard && i < sizeof OPERATORS / sizeof *OPERATORS; i++)
        if (!strcmp(node->op_type, OPERATORS[i].name))
            return &OPERATORS[i];
    return NULL;
}

/* --------------------------------------------------------------------------------------------- attributes */

const Onnx__AttributeProto *onnx_attribute(const OnnxCall *call, const char *name) {
    for (size_t i = 0; i < call->node->n_attribute; i++)
        if (!strcmp(call->node->attribute[i]->name, name))
            return call->node->attribute[i];
    return NULL;
}

float onnx_float(const OnnxCall *call, const char *name, float value) {
    const Onnx__AttributeProto *attribute = onnx_attribute(call, name);
    return attribute ? attribute->f : value;
}

int64_t onnx_int(const OnnxCall *call, const char *name, int64_t value) {
    const Onnx__AttributeProto *attribute = onnx_attribute(call, name);
    return attribute ? attribute->i : value;
}

bool onnx_is(const OnnxCall *call, const char *name, const char *string) {
    const Onnx__AttributeProto *attribute = onnx_attribute(call, name);
    return attribute && attribute->s.len == strlen(string) &&
           !memcmp(attribute->s.data, string, attribute->s.len);
}

/* -------------------------------------------------------------------------------------- inputs and outputs
 */

uint32_t onnx_x_shape(const OnnxCall *call, uint64_t *shape) {
    const OnnxTensor *x = call->input[0];
    shape[0] = 1;
    memcpy(shape, x->shape, x->rank * sizeof *shape);
    return x->rank ? x->rank : 1;
}

bool onnx_axis(const OnnxCall *call, int64_t axis, int32_t *normal) {
    int64_t rank = call->input[0]->rank;
    *normal = (int32_t)(axis < 0 ? axis + rank : axis);
    if (axis >= -rank && axis < rank)
        return true;
    return onnx_fail("axis %lld of a tensor with %lld axes", (long long)axis, (long long)rank);
}

void onnx_bind(OnnxCall *call, uint32_t index, uint32_t role) {
    const OnnxTensor *tensor = call->input[index];
    if (!tensor)
        return;
    call->desc.roles |= VKN_ROLE_BIT(role);
    call->in[role] = (OnnxBinding){*tensor, tensor->rank, {0}};
    memcpy(call->in[role].shape, tensor->shape, sizeof tensor->shape);
}

void onnx_bind_output(OnnxCall *call, uint32_t index, uint32_t role, OnnxType type, uint32_t rank,
                      const uint64_t *shape) {
    OnnxOutput *output = &call->output[index];
    if (!output->wanted)
        return;
    call->desc.roles |= VKN_ROLE_BIT(role);
    if (role == VKN_ROLE_Y || role == VKN_ROLE_RESULT)
        call->desc.y.type = onnx_type_info(type)->stored;
    output->bound = true;
    output->role = role;
    output->type = type;
    output->rank = rank;
    memcpy(output->shape, shape, rank * sizeof *shape);
}

void onnx_bind_x(OnnxCall *call) {
    call->desc.roles = 0;
    call->desc.x.type = onnx_type_info(call->input[0]->type)->stored;
    onnx_bind(call, 0, VKN_ROLE_X);
}

void onnx_bind_xy(OnnxCall *call) {
    const OnnxTensor *x = call->input[0];
    onnx_bind_x(call);
    onnx_bind_output(call, 0, VKN_ROLE_Y, x->type, x->rank, x->shape);
}

bool onnx_bind_parameters(OnnxCall *call, uint32_t count, const uint32_t *roles) {
    VknDesc *desc = &call->desc;
    const OnnxTensor *x = call->input[0];
    uint32_t added = desc->rank - x->rank; /* axes of size 1 that the description has before x's */
    bool has[VKN_MAX_RANK] = {false};
    uint64_t shape[VKN_MAX_RANK];
    for (uint32_t i = 0; i < desc->parameter_axis_count; i++)
        has[(uint32_t)desc->parameter_axes[i] - added] = true;
    for (uint32_t i = 0; i < count; i++) {
        const OnnxTensor *tensor = call->input[i + 1];
        if (tensor && tensor->rank > x->rank)
            return onnx_fail("input %u has %u axes, more than x", i + 1, tensor->rank);
        for (uint32_t k = 0; tensor && k < tensor->rank; k++) {
            uint32_t axis = x->rank - tensor->rank + k;
            if (tensor->shape[k] != 1 && tensor->shape[k] != x->shape[axis])
                return onnx_fail("input %u cannot be broadcast to x", i + 1);
            has[axis] |= tensor->shape[k] != 1;
        }
    }
    desc->parameter_axis_count = 0;
    for (uint32_t i = 0; i < x->rank; i++) {
        if (has[i])
            desc->parameter_axes[desc->parameter_axis_count++] = (int32_t)(i + added);
        shape[i] = has[i] ? x->shape[i] : 1;
    }
    for (uint32_t i = 0; i < count; i++) {
        onnx_bind(call, i + 1, roles[i]);
        call->in[roles[i]].rank = x->rank;
        memcpy(call->in[roles[i]].shape, shape, x->rank * sizeof *shape);
    }
    return true;
}
