/* Every form of a random problem, on a device. */
#ifndef TESTS_PROBLEM_CHECK_H
#define TESTS_PROBLEM_CHECK_H

#include "problem_run.h"

typedef struct ProblemTally {
    uint32_t strategies; /* how many each form is run with, the chosen one first */
    uint32_t passed, failed;
    uint32_t runs_of[VKN_OPERATION_REDUCE + 1];
} ProblemTally;

/* Draws a problem, and where its buffers lie: half of them each at an offset of its own, a sixth all alike, a
 * third likewise with the shapes that wide paths are for; of what is left, those of every fourth seed have
 * cells. Of at most `most` elements, but for those. Runs it as every operation that it has a meaning for,
 * forward and backward. Adds to the tally. */
void problem_check(VknRuntime *runtime, TestRandom *random, uint64_t seed, uint64_t most, uint32_t activation,
                   ProblemTally *tally);

#endif
