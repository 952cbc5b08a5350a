/* Activations. */
#include "onnx_operator.h"

#include <float.h>
#include <math.h>

static void describe(OnnxCall *call, VknActivation activation) {
    uint64_t shape[VKN_MAX_RANK];
    uint32_t rank = onnx_x_shape(call, shape);
    vkn_desc_activation(&call->desc, VKN_OPERATION_APPLY, rank, shape, activation);
    onnx_bind_xy(call);
}

/* That of the row, with the node's attributes. */
static VknActivation activation_of(const OnnxCall *call) {
    VknActivation activation = vkn_activation_default(call->row->activation);
    for (uint32_t i = 0; i < VKN_MAX_ACTIVATION_PARAMETERS; i++)
        if (call->row->parameter[i].attribute)
            activation.parameter[i] =
                onnx_float(call, call->row->parameter[i].attribute, call->row->parameter[i].value);
    return activation;
}

bool onnx_activation(OnnxCall *call) {
    describe(call, activation_of(call));
    return true;
}

bool onnx_gelu(OnnxCall *call) {
    bool approximate = onnx_is(call, "approximate", "tanh");
    describe(call, vkn_activation_default(approximate ? VKN_ACTIVATION_GELU_TANH : VKN_ACTIVATION_GELU));
    return true;
}

/* Bounds are attributes or, in newer operator sets, inputs. Where min is greater than max, all is max. */
bool onnx_clip(OnnxCall *call) {
    VknActivation clip = vkn_activation_default(VKN_ACTIVATION_CLIP);
    float min = call->input[1] ? (float)call->input[1]->value[0] : onnx_float(call, "min", -FLT_MAX);
    float max = call->input[2] ? (float)call->input[2]->value[0] : onnx_float(call, "max", FLT_MAX);
    clip.parameter[0] = fminf(min, max);
    clip.parameter[1] = max;
    describe(call, clip);
    return true;
}

/* vknorm's SELU has the constants that are ONNX's default; with others it is an ELU and a factor. */
bool onnx_selu(OnnxCall *call) {
    VknActivation selu = vkn_activation_default(VKN_ACTIVATION_SELU);
    VknActivation elu = vkn_activation_default(VKN_ACTIVATION_ELU);
    VknActivation linear = vkn_activation_default(VKN_ACTIVATION_LINEAR);
    bool own = onnx_attribute(call, "alpha") || onnx_attribute(call, "gamma");
    elu.parameter[0] = onnx_float(call, "alpha", 1.67326319f);
    linear.parameter[0] = onnx_float(call, "gamma", 1.05070102f);
    describe(call, own ? linear : selu);
    if (own)
        call->desc.prologue = elu;
    return true;
}

/* Before version 7 a slope of more than one element is per channel. */
bool onnx_prelu(OnnxCall *call) {
    describe(call, vkn_activation_default(VKN_ACTIVATION_PRELU));
    if (call->version >= 7)
        return onnx_bind_parameters(call, 1, (uint32_t[]){VKN_ROLE_SLOPE});
    OnnxTensor slope = *call->input[1];
    const OnnxTensor *given = call->input[1];
    uint32_t channel_axis = 1;
    slope.rank = slope.count > 1 ? call->input[0]->rank - channel_axis : 0;
    for (uint32_t i = 0; i < slope.rank; i++)
        slope.shape[i] = i ? 1 : slope.count;
    call->input[1] = &slope;
    bool bound = onnx_bind_parameters(call, 1, (uint32_t[]){VKN_ROLE_SLOPE});
    call->input[1] = given;
    return bound;
}

bool onnx_swiglu(OnnxCall *call) {
    describe(call, activation_of(call));
    call->desc.residual_use = VKN_RESIDUAL_FACTOR;
    call->desc.residual.type = call->desc.x.type;
    onnx_bind(call, 1, VKN_ROLE_RESIDUAL);
    return true;
}
