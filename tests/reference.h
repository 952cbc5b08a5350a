/* The truth: what vknorm.h says a description computes, in fp64, two passes over the data, and for every
 * output element how far f32 arithmetic may be from it. Shares no code with the library. */
#ifndef TESTS_REFERENCE_H
#define TESTS_REFERENCE_H

#include <vknorm/vknorm.h>

/* What one f32 of the output may be: within `bound` of `value` or of `other` (the other side of a jump,
 * else the same). value NaN: NaN. value infinite: not finite. bound infinite: any number. */
typedef struct TestExpect {
    double value;
    double other;
    double bound;
    bool with_previous; /* the sum with the preceding word counts (VknMoments.mean_low) */
} TestExpect;

typedef struct TestReference {
    uint64_t statistic_count;
    uint64_t reduce_count;
    /* What each written role holds, NULL for the others: Y by logical element, the others by word. */
    TestExpect *expect[VKN_ROLE_COUNT];
} TestReference;

/* Computes what `desc` writes. `input` is indexed by VknRole; what the description does not read may be
 * NULL. An empty tensor expects nothing. Returns false when memory is short. */
bool test_reference_create(const VknDesc *desc, const float *const input[VKN_ROLE_COUNT],
                           uint64_t batch_number, TestReference *reference);
void test_reference_destroy(TestReference *reference);

double test_activation_value(const VknActivation *activation, double z);

/* The error that evaluating the activation of an exact, finite z adds, in units of TEST_ROUNDING. */
double test_activation_error(const VknActivation *activation, double z);

/* The derivative, by its own formula, and its error, likewise. */
double test_activation_slope(const VknActivation *activation, double z);
double test_activation_slope_error(const VknActivation *activation, double z);

/* What flushing denormals may add to either: they are multiplied with a parameter, and up to a cube of z. */
double test_activation_flush(const VknActivation *activation, double z);

/* What these are made of: products in which 0 times infinity is 0, and errors in units of TEST_ROUNDING,
 * absolute but for that of exp. */
double test_times(double a, double z);
double test_exp_error(double z);
double test_sigmoid_slope(double z);
double test_error_of_sigmoid(double z);
double test_error_of_tanh(double z);
double test_error_of_tail(double x);
double test_error_of_power(double z, double exponent);

/* The activation of a z that is known to within `bound`. */
TestExpect test_activation_expect(const VknActivation *activation, double z, double bound);

/* Half a unit in the last place of 1, the relative error of one f32 rounding. Vulkan states precision in
 * ULP, which are up to 2 * TEST_ROUNDING. */
#define TEST_ROUNDING 0x1p-24

/* What flushing a denormal may lose. */
#define TEST_FLUSH 0x1p-126

#endif
