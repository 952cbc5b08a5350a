/* One row of the case table: a description and how its tensors lie in memory. */
#ifndef TESTS_CASE_H
#define TESTS_CASE_H

#include <vknorm/vknorm.h>

/* How strides follow from the shape. All zero: dense. */
typedef struct TestLayout {
    const char *order; /* the axes from slowest to fastest in memory, "0231"; NULL: in their own order */
    uint32_t gap;      /* unused elements at the end of each run of each axis */
    uint32_t step;     /* elements from neighbour to neighbour along the fastest axis; 0: 1 */
    uint32_t repeat;   /* bit k: axis k has stride 0 (x only) */
} TestLayout;

typedef struct TestCase {
    const char *name;
    VknDesc desc; /* without strides */
    TestLayout x;
    TestLayout y;
    uint64_t batch_number;
    bool in_place; /* Y is X, laid out as `x` */
} TestCase;

extern const TestCase test_cases[];
extern const uint32_t test_case_count;

/* The row's description with the strides of its layouts. */
VknDesc test_case_desc(const TestCase *test);

/* Roles of a row, to be joined with |. */
enum {
    TEST_X = VKN_ROLE_BIT(VKN_ROLE_X),
    TEST_Y = VKN_ROLE_BIT(VKN_ROLE_Y),
    TEST_GAMMA = VKN_ROLE_BIT(VKN_ROLE_GAMMA),
    TEST_BETA = VKN_ROLE_BIT(VKN_ROLE_BETA),
    TEST_AFFINE = TEST_GAMMA | TEST_BETA,
    TEST_MEAN = VKN_ROLE_BIT(VKN_ROLE_MEAN),
    TEST_INV_STD = VKN_ROLE_BIT(VKN_ROLE_INV_STD),
    TEST_VARIANCE = VKN_ROLE_BIT(VKN_ROLE_VARIANCE),
    TEST_RUNNING = VKN_ROLE_BIT(VKN_ROLE_RUNNING_MEAN) | VKN_ROLE_BIT(VKN_ROLE_RUNNING_VARIANCE),
    TEST_MOMENTS = VKN_ROLE_BIT(VKN_ROLE_MOMENTS),
};

#endif
