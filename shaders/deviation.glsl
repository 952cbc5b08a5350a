// From a variance to the inverse deviation, and the other scales that statistics have.

layout(constant_id = VKN_SPEC_EPSILON) const float EPSILON = 0.0;
layout(constant_id = VKN_SPEC_POWER) const float POWER = 1.0;

float inverse_deviation(float variance)
{
    float v = variance + EPSILON;
    if (OF(VKN_OF_SUM_SQUARE | VKN_OF_SUM_POWER))
        v = max(variance, EPSILON);
    if (OF(VKN_OF_LOG_SUM_EXP))
        v = variance;
    float inverse = inverse_root(v);
    if (IS(VKN_MODE_POWER_1) || OF(VKN_OF_LOG_SUM_EXP))
        inverse = divide(1.0, v);
    else if (OF(VKN_OF_SUM_POWER))
        inverse = power(v, divide(-1.0, POWER));
    return v == 0.0 ? 0.0 : inverse;
}

// |v|^(POWER - 1), for v other than 0.
vec4 power_below(vec4 v)
{
    if (IS(VKN_MODE_POWER_1))
        return vec4(1.0);
    v = abs(v);
    return vec4(power(v.x, POWER - 1.0), power(v.y, POWER - 1.0), power(v.z, POWER - 1.0), power(v.w, POWER - 1.0));
}

// What is subtracted beside the maximum, so that exponentials sum to 1. Of nothing but -inf nothing is. With inf or
// NaN there is no such number.
float log_of_sum(float most, float sum)
{
    float l = mix(log_of(sum), 0.0, sum == 0.0);
    return mix(l, NOT_A_NUMBER, isnan(sum) || most == INFINITY);
}

// The maximum as a finite number, beside which -inf stays -inf.
float finite_maximum(float most)
{
    return max(most, LEAST);
}
