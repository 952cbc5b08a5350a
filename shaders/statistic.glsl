// Moments: how they grow, merge, and turn into the statistics that a caller asked for.
//
// Inside a kernel a mean is held as an offset from a shift, an element of the data that all who merge
// share: with mean 1e6 and deviation 1 the offset keeps the digits that the mean would round away. In
// memory (VknMoments) the two words are mean and mean_low; their sum is the mean.

#include "deviation.glsl"

struct Moments {
    float count;
    float mean; // from the shift
    float m2;   // sum of squared differences from the mean
};

const Moments NO_MOMENTS = Moments(0.0, 0.0, 0.0);

// Chan, Golub & LeVeque: the moments of both sets together.
Moments merge(Moments a, Moments b)
{
    float count = a.count + b.count;
    float share = count > 0.0 ? b.count / count : 0.0;
    float distance = b.mean - a.mean;
    return Moments(count, a.mean + distance * share, a.m2 + b.m2 + distance * distance * a.count * share);
}

vec3 pack(Moments m)
{
    return vec3(m.count, m.mean, m.m2);
}

Moments unpack(vec3 v)
{
    return Moments(v.x, v.y, v.z);
}

#if defined(SUBGROUP_ADD)
Moments subgroup_merge(Moments m)
{
    float count = subgroupAdd(m.count);
    float mean = count > 0.0 ? subgroupAdd(m.count * m.mean) / count : 0.0;
    float distance = m.mean - mean;
    return Moments(count, mean, subgroupAdd(m.m2 + m.count * distance * distance));
}
#endif

// One, four, eight elements: a block is reduced in two passes in registers, so that only one merge and
// one division are paid for it and no sum of squares can cancel, whatever the shift is.
Moments add_block(Moments m, float size, float mean, float m2)
{
    float count = m.count + size;
    float share = size / count;
    float distance = mean - m.mean;
    return Moments(count, m.mean + distance * share, m.m2 + m2 + distance * distance * m.count * share);
}

Moments add(Moments m, float v)
{
    return add_block(m, 1.0, v, 0.0);
}

Moments add(Moments m, vec4 v)
{
    float mean = (v.x + v.y + v.z + v.w) * 0.25;
    v -= mean;
    return add_block(m, 4.0, mean, dot(v, v));
}

Moments add(Moments m, vec4 v, vec4 w)
{
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
    precise float mean = shift + m.mean;
    precise float part = mean - shift;
    precise float low = (shift - (mean - part)) + (m.mean - part);
    return Statistic(mean, low, m.count, m.m2);
}

float variance_of(Statistic s)
{
    return s.m2 / s.count;
}

// The statistic that the description asks for: of mean squares and sums of squares the mean is 0. Sums of
// squares count as of one element.
Statistic statistic_kind(Statistic s)
{
    if (STATISTIC == VKN_STATISTIC_OF_VARIANCE)
        return s;
    float mean = s.mean + s.mean_low;
    float square = s.m2 + s.count * mean * mean;
    if (STATISTIC == VKN_STATISTIC_OF_SUM_SQUARE)
        return Statistic(0.0, 0.0, 1.0, square);
    return Statistic(0.0, 0.0, s.count, square);
}

// Keras' statistic of a mask: sums divided by count + COUNT_EPSILON. Of nothing at all, mean and variance 0.
Statistic counted(Statistic s)
{
    float count = s.count + COUNT_EPSILON;
    if (s.count == 0.0)
        return Statistic(0.0, 0.0, max(count, 1.0), 0.0);
    float excess = COUNT_EPSILON / count;
    precise float distance = (s.mean + s.mean_low) * excess;
    precise float low = s.mean_low - distance;
    precise float mean = s.mean + low;
    precise float rest = (s.mean - mean) + low;
    return Statistic(mean, rest, count, s.m2 + s.count * distance * distance);
}
