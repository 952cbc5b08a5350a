// From a variance to the inverse deviation.

layout(constant_id = VKN_SPEC_EPSILON) const float EPSILON = 0.0;

layout(constant_id = VKN_SPEC_STATISTIC) const uint STATISTIC = VKN_STATISTIC_OF_VARIANCE;

float inverse_deviation(float variance)
{
    float v = variance + EPSILON;
    if (STATISTIC == VKN_STATISTIC_OF_SUM_SQUARE)
        v = max(variance, EPSILON);
    return v == 0.0 ? 0.0 : inversesqrt(v);
}
