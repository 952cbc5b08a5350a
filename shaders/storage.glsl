// Tensors in memory: f32, or f16 and bf16 unpacked from 32-bit words, which needs no device feature.
// Arithmetic is f32. Conversions are done on bits, so that rounding (to nearest, ties to even), overflow
// (to infinity) and subnormal f16 are IEEE's on every device.

// Values are selected, not branched to: many copies of these are inlined, and branches cost software renderers
// their compile time.

float f16_decode(uint bits)
{
    uint sign = (bits & 0x8000u) << 16;
    uint magnitude = bits & 0x7FFFu;
    uint subnormal = floatBitsToUint(float(magnitude) * 5.9604645e-8); // or zero
    uint normal = (magnitude << 13) + (112u << 23);
    normal |= mix(0u, 0x7F800000u, magnitude >= 0x7C00u);
    return uintBitsToFloat(mix(normal, subnormal, magnitude < 0x0400u) | sign);
}

uint f16_encode(float v)
{
    uint bits = floatBitsToUint(v);
    uint magnitude = bits & 0x7FFFFFFFu;
    uint subnormal = uint(roundEven(min(uintBitsToFloat(magnitude), 1.0) * 16777216.0)); // a multiple of 2^-24
    uint normal = (magnitude + 0xFFFu + ((magnitude >> 13) & 1u) - (112u << 23)) >> 13;
    uint finite = mix(normal, subnormal, magnitude < 0x38800000u);
    uint large = mix(0x7C00u, 0x7E00u, magnitude > 0x7F800000u);
    return mix(finite, large, magnitude >= 0x477FF000u) | ((bits >> 16) & 0x8000u); // rounds to 65536 or more
}

float bf16_decode(uint bits)
{
    return uintBitsToFloat(bits << 16);
}

uint bf16_encode(float v)
{
    uint bits = floatBitsToUint(v);
    bool nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
    return mix((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16, (bits >> 16) | 0x0040u, nan);
}

// name_load(element), name_load4(quad): a quad is four elements from a multiple of four on.
#define READ_TENSOR(name, slot, type)                                                                        \
    layout(set = 0, binding = slot) readonly buffer name##Words1 { uint name##_words1[]; };                  \
    layout(set = 0, binding = slot) readonly buffer name##Words2 { uvec2 name##_words2[]; };                 \
    layout(set = 0, binding = slot) readonly buffer name##Words4 { uvec4 name##_words4[]; };                 \
    float name##_decode(uint bits)                                                                           \
    {                                                                                                        \
        if (type == VKN_STORE_F16)                                                                           \
            return f16_decode(bits);                                                                         \
        return bf16_decode(bits);                                                                            \
    }                                                                                                        \
    float name##_load(uint element)                                                                          \
    {                                                                                                        \
        if (type == VKN_STORE_F32)                                                                           \
            return uintBitsToFloat(name##_words1[element]);                                                  \
        return name##_decode((name##_words1[element >> 1] >> ((element & 1u) << 4)) & 0xFFFFu);                  \
    }                                                                                                        \
    vec4 name##_load4(uint quad)                                                                             \
    {                                                                                                        \
        if (type == VKN_STORE_F32)                                                                           \
            return uintBitsToFloat(name##_words4[quad]);                                                     \
        uvec2 words = name##_words2[quad];                                                                   \
        return vec4(name##_decode(words.x & 0xFFFFu), name##_decode(words.x >> 16),                          \
                    name##_decode(words.y & 0xFFFFu), name##_decode(words.y >> 16));                         \
    }

// name_store(element, value), name_store4(quad, values). Two invocations may each own one half of a word,
// so a single 16-bit element is written by atomics that leave the other half alone.
#define WRITE_TENSOR(name, slot, type)                                                                       \
    layout(set = 0, binding = slot) buffer name##Words1 { uint name##_words1[]; };                           \
    layout(set = 0, binding = slot) writeonly buffer name##Words2 { uvec2 name##_words2[]; };                \
    layout(set = 0, binding = slot) writeonly buffer name##Words4 { uvec4 name##_words4[]; };                \
    uint name##_encode(float v)                                                                              \
    {                                                                                                        \
        if (type == VKN_STORE_F16)                                                                           \
            return f16_encode(v);                                                                            \
        return bf16_encode(v);                                                                               \
    }                                                                                                        \
    void name##_store(uint element, float v)                                                                 \
    {                                                                                                        \
        if (type == VKN_STORE_F32) {                                                                         \
            name##_words1[element] = floatBitsToUint(v);                                                     \
        } else {                                                                                             \
            uint shift = (element & 1u) << 4;                                                                   \
            atomicAnd(name##_words1[element >> 1], 0xFFFF0000u >> shift);                                     \
            atomicOr(name##_words1[element >> 1], name##_encode(v) << shift);                                 \
        }                                                                                                    \
    }                                                                                                        \
    void name##_store4(uint quad, vec4 v)                                                                    \
    {                                                                                                        \
        if (type == VKN_STORE_F32)                                                                           \
            name##_words4[quad] = floatBitsToUint(v);                                                        \
        else                                                                                                 \
            name##_words2[quad] = uvec2(name##_encode(v.x) | name##_encode(v.y) << 16,                       \
                                        name##_encode(v.z) | name##_encode(v.w) << 16);                      \
    }

// One bit per element: name_load(element), name_load4(quad) give 1 or 0.
#define READ_BITS(name, slot)                                                                                \
    layout(set = 0, binding = slot) readonly buffer name##Words { uint name##_words[]; };                    \
    float name##_load(uint element)                                                                          \
    {                                                                                                        \
        return float((name##_words[element >> 5] >> (element & 31u)) & 1u);                                  \
    }                                                                                                        \
    vec4 name##_load4(uint quad)                                                                             \
    {                                                                                                        \
        uint bits = name##_words[quad >> 3] >> ((quad & 7u) << 2);                                           \
        return vec4(uvec4(bits, bits >> 1, bits >> 2, bits >> 3) & 1u);                                      \
    }

// name_store(element, bit), name_store4(quad, four bits): other invocations own the word's other bits.
#define WRITE_BITS(name, slot)                                                                               \
    layout(set = 0, binding = slot) buffer name##Words { uint name##_words[]; };                             \
    void name##_store(uint element, uint bit)                                                                \
    {                                                                                                        \
        uint shift = element & 31u;                                                                          \
        atomicAnd(name##_words[element >> 5], ~(1u << shift));                                               \
        atomicOr(name##_words[element >> 5], bit << shift);                                                  \
    }                                                                                                        \
    void name##_store4(uint quad, uint bits)                                                                 \
    {                                                                                                        \
        uint shift = (quad & 7u) << 2;                                                                       \
        atomicAnd(name##_words[quad >> 3], ~(15u << shift));                                                 \
        atomicOr(name##_words[quad >> 3], bits << shift);                                                    \
    }
