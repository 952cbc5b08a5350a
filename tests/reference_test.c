/* Tests of the tests: the reference against figures worked out by hand, and the comparer against every
 * kind of fault that it is there to find. Needs no device. */
#include "case.h"
#include "precision.h"
#include "tensor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define ALL_SAVED (TEST_MEAN | TEST_INV_STD | TEST_VARIANCE)

static void assert_near(double got, double expected) {
    if (!(fabs(got - expected) <= 1e-6 * fmax(1, fabs(expected))))
        fail_msg("got %.9g, expected %.9g", got, expected);
}

static TestReference refer(const VknDesc *desc, const float *const input[VKN_ROLE_COUNT], uint64_t batch) {
    TestReference reference;
    assert_true(test_reference_create(desc, input, batch, &reference));
    return reference;
}

/* 1, 2, 3, 4: mean 2.5, M2 5. */
static const float four[] = {1, 2, 3, 4};
static const VknDesc four_desc = {.operation = VKN_OPERATION_TRAIN,
                                  .rank = 2,
                                  .shape = {4, 1},
                                  .kept_axis_count = 1,
                                  .kept_axes = {1},
                                  .roles = TEST_X | TEST_Y | ALL_SAVED};

static void small_batch(void **state) {
    (void)state;
    VknDesc desc = four_desc;
    desc.roles |= TEST_AFFINE;
    desc.epsilon = 0.3125f; /* variance + epsilon = 1.5625 = 1.25^2 */
    float gamma = 2, beta = -1;
    const float *input[VKN_ROLE_COUNT] = {
        [VKN_ROLE_X] = four, [VKN_ROLE_GAMMA] = &gamma, [VKN_ROLE_BETA] = &beta};
    TestReference r = refer(&desc, input, 0);
    assert_int_equal(r.statistic_count, 1);
    assert_int_equal(r.reduce_count, 4);
    assert_near(r.expect[VKN_ROLE_MEAN]->value, 2.5);
    assert_near(r.expect[VKN_ROLE_VARIANCE]->value, 1.25);
    assert_near(r.expect[VKN_ROLE_INV_STD]->value, 0.8);
    const double y[] = {-3.4, -1.8, -0.2, 1.4};
    for (int i = 0; i < 4; i++)
        assert_near(r.expect[VKN_ROLE_Y][i].value, y[i]);
    test_reference_destroy(&r);
}

static void running_statistics(void **state) {
    (void)state;
    static const struct {
        VknMomentum convention;
        float momentum;
        VknRunningVariance variance;
        uint64_t batch_number;
        double mean, running_variance; /* after running values of 1 and 2 */
    } rows[] = {
        {VKN_MOMENTUM_OLD, 0.99f, VKN_RUNNING_VARIANCE_BIASED, 0, 0.99 + 0.025, 1.98 + 0.0125}, /* Keras */
        {VKN_MOMENTUM_NEW, 0.1f, VKN_RUNNING_VARIANCE_UNBIASED, 0, 0.9 + 0.25, 1.8 + 0.5 / 3},  /* PyTorch */
        {VKN_MOMENTUM_CUMULATIVE, 0.5f, VKN_RUNNING_VARIANCE_BIASED, 1, 2.5, 1.25},
        {VKN_MOMENTUM_CUMULATIVE, 0.5f, VKN_RUNNING_VARIANCE_UNBIASED, 4, 0.75 + 0.625, 1.5 + 5.0 / 12},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        VknDesc desc = four_desc;
        desc.roles |= TEST_RUNNING;
        desc.momentum_convention = rows[i].convention;
        desc.momentum = rows[i].momentum;
        desc.running_variance = rows[i].variance;
        float mean = 1, variance = 2;
        const float *input[VKN_ROLE_COUNT] = {
            [VKN_ROLE_X] = four, [VKN_ROLE_RUNNING_MEAN] = &mean, [VKN_ROLE_RUNNING_VARIANCE] = &variance};
        TestReference r = refer(&desc, input, rows[i].batch_number);
        assert_near(r.expect[VKN_ROLE_RUNNING_MEAN]->value, rows[i].mean);
        assert_near(r.expect[VKN_ROLE_RUNNING_VARIANCE]->value, rows[i].running_variance);
        test_reference_destroy(&r);
    }
}

static void batch_of_one(void **state) {
    (void)state;
    VknDesc desc = four_desc;
    desc.shape[0] = 1;
    desc.shape[1] = 4;
    desc.roles |= TEST_RUNNING;
    desc.momentum_convention = VKN_MOMENTUM_NEW;
    desc.momentum = 0.5f;
    desc.running_variance = VKN_RUNNING_VARIANCE_UNBIASED;
    const float *input[VKN_ROLE_COUNT] = {
        [VKN_ROLE_X] = four, [VKN_ROLE_RUNNING_MEAN] = four, [VKN_ROLE_RUNNING_VARIANCE] = four};
    TestReference r = refer(&desc, input, 0);
    assert_int_equal(r.statistic_count, 4);
    assert_near(r.expect[VKN_ROLE_MEAN][3].value, 4);
    assert_near(r.expect[VKN_ROLE_RUNNING_VARIANCE][3].value, 2); /* half of 4, half of 0 / 1 */
    assert_near(r.expect[VKN_ROLE_INV_STD][3].value, 0);          /* epsilon is 0 */
    assert_near(r.expect[VKN_ROLE_Y][3].value, 0);
    test_reference_destroy(&r);
}

/* 0 to 7 as (2, 2, 2): axis -1 has two means, axis [1, 2] four. */
static void kept_axes_and_strides(void **state) {
    (void)state;
    static const float x[] = {0, 1, 2, 3, 4, 5, 6, 7};
    const float *input[VKN_ROLE_COUNT] = {[VKN_ROLE_X] = x};
    VknDesc desc = {.operation = VKN_OPERATION_STATISTICS,
                    .rank = 3,
                    .shape = {2, 2, 2},
                    .kept_axis_count = 1,
                    .kept_axes = {-1},
                    .roles = TEST_X | TEST_MEAN};
    TestReference r = refer(&desc, input, 0);
    assert_near(r.expect[VKN_ROLE_MEAN][0].value, 3);
    assert_near(r.expect[VKN_ROLE_MEAN][1].value, 4);
    test_reference_destroy(&r);

    desc.kept_axis_count = 2;
    desc.kept_axes[0] = 2; /* the statistic's order is that of the tensor's axes, not this one */
    desc.kept_axes[1] = 1;
    r = refer(&desc, input, 0);
    for (int i = 0; i < 4; i++)
        assert_near(r.expect[VKN_ROLE_MEAN][i].value, 2 + i);
    test_reference_destroy(&r);

    desc.kept_axis_count = 1;
    desc.kept_axes[0] = 0;
    desc.x.stride[0] = 1; /* stored with axis 0 fastest, axis 1 repeated */
    desc.x.stride[2] = 2;
    r = refer(&desc, input, 0);
    assert_near(r.expect[VKN_ROLE_MEAN][0].value, 1);
    assert_near(r.expect[VKN_ROLE_MEAN][1].value, 2);
    test_reference_destroy(&r);
}

static void moments_merge(void **state) {
    (void)state;
    const VknMoments parts[] = {{2, 1.5f, 0, 0.5f}, {0, NAN, NAN, NAN}, {2, 3, 0.5f, 0.5f}};
    const float *input[VKN_ROLE_COUNT] = {[VKN_ROLE_MOMENTS] = (const float *)parts};
    VknDesc desc = four_desc;
    desc.operation = VKN_OPERATION_FINISH;
    desc.roles = TEST_MOMENTS | ALL_SAVED;
    desc.moment_parts = 3;
    TestReference r = refer(&desc, input, 0);
    assert_near(r.expect[VKN_ROLE_MEAN]->value, 2.5);
    assert_near(r.expect[VKN_ROLE_VARIANCE]->value, 1.25);
    test_reference_destroy(&r);
}

static void activations(void **state) {
    (void)state;
    static const struct {
        VknActivation activation;
        double z, value;
    } rows[] = {
        {{VKN_ACTIVATION_IDENTITY, {0}}, -3, -3},
        {{VKN_ACTIVATION_RELU, {0, 0, INFINITY}}, -3, 0},
        {{VKN_ACTIVATION_RELU, {0, 0, 6}}, 7, 6},
        {{VKN_ACTIVATION_RELU, {0, 0.5f, 6}}, 0.5, 0},
        {{VKN_ACTIVATION_RELU, {0.25f, 1, 2}}, -3, -1},
        {{VKN_ACTIVATION_LEAKY_RELU, {0.5f}}, -3, -1.5},
        {{VKN_ACTIVATION_ELU, {2}}, -1, -1.2642411},
        {{VKN_ACTIVATION_SIGMOID, {0}}, 1, 0.7310586},
        {{VKN_ACTIVATION_TANH, {0}}, 0.5, 0.4621172},
        {{VKN_ACTIVATION_SILU, {2}}, 0.5, 0.3655293},
        {{VKN_ACTIVATION_GELU, {0}}, 1, 0.8413447},
        {{VKN_ACTIVATION_GELU, {0}}, -1, -0.1586553},
        {{VKN_ACTIVATION_HARD_SWISH, {0}}, 1, 0.6666667},
        {{VKN_ACTIVATION_HARD_SWISH, {0}}, -4, 0},
        {{VKN_ACTIVATION_CLIP, {-1, 2}}, -4, -1},
        {{VKN_ACTIVATION_SELU, {0}}, -1, -1.1113307},
        {{VKN_ACTIVATION_CELU, {2}}, -1, -0.7869387},
        {{VKN_ACTIVATION_GELU_TANH, {0}}, 1, 0.8411920},
        {{VKN_ACTIVATION_QUICK_GELU, {1.702f}}, 1, 0.8457958},
        {{VKN_ACTIVATION_LOG_SIGMOID, {0}}, -1, -1.3132617},
        {{VKN_ACTIVATION_HARD_SIGMOID, {0.2f, 0.5f}}, 1, 0.7},
        {{VKN_ACTIVATION_TANH_SHRINK, {0}}, 1, 0.2384058},
        {{VKN_ACTIVATION_TANH_SHRINK, {0}}, 0.05, 4.1625e-5},
        {{VKN_ACTIVATION_SOFTPLUS, {2, 20}}, 1, 1.0634640},
        {{VKN_ACTIVATION_SOFTPLUS, {2, 1}}, 1, 1},
        {{VKN_ACTIVATION_SOFTSIGN, {0}}, -3, -0.75},
        {{VKN_ACTIVATION_MISH, {0}}, 1, 0.8650984},
        {{VKN_ACTIVATION_SOFT_SHRINK, {0.5f}}, -2, -1.5},
        {{VKN_ACTIVATION_HARD_SHRINK, {0.5f}}, -0.5, 0},
        {{VKN_ACTIVATION_SHRINK, {0.25f, 1}}, 2, 1.75},
        {{VKN_ACTIVATION_THRESHOLDED_RELU, {1}}, 1, 0},
        {{VKN_ACTIVATION_THRESHOLD, {1, 5}}, 0.5, 5},
        {{VKN_ACTIVATION_SQUAREPLUS, {4}}, -1, 0.6180340},
        {{VKN_ACTIVATION_EXP, {0}}, 1, 2.7182818},
        {{VKN_ACTIVATION_LOG, {0}}, 3, 1.0986123},
        {{VKN_ACTIVATION_LINEAR, {-2, 1}}, 3, -5},
        {{VKN_ACTIVATION_ABS, {0}}, -3, 3},
        {{VKN_ACTIVATION_SQUARE, {0}}, -3, 9},
        {{VKN_ACTIVATION_SQRT, {0}}, 2, 1.4142136},
        {{VKN_ACTIVATION_RECIPROCAL, {0}}, -4, -0.25},
        {{VKN_ACTIVATION_POW, {3}}, -2, -8},
        {{VKN_ACTIVATION_ERF, {0}}, 0.5, 0.5204999},
        {{VKN_ACTIVATION_SIGN, {0}}, -0.5, -1},
        {{VKN_ACTIVATION_SPARSE_PLUS, {0}}, 0.5, 0.5625},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_near(test_activation_value(&rows[i].activation, rows[i].z), rows[i].value);
}

/* What a faultless library would leave behind, or the nearest f32 to it. */
static void leave_truth(TestImage *image, const VknDesc *desc, const TestReference *r) {
    memcpy(image->after, image->before, image->word_count * sizeof(uint32_t));
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        uint64_t words = role == VKN_ROLE_Y ? test_element_count(desc) : image->words[role];
        for (uint64_t i = 0; r->expect[role] && i < words; i++) {
            const TestExpect *expect = &r->expect[role][i];
            uint64_t at = role == VKN_ROLE_Y ? test_offset_of(desc, &desc->y, i) : i;
            float *word = (float *)&image->after[image->offset[role] + at];
            *word =
                (float)(expect->value - (expect->with_previous && isfinite(expect->value) ? word[-1] : 0));
        }
    }
}

/* Bounds must admit the truth, whatever the case and the data. */
static void truth_passes(void **state) {
    (void)state;
    for (uint32_t i = 0; i < test_case_count; i++) {
        VknDesc desc = test_case_desc(&test_cases[i]);
        for (uint32_t k = 0; k < test_fill_count; k++) {
            TestImage image;
            TestReference r;
            assert_true(test_image_create(&desc, test_cases[i].in_place, 0, &test_fills[k], &image));
            assert_true(test_image_reference(&image, &desc, test_cases[i].batch_number, &r));
            leave_truth(&image, &desc, &r);
            if (test_image_compare(&image, &desc, &r, stdout) != 0)
                fail_msg("%s filled with %s", test_cases[i].name, test_fills[k].name);
            test_reference_destroy(&r);
            test_image_destroy(&image);
        }
    }
}

/* A padded training step whose result is right, to be spoilt. */
typedef struct Result {
    VknDesc desc;
    TestImage image;
    TestReference reference;
    FILE *report;
} Result;

static const TestFill *fill_named(const char *name) {
    for (uint32_t i = 0; i < test_fill_count; i++)
        if (strcmp(test_fills[i].name, name) == 0)
            return &test_fills[i];
    fail_msg("no fill %s", name);
    return NULL;
}

static void make_result(Result *result, const char *fill, uint32_t more_roles) {
    TestCase test = test_precision_case;
    test.x.gap = test.y.gap = 2;
    test.desc.roles |= more_roles;
    result->desc = test_case_desc(&test);
    assert_true(test_image_create(&result->desc, false, 8, fill_named(fill), &result->image));
    assert_true(test_image_reference(&result->image, &result->desc, 0, &result->reference));
    result->report = tmpfile();
    assert_non_null(result->report);
    leave_truth(&result->image, &result->desc, &result->reference);
}

static void free_result(Result *result) {
    fclose(result->report);
    test_reference_destroy(&result->reference);
    test_image_destroy(&result->image);
}

static uint64_t faults(Result *result) {
    uint64_t wrong = test_image_compare(&result->image, &result->desc, &result->reference, result->report);
    leave_truth(&result->image, &result->desc, &result->reference);
    return wrong;
}

static void comparer_rejects(void **state) {
    (void)state;
    Result result;
    make_result(&result, "normal", TEST_AFFINE);
    const uint64_t *offset = result.image.offset, *words = result.image.words;
    uint32_t *after = result.image.after;
    float *y = (float *)&after[offset[VKN_ROLE_Y]];
    assert_int_equal(faults(&result), 0);

    y[5] += 4 * (float)result.reference.expect[VKN_ROLE_Y][5].bound;
    assert_int_equal(faults(&result), 1);
    y[5] = NAN;
    assert_int_equal(faults(&result), 1);
    after[offset[VKN_ROLE_Y] + 5] = TEST_POISON;
    assert_int_equal(faults(&result), 1);
    *(float *)&after[offset[VKN_ROLE_INV_STD]] *= 1.001f;
    assert_int_equal(faults(&result), 1);

    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        after[offset[role] - TEST_GUARD] = 0;
        assert_int_equal(faults(&result), 1);
        after[offset[role] - 1] = 0;
        assert_int_equal(faults(&result), 1);
        after[offset[role] + words[role]] = 0;
        assert_int_equal(faults(&result), 1);
        after[offset[role] + words[role] + TEST_GUARD - 1] = 0;
        assert_int_equal(faults(&result), 1);
    }
    y[32] = 0; /* the gap after the first row */
    assert_int_equal(faults(&result), 1);
    after[offset[VKN_ROLE_X] + 33] = 0; /* likewise, of the input */
    assert_int_equal(faults(&result), 1);
    after[offset[VKN_ROLE_X] + 5] ^= 1;
    assert_int_equal(faults(&result), 1);
    after[offset[VKN_ROLE_GAMMA] + 1] ^= 1;
    assert_int_equal(faults(&result), 1);
    after[offset[VKN_ROLE_WORKSPACE]] = 0; /* which is free */
    assert_int_equal(faults(&result), 0);
    free_result(&result);
}

static void comparer_wants_nan(void **state) {
    (void)state;
    Result result;
    make_result(&result, "nan", TEST_AFFINE);
    uint64_t channel = 2, element = channel * 32 * 32;
    uint32_t *after = result.image.after;
    uint64_t y = result.image.offset[VKN_ROLE_Y] + test_offset_of(&result.desc, &result.desc.y, element);
    assert_int_equal(faults(&result), 0);
    assert_true(isnan(result.reference.expect[VKN_ROLE_Y][element].value));
    after[y] = 0;
    assert_int_equal(faults(&result), 1);
    after[y] = TEST_POISON; /* a NaN, but not one that was written */
    assert_int_equal(faults(&result), 1);
    after[result.image.offset[VKN_ROLE_MEAN] + channel] = 0;
    assert_int_equal(faults(&result), 1);
    free_result(&result);
}

static void comparer_takes_either_side_of_a_jump(void **state) {
    (void)state;
    const VknActivation relu = {VKN_ACTIVATION_RELU, {0, 0.5f, INFINITY}};
    TestExpect near = test_activation_expect(&relu, 0.5 + 1e-7, 1e-6);
    assert_near(near.value, 0.5);
    assert_near(near.other, 0);
    assert_true(near.bound < 2e-6);
    TestExpect far = test_activation_expect(&relu, 0.5 + 1e-5, 1e-6);
    assert_true(far.other == far.value);
}

static void precision_is_hard(void **state) {
    (void)state;
    Result result;
    make_result(&result, "mean_1e6", 0);
    assert_int_equal(test_precision_compare(&result.image, &result.desc, &result.reference, result.report),
                     0);
    free_result(&result);
    make_result(&result, "normal", 0); /* on which the one-pass formula does well */
    assert_int_equal(test_precision_compare(&result.image, &result.desc, &result.reference, result.report),
                     1);
    free_result(&result);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_batch),        cmocka_unit_test(running_statistics),
        cmocka_unit_test(batch_of_one),       cmocka_unit_test(kept_axes_and_strides),
        cmocka_unit_test(moments_merge),      cmocka_unit_test(activations),
        cmocka_unit_test(truth_passes),       cmocka_unit_test(comparer_rejects),
        cmocka_unit_test(comparer_wants_nan), cmocka_unit_test(comparer_takes_either_side_of_a_jump),
        cmocka_unit_test(precision_is_hard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
