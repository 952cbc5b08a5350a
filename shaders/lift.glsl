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

Moments lift(vec4 v, uint number, uint step)
{
    Moments a = lift(v.x, number);
    Moments b = lift(v.y, number + step);
    Moments c = lift(v.z, number + 2 * step);
    Moments d = lift(v.w, number + 3 * step);
    if (OF(VKN_OF_LOG_SUM_EXP)) {
        float most = max(max(a.mean, b.mean), max(c.mean, d.mean));
        return Moments(4.0, most, a.m2 * weight_below(a.mean, most) + b.m2 * weight_below(b.mean, most) +
                                      c.m2 * weight_below(c.mean, most) + d.m2 * weight_below(d.mean, most), 0.0);
    }
    return merge(merge(a, b), merge(c, d));
}
