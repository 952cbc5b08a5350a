#include "reference.h"

#include <math.h>

double test_activation_value(const VknActivation *activation, double z) {
    const float *p = activation->parameter;
    switch (activation->id) {
    case VKN_ACTIVATION_IDENTITY:
        return z;
    case VKN_ACTIVATION_RELU:
        return z > p[1] ? fmin(z, p[2]) : p[0] * (z - p[1]);
    case VKN_ACTIVATION_LEAKY_RELU:
        return z > 0 ? z : p[0] * z;
    case VKN_ACTIVATION_ELU:
        return z > 0 ? z : p[0] * expm1(z);
    case VKN_ACTIVATION_SIGMOID:
        return 1 / (1 + exp(-z));
    case VKN_ACTIVATION_TANH:
        return tanh(z);
    case VKN_ACTIVATION_SILU:
        return z / (1 + exp(-p[0] * z));
    case VKN_ACTIVATION_GELU:
        return z * erfc(-z / sqrt(2)) / 2;
    case VKN_ACTIVATION_HARD_SWISH:
        return z * fmin(fmax(z + 3, 0), 6) / 6;
    case VKN_ACTIVATION_CLIP:
        return fmin(fmax(z, p[0]), p[1]);
    case VKN_ACTIVATION_PRELU: /* of a slope that is no parameter: see problem_expect.c */
        return NAN;
    case VKN_ACTIVATION_EXP:
        return exp(z);
    case VKN_ACTIVATION_LINEAR:
        return p[0] * z + p[1];
    }
    return NAN;
}

/* The relative error of exp(z) in units of TEST_ROUNDING: Vulkan grants 3 + 2|z| ULP. */
static double exp_error(double z) {
    return 2 * (3 + 2 * fabs(z));
}

static double sigmoid_slope(double z) {
    return 1 / (2 + exp(z) + exp(-z));
}

/* The error of 1 / (1 + exp(-z)) in units of TEST_ROUNDING: that of exp, which saturation damps, one
 * addition, and a division of 2.5 ULP. */
static double sigmoid_error(double z) {
    return sigmoid_slope(z) * exp_error(z) + (1 + 5) / (1 + exp(-z));
}

/* The error that evaluating the activation of an exact z adds, in units of TEST_ROUNDING. */
static double evaluation_error(const VknActivation *activation, double z) {
    const float *p = activation->parameter;
    double f = fabs(test_activation_value(activation, z));
    switch (activation->id) {
    case VKN_ACTIVATION_IDENTITY:
    case VKN_ACTIVATION_CLIP:
        return 0;
    case VKN_ACTIVATION_RELU:
        return z > p[1] ? 0 : 2 * fabs((double)p[0]) * (fabs(z) + fabs((double)p[1]));
    case VKN_ACTIVATION_LEAKY_RELU:
        return f;
    case VKN_ACTIVATION_ELU: /* exp(z) - 1 cancels near 0: the error of exp is absolute there */
        return z > 0 ? 0 : fabs((double)p[0]) * exp(z) * exp_error(z) + 2 * f;
    case VKN_ACTIVATION_SIGMOID:
        return sigmoid_error(z);
    case VKN_ACTIVATION_TANH: /* as 1 - 2 / (1 + exp(2z)) of either sign, or any better way */
        return 2 * fmax(sigmoid_error(2 * z), sigmoid_error(-2 * z)) + 1;
    case VKN_ACTIVATION_SILU: /* and the rounding of beta * z */
        return fabs(z) * (sigmoid_error(p[0] * z) + fabs(p[0] * z) * sigmoid_slope(p[0] * z)) + 2 * f;
    case VKN_ACTIVATION_GELU: /* polynomials for erf are good to 5e-7 */
        return fabs(z) / 2 * (5e-7 / TEST_ROUNDING + 4) + 3 * f;
    case VKN_ACTIVATION_HARD_SWISH:
        return z <= -3 ? fabs(z) * (fabs(z) + 3) / 6 : z >= 3 ? 8 * f : fabs(z) + 8 * f;
    case VKN_ACTIVATION_PRELU:
        break;
    case VKN_ACTIVATION_EXP:
        return f * exp_error(z);
    case VKN_ACTIVATION_LINEAR:
        return 2 * (fabs(p[0] * z) + fabs((double)p[1]));
    }
    return NAN;
}

/* Has a minimum around which it is curved, by less than 2. */
static bool is_curved(VknActivationId id) {
    return id == VKN_ACTIVATION_SILU || id == VKN_ACTIVATION_GELU || id == VKN_ACTIVATION_HARD_SWISH;
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
    double evaluation = TEST_ROUNDING * evaluation_error(activation, z) + TEST_FLUSH * (2 + fabs(z));
    return (TestExpect){.value = value, .other = other, .bound = isinf(bound) ? bound : spread + evaluation};
}
