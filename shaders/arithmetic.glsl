// Quotients, roots and exponentials: the device's own; in reproducible plans made of sums, products and integers,
// which every device rounds alike where they are not contracted (lib/contraction.c).

// A number in [1, 2) or below and the exponent that it lost; 0, inf and NaN as they are.
vec2 scaled(float v, float exponent)
{
    uint bits = floatBitsToUint(v);
    uint magnitude = bits & 0x7FFFFFFFu;
    bool subnormal = magnitude < 0x00800000u; // taken as the integer that it is a multiple of 2^-149 by
    magnitude = mix(magnitude, floatBitsToUint(float(magnitude)), subnormal);
    exponent -= mix(0.0, 149.0, subnormal && magnitude != 0);
    bool ordinary = magnitude != 0 && magnitude < 0x7F800000u;
    exponent += mix(0.0, float(magnitude & 0x7F800000u) * 1.1920929e-7 - 127.0, ordinary); // 2^-23: no shift
    magnitude = mix(magnitude, (magnitude & 0x007FFFFFu) | 0x3F800000u, ordinary);
    return vec2(uintBitsToFloat(magnitude | (bits & 0x80000000u)), exponent);
}

float power_of_2(float exponent)
{
    return uintBitsToFloat(uint(exponent + 127.0) << 23);
}

// v * 2^exponent in steps that do not leave f32 before the last one does.
float scaled_back(float v, float exponent)
{
    float e = clamp(exponent, -300.0, 300.0);
    float third = trunc(e * 0.333333343);
    return v * power_of_2(third) * power_of_2(third) * power_of_2(e - 2.0 * third);
}

// Newton's iteration from a guess that is 12 % off at most.
float own_quotient(float a, float b)
{
    vec2 n = scaled(abs(a), 0.0);
    vec2 d = scaled(abs(b), 0.0);
    float r = uintBitsToFloat(0x7EF311C3u - floatBitsToUint(d.x));
    r = r * (2.0 - d.x * r);
    r = r * (2.0 - d.x * r);
    r = r * (2.0 - d.x * r);
    float q = n.x * r;
    q = q + (n.x - q * d.x) * r;
    q = scaled_back(q, n.y - d.y);
    q = mix(q, INFINITY, b == 0.0 || isinf(a));
    q = mix(q, 0.0, a == 0.0 || isinf(b));
    bool none = isnan(a) || isnan(b) || (a == 0.0 && b == 0.0) || (isinf(a) && isinf(b));
    uint sign = (floatBitsToUint(a) ^ floatBitsToUint(b)) & 0x80000000u;
    return mix(uintBitsToFloat(floatBitsToUint(q) | sign), NOT_A_NUMBER, none);
}

// For v >= 0, likewise.
float own_inverse_root(float v)
{
    vec2 s = scaled(v, 0.0);
    float odd = s.y - 2.0 * floor(0.5 * s.y);
    float m = s.x * (1.0 + odd);
    float r = uintBitsToFloat(0x5F375A86u - (floatBitsToUint(m) >> 1));
    r = r * (1.5 - 0.5 * m * r * r);
    r = r * (1.5 - 0.5 * m * r * r);
    r = r * (1.5 - 0.5 * m * r * r);
    r = scaled_back(r, -0.5 * (s.y - odd));
    r = mix(mix(r, INFINITY, v == 0.0), 0.0, v == INFINITY);
    return mix(r, NOT_A_NUMBER, v < 0.0 || isnan(v));
}

// 2^n e^r with |r| <= log(2) / 2, for -104 <= z <= 88.8.
float own_exponential(float z)
{
    float n = floor(z * 1.44269502 + 0.5);
    float r = (z - n * 0.693359375) + n * 2.12194440e-4;
    float series = 1.0 / 5040.0;
    series = series * r + 1.0 / 720.0;
    series = series * r + 1.0 / 120.0;
    series = series * r + 1.0 / 24.0;
    series = series * r + 1.0 / 6.0;
    series = series * r + 0.5;
    series = series * r + 1.0;
    return scaled_back(series * r + 1.0, n);
}

// For z <= 0 on software renderers, whose own costs more: 2^n 2^f with |f| <= 1/2, the latter good to 1.9e-7. What
// would be subnormal is 0. Of the shifted number the last digits are 127 + n; NaN may be lost.
float quick_exponential(float z)
{
    float t = max(z * 1.44269504, -127.0);
    precise float shifted = t + 12583039.0;
    precise float f = t - (shifted - 12583039.0);
    float series = 0.00132647273;
    series = series * f + 0.00967151299;
    series = series * f + 0.0555073358;
    series = series * f + 0.240222424;
    series = series * f + 0.693147004;
    series = series * f + 1.0;
    return series * uintBitsToFloat(floatBitsToUint(shifted) * 8388608u);
}

float divide(float a, float b)
{
    if (IS(VKN_MODE_REPRODUCIBLE))
        return own_quotient(a, b);
    return a / b;
}

vec4 divide(vec4 a, float b)
{
    return vec4(divide(a.x, b), divide(a.y, b), divide(a.z, b), divide(a.w, b));
}

float inverse_root(float v)
{
    if (IS(VKN_MODE_REPRODUCIBLE))
        return own_inverse_root(v);
    return inversesqrt(v);
}

float square_root(float v)
{
    if (IS(VKN_MODE_REPRODUCIBLE))
        return mix(v * own_inverse_root(v), v, v == 0.0 || v == INFINITY);
    return sqrt(v);
}

float exponential(float z)
{
    if (IS(VKN_MODE_REPRODUCIBLE))
        return own_exponential(z);
    return exp(z);
}
