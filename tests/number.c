#include "number.h"

#include <math.h>
#include <string.h>

uint32_t test_type_size(VknType type) {
    return type == VKN_TYPE_F32 ? 4 : 2;
}

double test_spacing(VknType type, double value) {
    int digits = type == VKN_TYPE_F32 ? 24 : type == VKN_TYPE_F16 ? 11 : 8;
    int smallest = type == VKN_TYPE_F16 ? -14 : -126; /* exponent of the smallest normal number */
    int exponent;
    frexp(value, &exponent);
    return ldexp(1, (exponent - 1 < smallest ? smallest : exponent - 1) - digits + 1);
}

double test_largest(VknType type) {
    return type == VKN_TYPE_F32 ? 0x1.fffffep127 : type == VKN_TYPE_F16 ? 65504 : 0x1.fep127;
}

double test_round(VknType type, double value) {
    double unit = test_spacing(type, value);
    return isfinite(value) ? nearbyint(value / unit) * unit : value;
}

double test_decode(VknType type, const uint8_t *memory, uint64_t index) {
    float value;
    uint16_t half;
    if (type == VKN_TYPE_F32) {
        memcpy(&value, memory + 4 * index, 4);
        return value;
    }
    memcpy(&half, memory + 2 * index, 2);
    if (type == VKN_TYPE_BF16) {
        uint32_t word = (uint32_t)half << 16;
        memcpy(&value, &word, 4);
        return value;
    }
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                       : exponent == 0 ? ldexp(fraction, -24)
                                       : ldexp(1024 + fraction, exponent - 25);
    return half >> 15 ? -magnitude : magnitude;
}

void test_encode(VknType type, uint8_t *memory, uint64_t index, double value) {
    float narrow = (float)value;
    uint32_t word;
    memcpy(&word, &narrow, 4);
    if (type == VKN_TYPE_F32) {
        memcpy(memory + 4 * index, &word, 4);
        return;
    }
    uint16_t half = (uint16_t)(word >> 16);
    if (type == VKN_TYPE_F16) {
        int exponent;
        double fraction = frexp(fabs(value), &exponent);
        half = (uint16_t)(word >> 16 & 0x8000);
        if (!isfinite(value))
            half |= isnan(value) ? 0x7E00 : 0x7C00;
        else if (value != 0)
            half |= (uint16_t)(exponent < -13 ? ldexp(fraction, exponent + 24)
                                              : ldexp(fraction, 11) - 1024 + (exponent + 14) * 1024);
    }
    memcpy(memory + 2 * index, &half, 2);
}
