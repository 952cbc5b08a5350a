#include "desc.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "activation.h"
#include "interface.h"
#include "role.h"

/* Element counts, strides times extents and sums of them stay below this, so that no size in bytes can
 * overflow. */
#define MOST_ELEMENTS ((uint64_t)1 << 56)

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)
#define SPREADS   (BIT(INV_STD) | BIT(VARIANCE))
#define RUNNING   (BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE))

_Static_assert(VKN_HAS_GAMMA == BIT(GAMMA) && VKN_HAS_BETA == BIT(BETA) && VKN_HAS_MEAN == BIT(MEAN) &&
                   VKN_HAS_INV_STD == BIT(INV_STD) && VKN_HAS_VARIANCE == BIT(VARIANCE) &&
                   VKN_HAS_RUNNING_MEAN == BIT(RUNNING_MEAN) && VKN_HAS_MOMENTS == BIT(MOMENTS) &&
                   VKN_HAS_RESIDUAL == BIT(RESIDUAL) && VKN_HAS_DX == BIT(DX) &&
                   VKN_HAS_DGAMMA == BIT(DGAMMA) && VKN_HAS_DBETA == BIT(DBETA) &&
                   VKN_HAS_DRESIDUAL == BIT(DRESIDUAL) && VKN_HAS_Y == BIT(Y) && VKN_HAS_MASK == BIT(MASK) &&
                   VKN_HAS_ACTIVATION_MASK == BIT(ACTIVATION_MASK) && VKN_HAS_RENORM == BIT(RENORM) &&
                   VKN_HAS_RUNNING_VARIANCE == BIT(RUNNING_VARIANCE) && VKN_HAS_SUMS == BIT(SUMS) &&
                   VKN_HAS_RENORM_MEAN == BIT(RENORM_MEAN),
               "interface.h and VknRole disagree");

#define SAVED    (BIT(MEAN) | SPREADS)
#define AFFINE   (BIT(GAMMA) | BIT(BETA))
#define RENORM   (BIT(RENORM_MEAN) | BIT(RENORM_STD) | BIT(RUNNING_STD) | BIT(RENORM))
#define EPILOGUE (AFFINE | BIT(RESIDUAL) | BIT(ACTIVATION_MASK))
#define GRADIENT (BIT(DX) | BIT(DGAMMA) | BIT(DBETA) | BIT(DRESIDUAL))
#define BACKWARD (EPILOGUE | SPREADS | BIT(Y))

static const VknOperationInfo OPERATIONS[] = {
    [VKN_OPERATION_TRAIN] = {"TRAIN", BIT(X) | BIT(Y),
                             EPILOGUE | SAVED | RUNNING | RENORM | BIT(MASK) | BIT(MOMENTS),
                             BIT(Y) | BIT(ACTIVATION_MASK) | SAVED | RUNNING | RENORM},
    [VKN_OPERATION_APPLY] = {"APPLY", BIT(X) | BIT(Y) | BIT(MEAN), EPILOGUE | SPREADS,
                             BIT(Y) | BIT(ACTIVATION_MASK)},
    [VKN_OPERATION_STATISTICS] = {"STATISTICS", BIT(X), SAVED | RUNNING | BIT(MOMENTS) | BIT(MASK),
                                  SAVED | RUNNING | BIT(MOMENTS)},
    [VKN_OPERATION_FINISH] = {"FINISH", BIT(MOMENTS), SAVED | RUNNING, SAVED | RUNNING},
    [VKN_OPERATION_TRAIN_GRADIENT] = {"TRAIN_GRADIENT", BIT(X) | BIT(DY) | BIT(MEAN),
                                      BACKWARD | GRADIENT | BIT(MASK) | BIT(RENORM) | BIT(SUMS), GRADIENT},
    [VKN_OPERATION_APPLY_GRADIENT] = {"APPLY_GRADIENT", BIT(X) | BIT(DY) | BIT(MEAN), BACKWARD | GRADIENT,
                                      GRADIENT},
    [VKN_OPERATION_GRADIENT_STATISTICS] = {"GRADIENT_STATISTICS", BIT(X) | BIT(DY) | BIT(MEAN) | BIT(SUMS),
                                           BACKWARD | BIT(MASK) | BIT(RENORM) | BIT(DGAMMA) | BIT(DBETA),
                                           BIT(SUMS) | BIT(DGAMMA) | BIT(DBETA)},
};

const VknOperationInfo *vkn_operation_info(VknOperation operation) {
    size_t count = sizeof OPERATIONS / sizeof *OPERATIONS;
    return (size_t)operation < count && OPERATIONS[operation].name ? &OPERATIONS[operation] : NULL;
}

bool vkn_operation_is_gradient(VknOperation operation) {
    return operation >= VKN_OPERATION_TRAIN_GRADIENT;
}

bool vkn_desc_merges(const VknDesc *desc, uint32_t role) {
    uint32_t writes = vkn_operation_info(desc->operation)->writes;
    return (role == VKN_ROLE_MOMENTS || role == VKN_ROLE_SUMS) &&
           (desc->roles & ~writes & VKN_ROLE_BIT(role)) != 0;
}

VknActivationSource vkn_desc_source(const VknDesc *desc) {
    if (!vkn_operation_is_gradient(desc->operation) || desc->activation.id == VKN_ACTIVATION_IDENTITY)
        return VKN_ACTIVATION_SOURCE_NONE;
    if (desc->roles & BIT(ACTIVATION_MASK))
        return VKN_ACTIVATION_SOURCE_MASK;
    return desc->roles & BIT(Y) ? VKN_ACTIVATION_SOURCE_OUTPUT : VKN_ACTIVATION_SOURCE_INPUT;
}

void vkn_desc_batch_norm(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                         uint32_t axis_count, const int32_t *axes) {
    memset(desc, 0, sizeof *desc);
    desc->operation = operation;
    desc->rank = rank;
    desc->kept_axis_count = axis_count;
    for (uint32_t i = 0; i < vkn_min(rank, VKN_MAX_RANK); i++)
        desc->shape[i] = shape[i];
    for (uint32_t i = 0; i < vkn_min(axis_count, VKN_MAX_RANK); i++)
        desc->kept_axes[i] = axes[i];
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

void vkn_desc_layer_norm(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                         uint32_t axis_count, const int32_t *axes) {
    bool normalized[VKN_MAX_RANK] = {false};
    int32_t kept[VKN_MAX_RANK], extent = (int32_t)vkn_min(rank, VKN_MAX_RANK);
    uint32_t kept_count = 0;
    vkn_desc_batch_norm(desc, operation, rank, shape, axis_count, axes);
    for (uint32_t i = 0; i < vkn_min(axis_count, VKN_MAX_RANK); i++)
        if (axes[i] >= -extent && axes[i] < extent)
            normalized[axes[i] < 0 ? axes[i] + extent : axes[i]] = true;
    for (int32_t i = 0; i < extent; i++)
        if (!normalized[i])
            kept[kept_count++] = i;
    bool all = kept_count == 0;
    if (all) { /* one statistic: that of a first axis of size 1 */
        kept[kept_count++] = 0;
        memmove(&desc->shape[1], &desc->shape[0], (VKN_MAX_RANK - 1) * sizeof *desc->shape);
        desc->shape[0] = 1;
        desc->rank = rank + 1;
    }
    desc->parameter_axis_count = axis_count;
    for (uint32_t i = 0; i < vkn_min(axis_count, VKN_MAX_RANK); i++)
        desc->parameter_axes[i] = axes[i] + (all && axes[i] >= 0 ? 1 : 0);
    desc->kept_axis_count = kept_count;
    memcpy(desc->kept_axes, kept, kept_count * sizeof *kept);
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
        desc->shape[axis + 1] = groups && channels % groups == 0 ? channels / groups : 0;
    }
    use_own_statistics(desc);
}

static VknResult resolve_shape(const VknHost *host, VknDesc *desc) {
    if (desc->rank < 1 || desc->rank > VKN_MAX_RANK)
        return VKN_FAIL(host, INVALID_ARGUMENT, "rank must be 1 to %d, not %" PRIu32, VKN_MAX_RANK,
                        desc->rank);
    uint64_t count = 1;
    for (uint32_t i = 0; i < desc->rank; i++) {
        if (desc->shape[i] > MOST_ELEMENTS || (desc->shape[i] && count > MOST_ELEMENTS / desc->shape[i]))
            return VKN_FAIL(host, INVALID_ARGUMENT,
                            "a tensor must have at most 2^56 elements; shape[%" PRIu32 "] = %" PRIu64
                            " makes it more",
                            i, desc->shape[i]);
        count *= desc->shape[i] ? desc->shape[i] : 1;
    }
    return VKN_SUCCESS;
}

/* Axes from 0 on, each at most once. */
static VknResult resolve_axis_list(const VknHost *host, const char *name, uint32_t count, uint32_t rank_of,
                                   int32_t *axes) {
    int32_t rank = (int32_t)rank_of;
    for (uint32_t i = 0; i < count; i++) {
        int32_t axis = axes[i];
        if (axis < -rank || axis >= rank)
            return VKN_FAIL(host, INVALID_ARGUMENT,
                            "%s[%" PRIu32 "] must be -%" PRId32 " to %" PRId32 ", not %" PRId32, name, i,
                            rank, rank - 1, axis);
        axes[i] = axis < 0 ? axis + rank : axis;
        for (uint32_t j = 0; j < i; j++)
            if (axes[j] == axes[i])
                return VKN_FAIL(host, INVALID_ARGUMENT,
                                "%s names axis %" PRId32 " twice, at %" PRIu32 " and %" PRIu32, name, axes[i],
                                j, i);
    }
    return VKN_SUCCESS;
}

static VknResult resolve_axes(const VknHost *host, VknDesc *desc) {
    if (desc->kept_axis_count < 1 || desc->kept_axis_count > desc->rank)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "kept_axes must list 1 to rank (%" PRIu32 ") axes, not %" PRIu32
                        ": they are the axes with statistics of their own",
                        desc->rank, desc->kept_axis_count);
    if (desc->parameter_axis_count > desc->rank)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "parameter_axes must list at most rank (%" PRIu32 ") axes, not %" PRIu32, desc->rank,
                        desc->parameter_axis_count);
    VknResult result =
        resolve_axis_list(host, "kept_axes", desc->kept_axis_count, desc->rank, desc->kept_axes);
    return result ? result
                  : resolve_axis_list(host, "parameter_axes", desc->parameter_axis_count, desc->rank,
                                      desc->parameter_axes);
}

#define PARAMETERS (AFFINE | BIT(DGAMMA) | BIT(DBETA))

/* Parameter axes that are the kept ones, or of parameters that are not there, are none. */
static VknResult resolve_parameters(const VknHost *host, VknDesc *desc) {
    uint32_t kept = 0, axes = 0;
    for (uint32_t i = 0; i < desc->kept_axis_count; i++)
        kept |= 1u << desc->kept_axes[i];
    for (uint32_t i = 0; i < desc->parameter_axis_count; i++)
        axes |= 1u << desc->parameter_axes[i];
    if (axes == kept || !(desc->roles & PARAMETERS))
        desc->parameter_axis_count = 0;
    if (!desc->parameter_axis_count)
        return VKN_SUCCESS;
    if (desc->roles & (RUNNING | RENORM | BIT(MASK) | BIT(MOMENTS) | BIT(SUMS)))
        return VKN_FAIL(
            host, INVALID_ARGUMENT,
            "parameter_axes must be the kept axes with MASK, MOMENTS, SUMS, running statistics or "
            "renormalization; roles are 0x%" PRIx32,
            desc->roles);
    if (desc->channels || desc->virtual_batch_size)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "parameter_axes must be the kept axes with packed channels (%" PRIu64
                        ") or virtual batches (%" PRIu64 ")",
                        desc->channels, desc->virtual_batch_size);
    return VKN_SUCCESS;
}

static VknResult resolve_roles(const VknHost *host, VknDesc *desc) {
    const VknOperationInfo *info = vkn_operation_info(desc->operation);
    if (!info)
        return VKN_FAIL(host, INVALID_ARGUMENT, "operation must be a VknOperation (1 to 7), not %d",
                        (int)desc->operation);
    desc->roles &= ~BIT(WORKSPACE);
    bool centred = desc->statistic == VKN_STATISTIC_VARIANCE;
    uint32_t required = info->required & ~(centred ? 0 : BIT(MEAN));
    uint32_t optional = info->optional & ~(centred ? 0 : BIT(MEAN) | RUNNING | RENORM | BIT(MASK));
    for (uint32_t role = 0; role < 32; role++) {
        uint32_t bit = 1u << role;
        const char *name = role < VKN_ROLE_COUNT ? vkn_roles[role].name : "an unknown role";
        if ((required & bit) && !(desc->roles & bit))
            return VKN_FAIL(host, INVALID_ARGUMENT, "roles: %s needs %s, which is missing from 0x%" PRIx32,
                            info->name, name, desc->roles);
        if ((desc->roles & bit) && !((required | optional) & bit))
            return VKN_FAIL(host, INVALID_ARGUMENT, "roles: %s has no %s (bit %" PRIu32 " of 0x%" PRIx32 ")",
                            info->name, name, role, desc->roles);
    }
    if ((uint32_t)desc->statistic > VKN_STATISTIC_SUM_SQUARE)
        return VKN_FAIL(host, INVALID_ARGUMENT, "statistic must be a VknStatistic (0 to 2), not %d",
                        (int)desc->statistic);
    uint32_t spreads = desc->roles & SPREADS;
    uint32_t running = desc->roles & RUNNING;
    if (spreads == SPREADS)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "roles: INV_STD and VARIANCE exclude each other, 0x%" PRIx32 " has both",
                        desc->roles);
    if ((info->required & BIT(MEAN)) && !spreads)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "roles: %s needs INV_STD or VARIANCE, 0x%" PRIx32 " has neither", info->name,
                        desc->roles);
    if (running && running != RUNNING)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "roles: RUNNING_MEAN and RUNNING_VARIANCE go together, 0x%" PRIx32 " has one",
                        desc->roles);
    uint32_t renorm = desc->operation == VKN_OPERATION_TRAIN ? desc->roles & RENORM : 0;
    if (renorm && !(renorm & BIT(RENORM_MEAN) && renorm & BIT(RENORM_STD)))
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "roles: renormalization needs RENORM_MEAN and RENORM_STD, 0x%" PRIx32 " lacks one",
                        desc->roles);
    if (renorm && !(renorm & BIT(RUNNING_STD)) != !running)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "roles: with renormalization, RUNNING_MEAN, RUNNING_VARIANCE and RUNNING_STD go "
                        "together; 0x%" PRIx32 " has some",
                        desc->roles);
    if (!(desc->roles & info->writes))
        return VKN_FAIL(host, INVALID_ARGUMENT, "roles: %s with 0x%" PRIx32 " has no output", info->name,
                        desc->roles);
    return VKN_SUCCESS;
}

static VknResult resolve_packs(const VknHost *host, VknDesc *desc) {
    int32_t rank = (int32_t)desc->rank, pack = desc->packed_axis;
    uint32_t kept = 0;
    if (!desc->channels)
        return VKN_SUCCESS;
    if (pack < -rank || pack >= rank || (pack + rank) % rank == rank - 1)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "packed_axis must be -%" PRId32 " to %" PRId32
                        " and not the last axis, which holds the channels of a pack; it is %" PRId32,
                        rank, rank - 2, pack);
    desc->packed_axis = pack = (pack + rank) % rank;
    for (uint32_t i = 0; i < desc->kept_axis_count; i++)
        kept += desc->kept_axes[i] == pack || desc->kept_axes[i] == rank - 1;
    if (kept != 2)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "kept_axes must have packed_axis (%" PRId32 ") and the last axis (%" PRId32
                        ") when channels is not 0",
                        pack, rank - 1);
    uint64_t packs = desc->shape[pack], lanes = desc->shape[rank - 1];
    if (packs && lanes && vkn_divide_up(desc->channels, lanes) != packs)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "channels must fill %" PRIu64 " packs of %" PRIu64 ", the last one at least in part; "
                        "%" PRIu64 " do not",
                        packs, lanes, desc->channels);
    return VKN_SUCCESS;
}

static VknResult resolve_virtual_batches(const VknHost *host, VknDesc *desc) {
    uint64_t size = desc->virtual_batch_size;
    if (desc->operation == VKN_OPERATION_APPLY || desc->operation == VKN_OPERATION_FINISH ||
        desc->operation == VKN_OPERATION_APPLY_GRADIENT)
        size = 0;
    if (size && desc->rank == VKN_MAX_RANK)
        return VKN_FAIL(host, INVALID_ARGUMENT, "rank must be at most %d with virtual batches, not %" PRIu32,
                        VKN_MAX_RANK - 1, desc->rank);
    for (uint32_t i = 0; size && i < desc->kept_axis_count; i++)
        if (desc->kept_axes[i] == 0)
            return VKN_FAIL(host, INVALID_ARGUMENT,
                            "kept_axes must not have axis 0, which virtual batches divide; kept_axes[%" PRIu32
                            "] is it",
                            i);
    if (size && desc->shape[0] % size)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "virtual_batch_size must divide shape[0]; %" PRIu64 " does not divide %" PRIu64, size,
                        desc->shape[0]);
    if (size && desc->roles & RENORM)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "virtual_batch_size must be 0 with renormalization, not %" PRIu64, size);
    desc->virtual_batch_size = size == desc->shape[0] ? 0 : size;
    return VKN_SUCCESS;
}

static VknResult resolve_momentum(const VknHost *host, const VknDesc *desc) {
    bool renorm = desc->roles & BIT(RENORM_MEAN);
    if (!(desc->roles & RUNNING) && !renorm)
        return VKN_SUCCESS;
    if ((uint32_t)desc->momentum_convention > VKN_MOMENTUM_CUMULATIVE)
        return VKN_FAIL(host, INVALID_ARGUMENT, "momentum_convention must be a VknMomentum (0 to 2), not %d",
                        (int)desc->momentum_convention);
    if (renorm && desc->momentum_convention == VKN_MOMENTUM_CUMULATIVE)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "momentum_convention must be VKN_MOMENTUM_OLD or NEW with renormalization, not "
                        "CUMULATIVE");
    if (desc->roles & RUNNING && desc->momentum_convention != VKN_MOMENTUM_CUMULATIVE &&
        !(desc->momentum >= 0 && desc->momentum <= 1))
        return VKN_FAIL(host, INVALID_ARGUMENT, "momentum must be 0 to 1, not %g", desc->momentum);
    if (desc->roles & RUNNING && (uint32_t)desc->running_variance > VKN_RUNNING_VARIANCE_UNBIASED)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "running_variance must be a VknRunningVariance (0 or 1), not %d",
                        (int)desc->running_variance);
    if (!renorm)
        return VKN_SUCCESS;
    if (!(desc->renorm_momentum >= 0 && desc->renorm_momentum <= 1))
        return VKN_FAIL(host, INVALID_ARGUMENT, "renorm_momentum must be 0 to 1, not %g",
                        desc->renorm_momentum);
    if (!(desc->renorm_r_min >= 0 && desc->renorm_r_max >= desc->renorm_r_min))
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "renorm_r_min (%g) must be at least 0 and at most renorm_r_max (%g)",
                        desc->renorm_r_min, desc->renorm_r_max);
    if (!(desc->renorm_d_max >= 0))
        return VKN_FAIL(host, INVALID_ARGUMENT, "renorm_d_max must be at least 0, not %g",
                        desc->renorm_d_max);
    return VKN_SUCCESS;
}

static VknResult resolve_epsilon(const VknHost *host, const char *name, float epsilon) {
    if (!(epsilon >= 0.0f) || isinf(epsilon))
        return VKN_FAIL(host, INVALID_ARGUMENT, "%s must be finite and at least 0, not %g", name, epsilon);
    return VKN_SUCCESS;
}

static VknResult resolve_numbers(const VknHost *host, VknDesc *desc) {
    VknResult result = resolve_epsilon(host, "epsilon", desc->epsilon);
    if (!(desc->roles & BIT(MASK)) && desc->operation != VKN_OPERATION_FINISH)
        desc->count_epsilon = 0;
    if (!result)
        result = resolve_epsilon(host, "count_epsilon", desc->count_epsilon);
    if (desc->roles & BIT(MASK) && desc->count_epsilon == 0)
        desc->count_epsilon = FLT_MIN; /* so that nothing counted is told from nothing there */
    if (desc->operation == VKN_OPERATION_TRAIN && desc->roles & BIT(MOMENTS))
        desc->roles &= ~BIT(MASK); /* it is in the moments */
    if (!result)
        result = resolve_momentum(host, desc);
    if (result)
        return result;
    if ((vkn_desc_merges(desc, VKN_ROLE_MOMENTS) || vkn_desc_merges(desc, VKN_ROLE_SUMS)) &&
        desc->moment_parts < 1)
        return VKN_FAIL(host, INVALID_ARGUMENT, "moment_parts must be at least 1, not %" PRIu32,
                        desc->moment_parts);
    if (desc->roles & (BIT(Y) | BIT(DY)))
        result = vkn_activation_resolve(host, "activation", &desc->activation);
    if (!result && (desc->roles & BIT(X)))
        result = vkn_activation_resolve(host, "prologue", &desc->prologue);
    return result;
}

/* Keeps the role that act' costs the fewest bytes to take from. */
static VknResult resolve_source(const VknHost *host, VknDesc *desc) {
    bool gradient = vkn_operation_is_gradient(desc->operation);
    bool none = desc->activation.id == VKN_ACTIVATION_IDENTITY;
    if (desc->roles & BIT(ACTIVATION_MASK) && !vkn_activation_halves(&desc->activation))
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "roles: ACTIVATION_MASK needs an activation whose derivative has two values (relu, "
                        "leaky_relu, clip), not %s",
                        vkn_activation_name(&desc->activation));
    if (gradient && !none && desc->roles & BIT(Y) && !vkn_activation_inverts(&desc->activation))
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "roles: Y does not determine the derivative of %s with these parameters; leave it "
                        "out, and bind RESIDUAL if there was one",
                        vkn_activation_name(&desc->activation));
    if (!gradient)
        return VKN_SUCCESS;
    uint32_t residual = desc->roles & BIT(RESIDUAL), mask = desc->roles & BIT(ACTIVATION_MASK);
    uint32_t y = desc->roles & BIT(Y);
    desc->roles &= ~(BIT(RESIDUAL) | BIT(ACTIVATION_MASK) | BIT(Y));
    if (none)
        return VKN_SUCCESS;
    if (mask)
        desc->roles |= mask;
    else if (y && residual && desc->y.type == VKN_TYPE_F32 && desc->residual.type != VKN_TYPE_F32)
        desc->roles |= residual;
    else
        desc->roles |= y ? y : residual;
    return VKN_SUCCESS;
}

/* Elements from the first to the last one of a tensor, 0 when that is too many. */
static uint64_t tensor_span(const VknDesc *desc, const uint64_t *stride) {
    uint64_t span = 1;
    for (uint32_t i = 0; i < desc->rank; i++) {
        uint64_t steps = desc->shape[i] ? desc->shape[i] - 1 : 0;
        if (steps && stride[i] > MOST_ELEMENTS / steps)
            return 0;
        span += steps * stride[i];
        if (span > MOST_ELEMENTS)
            return 0;
    }
    return span;
}

/* Whether no two indices share memory: walking axes from the smallest stride, each stride must pass over
 * all that the axes before it span. (Interleavings that this refuses do not occur in practice.) */
static VknResult check_injective(const VknHost *host, const VknDesc *desc, const char *name,
                                 const VknTensor *tensor) {
    bool done[VKN_MAX_RANK] = {false};
    uint64_t span = 1;
    for (uint32_t round = 0; round < desc->rank; round++) {
        uint32_t next = VKN_MAX_RANK;
        for (uint32_t i = 0; i < desc->rank; i++)
            if (!done[i] && (next == VKN_MAX_RANK || tensor->stride[i] < tensor->stride[next]))
                next = i;
        done[next] = true;
        if (desc->shape[next] <= 1)
            continue;
        if (tensor->stride[next] < span)
            return VKN_FAIL(host, INVALID_ARGUMENT,
                            "%s.stride: elements of %s must not share memory; stride[%" PRIu32 "] = %" PRIu64
                            " is less than the %" PRIu64 " elements that smaller strides span",
                            name, name, next, tensor->stride[next], span);
        span += (desc->shape[next] - 1) * tensor->stride[next];
    }
    return VKN_SUCCESS;
}

/* Strides that are all zero become those of a dense tensor of the first `dense_rank` axes. */
static VknResult resolve_strides(const VknHost *host, const VknDesc *desc, const char *name,
                                 const char *field, uint32_t dense_rank, uint64_t *strides) {
    bool dense = true;
    for (uint32_t i = 0; i < desc->rank; i++)
        dense = dense && strides[i] == 0;
    uint64_t stride = 1;
    for (uint32_t i = dense_rank; dense && i-- > 0;) {
        strides[i] = stride;
        stride *= desc->shape[i] ? desc->shape[i] : 1;
    }
    uint32_t longest = 0;
    for (uint32_t i = 1; i < desc->rank; i++)
        if (strides[i] > strides[longest])
            longest = i;
    if (tensor_span(desc, strides) == 0)
        return VKN_FAIL(
            host, INVALID_ARGUMENT,
            "%s%s: the tensor must span at most 2^56 elements; the longest step is stride[%" PRIu32
            "] = %" PRIu64 " over %" PRIu64,
            name, field, longest, strides[longest], desc->shape[longest]);
    return VKN_SUCCESS;
}

static VknResult resolve_tensor(const VknHost *host, const VknDesc *desc, const char *name,
                                VknTensor *tensor) {
    if ((uint32_t)tensor->type > VKN_TYPE_BF16)
        return VKN_FAIL(host, INVALID_ARGUMENT, "%s.type must be a VknType (0 to 2), not %d", name,
                        (int)tensor->type);
    return resolve_strides(host, desc, name, ".stride", desc->rank, tensor->stride);
}

/* Resolves one tensor, or gives it the layout of `like` when the operation has none of `roles`. */
static VknResult resolve_layout(const VknHost *host, const VknDesc *desc, const char *name, uint32_t roles,
                                const VknTensor *like, VknTensor *tensor) {
    if (!(desc->roles & roles)) {
        *tensor = *like;
        return VKN_SUCCESS;
    }
    VknResult result = resolve_tensor(host, desc, name, tensor);
    if (!result && (desc->roles & roles & vkn_operation_info(desc->operation)->writes))
        result = check_injective(host, desc, name, tensor);
    return result;
}

VknResult vkn_desc_resolve(const VknHost *host, const VknDesc *desc, VknDesc *resolved) {
    static VknResult (*const RULES[])(const VknHost *, VknDesc *) = {
        resolve_shape,           resolve_axes,       resolve_packs,   resolve_roles,
        resolve_virtual_batches, resolve_parameters, resolve_numbers, resolve_source};
    VknDesc d = *desc;
    VknResult result = VKN_SUCCESS;
    for (size_t i = 0; !result && i < sizeof RULES / sizeof *RULES; i++)
        result = RULES[i](host, &d);
    if (result)
        return result;
    if (!(d.roles & BIT(X)))
        memset(&d.x, 0, sizeof d.x);
    result = resolve_tensor(host, &d, "x", &d.x);
    if (!result)
        result = resolve_layout(host, &d, "y", BIT(Y) | BIT(DY) | BIT(ACTIVATION_MASK), &d.x, &d.y);
    if (!result)
        result = resolve_layout(host, &d, "residual", BIT(RESIDUAL) | BIT(DRESIDUAL), &d.y, &d.residual);
    if (!result)
        result = resolve_layout(host, &d, "dx", BIT(DX), &d.x, &d.dx);
    if (!result && d.roles & BIT(MASK))
        result = resolve_strides(host, &d, "mask", "_stride", d.rank - 1, d.mask_stride);
    else
        memcpy(d.mask_stride, d.x.stride, sizeof d.mask_stride);
    if (!result)
        *resolved = d;
    return result;
}
