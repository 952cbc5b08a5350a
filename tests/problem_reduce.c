/* What REDUCE returns, in fp64, with a bound on what f32 may make of it. */
#include "problem_formula.h"

#include "tensor.h"

#include <math.h>

/* Sums over what counts. */
typedef struct Totals {
    double count, sum, absolute, square, power, power_slack, exponentials, product_slack, product;
    double prologue_slack, least, most;
    uint64_t number, least_number, most_number; /* of elements */
} Totals;

static void totals_add(const Problem *p, Totals *t, Near u) {
    double power = p->desc.power, size = fabs(u.value);
    double turns = size > 0 ? fabs(power * log2(size)) : 0, term = pow(size, power);
    t->prologue_slack = fmax(t->prologue_slack, u.slack);
    t->count++;
    t->sum += u.value;
    t->absolute += size;
    t->square += u.value * u.value;
    t->power += term;
    t->power_slack += pow(size + u.slack, power) - term + term * (power * 0x1p-20 + U * (16 + 8 * turns));
    t->product *= u.value;
    t->product_slack += 4 * U + (size > 0 ? u.slack / size : 0);
    if (t->most_number == UINT64_MAX || u.value > t->most || (u.value == t->most && p->desc.last_index)) {
        t->most = u.value;
        t->most_number = t->number;
    }
    if (t->least_number == UINT64_MAX || u.value < t->least || (u.value == t->least && p->desc.last_index)) {
        t->least = u.value;
        t->least_number = t->number;
    }
}

static Totals totals_of(const Problem *p, uint64_t statistic) {
    Totals t = {.product = 1,
                .least = INFINITY,
                .most = -INFINITY,
                .least_number = UINT64_MAX,
                .most_number = UINT64_MAX};
    for (uint64_t i = 0; i < p->elements; i++) {
        if (!problem_belongs(p, i, statistic))
            continue;
        if (problem_counts(p, i, statistic))
            totals_add(p, &t, problem_input(p, i));
        t.number++;
    }
    return t;
}

static Near log_sum_exp_of(const Problem *p, uint64_t statistic, const Totals *t) {
    double sum = 0, slack = 0;
    for (uint64_t i = 0; i < p->elements; i++)
        if (problem_counts(p, i, statistic) && problem_input(p, i).value > -INFINITY) {
            double distance = problem_input(p, i).value - t->most, e = exp(distance);
            sum += e;
            slack += e * U * (24 + 8 * fabs(distance));
        }
    if (t->most == -INFINITY)
        return (Near){-INFINITY, 0};
    double value = t->most + log(sum);
    return (Near){value, 2 * t->prologue_slack + slack / sum + 64 * U + 0x1p-21 + 4 * U * fabs(value)};
}

/* Around the mean, in two passes. */
static Near variance_of(const Problem *p, uint64_t statistic, const Totals *t) {
    double mean = t->sum / t->count, m2 = 0, n = t->count;
    for (uint64_t i = 0; i < p->elements; i++)
        if (problem_counts(p, i, statistic))
            m2 += pow(problem_input(p, i).value - mean, 2);
    double off = t->prologue_slack + 16 * U * (t->most - t->least), variance = m2 / n;
    double slack = 2 * sqrt(variance) * off + off * off + 32 * U * variance + 1e-30;
    double ratio = p->desc.running_variance ? n / fmax(n - 1, 1) : 1;
    return (Near){variance * ratio, slack * ratio};
}

static Near result_of(const Problem *p, uint64_t statistic, const Totals *t) {
    double off = t->prologue_slack, n = t->count;
    double square_slack = 2 * off * t->absolute + n * off * off + 64 * U * t->square + 1e-30;
    switch (p->desc.statistic) {
    case VKN_STATISTIC_VARIANCE:
        return n ? variance_of(p, statistic, t) : (Near){NAN, 0};
    case VKN_STATISTIC_MEAN_SQUARE:
        return (Near){n ? t->square / n : NAN, square_slack / fmax(n, 1)};
    case VKN_STATISTIC_SUM_SQUARE:
        return (Near){t->square, square_slack};
    case VKN_STATISTIC_SUM_POWER:
        return p->desc.power == 2 ? (Near){t->square, square_slack}
                                  : (Near){t->power, t->power_slack + 16 * U * t->power + 1e-30};
    case VKN_STATISTIC_LOG_SUM_EXP:
        return log_sum_exp_of(p, statistic, t);
    case VKN_STATISTIC_MAX:
        return (Near){t->most, off};
    case VKN_STATISTIC_MIN:
        return (Near){t->least, off};
    case VKN_STATISTIC_SUM:
        return (Near){t->sum, n * off + 8 * U * t->absolute};
    case VKN_STATISTIC_MEAN:
        return (Near){n ? t->sum / n : NAN, off + (8 * U * t->absolute + 4 * U * fabs(t->sum)) / fmax(n, 1)};
    case VKN_STATISTIC_PRODUCT:
        return (Near){t->product, fabs(t->product) * t->product_slack * 1.1 + TEST_FLUSH};
    case VKN_STATISTIC_NONE:
        break;
    }
    return (Near){NAN, 0};
}

void problem_expect_reduce(Problem *p) {
    bool greatest = p->desc.statistic == VKN_STATISTIC_MAX;
    for (uint64_t s = 0; s < p->statistics; s++) {
        Totals t = totals_of(p, s);
        Near v = result_of(p, s, &t);
        uint64_t number = greatest ? t.most_number : t.least_number;
        TestExpect y = problem_activated(&p->desc.activation, v);
        problem_expect_element(p, VKN_ROLE_RESULT, s, y.value, y.bound);
        if (y.other != y.value)
            p->other[VKN_ROLE_RESULT][s] = y.other;
        problem_expect(p, VKN_ROLE_INDEX, s, t.count ? (double)number : UINT32_MAX, 0);
    }
}
