// The functions that activation.def is made of, and activate(), which selects one row of it. They select
// values with mix() instead of branching: compiling the many copies that kernels inline took SwiftShader
// minutes and gigabytes when each had branches.

// The epilogue follows the affine transform, the prologue stands before the statistic.

layout(constant_id = VKN_SPEC_ACTIVATION) const uint ACTIVATION = 0;
layout(constant_id = VKN_SPEC_PARAMETER) const float PARAMETER_0 = 0.0;
layout(constant_id = VKN_SPEC_PARAMETER + 1) const float PARAMETER_1 = 0.0;
layout(constant_id = VKN_SPEC_PARAMETER + 2) const float PARAMETER_2 = 0.0;
layout(constant_id = VKN_SPEC_PROLOGUE) const uint PROLOGUE = 0;
layout(constant_id = VKN_SPEC_PROLOGUE_PARAMETER) const float PROLOGUE_0 = 0.0;
layout(constant_id = VKN_SPEC_PROLOGUE_PARAMETER + 1) const float PROLOGUE_1 = 0.0;
layout(constant_id = VKN_SPEC_PROLOGUE_PARAMETER + 2) const float PROLOGUE_2 = 0.0;

#define VKN_INFINITY uintBitsToFloat(0x7F800000u) // only C reads the defaults

// exp for z <= 0. Arguments below -104 give 0 in f32; some drivers return NaN for them.
float exp_of_negative(float z)
{
    return exp(mix(z, -104.0, z < -104.0));
}

// exp(z) - 1 for z <= 0. Near 0, where the difference cancels, a Taylor polynomial: its first dropped
// term is z^8 / 8!, below 1e-7 of the result for |z| < 0.5.
float exp_minus_1(float z)
{
    float series = 1.0 / 5040.0;
    series = series * z + 1.0 / 720.0;
    series = series * z + 1.0 / 120.0;
    series = series * z + 1.0 / 24.0;
    series = series * z + 1.0 / 6.0;
    series = series * z + 0.5;
    series = series * z + 1.0;
    return mix(exp_of_negative(z) - 1.0, series * z, z > -0.5);
}

float sigmoid(float z)
{
    float e = exp_of_negative(-abs(z));
    return mix(1.0, e, z < 0.0) / (1.0 + e);
}

float tanh_of(float z)
{
    float e = exp_minus_1(-2.0 * abs(z));
    float t = -e / (e + 2.0);
    return mix(t, -t, z < 0.0);
}

// The standard normal distribution function, erfc(-z / sqrt(2)) / 2. erfc(x) exp(x^2) is a polynomial
// in t = 1 / (1 + 0.425 x), fitted for least relative error on 0 <= x <= 10; 4.8e-7 in f32.
float normal_cdf(float z)
{
    float x = abs(z) * 0.70710678;
    float t = 1.0 / (1.0 + 0.425 * x);
    float poly = 0.0707963854;
    poly = poly * t - 0.310328573;
    poly = poly * t + 0.402770966;
    poly = poly * t - 0.0988200083;
    poly = poly * t + 0.252761543;
    poly = poly * t + 0.201403558;
    poly = poly * t + 0.241730198;
    poly = poly * t + 0.239685729;
    float tail = 0.5 * t * poly * exp_of_negative(-x * x);
    return mix(1.0 - tail, tail, z < 0.0);
}

float normal_pdf(float z)
{
    return 0.398942280 * exp_of_negative(-0.5 * z * z);
}

// slope * z for z <= 0; a slope of 0 gives 0, not -0, and for z = -inf too.
float ramp(float slope, float z)
{
    return mix(slope * z, 0.0, slope == 0.0 && z <= 0.0);
}

// z * weight, where a weight of 0 closes the gate for z = -inf as well.
float gate(float z, float weight)
{
    return mix(z * weight, 0.0, weight == 0.0);
}

// Each of these is one row of the table, for the epilogue or the prologue. `slope` is PReLU's, which has no
// parameter of its own.
float activation_row(float z, float slope)
{
#define p0 PARAMETER_0
#define p1 PARAMETER_1
#define p2 PARAMETER_2
#define VKN_ACTIVATION(id, number, name, count, n0, d0, n1, d1, n2, d2, f, df, inverts, dy, halves, closed)   \
    if (ACTIVATION == number)                                                                                \
        return f;
#include "activation.def"
#undef VKN_ACTIVATION
    return z;
}

// NaN is passed on here, since drivers fold 0 * z to 0.
float activate(float z, float slope)
{
    if (ACTIVATION == 0)
        return z;
    return mix(activation_row(z, slope), z, isnan(z));
}

float activation_derivative(float z, float slope)
{
#define VKN_ACTIVATION(id, number, name, count, n0, d0, n1, d1, n2, d2, f, df, inverts, dy, halves, closed)   \
    if (ACTIVATION == number)                                                                                \
        return df;
#include "activation.def"
#undef VKN_ACTIVATION
    return 1.0;
}

// The derivative, from the value.
float activation_derivative_of_value(float y)
{
#define VKN_ACTIVATION(id, number, name, count, n0, d0, n1, d1, n2, d2, f, df, inverts, dy, halves, closed)   \
    if (ACTIVATION == number)                                                                                \
        return dy;
#include "activation.def"
#undef VKN_ACTIVATION
    return 1.0;
}

// The derivative where it is not 1, of those that have two.
float activation_closed()
{
#define VKN_ACTIVATION(id, number, name, count, n0, d0, n1, d1, n2, d2, f, df, inverts, dy, halves, closed)   \
    if (ACTIVATION == number)                                                                                \
        return closed;
#include "activation.def"
#undef VKN_ACTIVATION
    return 1.0;
#undef p0
#undef p1
#undef p2
}

float prologue_row(float z)
{
    const float slope = 1.0;
#define p0 PROLOGUE_0
#define p1 PROLOGUE_1
#define p2 PROLOGUE_2
#define VKN_ACTIVATION(id, number, name, count, n0, d0, n1, d1, n2, d2, f, df, inverts, dy, halves, closed)   \
    if (PROLOGUE == number)                                                                                  \
        return f;
#include "activation.def"
#undef VKN_ACTIVATION
    return z;
}

float prologue(float z)
{
    if (PROLOGUE == 0)
        return z;
    return mix(prologue_row(z), z, isnan(z));
}

float prologue_derivative(float z)
{
    const float slope = 1.0;
#define VKN_ACTIVATION(id, number, name, count, n0, d0, n1, d1, n2, d2, f, df, inverts, dy, halves, closed)   \
    if (PROLOGUE == number)                                                                                  \
        return df;
#include "activation.def"
#undef VKN_ACTIVATION
    return 1.0;
#undef p0
#undef p1
#undef p2
}

#define EACH(function)                                                                                       \
    vec4 function(vec4 z)                                                                                    \
    {                                                                                                        \
        return vec4(function(z.x), function(z.y), function(z.z), function(z.w));                             \
    }
EACH(exp_of_negative)
EACH(activation_derivative_of_value)
EACH(prologue)
EACH(prologue_derivative)

vec4 activate(vec4 z, vec4 slope)
{
    return vec4(activate(z.x, slope.x), activate(z.y, slope.y), activate(z.z, slope.z), activate(z.w, slope.w));
}

vec4 activation_derivative(vec4 z, vec4 slope)
{
    return vec4(activation_derivative(z.x, slope.x), activation_derivative(z.y, slope.y),
                activation_derivative(z.z, slope.z), activation_derivative(z.w, slope.w));
}
