#include "family.h"

#include <string.h>

#include "tensor.h"

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)
#define SAVED     (BIT(MEAN) | BIT(INV_STD))
#define AFFINE    (BIT(GAMMA) | BIT(BETA))

/* Axes of a shape: batch 0, then channels, one or two axes, then height and width. */
enum { CHANNELS = 1, SPACE = 2, BATCH = 4 };

/* Which axes a member normalizes over, in the words above, and how its description is made. */
typedef struct Row {
    const char *name;
    uint32_t kept;       /* of VKN_STATISTIC_NONE: those of SLOPE */
    uint32_t parameters; /* 0: none */
    VknStatistic statistic;
    VknActivationId activation, prologue;
    float power;
    bool reduces, forward_only, grouped;
    uint32_t roles; /* beside X, Y and the saved statistics */
    VknResidualUse residual_use;
} Row;

static const Row ROWS[] = {
    {.name = "batch norm", .kept = CHANNELS, .parameters = CHANNELS, .roles = AFFINE},
    {.name = "instance norm", .kept = BATCH | CHANNELS, .parameters = CHANNELS, .roles = AFFINE},
    {.name = "group norm", .kept = BATCH, .parameters = CHANNELS, .grouped = true, .roles = AFFINE},
    {.name = "layer norm", .kept = BATCH, .parameters = CHANNELS | SPACE, .roles = AFFINE},
    {.name = "layer norm of channels", .kept = BATCH | SPACE, .parameters = CHANNELS, .roles = AFFINE},
    {.name = "RMS norm",
     .kept = BATCH | SPACE,
     .parameters = CHANNELS,
     .statistic = VKN_STATISTIC_MEAN_SQUARE,
     .roles = BIT(GAMMA)},
    {.name = "add, then RMS norm, keeping the sum",
     .kept = BATCH | SPACE,
     .parameters = CHANNELS,
     .statistic = VKN_STATISTIC_MEAN_SQUARE,
     .roles = BIT(GAMMA) | BIT(RESIDUAL) | BIT(RESIDUAL_SUM),
     .residual_use = VKN_RESIDUAL_BEFORE},
    {.name = "batch norm, add, ReLU",
     .kept = CHANNELS,
     .parameters = CHANNELS,
     .roles = AFFINE | BIT(RESIDUAL),
     .activation = VKN_ACTIVATION_RELU},
    {.name = "mean-variance norm", .kept = CHANNELS},
    {.name = "L1 norm", .kept = BATCH | SPACE, .statistic = VKN_STATISTIC_SUM_POWER, .power = 1},
    {.name = "L2 norm", .kept = BATCH | SPACE, .statistic = VKN_STATISTIC_SUM_SQUARE},
    {.name = "L3 norm", .kept = BATCH | SPACE, .statistic = VKN_STATISTIC_SUM_POWER, .power = 3},
    {.name = "softmax",
     .kept = BATCH | SPACE,
     .statistic = VKN_STATISTIC_LOG_SUM_EXP,
     .activation = VKN_ACTIVATION_EXP},
    {.name = "softmax of channels and space",
     .kept = BATCH,
     .statistic = VKN_STATISTIC_LOG_SUM_EXP,
     .activation = VKN_ACTIVATION_EXP},
    {.name = "log-softmax", .kept = BATCH | SPACE, .statistic = VKN_STATISTIC_LOG_SUM_EXP},
    {.name = "hardmax", .kept = BATCH | SPACE, .statistic = VKN_STATISTIC_MAX, .forward_only = true},
    {.name = "activation", .statistic = VKN_STATISTIC_NONE, .activation = VKN_ACTIVATION_GELU},
    {.name = "PReLU",
     .kept = CHANNELS,
     .parameters = CHANNELS,
     .statistic = VKN_STATISTIC_NONE,
     .activation = VKN_ACTIVATION_PRELU,
     .roles = BIT(SLOPE)},
    {.name = "gated: SwiGLU",
     .statistic = VKN_STATISTIC_NONE,
     .activation = VKN_ACTIVATION_SILU,
     .roles = BIT(RESIDUAL),
     .residual_use = VKN_RESIDUAL_FACTOR},
    {.name = "sum", .kept = CHANNELS, .statistic = VKN_STATISTIC_SUM, .reduces = true},
    {.name = "mean", .kept = CHANNELS, .statistic = VKN_STATISTIC_MEAN, .reduces = true},
    {.name = "variance", .kept = CHANNELS, .statistic = VKN_STATISTIC_VARIANCE, .reduces = true},
    {.name = "max, argmax", .kept = BATCH | SPACE, .statistic = VKN_STATISTIC_MAX, .reduces = true},
    {.name = "min, argmin", .kept = CHANNELS, .statistic = VKN_STATISTIC_MIN, .reduces = true},
    {.name = "product", .kept = BATCH | SPACE, .statistic = VKN_STATISTIC_PRODUCT, .reduces = true},
    {.name = "L1",
     .kept = CHANNELS,
     .statistic = VKN_STATISTIC_SUM,
     .prologue = VKN_ACTIVATION_ABS,
     .reduces = true},
    {.name = "L2",
     .kept = CHANNELS,
     .statistic = VKN_STATISTIC_SUM_SQUARE,
     .activation = VKN_ACTIVATION_SQRT,
     .reduces = true},
    {.name = "sum of squares", .kept = CHANNELS, .statistic = VKN_STATISTIC_SUM_SQUARE, .reduces = true},
    {.name = "log-sum-exp", .kept = BATCH | SPACE, .statistic = VKN_STATISTIC_LOG_SUM_EXP, .reduces = true},
};

const uint32_t family_count = sizeof ROWS / sizeof *ROWS;

const char *const family_layout_names[FAMILY_LAYOUTS] = {"NCHW", "NHWC", "NC4HW4", "strided"};

const char *family_name(uint32_t member) {
    return ROWS[member].name;
}

/* Appends the axes of a set. */
static uint32_t axes_of(uint32_t set, bool packed, int32_t *axes) {
    uint32_t count = 0;
    if (set & BATCH)
        axes[count++] = 0;
    if (set & CHANNELS)
        axes[count++] = 1;
    if (set & CHANNELS && packed)
        axes[count++] = 4;
    for (int32_t i = 2; set & SPACE && i < 4; i++)
        axes[count++] = i;
    return count;
}

/* Strides of axes in this order, slowest first, with `gap` elements unused at the end of each. */
static void lay_out(const VknDesc *desc, VknTensor *tensor, const uint32_t *order, uint64_t gap) {
    uint64_t stride = 1;
    for (uint32_t i = desc->rank; i-- > 0;) {
        tensor->stride[order[i]] = stride;
        stride = stride * desc->shape[order[i]] + gap;
    }
}

/* Groups are an axis of their own: channels are (groups, channels of a group). */
static void split_groups(VknDesc *desc) {
    memmove(&desc->shape[2], &desc->shape[1], 3 * sizeof *desc->shape);
    desc->shape[1] = 2;
    desc->shape[2] /= 2;
    desc->rank = 5;
}

static void describe(const Row *row, FamilyLayout layout, VknDesc *desc) {
    static const uint32_t ORDERS[][5] = {{0, 1, 2, 3}, {0, 2, 3, 1}, {0, 1, 2, 3, 4}, {2, 0, 3, 1}};
    static const uint32_t GROUPED[][5] = {{0, 1, 2, 3, 4}, {0, 3, 4, 1, 2}, {0, 1, 2, 3, 4}, {3, 0, 4, 1, 2}};
    static const uint64_t SHAPE[] = {3, 8, 5, 7}, PACKED[] = {3, 2, 5, 7, 4};
    bool packed = layout == FAMILY_NC4HW4;
    desc->rank = packed ? 5 : 4;
    memcpy(desc->shape, packed ? PACKED : SHAPE, desc->rank * sizeof *SHAPE);
    if (row->grouped && !packed) { /* planes so large that columns have several parts */
        desc->shape[0] = 2;
        desc->shape[2] = 20;
        desc->shape[3] = 26;
    }
    desc->kept_axis_count = axes_of(row->kept, packed, desc->kept_axes);
    desc->parameter_axis_count = axes_of(row->parameters, packed, desc->parameter_axes);
    if (row->grouped) { /* a pack of four channels is a group */
        desc->kept_axis_count = desc->parameter_axis_count = 2;
        desc->kept_axes[1] = 1;
        desc->parameter_axes[0] = 1;
        desc->parameter_axes[1] = packed ? 4 : 2;
    }
    if (row->grouped && !packed)
        split_groups(desc);
    const uint32_t *order = row->grouped ? GROUPED[layout] : ORDERS[layout];
    uint64_t gap = layout == FAMILY_STRIDED ? 3 : 0;
    lay_out(desc, &desc->x, order, gap);
    lay_out(desc, &desc->y, order, gap);
    lay_out(desc, &desc->residual, order, gap);
    lay_out(desc, &desc->dx, order, gap);
}

void family_problem(Problem *p, uint32_t member, FamilyLayout layout, VknType type) {
    const Row *row = &ROWS[member];
    VknDesc *desc = &p->desc;
    bool none = row->statistic == VKN_STATISTIC_NONE || row->statistic == VKN_STATISTIC_MAX;
    bool centred = row->statistic == VKN_STATISTIC_VARIANCE || row->statistic == VKN_STATISTIC_LOG_SUM_EXP;
    memset(p, 0, sizeof *p);
    describe(row, layout, desc);
    desc->operation = row->reduces ? VKN_OPERATION_REDUCE : VKN_OPERATION_TRAIN;
    desc->statistic = row->statistic;
    desc->power = row->power;
    desc->activation = vkn_activation_default(row->activation);
    desc->prologue = vkn_activation_default(row->prologue);
    desc->residual_use = row->residual_use;
    desc->epsilon = 1e-3f;
    desc->x.type = desc->y.type = desc->residual.type = desc->dx.type = type;
    desc->roles = BIT(X) | BIT(Y) | row->roles | (none ? 0 : centred ? SAVED : BIT(INV_STD));
    if (row->reduces)
        desc->roles = BIT(X) | BIT(RESULT);
    if (row->reduces && (row->statistic == VKN_STATISTIC_MAX || row->statistic == VKN_STATISTIC_MIN))
        desc->roles |= BIT(INDEX);
    p->has_residual = row->roles & BIT(RESIDUAL);
    problem_fill(p, &(ProblemFill){.seed = 1 + member, .counted_percent = 100});
}

bool family_has_gradient(uint32_t member) {
    return !ROWS[member].reduces && !ROWS[member].forward_only;
}

VknDesc family_forward(Problem *p) {
    VknDesc desc = p->desc;
    bool none = desc.statistic == VKN_STATISTIC_NONE, reduces = desc.operation == VKN_OPERATION_REDUCE;
    desc.operation = none ? VKN_OPERATION_APPLY : desc.operation;
    if (reduces)
        problem_expect_reduce(p);
    else if (none)
        problem_expect_apply(p);
    else
        problem_expect_training(p);
    return desc;
}

VknDesc family_backward(Problem *p) {
    VknDesc desc = p->desc;
    bool none = desc.statistic == VKN_STATISTIC_NONE, before = desc.residual_use == VKN_RESIDUAL_BEFORE;
    uint32_t roles = desc.roles & (BIT(X) | SAVED | BIT(GAMMA) | BIT(BETA) | BIT(SLOPE));
    roles |= BIT(DY) | BIT(DX) | (before ? BIT(DRESIDUAL_SUM) : 0);
    roles |= p->has_residual && !before ? BIT(RESIDUAL) | BIT(DRESIDUAL) : 0;
    roles |= desc.roles & BIT(GAMMA) ? BIT(DGAMMA) : 0;
    roles |= desc.roles & BIT(BETA) ? BIT(DBETA) : 0;
    roles |= desc.roles & BIT(SLOPE) ? BIT(DSLOPE) : 0;
    desc.roles = roles;
    desc.operation = none ? VKN_OPERATION_APPLY_GRADIENT : VKN_OPERATION_TRAIN_GRADIENT;
    problem_expect_gradient(p, !none, false, VKN_ROLE_X);
    return desc;
}
