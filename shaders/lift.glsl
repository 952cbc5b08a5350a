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
    if (OF(VKN_OF_EXTREMES) && IS(VKN_MODE_NUMBERS)) {
        uint low = number & (VKN_INDEX_UNIT - 1);
        return Moments(1.0, v, float(number - low) * (1.0 / VKN_INDEX_UNIT), float(low));
    }
    if (OF(VKN_OF_LOG_SUM_EXP))
        return Moments(1.0, v, mix(1.0, 0.0, v == -INFINITY), v * v);
    return Moments(1.0, v, 0.0, 0.0);
}

// For log(sum(exp)).
float most_of(vec4 v)
{
    return max(max(v.x, v.y), max(v.z, v.w));
}

float sum_below(vec4 v, float most)
{
    vec4 e = exp_of_negative(v - most);
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
