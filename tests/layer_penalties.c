/* Regularizers and constraints by themselves. What Keras makes of them is in tests/golden/layers.txt. */
#include <vknorm/layer.h>

#include "runtime_test.h"

#include <math.h>

static Log log_of_test;
static const VknLog LOG = {log_write, &log_of_test};

static const uint64_t SHAPE[] = {3, 4};
static const float W[12] = {0.5f, -1, 0, 2, 1.5f, 0.25f, -0.75f, 1, -2, 0.125f, 3, -0.5f};

static double loss_of(const VknRegularizer *regularizer, const float *values) {
    double loss = NAN;
    assert_int_equal(vkn_regularizer_apply(LOG, regularizer, 2, SHAPE, values, &loss, NULL), VKN_SUCCESS);
    return loss;
}

static void near(double is, double expected, double bound) {
    if (!(fabs(is - expected) <= bound))
        fail_msg("%g is not within %g of %g", is, bound, expected);
}

static void test_losses(void **state) {
    (void)state;
    near(loss_of(&(VknRegularizer){.l1 = 2}, W), 2 * 12.625, 1e-12);
    near(loss_of(&(VknRegularizer){.l2 = 0.5f}, W), 0.5 * 22.390625, 1e-12);
    near(loss_of(&(VknRegularizer){.l1 = 1, .l2 = 1}, W), 12.625 + 22.390625, 1e-12);
    near(loss_of(&(VknRegularizer){0}, W), 0, 0);
    /* Rows (1,0), (1,1), (0,2): |cos| 1/sqrt(2), 0, 1/sqrt(2), of which the mean. */
    const float rows[] = {1, 0, 1, 1, 0, 2};
    double loss;
    const VknRegularizer orthogonal = {.orthogonal = 3};
    assert_int_equal(vkn_regularizer_apply(LOG, &orthogonal, 2, (uint64_t[]){3, 2}, rows, &loss, NULL),
                     VKN_SUCCESS);
    near(loss, 3 * 2 / sqrt(2) / 3, 1e-12);
    /* One row has no pair. */
    assert_int_equal(vkn_regularizer_apply(LOG, &orthogonal, 2, (uint64_t[]){1, 6}, rows, &loss, NULL),
                     VKN_SUCCESS);
    near(loss, 0, 0);
}

/* Against differences, and added to what was there. */
static void test_gradients(void **state) {
    static const VknRegularizer ALL[] = {{.l1 = 0.5f},
                                         {.l2 = 0.5f},
                                         {.orthogonal = 2},
                                         {.orthogonal = 2, .orthogonal_columns = true},
                                         {.l1 = 0.25f, .l2 = 0.125f, .orthogonal = 1}};
    const float h = 0x1p-10f;
    (void)state;
    for (size_t r = 0; r < sizeof ALL / sizeof *ALL; r++) {
        float gradient[12];
        double loss;
        for (int i = 0; i < 12; i++)
            gradient[i] = (float)i;
        assert_int_equal(vkn_regularizer_apply(LOG, &ALL[r], 2, SHAPE, W, &loss, gradient), VKN_SUCCESS);
        for (int i = 0; i < 12; i++) {
            float up[12], down[12];
            memcpy(up, W, sizeof W);
            memcpy(down, W, sizeof W);
            up[i] += h;
            down[i] -= h;
            near(gradient[i] - i, (loss_of(&ALL[r], up) - loss_of(&ALL[r], down)) / (2 * h), 2e-5);
        }
    }
}

/* A row of zeros has no direction: Keras divides it by 1e-7 instead of its norm. */
static void test_zero_vector(void **state) {
    const float values[] = {0, 0, 1, 1};
    const VknRegularizer orthogonal = {.orthogonal = 1};
    float gradient[4] = {0};
    double loss;
    (void)state;
    assert_int_equal(vkn_regularizer_apply(LOG, &orthogonal, 2, (uint64_t[]){2, 2}, values, &loss, gradient),
                     VKN_SUCCESS);
    near(loss, 0, 0);
    for (int i = 0; i < 4; i++)
        assert_true(gradient[i] == 0);
}

/* -------------------------------------------------------------------------------------------- constraints */

static double norm_of_column(const float *w, int column) {
    return sqrt(pow(w[column], 2) + pow(w[4 + column], 2) + pow(w[8 + column], 2));
}

static void test_constraints(void **state) {
    float w[12];
    VknConstraint constraint = vkn_constraint_default(VKN_CONSTRAINT_MAX_NORM);
    (void)state;
    assert_true(constraint.maximum == 2 && constraint.axis_count == 1 && constraint.axes[0] == 0);
    memcpy(w, W, sizeof w);
    assert_int_equal(vkn_constraint_apply(LOG, &constraint, 2, SHAPE, w), VKN_SUCCESS);
    for (int c = 0; c < 4; c++)
        near(norm_of_column(w, c), fmin(2, norm_of_column(W, c)), 1e-6);
    constraint = vkn_constraint_default(VKN_CONSTRAINT_UNIT_NORM);
    memcpy(w, W, sizeof w);
    assert_int_equal(vkn_constraint_apply(LOG, &constraint, 2, SHAPE, w), VKN_SUCCESS);
    for (int c = 0; c < 4; c++)
        near(norm_of_column(w, c), 1, 1e-6);
    constraint = vkn_constraint_default(VKN_CONSTRAINT_MIN_MAX_NORM);
    assert_true(constraint.minimum == 0 && constraint.maximum == 1 && constraint.rate == 1);
    constraint.axis_count = 0; /* over all */
    constraint.rate = 0.5f;
    memcpy(w, W, sizeof w);
    assert_int_equal(vkn_constraint_apply(LOG, &constraint, 2, SHAPE, w), VKN_SUCCESS);
    double norm = sqrt(22.390625);
    near(w[3] / 2, (0.5 + 0.5 * norm) / norm, 1e-6);
    constraint = vkn_constraint_default(VKN_CONSTRAINT_NON_NEG);
    memcpy(w, W, sizeof w);
    w[1] = NAN;
    assert_int_equal(vkn_constraint_apply(LOG, &constraint, 2, SHAPE, w), VKN_SUCCESS);
    for (int i = 0; i < 12; i++)
        assert_true(i == 1 ? isnan(w[i]) : w[i] == fmaxf(W[i], 0));
    constraint = vkn_constraint_default(VKN_CONSTRAINT_NONE);
    memcpy(w, W, sizeof w);
    assert_int_equal(vkn_constraint_apply(LOG, &constraint, 2, SHAPE, w), VKN_SUCCESS);
    assert_memory_equal(w, W, sizeof w);
    memset(w, 0, sizeof w); /* nothing is divided by 0 */
    constraint = vkn_constraint_default(VKN_CONSTRAINT_UNIT_NORM);
    assert_int_equal(vkn_constraint_apply(LOG, &constraint, 2, SHAPE, w), VKN_SUCCESS);
    for (int i = 0; i < 12; i++)
        assert_true(w[i] == 0);
}

/* ----------------------------------------------------------------------------------------------- rules */

static void refuse_constraint(VknConstraint constraint, const char *words) {
    float w[12];
    memcpy(w, W, sizeof w);
    assert_fails(&log_of_test, vkn_constraint_apply(LOG, &constraint, 2, SHAPE, w),
                 VKN_ERROR_INVALID_ARGUMENT, words);
    assert_memory_equal(w, W, sizeof w);
}

static void test_refusals(void **state) {
    static const struct {
        VknRegularizer regularizer;
        uint32_t rank;
        const char *words;
    } REFUSED[] = {{{.l1 = -1}, 2, "not l1 -1"},
                   {{.l2 = INFINITY}, 2, "l2 inf"},
                   {{.orthogonal = NAN}, 2, "orthogonal nan"},
                   {{.orthogonal = 1}, 1, "not of rank 1"}};
    VknConstraint constraint = vkn_constraint_default(VKN_CONSTRAINT_MAX_NORM);
    float gradient[12] = {0};
    double loss = 42;
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++)
        assert_fails(
            &log_of_test,
            vkn_regularizer_apply(LOG, &REFUSED[i].regularizer, REFUSED[i].rank, SHAPE, W, &loss, gradient),
            VKN_ERROR_INVALID_ARGUMENT, REFUSED[i].words);
    assert_true(loss == 42 && gradient[0] == 0);
    refuse_constraint((VknConstraint){.kind = (VknConstraintKind)5}, "no constraint 5");
    constraint.axes[0] = 2;
    refuse_constraint(constraint, "from -2 to 1, not 2");
    constraint = (VknConstraint){VKN_CONSTRAINT_MAX_NORM, 0, 1, 1, 2, {0, -2}};
    refuse_constraint(constraint, "axis -2 is listed twice");
    constraint = (VknConstraint){VKN_CONSTRAINT_MIN_MAX_NORM, 2, 1, 1, 0, {0}};
    refuse_constraint(constraint, "not 2 and 1");
    constraint = (VknConstraint){VKN_CONSTRAINT_MIN_MAX_NORM, 0, 1, 1.5f, 0, {0}};
    refuse_constraint(constraint, "not 1.5");
    constraint = (VknConstraint){VKN_CONSTRAINT_MAX_NORM, 0, 1, 1, 9, {0}};
    refuse_constraint(constraint, "at most 8 axes, not 9");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses),      cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_zero_vector), cmocka_unit_test(test_constraints),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
