// Tensors in memory: f32, or f16 and bf16 unpacked from 32-bit words, which needs no device feature.
// Arithmetic is f32. Conversions are done on bits, so that rounding (to nearest, ties to even), overflow
// (to infinity) and subnormal f16 are IEEE's on every device.

bool is_type(uint type, uint wanted)
{
    return type == wanted;
}

float half_decode(uint type, uint bits)
{
    if (is_type(type, VKN_STORE_BF16))
        return uintBitsToFloat(bits << 16);
    uint sign = (bits & 0x8000u) << 16;
    uint magnitude = bits & 0x7FFFu;
    if (magnitude < 0x0400u) // zero or subnormal
        return uintBitsToFloat(floatBitsToUint(float(magnitude) * 5.9604645e-8) | sign);
    uint rebiased = (magnitude << 13) + (112u << 23);
    return uintBitsToFloat((magnitude >= 0x7C00u ? rebiased | 0x7F800000u : rebiased) | sign);
}

uint half_encode(uint type, float v)
{
    uint bits = floatBitsToUint(v);
    uint magnitude = bits & 0x7FFFFFFFu;
    uint sign = (bits >> 16) & 0x8000u;
    if (is_type(type, VKN_STORE_BF16))
        return magnitude > 0x7F800000u ? sign | 0x7FC0u : (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
    if (magnitude > 0x7F800000u)
        return sign | 0x7E00u;
    if (magnitude >= 0x477FF000u) // rounds to 65536 or more
        return sign | 0x7C00u;
    if (magnitude < 0x38800000u) // subnormal in f16: a multiple of 2^-24
        return sign | uint(roundEven(uintBitsToFloat(magnitude) * 16777216.0));
    return sign | ((magnitude + 0xFFFu + ((magnitude >> 13) & 1u) - (112u << 23)) >> 13);
}

vec4 half_decode4(uint type, uvec2 words)
{
    return vec4(half_decode(type, words.x & 0xFFFFu), half_decode(type, words.x >> 16),
                half_decode(type, words.y & 0xFFFFu), half_decode(type, words.y >> 16));
}

uvec2 half_encode4(uint type, vec4 v)
{
    return uvec2(half_encode(type, v.x) | half_encode(type, v.y) << 16,
                 half_encode(type, v.z) | half_encode(type, v.w) << 16);
}

// name_load(element), name_load4(quad): a quad is four elements from a multiple of four on.
#define READ_TENSOR(name, slot, type)                                                                        \
    layout(set = 0, binding = slot) readonly buffer name##Words1 { uint name##_words1[]; };                  \
    layout(set = 0, binding = slot) readonly buffer name##Words2 { uvec2 name##_words2[]; };                 \
    layout(set = 0, binding = slot) readonly buffer name##Words4 { uvec4 name##_words4[]; };                 \
    float name##_load(uint element)                                                                          \
    {                                                                                                        \
        if (is_type(type, VKN_STORE_F32))                                                                    \
            return uintBitsToFloat(name##_words1[element]);                                                  \
        return half_decode(type, (name##_words1[element / 2] >> (element % 2 * 16)) & 0xFFFFu);              \
    }                                                                                                        \
    vec4 name##_load4(uint quad)                                                                             \
    {                                                                                                        \
        if (is_type(type, VKN_STORE_F32))                                                                    \
            return uintBitsToFloat(name##_words4[quad]);                                                     \
        return half_decode4(type, name##_words2[quad]);                                                      \
    }

// name_store(element, value), name_store4(quad, values). Two invocations may each own one half of a word,
// so a single 16-bit element is written by atomics that leave the other half alone.
#define WRITE_TENSOR(name, slot, type)                                                                       \
    layout(set = 0, binding = slot) buffer name##Words1 { uint name##_words1[]; };                           \
    layout(set = 0, binding = slot) writeonly buffer name##Words2 { uvec2 name##_words2[]; };                \
    layout(set = 0, binding = slot) writeonly buffer name##Words4 { uvec4 name##_words4[]; };                \
    void name##_store(uint element, float v)                                                                 \
    {                                                                                                        \
        if (is_type(type, VKN_STORE_F32)) {                                                                  \
            name##_words1[element] = floatBitsToUint(v);                                                     \
        } else {                                                                                             \
            uint shift = element % 2 * 16;                                                                   \
            atomicAnd(name##_words1[element / 2], 0xFFFF0000u >> shift);                                     \
            atomicOr(name##_words1[element / 2], half_encode(type, v) << shift);                             \
        }                                                                                                    \
    }                                                                                                        \
    void name##_store4(uint quad, vec4 v)                                                                    \
    {                                                                                                        \
        if (is_type(type, VKN_STORE_F32))                                                                    \
            name##_words4[quad] = floatBitsToUint(v);                                                        \
        else                                                                                                 \
            name##_words2[quad] = half_encode4(type, v);                                                     \
    }
