// The statistics that a forward pass saved, or that are given: mean, and inverse deviation or variance.

READ_FIGURES(mean, VKN_BINDING_MEAN)
READ_FIGURES(spread, VKN_BINDING_SPREAD)

float saved_mean(uint index)
{
    float mean = 0.0;
    if (HAS(VKN_HAS_MEAN))
        mean = mean_load(first_of(VKN_BINDING_MEAN) + index);
    if (OF(VKN_OF_LOG_SUM_EXP))
        mean = finite_maximum(mean);
    return mean;
}

// What scales deviations from the mean; of LOG_SUM_EXP, what is subtracted from them.
float saved_scale(uint index)
{
    if (!HAS(VKN_HAS_VARIANCE | VKN_HAS_INV_STD))
        return 1.0;
    float spread = spread_load(first_of(VKN_BINDING_SPREAD) + index);
    if (OF(VKN_OF_LOG_SUM_EXP)) {
        float most = mean_load(first_of(VKN_BINDING_MEAN) + index);
        if (HAS(VKN_HAS_INV_STD))
            return -log_of_sum(most, spread);
        return log_of_sum(most, spread);
    }
    if (HAS(VKN_HAS_VARIANCE))
        return inverse_deviation(spread);
    return spread;
}
