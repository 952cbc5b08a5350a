/* How far f32 arithmetic may be from a golden value. */
#ifndef TESTS_GOLDEN_BOUND_H
#define TESTS_GOLDEN_BOUND_H

#include "golden_file.h"

typedef struct GoldenBounds {
    double *of[VKN_ROLE_COUNT]; /* one for each element of an output; NULL for other roles */
} GoldenBounds;

/* Returns false when memory is short. */
bool golden_bounds_create(const GoldenCase *test, GoldenBounds *bounds);
void golden_bounds_destroy(GoldenBounds *bounds);

/* The type of a role's elements in its buffer, and their number of bytes. */
VknType golden_type(const VknDesc *desc, uint32_t role);
uint32_t golden_width(const VknDesc *desc, uint32_t role);

#endif
