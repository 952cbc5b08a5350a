// The statistic of two sets together, and of the sets of a subgroup's lanes.

// Of a sum of finite numbers, how far it is from infinity does not matter: then nothing was rounded away.
float kept_low(float sum, float low)
{
    return mix(mix(low, 0.0, isinf(sum)), 0.0, isnan(sum));
}

// What a + b lost when it was rounded to `sum` (Knuth).
float rounded_away(float a, float b, float sum)
{
    precise float part = sum - a;
    precise float low = (a - (sum - part)) + (b - part);
    return low;
}

// exp(m - most), for m up to most, which may both be -inf.
float weight_below(float m, float most)
{
    return mix(exp_of_negative(m - most), 1.0, m == most);
}

// Whether a is the one that is found: the greater, of equals the first, or the last. Each condition has a name:
// what && and || do not need is skipped by a branch otherwise.
bool is_found(Moments a, Moments b)
{
    bool a_is_nan = isnan(a.mean), b_is_nan = isnan(b.mean);
    bool a_reaches = a.mean >= b.mean, b_reaches = b.mean >= a.mean;
    a_reaches = a_reaches || a_is_nan;
    b_reaches = b_reaches || b_is_nan;
    if (!IS(VKN_MODE_NUMBERS))
        return a_reaches;
    bool first = (a.m2 - b.m2) * VKN_INDEX_UNIT + (a.low - b.low) < 0.0;
    if (IS(VKN_MODE_LAST_INDEX))
        first = !first;
    first = first || !b_reaches;
    return first && a_reaches;
}

Moments merge(Moments a, Moments b)
{
    float count = a.count + b.count;
    if (OF(VKN_OF_SUMS)) { // Neumaier's
        precise float sum = a.mean + b.mean;
        return Moments(count, sum, 0.0, kept_low(sum, a.low + b.low + rounded_away(a.mean, b.mean, sum)));
    }
    if (OF(VKN_OF_LOG_SUM_EXP)) {
        bool less = a.mean < b.mean;
        float below = mix(b.m2, a.m2, less) * weight_below(min(a.mean, b.mean), max(a.mean, b.mean));
        return Moments(count, max(a.mean, b.mean), mix(a.m2, b.m2, less) + below, a.low + b.low);
    }
    if (OF(VKN_OF_PRODUCT)) {
        vec2 product = scaled(a.mean * b.mean, a.m2 + b.m2);
        return Moments(count, product.x, product.y, 0.0);
    }
    if (OF(VKN_OF_EXTREMES)) {
        bool found = is_found(a, b);
        if (!IS(VKN_MODE_NUMBERS))
            return Moments(count, mix(b.mean, a.mean, found), 0.0, 0.0);
        return Moments(count, mix(b.mean, a.mean, found), mix(b.m2, a.m2, found), mix(b.low, a.low, found));
    }
    // Chan, Golub & LeVeque: the moments of both sets together.
    float share = count > 0.0 ? divide(b.count, count) : 0.0;
    float distance = b.mean - a.mean;
    return Moments(count, a.mean + distance * share, a.m2 + b.m2 + distance * distance * a.count * share, 0.0);
}

#if defined(SUBGROUP_ADD)
// LLVM 15 dies where bits are taken of a float that a subgroup has just reduced, so exponents are reduced, and
// a product goes through arithmetic first.

// The digits of v that up to 128 numbers of at most this exponent have in common: their sum is exact, in any order
// (Rump, Ogita & Oishi 2008). Near the end of f32 all of them: there sums may be inf anyway.
float leading(float v, uint exponent)
{
    precise float unit = uintBitsToFloat(min(exponent + 8u, 254u) << 23);
    precise float digits = (unit + v) - unit;
    return mix(digits, v, exponent >= 246u);
}

Moments subgroup_merge(Moments m)
{
    float count = subgroupAdd(m.count);
    if (OF(VKN_OF_SUMS)) {
        float digits = leading(m.mean, subgroupMax(floatBitsToUint(abs(m.mean)) >> 23));
        float sum = subgroupAdd(digits);
        precise float rest = m.mean - digits;
        return merge(Moments(count, sum, 0.0, 0.0), Moments(0.0, subgroupAdd(kept_low(sum, rest + m.low)), 0.0, 0.0));
    }
    if (OF(VKN_OF_LOG_SUM_EXP)) {
        float most = subgroupMax(m.mean);
        return Moments(count, most, subgroupAdd(m.m2 * weight_below(m.mean, most)), subgroupAdd(m.low));
    }
    if (OF(VKN_OF_PRODUCT)) { // of up to 128 mantissas below 2 each: 2^128 is the end of f32, so in two halves
        float low_half = subgroupMul(mix(1.0, m.mean, (lane_index() & 1u) == 0));
        float high_half = subgroupMul(mix(m.mean, 1.0, (lane_index() & 1u) == 0));
        precise float smaller = low_half * 5.42101086e-20; // 2^-64
        precise float product = smaller * high_half;
        vec2 parts = scaled(product, subgroupAdd(m.m2) + 64.0);
        return Moments(count, parts.x, parts.y, 0.0);
    }
    if (OF(VKN_OF_EXTREMES)) {
        bool nan = subgroupMax(isnan(m.mean) && m.count > 0.0 ? 1.0 : 0.0) > 0.0;
        float most = subgroupMax(isnan(m.mean) ? -INFINITY : m.mean);
        bool mine = m.count > 0.0 && (nan ? isnan(m.mean) : m.mean == most);
        float sign = 1.0;
        if (IS(VKN_MODE_LAST_INDEX))
            sign = -1.0;
        float high = subgroupMin(mine ? sign * m.m2 : INFINITY);
        float low = subgroupMin(mine && sign * m.m2 == high ? sign * m.low : INFINITY);
        return Moments(count, nan ? NOT_A_NUMBER : most, sign * high, sign * low);
    }
    float mean = count > 0.0 ? subgroupAdd(m.count * m.mean) / count : 0.0;
    float distance = m.mean - mean;
    return Moments(count, mean, subgroupAdd(m.m2 + m.count * distance * distance), 0.0);
}
#endif
