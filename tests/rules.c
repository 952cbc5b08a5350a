/* The rules of a description and of capabilities, broken one at a time: the code, what the message says,
 * and that nothing else happens. */
#include "rules.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <string.h>

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)

static void use_apply(VknDesc *d) {
    d->operation = VKN_OPERATION_APPLY;
    d->roles = BIT(X) | BIT(Y) | BIT(MEAN) | BIT(VARIANCE);
}

static void use_statistics(VknDesc *d) {
    d->operation = VKN_OPERATION_STATISTICS;
    d->roles = BIT(X) | BIT(MOMENTS);
}

static void use_finish(VknDesc *d) {
    d->operation = VKN_OPERATION_FINISH;
    d->roles = BIT(MOMENTS) | BIT(MEAN);
    d->moment_parts = 2;
}

#define RUNNING        (BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE))
#define RENORM_MOMENTS (BIT(RENORM_MEAN) | BIT(RENORM_STD))

static VknDesc *use_renorm(VknDesc *d, uint32_t roles) {
    d->roles = BIT(X) | BIT(Y) | roles;
    return d;
}

static VknDesc *use_mask(VknDesc *d) {
    d->roles |= BIT(MASK);
    return d;
}

static VknDesc *use_packs(VknDesc *d) {
    d->kept_axis_count = 2;
    d->kept_axes[1] = 3;
    d->packed_axis = 1;
    d->channels = 13;
    return d;
}

static void use_rank_8(VknDesc *d) {
    d->rank = 8;
    for (uint32_t i = 4; i < 8; i++)
        d->shape[i] = 1;
}

static VknDesc *use_gradient(VknDesc *d) {
    d->operation = VKN_OPERATION_TRAIN_GRADIENT;
    d->roles = BIT(X) | BIT(Y) | BIT(DY) | BIT(MEAN) | BIT(INV_STD) | BIT(DX);
    return d;
}

/* ------------------------------------------------------------------------------------------- tables */

/* A row's function changes a good description; the name says how. */
#define CHANGE(name, ...)                                                                                    \
    static void name(VknDesc *d) {                                                                           \
        __VA_ARGS__;                                                                                         \
    }
#define BROKEN(F)                                                                                            \
    F(operation_0, d->operation = (VknOperation)0, "operation", "1 to 8", "0")                               \
    F(operation_9, d->operation = (VknOperation)9, "operation", "1 to 8", "9")                               \
    F(operation_negative, d->operation = (VknOperation)-1, "operation", "1 to 8", "-1")                      \
    F(rank_0, d->rank = 0, "rank", "1 to 8", "0")                                                            \
    F(rank_9, d->rank = 9, "rank", "1 to 8", "9")                                                            \
    F(rank_huge, d->rank = UINT32_MAX, "rank", "1 to 8", "4294967295")                                       \
    F(elements_of_one_axis, d->shape[2] = (uint64_t)1 << 60, "shape[2]", "2^56", "1152921504606846976")      \
    F(elements_overflow, d->shape[2] = d->shape[3] = (uint64_t)1 << 33, "shape[3]", "2^56", "8589934592")    \
    F(elements_most, d->shape[0] = UINT64_MAX, "shape[0]", "2^56", "18446744073709551615")                   \
    F(no_axis, d->kept_axis_count = 0, "kept_axes", "1 to", "0")                                             \
    F(axes_more_than_rank, d->kept_axis_count = 5, "kept_axes", "4", "5")                                    \
    F(axes_huge, d->kept_axis_count = UINT32_MAX, "kept_axes", "4", "4294967295")                            \
    F(axis_past_end, d->kept_axes[0] = 4, "kept_axes[0]", "-4 to 3", "4")                                    \
    F(axis_before_start, d->kept_axes[0] = -5, "kept_axes[0]", "-4 to 3", "-5")                              \
    F(axis_least, d->kept_axes[0] = INT32_MIN, "kept_axes[0]", "-4 to 3", "-2147483648")                     \
    F(axis_twice, (d->kept_axis_count = 2, d->kept_axes[1] = 1), "axis 1", "twice", "0 and 1")               \
    F(axis_twice_negative, (d->kept_axis_count = 2, d->kept_axes[1] = -3), "axis 1", "twice", "0 and 1")     \
    F(roles_unknown, d->roles |= 1u << 30, "roles", "unknown", "30")                                         \
    F(roles_highest, d->roles |= 1u << 31, "roles", "unknown", "31")                                         \
    F(train_without_x, d->roles &= ~BIT(X), "roles", "TRAIN needs X", "0x18e")                               \
    F(train_with_dx, d->roles |= BIT(DX), "roles", "TRAIN has no DX", "0x218f")                              \
    F(both_spreads, d->roles |= BIT(INV_STD) | BIT(VARIANCE), "INV_STD", "VARIANCE", "0x1ef")                \
    F(apply_without_spread, (use_apply(d), d->roles &= ~BIT(VARIANCE)), "APPLY", "INV_STD or VARIANCE",      \
      "0x13")                                                                                                \
    F(one_running, d->roles &= ~BIT(RUNNING_MEAN), "RUNNING_MEAN", "RUNNING_VARIANCE", "0x10f")              \
    F(no_output, (use_statistics(d), d->roles = BIT(X)), "STATISTICS", "no output", "0x1")                   \
    F(x_type, d->x.type = (VknType)3, "x.type", "VknType", "3")                                              \
    F(y_type, d->y.type = (VknType)7, "y.type", "VknType", "7")                                              \
    F(x_stride_overflow, d->x.stride[1] = UINT64_MAX, "x.stride", "2^56", "18446744073709551615")            \
    F(x_stride_large, d->x.stride[1] = (uint64_t)1 << 55, "x.stride", "2^56", "36028797018963968")           \
    F(x_stride_sum, (d->x.stride[1] = d->x.stride[2] = 20000000000000000), "x.stride", "2^56",               \
      "20000000000000000")                                                                                   \
    F(y_stride_overflow, d->y.stride[3] = UINT64_MAX / 2, "y.stride", "2^56", "9223372036854775807")         \
    F(y_stride_zero, (d->y = (VknTensor){0, {60, 20, 0, 1}}), "y.stride", "share memory", "[2]")             \
    F(y_stride_short, (d->y = (VknTensor){0, {60, 19, 5, 1}}), "y.stride", "share memory", "19")             \
    F(y_stride_equal, (d->y = (VknTensor){0, {60, 20, 1, 1}}), "y.stride", "share memory", "1")              \
    F(epsilon_nan, d->epsilon = NAN, "epsilon", "finite", "nan")                                             \
    F(epsilon_infinite, d->epsilon = INFINITY, "epsilon", "finite", "inf")                                   \
    F(epsilon_minus_infinite, d->epsilon = -INFINITY, "epsilon", "finite", "-inf")                           \
    F(epsilon_negative, d->epsilon = -1e-30f, "epsilon", "at least 0", "-1e-30")                             \
    F(momentum_nan, d->momentum = NAN, "momentum", "0 to 1", "nan")                                          \
    F(momentum_infinite, d->momentum = INFINITY, "momentum", "0 to 1", "inf")                                \
    F(momentum_above, d->momentum = 1.5f, "momentum", "0 to 1", "1.5")                                       \
    F(momentum_below, d->momentum = -0.25f, "momentum", "0 to 1", "-0.25")                                   \
    F(momentum_convention, d->momentum_convention = (VknMomentum)3, "momentum_convention", "0 to 2", "3")    \
    F(running_variance, d->running_variance = (VknRunningVariance)2, "running_variance", "0 or 1", "2")      \
    F(no_parts, (use_finish(d), d->moment_parts = 0), "moment_parts", "at least 1", "0")                     \
    F(activation_38, d->activation.id = (VknActivationId)38, "activation.id", "0 to 37", "38")               \
    F(activation_negative, d->activation.id = (VknActivationId)-1, "activation.id", "0 to 37", "-1")         \
    F(relu_maximum, (d->activation = (VknActivation){VKN_ACTIVATION_RELU, {0, 3, 3}}), "max_value (3)",      \
      "threshold (3)", "relu")                                                                               \
    F(celu_alpha, (d->activation = (VknActivation){VKN_ACTIVATION_CELU, {0}}), "celu", "alpha (0)",          \
      "2^-126")                                                                                              \
    F(softplus_beta, (d->activation = (VknActivation){VKN_ACTIVATION_SOFTPLUS, {-1e-39f, 20}}), "softplus",  \
      "beta (-1e-39)", "must not be 0")                                                                      \
    F(soft_shrink_lambda, (d->activation = (VknActivation){VKN_ACTIVATION_SOFT_SHRINK, {-1}}),               \
      "soft_shrink", "lambda (-1)", "negative")                                                              \
    F(hard_shrink_lambda, (d->activation = (VknActivation){VKN_ACTIVATION_HARD_SHRINK, {-2}}),               \
      "hard_shrink", "lambda (-2)", "negative")                                                              \
    F(shrink_lambda, (d->activation = (VknActivation){VKN_ACTIVATION_SHRINK, {0, -3}}), "shrink",            \
      "lambda (-3)", "negative")                                                                             \
    F(squareplus_b, (d->activation = (VknActivation){VKN_ACTIVATION_SQUAREPLUS, {0}}), "squareplus",         \
      "b (0)", "2^-126")                                                                                     \
    F(clip_order, (d->activation = (VknActivation){VKN_ACTIVATION_CLIP, {2, 1}}), "min (2)", "max (1)",      \
      "clip")                                                                                                \
    F(renorm_mean_alone, use_renorm(d, BIT(RENORM_MEAN)), "roles", "RENORM_STD", "0x80003")                  \
    F(renorm_values_alone, use_renorm(d, BIT(RENORM)), "roles", "RENORM_MEAN", "0x400003")                   \
    F(renorm_without_running_std, use_renorm(d, RENORM_MOMENTS | RUNNING), "RUNNING_STD", "go together",     \
      "0x180183")                                                                                            \
    F(renorm_with_running_std_alone, use_renorm(d, RENORM_MOMENTS | BIT(RUNNING_STD)), "RUNNING_STD",        \
      "go together", "0x380003")                                                                             \
    F(renorm_cumulative, use_renorm(d, RENORM_MOMENTS)->momentum_convention = VKN_MOMENTUM_CUMULATIVE,       \
      "momentum_convention", "renormalization", "CUMULATIVE")                                                \
    F(renorm_momentum_above, use_renorm(d, RENORM_MOMENTS)->renorm_momentum = 1.25f, "renorm_momentum",      \
      "0 to 1", "1.25")                                                                                      \
    F(renorm_momentum_nan, use_renorm(d, RENORM_MOMENTS)->renorm_momentum = NAN, "renorm_momentum",          \
      "0 to 1", "nan")                                                                                       \
    F(renorm_r_min_negative, use_renorm(d, RENORM_MOMENTS)->renorm_r_min = -1, "renorm_r_min (-1)",          \
      "at least 0", "renorm_r_max (inf)")                                                                    \
    F(renorm_r_order,                                                                                        \
      use_renorm(d, RENORM_MOMENTS)->renorm_r_min = use_renorm(d, RENORM_MOMENTS)->renorm_r_max = NAN,       \
      "renorm_r_min", "renorm_r_max", "nan")                                                                 \
    F(renorm_d_negative, use_renorm(d, RENORM_MOMENTS)->renorm_d_max = -0.5f, "renorm_d_max", "at least 0",  \
      "-0.5")                                                                                                \
    F(count_epsilon_negative, use_mask(d)->count_epsilon = -1, "count_epsilon", "at least 0", "-1")          \
    F(count_epsilon_nan, use_mask(d)->count_epsilon = NAN, "count_epsilon", "finite", "nan")                 \
    F(mask_stride_overflow, use_mask(d)->mask_stride[2] = UINT64_MAX, "mask_stride", "2^56",                 \
      "18446744073709551615")                                                                                \
    F(virtual_not_divisor, d->virtual_batch_size = 3, "virtual_batch_size", "divide shape[0]",               \
      "3 does not divide 2")                                                                                 \
    F(virtual_axis_kept, (d->virtual_batch_size = 1, d->kept_axes[0] = -4), "kept_axes", "axis 0",           \
      "virtual batches")                                                                                     \
    F(virtual_rank_8, (d->virtual_batch_size = 1, use_rank_8(d)), "rank", "at most 7", "8")                  \
    F(virtual_renorm, use_renorm(d, RENORM_MOMENTS)->virtual_batch_size = 1, "virtual_batch_size",           \
      "renormalization", "1")                                                                                \
    F(packed_last, use_packs(d)->packed_axis = 3, "packed_axis", "not the last axis", "3")                   \
    F(packed_last_negative, use_packs(d)->packed_axis = -1, "packed_axis", "not the last axis", "-1")        \
    F(packed_beyond, use_packs(d)->packed_axis = 4, "packed_axis", "-4 to 2", "4")                           \
    F(packed_not_kept, use_packs(d)->packed_axis = 2, "kept_axes", "packed_axis (2)", "(3)")                 \
    F(packed_lanes_not_kept, use_packs(d)->kept_axis_count = 1, "kept_axes", "packed_axis (1)", "(3)")       \
    F(packed_too_many, use_packs(d)->channels = 16, "channels", "3 packs of 5", "16 do not")                 \
    F(packed_too_few, use_packs(d)->channels = 10, "channels", "3 packs of 5", "10 do not")                  \
    F(activation_mask_of_nothing, d->roles |= BIT(ACTIVATION_MASK), "ACTIVATION_MASK", "two values",         \
      "identity")                                                                                            \
    F(activation_mask_of_elu,                                                                                \
      (d->roles |= BIT(ACTIVATION_MASK), d->activation = vkn_activation_default(VKN_ACTIVATION_ELU)),        \
      "ACTIVATION_MASK", "two values", "elu")                                                                \
    F(y_of_gelu, use_gradient(d)->activation = vkn_activation_default(VKN_ACTIVATION_GELU), "Y",             \
      "does not determine", "gelu")                                                                          \
    F(sums_without_parts,                                                                                    \
      (use_gradient(d)->roles = BIT(X) | BIT(DY) | BIT(MEAN) | BIT(INV_STD) | BIT(DX) | BIT(SUMS),           \
       d->moment_parts = 0),                                                                                 \
      "moment_parts", "at least 1", "0")                                                                     \
    F(strategy_unknown, d->strategy = 1000, "strategy", "0 to", "1000")

#define DEFINE(name, change, ...) CHANGE(broken_##name, change)
BROKEN(DEFINE)
#undef DEFINE

static const struct {
    const char *name;
    void (*change)(VknDesc *desc);
    const char *words[3];
} BROKEN_ROWS[] = {
#define ROW(name, change, ...) {#name, broken_##name, {__VA_ARGS__}},
    BROKEN(ROW)
#undef ROW
};

/* What looks like a broken rule and is none: fields that the operation does not have. */
#define ALLOWED(F)                                                                                           \
    F(nothing, (void)d)                                                                                      \
    F(negative_axis, d->kept_axes[0] = -4)                                                                   \
    F(axes_in_any_order, (d->kept_axis_count = 2, d->kept_axes[0] = 3, d->kept_axes[1] = -4))                \
    F(axes_beyond_count, d->kept_axes[1] = 99)                                                               \
    F(shape_beyond_rank, d->shape[4] = 0)                                                                    \
    F(stride_beyond_rank, d->y.stride[4] = UINT64_MAX)                                                       \
    F(workspace_bit, d->roles |= BIT(WORKSPACE))                                                             \
    F(epsilon_0, d->epsilon = 0)                                                                             \
    F(momentum_0, d->momentum = 0)                                                                           \
    F(momentum_1, d->momentum = 1)                                                                           \
    F(momentum_of_an_average, (d->momentum_convention = VKN_MOMENTUM_CUMULATIVE, d->momentum = NAN))         \
    F(momentum_without_running, (d->roles = BIT(X) | BIT(Y), d->momentum = NAN))                             \
    F(conventions_without_running, (d->roles = BIT(X) | BIT(Y), d->momentum_convention = (VknMomentum)9,     \
                                    d->running_variance = (VknRunningVariance)9))                            \
    F(parts_of_train, d->moment_parts = 0)                                                                   \
    F(x_repeats, d->x.stride[3] = 1)                                                                         \
    F(y_size_1_axis, (d->shape[2] = 1, d->y = (VknTensor){0, {15, 5, 0, 1}}))                                \
    F(y_of_statistics, (use_statistics(d), d->y = (VknTensor){(VknType)9, {1, 1, 1, UINT64_MAX}}))           \
    F(activation_of_statistics, (use_statistics(d), d->activation.id = (VknActivationId)99))                 \
    F(tensors_of_finish, (use_finish(d), d->x = d->y = (VknTensor){(VknType)9, {1, 1, 1, UINT64_MAX}}))      \
    F(unused_parameters, (d->activation = (VknActivation){VKN_ACTIVATION_ELU, {1, NAN, NAN}}))               \
    F(infinite_parameters, (d->activation = (VknActivation){VKN_ACTIVATION_CLIP, {-INFINITY, INFINITY}}))    \
    F(softplus_without_threshold, (d->activation = (VknActivation){VKN_ACTIVATION_SOFTPLUS, {1, INFINITY}})) \
    F(softplus_beta_negative, (d->activation = (VknActivation){VKN_ACTIVATION_SOFTPLUS, {-1, 20}}))          \
    F(shrink_by_0, (d->activation = (VknActivation){VKN_ACTIVATION_SHRINK, {-1, 0}}))                        \
    F(clip_to_one_value, (d->activation = (VknActivation){VKN_ACTIVATION_CLIP, {1, 1}}))

#define DEFINE(name, change) CHANGE(allowed_##name, change)
ALLOWED(DEFINE)
#undef DEFINE

static const struct {
    const char *name;
    void (*change)(VknDesc *desc);
} ALLOWED_ROWS[] = {
#define ROW(name, change) {#name, allowed_##name},
    ALLOWED(ROW)
#undef ROW
};

/* One field of good capabilities, and a value that is out of bounds. */
static const struct {
    const char *name;
    size_t offset;
    bool wide; /* 64 bits */
    uint64_t value;
} CAPS_ROWS[] = {
#define ROW(field, value)                                                                                    \
    { #field, offsetof(VknCaps, field), sizeof((VknCaps){0}.field) == 8, value }
    ROW(max_invocations, 63),          ROW(max_invocations, 0),
    ROW(max_group_count, 0),           ROW(max_shared_bytes, 16383),
    ROW(max_storage_range, 4095),      ROW(max_storage_range, (uint64_t)1 << 32),
    ROW(max_storage_buffers, 7),       ROW(storage_offset_alignment, 512),
    ROW(storage_offset_alignment, 48), ROW(storage_offset_alignment, 0),
    ROW(max_subgroup_size, 0),         ROW(max_subgroup_size, 12),
    ROW(max_subgroup_size, 256),       ROW(texel_offset_alignment, 512),
    ROW(texel_offset_alignment, 48),   ROW(texel_offset_alignment, 0),
#undef ROW
};

/* ------------------------------------------------------------------------------------------ queries */

static void run_broken(void **state) {
    size_t i = (size_t)*state;
    VknCaps caps = rules_caps();
    VknDesc desc = rules_desc();
    VknPlanInfo info;
    BROKEN_ROWS[i].change(&desc);
    rules_expect(BROKEN_ROWS[i].name, rules_query(&caps, &desc, &info), VKN_ERROR_INVALID_ARGUMENT,
                 BROKEN_ROWS[i].words, 3);
}

static void run_allowed(void **state) {
    size_t i = (size_t)*state;
    VknCaps caps = rules_caps();
    VknDesc desc = rules_desc();
    VknPlanInfo info;
    ALLOWED_ROWS[i].change(&desc);
    rules_expect(ALLOWED_ROWS[i].name, rules_query(&caps, &desc, &info), VKN_SUCCESS, NULL, 0);
    assert_true(info.dispatch_count > 0);
}

static void test_caps(void **state) {
    VknDesc desc = rules_desc();
    VknPlanInfo info;
    VknCaps caps = rules_caps();
    (void)state;
    assert_int_equal(rules_query(&caps, &desc, &info), VKN_SUCCESS);
    for (size_t i = 0; i < LENGTH(CAPS_ROWS); i++) {
        char value[32];
        const char *words[] = {CAPS_ROWS[i].name, value};
        uint32_t low = (uint32_t)CAPS_ROWS[i].value;
        caps = rules_caps();
        memcpy((char *)&caps + CAPS_ROWS[i].offset,
               CAPS_ROWS[i].wide ? (const void *)&CAPS_ROWS[i].value : &low, CAPS_ROWS[i].wide ? 8 : 4);
        snprintf(value, sizeof value, "not %llu", (unsigned long long)CAPS_ROWS[i].value);
        rules_expect(CAPS_ROWS[i].name, rules_query(&caps, &desc, &info), VKN_ERROR_UNSUPPORTED, words, 2);
    }
}

static void test_null_arguments(void **state) {
    VknCaps caps = rules_caps();
    VknDesc desc = rules_desc();
    VknPlanInfo info;
    const char *const words[] = {"vkn_plan_query", "NULL"};
    (void)state;
    rules_expect("caps", rules_query(NULL, &desc, &info), VKN_ERROR_INVALID_ARGUMENT, words, 2);
    rules_expect("desc", rules_query(&caps, NULL, &info), VKN_ERROR_INVALID_ARGUMENT, words, 2);
    rules_expect("info", rules_query(&caps, &desc, NULL), VKN_ERROR_INVALID_ARGUMENT, words, 2);
    /* Without a log there is only the code. */
    desc.rank = 0;
    assert_int_equal(vkn_plan_query(&caps, &desc, (VknLog){0}, &info), VKN_ERROR_INVALID_ARGUMENT);
}

static void test_strategy_that_cannot_serve(void **state) {
    VknCaps caps = rules_caps();
    VknDesc desc = rules_desc();
    VknPlanInfo info;
    uint32_t served = 0, refused = 0;
    (void)state;
    use_finish(&desc);
    for (desc.strategy = 1; vkn_strategy_name(desc.strategy - 1); desc.strategy++) {
        const char *const words[] = {vkn_strategy_name(desc.strategy - 1), "FINISH"};
        VknResult result = rules_query(&caps, &desc, &info);
        if (result == VKN_SUCCESS) {
            assert_int_equal(info.strategy, desc.strategy);
            assert_string_equal(info.strategy_name, words[0]);
            served++;
        } else {
            rules_expect("strategy", result, VKN_ERROR_UNSUPPORTED, words, 2);
            refused++;
        }
    }
    assert_true(served > 0 && refused > 0);
    assert_null(vkn_strategy_name(UINT32_MAX));
}

int main(void) {
    const struct CMUnitTest single[] = {
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_null_arguments),
        cmocka_unit_test(test_strategy_that_cannot_serve),
        cmocka_unit_test(test_activations),
    };
    struct CMUnitTest tests[LENGTH(BROKEN_ROWS) + LENGTH(ALLOWED_ROWS) + LENGTH(single)];
    size_t count = 0;
    for (size_t i = 0; i < LENGTH(BROKEN_ROWS); i++)
        tests[count++] = (struct CMUnitTest){BROKEN_ROWS[i].name, run_broken, NULL, NULL, (void *)i};
    for (size_t i = 0; i < LENGTH(ALLOWED_ROWS); i++)
        tests[count++] = (struct CMUnitTest){ALLOWED_ROWS[i].name, run_allowed, NULL, NULL, (void *)i};
    for (size_t i = 0; i < LENGTH(single); i++)
        tests[count++] = single[i];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
