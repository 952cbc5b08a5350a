#include "roles.h"

#include <inttypes.h>

#include "activation.h"
#include "interface.h"
#include "role.h"

_Static_assert(VKN_HAS_GAMMA == BIT(GAMMA) && VKN_HAS_BETA == BIT(BETA) && VKN_HAS_MEAN == BIT(MEAN) &&
                   VKN_HAS_INV_STD == BIT(INV_STD) && VKN_HAS_VARIANCE == BIT(VARIANCE) &&
                   VKN_HAS_RUNNING_MEAN == BIT(RUNNING_MEAN) && VKN_HAS_MOMENTS == BIT(MOMENTS) &&
                   VKN_HAS_RESIDUAL == BIT(RESIDUAL) && VKN_HAS_DX == BIT(DX) &&
                   VKN_HAS_DGAMMA == BIT(DGAMMA) && VKN_HAS_DBETA == BIT(DBETA) &&
                   VKN_HAS_DRESIDUAL == BIT(DRESIDUAL) && VKN_HAS_Y == BIT(Y) && VKN_HAS_MASK == BIT(MASK) &&
                   VKN_HAS_ACTIVATION_MASK == BIT(ACTIVATION_MASK) && VKN_HAS_RENORM == BIT(RENORM) &&
                   VKN_HAS_RUNNING_VARIANCE == BIT(RUNNING_VARIANCE) && VKN_HAS_SUMS == BIT(SUMS) &&
                   VKN_HAS_RENORM_MEAN == BIT(RENORM_MEAN) && VKN_HAS_SLOPE == BIT(SLOPE) &&
                   VKN_HAS_DSLOPE == BIT(DSLOPE) && VKN_HAS_RESIDUAL_SUM == BIT(RESIDUAL_SUM) &&
                   VKN_HAS_DRESIDUAL_SUM == BIT(DRESIDUAL_SUM) && VKN_HAS_RESULT == BIT(RESULT) &&
                   VKN_HAS_INDEX == BIT(INDEX),
               "interface.h and VknRole disagree");

static const VknOperationInfo OPERATIONS[] = {
    [VKN_OPERATION_TRAIN] = {"TRAIN", BIT(X) | BIT(Y),
                             EPILOGUE | BIT(RESIDUAL_SUM) | SAVED | RUNNING | RENORM | BIT(MASK) |
                                 BIT(MOMENTS),
                             BIT(Y) | BIT(RESIDUAL_SUM) | BIT(ACTIVATION_MASK) | SAVED | RUNNING | RENORM},
    [VKN_OPERATION_APPLY] = {"APPLY", BIT(X) | BIT(Y) | BIT(MEAN), EPILOGUE | BIT(RESIDUAL_SUM) | SPREADS,
                             BIT(Y) | BIT(RESIDUAL_SUM) | BIT(ACTIVATION_MASK)},
    [VKN_OPERATION_STATISTICS] = {"STATISTICS", BIT(X),
                                  SAVED | RUNNING | BIT(MOMENTS) | BIT(MASK) | BIT(RESIDUAL),
                                  SAVED | RUNNING | BIT(MOMENTS)},
    [VKN_OPERATION_FINISH] = {"FINISH", BIT(MOMENTS), SAVED | RUNNING, SAVED | RUNNING},
    [VKN_OPERATION_TRAIN_GRADIENT] = {"TRAIN_GRADIENT", BIT(X) | BIT(DY) | BIT(MEAN),
                                      BACKWARD | GRADIENT | BIT(DRESIDUAL_SUM) | BIT(MASK) | BIT(RENORM) |
                                          BIT(SUMS),
                                      GRADIENT},
    [VKN_OPERATION_APPLY_GRADIENT] = {"APPLY_GRADIENT", BIT(X) | BIT(DY) | BIT(MEAN),
                                      BACKWARD | GRADIENT | BIT(DRESIDUAL_SUM), GRADIENT},
    [VKN_OPERATION_GRADIENT_STATISTICS] = {"GRADIENT_STATISTICS", BIT(X) | BIT(DY) | BIT(MEAN) | BIT(SUMS),
                                           BACKWARD | BIT(MASK) | BIT(RENORM) | BIT(DGAMMA) | BIT(DBETA),
                                           BIT(SUMS) | BIT(DGAMMA) | BIT(DBETA)},
    [VKN_OPERATION_REDUCE] = {"REDUCE", BIT(X), BIT(RESULT) | BIT(INDEX) | BIT(MASK) | BIT(RESIDUAL),
                              BIT(RESULT) | BIT(INDEX)},
};

const VknOperationInfo *vkn_operation_info(VknOperation operation) {
    size_t count = sizeof OPERATIONS / sizeof *OPERATIONS;
    return (size_t)operation < count && OPERATIONS[operation].name ? &OPERATIONS[operation] : NULL;
}

bool vkn_operation_is_gradient(VknOperation operation) {
    return operation == VKN_OPERATION_TRAIN_GRADIENT || operation == VKN_OPERATION_APPLY_GRADIENT ||
           operation == VKN_OPERATION_GRADIENT_STATISTICS;
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

/* Which operations a statistic has, and which of their roles it does not. */
typedef struct StatisticInfo {
    const char *name;
    uint32_t operations;
    uint32_t excludes;
} StatisticInfo;

#define OPERATION(o) (1u << (o))
#define NORMALIZES                                                                                           \
    (OPERATION(VKN_OPERATION_TRAIN) | OPERATION(VKN_OPERATION_APPLY) | OPERATION(VKN_OPERATION_STATISTICS) | \
     OPERATION(VKN_OPERATION_TRAIN_GRADIENT) | OPERATION(VKN_OPERATION_REDUCE))
#define MERGES                                                                                               \
    (NORMALIZES | OPERATION(VKN_OPERATION_APPLY_GRADIENT) | OPERATION(VKN_OPERATION_FINISH) |                \
     OPERATION(VKN_OPERATION_GRADIENT_STATISTICS))
#define REDUCES    OPERATION(VKN_OPERATION_REDUCE)
#define OF_BATCHES (RUNNING | RENORM | BIT(MOMENTS) | BIT(SUMS))

static const StatisticInfo STATISTICS[] = {
    [VKN_STATISTIC_VARIANCE] = {"VARIANCE", MERGES, BIT(INDEX)},
    [VKN_STATISTIC_MEAN_SQUARE] = {"MEAN_SQUARE", MERGES,
                                   BIT(MEAN) | RUNNING | RENORM | BIT(MASK) | BIT(INDEX)},
    [VKN_STATISTIC_SUM_SQUARE] = {"SUM_SQUARE", MERGES,
                                  BIT(MEAN) | RUNNING | RENORM | BIT(MASK) | BIT(INDEX)},
    [VKN_STATISTIC_SUM_POWER] = {"SUM_POWER", NORMALIZES | OPERATION(VKN_OPERATION_APPLY_GRADIENT),
                                 BIT(MEAN) | OF_BATCHES | BIT(MASK) | BIT(INDEX)},
    [VKN_STATISTIC_LOG_SUM_EXP] = {"LOG_SUM_EXP", NORMALIZES, PARAMETERS | OF_BATCHES | BIT(INDEX)},
    [VKN_STATISTIC_MAX] = {"MAX", OPERATION(VKN_OPERATION_TRAIN) | REDUCES,
                           SAVED | PARAMETERS | PRELU | OF_BATCHES},
    [VKN_STATISTIC_NONE] = {"NONE", OPERATION(VKN_OPERATION_APPLY) | OPERATION(VKN_OPERATION_APPLY_GRADIENT),
                            SAVED},
    [VKN_STATISTIC_MIN] = {"MIN", REDUCES, 0},
    [VKN_STATISTIC_SUM] = {"SUM", REDUCES, BIT(INDEX)},
    [VKN_STATISTIC_MEAN] = {"MEAN", REDUCES, BIT(INDEX)},
    [VKN_STATISTIC_PRODUCT] = {"PRODUCT", REDUCES, BIT(INDEX)},
};

bool vkn_desc_is_from_output(const VknDesc *desc) {
    return desc->operation == VKN_OPERATION_TRAIN_GRADIENT && desc->statistic == VKN_STATISTIC_LOG_SUM_EXP &&
           !(desc->roles & BIT(X));
}

VknResult vkn_roles_resolve(const VknHost *host, VknDesc *desc) {
    const VknOperationInfo *info = vkn_operation_info(desc->operation);
    if (!info)
        return VKN_FAIL(host, INVALID_ARGUMENT, "operation must be a VknOperation (1 to 8), not %d",
                        (int)desc->operation);
    if ((size_t)desc->statistic >= sizeof STATISTICS / sizeof *STATISTICS)
        return VKN_FAIL(host, INVALID_ARGUMENT, "statistic must be a VknStatistic (0 to 10), not %d",
                        (int)desc->statistic);
    const StatisticInfo *statistic = &STATISTICS[desc->statistic];
    if (!(statistic->operations & OPERATION(desc->operation)))
        return VKN_FAIL(host, INVALID_ARGUMENT, "statistic: %s has no VKN_STATISTIC_%s", info->name,
                        statistic->name);
    desc->roles &= ~BIT(WORKSPACE);
    bool from_output = vkn_desc_is_from_output(desc);
    uint32_t excluded = statistic->excludes & ~(desc->operation == VKN_OPERATION_REDUCE ? BIT(MASK) : 0);
    uint32_t required = info->required & ~excluded;
    uint32_t optional = info->optional & ~excluded;
    if (from_output) {
        required = BIT(Y) | BIT(DY);
        optional = BIT(DX) | BIT(MASK) | BIT(DRESIDUAL_SUM);
    }
    for (uint32_t role = 0; role < 32; role++) {
        uint32_t bit = 1u << role;
        const char *name = role < VKN_ROLE_COUNT ? vkn_roles[role].name : "an unknown role";
        if ((required & bit) && !(desc->roles & bit))
            return VKN_FAIL(host, INVALID_ARGUMENT, "roles: %s needs %s, which is missing from 0x%" PRIx32,
                            info->name, name, desc->roles);
        if ((desc->roles & bit) && !((required | optional) & bit))
            return VKN_FAIL(host, INVALID_ARGUMENT,
                            "roles: %s has no %s with VKN_STATISTIC_%s (bit %" PRIu32 " of 0x%" PRIx32 ")",
                            info->name, name, statistic->name, role, desc->roles);
    }
    uint32_t spreads = desc->roles & SPREADS;
    uint32_t running = desc->roles & RUNNING;
    if (spreads == SPREADS)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "roles: INV_STD and VARIANCE exclude each other, 0x%" PRIx32 " has both",
                        desc->roles);
    if ((info->required & BIT(MEAN)) && !(excluded & SPREADS) && !from_output && !spreads)
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

/* Roles that a use of the residual has, of those of the operation. */
static uint32_t residual_roles(const VknDesc *desc) {
    bool gradient = vkn_operation_is_gradient(desc->operation);
    switch (desc->residual_use) {
    case VKN_RESIDUAL_AFTER:
    case VKN_RESIDUAL_FACTOR:
        return vkn_operation_info(desc->operation)->required & (BIT(Y) | BIT(DY))
                   ? BIT(RESIDUAL) | BIT(DRESIDUAL)
                   : 0;
    case VKN_RESIDUAL_BEFORE:
        break;
    }
    return gradient ? BIT(DRESIDUAL_SUM) : BIT(RESIDUAL) | BIT(RESIDUAL_SUM);
}

#define RESIDUALS (BIT(RESIDUAL) | BIT(DRESIDUAL) | BIT(RESIDUAL_SUM) | BIT(DRESIDUAL_SUM))

static VknResult resolve_residual(const VknHost *host, VknDesc *desc) {
    static const char *const USES[] = {"AFTER", "BEFORE", "FACTOR"};
    const char *operation = vkn_operation_info(desc->operation)->name;
    uint32_t roles = desc->roles & RESIDUALS;
    if ((uint32_t)desc->residual_use > VKN_RESIDUAL_FACTOR)
        return VKN_FAIL(host, INVALID_ARGUMENT, "residual_use must be a VknResidualUse (0 to 2), not %d",
                        (int)desc->residual_use);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        if (roles & ~residual_roles(desc) & VKN_ROLE_BIT(role))
            return VKN_FAIL(host, INVALID_ARGUMENT, "roles: %s with VKN_RESIDUAL_%s has no %s", operation,
                            USES[desc->residual_use], vkn_roles[role].name);
    if (roles & BIT(RESIDUAL_SUM) && !(roles & BIT(RESIDUAL)))
        return VKN_FAIL(host, INVALID_ARGUMENT, "roles: RESIDUAL_SUM needs RESIDUAL, 0x%" PRIx32 " lacks it",
                        desc->roles);
    if (roles & BIT(DRESIDUAL_SUM) && !(desc->roles & BIT(DX)))
        return VKN_FAIL(host, INVALID_ARGUMENT, "roles: DRESIDUAL_SUM needs DX, 0x%" PRIx32 " lacks it",
                        desc->roles);
    if (roles & BIT(RESIDUAL_SUM) && desc->roles & BIT(ACTIVATION_MASK))
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "roles: RESIDUAL_SUM and ACTIVATION_MASK exclude each other, 0x%" PRIx32 " has both",
                        desc->roles);
    if (!roles)
        desc->residual_use = VKN_RESIDUAL_AFTER;
    if (desc->residual_use != VKN_RESIDUAL_FACTOR)
        return VKN_SUCCESS;
    if (!(roles & BIT(RESIDUAL)))
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "roles: VKN_RESIDUAL_FACTOR needs RESIDUAL, 0x%" PRIx32 " lacks it", desc->roles);
    if (desc->roles & BIT(ACTIVATION_MASK) ||
        (vkn_operation_is_gradient(desc->operation) && desc->roles & BIT(Y)))
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "roles: VKN_RESIDUAL_FACTOR has no ACTIVATION_MASK, and its gradient no Y; 0x%" PRIx32
                        " has one",
                        desc->roles);
    return VKN_SUCCESS;
}

static VknResult resolve_slope(const VknHost *host, const VknDesc *desc) {
    const uint32_t mixed = RESIDUALS & ~(BIT(RESIDUAL_SUM) | BIT(DRESIDUAL_SUM));
    bool prelu = desc->activation.id == VKN_ACTIVATION_PRELU && desc->roles & (BIT(Y) | BIT(DY));
    if (desc->prologue.id == VKN_ACTIVATION_PRELU && desc->roles & BIT(X))
        return VKN_FAIL(host, INVALID_ARGUMENT, "prologue must not be prelu, which is an activation only");
    if (!prelu && desc->roles & PRELU)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "roles: SLOPE and DSLOPE are of the activation prelu, 0x%" PRIx32 " has one",
                        desc->roles);
    if (!prelu)
        return VKN_SUCCESS;
    if (!(desc->roles & BIT(SLOPE)) || desc->operation == VKN_OPERATION_GRADIENT_STATISTICS)
        return VKN_FAIL(
            host, INVALID_ARGUMENT,
            "roles: the activation prelu needs SLOPE, and is not of GRADIENT_STATISTICS; roles are "
            "0x%" PRIx32,
            desc->roles);
    if (desc->roles & (mixed | BIT(MOMENTS) | BIT(SUMS)) || desc->virtual_batch_size)
        return VKN_FAIL(
            host, INVALID_ARGUMENT,
            "roles: the activation prelu excludes residuals, MOMENTS, SUMS and virtual batches; roles "
            "are 0x%" PRIx32 ", virtual_batch_size %" PRIu64,
            desc->roles, desc->virtual_batch_size);
    return VKN_SUCCESS;
}

VknResult vkn_roles_resolve_use(const VknHost *host, VknDesc *desc) {
    VknResult result = resolve_residual(host, desc);
    if (!result)
        result = resolve_slope(host, desc);
    if (result || !vkn_desc_is_from_output(desc))
        return result;
    if (desc->activation.id != VKN_ACTIVATION_IDENTITY && desc->activation.id != VKN_ACTIVATION_EXP)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "roles: a gradient without X needs the activation identity or exp, not %s",
                        vkn_activation_name(&desc->activation));
    if (desc->prologue.id != VKN_ACTIVATION_IDENTITY && desc->prologue.id != VKN_ACTIVATION_LINEAR)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "roles: a gradient without X needs the prologue identity or linear, not %s",
                        vkn_activation_name(&desc->prologue));
    return VKN_SUCCESS;
}

VknResult vkn_roles_resolve_source(const VknHost *host, VknDesc *desc) {
    bool gradient = vkn_operation_is_gradient(desc->operation);
    bool none = desc->activation.id == VKN_ACTIVATION_IDENTITY;
    if (vkn_desc_is_from_output(desc))
        return VKN_SUCCESS;
    if (desc->roles & BIT(ACTIVATION_MASK) && !vkn_activation_halves(&desc->activation))
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "roles: ACTIVATION_MASK needs an activation whose derivative has two values, 1 and "
                        "another (relu, clip and others), not %s",
                        vkn_activation_name(&desc->activation));
    if (gradient && !none && desc->roles & BIT(Y) && !vkn_activation_inverts(&desc->activation))
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "roles: Y does not determine the derivative of %s with these parameters; leave it "
                        "out, and bind RESIDUAL if there was one",
                        vkn_activation_name(&desc->activation));
    if (!gradient || desc->residual_use == VKN_RESIDUAL_FACTOR)
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
