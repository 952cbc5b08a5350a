#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "activation.h"
#include "roles.h"

/* Element counts, strides times extents and sums of them stay below this, so that no size in bytes can
 * overflow. */
#define MOST_ELEMENTS ((uint64_t)1 << 56)

static VknResult resolve_shape(const VknHost *host, VknDesc *desc) {
    if (desc->rank < 1 || desc->rank > VKN_MAX_RANK)
        return VKN_FAIL(host, INVALID_ARGUMENT, "rank must be 1 to %d, not %" PRIu32, VKN_MAX_RANK,
                        desc->rank);
    uint64_t count = 1;
    for (uint32_t i = 0; i < desc->rank; i++) {
        if (i && desc->shape[i] == UINT64_MAX)
            return VKN_FAIL(host, INVALID_ARGUMENT,
                            "a tensor must have at most 2^56 elements; shape[%" PRIu32
                            "] = UINT64_MAX makes it more, to which vkn_desc_group_norm() sets it where the "
                            "groups (shape[%" PRIu32 "] = %" PRIu64 ") do not divide the channels",
                            i, i - 1, desc->shape[i - 1]);
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
    bool none = desc->statistic == VKN_STATISTIC_NONE;
    if ((desc->kept_axis_count < 1 && !none) || desc->kept_axis_count > desc->rank)
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

/* Where elements are numbered, the axes that are not kept number them. */
static void number_elements(VknDesc *desc, uint32_t kept) {
    desc->parameter_axis_count = 0;
    for (uint32_t i = 0; i < desc->rank; i++)
        if (!(kept >> i & 1))
            desc->parameter_axes[desc->parameter_axis_count++] = (int32_t)i;
}

/* Parameter axes that are the kept ones, or of parameters that are not there, are none. */
static VknResult resolve_parameters(const VknHost *host, VknDesc *desc) {
    uint32_t kept = 0, axes = 0;
    for (uint32_t i = 0; i < desc->kept_axis_count; i++)
        kept |= 1u << desc->kept_axes[i];
    for (uint32_t i = 0; i < desc->parameter_axis_count; i++)
        axes |= 1u << desc->parameter_axes[i];
    if (axes == kept || !(desc->roles & (PARAMETERS | PRELU)))
        desc->parameter_axis_count = 0;
    if (desc->statistic == VKN_STATISTIC_MAX || desc->statistic == VKN_STATISTIC_MIN) {
        number_elements(desc, kept);
        return VKN_SUCCESS;
    }
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
        desc->operation == VKN_OPERATION_APPLY_GRADIENT || desc->operation == VKN_OPERATION_REDUCE)
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
    if (desc->roles & (RUNNING | BIT(RESULT)) &&
        (uint32_t)desc->running_variance > VKN_RUNNING_VARIANCE_UNBIASED)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "running_variance must be a VknRunningVariance (0 or 1), not %d",
                        (int)desc->running_variance);
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

/* Whose expressions are not known to be the same everywhere. */
static VknResult resolve_reproducible(const VknHost *host, VknDesc *desc) {
    if (desc->reproducible &&
        (desc->activation.id >= VKN_ACTIVATION_CUSTOM || desc->prologue.id >= VKN_ACTIVATION_CUSTOM))
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "reproducible plans have no custom activations, such as %d and %d",
                        (int)desc->activation.id, (int)desc->prologue.id);
    return VKN_SUCCESS;
}

static VknResult resolve_numbers(const VknHost *host, VknDesc *desc) {
    VknResult result = resolve_epsilon(host, "epsilon", desc->epsilon);
    if ((!(desc->roles & BIT(MASK)) && desc->operation != VKN_OPERATION_FINISH) ||
        desc->operation == VKN_OPERATION_REDUCE)
        desc->count_epsilon = 0;
    if (!result)
        result = resolve_epsilon(host, "count_epsilon", desc->count_epsilon);
    if (desc->roles & BIT(MASK) && desc->count_epsilon == 0 && desc->operation != VKN_OPERATION_REDUCE)
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
    if (desc->roles & (BIT(Y) | BIT(DY) | BIT(RESULT)))
        result = vkn_activation_resolve(host, "activation", &desc->activation);
    if (!result && (desc->roles & (BIT(X) | BIT(Y))))
        result = vkn_activation_resolve(host, "prologue", &desc->prologue);
    if (!result && desc->statistic == VKN_STATISTIC_SUM_POWER &&
        !(desc->power >= 1 && desc->power <= FLT_MAX))
        return VKN_FAIL(host, INVALID_ARGUMENT, "power must be finite and at least 1, not %g", desc->power);
    if (desc->statistic == VKN_STATISTIC_SUM_POWER && desc->power == 2)
        desc->statistic = VKN_STATISTIC_SUM_SQUARE;
    return result;
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

/* Walking axes from the smallest stride, each stride must pass over all that the axes before it span.
 * (Interleavings that this refuses do not occur in practice.) */
uint32_t vkn_layout_shared_axis(uint32_t rank, const uint64_t *shape, const uint64_t *stride,
                                uint64_t *span) {
    bool done[VKN_MAX_RANK + 1] = {false};
    *span = 1;
    for (uint32_t round = 0; round < rank; round++) {
        uint32_t next = rank;
        for (uint32_t i = 0; i < rank; i++)
            if (!done[i] && (next == rank || stride[i] < stride[next]))
                next = i;
        done[next] = true;
        if (shape[next] <= 1)
            continue;
        if (stride[next] < *span)
            return next;
        *span += (shape[next] - 1) * stride[next];
    }
    return rank;
}

static VknResult check_injective(const VknHost *host, const VknDesc *desc, const char *name,
                                 const VknTensor *tensor) {
    uint64_t span;
    uint32_t axis = vkn_layout_shared_axis(desc->rank, desc->shape, tensor->stride, &span);
    if (axis == desc->rank)
        return VKN_SUCCESS;
    return VKN_FAIL(host, INVALID_ARGUMENT,
                    "%s.stride: elements of %s must not share memory; stride[%" PRIu32 "] = %" PRIu64
                    " is less than the %" PRIu64 " elements that smaller strides span",
                    name, name, axis, tensor->stride[axis], span);
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

static VknResult resolve_type(const VknHost *host, const char *name, VknType type) {
    if ((uint32_t)type > VKN_TYPE_BF16)
        return VKN_FAIL(host, INVALID_ARGUMENT, "%s.type must be a VknType (0 to 2), not %d", name,
                        (int)type);
    return VKN_SUCCESS;
}

static VknResult resolve_tensor(const VknHost *host, const VknDesc *desc, const char *name,
                                VknTensor *tensor) {
    VknResult result = resolve_type(host, name, tensor->type);
    return result ? result : resolve_strides(host, desc, name, ".stride", desc->rank, tensor->stride);
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
    static VknResult (*const RULES[])(const VknHost *, VknDesc *) = {resolve_shape,
                                                                     resolve_axes,
                                                                     resolve_packs,
                                                                     vkn_roles_resolve,
                                                                     resolve_virtual_batches,
                                                                     resolve_parameters,
                                                                     resolve_numbers,
                                                                     vkn_roles_resolve_use,
                                                                     vkn_roles_resolve_source,
                                                                     resolve_reproducible};
    VknDesc d = *desc;
    VknResult result = VKN_SUCCESS;
    for (size_t i = 0; !result && i < sizeof RULES / sizeof *RULES; i++)
        result = RULES[i](host, &d);
    if (result)
        return result;
    if (vkn_desc_is_from_output(&d))
        d.x = d.y;
    else if (!(d.roles & BIT(X)))
        memset(&d.x, 0, sizeof d.x);
    result = resolve_tensor(host, &d, "x", &d.x);
    if (!result)
        result = resolve_layout(host, &d, "y", BIT(Y) | BIT(DY) | BIT(ACTIVATION_MASK), &d.x, &d.y);
    if (!result && d.roles & BIT(RESULT)) /* which is dense, but has a type */
        result = resolve_type(host, "y", d.y.type = desc->y.type);
    if (!result)
        result = resolve_layout(host, &d, "residual", BIT(RESIDUAL) | BIT(DRESIDUAL), &d.y, &d.residual);
    if (!result)
        result =
            resolve_layout(host, &d, "dx", BIT(DX) | BIT(RESIDUAL_SUM) | BIT(DRESIDUAL_SUM), &d.x, &d.dx);
    if (!result && d.roles & BIT(MASK))
        result = resolve_strides(host, &d, "mask", "_stride", d.rank - 1, d.mask_stride);
    else
        memcpy(d.mask_stride, d.x.stride, sizeof d.mask_stride);
    if (!result)
        *resolved = d;
    return result;
}
