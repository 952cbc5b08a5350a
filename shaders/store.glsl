// Writes a finished statistic to every buffer that the caller asked for, and moves the running ones.

layout(constant_id = VKN_SPEC_UNBIASED) const uint UNBIASED = 0;

layout(set = 0, binding = VKN_BINDING_MEAN) buffer Mean { float mean_out[]; };
layout(set = 0, binding = VKN_BINDING_SPREAD) buffer Spread { float spread_out[]; };
layout(set = 0, binding = VKN_BINDING_RUNNING_MEAN) buffer RunningMean { float running_mean[]; };
layout(set = 0, binding = VKN_BINDING_RUNNING_VARIANCE) buffer RunningVariance { float running_variance[]; };

// `index` counts statistics of this box.
void statistic_store(uint index, Statistic s)
{
    float variance = variance_of(s);
    if (HAS(VKN_HAS_MEAN))
        mean_out[first_of(VKN_BINDING_MEAN) + index] = s.mean;
    if (HAS(VKN_HAS_INV_STD))
        spread_out[first_of(VKN_BINDING_SPREAD) + index] = inverse_deviation(variance);
    if (HAS(VKN_HAS_VARIANCE))
        spread_out[first_of(VKN_BINDING_SPREAD) + index] = variance;
}

// The variance that moves into the running one.
float moving_variance(Statistic s)
{
    if (UNBIASED != 0)
        return divide(s.m2, max(s.count - 1.0, 1.0));
    return variance_of(s);
}

void running_move(uint channel, float mean, float variance)
{
    float running_weight = uintBitsToFloat(parameter_stride[VKN_PUSH_RUNNING_WEIGHT]);
    float batch_weight = uintBitsToFloat(parameter_stride[VKN_PUSH_BATCH_WEIGHT]);
    uint i = first_of(VKN_BINDING_RUNNING_MEAN) + channel;
    if (HAS(VKN_HAS_RUNNING_MEAN))
        running_mean[i] = running_mean[i] * running_weight + mean * batch_weight;
    i = first_of(VKN_BINDING_RUNNING_VARIANCE) + channel;
    if (HAS(VKN_HAS_RUNNING_VARIANCE))
        running_variance[i] = running_variance[i] * running_weight + variance * batch_weight;
}
