/* What every schedule must be, whatever it computes. */
#ifndef TESTS_INVARIANTS_H
#define TESTS_INVARIANTS_H

#include "schedule.h"

/* Holds a schedule against the device that it was made for. Returns NULL, or the rule that is broken by
 * step *number. */
const char *test_invariant_broken(const VknSchedule *schedule, const VknCaps *caps, uint32_t *number);

#endif
