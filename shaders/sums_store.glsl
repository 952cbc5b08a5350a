// Sums in memory: VknSums, as long as VknMoments.

layout(set = 0, binding = VKN_BINDING_RECORDS_OUT) writeonly buffer SumsOut { float sums_out[]; };

void sums_store(uint index, Sums s)
{
    uint i = first_of(VKN_BINDING_RECORDS_OUT) + index * 4;
    sums_out[i] = s.count;
    sums_out[i + 1] = s.dz;
    sums_out[i + 2] = s.dz_xhat;
    sums_out[i + 3] = s.dslope;
}
