/* Runs a problem on a device, and compares. */
#ifndef TESTS_PROBLEM_RUN_H
#define TESTS_PROBLEM_RUN_H

#include "problem.h"

#include <vknorm/runtime.h>

/* Ends the program when a call that must succeed does not. */
void problem_require(VknResult result, const char *what);

/* Runs `desc`, a form of the problem's description whose outputs were expected, on what was given, with
 * buffers at some place that need not be aligned, as many elements into a quad for all if they lie `alike`,
 * and compares every byte of every buffer: outputs with what is expected, all else with what was there.
 * Prints the first difference. A forward run leaves its activation mask to the next gradient. */
bool problem_run(VknRuntime *runtime, const Problem *p, const VknDesc *desc, uint64_t skew, bool alike);

/* FNV-1a of the bytes that the last run left in its outputs, in the order of their roles. */
extern uint64_t problem_digest;

#endif
