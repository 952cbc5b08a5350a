/* Reductions. */
#include "onnx_operator.h"

/* Over `axes` (a flag for each of x's), to output 0 by `role`. */
static void reduce(OnnxCall *call, const bool *axes, bool keep, uint32_t role, OnnxType type) {
    uint64_t shape[VKN_MAX_RANK], result[VKN_MAX_RANK];
    int32_t list[VKN_MAX_RANK];
    uint32_t rank = onnx_x_shape(call, shape), count = 0, result_rank = 0;
    for (uint32_t i = 0; i < rank; i++) {
        if (axes[i])
            list[count++] = (int32_t)i;
        if (!axes[i] || (keep && call->input[0]->rank))
            result[result_rank++] = axes[i] ? 1 : shape[i];
    }
    if (!count) { /* each element on its own */
        shape[rank] = 1;
        list[count++] = (int32_t)rank++;
    }
    vkn_desc_reduce(&call->desc, call->row->statistic, rank, shape, count, list);
    call->desc.prologue = vkn_activation_default(call->row->prologue);
    call->desc.activation = vkn_activation_default(call->row->activation);
    onnx_bind_x(call);
    onnx_bind_output(call, 0, role, type, result_rank, result);
}

/* Axes are an attribute or, in newer operator sets, input 1. */
bool onnx_reduce(OnnxCall *call) {
    const Onnx__AttributeProto *attribute = onnx_attribute(call, "axes");
    const OnnxTensor *input = call->input[1];
    uint64_t shape[VKN_MAX_RANK];
    uint32_t rank = onnx_x_shape(call, shape);
    uint64_t count = input ? input->count : attribute ? attribute->n_ints : 0;
    bool all = count == 0 && !onnx_int(call, "noop_with_empty_axes", 0), axes[VKN_MAX_RANK] = {false};
    for (uint32_t i = 0; i < rank; i++)
        axes[i] = all;
    for (uint64_t i = 0; i < count; i++) {
        int32_t axis;
        if (!onnx_axis(call, input ? (int64_t)input->value[i] : attribute->ints[i], &axis))
            return false;
        axes[axis] = true;
    }
    reduce(call, axes, onnx_int(call, "keepdims", 1), VKN_ROLE_RESULT, call->input[0]->type);
    return true;
}

/* ArgMax, ArgMin. */
bool onnx_arg(OnnxCall *call) {
    bool axes[VKN_MAX_RANK] = {false};
    int32_t axis;
    if (!onnx_axis(call, onnx_int(call, "axis", 0), &axis))
        return false;
    axes[axis] = true;
    reduce(call, axes, onnx_int(call, "keepdims", 1), VKN_ROLE_INDEX, ONNX_INT64);
    call->desc.last_index = onnx_int(call, "select_last_index", 0);
    return true;
}

/* GlobalAveragePool, GlobalMaxPool: over all axes but the samples and the channels. */
bool onnx_global_pool(OnnxCall *call) {
    bool axes[VKN_MAX_RANK];
    for (uint32_t i = 0; i < VKN_MAX_RANK; i++)
        axes[i] = i >= 2;
    reduce(call, axes, true, VKN_ROLE_RESULT, call->input[0]->type);
    return true;
}
