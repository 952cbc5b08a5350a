/* What the inputs hold: one row per kind of data. */
#ifndef TESTS_FILL_H
#define TESTS_FILL_H

#include <vknorm/vknorm.h>

/* One element of x, as a fill sees it. */
typedef struct TestPlace {
    uint64_t element;
    uint64_t statistic, statistic_count;
    uint64_t member, member_count; /* its position among the elements of its statistic */
} TestPlace;

typedef struct TestFill {
    const char *name;
    float (*value)(const TestPlace *place);
    float center, scale; /* about the mean and deviation, for statistics that are given */
    uint32_t operations; /* bit VknOperation: those it is of interest for */
    bool every_mask;     /* also run where time is short: reduced capabilities, large cases */
    uint32_t skew;       /* words, a power of two: buffers start at odd multiples of it; 0: of 64 */
} TestFill;

extern const TestFill test_fills[];
extern const uint32_t test_fill_count;

/* Writes the elements of an input, of x with the strides of `desc`; leaves gaps alone. Returns false
 * when memory is short. */
bool test_fill_role(const TestFill *fill, const VknDesc *desc, VknRole role, float *values);

/* Numbered random figures of mean 0 and deviation 1, within 3.5 of 0. */
float test_random(uint32_t stream, uint64_t number);

#endif
