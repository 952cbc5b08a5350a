// The functions that activation.def is made of, which custom activations may call, too. They select values with
// mix() instead of branching: compiling the many copies that kernels inline took SwiftShader minutes and gigabytes
// when each had branches.

#include "arithmetic.glsl"

// exp, without arguments of which some drivers make NaN. Below -104 it is 0 in f32, above 88.72283 infinite.
float exp_of(float z)
{
    float e = exponential(clamp(z, -104.0, 88.72283));
    return mix(mix(e, 0.0, z < -104.0), INFINITY, z > 88.72283);
}

// For z <= 0, or little more.
float exp_of_negative(float z)
{
    if (IS(VKN_MODE_SOFTWARE))
        return quick_exponential(z);
    return mix(exponential(max(z, -104.0)), 0.0, z < -104.0);
}

// exp(z) - 1 for z <= 0. Near 0, where the difference cancels, a polynomial for z > -0.5, good to 7e-9.
float exp_minus_1(float z)
{
    float series = 0.00112163462;
    series = series * z + 0.00818738528;
    series = series * z + 0.0416290872;
    series = series * z + 0.166662246;
    series = series * z + 0.499999821;
    series = series * z + 1.0;
    return mix(exp_of_negative(z) - 1.0, series * z, z > -0.5);
}

// log((1 + s) / (1 - s)) for |s| <= 1/3, good to 8e-9: what Vulkan's log, good to 5e-7 near 1, is not.
float log_of_ratio(float s)
{
    float w = s * s;
    float series = 0.140891626;
    series = series * w + 0.139803022;
    series = series * w + 0.200124547;
    series = series * w + 0.333331585;
    series = series * w + 1.0;
    return 2.0 * s * series;
}

// log(1 + e) for 0 <= e <= 1.
float log_1_plus(float e)
{
    return log_of_ratio(divide(e, 2.0 + e));
}

// z is m 2^k with m from 2/3 to 4/3; of log(2) the first part has few enough bits for an exact product.
float log_of(float z)
{
    bool is_denormal = z < 1.17549435e-38;
    int bits = floatBitsToInt(mix(z, z * 16777216.0, is_denormal));
    int exponent = (bits - 0x3F2AAAAB) >> 23;
    float m = intBitsToFloat(bits - (exponent << 23));
    float k = float(exponent) - mix(0.0, 24.0, is_denormal);
    float value = k * 0.693359375 + (log_of_ratio(divide(m - 1.0, m + 1.0)) - k * 2.12194440e-4);
    value = mix(value, z, z == INFINITY);
    return mix(mix(value, -INFINITY, z == 0.0), NOT_A_NUMBER, z < 0.0);
}

float sigmoid(float z)
{
    float e = exp_of_negative(-abs(z));
    return divide(mix(1.0, e, z < 0.0), 1.0 + e);
}

float sigmoid_slope(float z)
{
    float e = exp_of_negative(-abs(z)), part = divide(1.0, 1.0 + e);
    return e * part * part;
}

float tanh_of(float z)
{
    float e = exp_minus_1(-2.0 * abs(z));
    float t = divide(-e, e + 2.0);
    return mix(t, -t, z < 0.0);
}

// z - tanh(z), which cancels near 0: there a polynomial, good to 1e-7.
float tanh_shrink(float z)
{
    float w = min(z * z, 1.0);
    float series = 0.000420783879;
    series = series * w - 0.00251072645;
    series = series * w + 0.00821922533;
    series = series * w - 0.0216602739;
    series = series * w + 0.0539348274;
    series = series * w - 0.133331284;
    series = series * w + 0.333333313;
    return mix(z - tanh_of(z), z * w * series, abs(z) < 1.0);
}

// erfc(x) for x >= 0: erfc(x) exp(x^2) is a polynomial in t = 1 / (1 + 0.425 x), fitted for least relative
// error on 0 <= x <= 10; 4.8e-7 in f32.
float erfc_of_positive(float x)
{
    float t = divide(1.0, 1.0 + 0.425 * x);
    float poly = 0.0707963854;
    poly = poly * t - 0.310328573;
    poly = poly * t + 0.402770966;
    poly = poly * t - 0.0988200083;
    poly = poly * t + 0.252761543;
    poly = poly * t + 0.201403558;
    poly = poly * t + 0.241730198;
    poly = poly * t + 0.239685729;
    return t * poly * exp_of_negative(-x * x);
}

// Near 0 a polynomial, good to 6e-8.
float erf_of(float z)
{
    float w = min(z * z, 1.0), tail = 1.0 - erfc_of_positive(abs(z));
    float series = -0.00056314189;
    series = series * w + 0.00491755083;
    series = series * w - 0.0267113112;
    series = series * w + 0.112801798;
    series = series * w - 0.37612325;
    series = series * w + 1.12837911;
    return mix(mix(tail, -tail, z < 0.0), z * series, abs(z) < 1.0);
}

// The standard normal distribution function.
float normal_cdf(float z)
{
    float tail = 0.5 * erfc_of_positive(abs(z) * 0.70710678);
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

// z * weight, where a weight of 0 closes the gate for infinite z as well.
float gate(float z, float weight)
{
    return mix(z * weight, 0.0, weight == 0.0);
}

// z sigmoid(beta z), and its derivative.
float swish(float z, float beta)
{
    return gate(z, sigmoid(beta * z));
}

float swish_slope(float z, float beta)
{
    return sigmoid(beta * z) + gate(beta * z, sigmoid_slope(beta * z));
}

// GELU with tanh is z sigmoid(2 u) with u = sqrt(2 / pi) (z + 0.044715 z^3); from |z| = 12 on it is z or 0.
float gelu_tanh_argument(float z)
{
    float c = clamp(z, -12.0, 12.0);
    return 1.59576912 * (c + 0.044715 * c * c * c);
}

float gelu_tanh_slope(float z)
{
    float a = gelu_tanh_argument(z), c = clamp(z, -12.0, 12.0);
    return sigmoid(a) + c * (1.59576912 + 0.214064449 * c * c) * sigmoid_slope(a);
}

// Mish is z tanh(log(1 + exp(z))). With e = exp(-|z|) the tanh is a quotient of polynomials, and the root of its
// derivative, 1 - tanh^2, has the same denominator.
float mish_denominator(float z, float e)
{
    return mix(1.0 + 2.0 * e * (1.0 + e), 2.0 + e * (2.0 + e), z < 0.0);
}

float mish_gate(float z)
{
    float e = exp_of_negative(-abs(z));
    return divide(mix(1.0 + 2.0 * e, e * (2.0 + e), z < 0.0), mish_denominator(z, e));
}

float mish_slope(float z)
{
    float e = exp_of_negative(-abs(z));
    float root = divide(2.0 * (1.0 + e) * mix(e, 1.0, z < 0.0), mish_denominator(z, e));
    return mish_gate(z) + gate(z, sigmoid(z) * root * root);
}

// 1 / (1 + |z|). From 2^100 on it is 0 when squared.
float softsign_scale(float z)
{
    return divide(1.0, 1.0 + min(abs(z), 1.26765060e30));
}

// sqrt(z^2 + b), without the square of what is large.
float squareplus_root(float z, float b)
{
    float most = max(abs(z), square_root(b)), ratio = divide(min(abs(z), square_root(b)), most);
    return most * square_root(1.0 + ratio * ratio);
}

// (z + root) / 2, of negative z without cancellation. Precise, or optimizers halve a sum that overflows.
float squareplus(float z, float b)
{
    precise float sum = 0.5 * abs(z) + 0.5 * squareplus_root(z, b);
    return mix(sum, divide(0.25 * b, sum), z < 0.0);
}

// y / root; from 2^100 on it is 1 or 0.
float squareplus_slope(float z, float b)
{
    float c = clamp(z, -1.26765060e30, 1.26765060e30);
    return divide(squareplus(c, b), squareplus_root(c, b));
}

// C's pow(). Whole exponents up to 15 are products; then z < 0 has its sign by itself.
float power(float z, float exponent)
{
    float n = abs(exponent), factor = mix(z, divide(1.0, z), exponent < 0.0), product = mix(1.0, factor, fract(0.5 * n) >= 0.5);
    float value = exp_of(gate(log_of(abs(z)), exponent));
    bool is_whole = floor(n) == n;
    factor *= factor;
    product = mix(product, product * factor, fract(0.25 * n) >= 0.5);
    factor *= factor;
    product = mix(product, product * factor, fract(0.125 * n) >= 0.5);
    factor *= factor;
    product = mix(product, product * factor, fract(0.0625 * n) >= 0.5);
    value = mix(value, -value, z < 0.0 && fract(0.5 * n) == 0.5);
    value = mix(value, NOT_A_NUMBER, z < 0.0 && !is_whole);
    return mix(value, product, is_whole && n <= 15.0);
}
