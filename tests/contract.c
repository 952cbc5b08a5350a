/* What vknorm.h promises beside its rules: the table of roles, empty tensors, defaults, names. */
#include <vknorm/vknorm.h>

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
static const VknCaps CAPS = {VKN_DEVICE_OTHER, 64, 1, 16384, 4096, 8, 256, 128, false, false, false, false};

/* -------------------------------------------------------------------------------------------- roles */

/* The table as it is printed there: required, optional, none; of A, one; of B, at most one; C: both or
 * neither. Upper case: an output. */
static const char *const TABLE[] = {
    /* TRAIN, APPLY, STATISTICS, FINISH, TRAIN_GRADIENT, APPLY_GRADIENT */
    [VKN_ROLE_X] = "              r  r  r  -  r  r",  [VKN_ROLE_Y] = "              R  R  -  -  -  -",
    [VKN_ROLE_GAMMA] = "          o  o  -  -  o  o",  [VKN_ROLE_BETA] = "           o  o  -  -  o  o",
    [VKN_ROLE_MEAN] = "           O  r  O  O  r  r",  [VKN_ROLE_INV_STD] = "        B  a  B  B  a  a",
    [VKN_ROLE_VARIANCE] = "       B  a  B  B  a  a",  [VKN_ROLE_RUNNING_MEAN] = "   C  -  C  C  -  -",
    [VKN_ROLE_RUNNING_VARIANCE] = "C  -  C  C  -  -", [VKN_ROLE_MOMENTS] = "        -  -  O  r  -  -",
    [VKN_ROLE_WORKSPACE] = "      o  o  o  o  o  o",  [VKN_ROLE_RESIDUAL] = "       o  o  -  -  o  o",
    [VKN_ROLE_DY] = "             -  -  -  -  r  r",  [VKN_ROLE_DX] = "             -  -  -  -  O  O",
    [VKN_ROLE_DGAMMA] = "         -  -  -  -  O  O",  [VKN_ROLE_DBETA] = "          -  -  -  -  O  O",
    [VKN_ROLE_DRESIDUAL] = "      -  -  -  -  O  O",
};

static char cell(uint32_t role, uint32_t operation) {
    const char *row = TABLE[role] + strspn(TABLE[role], " ");
    return row[3 * (operation - VKN_OPERATION_TRAIN)];
}

static bool is_legal(uint32_t operation, uint32_t roles) {
    uint32_t one_of = 0, one_of_wanted = 0, most_one = 0, both = 0, outputs = 0;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        char c = cell(role, operation);
        uint32_t bound = roles >> role & 1;
        if ((c == '-' && bound) || ((c == 'r' || c == 'R') && !bound))
            return false;
        one_of_wanted = c == 'a' ? 1 : one_of_wanted;
        one_of += c == 'a' ? bound : 0;
        most_one += c == 'B' ? bound : 0;
        both += c == 'C' ? bound : 0;
        outputs += c >= 'A' && c <= 'Z' ? bound : 0;
    }
    return one_of == one_of_wanted && most_one <= 1 && both != 1 && outputs > 0;
}

static void test_every_combination(void **state) {
    uint32_t accepted[VKN_OPERATION_APPLY_GRADIENT + 1] = {0};
    (void)state;
    for (uint32_t operation = VKN_OPERATION_TRAIN; operation <= VKN_OPERATION_APPLY_GRADIENT; operation++)
        for (uint32_t roles = 0; roles < 1u << VKN_ROLE_COUNT; roles++) {
            VknPlanInfo info = {0};
            VknDesc desc;
            vkn_desc_batch_norm(&desc, (VknOperation)operation, 2, (uint64_t[]){6, 5}, 1, (int32_t[]){1});
            desc.roles = roles; /* WORKSPACE is implied, with and without its bit */
            VknResult result = vkn_plan_query(&CAPS, &desc, (VknLog){0}, &info);
            VknResult expected = is_legal(operation, roles) ? VKN_SUCCESS : VKN_ERROR_INVALID_ARGUMENT;
            if (result != expected)
                fail_msg("operation %u with roles 0x%x: %s instead of %s", operation, roles,
                         vkn_result_name(result), vkn_result_name(expected));
            accepted[operation] += result == VKN_SUCCESS;
            for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
                if (role != VKN_ROLE_WORKSPACE)
                    assert_int_equal(info.size[role] > 0, result == VKN_SUCCESS && (roles >> role & 1));
        }
    /* Counted by hand: twice for the bit of WORKSPACE; gamma, beta, mean and residual free, spreads 3 ways,
     * running 2 ways; STATISTICS 24 less the empty one; FINISH 12 less the empty one; gradients 8 ways for
     * gamma, beta and residual, 2 for the spread, 16 less one for the outputs. */
    assert_int_equal(accepted[VKN_OPERATION_TRAIN], 2 * 96);
    assert_int_equal(accepted[VKN_OPERATION_APPLY], 2 * 16);
    assert_int_equal(accepted[VKN_OPERATION_TRAIN_GRADIENT], 2 * 240);
    assert_int_equal(accepted[VKN_OPERATION_APPLY_GRADIENT], 2 * 240);
    assert_int_equal(accepted[VKN_OPERATION_STATISTICS], 2 * 23);
    assert_int_equal(accepted[VKN_OPERATION_FINISH], 2 * 11);
}

/* ------------------------------------------------------------------------------------- empty tensors */

static void test_empty_tensors(void **state) {
    (void)state;
    for (uint32_t operation = VKN_OPERATION_TRAIN; operation <= VKN_OPERATION_APPLY_GRADIENT; operation++)
        for (uint32_t empty = 1; empty < 16; empty++) {
            uint64_t shape[4];
            VknPlanInfo info;
            VknDesc desc;
            for (uint32_t axis = 0; axis < 4; axis++)
                shape[axis] = empty >> axis & 1 ? 0 : axis + 2;
            vkn_desc_batch_norm(&desc, (VknOperation)operation, 4, shape, 2, (int32_t[]){1, 3});
            assert_int_equal(vkn_plan_query(&CAPS, &desc, (VknLog){0}, &info), VKN_SUCCESS);
            assert_int_equal(info.dispatch_count, 0);
            assert_int_equal(info.barrier_count, 0);
            assert_int_equal(info.least_bytes, 0);
            assert_non_null(info.strategy_name);
            for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
                assert_int_equal(info.size[role], 0);
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
                                  .moment_parts = ROWS[i].operation == VKN_OPERATION_FINISH};
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
        cmocka_unit_test(test_every_combination),
        cmocka_unit_test(test_empty_tensors),
        cmocka_unit_test(test_batch_norm_defaults),
        cmocka_unit_test(test_result_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
