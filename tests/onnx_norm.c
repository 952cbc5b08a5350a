/* Normalizations and softmax. */
#include "onnx_operator.h"

/* The axes from `axis` to the last, and x's shape with 1 in their place. */
static bool axes_from(const OnnxCall *call, int64_t axis, uint32_t *count, int32_t *axes, uint64_t *rest) {
    int32_t first;
    uint32_t rank = onnx_x_shape(call, rest);
    if (!onnx_axis(call, axis, &first))
        return false;
    *count = 0;
    for (uint32_t i = (uint32_t)first; i < rank; i++) {
        axes[(*count)++] = (int32_t)i;
        rest[i] = 1;
    }
    return true;
}

bool onnx_batch_norm(OnnxCall *call) {
    uint64_t shape[VKN_MAX_RANK];
    int32_t axes[VKN_MAX_RANK];
    uint32_t rank = onnx_x_shape(call, shape), axis_count = 0;
    if (rank == 1)
        shape[rank++] = 1; /* one channel */
    bool spatial = call->version >= 9 || onnx_int(call, "spatial", 1);
    bool training = call->version >= 14  ? onnx_int(call, "training_mode", 0) != 0
                    : call->version >= 7 ? call->output[1].wanted
                                         : !onnx_int(call, "is_test", 0);
    for (uint32_t i = 1; i < (spatial ? 2 : rank); i++)
        axes[axis_count++] = (int32_t)i;
    vkn_desc_batch_norm(&call->desc, training ? VKN_OPERATION_TRAIN : VKN_OPERATION_APPLY, rank, shape,
                        axis_count, axes);
    call->desc.epsilon = onnx_float(call, "epsilon", 1e-5f);
    call->desc.momentum = onnx_float(call, "momentum", 0.9f);
    onnx_bind_xy(call);
    onnx_bind(call, 1, VKN_ROLE_GAMMA);
    onnx_bind(call, 2, VKN_ROLE_BETA);
    onnx_bind(call, 3, training ? VKN_ROLE_RUNNING_MEAN : VKN_ROLE_MEAN);
    onnx_bind(call, 4, training ? VKN_ROLE_RUNNING_VARIANCE : VKN_ROLE_VARIANCE);
    static const uint32_t OUTPUTS[] = {VKN_ROLE_RUNNING_MEAN, VKN_ROLE_RUNNING_VARIANCE, VKN_ROLE_MEAN,
                                       VKN_ROLE_VARIANCE};
    if (!call->input[3])
        return onnx_fail("there is no input mean");
    for (uint32_t i = 0; i < (training ? 4 : 0); i++)
        onnx_bind_output(call, i + 1, OUTPUTS[i], call->input[3]->type, call->input[3]->rank,
                         call->input[3]->shape);
    return true;
}

/* Layer and RMS norm. */
bool onnx_layer_norm(OnnxCall *call) {
    uint64_t shape[VKN_MAX_RANK], rest[VKN_MAX_RANK];
    int32_t axes[VKN_MAX_RANK];
    uint32_t rank = onnx_x_shape(call, shape), axis_count;
    if (!axes_from(call, onnx_int(call, "axis", -1), &axis_count, axes, rest))
        return false;
    call->row->constructor(&call->desc, VKN_OPERATION_TRAIN, rank, shape, axis_count, axes);
    call->desc.epsilon = onnx_float(call, "epsilon", 1e-5f);
    onnx_bind_xy(call);
    onnx_bind_output(call, 1, VKN_ROLE_MEAN, ONNX_FLOAT, rank, rest);
    onnx_bind_output(call, 2, VKN_ROLE_INV_STD, ONNX_FLOAT, rank, rest);
    return onnx_bind_parameters(call, 2, (uint32_t[]){VKN_ROLE_GAMMA, VKN_ROLE_BETA});
}

static bool group_norm(OnnxCall *call, int64_t groups) {
    uint64_t shape[VKN_MAX_RANK];
    uint32_t rank = onnx_x_shape(call, shape);
    vkn_desc_group_norm(&call->desc, VKN_OPERATION_TRAIN, rank, shape, 1, (uint64_t)groups);
    call->desc.epsilon = onnx_float(call, "epsilon", 1e-5f);
    onnx_bind_xy(call);
    onnx_bind(call, 1, VKN_ROLE_GAMMA);
    onnx_bind(call, 2, VKN_ROLE_BETA);
    return true;
}

bool onnx_group_norm(OnnxCall *call) {
    if (!group_norm(call, onnx_int(call, "num_groups", 0)))
        return false;
    if (call->version < 21) /* scale and bias are per group */
        call->desc.parameter_axis_count = 1;
    return true;
}

bool onnx_instance_norm(OnnxCall *call) {
    return group_norm(call, (int64_t)call->input[0]->shape[1]);
}

/* ONNX divides by the norm itself, and has 0 where that is 0. */
bool onnx_lp_norm(OnnxCall *call) {
    uint64_t shape[VKN_MAX_RANK];
    int32_t axis;
    uint32_t rank = onnx_x_shape(call, shape);
    if (!onnx_axis(call, onnx_int(call, "axis", -1), &axis))
        return false;
    vkn_desc_lp_norm(&call->desc, VKN_OPERATION_TRAIN, rank, shape, 1, &axis, (float)onnx_int(call, "p", 2));
    call->desc.epsilon = 0;
    onnx_bind_xy(call);
    return true;
}

/* ONNX adds 1e-9 to the deviation, so it has 0 where that is 0, as has epsilon 0. */
bool onnx_mean_variance(OnnxCall *call) {
    static const int64_t DEFAULT[] = {0, 2, 3};
    const Onnx__AttributeProto *given = onnx_attribute(call, "axes");
    uint32_t count = given ? (uint32_t)given->n_ints : 3;
    uint64_t shape[VKN_MAX_RANK];
    int32_t axes[VKN_MAX_RANK];
    uint32_t rank = onnx_x_shape(call, shape);
    if (count > rank)
        return onnx_fail("axes has %u axes, x has %u", count, rank);
    for (uint32_t i = 0; i < count; i++)
        if (!onnx_axis(call, given ? given->ints[i] : DEFAULT[i], &axes[i]))
            return false;
    vkn_desc_layer_norm(&call->desc, VKN_OPERATION_TRAIN, rank, shape, count, axes);
    call->desc.epsilon = 0;
    onnx_bind_xy(call);
    return true;
}

/* Softmax, LogSoftmax, Hardmax: over one axis; before version 13 over all from `axis` on. */
bool onnx_softmax(OnnxCall *call) {
    uint64_t shape[VKN_MAX_RANK], rest[VKN_MAX_RANK];
    int32_t axes[VKN_MAX_RANK];
    uint32_t rank = onnx_x_shape(call, shape), axis_count;
    if (!axes_from(call, onnx_int(call, "axis", call->version < 13 ? 1 : -1), &axis_count, axes, rest))
        return false;
    call->row->constructor(&call->desc, VKN_OPERATION_TRAIN, rank, shape, call->version < 13 ? axis_count : 1,
                           axes);
    if (call->row->statistic)
        call->desc.statistic = call->row->statistic;
    onnx_bind_xy(call);
    return true;
}
