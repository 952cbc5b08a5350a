#include "reference.h"

#include <math.h>

/* a * z, where 0 times infinity is 0. */
double test_times(double a, double z) {
    return a == 0 ? 0 : a * z;
}

/* z / (1 + exp(-a)) */
static double gated(double z, double a) {
    return test_times(1 / (1 + exp(-a)), z);
}

/* The argument of GELU_TANH's sigmoid. */
static double gelu_tanh_argument(double z) {
    return 2 * sqrt(2 / acos(-1)) * (z + 0.044715 * z * z * z);
}

double test_activation_value(const VknActivation *activation, double z) {
    const float *p = activation->parameter;
    switch (activation->id) {
    case VKN_ACTIVATION_IDENTITY:
        return z;
    case VKN_ACTIVATION_RELU:
        return z > p[1] ? fmin(z, p[2]) : test_times(p[0], z - p[1]);
    case VKN_ACTIVATION_LEAKY_RELU:
        return z > 0 ? z : test_times(p[0], z);
    case VKN_ACTIVATION_ELU:
        return z > 0 ? z : p[0] * expm1(z);
    case VKN_ACTIVATION_SIGMOID:
        return 1 / (1 + exp(-z));
    case VKN_ACTIVATION_TANH:
        return tanh(z);
    case VKN_ACTIVATION_SILU:
    case VKN_ACTIVATION_QUICK_GELU:
        return gated(z, test_times(p[0], z));
    case VKN_ACTIVATION_GELU:
        return test_times(erfc(-z / sqrt(2)) / 2, z);
    case VKN_ACTIVATION_HARD_SWISH:
        return test_times(fmin(fmax(z + 3, 0), 6) / 6, z);
    case VKN_ACTIVATION_CLIP:
        return fmin(fmax(z, p[0]), p[1]);
    case VKN_ACTIVATION_PRELU: /* of a slope that is no parameter: see problem_expect.c */
        return NAN;
    case VKN_ACTIVATION_SELU:
        return 1.0507009873554804934 * (z > 0 ? z : 1.6732632423543772848 * expm1(z));
    case VKN_ACTIVATION_CELU:
        return z > 0 ? z : p[0] * expm1(z / p[0]);
    case VKN_ACTIVATION_GELU_TANH:
        return gated(z, gelu_tanh_argument(z));
    case VKN_ACTIVATION_LOG_SIGMOID:
        return z < 0 ? z - log1p(exp(z)) : -log1p(exp(-z));
    case VKN_ACTIVATION_HARD_SIGMOID:
        return fmin(fmax(test_times(p[0], z) + p[1], 0), 1);
    case VKN_ACTIVATION_TANH_SHRINK: /* near 0 by its series, whose next term is 1e-12 of it */
        return fabs(z) < 0.1 ? pow(z, 3) / 3 - pow(z, 5) * 2 / 15 + pow(z, 7) * 17 / 315 -
                                   pow(z, 9) * 62 / 2835 + pow(z, 11) * 1382 / 155925
                             : z - tanh(z);
    case VKN_ACTIVATION_SOFTPLUS:
        return p[0] * z > p[1] ? z : fmax(p[0] * z, 0) / p[0] + log1p(exp(-fabs(p[0] * z))) / p[0];
    case VKN_ACTIVATION_SOFTSIGN:
        return isinf(z) ? copysign(1, z) : z / (1 + fabs(z));
    case VKN_ACTIVATION_MISH:
        return test_times(tanh(log1p(exp(z))), z);
    case VKN_ACTIVATION_SOFT_SHRINK:
        return z < -p[0] ? z + p[0] : z > p[0] ? z - p[0] : 0;
    case VKN_ACTIVATION_HARD_SHRINK:
        return fabs(z) > p[0] ? z : 0;
    case VKN_ACTIVATION_SHRINK:
        return z < -p[1] ? z + p[0] : z > p[1] ? z - p[0] : 0;
    case VKN_ACTIVATION_THRESHOLDED_RELU:
        return z > p[0] ? z : 0;
    case VKN_ACTIVATION_THRESHOLD:
        return z > p[0] ? z : p[1];
    case VKN_ACTIVATION_SQUAREPLUS:
        return z < 0 ? p[0] / 2 / (hypot(z, sqrt(p[0])) - z) : (z + hypot(z, sqrt(p[0]))) / 2;
    case VKN_ACTIVATION_EXP:
        return exp(z);
    case VKN_ACTIVATION_LOG:
        return log(z);
    case VKN_ACTIVATION_LINEAR:
        return test_times(p[0], z) + p[1];
    case VKN_ACTIVATION_ABS:
        return fabs(z);
    case VKN_ACTIVATION_SQUARE:
        return z * z;
    case VKN_ACTIVATION_SQRT:
        return sqrt(z);
    case VKN_ACTIVATION_RECIPROCAL:
        return 1 / z;
    case VKN_ACTIVATION_POW:
        return z < 0 && floor(p[0]) != p[0] ? NAN : pow(z, p[0]);
    case VKN_ACTIVATION_ERF:
        return erf(z);
    case VKN_ACTIVATION_SIGN:
        return (z > 0) - (z < 0);
    case VKN_ACTIVATION_SPARSE_PLUS:
        return z <= -1 ? 0 : z >= 1 ? z : (z + 1) * (z + 1) / 4;
    case VKN_ACTIVATION_CUSTOM:
        break;
    }
    return NAN;
}

/* --------------------------------------------------------------------------------------------- errors */

/* In units of TEST_ROUNDING and, but for that of exp, absolute: a rounding adds 1 of the rounded value.
 * Vulkan grants a division 2.5 ULP, which is 5, and a square root, by way of its inverse, 4.5 ULP, which
 * is 9. */

double test_exp_error(double z) {
    return 2 * (3 + 2 * fabs(z));
}

/* Of exp(z) - 1 for z <= 0: relative near 0, elsewhere that of exp. */
static double error_of_expm1(double z) {
    return z > -0.5 ? 4 * fabs(expm1(z)) : test_times(exp(z), test_exp_error(z)) + fabs(expm1(z));
}

double test_sigmoid_slope(double z) {
    return 1 / (2 + exp(z) + exp(-z));
}

/* Of exp(-|z|), which saturation damps, one addition, and a division. */
double test_error_of_sigmoid(double z) {
    return test_times(test_sigmoid_slope(z), test_exp_error(z)) + (1 + 5) / (1 + exp(-z));
}

/* -e / (e + 2) with e = exp(-2 |z|) - 1 */
double test_error_of_tanh(double z) {
    double e = expm1(-2 * fabs(z));
    return 2 / ((2 + e) * (2 + e)) * error_of_expm1(-2 * fabs(z)) + 7 * fabs(tanh(z));
}

/* log(1 + e) for a rounded e: a quotient and a polynomial. */
static double error_of_log1p(double e) {
    return 10 * log1p(e);
}

/* log(1 + exp(-|t|)) where t has a relative error. */
static double error_of_softplus(double t, double relative) {
    double e = exp(-fabs(t));
    return test_times(e, test_exp_error(t) + relative * fabs(t)) / (1 + e) + error_of_log1p(e);
}

/* erfc(|x|) / 2: the polynomial is good to 4.8e-7, which is 8; x has three roundings, its square one. */
double test_error_of_tail(double x) {
    double tail = erfc(fabs(x)) / 2;
    return test_times(tail, 8 + 4 + 7 * x * x + test_exp_error(x * x));
}

/* The logarithm of m 2^k is the sum of an exact product, and of a logarithm of at most 0.41. */
static double error_of_log(double z) {
    return 10 * fmin(fabs(log(z)), 0.41) + 2 * fabs(log(z));
}

double test_error_of_power(double z, double exponent) {
    double n = fabs(exponent), value = fabs(pow(fabs(z), exponent)), t = exponent * log(fabs(z));
    if (n <= 15 && floor(n) == n) /* products of 1 / z or z */
        return test_times(value, n + (exponent < 0 ? 5 * n : 0));
    return test_times(value, n * error_of_log(fabs(z)) + fabs(t) + test_exp_error(t));
}

/* Of evaluating the activation of an exact, finite z. */
double test_activation_error(const VknActivation *activation, double z) {
    const float *p = activation->parameter;
    double f = fabs(test_activation_value(activation, z)), a = (double)p[0] * z;
    switch (activation->id) {
    case VKN_ACTIVATION_IDENTITY:
    case VKN_ACTIVATION_CLIP:
    case VKN_ACTIVATION_HARD_SHRINK:
    case VKN_ACTIVATION_THRESHOLDED_RELU:
    case VKN_ACTIVATION_THRESHOLD:
    case VKN_ACTIVATION_ABS:
    case VKN_ACTIVATION_SIGN:
        return 0;
    case VKN_ACTIVATION_RELU:
        return z > p[1] ? 0 : 2 * fabs((double)p[0]) * (fabs(z) + fabs((double)p[1]));
    case VKN_ACTIVATION_LEAKY_RELU:
    case VKN_ACTIVATION_SOFT_SHRINK:
    case VKN_ACTIVATION_SHRINK:
    case VKN_ACTIVATION_SQUARE:
        return f;
    case VKN_ACTIVATION_ELU:
        return z > 0 ? 0 : fabs((double)p[0]) * error_of_expm1(z) + f;
    case VKN_ACTIVATION_SIGMOID:
        return test_error_of_sigmoid(z);
    case VKN_ACTIVATION_TANH:
        return test_error_of_tanh(z);
    case VKN_ACTIVATION_SILU: /* and the rounding of beta * z */
    case VKN_ACTIVATION_QUICK_GELU:
        return fabs(z) * (test_error_of_sigmoid(a) + fabs(a) * test_sigmoid_slope(a)) + f;
    case VKN_ACTIVATION_GELU: /* for z > 0, 1 less the tail */
        return fabs(z) * (test_error_of_tail(z / sqrt(2)) + (z > 0)) + f;
    case VKN_ACTIVATION_HARD_SWISH: /* three products and a sum, with a rounded 1 / 6 */
        return fabs(z) < 3 ? 5 * f : 0;
    case VKN_ACTIVATION_PRELU:
        break;
    case VKN_ACTIVATION_SELU: /* a product with a rounded constant */
        return z > 0 ? 2 * f : 1.7581 * error_of_expm1(z) + 2 * f;
    case VKN_ACTIVATION_CELU: /* and the division */
        return z > 0 ? 0
                     : p[0] * (error_of_expm1(z / p[0]) + test_times(exp(z / p[0]), 5 * fabs(z / p[0]))) + f;
    case VKN_ACTIVATION_GELU_TANH: /* the argument has 8 roundings */
        a = gelu_tanh_argument(z);
        return fabs(z) * (test_error_of_sigmoid(a) + test_times(test_sigmoid_slope(a), 8 * fabs(a))) + f;
    case VKN_ACTIVATION_LOG_SIGMOID:
        return error_of_softplus(z, 0) + f;
    case VKN_ACTIVATION_HARD_SIGMOID: /* nothing where 0 or 1 cuts it off, but near there */
        return fabs(a + p[1] - 0.5) > 0.5 + 1e-6 * fabs(a) ? 0 : fabs(a) + fabs(a + p[1]);
    case VKN_ACTIVATION_TANH_SHRINK: /* a polynomial below 1: three products, its own error of 2, its last sum
                                        2 */
        return fabs(z) < 1 ? 8 * f : test_error_of_tanh(z) + f;
    case VKN_ACTIVATION_SOFTPLUS: { /* and near the threshold, where beta * z is rounded, the other side */
        double soft = log1p(exp(-fabs(a))) / fabs((double)p[0]);
        double jump = fabs(a - p[1]) <= TEST_ROUNDING * fabs(a) ? soft / TEST_ROUNDING : 0;
        return a > p[1] ? jump : error_of_softplus(a, 1) / fabs((double)p[0]) + 5 * soft + f + jump;
    }
    case VKN_ACTIVATION_SOFTSIGN:
        return 8 * f;
    case VKN_ACTIVATION_MISH: { /* exp(z) moves tanh(log(1 + exp(z))) like z does; a quotient of polynomials
                                 */
        double t = tanh(log1p(exp(z))), slope = (1 - t) * (1 + t) / (1 + exp(-z));
        return fabs(z) * test_times(slope, test_exp_error(z)) + 14 * f;
    }
    case VKN_ACTIVATION_SQUAREPLUS: /* two square roots, one of which is squared, and two divisions */
        return 34 * f;
    case VKN_ACTIVATION_EXP:
        return f * test_exp_error(z);
    case VKN_ACTIVATION_LOG:
        return error_of_log(z);
    case VKN_ACTIVATION_LINEAR:
        return fabs(a) + f;
    case VKN_ACTIVATION_SQRT:
        return 9 * f;
    case VKN_ACTIVATION_RECIPROCAL:
        return 5 * f;
    case VKN_ACTIVATION_POW:
        return test_error_of_power(z, p[0]);
    case VKN_ACTIVATION_ERF: /* a polynomial below 1; else 1 less twice the tail */
        return fabs(z) < 1 ? 6 * f : 2 * test_error_of_tail(z) + f;
    case VKN_ACTIVATION_SPARSE_PLUS: /* the sum twice, and a product */
        return fabs(z) < 1 ? 4 * f : 0;
    case VKN_ACTIVATION_CUSTOM:
        break;
    }
    return NAN;
}

/* Has a minimum around which it is curved, by less than 2. */
static bool is_curved(VknActivationId id) {
    return id == VKN_ACTIVATION_SILU || id == VKN_ACTIVATION_GELU || id == VKN_ACTIVATION_HARD_SWISH ||
           id == VKN_ACTIVATION_GELU_TANH || id == VKN_ACTIVATION_QUICK_GELU || id == VKN_ACTIVATION_MISH;
}

double test_activation_flush(const VknActivation *activation, double z) {
    return TEST_FLUSH * (2 + fmin(fabs(pow(z, 3)), 1e6)) *
           (1 + fmin(fabs((double)activation->parameter[0]), 100));
}

TestExpect test_activation_expect(const VknActivation *activation, double z, double bound) {
    double value = test_activation_value(activation, z), other = value, spread;
    const float *p = activation->parameter;
    if (activation->id == VKN_ACTIVATION_RELU && fabs(z - p[1]) <= bound) {
        /* z may be on either side of what can be a jump: each branch has its own value there */
        other = z > p[1] ? p[0] * (z - p[1]) : fmin(z, p[2]);
        spread = bound * fmax(1, fabs((double)p[0]));
    } else {
        /* the ends are the extremes of what is monotonic; the square covers a minimum between them */
        spread = fmax(fabs(test_activation_value(activation, z + bound) - value),
                      fabs(test_activation_value(activation, z - bound) - value));
        spread += is_curved(activation->id) ? bound * bound : 0;
    }
    double evaluation =
        TEST_ROUNDING * test_activation_error(activation, z) + test_activation_flush(activation, z);
    return (TestExpect){.value = value, .other = other, .bound = isinf(bound) ? bound : spread + evaluation};
}
