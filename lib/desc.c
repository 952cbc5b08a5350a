#include "desc.h"

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
                   VKN_HAS_RUNNING == BIT(RUNNING_MEAN) && VKN_HAS_MOMENTS == BIT(MOMENTS) &&
                   VKN_HAS_RESIDUAL == BIT(RESIDUAL) && VKN_HAS_DX == BIT(DX) &&
                   VKN_HAS_DGAMMA == BIT(DGAMMA) && VKN_HAS_DBETA == BIT(DBETA) &&
                   VKN_HAS_DRESIDUAL == BIT(DRESIDUAL),
               "interface.h and VknRole disagree");

#define SAVED    (BIT(MEAN) | SPREADS)
#define AFFINE   (BIT(GAMMA) | BIT(BETA))
#define GRADIENT (BIT(DX) | BIT(DGAMMA) | BIT(DBETA) | BIT(DRESIDUAL))

static const VknOperationInfo OPERATIONS[] = {
    [VKN_OPERATION_TRAIN] = {"TRAIN", BIT(X) | BIT(Y), AFFINE | SAVED | RUNNING | BIT(RESIDUAL),
                             BIT(Y) | SAVED | RUNNING},
    [VKN_OPERATION_APPLY] = {"APPLY", BIT(X) | BIT(Y) | BIT(MEAN), AFFINE | SPREADS | BIT(RESIDUAL), BIT(Y)},
    [VKN_OPERATION_STATISTICS] = {"STATISTICS", BIT(X), SAVED | RUNNING | BIT(MOMENTS),
                                  SAVED | RUNNING | BIT(MOMENTS)},
    [VKN_OPERATION_FINISH] = {"FINISH", BIT(MOMENTS), SAVED | RUNNING, SAVED | RUNNING},
    [VKN_OPERATION_TRAIN_GRADIENT] = {"TRAIN_GRADIENT", BIT(X) | BIT(DY) | BIT(MEAN),
                                      AFFINE | SPREADS | BIT(RESIDUAL) | GRADIENT, GRADIENT},
    [VKN_OPERATION_APPLY_GRADIENT] = {"APPLY_GRADIENT", BIT(X) | BIT(DY) | BIT(MEAN),
                                      AFFINE | SPREADS | BIT(RESIDUAL) | GRADIENT, GRADIENT},
};

const VknOperationInfo *vkn_operation_info(VknOperation operation) {
    size_t count = sizeof OPERATIONS / sizeof *OPERATIONS;
    return (size_t)operation < count && OPERATIONS[operation].name ? &OPERATIONS[operation] : NULL;
}

bool vkn_operation_is_gradient(VknOperation operation) {
    return operation == VKN_OPERATION_TRAIN_GRADIENT || operation == VKN_OPERATION_APPLY_GRADIENT;
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
        desc->moment_parts = 1;
        break;
    case VKN_OPERATION_TRAIN_GRADIENT:
        desc->roles =
            BIT(X) | BIT(DY) | AFFINE | BIT(MEAN) | BIT(INV_STD) | BIT(DX) | BIT(DGAMMA) | BIT(DBETA);
        break;
    case VKN_OPERATION_APPLY_GRADIENT:
        desc->roles =
            BIT(X) | BIT(DY) | AFFINE | BIT(MEAN) | BIT(VARIANCE) | BIT(DX) | BIT(DGAMMA) | BIT(DBETA);
        break;
    }
    desc->epsilon = 1e-3f;
    desc->momentum = 0.99f;
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

static VknResult resolve_axes(const VknHost *host, VknDesc *desc) {
    int32_t rank = (int32_t)desc->rank;
    if (desc->kept_axis_count < 1 || desc->kept_axis_count > desc->rank)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "kept_axes must list 1 to rank (%" PRId32 ") axes, not %" PRIu32
                        ": they are the axes with statistics of their own",
                        rank, desc->kept_axis_count);
    for (uint32_t i = 0; i < desc->kept_axis_count; i++) {
        int32_t axis = desc->kept_axes[i];
        if (axis < -rank || axis >= rank)
            return VKN_FAIL(host, INVALID_ARGUMENT,
                            "kept_axes[%" PRIu32 "] must be -%" PRId32 " to %" PRId32 ", not %" PRId32, i,
                            rank, rank - 1, axis);
        desc->kept_axes[i] = axis < 0 ? axis + rank : axis;
        for (uint32_t j = 0; j < i; j++)
            if (desc->kept_axes[j] == desc->kept_axes[i])
                return VKN_FAIL(host, INVALID_ARGUMENT,
                                "kept_axes names axis %" PRId32 " twice, at %" PRIu32 " and %" PRIu32,
                                desc->kept_axes[i], j, i);
    }
    return VKN_SUCCESS;
}

static VknResult resolve_roles(const VknHost *host, VknDesc *desc) {
    const VknOperationInfo *info = vkn_operation_info(desc->operation);
    if (!info)
        return VKN_FAIL(host, INVALID_ARGUMENT, "operation must be a VknOperation (1 to 6), not %d",
                        (int)desc->operation);
    desc->roles &= ~BIT(WORKSPACE);
    for (uint32_t role = 0; role < 32; role++) {
        uint32_t bit = 1u << role;
        const char *name = role < VKN_ROLE_COUNT ? vkn_roles[role].name : "an unknown role";
        if ((info->required & bit) && !(desc->roles & bit))
            return VKN_FAIL(host, INVALID_ARGUMENT, "roles: %s needs %s, which is missing from 0x%" PRIx32,
                            info->name, name, desc->roles);
        if ((desc->roles & bit) && !((info->required | info->optional) & bit))
            return VKN_FAIL(host, INVALID_ARGUMENT, "roles: %s has no %s (bit %" PRIu32 " of 0x%" PRIx32 ")",
                            info->name, name, role, desc->roles);
    }
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
    if (!(desc->roles & info->writes))
        return VKN_FAIL(host, INVALID_ARGUMENT, "roles: %s with 0x%" PRIx32 " has no output", info->name,
                        desc->roles);
    return VKN_SUCCESS;
}

static VknResult resolve_numbers(const VknHost *host, VknDesc *desc) {
    if (!(desc->epsilon >= 0.0f) || isinf(desc->epsilon))
        return VKN_FAIL(host, INVALID_ARGUMENT, "epsilon must be finite and at least 0, not %g",
                        desc->epsilon);
    if (desc->roles & RUNNING) {
        if ((uint32_t)desc->momentum_convention > VKN_MOMENTUM_CUMULATIVE)
            return VKN_FAIL(host, INVALID_ARGUMENT,
                            "momentum_convention must be a VknMomentum (0 to 2), not %d",
                            (int)desc->momentum_convention);
        if (desc->momentum_convention != VKN_MOMENTUM_CUMULATIVE &&
            !(desc->momentum >= 0 && desc->momentum <= 1))
            return VKN_FAIL(host, INVALID_ARGUMENT, "momentum must be 0 to 1, not %g", desc->momentum);
        if ((uint32_t)desc->running_variance > VKN_RUNNING_VARIANCE_UNBIASED)
            return VKN_FAIL(host, INVALID_ARGUMENT,
                            "running_variance must be a VknRunningVariance (0 or 1), not %d",
                            (int)desc->running_variance);
    }
    if (desc->operation == VKN_OPERATION_FINISH && desc->moment_parts < 1)
        return VKN_FAIL(host, INVALID_ARGUMENT, "moment_parts must be at least 1, not %" PRIu32,
                        desc->moment_parts);
    VknResult result = VKN_SUCCESS;
    if (desc->roles & (BIT(Y) | BIT(DY)))
        result = vkn_activation_resolve(host, "activation", &desc->activation);
    if (!result && (desc->roles & BIT(X)))
        result = vkn_activation_resolve(host, "prologue", &desc->prologue);
    return result;
}

/* Elements from the first to the last one of a tensor, 0 when that is too many. */
static uint64_t tensor_span(const VknDesc *desc, const VknTensor *tensor) {
    uint64_t span = 1;
    for (uint32_t i = 0; i < desc->rank; i++) {
        uint64_t steps = desc->shape[i] ? desc->shape[i] - 1 : 0;
        if (steps && tensor->stride[i] > MOST_ELEMENTS / steps)
            return 0;
        span += steps * tensor->stride[i];
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

static VknResult resolve_tensor(const VknHost *host, const VknDesc *desc, const char *name,
                                VknTensor *tensor) {
    if ((uint32_t)tensor->type > VKN_TYPE_BF16)
        return VKN_FAIL(host, INVALID_ARGUMENT, "%s.type must be a VknType (0 to 2), not %d", name,
                        (int)tensor->type);
    bool dense = true;
    for (uint32_t i = 0; i < desc->rank; i++)
        dense = dense && tensor->stride[i] == 0;
    uint64_t stride = 1;
    for (uint32_t i = desc->rank; dense && i-- > 0;) {
        tensor->stride[i] = stride;
        stride *= desc->shape[i] ? desc->shape[i] : 1;
    }
    uint32_t longest = 0;
    for (uint32_t i = 1; i < desc->rank; i++)
        if (tensor->stride[i] > tensor->stride[longest])
            longest = i;
    if (tensor_span(desc, tensor) == 0)
        return VKN_FAIL(
            host, INVALID_ARGUMENT,
            "%s.stride: the tensor must span at most 2^56 elements; the longest step is stride[%" PRIu32
            "] = %" PRIu64 " over %" PRIu64,
            name, longest, tensor->stride[longest], desc->shape[longest]);
    return VKN_SUCCESS;
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
    static VknResult (*const RULES[])(const VknHost *, VknDesc *) = {resolve_shape, resolve_axes,
                                                                     resolve_roles, resolve_numbers};
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
        result = resolve_layout(host, &d, "y", BIT(Y) | BIT(DY), &d.x, &d.y);
    if (!result)
        result = resolve_layout(host, &d, "residual", BIT(RESIDUAL) | BIT(DRESIDUAL), &d.y, &d.residual);
    if (!result)
        result = resolve_layout(host, &d, "dx", BIT(DX), &d.x, &d.dx);
    if (!result)
        *resolved = d;
    return result;
}
