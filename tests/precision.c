#include "precision.h"

#include "tensor.h"

#include <inttypes.h>
#include <math.h>

const TestCase test_precision_case = {
    .name = "precision",
    .desc = {.operation = VKN_OPERATION_TRAIN,
             .rank = 4,
             .shape = {2, 4, 32, 32},
             .kept_axis_count = 1,
             .kept_axes = {1},
             .roles = TEST_X | TEST_Y | TEST_MEAN | TEST_INV_STD,
             .epsilon = 1e-5f},
};

/* Deviations are rounded to 1/16 in x already; this is what the normalization may add to that. */
#define TOLERANCE 1e-3

static bool is_close(double y, double truth) {
    return fabs(y - truth) <= TOLERANCE * fmax(1, fabs(truth));
}

/* How many y of the first statistic the one-pass formula gets wrong. */
static uint64_t one_pass_misses(const VknDesc *desc, const float *x, const TestExpect *truth) {
    uint64_t elements = test_element_count(desc), misses = 0;
    float count = 0, sum = 0, sum_of_squares = 0;
    for (uint64_t e = 0; e < elements; e++) {
        if (test_statistic_of(desc, e) == 0) {
            float value = x[test_offset_of(desc, &desc->x, e)];
            count += 1;
            sum += value;
            sum_of_squares += value * value;
        }
    }
    float mean = sum / count, variance = sum_of_squares / count - mean * mean;
    for (uint64_t e = 0; e < elements; e++) {
        if (test_statistic_of(desc, e) == 0) {
            float distance = x[test_offset_of(desc, &desc->x, e)] - mean;
            misses += !is_close(distance / sqrtf(variance + desc->epsilon), truth[e].value);
        }
    }
    return misses;
}

uint64_t test_precision_compare(const TestImage *image, const VknDesc *desc, const TestReference *reference,
                                FILE *report) {
    const float *x = (const float *)&image->before[image->offset[VKN_ROLE_X]];
    const float *y = (const float *)&image->after[image->offset[VKN_ROLE_Y]];
    const TestExpect *truth = reference->expect[VKN_ROLE_Y];
    uint64_t wrong = test_image_compare(image, desc, reference, report), far = 0;
    for (uint64_t e = 0; e < test_element_count(desc); e++) {
        float got = y[test_offset_of(desc, &desc->y, e)];
        if (!is_close(got, truth[e].value) && far++ == 0)
            fprintf(report, "    Y[%" PRIu64 "] is %.9g, expected %.9g within 1e-3\n", e, got,
                    truth[e].value);
    }
    if (one_pass_misses(desc, x, truth) == 0) {
        fprintf(report, "    the data are too easy: E[x^2] - E[x]^2 in f32 passes as well\n");
        wrong++;
    }
    return wrong + far;
}
