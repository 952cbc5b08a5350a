/* The magnitudes and the errors of what lies between a golden case's inputs and its outputs. */
#ifndef TESTS_GOLDEN_MEASURE_H
#define TESTS_GOLDEN_MEASURE_H

#include "golden_file.h"

/* All terms below are in units of U, half a unit in the last place of 1. A constant before a magnitude is how
 * many roundings touch it: a few for each formula, a few more where Vulkan grants divisions and square roots
 * 2.5 ULP or exp 3 + 2|z| ULP, and for sums as many as a tree of partial sums has levels. They are safe, not
 * tight: what frameworks disagree on (epsilon, n or n - 1, the order of two steps) is thousands of U. */
#define U 0x1p-24

/* Of an element. u is what is normalized, z the activation's input and f its value; dz is the gradient by z
 * and dxhat that by xhat. `_error` is how far each may be off; magnitudes are sums of magnitudes of terms. */
typedef struct Element {
    uint64_t statistic, parameter;
    bool counts; /* not masked */
    double u, u_error, xhat, xhat_error, z, z_error, f, f_error;
    double factor, dy, dz, dz_error, dxhat, dxhat_error; /* magnitudes */
} Element;

/* Of a statistic, or of a channel with the statistics of all its virtual batches. `spread` is the variance or
 * what VknStatistic has in its place; r, d and 1 / sigma_r are those of batch renormalization. */
typedef struct Statistic {
    double count, sum, size, product, greatest, least, largest, u_error;
    double mean, spread, spread_error, inv_std, r, d, per_sigma_r;
    double dxhat, dxhat_error, dxhat_xhat, dxhat_xhat_error; /* sums of magnitudes */
} Statistic;

/* Errors of the sums that are gradients. */
typedef struct Parameter {
    double dbeta_error, dgamma_error, dslope_error;
} Parameter;

typedef struct Measures {
    uint64_t elements, channels, batches, parameters;
    Element *e;
    Statistic *s;
    Parameter *p;
} Measures;

/* Returns false when memory is short. */
bool golden_measures_create(const GoldenCase *test, Measures *measures);
void golden_measures_destroy(Measures *measures);

/* The variance around a mean, not another statistic. */
bool golden_is_centred(const VknDesc *desc);

/* 1 and 2 for L1 and L2: the exponent by which INV_STD^-1 becomes the spread. */
double golden_power_of(const VknDesc *desc);

/* The relative errors of value^power and of INV_STD, the error of exp(z). */
double golden_power_error(double value, double power);
double golden_inv_std_error(const VknDesc *desc, const Statistic *statistic);
double golden_exp_error(double z, double z_error);

/* The magnitude of a derivative. */
double golden_slope_of(const VknActivation *activation, double z);

/* A value that goes in, or what stands for it when the case has none. */
double golden_value_of(const GoldenCase *test, uint32_t role, uint64_t i, double absent);

#endif
