/* Random problems: every member of the family, in any layout, type and mode. */
#include "problem.h"

#include "tensor.h"

#include <math.h>
#include <string.h>

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)

static bool chance(TestRandom *random, uint32_t percent) {
    return test_random_below(random, 100) < percent;
}

static VknActivation random_activation(TestRandom *random, uint32_t id) {
    VknActivation a = vkn_activation_default((VknActivationId)id);
    if (id == VKN_ACTIVATION_RELU && chance(random, 30))
        a.parameter[2] = 1.5f;
    if (id == VKN_ACTIVATION_RELU && chance(random, 30))
        a.parameter[0] = 0.125f;
    if (id == VKN_ACTIVATION_RELU && chance(random, 20))
        a.parameter[1] = -0.25f;
    if (id == VKN_ACTIVATION_CLIP)
        a = (VknActivation){VKN_ACTIVATION_CLIP, {-0.5f, 0.75f}};
    if (id == VKN_ACTIVATION_LINEAR)
        a = (VknActivation){VKN_ACTIVATION_LINEAR, {-1.5f, 0.25f}};
    if (id == VKN_ACTIVATION_SOFTPLUS && chance(random, 50))
        a = (VknActivation){VKN_ACTIVATION_SOFTPLUS, {2, INFINITY}};
    return a;
}

/* What has poles or no bounds stands before the statistic only, where x keeps to its domain. */
static bool needs_tame_input(uint32_t id) {
    return id == VKN_ACTIVATION_EXP || id == VKN_ACTIVATION_LOG || id == VKN_ACTIVATION_SQUARE ||
           id == VKN_ACTIVATION_SQRT || id == VKN_ACTIVATION_RECIPROCAL || id == VKN_ACTIVATION_POW;
}

static void random_activations(TestRandom *random, VknDesc *desc, uint32_t id) {
    bool tame = needs_tame_input(id);
    uint32_t prologue = tame ? id : test_activation_id(test_random_below(random, TEST_ACTIVATION_COUNT));
    if (!tame)
        desc->activation = random_activation(random, id);
    if (tame || (chance(random, 40) && !needs_tame_input(prologue)))
        desc->prologue = random_activation(random, prologue);
}

bool problem_has_two_slopes(const VknActivation *activation) {
    static const VknActivationId IDS[] = {
        VKN_ACTIVATION_LEAKY_RELU,       VKN_ACTIVATION_CLIP,      VKN_ACTIVATION_SOFT_SHRINK,
        VKN_ACTIVATION_HARD_SHRINK,      VKN_ACTIVATION_SHRINK,    VKN_ACTIVATION_LINEAR,
        VKN_ACTIVATION_THRESHOLDED_RELU, VKN_ACTIVATION_THRESHOLD, VKN_ACTIVATION_SIGN};
    for (size_t i = 0; i < sizeof IDS / sizeof *IDS; i++)
        if (activation->id == IDS[i])
            return true;
    return activation->id == VKN_ACTIVATION_RELU &&
           (isinf(activation->parameter[2]) || activation->parameter[0] == 0);
}

bool problem_y_determines(const VknActivation *activation) {
    static const VknActivationId IDS[] = {
        VKN_ACTIVATION_ELU,         VKN_ACTIVATION_SIGMOID,  VKN_ACTIVATION_TANH,
        VKN_ACTIVATION_SELU,        VKN_ACTIVATION_CELU,     VKN_ACTIVATION_LOG_SIGMOID,
        VKN_ACTIVATION_SOFTPLUS,    VKN_ACTIVATION_SOFTSIGN, VKN_ACTIVATION_SOFT_SHRINK,
        VKN_ACTIVATION_HARD_SHRINK, VKN_ACTIVATION_SHRINK,   VKN_ACTIVATION_THRESHOLDED_RELU,
        VKN_ACTIVATION_THRESHOLD,   VKN_ACTIVATION_LINEAR,   VKN_ACTIVATION_LEAKY_RELU,
        VKN_ACTIVATION_EXP,         VKN_ACTIVATION_SIGN,     VKN_ACTIVATION_SPARSE_PLUS};
    const float *p = activation->parameter;
    for (size_t i = 0; i < sizeof IDS / sizeof *IDS; i++)
        if (activation->id == IDS[i])
            return true;
    return activation->id == VKN_ACTIVATION_RELU && p[0] >= 0 && p[1] == 0 && isinf(p[2]);
}

static void random_layouts(TestRandom *random, VknDesc *desc) {
    desc->x.type = (VknType)test_random_below(random, 3);
    desc->y.type = (VknType)test_random_below(random, 3);
    desc->residual.type = (VknType)test_random_below(random, 3);
    desc->dx.type = (VknType)test_random_below(random, 3);
    if (chance(random, 70)) /* what has a fast path */
        memcpy(desc->residual.stride, desc->y.stride, sizeof desc->y.stride);
    if (chance(random, 30))
        memset(desc->residual.stride, 0, sizeof desc->residual.stride);
    if (chance(random, 20))
        memset(desc->dx.stride, 0, sizeof desc->dx.stride);
    if (chance(random, 40)) { /* one byte per element */
        uint64_t stride = 1;
        for (uint32_t i = desc->rank; i-- > 0; stride *= desc->shape[i])
            desc->mask_stride[i] = stride;
    }
}

#define OF_BATCHES                                                                                           \
    (BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE) | BIT(RUNNING_STD) | BIT(RENORM_MEAN) | BIT(RENORM_STD) |     \
     BIT(RENORM))
#define SAVED (BIT(MEAN) | BIT(INV_STD) | BIT(VARIANCE))

static void set_linear(VknActivation *activation) {
    *activation = (VknActivation){VKN_ACTIVATION_LINEAR, {0.5f, 0.25f}};
}

/* Other statistics, without what only batch norm has. */
static void random_statistic(TestRandom *random, Problem *p) {
    static const float POWERS[] = {1, 1, 2, 3, 1.5f};
    VknDesc *desc = &p->desc;
    uint32_t without = OF_BATCHES;
    desc->statistic = (VknStatistic)(1 + test_random_below(random, 6));
    switch (desc->statistic) {
    case VKN_STATISTIC_SUM_POWER:
    case VKN_STATISTIC_MEAN_SQUARE:
    case VKN_STATISTIC_SUM_SQUARE:
        desc->power = POWERS[test_random_below(random, 5)];
        without |= BIT(MEAN) | BIT(MASK);
        break;
    case VKN_STATISTIC_LOG_SUM_EXP:
        without |= BIT(GAMMA) | BIT(BETA) | BIT(ACTIVATION_MASK);
        desc->activation =
            vkn_activation_default(chance(random, 60) ? VKN_ACTIVATION_EXP : VKN_ACTIVATION_IDENTITY);
        desc->prologue = vkn_activation_default(VKN_ACTIVATION_IDENTITY);
        if (chance(random, 30))
            set_linear(&desc->prologue);
        desc->virtual_batch_size = 0;
        break;
    case VKN_STATISTIC_MAX:
        without |= SAVED | BIT(GAMMA) | BIT(BETA);
        desc->prologue = vkn_activation_default(VKN_ACTIVATION_IDENTITY);
        desc->last_index = chance(random, 40);
        desc->virtual_batch_size = 0;
        break;
    case VKN_STATISTIC_NONE:
        without |= SAVED | BIT(MASK);
        desc->virtual_batch_size = 0;
        break;
    case VKN_STATISTIC_VARIANCE:
    case VKN_STATISTIC_MIN:
    case VKN_STATISTIC_SUM:
    case VKN_STATISTIC_MEAN:
    case VKN_STATISTIC_PRODUCT:
        break;
    }
    desc->roles &= ~without;
}

/* Layer norm and its like: parameters along other axes; in wide problems along the rows; in those of cells as
 * of group norm, instance norm, or neither. */
static void random_parameter_axes(TestRandom *random, Problem *p, ProblemShape shape) {
    static const uint64_t OF_CELLS[] = {6, 6, 6, 2, 4};
    VknDesc *desc = &p->desc;
    uint64_t chosen = shape == PROBLEM_WIDE    ? 1u << (desc->rank - 1)
                      : shape == PROBLEM_CELLS ? OF_CELLS[test_random_below(random, 5)]
                                               : test_random_next(random);
    for (uint32_t axis = 0; axis < desc->rank; axis++)
        if (chosen >> axis & 1)
            desc->parameter_axes[desc->parameter_axis_count++] =
                (int32_t)axis - (chance(random, 30) ? (int32_t)desc->rank : 0);
    if (!desc->parameter_axis_count)
        return;
    desc->roles &= ~(OF_BATCHES | BIT(MASK));
    desc->channels = desc->virtual_batch_size = 0;
}

/* What the residual is for; or in its place, PReLU. */
static void random_residual(TestRandom *random, Problem *p) {
    VknDesc *desc = &p->desc;
    if (p->has_residual && chance(random, 60)) {
        desc->residual_use = chance(random, 50) ? VKN_RESIDUAL_BEFORE : VKN_RESIDUAL_FACTOR;
        desc->roles &= ~BIT(ACTIVATION_MASK);
        if (desc->residual_use == VKN_RESIDUAL_BEFORE && chance(random, 60))
            desc->roles |= BIT(RESIDUAL_SUM);
    }
    bool free = !p->has_residual && !desc->virtual_batch_size &&
                desc->statistic != VKN_STATISTIC_LOG_SUM_EXP && desc->statistic != VKN_STATISTIC_MAX;
    if (free && chance(random, 25)) {
        desc->activation = vkn_activation_default(VKN_ACTIVATION_PRELU);
        desc->roles |= BIT(SLOPE);
        desc->roles &= ~BIT(ACTIVATION_MASK);
    }
}

static void random_roles(TestRandom *random, Problem *p) {
    VknDesc *desc = &p->desc;
    desc->roles = BIT(X) | BIT(Y) | BIT(MEAN) | (chance(random, 50) ? BIT(INV_STD) : BIT(VARIANCE));
    desc->roles |= chance(random, 80) ? BIT(GAMMA) : 0;
    desc->roles |= chance(random, 80) ? BIT(BETA) : 0;
    desc->roles |= chance(random, 50) ? BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE) : 0;
    desc->roles |= chance(random, 25) ? BIT(MASK) : 0;
    p->has_residual = chance(random, 40);
    desc->roles |= p->has_residual ? BIT(RESIDUAL) : 0;
    if (!desc->virtual_batch_size && chance(random, 25)) {
        desc->roles |= BIT(RENORM_MEAN) | BIT(RENORM_STD) | BIT(RENORM);
        desc->roles |= desc->roles & BIT(RUNNING_MEAN) ? BIT(RUNNING_STD) : 0;
        desc->momentum_convention = (VknMomentum)test_random_below(random, 2);
        desc->renorm_r_min = chance(random, 50) ? 0.5f : 0;
        desc->renorm_r_max = chance(random, 50) ? 1.25f : INFINITY;
        desc->renorm_d_max = chance(random, 50) ? 0.5f : INFINITY;
    }
    desc->roles |= problem_has_two_slopes(&desc->activation) && chance(random, 60) ? BIT(ACTIVATION_MASK) : 0;
}

/* Dense tensors and rows of quads, mostly so many that a software renderer takes four at a time: layer norm,
 * in places batch norm, or columns. */
static void widen(TestRandom *random, VknDesc *desc) {
    static const uint64_t ROWS[] = {3, 256, 257, 260}, QUADS[] = {1, 2, 2, 2};
    static const int32_t KEPT[][2] = {{0, 1}, {0, 1}, {0, 1}, {0, 1}, {1, 1}, {2, 2}};
    const int32_t *kept = KEPT[test_random_below(random, 6)];
    memset(desc->shape, 0, sizeof desc->shape);
    desc->rank = 3;
    desc->shape[0] = 4;
    desc->shape[1] = ROWS[test_random_below(random, 4)];
    desc->shape[2] = 4 * QUADS[test_random_below(random, 4)];
    memcpy(desc->kept_axes, kept, 2 * sizeof *kept);
    desc->kept_axis_count = kept[0] == kept[1] ? 1 : 2;
    desc->x = desc->y = desc->residual = desc->dx = (VknTensor){0};
    desc->virtual_batch_size = desc->channels = 0;
    desc->packed_axis = 0;
}

/* Samples, groups, channels of each, and elements of those, which are slowest or fastest. */
static void make_cells(TestRandom *random, VknDesc *desc) {
    bool channels_last = chance(random, 50);
    widen(random, desc);
    desc->rank = 4;
    for (uint32_t i = 0; i < 3; i++)
        desc->shape[i] = 1 + test_random_below(random, i < 2 ? 3 : 5);
    desc->shape[3] = 16 + test_random_below(random, 25);
    desc->kept_axes[0] = 0;
    desc->kept_axes[1] = 1;
    desc->kept_axis_count = 2;
    if (channels_last) {
        uint64_t channels = desc->shape[1] * desc->shape[2];
        desc->x.stride[0] = channels * desc->shape[3];
        desc->x.stride[1] = desc->shape[2];
        desc->x.stride[2] = 1;
        desc->x.stride[3] = channels;
    }
    if (chance(random, 80)) /* else it lies the other way */
        desc->y = desc->x;
    desc->residual = desc->y;
    desc->dx = desc->x;
}

void problem_random_desc(Problem *p, TestRandom *random, uint64_t most, ProblemShape shape,
                         uint32_t activation) {
    do {
        p->desc = test_random_desc(random, most);
    } while (p->desc.operation != VKN_OPERATION_TRAIN);
    VknDesc *desc = &p->desc;
    if (shape == PROBLEM_WIDE)
        widen(random, desc);
    if (shape == PROBLEM_CELLS)
        make_cells(random, desc);
    desc->count_epsilon = chance(random, 70) ? 1e-7f : 0;
    desc->renorm_momentum = 0.75f;
    desc->epsilon = chance(random, 50) ? 1e-3f : 1e-5f;
    desc->activation = desc->prologue = vkn_activation_default(VKN_ACTIVATION_IDENTITY);
    desc->accumulate = chance(random, 30);
    desc->dispatch_bytes = chance(random, 15) ? (uint64_t)256 << test_random_below(random, 6) : 0;
    desc->moment_parts = 1 + (uint32_t)test_random_below(random, 3);
    random_layouts(random, desc);
    random_activations(random, desc, activation);
    random_roles(random, p);
    if (chance(random, shape == PROBLEM_ANY ? 60 : 30))
        random_statistic(random, p);
    if (chance(random, shape == PROBLEM_ANY ? 40 : 90))
        random_parameter_axes(random, p, shape);
    random_residual(random, p);
}

void problem_random(Problem *p, TestRandom *random, uint64_t most, ProblemShape shape, uint32_t activation) {
    uint64_t seed = test_random_next(random);
    memset(p, 0, sizeof *p);
    problem_random_desc(p, random, most, shape, activation);
    p->batch_number = 3;
    const VknDesc *desc = &p->desc;
    bool holes = desc->statistic == VKN_STATISTIC_LOG_SUM_EXP && desc->residual_use != VKN_RESIDUAL_BEFORE &&
                 chance(random, 50);
    ProblemFill fill = {.seed = seed,
                        .counted_percent = (uint32_t[]){0, 50, 90, 100}[test_random_below(random, 4)],
                        .holes = holes,
                        .positive = needs_tame_input(desc->prologue.id)};
    problem_fill(p, &fill);
}
