/* One small problem with every tensor that a gradient has, and what must come out, in fp64. */
#ifndef TEST_GRADIENT_H
#define TEST_GRADIENT_H

#include <vknorm/runtime.h>

/* Odd, so that 16-bit words are shared between rows; enough for quads and ends. */
enum {
    TEST_BATCH = 3,
    TEST_CHANNELS = 12,
    TEST_INNER = 23,
    TEST_ELEMENTS = TEST_BATCH * TEST_CHANNELS * TEST_INNER
};

typedef struct TestProblem {
    VknActivation activation, prologue;
    VknType x_type, y_type, residual_type; /* dx has x's, dy has y's, dresidual residual's */
    bool has_residual, accumulate;
    bool last; /* channels last */
    float x[TEST_ELEMENTS], dy[TEST_ELEMENTS], residual[TEST_ELEMENTS];
    float gamma[TEST_CHANNELS], beta[TEST_CHANNELS], dgamma_before[TEST_CHANNELS];
    float mean[TEST_CHANNELS], inv_std[TEST_CHANNELS]; /* as a forward pass saves them */
} TestProblem;

/* Expected values and how far each may be off; NULL for roles that are not checked. */
typedef struct TestExpected {
    const double *value[VKN_ROLE_COUNT], *bound[VKN_ROLE_COUNT];
    uint32_t count[VKN_ROLE_COUNT];
    double tensor[3][2][TEST_ELEMENTS];
    double parameter[2][2][TEST_CHANNELS];
} TestExpected;

/* The nearest value of a type, ties to even. */
float test_round(VknType type, float value);

/* Writes `bytes` of values in their type. */
void test_encode(VknType type, const float *values, uint64_t bytes, uint8_t *to);

/* Fills mean and inv_std. */
void test_statistics(TestProblem *p);

void test_expect(const TestProblem *p, VknOperation operation, TestExpected *expected);

/* Prints the first element that is wrong. */
bool test_compare(const TestExpected *expected, uint32_t role, VknType type, const uint8_t *data);

#endif
