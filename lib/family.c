/* The family: each member is a description with its axes, its statistic and its roles. */
#include <math.h>
#include <string.h>

#include "roles.h"

void vkn_desc_batch_norm(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                         uint32_t axis_count, const int32_t *axes) {
    VknDesc made = {.operation = operation, .rank = rank, .kept_axis_count = axis_count};
    for (uint32_t i = 0; i < vkn_min(rank, VKN_MAX_RANK); i++)
        made.shape[i] = shape[i];
    for (uint32_t i = 0; i < vkn_min(axis_count, VKN_MAX_RANK); i++)
        made.kept_axes[i] = axes[i];
    *desc = made; /* whose own the shape and axes may have been */
    switch (operation) {
    case VKN_OPERATION_TRAIN:
        desc->roles = BIT(X) | BIT(Y) | BIT(GAMMA) | BIT(BETA) | RUNNING;
        break;
    case VKN_OPERATION_APPLY:
        desc->roles = BIT(X) | BIT(Y) | BIT(GAMMA) | BIT(BETA) | BIT(MEAN) | BIT(VARIANCE);
        break;
    case VKN_OPERATION_STATISTICS:
        desc->roles = BIT(X) | RUNNING;
        break;
    case VKN_OPERATION_FINISH:
        desc->roles = BIT(MOMENTS) | RUNNING;
        break;
    case VKN_OPERATION_TRAIN_GRADIENT:
        desc->roles =
            BIT(X) | BIT(DY) | AFFINE | BIT(MEAN) | BIT(INV_STD) | BIT(DX) | BIT(DGAMMA) | BIT(DBETA);
        break;
    case VKN_OPERATION_APPLY_GRADIENT:
        desc->roles =
            BIT(X) | BIT(DY) | AFFINE | BIT(MEAN) | BIT(VARIANCE) | BIT(DX) | BIT(DGAMMA) | BIT(DBETA);
        break;
    case VKN_OPERATION_GRADIENT_STATISTICS:
        desc->roles = BIT(X) | BIT(DY) | AFFINE | BIT(MEAN) | BIT(INV_STD) | BIT(SUMS);
        break;
    case VKN_OPERATION_REDUCE:
        desc->roles = BIT(X) | BIT(RESULT);
        break;
    }
    desc->epsilon = 1e-3f;
    desc->count_epsilon = operation == VKN_OPERATION_FINISH ? 0 : 1e-7f;
    desc->momentum = 0.99f;
    desc->renorm_momentum = 0.99f;
    desc->renorm_r_max = INFINITY;
    desc->renorm_d_max = INFINITY;
    desc->moment_parts = 1;
}

/* Roles of layers that always have statistics of their own. */
static void use_own_statistics(VknDesc *desc) {
    desc->roles &= ~(RUNNING | BIT(VARIANCE));
    if (desc->operation == VKN_OPERATION_APPLY || desc->operation == VKN_OPERATION_APPLY_GRADIENT)
        desc->roles |= BIT(INV_STD);
    if (desc->operation == VKN_OPERATION_STATISTICS || desc->operation == VKN_OPERATION_FINISH)
        desc->roles |= BIT(MEAN) | BIT(INV_STD);
    desc->epsilon = 1e-5f;
}

/* Keeps the axes that are not listed; when all are, a first axis of size 1. The list then counts
 * from there. */
static void reduce_axes(VknDesc *desc, uint32_t axis_count, int32_t *axes) {
    bool reduced[VKN_MAX_RANK] = {false};
    int32_t extent = (int32_t)vkn_min(desc->rank, VKN_MAX_RANK);
    for (uint32_t i = 0; i < axis_count; i++)
        if (axes[i] >= -extent && axes[i] < extent)
            reduced[axes[i] < 0 ? axes[i] + extent : axes[i]] = true;
    desc->kept_axis_count = 0;
    for (int32_t i = 0; i < extent; i++)
        if (!reduced[i])
            desc->kept_axes[desc->kept_axis_count++] = i;
    if (desc->kept_axis_count)
        return;
    desc->kept_axes[desc->kept_axis_count++] = 0;
    memmove(&desc->shape[1], &desc->shape[0], (VKN_MAX_RANK - 1) * sizeof *desc->shape);
    desc->shape[0] = 1;
    desc->rank++;
    for (uint32_t i = 0; i < axis_count; i++)
        axes[i] += axes[i] >= 0;
}

void vkn_desc_layer_norm(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                         uint32_t axis_count, const int32_t *axes) {
    vkn_desc_batch_norm(desc, operation, rank, shape, axis_count, axes);
    desc->parameter_axis_count = axis_count;
    memcpy(desc->parameter_axes, desc->kept_axes, sizeof desc->kept_axes);
    reduce_axes(desc, (uint32_t)vkn_min(axis_count, VKN_MAX_RANK), desc->parameter_axes);
    use_own_statistics(desc);
}

void vkn_desc_rms_norm(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                       uint32_t axis_count, const int32_t *axes) {
    vkn_desc_layer_norm(desc, operation, rank, shape, axis_count, axes);
    desc->statistic = VKN_STATISTIC_MEAN_SQUARE;
    desc->roles &= ~(BIT(MEAN) | BIT(BETA) | BIT(DBETA));
    desc->epsilon = 1e-6f;
}

void vkn_desc_group_norm(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                         int32_t channel_axis, uint64_t groups) {
    uint32_t extent = (uint32_t)vkn_min(rank, VKN_MAX_RANK - 1);
    uint32_t axis = (uint32_t)(channel_axis < 0 ? channel_axis + (int32_t)extent : channel_axis);
    vkn_desc_batch_norm(desc, operation, rank, shape, 2, (int32_t[]){0, (int32_t)axis});
    desc->rank = rank + 1;
    desc->parameter_axis_count = 2;
    desc->parameter_axes[0] = (int32_t)axis;
    desc->parameter_axes[1] = (int32_t)axis + 1;
    if (axis < extent) {
        uint64_t channels = shape[axis];
        memmove(&desc->shape[axis + 1], &desc->shape[axis], (VKN_MAX_RANK - 1 - axis) * sizeof *desc->shape);
        desc->shape[axis] = groups;
        desc->shape[axis + 1] = groups && channels % groups == 0 ? channels / groups : UINT64_MAX;
    }
    use_own_statistics(desc);
}

void vkn_desc_lp_norm(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                      uint32_t axis_count, const int32_t *axes, float power) {
    vkn_desc_layer_norm(desc, operation, rank, shape, axis_count, axes);
    desc->statistic = VKN_STATISTIC_SUM_POWER;
    desc->power = power;
    desc->roles &= ~(BIT(MEAN) | PARAMETERS);
    desc->epsilon = 1e-12f;
}

void vkn_desc_log_softmax(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                          uint32_t axis_count, const int32_t *axes) {
    vkn_desc_layer_norm(desc, operation, rank, shape, axis_count, axes);
    desc->statistic = VKN_STATISTIC_LOG_SUM_EXP;
    desc->roles &= ~PARAMETERS;
    if (operation == VKN_OPERATION_TRAIN_GRADIENT)
        desc->roles = BIT(DY) | BIT(Y) | BIT(DX);
}

void vkn_desc_softmax(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                      uint32_t axis_count, const int32_t *axes) {
    vkn_desc_log_softmax(desc, operation, rank, shape, axis_count, axes);
    desc->activation = vkn_activation_default(VKN_ACTIVATION_EXP);
}

void vkn_desc_activation(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                         VknActivation activation) {
    vkn_desc_batch_norm(desc, operation, rank, shape, 0, NULL);
    desc->statistic = VKN_STATISTIC_NONE;
    desc->roles &= ~(SAVED | PARAMETERS);
    desc->activation = activation;
    if (activation.id == VKN_ACTIVATION_PRELU)
        desc->roles |= BIT(SLOPE) | (operation == VKN_OPERATION_APPLY_GRADIENT ? BIT(DSLOPE) : 0);
}

void vkn_desc_reduce(VknDesc *desc, VknStatistic statistic, uint32_t rank, const uint64_t *shape,
                     uint32_t axis_count, const int32_t *axes) {
    int32_t list[VKN_MAX_RANK] = {0};
    vkn_desc_batch_norm(desc, VKN_OPERATION_REDUCE, rank, shape, axis_count, axes);
    memcpy(list, desc->kept_axes, sizeof list);
    reduce_axes(desc, (uint32_t)vkn_min(axis_count, VKN_MAX_RANK), list);
    desc->statistic = statistic;
    desc->power = 1;
}
