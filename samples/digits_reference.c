#include "digits.h"

#include <math.h>
#include <string.h>

static double identity(double z, const float *parameter) {
    (void)parameter;
    return z;
}

static double relu(double z, const float *parameter) {
    (void)parameter;
    return fmax(z, 0.0);
}

static double leaky_relu(double z, const float *parameter) {
    return z > 0.0 ? z : parameter[0] * z;
}

static double elu(double z, const float *parameter) {
    return z > 0.0 ? z : parameter[0] * expm1(z);
}

static double sigmoid(double z, const float *parameter) {
    (void)parameter;
    return 1.0 / (1.0 + exp(-z));
}

static double hyperbolic_tangent(double z, const float *parameter) {
    (void)parameter;
    return tanh(z);
}

static double silu(double z, const float *parameter) {
    return z / (1.0 + exp(-parameter[0] * z));
}

static double gelu(double z, const float *parameter) {
    (void)parameter;
    return 0.5 * z * (1.0 + erf(z / sqrt(2.0)));
}

static double hard_swish(double z, const float *parameter) {
    (void)parameter;
    return z * fmin(fmax(z + 3.0, 0.0), 6.0) / 6.0;
}

const Activation activations[] = {
    {"identity", VKN_ACTIVATION_IDENTITY, identity},
    {"relu", VKN_ACTIVATION_RELU, relu},
    {"leaky_relu", VKN_ACTIVATION_LEAKY_RELU, leaky_relu},
    {"elu", VKN_ACTIVATION_ELU, elu},
    {"sigmoid", VKN_ACTIVATION_SIGMOID, sigmoid},
    {"tanh", VKN_ACTIVATION_TANH, hyperbolic_tangent},
    {"silu", VKN_ACTIVATION_SILU, silu},
    {"gelu", VKN_ACTIVATION_GELU, gelu},
    {"hard_swish", VKN_ACTIVATION_HARD_SWISH, hard_swish},
    {NULL, VKN_ACTIVATION_IDENTITY, NULL},
};

const Activation *activation_find(const char *name) {
    for (const Activation *activation = activations; activation->name != NULL; activation++)
        if (strcmp(activation->name, name) == 0)
            return activation;
    return NULL;
}

void statistics_of(const float *pixel, size_t count, Statistics *statistics) {
    for (size_t p = 0; p < PIXELS; p++) {
        double sum = 0.0;
        for (size_t i = 0; i < count; i++)
            sum += pixel[i * PIXELS + p];
        const double mean = sum / (double)count;
        double m2 = 0.0;
        for (size_t i = 0; i < count; i++)
            m2 += (pixel[i * PIXELS + p] - mean) * (pixel[i * PIXELS + p] - mean);
        statistics->mean[p] = mean;
        statistics->variance[p] = m2 / (double)count;
    }
}

void difference_add(Difference *difference, double result, double reference, double allowed) {
    const double distance = fabs(result - reference);
    const double share = distance / allowed;
    difference->largest = isnan(distance) ? INFINITY : fmax(difference->largest, distance);
    difference->share = isnan(share) ? INFINITY : fmax(difference->share, share);
}

Difference difference_of(const float *y, const float *x, size_t count, const Statistics *statistics,
                         double epsilon, const Activation *activation) {
    const VknActivation parameters = vkn_activation_default(activation->id);
    Difference difference = {0};
    for (size_t i = 0; i < count * PIXELS; i++) {
        const double mean = statistics->mean[i % PIXELS];
        const double inverse_deviation = 1.0 / sqrt(statistics->variance[i % PIXELS] + epsilon);
        const double z = (x[i] - mean) * inverse_deviation;
        /* 16 f32 roundings (2^-24 each) of the terms that the device adds, and of the activation. */
        const double allowed = ldexp(1.0 + (fabs(x[i]) + fabs(mean)) * inverse_deviation, -20);
        difference_add(&difference, y[i], activation->value(z, parameters.parameter), allowed);
    }
    return difference;
}
