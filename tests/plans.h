/* All plans of one description: one for each strategy that can serve it. */
#ifndef TESTS_PLANS_H
#define TESTS_PLANS_H

#include "rig.h"

#define TEST_MAX_STRATEGIES 16

typedef struct TestPlans {
    VknPlan *plan[TEST_MAX_STRATEGIES + 1]; /* by VknDesc.strategy: [0] is the library's choice */
    uint64_t workspace_words;               /* the most that any of them needs */
} TestPlans;

/* Rows of the strategy table. */
uint32_t test_strategy_count(void);

/* Plans `desc` with each strategy; a plan that is UNSUPPORTED stays NULL, except that the library's own
 * choice must be served. Holds each plan's facts against the description. Returns false and says why when
 * something is wrong. */
bool test_plans_create(TestRig *rig, VknContext *context, const VknDesc *desc, TestPlans *plans,
                       FILE *report);
void test_plans_destroy(TestPlans *plans);

#endif
