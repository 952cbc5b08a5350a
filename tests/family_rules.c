/* What the members of the family refuse, and in which words; and what they take. */
#include <vknorm/vknorm.h>

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)

static const VknCaps CAPS = {.max_invocations = 256,
                             .max_group_count = 65535,
                             .max_shared_bytes = 32768,
                             .max_storage_range = 1u << 27,
                             .max_storage_buffers = 8,
                             .storage_offset_alignment = 64,
                             .max_subgroup_size = 32,
                             .subgroup_arithmetic = true};
static const uint64_t SHAPE[] = {2, 6, 5, 4};
static char message[1024];

static void log_write(void *user, VknLogLevel level, const char *text) {
    (void)user, (void)level;
    snprintf(message, sizeof message, "%s", text);
}

/* The descriptions that rows change. */
static VknDesc layer_norm(VknOperation operation) {
    VknDesc d;
    vkn_desc_layer_norm(&d, operation, 4, SHAPE, 1, (int32_t[]){-1});
    return d;
}

static VknDesc softmax(VknOperation operation) {
    VknDesc d;
    vkn_desc_softmax(&d, operation, 4, SHAPE, 1, (int32_t[]){1});
    return d;
}

static VknDesc lp_norm(VknOperation operation) {
    VknDesc d;
    vkn_desc_lp_norm(&d, operation, 4, SHAPE, 1, (int32_t[]){1}, 3);
    return d;
}

static VknDesc reduce(VknStatistic statistic) {
    VknDesc d;
    vkn_desc_reduce(&d, statistic, 4, SHAPE, 1, (int32_t[]){1});
    return d;
}

static VknDesc activation(VknOperation operation) {
    VknDesc d;
    vkn_desc_activation(&d, operation, 4, SHAPE, vkn_activation_default(VKN_ACTIVATION_SILU));
    return d;
}

static VknDesc prelu(VknOperation operation) {
    VknDesc d;
    vkn_desc_activation(&d, operation, 4, SHAPE, vkn_activation_default(VKN_ACTIVATION_PRELU));
    d.kept_axis_count = 1;
    d.kept_axes[0] = 1;
    return d;
}

static VknDesc group_norm(VknOperation operation, uint64_t groups) {
    VknDesc d;
    vkn_desc_group_norm(&d, operation, 4, SHAPE, 1, groups);
    return d;
}

static VknDesc with_residual(VknDesc d, VknResidualUse use, uint32_t roles) {
    d.residual_use = use;
    d.roles |= roles;
    return d;
}

#define TRAIN          VKN_OPERATION_TRAIN
#define TRAIN_GRADIENT VKN_OPERATION_TRAIN_GRADIENT
#define APPLY_GRADIENT VKN_OPERATION_APPLY_GRADIENT

/* Each row: a description, what is done to it, and words of the refusal. */
#define BROKEN(F)                                                                                            \
    F(statistic_11, layer_norm(TRAIN), d.statistic = (VknStatistic)11, "VknStatistic", "0 to 10", "11")      \
    F(statistic_negative, layer_norm(TRAIN), d.statistic = (VknStatistic)-1, "VknStatistic", "0 to 10",      \
      "-1")                                                                                                  \
    F(train_sum, layer_norm(TRAIN), d.statistic = VKN_STATISTIC_SUM, "TRAIN", "SUM", "no")                   \
    F(train_none, layer_norm(TRAIN), d.statistic = VKN_STATISTIC_NONE, "TRAIN", "NONE", "no")                \
    F(hardmax_gradient, layer_norm(TRAIN_GRADIENT), d.statistic = VKN_STATISTIC_MAX, "TRAIN_GRADIENT",       \
      "MAX", "no")                                                                                           \
    F(reduce_none, reduce(VKN_STATISTIC_NONE), (void)d, "REDUCE", "NONE", "no")                              \
    F(rms_mean, layer_norm(TRAIN), (d.statistic = VKN_STATISTIC_MEAN_SQUARE, d.roles |= BIT(MEAN)), "MEAN",  \
      "MEAN_SQUARE", "no")                                                                                   \
    F(softmax_gamma, softmax(TRAIN), d.roles |= BIT(GAMMA), "GAMMA", "LOG_SUM_EXP", "no")                    \
    F(softmax_moments, softmax(TRAIN), d.roles |= BIT(MOMENTS), "MOMENTS", "LOG_SUM_EXP", "no")              \
    F(softmax_from_y_of_silu, softmax(TRAIN_GRADIENT),                                                       \
      d.activation = vkn_activation_default(VKN_ACTIVATION_SILU), "without X", "silu", "exp")                \
    F(softmax_from_y_after_silu, softmax(TRAIN_GRADIENT),                                                    \
      d.prologue = vkn_activation_default(VKN_ACTIVATION_SILU), "without X", "silu", "linear")               \
    F(softmax_from_nothing, softmax(TRAIN_GRADIENT), d.roles &= ~BIT(Y), "needs Y", "0x", "missing")         \
    F(groups_not_divisor, group_norm(TRAIN, 7), (void)d, "groups", "divide the channels", "= 7")             \
    F(groups_none, group_norm(TRAIN, 0), (void)d, "groups", "divide the channels", "= 0")                    \
    F(power_below_1, lp_norm(TRAIN), d.power = 0.5f, "power", "at least 1", "0.5")                           \
    F(power_infinite, lp_norm(TRAIN), d.power = INFINITY, "power", "finite", "inf")                          \
    F(power_nan, lp_norm(TRAIN), d.power = NAN, "power", "finite", "nan")                                    \
    F(index_of_sum, reduce(VKN_STATISTIC_SUM), d.roles |= BIT(INDEX), "INDEX", "SUM", "no")                  \
    F(reduce_to_y, reduce(VKN_STATISTIC_SUM), d.roles |= BIT(Y), "Y", "REDUCE", "no")                        \
    F(reduce_to_nothing, reduce(VKN_STATISTIC_MAX), d.roles = BIT(X), "REDUCE", "no output", "0x1")          \
    F(result_type, reduce(VKN_STATISTIC_SUM), d.y.type = (VknType)3, "y.type", "VknType", "3")               \
    F(variance_kind, reduce(VKN_STATISTIC_VARIANCE), d.running_variance = (VknRunningVariance)2,             \
      "running_variance", "0 or 1", "2")                                                                     \
    F(residual_use_3, with_residual(layer_norm(TRAIN), (VknResidualUse)3, BIT(RESIDUAL)), (void)d,           \
      "residual_use", "0 to 2", "3")                                                                         \
    F(sum_after, with_residual(layer_norm(TRAIN), VKN_RESIDUAL_AFTER, BIT(RESIDUAL) | BIT(RESIDUAL_SUM)),    \
      (void)d, "RESIDUAL_SUM", "VKN_RESIDUAL_AFTER", "no")                                                   \
    F(sum_of_nothing, with_residual(layer_norm(TRAIN), VKN_RESIDUAL_BEFORE, BIT(RESIDUAL_SUM)), (void)d,     \
      "RESIDUAL_SUM", "needs RESIDUAL", "0x")                                                                \
    F(sum_and_mask,                                                                                          \
      with_residual(layer_norm(TRAIN), VKN_RESIDUAL_BEFORE,                                                  \
                    BIT(RESIDUAL) | BIT(RESIDUAL_SUM) | BIT(ACTIVATION_MASK)),                               \
      d.activation = vkn_activation_default(VKN_ACTIVATION_RELU), "RESIDUAL_SUM", "ACTIVATION_MASK",         \
      "exclude")                                                                                             \
    F(dresidual_before, with_residual(layer_norm(TRAIN_GRADIENT), VKN_RESIDUAL_BEFORE, BIT(DRESIDUAL)),      \
      (void)d, "DRESIDUAL", "VKN_RESIDUAL_BEFORE", "no")                                                     \
    F(dsum_without_dx, with_residual(layer_norm(TRAIN_GRADIENT), VKN_RESIDUAL_BEFORE, BIT(DRESIDUAL_SUM)),   \
      d.roles &= ~BIT(DX), "DRESIDUAL_SUM", "needs DX", "0x")                                                \
    F(factor_without_residual,                                                                               \
      with_residual(activation(APPLY_GRADIENT), VKN_RESIDUAL_FACTOR, BIT(DRESIDUAL)), (void)d, "FACTOR",     \
      "needs RESIDUAL", "0x")                                                                                \
    F(factor_from_y, with_residual(activation(APPLY_GRADIENT), VKN_RESIDUAL_FACTOR, BIT(RESIDUAL) | BIT(Y)), \
      d.activation = vkn_activation_default(VKN_ACTIVATION_RELU), "FACTOR", "no Y", "0x")                    \
    F(slope_of_silu, activation(VKN_OPERATION_APPLY), d.roles |= BIT(SLOPE), "SLOPE", "prelu", "0x")         \
    F(prelu_without_slope, prelu(VKN_OPERATION_APPLY), d.roles &= ~BIT(SLOPE), "prelu", "needs SLOPE", "0x") \
    F(prelu_with_residual, with_residual(prelu(VKN_OPERATION_APPLY), VKN_RESIDUAL_AFTER, BIT(RESIDUAL)),     \
      (void)d, "prelu", "residuals", "0x")                                                                   \
    F(prelu_first, layer_norm(TRAIN), d.prologue = vkn_activation_default(VKN_ACTIVATION_PRELU), "prologue", \
      "prelu", "activation only")                                                                            \
    F(parameters_more_than_rank, layer_norm(TRAIN), d.parameter_axis_count = 5, "parameter_axes", "4", "5")  \
    F(parameters_twice, layer_norm(TRAIN), (d.parameter_axis_count = 2, d.parameter_axes[1] = 3),            \
      "parameter_axes", "axis 3", "twice")                                                                   \
    F(parameters_past_end, layer_norm(TRAIN), d.parameter_axes[0] = 4, "parameter_axes[0]", "-4 to 3", "4")  \
    F(parameters_and_mask, layer_norm(TRAIN), d.roles |= BIT(MASK), "parameter_axes", "MASK", "0x")          \
    F(parameters_and_packs, layer_norm(TRAIN),                                                               \
      (d.kept_axis_count = 2, d.kept_axes[0] = 1, d.kept_axes[1] = 3, d.packed_axis = 1, d.channels = 24),   \
      "parameter_axes", "packed", "24")

#define ALLOWED(F)                                                                                           \
    F(layer_norm_all_axes, layer_norm(TRAIN),                                                                \
      vkn_desc_layer_norm(&d, TRAIN, 4, SHAPE, 4, (int32_t[]){0, 1, -2, -1}))                                \
    F(softmax_all_axes, softmax(TRAIN), vkn_desc_softmax(&d, TRAIN, 2, SHAPE, 2, (int32_t[]){0, 1}))         \
    F(softmax_from_x, softmax(TRAIN_GRADIENT),                                                               \
      d.roles = BIT(X) | BIT(DY) | BIT(DX) | BIT(MEAN) | BIT(INV_STD))                                       \
    F(softmax_mask, softmax(TRAIN), d.roles |= BIT(MASK))                                                    \
    F(softmax_scaled, softmax(TRAIN), d.prologue = vkn_activation_default(VKN_ACTIVATION_LINEAR))            \
    F(hardmax, softmax(TRAIN),                                                                               \
      (d.statistic = VKN_STATISTIC_MAX, d.activation = vkn_activation_default(VKN_ACTIVATION_IDENTITY)))     \
    F(power_2, lp_norm(TRAIN_GRADIENT), d.power = 2)                                                         \
    F(power_large, lp_norm(TRAIN), d.power = FLT_MAX)                                                        \
    F(reduce_with_mask, reduce(VKN_STATISTIC_MAX), d.roles |= BIT(MASK) | BIT(INDEX))                        \
    F(index_alone, reduce(VKN_STATISTIC_MIN), d.roles = BIT(X) | BIT(INDEX))                                 \
    F(reduce_all_axes, reduce(VKN_STATISTIC_SUM),                                                            \
      vkn_desc_reduce(&d, VKN_STATISTIC_SUM, 7, (uint64_t[]){1, 2, 1, 2, 1, 2, 3}, 7,                        \
                      (int32_t[]){0, 1, 2, 3, 4, 5, 6}))                                                     \
    F(reduce_no_axis, reduce(VKN_STATISTIC_SUM), vkn_desc_reduce(&d, VKN_STATISTIC_SUM, 4, SHAPE, 0, NULL))  \
    F(residual_use_without_residual, layer_norm(TRAIN), d.residual_use = VKN_RESIDUAL_FACTOR)                \
    F(factor,                                                                                                \
      with_residual(activation(APPLY_GRADIENT), VKN_RESIDUAL_FACTOR, BIT(RESIDUAL) | BIT(DRESIDUAL)),        \
      (void)d)                                                                                               \
    F(slope_alone, prelu(APPLY_GRADIENT), d.roles &= ~BIT(DX))                                               \
    F(slope_of_each_element, prelu(APPLY_GRADIENT),                                                          \
      (d.kept_axis_count = 3, d.kept_axes[1] = 2, d.kept_axes[2] = 3))                                       \
    F(norm_and_prelu, layer_norm(TRAIN),                                                                     \
      (d.activation = vkn_activation_default(VKN_ACTIVATION_PRELU), d.roles |= BIT(SLOPE)))

#define DEFINE(name, start, change, ...)                                                                     \
    static VknDesc broken_##name(void) {                                                                     \
        VknDesc d = start;                                                                                   \
        change;                                                                                              \
        return d;                                                                                            \
    }
BROKEN(DEFINE)
#undef DEFINE
#define DEFINE(name, start, change)                                                                          \
    static VknDesc allowed_##name(void) {                                                                    \
        VknDesc d = start;                                                                                   \
        change;                                                                                              \
        return d;                                                                                            \
    }
ALLOWED(DEFINE)
#undef DEFINE

static VknResult query(const VknDesc *desc) {
    VknPlanInfo info;
    message[0] = 0;
    return vkn_plan_query(&CAPS, desc, (VknLog){log_write, NULL}, &info);
}

static void test_broken(void **state) {
    static const struct {
        const char *name;
        VknDesc (*make)(void);
        const char *words[3];
    } ROWS[] = {
#define ROW(name, start, change, ...) {#name, broken_##name, {__VA_ARGS__}},
        BROKEN(ROW)
#undef ROW
    };
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        VknDesc desc = ROWS[i].make();
        if (query(&desc) != VKN_ERROR_INVALID_ARGUMENT)
            fail_msg("%s is not refused", ROWS[i].name);
        for (uint32_t word = 0; word < 3; word++)
            if (!strstr(message, ROWS[i].words[word]))
                fail_msg("%s: the message should say \"%s\", it says \"%s\"", ROWS[i].name,
                         ROWS[i].words[word], message);
    }
}

static void test_allowed(void **state) {
    static const struct {
        const char *name;
        VknDesc (*make)(void);
    } ROWS[] = {
#define ROW(name, start, change) {#name, allowed_##name},
        ALLOWED(ROW)
#undef ROW
    };
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        VknDesc desc = ROWS[i].make();
        if (query(&desc) != VKN_SUCCESS)
            fail_msg("%s is refused: %s", ROWS[i].name, message);
    }
}

/* Sizes that follow from the shape, and what none is needed for. */
static void test_sizes(void **state) {
    VknPlanInfo info;
    VknDesc desc = reduce(VKN_STATISTIC_MAX);
    (void)state;
    desc.roles |= BIT(INDEX);
    desc.y.type = VKN_TYPE_F16;
    assert_int_equal(vkn_plan_query(&CAPS, &desc, (VknLog){0}, &info), VKN_SUCCESS);
    assert_int_equal(info.size[VKN_ROLE_RESULT], 2 * 5 * 4 * 2);
    assert_int_equal(info.size[VKN_ROLE_INDEX], 2 * 5 * 4 * 4);
    desc.shape[1] = (uint64_t)UINT32_MAX;
    assert_int_equal(vkn_plan_query(&CAPS, &desc, (VknLog){log_write, NULL}, &info), VKN_ERROR_UNSUPPORTED);
    assert_non_null(strstr(message, "INDEX"));
    desc = softmax(TRAIN_GRADIENT);
    assert_int_equal(vkn_plan_query(&CAPS, &desc, (VknLog){0}, &info), VKN_SUCCESS);
    assert_int_equal(info.size[VKN_ROLE_X], 0);
    assert_int_equal(info.size[VKN_ROLE_Y], 2 * 6 * 5 * 4 * 4);
    desc = activation(APPLY_GRADIENT);
    assert_int_equal(vkn_plan_query(&CAPS, &desc, (VknLog){0}, &info), VKN_SUCCESS);
    assert_int_equal(info.dispatch_count, 1);
    assert_int_equal(info.size[VKN_ROLE_WORKSPACE], 0);
}

/* A description may be made of its own shape and axes. */
static void test_own_shape(void **state) {
    VknDesc desc = reduce(VKN_STATISTIC_MAX), again = desc;
    (void)state;
    vkn_desc_reduce(&again, VKN_STATISTIC_MAX, again.rank, again.shape, 1, (int32_t[]){1});
    assert_memory_equal(&again, &desc, sizeof desc);
    desc = softmax(VKN_OPERATION_TRAIN);
    vkn_desc_layer_norm(&again, VKN_OPERATION_TRAIN, 4, SHAPE, 1, (int32_t[]){-1});
    vkn_desc_layer_norm(&desc, VKN_OPERATION_TRAIN, desc.rank, desc.shape, 1, (int32_t[]){-1});
    assert_memory_equal(&again, &desc, sizeof desc);
}

/* With 12 storage buffers a layer of ResNet is one dispatch each way; with 8 it is what they hold. */
static void test_buffers(void **state) {
    static const uint32_t ADD = BIT(RESIDUAL), RUNNING = BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE);
    static const struct {
        const char *name;
        VknOperation operation;
        uint32_t more, without;
        uint32_t dispatches[2]; /* with 8, with 12 */
    } ROWS[] = {
        {"training", VKN_OPERATION_TRAIN, RUNNING, 0, {1, 1}},
        {"training, residual", VKN_OPERATION_TRAIN, RUNNING | ADD, 0, {3, 1}},
        {"training, activation mask", VKN_OPERATION_TRAIN, RUNNING | BIT(ACTIVATION_MASK), 0, {3, 1}},
        {"dx alone", VKN_OPERATION_TRAIN_GRADIENT, 0, BIT(DGAMMA) | BIT(DBETA), {1, 1}},
        {"gradient", VKN_OPERATION_TRAIN_GRADIENT, 0, 0, {2, 1}},
        {"gradient, residual", VKN_OPERATION_TRAIN_GRADIENT, ADD | BIT(DRESIDUAL), 0, {3, 1}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        for (uint32_t wide = 0; wide < 2; wide++) {
            VknCaps caps = CAPS;
            VknDesc desc;
            VknPlanInfo info;
            caps.device_class = VKN_DEVICE_SOFTWARE;
            caps.max_storage_buffers = wide ? 12 : 8;
            vkn_desc_batch_norm(&desc, ROWS[i].operation, 4, (uint64_t[]){8, 256, 56, 56}, 1, (int32_t[]){1});
            desc.roles = (desc.roles & ~ROWS[i].without) | ROWS[i].more;
            desc.activation = vkn_activation_default(VKN_ACTIVATION_RELU);
            if (vkn_plan_query(&caps, &desc, (VknLog){log_write, NULL}, &info) != VKN_SUCCESS)
                fail_msg("%s: %s", ROWS[i].name, message);
            if (info.dispatch_count != ROWS[i].dispatches[wide])
                fail_msg("%s with %u storage buffers: %u dispatches, not %u", ROWS[i].name,
                         caps.max_storage_buffers, info.dispatch_count, ROWS[i].dispatches[wide]);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_broken), cmocka_unit_test(test_allowed),
                                       cmocka_unit_test(test_sizes), cmocka_unit_test(test_own_shape),
                                       cmocka_unit_test(test_buffers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
