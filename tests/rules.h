/* What the tests of rules share: something good to break, and what must happen then. */
#ifndef TESTS_RULES_H
#define TESTS_RULES_H

#include <vknorm/vknorm.h>

#include <stddef.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* The least that is allowed. */
VknCaps rules_caps(void);

/* Training of 2 x 3 x 4 x 5, the second axis kept. */
VknDesc rules_desc(void);

/* Asks for a plan; on failure `info`, which may be NULL, must stay what it was and one message must be there.
 */
VknResult rules_query(const VknCaps *caps, const VknDesc *desc, VknPlanInfo *info);

/* Fails unless `result` is as expected and the last message has these words. */
void rules_expect(const char *name, VknResult result, VknResult expected, const char *const *words,
                  size_t word_count);

/* rules_activations.c */
void test_activations(void **state);

#endif
