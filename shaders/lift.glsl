// The statistic of one element, and of four: of all kinds but moments, which are added in blocks.

float power_of(float v)
{
    float magnitude = abs(v);
    if (IS(VKN_MODE_POWER_1))
        return magnitude;
    return mix(power(magnitude, POWER), v, isnan(v));
}

Moments lift(float v, uint number)
{
    number += index_first;
    if (OF(VKN_OF_SUM_POWER))
        v = power_of(v);
    if (OF(VKN_OF_MIN))
        v = -v;
    if (OF(VKN_OF_PRODUCT)) {
        vec2 factor = scaled(v, 0.0);
        return Moments(1.0, factor.x, factor.y, 0.0);
    }
    if (OF(VKN_OF_EXTREMES))
        return Moments(1.0, v, float(number / VKN_INDEX_UNIT), float(number % VKN_INDEX_UNIT));
    if (OF(VKN_OF_LOG_SUM_EXP)) // the maximum is a number always
        return Moments(1.0, mix(v, -INFINITY, isnan(v)), mix(mix(1.0, 0.0, v == -INFINITY), v, isnan(v)), 0.0);
    return Moments(1.0, v, 0.0, 0.0);
}

// For log(sum(exp)): the greatest number, and the sum that is a part of exp(v - most) for finite `most`. NaN is no
// number, but makes the sum NaN.
float most_of(vec4 v)
{
    v = mix(v, vec4(-INFINITY), isnan(v));
    return max(max(v.x, v.y), max(v.z, v.w));
}

float sum_below(vec4 v, float most)
{
    vec4 e = mix(exp_of_negative(v - most), vec4(1.0), equal(v, vec4(most)));
    e = mix(e, v, isnan(v));
    return e.x + e.y + e.z + e.w;
}

Moments lift(vec4 v, uint number, uint step)
{
    Moments a = lift(v.x, number);
    Moments b = lift(v.y, number + step);
    Moments c = lift(v.z, number + 2 * step);
    Moments d = lift(v.w, number + 3 * step);
    return merge(merge(a, b), merge(c, d));
}
