// Statistics of parts: how they grow, merge, and turn into what a caller asked for. What the words are:
//
//     kinds            mean               m2                         low
//     VKN_OF_MOMENTS   from a shift       squared differences        0
//     VKN_OF_SUMS      sum                0                          what the sum rounded away
//     LOG_SUM_EXP      maximum            sum of exp(u - maximum)    sum of squares
//     PRODUCT          mantissa           exponent                   0
//     VKN_OF_EXTREMES  greatest (of -u)   its number, VKN_INDEX_UNIT high and low
//
// The shift of a mean is an element of the data that all who merge share: with mean 1e6 and deviation 1 the
// offset keeps the digits that the mean would round away. In memory (VknMoments) the two words are mean and
// mean_low; their sum is the mean. The squares are for what the maximum and exp lose: they sum to NaN if one
// element is, and only then.

#include "deviation.glsl"

struct Moments {
    float count;
    float mean;
    float m2;
    float low;
};

Moments no_moments()
{
    if (OF(VKN_OF_EXTREMES)) // the last to be found
        return Moments(0.0, -INFINITY, IS(VKN_MODE_LAST_INDEX) ? -INFINITY : INFINITY, 0.0);
    if (OF(VKN_OF_LOG_SUM_EXP))
        return Moments(0.0, -INFINITY, 0.0, 0.0);
    if (OF(VKN_OF_PRODUCT))
        return Moments(0.0, 1.0, 0.0, 0.0);
    return Moments(0.0, 0.0, 0.0, 0.0);
}

#include "merge.glsl"

vec4 pack(Moments m)
{
    return vec4(m.count, m.mean, m.m2, m.low);
}

Moments unpack(vec4 v)
{
    return Moments(v.x, v.y, v.z, v.w);
}

#include "lift.glsl"

// What is subtracted from the elements of a part before they are added.
float shift_from(float element)
{
    if (OF(VKN_OF_MOMENTS))
        return element;
    return 0.0;
}

// One, four, eight elements: a block is reduced in two passes in registers, so that only one merge and
// one division are paid for it and no sum of squares can cancel, whatever the shift is.
Moments add_block(Moments m, float size, float mean, float m2)
{
    float count = m.count + size;
    float share = divide(size, count);
    float distance = mean - m.mean;
    return Moments(count, m.mean + distance * share, m.m2 + m2 + distance * distance * m.count * share, 0.0);
}

// `number` is the first element's, `step` the distance between the others'.
Moments add(Moments m, float v, uint number)
{
    if (OF(VKN_OF_MOMENTS))
        return add_block(m, 1.0, v, 0.0);
    return merge(m, lift(v, number));
}

Moments add(Moments m, vec4 v, uint number, uint step)
{
    if (!OF(VKN_OF_MOMENTS))
        return merge(m, lift(v, number, step));
    float mean = (v.x + v.y + v.z + v.w) * 0.25;
    v -= mean;
    return add_block(m, 4.0, mean, dot(v, v));
}

Moments add(Moments m, vec4 v, vec4 w, uint number, uint ahead, uint step)
{
    if (!OF(VKN_OF_MOMENTS))
        return merge(m, merge(lift(v, number, step), lift(w, number + ahead, step)));
    vec4 sum = v + w;
    float mean = (sum.x + sum.y + sum.z + sum.w) * 0.125;
    v -= mean;
    w -= mean;
    return add_block(m, 8.0, mean, dot(v, v) + dot(w, w));
}

layout(constant_id = VKN_SPEC_COUNT_EPSILON) const float COUNT_EPSILON = 0.0;

struct Statistic {
    float mean;
    float mean_low;
    float count;
    float m2;
};

// Two floats whose sum is shift + m.mean (Knuth's exact sum).
Statistic statistic_of(float shift, Moments m)
{
    if (!OF(VKN_OF_MOMENTS))
        return Statistic(m.mean, m.low, m.count, m.m2);
    precise float mean = shift + m.mean;
    precise float part = mean - shift;
    precise float low = (shift - (mean - part)) + (m.mean - part);
    return Statistic(mean, low, m.count, m.m2);
}

float variance_of(Statistic s)
{
    return divide(s.m2, s.count);
}

// The statistic that the description asks for, as what y sees: mean, and variance * count. What is no moments
// counts as of one element.
Statistic statistic_kind(Statistic s)
{
    if (OF(VKN_OF_LOG_SUM_EXP)) {
        float sum = mix(s.m2, NOT_A_NUMBER, isnan(s.mean_low));
        return Statistic(s.mean, log_of_sum(s.mean, sum), 1.0, sum);
    }
    if (OF(VKN_OF_SUM_POWER))
        return Statistic(0.0, 0.0, 1.0, s.mean + s.mean_low);
    if (!OF(VKN_OF_MEAN_SQUARE | VKN_OF_SUM_SQUARE))
        return s;
    float mean = s.mean + s.mean_low;
    float square = s.m2 + s.count * mean * mean;
    if (OF(VKN_OF_SUM_SQUARE))
        return Statistic(0.0, 0.0, 1.0, square);
    return Statistic(0.0, 0.0, s.count, square);
}

// Keras' statistic of a mask: sums divided by count + COUNT_EPSILON. Of nothing at all, mean and variance 0.
Statistic counted(Statistic s)
{
    if (!OF(VKN_OF_MOMENTS))
        return s;
    float count = s.count + COUNT_EPSILON;
    if (s.count == 0.0)
        return Statistic(0.0, 0.0, max(count, 1.0), 0.0);
    float excess = divide(COUNT_EPSILON, count);
    precise float distance = (s.mean + s.mean_low) * excess;
    precise float low = s.mean_low - distance;
    precise float mean = s.mean + low;
    precise float rest = (s.mean - mean) + low;
    return Statistic(mean, rest, count, s.m2 + s.count * distance * distance);
}
