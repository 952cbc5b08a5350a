/* What tests of the planner share: a schedule of a description for a device, made twice, held against the
 * invariants, and a failure that can be repeated. */
#ifndef TESTS_PLANNING_H
#define TESTS_PLANNING_H

#include "generate.h"
#include "schedule.h"

/* What is being planned, for failures to tell. */
typedef struct Planning {
    uint64_t seed;
    const char *test;
    const char *device; /* of `caps`, or NULL */
    VknDesc desc;
    VknCaps caps;
    char message[512]; /* the last one that was logged */
} Planning;

extern Planning planning;

/* Host memory that counts. */
typedef struct Memory {
    int64_t left;  /* allocations until one fails */
    uint64_t most; /* bytes of one allocation */
    int64_t live;
} Memory;

extern Memory planning_memory;
extern const VkAllocationCallbacks planning_callbacks; /* into planning_memory */
extern const VknHost planning_host;                    /* with those, and planning.message as its log */

void planning_start(const char *test, uint64_t seed);

/* Fails the test, having said what was planned. */
void planning_fail(const char *why, const char *detail);

/* A schedule of planning.desc for planning.caps; false when that is refused, clearly. */
bool planning_make(VknSchedule *schedule);

/* Fails unless the schedule keeps every invariant. */
void planning_check(const VknSchedule *schedule);

#endif
