#include "table.h"

/* -------------------------------------------------------------------------------------- operations */

static void batch_norm(Request *r) {
    vkn_desc_batch_norm(&r->desc, r->operation, r->rank, r->shape, r->axis_count, r->axes);
}

static void layer_norm(Request *r) {
    vkn_desc_layer_norm(&r->desc, r->operation, r->rank, r->shape, r->axis_count, r->axes);
}

static void rms_norm(Request *r) {
    vkn_desc_rms_norm(&r->desc, r->operation, r->rank, r->shape, r->axis_count, r->axes);
}

static void group_norm(Request *r) {
    vkn_desc_group_norm(&r->desc, r->operation, r->rank, r->shape, r->channel_axis, r->groups);
}

/* The attributes power, statistic and activation replace what stands here. */
static void lp_norm(Request *r) {
    vkn_desc_lp_norm(&r->desc, r->operation, r->rank, r->shape, r->axis_count, r->axes, 2);
}

static void softmax(Request *r) {
    vkn_desc_softmax(&r->desc, r->operation, r->rank, r->shape, r->axis_count, r->axes);
}

static void log_softmax(Request *r) {
    vkn_desc_log_softmax(&r->desc, r->operation, r->rank, r->shape, r->axis_count, r->axes);
}

static void activation(Request *r) {
    vkn_desc_activation(&r->desc, r->operation, r->rank, r->shape, (VknActivation){0});
}

static void reduce(Request *r) {
    vkn_desc_reduce(&r->desc, VKN_STATISTIC_SUM, r->rank, r->shape, r->axis_count, r->axes);
}

#define GROUPS "channel_axis groups"

const Operation operations[] = {
    {"batch_norm", batch_norm, VKN_OPERATION_TRAIN, "axes", GROUPS, "shape=32,64,56,56 axes=1",
     "statistics, gamma and beta for each index of the axes"},
    {"layer_norm", layer_norm, VKN_OPERATION_TRAIN, "axes", GROUPS, "shape=4096,1024 axes=-1",
     "normalized over the axes, which gamma and beta have; epsilon 1e-5"},
    {"rms_norm", rms_norm, VKN_OPERATION_TRAIN, "axes", GROUPS, "shape=4096,1024 axes=-1",
     "the same by the mean of squares, without mean and beta; epsilon 1e-6"},
    {"group_norm", group_norm, VKN_OPERATION_TRAIN, GROUPS, "axes",
     "shape=32,64,56,56 channel_axis=1 groups=8",
     "groups of neighbouring channels of each sample; epsilon 1e-5"},
    {"lp_norm", lp_norm, VKN_OPERATION_TRAIN, "axes power", GROUPS, "shape=4096,1024 axes=-1 power=2",
     "u / max(sum of |u|^power over the axes, epsilon)^(1 / power); epsilon 1e-12"},
    {"softmax", softmax, VKN_OPERATION_TRAIN, "axes", GROUPS, "shape=4096,1024 axes=-1",
     "over all axes together; its gradient reads dy and y"},
    {"log_softmax", log_softmax, VKN_OPERATION_TRAIN, "axes", GROUPS, "shape=4096,1024 axes=-1", "likewise"},
    {"activation", activation, VKN_OPERATION_APPLY, "activation", GROUPS " axes",
     "shape=32,64,56,56 activation=gelu", "an activation alone; operation is apply or apply_gradient"},
    {"reduce", reduce, VKN_OPERATION_REDUCE, "axes statistic", GROUPS " operation",
     "shape=4096,1024 axes=-1 statistic=sum", "the statistic over the axes"},
};

const size_t operation_count = sizeof operations / sizeof *operations;

/* ------------------------------------------------------------------------------------------- roles */

#define TENSOR(name, use, tensor, says)                                                                      \
    { name, use, PER_ELEMENT, "", 0, offsetof(VknDesc, tensor), says }
#define STATISTIC(name, use, says)                                                                           \
    { name, use, PER_STATISTIC, "f4", 0, 0, says }
#define PARAMETER(name, use, says)                                                                           \
    { name, use, PER_PARAMETER, "f4", 0, 0, says }
#define CHANNEL(name, use, says)                                                                             \
    { name, use, PER_CHANNEL, "f4", 0, 0, says }

const Role roles[VKN_ROLE_COUNT] = {
    [VKN_ROLE_X] = TENSOR("x", "iii-iiii", x, "the input"),
    [VKN_ROLE_Y] = TENSOR("y", "oo--iii-", y, "the output"),
    [VKN_ROLE_GAMMA] = PARAMETER("gamma", "ii--iii-", "scale; absent: 1"),
    [VKN_ROLE_BETA] = PARAMETER("beta", "ii--iii-", "offset; absent: 0"),
    [VKN_ROLE_MEAN] = STATISTIC("mean", "oiooiii-", "mean"),
    [VKN_ROLE_INV_STD] = STATISTIC("inv_std", "oiooiii-", "1 / sqrt(variance + epsilon)"),
    [VKN_ROLE_VARIANCE] = STATISTIC("variance", "oiooiii-", "biased variance"),
    [VKN_ROLE_RUNNING_MEAN] = CHANNEL("running_mean", "u-uu----", "moving mean"),
    [VKN_ROLE_RUNNING_VARIANCE] = CHANNEL("running_variance", "u-uu----", "moving variance"),
    [VKN_ROLE_MOMENTS] = {"moments", "i-oi----", PER_STATISTIC, "f4", 4, 0,
                          "count, mean, mean_low, m2; read: [moment_parts] of them"},
    [VKN_ROLE_WORKSPACE] = {"workspace", "--------", PER_BYTE, "u1", 0, 0, "the tool's own business"},
    [VKN_ROLE_RESIDUAL] = TENSOR("residual", "iii-iiii", residual, "residual_use"),
    [VKN_ROLE_DY] = TENSOR("dy", "----iii-", y, "gradient by y"),
    [VKN_ROLE_DX] = TENSOR("dx", "----oo--", dx, "gradient by x"),
    [VKN_ROLE_DGAMMA] = PARAMETER("dgamma", "----ooo-", "gradient by gamma; accumulate"),
    [VKN_ROLE_DBETA] = PARAMETER("dbeta", "----ooo-", "gradient by beta; accumulate"),
    [VKN_ROLE_DRESIDUAL] = TENSOR("dresidual", "----oo--", residual, "gradient by the residual"),
    [VKN_ROLE_MASK] = {"mask", "i-i-i-ii", PER_MASKED, "u1", 0, 0,
                       "0: not counted; one axis less than x, unless mask_stride is set"},
    [VKN_ROLE_ACTIVATION_MASK] = {"activation_mask", "oo--iii-", PER_BYTE, "u1", 0, 0,
                                  "one bit per element, for the gradient"},
    [VKN_ROLE_RENORM_MEAN] = CHANNEL("renorm_mean", "u-------", "of batch renormalization"),
    [VKN_ROLE_RENORM_STD] = CHANNEL("renorm_std", "u-------", "likewise"),
    [VKN_ROLE_RUNNING_STD] = CHANNEL("running_std", "u-------", "likewise, moving deviation"),
    [VKN_ROLE_RENORM] = {"renorm", "o---i-i-", PER_CHANNEL, "f4", 2, 0, "r and d, for the gradient"},
    [VKN_ROLE_SUMS] = {"sums", "----i-o-", PER_STATISTIC, "f4", 4, 0,
                       "count, dz, dz_xhat, 0; read: [moment_parts] of them"},
    [VKN_ROLE_SLOPE] = PARAMETER("slope", "ii--ii--", "of the activation prelu"),
    [VKN_ROLE_DSLOPE] = PARAMETER("dslope", "----oo--", "gradient by the slope"),
    [VKN_ROLE_RESIDUAL_SUM] = TENSOR("residual_sum", "oo------", dx, "x + residual"),
    [VKN_ROLE_DRESIDUAL_SUM] = TENSOR("dresidual_sum", "----ii--", dx, "gradient by residual_sum"),
    [VKN_ROLE_RESULT] = {"result", "-------o", PER_STATISTIC, "", 0, offsetof(VknDesc, y), "of reduce"},
    [VKN_ROLE_INDEX] = {"index", "-------o", PER_STATISTIC, "u4", 0, 0, "where the maximum or minimum is"},
};

char role_use(const Role *role, VknOperation pass) {
    return role->use[pass - VKN_OPERATION_TRAIN];
}

/* -------------------------------------------------------------------------------------- attributes */

const char *const pass_names[] = {
    "train",  "apply", "statistics", "finish", "train_gradient", "apply_gradient", "gradient_statistics",
    "reduce", NULL};
static const char *const TYPES[] = {"f32", "f16", "bf16", NULL};
static const char *const STATISTICS[] = {"variance",    "mean_square", "sum_square", "sum_power",
                                         "log_sum_exp", "max",         "none",       "min",
                                         "sum",         "mean",        "product",    NULL};
static const char *const USES[] = {"after", "before", "factor", NULL};
static const char *const CONVENTIONS[] = {"old", "new", "cumulative", NULL};
static const char *const VARIANCES[] = {"biased", "unbiased", NULL};

#define ARGUMENT(kind, field, says)                                                                          \
    { #field, kind, offsetof(Request, field), 0, NULL, 0, says }
#define FIELD(kind, field, says)                                                                             \
    { #field, kind, offsetof(Request, desc.field), 0, NULL, 0, says }
#define WORDS(field, words, says)                                                                            \
    { #field, KIND_ENUM, offsetof(Request, desc.field), 0, words, 0, says }
#define LIST(kind, field, count, says)                                                                       \
    { #field, kind, offsetof(Request, desc.field), offsetof(Request, desc.count), NULL, 0, says }

const Attribute attributes[] = {
    {"operation", KIND_ENUM, offsetof(Request, operation), 0, pass_names, VKN_OPERATION_TRAIN,
     "the direction; default: train, of activation apply"},
    {"shape", KIND_U64_LIST, offsetof(Request, shape), offsetof(Request, rank), NULL, 0,
     "default: that of the file of x, dy or y"},
    {"axes", KIND_I32_LIST, offsetof(Request, axes), offsetof(Request, axis_count), NULL, 0,
     "negative ones count from the end"},
    ARGUMENT(KIND_I32, channel_axis, "of group_norm"),
    ARGUMENT(KIND_U64, groups, "of group_norm; must divide the channels"),
    WORDS(statistic, STATISTICS, "what is normalized with, or reduced to"),
    FIELD(KIND_FLOAT, power, "of sum_power"),
    FIELD(KIND_BOOL, last_index, "of equals the last one counts"),
    LIST(KIND_I32_LIST, kept_axes, kept_axis_count, "replaces the constructor's"),
    LIST(KIND_I32_LIST, parameter_axes, parameter_axis_count, "likewise: the axes of gamma, beta and slope"),
    WORDS(x.type, TYPES, "default: that of the file. bf16 lies in files as uint16"),
    FIELD(KIND_U64_LIST, x.stride, "elements; x is then a file of all elements of the buffer, in any shape"),
    WORDS(y.type, TYPES, "of y, dy and result; default: that of the file read, or of x"),
    FIELD(KIND_U64_LIST, y.stride, "likewise"),
    WORDS(residual.type, TYPES, "of residual and dresidual; default: likewise"),
    FIELD(KIND_U64_LIST, residual.stride, "likewise"),
    WORDS(dx.type, TYPES, "of dx, residual_sum and dresidual_sum; default: likewise"),
    FIELD(KIND_U64_LIST, dx.stride, "likewise"),
    WORDS(residual_use, USES, "act(... + residual), prologue(x + residual), act(...) * residual"),
    FIELD(KIND_U64_LIST, mask_stride, "bytes"),
    FIELD(KIND_FLOAT, count_epsilon, "added to the number of elements; default 1e-7, finish 0"),
    FIELD(KIND_U64, virtual_batch_size, "samples per virtual batch; 0: none"),
    FIELD(KIND_U64, channels, "of a packed tensor such as NC4HW4; 0: it is not packed"),
    FIELD(KIND_I32, packed_axis, "with channels: the axis of packs"),
    FIELD(KIND_FLOAT, renorm_momentum, "of batch renormalization; default 0.99"),
    FIELD(KIND_FLOAT, renorm_r_min, "default 0"),
    FIELD(KIND_FLOAT, renorm_r_max, "default inf"),
    FIELD(KIND_FLOAT, renorm_d_max, "default inf"),
    FIELD(KIND_FLOAT, epsilon, "default: see the operation; batch_norm 1e-3"),
    WORDS(momentum_convention, CONVENTIONS, "weight of the old value, of the new one, or the average so far"),
    FIELD(KIND_FLOAT, momentum, "default 0.99"),
    WORDS(running_variance, VARIANCES, "what moves into running_variance, and reduce returns"),
    FIELD(KIND_ACTIVATION, activation, "after it all; its parameters are activation.NAME"),
    FIELD(KIND_ACTIVATION, prologue, "of x, before the statistic; its parameters are prologue.NAME"),
    FIELD(KIND_BOOL, accumulate, "add to dgamma and dbeta, which are then read too"),
    FIELD(KIND_U32, moment_parts, "parts of moments or sums to merge; default 1"),
    FIELD(KIND_BOOL, reproducible, "the same bits on every device"),
    FIELD(KIND_U64, dispatch_bytes, "about how many bytes a dispatch may move; 0: any"),
    FIELD(KIND_STRATEGY, strategy, "auto, or a name below"),
    {"batch_number", KIND_U64, offsetof(Request, record.batch_number), 0, NULL, 0,
     "momentum_convention=cumulative: batches so far, from 1 on"},
};

const size_t attribute_count = sizeof attributes / sizeof *attributes;

#define VKN_INFINITY 0
#define VKN_ACTIVATION(id, number, name, count, p0, d0, p1, d1, p2, d2, f, df, inverts, dy, halves, closed)  \
    [VKN_ACTIVATION_##id] = {#name, count, {#p0, #p1, #p2}},
const ActivationRow activation_rows[] = {
#include "activation.def"
};
#undef VKN_ACTIVATION

const size_t activation_count = sizeof activation_rows / sizeof *activation_rows;
