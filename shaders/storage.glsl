// Tensors in memory: f32, or f16 and bf16 in pairs in 32-bit words, which needs no device feature. Arithmetic is
// f32. Conversions round to nearest, ties to even, overflow to infinity, and know subnormal f16.

// Values are selected, not branched to: many copies of these are inlined, and branches cost software renderers
// their compile time.

// v >> n, which is v * power, of v whose digits fit a float.
uint shifted_down(uint v, uint n, float power)
{
    if (IS(VKN_MODE_SOFTWARE))
        return uint(int(float(int(v)) * power));
    return v >> n;
}

uint sign_of_half(float v)
{
    return mix(0u, 0x8000u, int(floatBitsToUint(v)) < 0);
}

float f16_decode(uint bits)
{
    uint magnitude = bits & 0x7FFFu;
    uint subnormal = floatBitsToUint(float(magnitude) * 5.9604645e-8); // or zero
    uint normal = (magnitude << 13) + (112u << 23);
    normal |= mix(0u, 0x7F800000u, magnitude >= 0x7C00u);
    return uintBitsToFloat(mix(normal, subnormal, magnitude < 0x0400u) | (bits & 0x8000u) << 16);
}

// Not every GPU's own conversion knows subnormal numbers.
vec2 f16_unpack(uint word)
{
    if (IS(VKN_MODE_SOFTWARE))
        return unpackHalf2x16(word);
    return vec2(f16_decode(word & 0xFFFFu), f16_decode(word >> 16));
}

// But for the sign. The last digit of the sum with 2^13 times the power of two below v, and at least 2^-1, is the
// last one of a half. 65536 is infinity.
uint f16_magnitude(float v)
{
    float magnitude = min(abs(v), 65536.0);
    int exponent = max(int(floatBitsToUint(magnitude) & 0x7F800000u), 113 << 23);
    int unit = exponent + (13 << 23);
    precise float sum = magnitude + intBitsToFloat(unit);
    uint half_exponent = shifted_down(uint(exponent - (113 << 23)), 13, 1.22070312e-4);
    return mix(half_exponent + uint(floatBitsToInt(sum) - unit), 0x7E00u, isnan(v));
}

uint f16_pack(float a, float b)
{
    return (f16_magnitude(a) | sign_of_half(a)) | f16_magnitude(b) * 65536u | (floatBitsToUint(b) & 0x80000000u);
}

vec2 bf16_unpack(uint word)
{
    return uintBitsToFloat(uvec2(word * 65536u, word & 0xFFFF0000u));
}

// In the upper half.
uint bf16_encode(float v)
{
    uint bits = floatBitsToUint(v);
    uint rounded = bits + mix(0x7FFFu, 0x8000u, (bits & 0x10000u) != 0);
    return mix(rounded, bits | 0x00400000u, isnan(v)) & 0xFFFF0000u;
}

uint bf16_pack(float a, float b)
{
    return shifted_down(bf16_encode(a) & 0x7FFFFFFFu, 16, 1.52587891e-5) | sign_of_half(a) | bf16_encode(b);
}

// name_load(element), name_load4(quad): a quad is four elements from a multiple of four on, or a texel.
#define READ_TENSOR(name, slot, type)                                                                        \
    layout(set = 0, binding = slot) readonly buffer name##Words1 { uint name##_words1[]; };                  \
    layout(set = 0, binding = slot) readonly buffer name##Words2 { uvec2 name##_words2[]; };                 \
    layout(set = 0, binding = slot) readonly buffer name##Words4 { uvec4 name##_words4[]; };                 \
    layout(set = 0, binding = VKN_BINDING_TEXELS + slot) uniform utextureBuffer name##_texels;               \
    vec2 name##_unpack(uint word)                                                                            \
    {                                                                                                        \
        if (type == VKN_STORE_F16)                                                                           \
            return f16_unpack(word);                                                                         \
        return bf16_unpack(word);                                                                            \
    }                                                                                                        \
    float name##_load(uint element)                                                                          \
    {                                                                                                        \
        if (type == VKN_STORE_F32)                                                                           \
            return uintBitsToFloat(name##_words1[element]);                                                  \
        vec2 pair = name##_unpack(name##_words1[element >> 1]);                                              \
        return mix(pair.x, pair.y, (element & 1u) != 0);                                                     \
    }                                                                                                        \
    vec4 name##_load4(uint quad)                                                                             \
    {                                                                                                        \
        if (IS(VKN_MODE_TEXELS)) {                                                                           \
            uvec4 texel = texelFetch(name##_texels, int(quad));                                              \
            if (type == VKN_STORE_F32)                                                                       \
                return uintBitsToFloat(texel);                                                               \
            return vec4(name##_unpack(texel.x), name##_unpack(texel.y));                                     \
        }                                                                                                    \
        if (type == VKN_STORE_F32)                                                                           \
            return uintBitsToFloat(name##_words4[quad]);                                                     \
        uvec2 words = name##_words2[quad];                                                                   \
        return vec4(name##_unpack(words.x), name##_unpack(words.y));                                         \
    }

// name_store(element, value), name_store4(quad, values). Two invocations may each own one half of a word,
// so a single 16-bit element is written by atomics that leave the other half alone.
#define WRITE_TENSOR(name, slot, type)                                                                       \
    layout(set = 0, binding = slot) buffer name##Words1 { uint name##_words1[]; };                           \
    layout(set = 0, binding = slot) writeonly buffer name##Words2 { uvec2 name##_words2[]; };                \
    layout(set = 0, binding = slot) writeonly buffer name##Words4 { uvec4 name##_words4[]; };                \
    uint name##_pack(float a, float b)                                                                       \
    {                                                                                                        \
        if (type == VKN_STORE_F16)                                                                           \
            return f16_pack(a, b);                                                                           \
        return bf16_pack(a, b);                                                                              \
    }                                                                                                        \
    void name##_store(uint element, float v)                                                                 \
    {                                                                                                        \
        if (type == VKN_STORE_F32) {                                                                         \
            name##_words1[element] = floatBitsToUint(v);                                                     \
        } else {                                                                                             \
            uint mine = mix(0x0000FFFFu, 0xFFFF0000u, (element & 1u) != 0);                                  \
            atomicAnd(name##_words1[element >> 1], ~mine);                                                   \
            atomicOr(name##_words1[element >> 1], name##_pack(v, v) & mine);                                 \
        }                                                                                                    \
    }                                                                                                        \
    void name##_store4(uint quad, vec4 v)                                                                    \
    {                                                                                                        \
        if (type == VKN_STORE_F32)                                                                           \
            name##_words4[quad] = floatBitsToUint(v);                                                        \
        else                                                                                                 \
            name##_words2[quad] = uvec2(name##_pack(v.x, v.y), name##_pack(v.z, v.w));                       \
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
