// Moments in memory: four words each, VknMoments.

layout(set = 0, binding = VKN_BINDING_RECORDS_OUT) writeonly buffer MomentsOut { float moments_out[]; };

void moments_store(uint index, Statistic s)
{
    uint i = first_of(VKN_BINDING_RECORDS_OUT) + index * 4;
    moments_out[i] = s.count;
    moments_out[i + 1] = s.mean;
    moments_out[i + 2] = s.mean_low;
    moments_out[i + 3] = s.m2;
}
