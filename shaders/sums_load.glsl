// Sums from memory: VknSums.

layout(set = 0, binding = VKN_BINDING_FINISH_IN) readonly buffer SumsIn { float sums_in[]; };

Sums sums_load(uint index)
{
    uint i = first_of(VKN_BINDING_FINISH_IN) + index * 4;
    return Sums(sums_in[i], sums_in[i + 1], sums_in[i + 2], sums_in[i + 3]);
}
