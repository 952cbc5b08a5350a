/* Every member of the family, as a table: what README's matrix is made from. */
#ifndef TESTS_FAMILY_H
#define TESTS_FAMILY_H

#include "problem.h"

typedef enum FamilyLayout {
    FAMILY_NCHW,
    FAMILY_NHWC,
    FAMILY_NC4HW4,
    FAMILY_STRIDED, /* axes in another order, with gaps */
    FAMILY_LAYOUTS
} FamilyLayout;

extern const uint32_t family_count;
extern const char *const family_layout_names[FAMILY_LAYOUTS];

const char *family_name(uint32_t member);
bool family_has_gradient(uint32_t member);

/* The member's forward problem, TRAIN (of VKN_STATISTIC_NONE, APPLY is meant) or REDUCE, with all its roles.
 */
void family_problem(Problem *p, uint32_t member, FamilyLayout layout, VknType type);

/* Expects the problem forward, or after that backward, with dx and what else there is a gradient of; returns
 * what is to be run. */
VknDesc family_forward(Problem *p);
VknDesc family_backward(Problem *p);

#endif
