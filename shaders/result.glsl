// REDUCE: the statistic itself.

layout(constant_id = VKN_SPEC_Y_TYPE) const uint Y_TYPE = 0;

WRITE_TENSOR(result, VKN_BINDING_RESULT, Y_TYPE)
layout(set = 0, binding = VKN_BINDING_INDEX) writeonly buffer Index { uint indices[]; };

float result_of(Statistic merged)
{
    Statistic s = counted(merged);
    if (OF(VKN_OF_SUM | VKN_OF_SUM_POWER))
        return s.mean + s.mean_low;
    if (OF(VKN_OF_PRODUCT))
        return scaled_back(s.mean, s.m2);
    if (OF(VKN_OF_MIN))
        return -s.mean;
    if (OF(VKN_OF_MAX))
        return s.mean;
    if (OF(VKN_OF_LOG_SUM_EXP)) { // log_of_sum() is for differences, which inf has none of
        float v = mix(s.mean + log_of(s.m2), s.mean, s.m2 == 0.0 || s.mean == INFINITY);
        return mix(v, NOT_A_NUMBER, isnan(s.mean_low));
    }
    if (OF(VKN_OF_SUM_SQUARE))
        return statistic_kind(s).m2;
    bool empty = merged.count == 0.0;
    if (OF(VKN_OF_MEAN))
        return mix(divide(s.mean + s.mean_low, s.count), NOT_A_NUMBER, empty);
    float variance = variance_of(statistic_kind(s));
    if (OF(VKN_OF_VARIANCE)) {
        if (UNBIASED != 0)
            variance = moving_variance(s);
    }
    return mix(variance, NOT_A_NUMBER, empty);
}

void results_store(uint index, Statistic merged)
{
    if (HAS(VKN_HAS_RESULT)) {
        float v = result_of(merged);
        result_store(first_of(VKN_BINDING_RESULT) + index, activate(v, 1.0));
    }
    if (HAS(VKN_HAS_INDEX)) {
        uint number = uint(merged.m2) * VKN_INDEX_UNIT + uint(merged.mean_low);
        indices[first_of(VKN_BINDING_INDEX) + index] = merged.count == 0.0 ? 0xFFFFFFFFu : number;
    }
}
