/* Weaker devices than the one that is there: one row per way of lowering VknCaps. */
#ifndef TESTS_MASK_H
#define TESTS_MASK_H

#include <vknorm/vknorm.h>

typedef struct TestMask {
    const char *name;
    VknCaps at_most; /* 0 in a figure: as it is */
    bool no_arithmetic;
    bool no_shuffle;
    bool other_reads;  /* texels on devices that prefer storage, and the other way round */
    bool of_subgroups; /* what it leaves depends on their size */
} TestMask;

/* The first row is the device as it is. */
extern const TestMask test_masks[];
extern const uint32_t test_mask_count;

/* Changes `caps`. Returns false when the device is that weak already, or cannot, so that nothing changes. */
bool test_mask_apply(const TestMask *mask, VknCaps *caps);

#endif
