// From a variance to the inverse deviation.

layout(constant_id = VKN_SPEC_EPSILON) const float EPSILON = 0.0;

float inverse_deviation(float variance)
{
    float v = variance + EPSILON;
    return v == 0.0 ? 0.0 : inversesqrt(v);
}
