/* What the expectations of problem.h are made of: numbers with a bound, and the formulas of vknorm.h. */
#ifndef TESTS_PROBLEM_FORMULA_H
#define TESTS_PROBLEM_FORMULA_H

#include "problem.h"
#include "reference.h"

#define U         0x1p-24
#define MASKED(p) ((p)->desc.roles >> VKN_ROLE_MASK & 1)

/* A number and how far off it may be. */
typedef struct Near {
    double value, slack;
} Near;

/* What u is normalized with: (u - mean) * inverse - low, or where u is the greatest. */
typedef struct Norm {
    Near mean, inverse, low;
    uint64_t greatest; /* element */
} Norm;

/* The statistic of a channel and virtual batch as y sees it, and the raw moments. */
typedef struct Statistic {
    double raw_mean, raw_m2, raw_count, raw_mean_slack, raw_m2_slack;
    double count; /* with count_epsilon */
    Near mean, variance, sigma, inverse;
    double prologue_slack; /* of any u */
    Norm norm;
    bool written;
} Statistic;

bool problem_has(const Problem *p, VknRole role);
void problem_expect(Problem *p, VknRole role, uint64_t index, double value, double slack);

/* Of a tensor: rounded to its type. */
void problem_expect_element(Problem *p, VknRole role, uint64_t index, double value, double slack);

/* x and what is added to it first, as the caller keeps the sum. A gradient has the sum as x. */
double problem_sum(const Problem *p, uint64_t i);

/* u of an element; whether it belongs to a statistic, and counts there. */
Near problem_input(const Problem *p, uint64_t i);
bool problem_belongs(const Problem *p, uint64_t i, uint64_t statistic);
bool problem_counts(const Problem *p, uint64_t i, uint64_t statistic);

Statistic problem_statistic(const Problem *p, uint64_t index);

/* The activation of an element: with its slope, if it has one. */
VknActivation problem_activation(const Problem *p, uint64_t i);

/* What it makes of z, which may be infinite. */
TestExpect problem_activated(const VknActivation *activation, Near z);

double problem_gamma(const Problem *p, uint64_t i);

/* What the statistics in memory are to u. */
Norm problem_norm_given(const Problem *p, uint64_t index);

Near problem_xhat(const Problem *p, uint64_t i, const Norm *norm);

/* The input of the activation, with r and d of batch renormalization. */
Near problem_z(const Problem *p, uint64_t i, Near xhat, Near r, Near d);

#endif
