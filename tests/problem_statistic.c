/* What is computed of u, in f64, and how far off f32 may be. */
#include "problem_formula.h"

#include "number.h"
#include "tensor.h"

#include <math.h>

static double round_f32(double v) {
    return (double)(float)v;
}

double problem_sum(const Problem *p, uint64_t i) {
    double v = p->given[VKN_ROLE_X][i];
    if (p->desc.residual_use != VKN_RESIDUAL_BEFORE || p->backward)
        return v;
    v = round_f32(v + p->given[VKN_ROLE_RESIDUAL][i]);
    return problem_has(p, VKN_ROLE_RESIDUAL_SUM) ? test_round(p->desc.dx.type, v) : v;
}

Near problem_input(const Problem *p, uint64_t i) {
    double sum = problem_sum(p, i);
    TestExpect u = test_activation_expect(&p->desc.prologue, sum, 0);
    if (p->desc.statistic == VKN_STATISTIC_LOG_SUM_EXP && MASKED(p) && p->given[VKN_ROLE_MASK][i] == 0)
        return (Near){-INFINITY, 0};
    return isinf(sum) ? (Near){u.value, 0} : (Near){u.value, u.bound};
}

bool problem_belongs(const Problem *p, uint64_t i, uint64_t statistic) {
    return !test_is_padding(&p->desc, i) && test_statistic_of(&p->desc, i) == statistic;
}

bool problem_counts(const Problem *p, uint64_t i, uint64_t statistic) {
    return problem_belongs(p, i, statistic) && (!MASKED(p) || p->given[VKN_ROLE_MASK][i] != 0);
}

/* The maximum, the sum of exponentials, and 1 / sum: Vulkan's exp is good to 3 + 2|x| ULP. */
static void add_exponentials(const Problem *p, uint64_t index, Statistic *s, double most) {
    double sum = 0, slack = 0;
    for (uint64_t i = 0; i < p->elements; i++)
        if (problem_counts(p, i, index) && problem_input(p, i).value > -INFINITY) {
            double distance = problem_input(p, i).value - most, e = exp(distance);
            sum += e;
            slack += e * (2 * s->prologue_slack + U * (16 + 8 * fabs(distance)));
        }
    slack += 64 * U * sum;
    s->mean = (Near){most, s->prologue_slack};
    s->variance = (Near){sum, slack};
    s->inverse = (Near){sum > 0 ? 1 / sum : 0, sum > 0 ? slack / sum / sum + 4 * U / sum : 0};
    s->norm.mean = (Near){most > -INFINITY ? most : 0, s->prologue_slack};
    s->norm.low =
        (Near){sum > 0 ? log(sum) : 0, sum > 0 ? slack / sum + 0x1p-21 + 4 * U * fabs(log(sum)) : 0};
    s->norm.inverse = (Near){1, 0};
}

/* The sum of powers by exp2(power * log2(u)), and what it is to u. */
static void add_powers(const Problem *p, uint64_t index, Statistic *s) {
    double power = p->desc.power, sum = 0, slack = 0, epsilon = p->desc.epsilon;
    for (uint64_t i = 0; i < p->elements; i++)
        if (problem_counts(p, i, index)) {
            double u = fabs(problem_input(p, i).value), term = pow(u, power);
            double turns = u > 0 ? fabs(power * log2(u)) : 0;
            sum += term;
            slack +=
                pow(u + s->prologue_slack, power) - term + term * (power * 0x1p-20 + U * (16 + 8 * turns));
        }
    slack += 16 * U * sum + 1e-30;
    double v = fmax(sum, epsilon), turns = fabs(log2(v)) / power;
    double relative = slack / v / power + 0x1p-20 + U * (16 + 8 * turns);
    s->mean = (Near){0, 0};
    s->variance = (Near){sum, slack};
    s->inverse = (Near){pow(v, -1 / power), pow(v, -1 / power) * relative};
}

Statistic problem_statistic(const Problem *p, uint64_t index) {
    Statistic s = {.norm = {.greatest = UINT64_MAX}};
    double least = INFINITY, most = -INFINITY;
    for (uint64_t i = 0; i < p->elements; i++) {
        if (!problem_counts(p, i, index))
            continue;
        Near u = problem_input(p, i);
        s.raw_count++;
        s.raw_mean += u.value;
        least = fmin(least, u.value);
        if (s.norm.greatest == UINT64_MAX || u.value > most || (u.value == most && p->desc.last_index))
            s.norm.greatest = i;
        most = fmax(most, u.value);
        s.prologue_slack = fmax(s.prologue_slack, u.slack);
    }
    double range = s.raw_count ? most - least : 0;
    s.raw_mean /= s.raw_count ? s.raw_count : 1;
    for (uint64_t i = 0; i < p->elements; i++)
        if (problem_counts(p, i, index))
            s.raw_m2 += pow(problem_input(p, i).value - s.raw_mean, 2);
    double epsilon = MASKED(p) ? (double)p->desc.count_epsilon : 0;
    s.count = s.raw_count + epsilon;
    s.written = s.raw_count > 0 || MASKED(p);
    double n = s.count > 0 ? s.count : 1;
    double sum = s.raw_mean * s.raw_count, mean = sum / n, m2 = 0;
    for (uint64_t i = 0; i < p->elements; i++)
        if (problem_counts(p, i, index))
            m2 += pow(problem_input(p, i).value - mean, 2);
    double off = s.prologue_slack + 16 * U * range;
    s.mean = (Near){mean, off + 4 * U * fabs(mean) * epsilon / n};
    s.variance.value = m2 / n;
    s.variance.slack = 2 * sqrt(s.variance.value) * off + off * off + 32 * U * s.variance.value + 1e-30;
    s.raw_mean_slack = off;
    s.raw_m2_slack = s.variance.slack * s.count;
    double squares = s.raw_m2 + s.raw_count * s.raw_mean * s.raw_mean;
    double size = sqrt(squares / n), off_size = s.prologue_slack + 16 * U * fmax(fabs(least), fabs(most));
    if (p->desc.statistic != VKN_STATISTIC_VARIANCE) {
        s.mean = (Near){0, 0};
        s.variance.value = size * size;
        s.variance.slack = 2 * size * off_size + off_size * off_size + 32 * U * size * size + 1e-30;
    }
    bool of_sum =
        p->desc.statistic == VKN_STATISTIC_SUM_SQUARE || p->desc.statistic == VKN_STATISTIC_SUM_POWER;
    double factor = of_sum ? n : 1;
    s.variance.value *= factor;
    s.variance.slack *= factor;
    double v = s.variance.value + (double)p->desc.epsilon;
    if (of_sum)
        v = fmax(s.variance.value, (double)p->desc.epsilon);
    double relative = s.variance.slack / v;
    s.sigma = (Near){sqrt(v), sqrt(v) * (relative + 4 * U)};
    s.inverse = (Near){1 / sqrt(v), (relative + 8 * U) / sqrt(v)};
    if (p->desc.statistic == VKN_STATISTIC_SUM_POWER && p->desc.power != 2)
        add_powers(p, index, &s);
    s.norm.mean = s.mean;
    s.norm.inverse = s.inverse;
    if (p->desc.statistic == VKN_STATISTIC_LOG_SUM_EXP)
        add_exponentials(p, index, &s, most);
    return s;
}
