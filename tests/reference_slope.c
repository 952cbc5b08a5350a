/* Derivatives of activations, each written down by itself, in fp64, with a bound on what f32 may make of
 * them. */
#include "reference.h"

#include <math.h>

static const double SELU_SCALE = 1.0507009873554804934, SELU_ALPHA = 1.6732632423543772848;

static double sigmoid(double z) {
    return 1 / (1 + exp(-z));
}

/* The argument of GELU_TANH's sigmoid, and its derivative. */
static double gelu_tanh_argument(double z) {
    return sqrt(8 / acos(-1)) * (z + 0.044715 * z * z * z);
}

static double gelu_tanh_argument_slope(double z) {
    return sqrt(8 / acos(-1)) * (1 + 3 * 0.044715 * z * z);
}

/* tanh(log(1 + exp(z))) and its derivative, 1 / cosh(softplus)^2 * sigmoid. */
static double mish_gate(double z) {
    return tanh(log1p(exp(z)));
}

static double mish_gate_slope(double z) {
    double over = z > 300 ? INFINITY : cosh(log1p(exp(z)));
    return sigmoid(z) / (over * over);
}

double test_activation_slope(const VknActivation *activation, double z) {
    const float *p = activation->parameter;
    double a = test_times(p[0], z);
    switch (activation->id) {
    case VKN_ACTIVATION_IDENTITY:
        return 1;
    case VKN_ACTIVATION_RELU:
        return z <= p[1] ? (double)p[0] : z < p[2] || isinf(p[2]); /* then infinity is as any z */
    case VKN_ACTIVATION_LEAKY_RELU:
        return z <= 0 ? (double)p[0] : 1;
    case VKN_ACTIVATION_ELU:
        return z <= 0 ? p[0] * exp(z) : 1;
    case VKN_ACTIVATION_SIGMOID:
        return test_sigmoid_slope(z);
    case VKN_ACTIVATION_TANH:
        return 4 * test_sigmoid_slope(2 * z);
    case VKN_ACTIVATION_SILU:
    case VKN_ACTIVATION_QUICK_GELU:
        return sigmoid(a) + test_times(test_sigmoid_slope(a), a);
    case VKN_ACTIVATION_GELU:
        return erfc(-z / sqrt(2)) / 2 + test_times(exp(-z * z / 2) / sqrt(2 * acos(-1)), z);
    case VKN_ACTIVATION_HARD_SWISH:
        return z <= -3 ? 0 : z >= 3 ? 1 : z / 3 + 0.5;
    case VKN_ACTIVATION_CLIP:
        return z >= p[0] && z <= p[1];
    case VKN_ACTIVATION_PRELU: /* of a slope that is no parameter */
        return NAN;
    case VKN_ACTIVATION_SELU:
        return z <= 0 ? SELU_SCALE * SELU_ALPHA * exp(z) : SELU_SCALE;
    case VKN_ACTIVATION_CELU:
        return z <= 0 ? exp(z / p[0]) : 1;
    case VKN_ACTIVATION_GELU_TANH:
        a = gelu_tanh_argument(z);
        return sigmoid(a) + test_times(test_sigmoid_slope(a), z * gelu_tanh_argument_slope(z));
    case VKN_ACTIVATION_LOG_SIGMOID:
        return sigmoid(-z);
    case VKN_ACTIVATION_HARD_SIGMOID:
        return a + p[1] > 0 && a + p[1] < 1 ? (double)p[0] : 0;
    case VKN_ACTIVATION_TANH_SHRINK:
        return tanh(z) * tanh(z);
    case VKN_ACTIVATION_SOFTPLUS:
        return a > p[1] ? 1 : sigmoid(a);
    case VKN_ACTIVATION_SOFTSIGN:
        return 1 / pow(1 + fabs(z), 2);
    case VKN_ACTIVATION_MISH:
        return mish_gate(z) + test_times(mish_gate_slope(z), z);
    case VKN_ACTIVATION_SOFT_SHRINK:
    case VKN_ACTIVATION_HARD_SHRINK:
        return z < -p[0] || z > p[0];
    case VKN_ACTIVATION_SHRINK:
        return z < -p[1] || z > p[1];
    case VKN_ACTIVATION_THRESHOLDED_RELU:
    case VKN_ACTIVATION_THRESHOLD:
        return z > p[0];
    case VKN_ACTIVATION_SQUAREPLUS: /* without cancellation; hypot of infinity is infinite */
        return z < 0 ? p[0] / 2 / (hypot(z, sqrt(p[0])) - z) / hypot(z, sqrt(p[0]))
                     : 0.5 + (isinf(z) ? 0.5 : z / hypot(z, sqrt(p[0])) / 2);
    case VKN_ACTIVATION_EXP:
        return exp(z);
    case VKN_ACTIVATION_LOG:
        return 1 / z;
    case VKN_ACTIVATION_LINEAR:
        return p[0];
    case VKN_ACTIVATION_ABS:
        return (z > 0) - (z < 0);
    case VKN_ACTIVATION_SQUARE:
        return 2 * z;
    case VKN_ACTIVATION_SQRT:
        return 0.5 / sqrt(z);
    case VKN_ACTIVATION_RECIPROCAL:
        return -1 / (z * z);
    case VKN_ACTIVATION_POW:
        return z < 0 && floor(p[0]) != p[0] ? NAN : test_times(p[0], pow(z, p[0] - 1.0));
    case VKN_ACTIVATION_ERF:
        return 2 / sqrt(acos(-1)) * exp(-z * z);
    case VKN_ACTIVATION_SIGN:
        return 0;
    case VKN_ACTIVATION_SPARSE_PLUS:
        return z <= -1 ? 0 : z >= 1 ? 1 : (z + 1) / 2;
    case VKN_ACTIVATION_CUSTOM:
        break;
    }
    return NAN;
}

/* Of the product of a sigmoid and of that of the opposite argument, which has a relative error. */
static double error_of_sigmoids(double a, double relative) {
    return test_times(test_sigmoid_slope(a), test_exp_error(a) + 14 + relative * fabs(a));
}

/* Of a sigmoid, and its product with -a's and a factor: the derivative of z sigmoid(a). */
static double error_of_gate(double a, double relative, double factor, double rounding) {
    return test_error_of_sigmoid(a) + relative * test_times(test_sigmoid_slope(a), fabs(a)) +
           fabs(factor) * (error_of_sigmoids(a, relative) + rounding * test_sigmoid_slope(a));
}

double test_activation_slope_error(const VknActivation *activation, double z) {
    const float *p = activation->parameter;
    double slope = fabs(test_activation_slope(activation, z)), a = test_times(p[0], z);
    switch (activation->id) {
    case VKN_ACTIVATION_IDENTITY:
    case VKN_ACTIVATION_RELU:
    case VKN_ACTIVATION_LEAKY_RELU:
    case VKN_ACTIVATION_CLIP:
    case VKN_ACTIVATION_SOFT_SHRINK:
    case VKN_ACTIVATION_HARD_SHRINK:
    case VKN_ACTIVATION_SHRINK:
    case VKN_ACTIVATION_THRESHOLDED_RELU:
    case VKN_ACTIVATION_THRESHOLD:
    case VKN_ACTIVATION_LINEAR:
    case VKN_ACTIVATION_ABS:
    case VKN_ACTIVATION_SQUARE:
    case VKN_ACTIVATION_SIGN:
        return 0;
    case VKN_ACTIVATION_ELU:
        return z <= 0 ? slope * (test_exp_error(z) + 1) : 0;
    case VKN_ACTIVATION_SIGMOID:
        return error_of_sigmoids(z, 0);
    case VKN_ACTIVATION_TANH:
        return 4 * error_of_sigmoids(2 * z, 0);
    case VKN_ACTIVATION_SILU: /* beta * z is rounded */
    case VKN_ACTIVATION_QUICK_GELU:
        return error_of_gate(a, 1, a, 2) + slope;
    case VKN_ACTIVATION_GELU: { /* z^2 has two roundings, exp's factors two, the constant one */
        double square = z * z / 2, density = exp(-square) / sqrt(2 * acos(-1));
        return test_error_of_tail(z / sqrt(2)) + (z > 0) +
               fabs(z) * test_times(density, test_exp_error(square) + 2 * square + 3) + slope;
    }
    case VKN_ACTIVATION_HARD_SWISH: /* 1 / 3 and the product are rounded */
        return fabs(z) < 3 ? 2 * fabs(z) / 3 + slope : 0;
    case VKN_ACTIVATION_PRELU:
        break;
    case VKN_ACTIVATION_SELU:
        return z <= 0 ? slope * (test_exp_error(z) + 2) : slope;
    case VKN_ACTIVATION_CELU: /* the quotient is 5 off */
        return z <= 0 ? test_times(slope, test_exp_error(z / p[0]) + 5 * fabs(z / p[0])) : 0;
    case VKN_ACTIVATION_GELU_TANH: /* the argument has 8 roundings, its derivative and the products as many */
        return error_of_gate(gelu_tanh_argument(z), 8, z * gelu_tanh_argument_slope(z), 8) + slope;
    case VKN_ACTIVATION_LOG_SIGMOID:
        return test_error_of_sigmoid(-z);
    case VKN_ACTIVATION_HARD_SIGMOID: { /* either side where a + offset, which is rounded twice, is near 0 or
                                           1 */
        double inside = fmin(fabs(a + p[1]), fabs(a + p[1] - 1));
        return inside <= TEST_ROUNDING * (fabs(a) + fabs(a + p[1])) ? fabs((double)p[0]) / TEST_ROUNDING : 0;
    }
    case VKN_ACTIVATION_TANH_SHRINK:
        return 2 * fabs(tanh(z)) * test_error_of_tanh(z) + slope;
    case VKN_ACTIVATION_SOFTPLUS: { /* near the threshold beta * z may be on the other side */
        double jump = fabs(a - p[1]) <= TEST_ROUNDING * fabs(a) ? sigmoid(-a) / TEST_ROUNDING : 0;
        return a > p[1] ? jump : test_error_of_sigmoid(a) + test_times(test_sigmoid_slope(a), fabs(a)) + jump;
    }
    case VKN_ACTIVATION_SOFTSIGN:
        return 14 * slope;
    case VKN_ACTIVATION_MISH: { /* exp(z) moves the gate like z does; its derivative has exp(z) up to three
                                   times */
        double gate = mish_gate_slope(z);
        return test_times(gate, test_exp_error(z)) + 12 * mish_gate(z) +
               fabs(z) * test_times(gate, 3 * test_exp_error(z) + 32) + slope;
    }
    case VKN_ACTIVATION_SQUAREPLUS: /* y has 34, the root 26, the division 5 */
        return 66 * slope;
    case VKN_ACTIVATION_EXP:
        return slope * test_exp_error(z);
    case VKN_ACTIVATION_LOG:
        return 5 * slope;
    case VKN_ACTIVATION_SQRT:
        return 14 * slope;
    case VKN_ACTIVATION_RECIPROCAL:
        return 11 * slope;
    case VKN_ACTIVATION_POW: { /* exponent - 1 may be rounded */
        double below = p[0] - 1.0, off = fabs((double)(float)below - below) / TEST_ROUNDING;
        return fabs((double)p[0]) * test_error_of_power(z, below) +
               test_times(slope, 1 + test_times(off, fabs(log(fabs(z)))));
    }
    case VKN_ACTIVATION_ERF:
        return test_times(slope, test_exp_error(z * z) + 2 * z * z + 2);
    case VKN_ACTIVATION_SPARSE_PLUS:
        return fabs(z) < 1 ? slope : 0;
    case VKN_ACTIVATION_CUSTOM:
        break;
    }
    return NAN;
}
