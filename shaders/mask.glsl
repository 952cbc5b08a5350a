// Which elements count in the statistics: bytes, any but 0.

layout(set = 0, binding = VKN_BINDING_MASK) readonly buffer Mask { uint mask_words[]; };

bool mask_load(uint element)
{
    element += first_of(VKN_BINDING_MASK);
    return ((mask_words[element >> 2] >> ((element & 3u) << 3)) & 255u) != 0;
}
