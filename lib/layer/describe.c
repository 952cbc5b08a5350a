/* What each pass of a layer is to the core. */
#include "internal.h"

#include <string.h>

VknOperation vkn_layer_operation(const VknLayer *layer, bool training) {
    switch (layer->desc.kind) {
    case VKN_LAYER_BATCH_NORMALIZATION:
        return vkn_batch_norm_mode(training, layer->desc.trainable);
    case VKN_LAYER_LAYER_NORMALIZATION:
    case VKN_LAYER_GROUP_NORMALIZATION:
    case VKN_LAYER_RMS_NORMALIZATION:
    case VKN_LAYER_UNIT_NORMALIZATION:
    case VKN_LAYER_SOFTMAX: /* these have no other statistics than x's own */
        return VKN_OPERATION_TRAIN;
    case VKN_LAYER_ACTIVATION:
    case VKN_LAYER_PRELU:
        break;
    }
    return VKN_OPERATION_APPLY;
}

VknOperation vkn_layer_gradient(VknOperation forward) {
    return forward == VKN_OPERATION_TRAIN ? VKN_OPERATION_TRAIN_GRADIENT : VKN_OPERATION_APPLY_GRADIENT;
}

static bool is_forward(VknOperation operation) {
    return operation == VKN_OPERATION_TRAIN || operation == VKN_OPERATION_APPLY;
}

static uint32_t statistics_of(const VknLayer *layer, VknOperation operation) {
    const uint32_t moving =
        BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE) | BIT(RUNNING_STD) | BIT(RENORM_MEAN) | BIT(RENORM_STD);
    switch (layer->desc.kind) {
    case VKN_LAYER_BATCH_NORMALIZATION:
        if (operation == VKN_OPERATION_APPLY || operation == VKN_OPERATION_APPLY_GRADIENT)
            return BIT(MEAN) | BIT(VARIANCE);
        return BIT(MEAN) | BIT(INV_STD) | (layer->desc.renorm ? BIT(RENORM) : 0) |
               (operation == VKN_OPERATION_TRAIN ? moving & vkn_layer_variables(&layer->desc) : 0);
    case VKN_LAYER_LAYER_NORMALIZATION:
    case VKN_LAYER_GROUP_NORMALIZATION:
        return BIT(MEAN) | BIT(INV_STD);
    case VKN_LAYER_RMS_NORMALIZATION:
    case VKN_LAYER_UNIT_NORMALIZATION:
        return BIT(INV_STD);
    case VKN_LAYER_ACTIVATION:
    case VKN_LAYER_PRELU:
    case VKN_LAYER_SOFTMAX:
        break;
    }
    return 0;
}

uint32_t vkn_layer_roles(const VknLayer *layer, VknOperation operation) {
    const uint32_t parameters = (BIT(GAMMA) | BIT(BETA) | BIT(SLOPE)) & vkn_layer_variables(&layer->desc);
    if (operation == VKN_OPERATION_STATISTICS)
        return BIT(X) | BIT(MOMENTS);
    if (is_forward(operation))
        return BIT(X) | BIT(Y) | parameters | statistics_of(layer, operation);
    if (layer->desc.kind == VKN_LAYER_SOFTMAX)
        return BIT(Y) | BIT(DY);
    return BIT(X) | BIT(DY) | parameters | statistics_of(layer, operation);
}

uint32_t vkn_layer_gradients(const VknLayer *layer) {
    uint32_t roles = 0;
    for (uint32_t i = 0; i < layer->variable_count && layer->desc.trainable; i++)
        if (layer->variables[i].weight.trainable)
            roles |= VKN_ROLE_BIT(layer->variables[i].kind->gradient);
    return roles;
}

/* A slope for each index of all axes but the first and the shared ones. */
static void keep_slope_axes(const VknLayer *layer, VknDesc *desc) {
    uint32_t shared = 0;
    vkn_layer_axes(layer, &shared); /* which has been checked */
    for (uint32_t axis = 1; axis < layer->rank; axis++)
        if (!(shared >> axis & 1))
            desc->kept_axes[desc->kept_axis_count++] = (int32_t)axis;
}

static void describe_batch_norm(const VknLayerDesc *layer, VknDesc *desc) {
    desc->momentum = layer->momentum;
    desc->renorm_momentum = layer->renorm_momentum;
    desc->renorm_r_min = layer->renorm_r_min;
    desc->renorm_r_max = layer->renorm_r_max;
    desc->renorm_d_max = layer->renorm_d_max;
    if (desc->operation != VKN_OPERATION_APPLY && desc->operation != VKN_OPERATION_APPLY_GRADIENT)
        desc->virtual_batch_size = layer->virtual_batch_size;
}

/* Softmax masks each element of x, which is dense. */
static void mask_elements(VknDesc *desc) {
    uint64_t stride = 1;
    for (uint32_t axis = desc->rank; axis-- > 0; stride *= desc->shape[axis])
        desc->mask_stride[axis] = stride;
}

static void describe_kind(const VknLayer *layer, VknOperation operation, const uint64_t *shape,
                          VknDesc *desc) {
    const VknLayerDesc *of = &layer->desc;
    const uint32_t rank = layer->rank;
    switch (of->kind) {
    case VKN_LAYER_BATCH_NORMALIZATION:
        vkn_desc_batch_norm(desc, operation, rank, shape, of->axis_count, of->axes);
        describe_batch_norm(of, desc);
        break;
    case VKN_LAYER_LAYER_NORMALIZATION:
        vkn_desc_layer_norm(desc, operation, rank, shape, of->axis_count, of->axes);
        break;
    case VKN_LAYER_GROUP_NORMALIZATION: {
        const int32_t axis = of->axes[0] < 0 ? of->axes[0] + (int32_t)rank : of->axes[0];
        vkn_desc_group_norm(desc, operation, rank, shape, axis,
                            of->groups < 0 ? shape[axis] : (uint64_t)of->groups);
        break;
    }
    case VKN_LAYER_RMS_NORMALIZATION:
        vkn_desc_rms_norm(desc, operation, rank, shape, of->axis_count, of->axes);
        break;
    case VKN_LAYER_UNIT_NORMALIZATION:
        vkn_desc_lp_norm(desc, operation, rank, shape, of->axis_count, of->axes, 2);
        break;
    case VKN_LAYER_ACTIVATION:
        vkn_desc_activation(desc, operation, rank, shape, of->activation);
        break;
    case VKN_LAYER_PRELU:
        vkn_desc_activation(desc, operation, rank, shape, (VknActivation){.id = VKN_ACTIVATION_PRELU});
        keep_slope_axes(layer, desc);
        break;
    case VKN_LAYER_SOFTMAX:
        (of->log_softmax ? vkn_desc_log_softmax : vkn_desc_softmax)(desc, operation, rank, shape,
                                                                    of->axis_count, of->axes);
        mask_elements(desc);
        break;
    }
}

void vkn_layer_describe(const VknLayer *layer, const VknPass *pass, VknDesc *desc) {
    const VknLayerDesc *of = &layer->desc;
    uint64_t shape[VKN_MAX_RANK];
    memcpy(shape, layer->shape, sizeof shape);
    shape[0] = pass->samples;
    describe_kind(layer, pass->operation, shape, desc);
    if (of->kind != VKN_LAYER_PRELU && of->kind != VKN_LAYER_SOFTMAX)
        desc->activation = of->activation;
    /* Keras bounds the norm, the core its square. */
    desc->epsilon = of->kind == VKN_LAYER_UNIT_NORMALIZATION ? of->epsilon * of->epsilon : of->epsilon;
    desc->x.type = desc->y.type = desc->dx.type = of->type;
    desc->roles = pass->roles;
    desc->moment_parts = pass->parts;
    desc->accumulate = pass->accumulate;
}
