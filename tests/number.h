/* Storage formats of tensors, on the host: exact in both directions. */
#ifndef TESTS_NUMBER_H
#define TESTS_NUMBER_H

#include <vknorm/vknorm.h>

/* Bytes of one element. */
uint32_t test_type_size(VknType type);

/* The distance between neighbours around a value. */
double test_spacing(VknType type, double value);

/* The greatest finite value of a type. */
double test_largest(VknType type);

/* The nearest value of a type, ties to even. Overflow is left to the caller. */
double test_round(VknType type, double value);

/* Element `index` of memory; the value to encode is one of the type's. */
double test_decode(VknType type, const uint8_t *memory, uint64_t index);
void test_encode(VknType type, uint8_t *memory, uint64_t index, double value);

#endif
