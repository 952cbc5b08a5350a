#include "reference.h"

#include "tensor.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* n rounded additions of values up to D err by up to n * D units, and by about sqrt(n) * D when the
 * roundings are independent. Twice that, and 8 units for the few operations around the sum. */
#define SUM_ERROR(n) ((2 * sqrt(n) + 8) * TEST_ROUNDING)

/* 1 / sqrt(m2 / n + epsilon): division 2.5 ULP, half of it felt through the root; the addition; the
 * root, as inversesqrt (2 ULP) or as 1 / sqrt (2 + 2.5 ULP); each ULP being up to 2 roundings. */
#define INV_STD_ERROR (12 * TEST_ROUNDING)

/* Two words carry what is left of a mean after its first word. */
#define TWO_WORD_ERROR (2 * TEST_ROUNDING * TEST_ROUNDING)

typedef struct Statistic {
    double count, mean, m2;
    double reach; /* the largest distance of a value from the mean */
    double terms; /* how many values or parts were added */
    double variance, inv_std;
    double mean_bound;     /* as the library carries it, before it is rounded to one f32 */
    double variance_error; /* relative */
    double inv_std_error;  /* relative; infinite when the variance may have been flushed to 0 */
    bool finite;
} Statistic;

static void finish_statistic(Statistic *s, double epsilon) {
    s->variance = s->count > 0 ? s->m2 / s->count : 0;
    double deviation = sqrt(s->variance), total = s->variance + epsilon;
    /* one flush for the values, one for their sum */
    s->mean_bound = SUM_ERROR(s->terms) * s->reach + TWO_WORD_ERROR * fabs(s->mean) + 2 * TEST_FLUSH;
    /* An error of the partial means moves m2 by twice itself times the distance of those means. */
    s->variance_error = deviation > 0 ? SUM_ERROR(s->terms) * (1 + s->reach / deviation) : 0;
    s->inv_std = total > 0 ? 1 / sqrt(total) : 0;
    s->inv_std_error = total > 0 ? s->variance_error * s->variance / total / 2 + INV_STD_ERROR : 0;
    if (total > 0 && total < 4 * TEST_FLUSH)
        s->inv_std_error = INFINITY;
}

/* The statistics of x, in two passes. */
static void reduce(const VknDesc *desc, const float *x, Statistic *statistics) {
    uint64_t elements = test_element_count(desc), count = test_statistic_count(desc);
    for (uint64_t e = 0; e < elements; e++) {
        Statistic *s = &statistics[test_statistic_of(desc, e)];
        double value = x[test_offset_of(desc, &desc->x, e)];
        s->count += 1;
        s->mean += value;
        s->finite = s->finite && isfinite(value);
    }
    for (uint64_t i = 0; i < count; i++) {
        statistics[i].mean /= statistics[i].count;
        statistics[i].terms = statistics[i].count;
    }
    for (uint64_t e = 0; e < elements; e++) {
        Statistic *s = &statistics[test_statistic_of(desc, e)];
        double distance = x[test_offset_of(desc, &desc->x, e)] - s->mean;
        s->m2 += distance * distance;
        s->reach = fmax(s->reach, fabs(distance));
    }
}

static double part_mean(const VknMoments *part) {
    return (double)part->mean + part->mean_low;
}

/* The statistics that parts of a batch have together. */
static void merge(const VknDesc *desc, const VknMoments *parts, Statistic *statistics) {
    uint64_t count = test_statistic_count(desc);
    for (uint64_t i = 0; i < count; i++) {
        Statistic *s = &statistics[i];
        for (uint32_t k = 0; k < desc->moment_parts; k++) {
            const VknMoments *part = &parts[k * count + i];
            if (part->count > 0) {
                s->count += part->count;
                s->mean += part->count * part_mean(part);
                s->finite = s->finite && isfinite(part->mean) && isfinite(part->m2);
            }
        }
        s->mean /= s->count;
        s->terms = desc->moment_parts;
        for (uint32_t k = 0; k < desc->moment_parts; k++) {
            const VknMoments *part = &parts[k * count + i];
            if (part->count > 0) {
                double distance = part_mean(part) - s->mean;
                s->m2 += part->m2 + part->count * distance * distance;
                s->reach = fmax(s->reach, fabs(distance) + sqrt(part->m2 / part->count));
            }
        }
    }
}

/* The statistics of APPLY: exact inputs, save for the root of the variance. */
static void take_given(const VknDesc *desc, const float *const input[VKN_ROLE_COUNT], Statistic *statistics) {
    for (uint64_t i = 0; i < test_statistic_count(desc); i++) {
        Statistic *s = &statistics[i];
        s->mean = input[VKN_ROLE_MEAN][i];
        if (desc->roles & VKN_ROLE_BIT(VKN_ROLE_INV_STD)) {
            s->inv_std = input[VKN_ROLE_INV_STD][i];
        } else {
            double total = (double)input[VKN_ROLE_VARIANCE][i] + desc->epsilon;
            s->inv_std = total > 0 ? 1 / sqrt(total) : 0;
            s->inv_std_error = total > 0 ? INV_STD_ERROR : 0;
        }
    }
}

static TestExpect near(double value, double bound) {
    return (TestExpect){.value = value, .other = value, .bound = bound + TEST_FLUSH};
}

/* One f32 holds the mean. */
static TestExpect expect_mean(const Statistic *s) {
    return s->finite ? near(s->mean, s->mean_bound + TEST_ROUNDING * fabs(s->mean)) : near(INFINITY, 0);
}

static TestExpect expect_variance(const Statistic *s) {
    return s->finite ? near(s->variance, s->variance * (s->variance_error + 6 * TEST_ROUNDING))
                     : near(NAN, 0);
}

static TestExpect expect_inv_std(const Statistic *s) {
    return s->finite ? near(s->inv_std, s->inv_std * s->inv_std_error) : near(NAN, 0);
}

/* The moved running value: `batch` is what moves in. The bound allows for momentum * old + (1 - momentum)
 * * batch as for old + weight * (batch - old). */
static TestExpect expect_running(const VknDesc *desc, uint64_t batch_number, double old, TestExpect batch) {
    double weight = 0;
    switch (desc->momentum_convention) {
    case VKN_MOMENTUM_OLD:
        weight = 1 - (double)desc->momentum;
        break;
    case VKN_MOMENTUM_NEW:
        weight = desc->momentum;
        break;
    case VKN_MOMENTUM_CUMULATIVE:
        weight = 1 / (double)batch_number;
        break;
    }
    if (!isfinite(batch.value))
        return near(INFINITY, 0);
    return near((1 - weight) * old + weight * batch.value,
                weight * batch.bound + 4 * TEST_ROUNDING * (fabs(old) + weight * fabs(batch.value)));
}

/* batch statistic -> running variance: M2 / n or M2 / (n - 1), n = 1 counting as 2. */
static TestExpect expect_moving_variance(const VknDesc *desc, const Statistic *s) {
    TestExpect variance = expect_variance(s);
    if (desc->running_variance == VKN_RUNNING_VARIANCE_UNBIASED) {
        double factor = s->count / fmax(s->count - 1, 1);
        variance = s->finite ? near(variance.value * factor, variance.bound * factor) : variance;
    }
    return variance;
}

static void expect_moments(const Statistic *s, TestExpect expect[4]) {
    expect[0] = (TestExpect){.value = s->count, .other = s->count};
    expect[1] = expect_mean(s);
    /* any second word is good that brings the sum of both close enough */
    expect[2] = s->finite ? near(s->mean, s->mean_bound) : near(INFINITY, 0);
    expect[2].with_previous = true;
    expect[3] = s->finite ? near(s->m2, s->m2 * s->variance_error) : near(NAN, 0);
}

/* act((x - mean) * inv_std * gamma + beta) and the errors that come together in it. */
static TestExpect expect_y(const VknDesc *desc, const Statistic *s, double x, double gamma, double beta) {
    double distance = x - s->mean, scale = s->inv_std * gamma, z = distance * scale + beta;
    if (!s->finite || isnan(z))
        return near(NAN, 0);
    double bound =
        fabs(scale) * (s->mean_bound + 2 * TEST_ROUNDING * (fabs(distance) + TEST_ROUNDING * fabs(s->mean))) +
        fabs(scale * distance) * (s->inv_std_error + 2 * TEST_ROUNDING) + TEST_ROUNDING * fabs(z) +
        TEST_FLUSH * (2 * fabs(scale) + fabs(distance) + 2);
    return test_activation_expect(&desc->activation, z, isnan(bound) ? INFINITY : bound);
}

static void expect_statistics(const VknDesc *desc, const float *const input[VKN_ROLE_COUNT],
                              uint64_t batch_number, const Statistic *statistics, TestReference *reference) {
    TestExpect *const *out = reference->expect;
    for (uint64_t i = 0; i < reference->statistic_count; i++) {
        const Statistic *s = &statistics[i];
        if (out[VKN_ROLE_MEAN])
            out[VKN_ROLE_MEAN][i] = expect_mean(s);
        if (out[VKN_ROLE_INV_STD])
            out[VKN_ROLE_INV_STD][i] = expect_inv_std(s);
        if (out[VKN_ROLE_VARIANCE])
            out[VKN_ROLE_VARIANCE][i] = expect_variance(s);
        if (out[VKN_ROLE_RUNNING_MEAN])
            out[VKN_ROLE_RUNNING_MEAN][i] =
                expect_running(desc, batch_number, input[VKN_ROLE_RUNNING_MEAN][i], expect_mean(s));
        if (out[VKN_ROLE_RUNNING_VARIANCE])
            out[VKN_ROLE_RUNNING_VARIANCE][i] = expect_running(
                desc, batch_number, input[VKN_ROLE_RUNNING_VARIANCE][i], expect_moving_variance(desc, s));
        if (out[VKN_ROLE_MOMENTS])
            expect_moments(s, &out[VKN_ROLE_MOMENTS][4 * i]);
    }
}

static void expect_output(const VknDesc *desc, const float *const input[VKN_ROLE_COUNT],
                          const Statistic *statistics, TestExpect *y) {
    for (uint64_t e = 0; e < test_element_count(desc); e++) {
        uint64_t i = test_statistic_of(desc, e);
        bool scaled = desc->roles & VKN_ROLE_BIT(VKN_ROLE_GAMMA),
             shifted = desc->roles & VKN_ROLE_BIT(VKN_ROLE_BETA);
        y[e] = expect_y(desc, &statistics[i], input[VKN_ROLE_X][test_offset_of(desc, &desc->x, e)],
                        scaled ? input[VKN_ROLE_GAMMA][i] : 1, shifted ? input[VKN_ROLE_BETA][i] : 0);
    }
}

bool test_reference_create(const VknDesc *desc, const float *const input[VKN_ROLE_COUNT],
                           uint64_t batch_number, TestReference *reference) {
    *reference = (TestReference){.statistic_count = test_statistic_count(desc)};
    uint64_t elements = test_element_count(desc);
    if (elements == 0)
        return true;
    reference->reduce_count = elements / reference->statistic_count;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        if (!(test_roles_written(desc) & VKN_ROLE_BIT(role)))
            continue;
        uint64_t words = role == VKN_ROLE_Y ? elements : test_role_words(desc, role);
        reference->expect[role] = calloc(words, sizeof(TestExpect));
        if (!reference->expect[role]) {
            test_reference_destroy(reference);
            return false;
        }
    }
    Statistic *statistics = calloc(reference->statistic_count, sizeof *statistics);
    if (!statistics) {
        test_reference_destroy(reference);
        return false;
    }
    for (uint64_t i = 0; i < reference->statistic_count; i++)
        statistics[i].finite = true;
    if (desc->operation == VKN_OPERATION_APPLY)
        take_given(desc, input, statistics);
    else if (desc->operation == VKN_OPERATION_FINISH)
        merge(desc, (const VknMoments *)input[VKN_ROLE_MOMENTS], statistics);
    else
        reduce(desc, input[VKN_ROLE_X], statistics);
    if (desc->operation != VKN_OPERATION_APPLY) {
        for (uint64_t i = 0; i < reference->statistic_count; i++)
            finish_statistic(&statistics[i], desc->epsilon);
        expect_statistics(desc, input, batch_number, statistics, reference);
    }
    if (reference->expect[VKN_ROLE_Y])
        expect_output(desc, input, statistics, reference->expect[VKN_ROLE_Y]);
    free(statistics);
    return true;
}

void test_reference_destroy(TestReference *reference) {
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        free(reference->expect[role]);
    *reference = (TestReference){0};
}
