// Moments of a part of a row.

struct RowMoments {
    Moments moments;
    float shift; // shift_from() the part's first element; of log(sum(exp)) what exponentials are taken beside
};

uint head_of(RowMoments s, uint x, uint y, uint count)
{
    uint head = min(head_before(VKN_BINDING_X, x), count);
    return input_is_aligned(x + head, y + head) ? head : count;
}

// Of log(sum(exp)), the shift follows the maximum when that is this much above: no exponential waits for the maximum
// of its own quad, and the sum is seldom rescaled. In a loop, because software renderers compute both sides of a
// condition, and skip a loop.
#define MOST_ABOVE 4.0

void exponentials_raise(inout RowMoments s, float most)
{
    s.moments.mean = max(s.moments.mean, most);
    while (s.moments.mean > s.shift + MOST_ABOVE) {
        s.moments.m2 *= exp_of_negative(s.shift - s.moments.mean);
        s.shift = s.moments.mean;
    }
}

void exponentials_add(inout RowMoments s, vec4 v)
{
    s.moments.m2 += sum_below(v, s.shift);
    s.moments.low += dot(v, v);
}

void visit(inout RowMoments s, uint x, uint y, uint p)
{
    float v = input_load(x, y);
    if (OF(VKN_OF_LOG_SUM_EXP)) {
        exponentials_raise(s, v);
        s.moments.m2 += exp_of_negative(v - s.shift);
        s.moments.low += v * v;
    } else {
        s.moments = add(s.moments, v - s.shift, p);
    }
}

void visit4(inout RowMoments s, uint x, uint y, uint p)
{
    vec4 v = input_load4(x, y);
    if (OF(VKN_OF_LOG_SUM_EXP)) {
        exponentials_raise(s, most_of(v));
        exponentials_add(s, v);
    } else {
        s.moments = add(s.moments, v - s.shift, p, parameter_stride[VKN_INNER]);
    }
}

void visit8(inout RowMoments s, uint x, uint y, uint p, uint ahead)
{
    uint step = parameter_stride[VKN_INNER];
    vec4 v = input_load4(x, y), w = input_load4(x + ahead, y + ahead);
    if (OF(VKN_OF_LOG_SUM_EXP)) {
        exponentials_raise(s, max(most_of(v), most_of(w)));
        exponentials_add(s, v);
        exponentials_add(s, w);
    } else {
        s.moments = add(s.moments, v - s.shift, w - s.shift, p, 4 * ahead * step, step);
    }
}

#define STATE RowMoments
#include "row_walk.glsl"
#undef STATE

// Every lane of the worker returns the same.
Statistic row_statistic(RowMoments s)
{
    if (OF(VKN_OF_LOG_SUM_EXP)) {
        s.moments.m2 *= exp_of_negative(s.shift - finite_maximum(s.moments.mean));
        s.moments.count = 1.0; // some
    }
    return statistic_of(s.shift, worker_merge(s.moments));
}

Statistic row_reduce(Row row, Part part)
{
    uint outer = part.begin / extent[VKN_INNER];
    uint inner = part.begin - outer * extent[VKN_INNER];
    RowMoments s = RowMoments(no_moments(), 0.0);
    if (OF(VKN_OF_LOG_SUM_EXP))
        s.shift = LEAST;
    else if (part.begin < part.end)
        s.shift = shift_from(input_load(row.x + outer * x_stride[VKN_OUTER] + inner,
                                        row.y + outer * y_stride[VKN_OUTER] + inner));
    row_walk(s, row, part);
    return row_statistic(s);
}
