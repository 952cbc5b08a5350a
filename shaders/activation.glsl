// activate() and the like: one row of activation.def for the epilogue, which follows the affine transform, and one
// for the prologue, which stands before the statistic.

#include "functions.glsl"

layout(constant_id = VKN_SPEC_ACTIVATION) const uint ACTIVATION = 0;
layout(constant_id = VKN_SPEC_PARAMETER) const float PARAMETER_0 = 0.0;
layout(constant_id = VKN_SPEC_PARAMETER + 1) const float PARAMETER_1 = 0.0;
layout(constant_id = VKN_SPEC_PARAMETER + 2) const float PARAMETER_2 = 0.0;
layout(constant_id = VKN_SPEC_PROLOGUE) const uint PROLOGUE = 0;
layout(constant_id = VKN_SPEC_PROLOGUE_PARAMETER) const float PROLOGUE_0 = 0.0;
layout(constant_id = VKN_SPEC_PROLOGUE_PARAMETER + 1) const float PROLOGUE_1 = 0.0;
layout(constant_id = VKN_SPEC_PROLOGUE_PARAMETER + 2) const float PROLOGUE_2 = 0.0;

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

// NaN is passed on here and in the derivative, since drivers fold 0 * z to 0. ReLU does it itself. The most frequent
// one, without parameters, is a choice instead of twelve operations.
float activate(float z, float slope)
{
    if (ACTIVATION == 0)
        return z;
    if (IS(VKN_MODE_PLAIN_RELU))
        return mix(z, 0.0, z <= 0.0);
    if (ACTIVATION == 1)
        return activation_row(z, slope);
    return mix(activation_row(z, slope), z, isnan(z));
}

float activation_derivative_row(float z, float slope)
{
#define VKN_ACTIVATION(id, number, name, count, n0, d0, n1, d1, n2, d2, f, df, inverts, dy, halves, closed)   \
    if (ACTIVATION == number)                                                                                \
        return df;
#include "activation.def"
#undef VKN_ACTIVATION
    return 1.0;
}

float activation_derivative(float z, float slope)
{
    if (ACTIVATION == 0)
        return 1.0;
    if (IS(VKN_MODE_PLAIN_RELU))
        return mix(mix(0.0, 1.0, z > 0.0), z, isnan(z));
    return mix(activation_derivative_row(z, slope), z, isnan(z));
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

float prologue_derivative_row(float z)
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

float prologue_derivative(float z)
{
    if (PROLOGUE == 0)
        return 1.0;
    return mix(prologue_derivative_row(z), z, isnan(z));
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
