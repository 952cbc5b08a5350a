#include "tensor.h"

static bool is_kept(const VknDesc *desc, uint32_t axis) {
    for (uint32_t i = 0; i < desc->kept_axis_count; i++) {
        int32_t kept = desc->kept_axes[i];
        if ((uint32_t)(kept < 0 ? kept + (int32_t)desc->rank : kept) == axis)
            return true;
    }
    return false;
}

uint64_t test_element_count(const VknDesc *desc) {
    uint64_t count = 1;
    for (uint32_t axis = 0; axis < desc->rank; axis++)
        count *= desc->shape[axis];
    return count;
}

static void index_of(const VknDesc *desc, uint64_t element, uint64_t index[VKN_MAX_RANK]) {
    for (uint32_t axis = desc->rank; axis-- > 0;) {
        index[axis] = element % desc->shape[axis];
        element /= desc->shape[axis];
    }
}

static uint32_t packed_axis(const VknDesc *desc) {
    return (uint32_t)(desc->packed_axis < 0 ? desc->packed_axis + (int32_t)desc->rank : desc->packed_axis);
}

static uint64_t batch_count(const VknDesc *desc) {
    return desc->virtual_batch_size ? desc->shape[0] / desc->virtual_batch_size : 1;
}

/* The number of channels, and which of them an element of these indices has. A packed tensor is an unpacked
 * one whose channel axis stands where the packs do. */
static uint64_t channels_walk(const VknDesc *desc, const uint64_t index[VKN_MAX_RANK], uint64_t *channel) {
    uint64_t count = 1, last = desc->rank - 1;
    *channel = 0;
    for (uint32_t axis = 0; axis < desc->rank; axis++) {
        uint64_t extent = desc->shape[axis], i = index[axis];
        if (!is_kept(desc, axis) || (desc->channels && axis == last))
            continue;
        if (desc->channels && axis == packed_axis(desc)) {
            extent = desc->channels;
            i = i * desc->shape[last] + index[last];
        }
        count *= extent;
        *channel = *channel * extent + i;
    }
    return count;
}

uint64_t test_channel_count(const VknDesc *desc) {
    uint64_t zero[VKN_MAX_RANK] = {0}, channel;
    return channels_walk(desc, zero, &channel);
}

uint64_t test_statistic_count(const VknDesc *desc) {
    return test_channel_count(desc) * batch_count(desc);
}

bool test_is_padding(const VknDesc *desc, uint64_t element) {
    uint64_t index[VKN_MAX_RANK], last = desc->rank - 1;
    index_of(desc, element, index);
    return desc->channels && index[packed_axis(desc)] * desc->shape[last] + index[last] >= desc->channels;
}

uint64_t test_channel_of(const VknDesc *desc, uint64_t element) {
    uint64_t index[VKN_MAX_RANK], channel;
    index_of(desc, element, index);
    channels_walk(desc, index, &channel);
    return channel;
}

static bool is_parameter_axis(const VknDesc *desc, uint32_t axis) {
    for (uint32_t i = 0; i < desc->parameter_axis_count; i++) {
        int32_t named = desc->parameter_axes[i];
        if ((uint32_t)(named < 0 ? named + (int32_t)desc->rank : named) == axis)
            return true;
    }
    return false;
}

uint64_t test_parameter_count(const VknDesc *desc) {
    uint64_t count = 1;
    for (uint32_t axis = 0; axis < desc->rank; axis++)
        count *= is_parameter_axis(desc, axis) ? desc->shape[axis] : 1;
    return desc->parameter_axis_count ? count : test_channel_count(desc);
}

uint64_t test_parameter_of(const VknDesc *desc, uint64_t element) {
    uint64_t index[VKN_MAX_RANK], parameter = 0;
    if (!desc->parameter_axis_count)
        return test_channel_of(desc, element);
    index_of(desc, element, index);
    for (uint32_t axis = 0; axis < desc->rank; axis++)
        if (is_parameter_axis(desc, axis))
            parameter = parameter * desc->shape[axis] + index[axis];
    return parameter;
}

uint64_t test_statistic_of(const VknDesc *desc, uint64_t element) {
    uint64_t index[VKN_MAX_RANK] = {0};
    index_of(desc, element, index);
    return index[0] % batch_count(desc) * test_channel_count(desc) + test_channel_of(desc, element);
}

static bool is_dense(const VknDesc *desc, const VknTensor *tensor) {
    for (uint32_t axis = 0; axis < desc->rank; axis++)
        if (tensor->stride[axis] != 0)
            return false;
    return true;
}

uint64_t test_offset_of(const VknDesc *desc, const VknTensor *tensor, uint64_t element) {
    uint64_t index[VKN_MAX_RANK], offset = 0;
    if (is_dense(desc, tensor))
        return element;
    index_of(desc, element, index);
    for (uint32_t axis = 0; axis < desc->rank; axis++)
        offset += index[axis] * tensor->stride[axis];
    return offset;
}

uint64_t test_extent(const VknDesc *desc, const VknTensor *tensor) {
    uint64_t elements = test_element_count(desc);
    return elements ? test_offset_of(desc, tensor, elements - 1) + 1 : 0;
}

uint64_t test_role_words(const VknDesc *desc, VknRole role) {
    if (!(desc->roles & VKN_ROLE_BIT(role)))
        return 0;
    switch (role) {
    case VKN_ROLE_X:
        return test_extent(desc, &desc->x);
    case VKN_ROLE_Y:
    case VKN_ROLE_DY:
        return test_extent(desc, &desc->y);
    case VKN_ROLE_RESIDUAL:
    case VKN_ROLE_DRESIDUAL:
        return test_extent(desc, &desc->residual);
    case VKN_ROLE_DX:
    case VKN_ROLE_RESIDUAL_SUM:
    case VKN_ROLE_DRESIDUAL_SUM:
        return test_extent(desc, &desc->dx);
    case VKN_ROLE_MOMENTS:
        return test_statistic_count(desc) * sizeof(VknMoments) / sizeof(float) *
               (desc->operation == VKN_OPERATION_FINISH ? desc->moment_parts : 1);
    case VKN_ROLE_MEAN:
    case VKN_ROLE_INV_STD:
    case VKN_ROLE_VARIANCE:
        return test_statistic_count(desc);
    case VKN_ROLE_SUMS:
        return test_statistic_count(desc) * sizeof(VknSums) / sizeof(float) *
               (desc->operation == VKN_OPERATION_TRAIN_GRADIENT ? desc->moment_parts : 1);
    case VKN_ROLE_GAMMA:
    case VKN_ROLE_BETA:
    case VKN_ROLE_DGAMMA:
    case VKN_ROLE_DBETA:
    case VKN_ROLE_SLOPE:
    case VKN_ROLE_DSLOPE:
        return test_parameter_count(desc);
    case VKN_ROLE_RESULT:
    case VKN_ROLE_INDEX:
        return test_statistic_count(desc);
    case VKN_ROLE_RUNNING_MEAN:
    case VKN_ROLE_RUNNING_VARIANCE:
    case VKN_ROLE_RENORM_MEAN:
    case VKN_ROLE_RENORM_STD:
    case VKN_ROLE_RUNNING_STD:
        return test_channel_count(desc);
    case VKN_ROLE_RENORM:
        return 2 * test_channel_count(desc);
    case VKN_ROLE_MASK:            /* bytes */
    case VKN_ROLE_ACTIVATION_MASK: /* bits */
    case VKN_ROLE_WORKSPACE:
        return 0;
    }
    return 0;
}

#define RUNNING    (VKN_ROLE_BIT(VKN_ROLE_RUNNING_MEAN) | VKN_ROLE_BIT(VKN_ROLE_RUNNING_VARIANCE))
#define PARAMETERS (VKN_ROLE_BIT(VKN_ROLE_GAMMA) | VKN_ROLE_BIT(VKN_ROLE_BETA))
#define SAVED      (VKN_ROLE_BIT(VKN_ROLE_MEAN) | VKN_ROLE_BIT(VKN_ROLE_INV_STD) | VKN_ROLE_BIT(VKN_ROLE_VARIANCE))

/* The table at VknRole in vknorm.h, by VknOperation. */
static const struct {
    uint32_t read, written;
} role_table[] = {
    [VKN_OPERATION_TRAIN] = {VKN_ROLE_BIT(VKN_ROLE_X) | PARAMETERS | RUNNING,
                             VKN_ROLE_BIT(VKN_ROLE_Y) | SAVED | RUNNING},
    [VKN_OPERATION_APPLY] = {VKN_ROLE_BIT(VKN_ROLE_X) | PARAMETERS | SAVED, VKN_ROLE_BIT(VKN_ROLE_Y)},
    [VKN_OPERATION_STATISTICS] = {VKN_ROLE_BIT(VKN_ROLE_X) | RUNNING,
                                  SAVED | RUNNING | VKN_ROLE_BIT(VKN_ROLE_MOMENTS)},
    [VKN_OPERATION_FINISH] = {VKN_ROLE_BIT(VKN_ROLE_MOMENTS) | RUNNING, SAVED | RUNNING},
};

uint32_t test_roles_read(const VknDesc *desc) {
    return role_table[desc->operation].read & desc->roles;
}

uint32_t test_roles_written(const VknDesc *desc) {
    return role_table[desc->operation].written & desc->roles;
}

const char *test_role_name(VknRole role) {
    static const char *const names[VKN_ROLE_COUNT] = {
        "X",
        "Y",
        "GAMMA",
        "BETA",
        "MEAN",
        "INV_STD",
        "VARIANCE",
        "RUNNING_MEAN",
        "RUNNING_VARIANCE",
        "MOMENTS",
        "WORKSPACE",
        "RESIDUAL",
        "DY",
        "DX",
        "DGAMMA",
        "DBETA",
        "DRESIDUAL",
        "MASK",
        "ACTIVATION_MASK",
        "RENORM_MEAN",
        "RENORM_STD",
        "RUNNING_STD",
        "RENORM",
        "SUMS",
    };
    return names[role];
}
