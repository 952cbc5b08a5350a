/* What vknorm.h promises beside its rules: the table of roles, empty tensors, defaults, names. */
#include <vknorm/vknorm.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define BIT(role)     VKN_ROLE_BIT(VKN_ROLE_##role)
#define TERA          ((uint64_t)1 << 40)

/* At every floor. */
static const VknCaps CAPS = {
    VKN_DEVICE_OTHER, 64, 1, 16384, 4096, 8, 256, 128, false, false, false, false, 0, 256, false};

/* -------------------------------------------------------------------------------------------- roles */

/* The table as it is printed there: required, optional, none; of A, one; of B, at most one; C, D: both or
 * neither; E: needs D; F: with D exactly where C is. Upper case: an output. */
static const char *const TABLE[] = {
    /* TRAIN, APPLY, STATISTICS, FINISH, TRAIN_GRADIENT, APPLY_GRADIENT, GRADIENT_STATISTICS */
    [VKN_ROLE_X] = "r  r  r  -  r  r  r  r",
    [VKN_ROLE_Y] = "R  R  -  -  o  o  o  -",
    [VKN_ROLE_GAMMA] = "o  o  -  -  o  o  o  -",
    [VKN_ROLE_BETA] = "o  o  -  -  o  o  o  -",
    [VKN_ROLE_MEAN] = "O  r  O  O  r  r  r  -",
    [VKN_ROLE_INV_STD] = "B  a  B  B  a  a  a  -",
    [VKN_ROLE_VARIANCE] = "B  a  B  B  a  a  a  -",
    [VKN_ROLE_RUNNING_MEAN] = "C  -  C  C  -  -  -  -",
    [VKN_ROLE_RUNNING_VARIANCE] = "C  -  C  C  -  -  -  -",
    [VKN_ROLE_MOMENTS] = "o  -  O  r  -  -  -  -",
    [VKN_ROLE_WORKSPACE] = "o  o  o  o  o  o  o  o",
    [VKN_ROLE_RESIDUAL] = "o  o  -  -  o  o  o  -",
    [VKN_ROLE_DY] = "-  -  -  -  r  r  r  -",
    [VKN_ROLE_DX] = "-  -  -  -  O  O  -  -",
    [VKN_ROLE_DGAMMA] = "-  -  -  -  O  O  O  -",
    [VKN_ROLE_DBETA] = "-  -  -  -  O  O  O  -",
    [VKN_ROLE_DRESIDUAL] = "-  -  -  -  O  O  -  -",
    [VKN_ROLE_MASK] = "o  -  o  -  o  -  o  o",
    [VKN_ROLE_ACTIVATION_MASK] = "O  O  -  -  o  o  o  -",
    [VKN_ROLE_RENORM_MEAN] = "D  -  -  -  -  -  -  -",
    [VKN_ROLE_RENORM_STD] = "D  -  -  -  -  -  -  -",
    [VKN_ROLE_RUNNING_STD] = "F  -  -  -  -  -  -  -",
    [VKN_ROLE_RENORM] = "E  -  -  -  o  -  o  -",
    [VKN_ROLE_SUMS] = "-  -  -  -  o  -  R  -",
    [VKN_ROLE_SLOPE] = "-  -  -  -  -  -  -  -",
    [VKN_ROLE_DSLOPE] = "-  -  -  -  -  -  -  -",
    [VKN_ROLE_RESIDUAL_SUM] = "-  -  -  -  -  -  -  -",
    [VKN_ROLE_DRESIDUAL_SUM] = "-  -  -  -  -  -  -  -",
    [VKN_ROLE_RESULT] = "-  -  -  -  -  -  -  R",
    [VKN_ROLE_INDEX] = "-  -  -  -  -  -  -  -",
};

#define OPERATIONS VKN_OPERATION_REDUCE

static char cell(uint32_t role, uint32_t operation) {
    return TABLE[role][3 * (operation - VKN_OPERATION_TRAIN)];
}

static bool is_legal(uint32_t operation, uint32_t roles) {
    uint32_t one_of = 0, one_of_wanted = 0, most_one = 0, outputs = 0;
    uint32_t running = 0, moments = 0, running_std = 0, renorm = 0;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        char c = cell(role, operation);
        uint32_t bound = roles >> role & 1;
        if ((c == '-' && bound) || ((c == 'r' || c == 'R') && !bound))
            return false;
        one_of_wanted = c == 'a' ? 1 : one_of_wanted;
        one_of += c == 'a' ? bound : 0;
        most_one += c == 'B' ? bound : 0;
        running += c == 'C' ? bound : 0;
        moments += c == 'D' ? bound : 0;
        renorm += c == 'E' ? bound : 0;
        running_std += c == 'F' ? bound : 0;
        outputs += c >= 'A' && c <= 'Z' ? bound : 0;
    }
    return one_of == one_of_wanted && most_one <= 1 && running != 1 && moments != 1 && outputs > 0 &&
           (moments || (!renorm && !running_std)) && (!moments || (running > 0) == (running_std > 0));
}

static uint32_t taken_by(uint32_t operation) {
    uint32_t roles = 0;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        roles |= cell(role, operation) != '-' ? VKN_ROLE_BIT(role) : 0;
    return roles;
}

static VknResult query(uint32_t operation, uint32_t roles, VknPlanInfo *info) {
    VknDesc desc;
    vkn_desc_batch_norm(&desc, (VknOperation)operation, 2, (uint64_t[]){6, 5}, 1, (int32_t[]){1});
    desc.activation = vkn_activation_default(VKN_ACTIVATION_RELU);
    desc.roles = roles;
    return vkn_plan_query(&CAPS, &desc, (VknLog){0}, info);
}

/* Every subset of the roles that an operation takes, and now and then one that it does not. */
static void test_every_combination(void **state) {
    uint32_t accepted[OPERATIONS + 1] = {0};
    (void)state;
    for (uint32_t operation = VKN_OPERATION_TRAIN; operation <= OPERATIONS; operation++) {
        uint32_t all = taken_by(operation) & ~BIT(WORKSPACE), roles = all;
        do {
            VknPlanInfo info = {0};
            VknResult result = query(operation, roles, &info);
            VknResult expected = is_legal(operation, roles) ? VKN_SUCCESS : VKN_ERROR_INVALID_ARGUMENT;
            if (result != expected)
                fail_msg("operation %u with roles 0x%x: %s instead of %s", operation, roles,
                         vkn_result_name(result), vkn_result_name(expected));
            accepted[operation] += result == VKN_SUCCESS;
            uint32_t sources = BIT(Y) | BIT(RESIDUAL) | BIT(ACTIVATION_MASK);
            bool gradient =
                operation >= VKN_OPERATION_TRAIN_GRADIENT && operation <= VKN_OPERATION_GRADIENT_STATISTICS;
            for (uint32_t role = 0; result == VKN_SUCCESS && role < VKN_ROLE_COUNT; role++)
                if (role != VKN_ROLE_WORKSPACE && !(gradient && sources >> role & 1) &&
                    !(role == VKN_ROLE_MASK && roles & BIT(MOMENTS) && operation == VKN_OPERATION_TRAIN))
                    assert_int_equal(info.size[role] > 0, roles >> role & 1);
            uint32_t foreign = VKN_ROLE_BIT(roles * 2654435761u >> 27);
            if (result == VKN_SUCCESS && !(foreign & (all | BIT(WORKSPACE))))
                assert_int_equal(query(operation, roles | foreign, &info), VKN_ERROR_INVALID_ARGUMENT);
            if (result == VKN_SUCCESS) /* WORKSPACE is implied, with and without its bit */
                assert_int_equal(query(operation, roles | BIT(WORKSPACE), &info), VKN_SUCCESS);
            roles = (roles - 1) & all;
        } while (roles != all);
    }
    /* Counted by hand. TRAIN: gamma, beta, mean, residual, mask, moments and the activation mask free,
     * spreads 3 ways, running or not; with renormalization twice as many again. APPLY: gamma, beta, residual,
     * activation mask, 2 spreads. STATISTICS: mask free, 24 less the empty one. FINISH 12 less the empty one.
     * Gradients: gamma, beta and the 3 sources free, 2 spreads, 16 less one for the outputs; mask, renorm and
     * sums. */
    assert_int_equal(accepted[VKN_OPERATION_TRAIN], 2 * 64 * 3 * 2 * (1 + 2));
    assert_int_equal(accepted[VKN_OPERATION_APPLY], 16 * 2);
    assert_int_equal(accepted[VKN_OPERATION_STATISTICS], 2 * 23);
    assert_int_equal(accepted[VKN_OPERATION_FINISH], 11);
    assert_int_equal(accepted[VKN_OPERATION_TRAIN_GRADIENT], 32 * 2 * 15 * 8);
    assert_int_equal(accepted[VKN_OPERATION_APPLY_GRADIENT], 32 * 2 * 15);
    assert_int_equal(accepted[VKN_OPERATION_GRADIENT_STATISTICS], 32 * 2 * 4 * 4);
    assert_int_equal(accepted[VKN_OPERATION_REDUCE], 2);
}

/* Which source a gradient chooses: the fewest bytes, and nothing that is not needed. */
static void test_sources(void **state) {
    static const struct {
        VknActivation activation;
        bool from_y, from_mask;
    } ROWS[] = {
        {{VKN_ACTIVATION_RELU, {0, 0, INFINITY}}, true, true},
        {{VKN_ACTIVATION_RELU, {0.5f, 0, INFINITY}}, true, true},
        {{VKN_ACTIVATION_RELU, {-0.5f, 0, INFINITY}}, false, true},
        {{VKN_ACTIVATION_RELU, {0, 0, 6}}, false, true},
        {{VKN_ACTIVATION_RELU, {0.5f, 0, 6}}, false, false},
        {{VKN_ACTIVATION_RELU, {0, 1, INFINITY}}, false, true},
        {{VKN_ACTIVATION_LEAKY_RELU, {0.3f}}, true, true},
        {{VKN_ACTIVATION_LEAKY_RELU, {-0.3f}}, false, true},
        {{VKN_ACTIVATION_ELU, {1}}, true, false},
        {{VKN_ACTIVATION_ELU, {-1}}, false, false},
        {{VKN_ACTIVATION_SIGMOID, {0}}, true, false},
        {{VKN_ACTIVATION_TANH, {0}}, true, false},
        {{VKN_ACTIVATION_SILU, {1}}, false, false},
        {{VKN_ACTIVATION_GELU, {0}}, false, false},
        {{VKN_ACTIVATION_HARD_SWISH, {0}}, false, false},
        {{VKN_ACTIVATION_CLIP, {0, 1}}, false, true},
        {{VKN_ACTIVATION_SELU, {0}}, true, false},
        {{VKN_ACTIVATION_CELU, {2}}, true, false},
        {{VKN_ACTIVATION_GELU_TANH, {0}}, false, false},
        {{VKN_ACTIVATION_QUICK_GELU, {1.702f}}, false, false},
        {{VKN_ACTIVATION_LOG_SIGMOID, {0}}, true, false},
        {{VKN_ACTIVATION_HARD_SIGMOID, {0.2f, 0.5f}}, false, false},
        {{VKN_ACTIVATION_TANH_SHRINK, {0}}, false, false},
        {{VKN_ACTIVATION_SOFTPLUS, {1, 20}}, true, false},
        {{VKN_ACTIVATION_SOFTPLUS, {-2, INFINITY}}, true, false},
        {{VKN_ACTIVATION_SOFTPLUS, {1, 16}}, false, false},
        {{VKN_ACTIVATION_SOFTSIGN, {0}}, true, false},
        {{VKN_ACTIVATION_MISH, {0}}, false, false},
        {{VKN_ACTIVATION_SOFT_SHRINK, {0.5f}}, true, true},
        {{VKN_ACTIVATION_HARD_SHRINK, {0.5f}}, true, true},
        {{VKN_ACTIVATION_SHRINK, {0.5f, 0.5f}}, true, true},
        {{VKN_ACTIVATION_SHRINK, {0.6f, 0.5f}}, false, true},
        {{VKN_ACTIVATION_THRESHOLDED_RELU, {1}}, true, true},
        {{VKN_ACTIVATION_THRESHOLDED_RELU, {-1}}, false, true},
        {{VKN_ACTIVATION_THRESHOLD, {1, -1}}, true, true},
        {{VKN_ACTIVATION_THRESHOLD, {1, 0.5f}}, false, true},
        {{VKN_ACTIVATION_THRESHOLD, {-1, -1}}, false, true},
        {{VKN_ACTIVATION_SQUAREPLUS, {4}}, false, false},
        {{VKN_ACTIVATION_EXP, {0}}, true, false},
        {{VKN_ACTIVATION_LOG, {0}}, false, false},
        {{VKN_ACTIVATION_LINEAR, {-1, 0}}, true, true},
        {{VKN_ACTIVATION_ABS, {0}}, false, false},
        {{VKN_ACTIVATION_SQUARE, {0}}, false, false},
        {{VKN_ACTIVATION_SQRT, {0}}, true, false},
        {{VKN_ACTIVATION_RECIPROCAL, {0}}, true, false},
        {{VKN_ACTIVATION_POW, {2}}, false, false},
        {{VKN_ACTIVATION_ERF, {0}}, false, false},
        {{VKN_ACTIVATION_SIGN, {0}}, true, true},
        {{VKN_ACTIVATION_SPARSE_PLUS, {0}}, true, false},
    };
    const uint32_t residual = BIT(RESIDUAL), y = BIT(Y), mask = BIT(ACTIVATION_MASK);
    (void)state;
    for (size_t i = 0; i < LENGTH(ROWS); i++)
        for (uint32_t subset = 0; subset < 16; subset++) {
            uint32_t roles = (subset & 1 ? residual : 0) | (subset & 2 ? y : 0) | (subset & 4 ? mask : 0);
            bool half_y = subset & 8, legal = true;
            VknPlanInfo info;
            VknDesc desc;
            vkn_desc_batch_norm(&desc, VKN_OPERATION_TRAIN_GRADIENT, 2, (uint64_t[]){6, 5}, 1,
                                (int32_t[]){1});
            desc.activation = ROWS[i].activation;
            desc.roles |= roles;
            desc.y.type = half_y ? VKN_TYPE_F16 : VKN_TYPE_F32;
            desc.residual.type = half_y ? VKN_TYPE_F32 : VKN_TYPE_BF16;
            legal = (ROWS[i].from_y || !(roles & y)) && (ROWS[i].from_mask || !(roles & mask));
            assert_int_equal(vkn_plan_query(&CAPS, &desc, (VknLog){0}, &info),
                             legal ? VKN_SUCCESS : VKN_ERROR_INVALID_ARGUMENT);
            if (!legal)
                continue;
            uint32_t best = roles & mask ? mask : roles == (residual | y) ? (half_y ? y : residual) : roles;
            assert_int_equal(info.activation_source, best == mask ? VKN_ACTIVATION_SOURCE_MASK
                                                     : best == y  ? VKN_ACTIVATION_SOURCE_OUTPUT
                                                                  : VKN_ACTIVATION_SOURCE_INPUT);
            assert_int_equal(info.size[VKN_ROLE_RESIDUAL], best == residual ? 30 * (half_y ? 4 : 2) : 0);
            assert_int_equal(info.size[VKN_ROLE_Y], best == y ? 30 * (half_y ? 2 : 4) : 0);
            assert_int_equal(info.size[VKN_ROLE_ACTIVATION_MASK], best == mask ? 4 : 0);
        }
}

/* -------------------------------------------------------------------------------------------- sizes */

static void test_sizes_of_modes(void **state) {
    VknPlanInfo info;
    VknDesc desc;
    (void)state;
    /* 6 virtual batches of 2 samples; a mask of 12 x 5 bytes in 32-bit words. */
    vkn_desc_batch_norm(&desc, VKN_OPERATION_TRAIN, 3, (uint64_t[]){12, 5, 3}, 1, (int32_t[]){-1});
    desc.virtual_batch_size = 2;
    desc.roles |= BIT(MEAN) | BIT(MASK);
    assert_int_equal(vkn_plan_query(&CAPS, &desc, (VknLog){0}, &info), VKN_SUCCESS);
    assert_int_equal(info.channel_count, 3);
    assert_int_equal(info.statistic_count, 18);
    assert_int_equal(info.reduce_count, 10);
    assert_int_equal(info.size[VKN_ROLE_MEAN], 18 * 4);
    assert_int_equal(info.size[VKN_ROLE_GAMMA], 3 * 4);
    assert_int_equal(info.size[VKN_ROLE_RUNNING_MEAN], 3 * 4);
    assert_int_equal(info.size[VKN_ROLE_MASK], 60);
    desc.mask_stride[0] = 15, desc.mask_stride[1] = 3, desc.mask_stride[2] = 1;
    assert_int_equal(vkn_plan_query(&CAPS, &desc, (VknLog){0}, &info), VKN_SUCCESS);
    assert_int_equal(info.size[VKN_ROLE_MASK], 180);
    /* NC4HW4 with 6 channels: the padding is in the tensors, and in nothing else. */
    vkn_desc_batch_norm(&desc, VKN_OPERATION_TRAIN, 5, (uint64_t[]){2, 2, 3, 3, 4}, 2, (int32_t[]){1, -1});
    desc.channels = 6;
    desc.packed_axis = -4;
    desc.activation = vkn_activation_default(VKN_ACTIVATION_RELU);
    desc.roles |= BIT(ACTIVATION_MASK) | BIT(RENORM_MEAN) | BIT(RENORM_STD) | BIT(RUNNING_STD) | BIT(RENORM);
    assert_int_equal(vkn_plan_query(&CAPS, &desc, (VknLog){0}, &info), VKN_SUCCESS);
    assert_int_equal(info.channel_count, 6);
    assert_int_equal(info.statistic_count, 6);
    assert_int_equal(info.reduce_count, 18);
    assert_int_equal(info.size[VKN_ROLE_X], 2 * 2 * 9 * 4 * 4);
    assert_int_equal(info.size[VKN_ROLE_ACTIVATION_MASK], 20); /* 144 bits */
    assert_int_equal(info.size[VKN_ROLE_BETA], 6 * 4);
    assert_int_equal(info.size[VKN_ROLE_RENORM], 6 * 8);
    vkn_desc_batch_norm(&desc, VKN_OPERATION_TRAIN_GRADIENT, 2, (uint64_t[]){6, 5}, 1, (int32_t[]){1});
    desc.roles |= BIT(SUMS);
    desc.moment_parts = 3;
    assert_int_equal(vkn_plan_query(&CAPS, &desc, (VknLog){0}, &info), VKN_SUCCESS);
    assert_int_equal(info.size[VKN_ROLE_SUMS], 3 * 5 * sizeof(VknSums));
}

static void test_mode(void **state) {
    (void)state;
    assert_int_equal(vkn_batch_norm_mode(true, true), VKN_OPERATION_TRAIN);
    assert_int_equal(vkn_batch_norm_mode(true, false), VKN_OPERATION_APPLY);
    assert_int_equal(vkn_batch_norm_mode(false, true), VKN_OPERATION_APPLY);
    assert_int_equal(vkn_batch_norm_mode(false, false), VKN_OPERATION_APPLY);
}

/* ------------------------------------------------------------------------------------- empty tensors */

static void test_empty_tensors(void **state) {
    (void)state;
    for (uint32_t operation = VKN_OPERATION_TRAIN; operation <= OPERATIONS; operation++)
        for (uint32_t empty = 1; empty < 16; empty++) {
            uint64_t shape[4];
            VknPlanInfo info;
            VknDesc desc;
            for (uint32_t axis = 0; axis < 4; axis++)
                shape[axis] = empty >> axis & 1 ? 0 : axis + 2;
            vkn_desc_batch_norm(&desc, (VknOperation)operation, 4, shape, 2, (int32_t[]){1, 3});
            bool result = operation == VKN_OPERATION_REDUCE && !(empty & 10); /* of nothing */
            assert_int_equal(vkn_plan_query(&CAPS, &desc, (VknLog){0}, &info), VKN_SUCCESS);
            assert_int_equal(info.dispatch_count, result);
            assert_int_equal(info.barrier_count, 0);
            assert_int_equal(info.least_bytes, result ? 3 * 5 * 4 : 0);
            assert_non_null(info.strategy_name);
            for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
                assert_int_equal(info.size[role], result && role == VKN_ROLE_RESULT ? 3 * 5 * 4 : 0);
            desc.epsilon = -1; /* the other rules hold */
            assert_int_equal(vkn_plan_query(&CAPS, &desc, (VknLog){0}, &info), VKN_ERROR_INVALID_ARGUMENT);
        }
}

/* ----------------------------------------------------------------------------------- defaults, names */

static void test_batch_norm_defaults(void **state) {
    static const struct {
        VknOperation operation;
        uint32_t roles;
    } ROWS[] = {
        {VKN_OPERATION_TRAIN,
         BIT(X) | BIT(Y) | BIT(GAMMA) | BIT(BETA) | BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE)},
        {VKN_OPERATION_APPLY, BIT(X) | BIT(Y) | BIT(GAMMA) | BIT(BETA) | BIT(MEAN) | BIT(VARIANCE)},
        {VKN_OPERATION_STATISTICS, BIT(X) | BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE)},
        {VKN_OPERATION_FINISH, BIT(MOMENTS) | BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE)},
        {VKN_OPERATION_TRAIN_GRADIENT, BIT(X) | BIT(DY) | BIT(GAMMA) | BIT(BETA) | BIT(MEAN) | BIT(INV_STD) |
                                           BIT(DX) | BIT(DGAMMA) | BIT(DBETA)},
        {VKN_OPERATION_APPLY_GRADIENT, BIT(X) | BIT(DY) | BIT(GAMMA) | BIT(BETA) | BIT(MEAN) | BIT(VARIANCE) |
                                           BIT(DX) | BIT(DGAMMA) | BIT(DBETA)},
        {VKN_OPERATION_GRADIENT_STATISTICS,
         BIT(X) | BIT(DY) | BIT(GAMMA) | BIT(BETA) | BIT(MEAN) | BIT(INV_STD) | BIT(SUMS)},
        {VKN_OPERATION_REDUCE, BIT(X) | BIT(RESULT)},
    };
    const uint64_t shape[] = {TERA, 2, 3, 4, 5, 6, 7, 8};
    const int32_t axes[] = {-1, 2, 0, 1, 3, 4, 5, 6};
    VknPlanInfo info;
    (void)state;
    for (size_t i = 0; i < LENGTH(ROWS); i++) {
        VknDesc desc, expected = {.operation = ROWS[i].operation,
                                  .rank = 3,
                                  .shape = {TERA, 2, 3},
                                  .kept_axis_count = 2,
                                  .kept_axes = {-1, 2},
                                  .roles = ROWS[i].roles,
                                  .epsilon = 1e-3f,
                                  .momentum = 0.99f,
                                  .count_epsilon = ROWS[i].operation == VKN_OPERATION_FINISH ? 0 : 1e-7f,
                                  .renorm_momentum = 0.99f,
                                  .renorm_r_max = INFINITY,
                                  .renorm_d_max = INFINITY,
                                  .moment_parts = 1};
        memset(&desc, 0xA5, sizeof desc);
        vkn_desc_batch_norm(&desc, ROWS[i].operation, 3, shape, 2, axes);
        assert_memory_equal(&desc, &expected, sizeof desc);
        /* The defaults need nothing else. */
        vkn_desc_batch_norm(&desc, ROWS[i].operation, 2, shape + 1, 1, axes);
        assert_int_equal(vkn_plan_query(&CAPS, &desc, (VknLog){0}, &info), VKN_SUCCESS);
        /* Nothing is checked, and nothing beyond the arrays is read or written. */
        vkn_desc_batch_norm(&desc, ROWS[i].operation, 1000, shape, 2000, axes);
        assert_int_equal(desc.rank, 1000);
        assert_int_equal(desc.kept_axis_count, 2000);
        assert_memory_equal(desc.shape, shape, sizeof shape);
        assert_memory_equal(desc.kept_axes, axes, sizeof axes);
        assert_int_equal(vkn_plan_query(&CAPS, &desc, (VknLog){0}, &info), VKN_ERROR_INVALID_ARGUMENT);
    }
}

static void test_result_names(void **state) {
    static const char *const NAMES[] = {"SUCCESS",
                                        "ERROR_INVALID_ARGUMENT",
                                        "ERROR_UNSUPPORTED",
                                        "ERROR_OUT_OF_HOST_MEMORY",
                                        "ERROR_OUT_OF_DEVICE_MEMORY",
                                        "ERROR_DEVICE_LOST",
                                        "ERROR_DRIVER"};
    (void)state;
    for (int i = 0; i < (int)LENGTH(NAMES); i++)
        assert_string_equal(vkn_result_name((VknResult)-i), NAMES[i]);
    assert_non_null(vkn_result_name((VknResult)1));
    assert_non_null(vkn_result_name((VknResult) - (int)LENGTH(NAMES)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_combination), cmocka_unit_test(test_sources),
        cmocka_unit_test(test_sizes_of_modes),    cmocka_unit_test(test_mode),
        cmocka_unit_test(test_empty_tensors),     cmocka_unit_test(test_batch_norm_defaults),
        cmocka_unit_test(test_result_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
