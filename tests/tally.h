/* Counts of what ran, by strategy and by capability mask, and the table of them. */
#ifndef TESTS_TALLY_H
#define TESTS_TALLY_H

#include "plans.h"

typedef struct TestTally {
    uint64_t passed[TEST_MAX_STRATEGIES + 1][TEST_MAX_MASKS]; /* [0]: planning itself */
    uint64_t failed[TEST_MAX_STRATEGIES + 1][TEST_MAX_MASKS];
    uint64_t skipped[TEST_MAX_MASKS];
} TestTally;

/* Prints the table, the device, and as the last line "N passed, N failed, N skipped". Returns whether
 * something passed and nothing failed. */
bool test_tally_print(const TestTally *tally, const VknRuntimeInfo *info);

#endif
