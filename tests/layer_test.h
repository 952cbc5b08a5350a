/* What the tests of layers on a device share. */
#ifndef TESTS_LAYER_TEST_H
#define TESTS_LAYER_TEST_H

#include "layer_reference.h"
#include "runtime_test.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Of the largest magnitude, at least 1: statistics of up to 2048 elements, and inverse deviations of up to
 * 30. */
#define BOUND 1e-5

/* Random numbers, from random_state on: below `most`; multiples of 2^-10 from -2 to 2. */
extern uint32_t random_state;
uint32_t below(uint32_t most);
float number(void);

/* A layer that is built. */
VknLayer *make(VknRuntime *runtime, const VknLayerDesc *desc, uint32_t rank, const uint64_t *shape);

VknBuffer upload(VknRuntime *runtime, const void *values, uint64_t size);
void download(VknRuntime *runtime, const VknBuffer *buffer, float *values, uint64_t count);
void destroy(VknRuntime *runtime, const VknBuffer *buffers, size_t count);

/* The variable of that name, NULL if there is none. */
const VknWeight *weight_of(const VknLayer *layer, const char *name);

/* Fails unless each element is within BOUND. */
void compare(const char *what, const float *is, const double *expected, uint64_t count);

/* Gives all variables random values, which `state` receives. */
void scramble(VknRuntime *runtime, VknLayer *layer, ReferenceState *state);
void compare_state(VknRuntime *runtime, VknLayer *layer, ReferenceState *state);

/* The tensors of a call. */
enum { X, Y, DY, DX, MASK, BUFFERS };

/* Forward, backward, and all that they write, in both. */
void compare_call(VknRuntime *runtime, VknLayer *layer, const ReferenceCall *call,
                  const VknBuffer buffers[BUFFERS], ReferenceState *state);

/* --------------------------------------------------------------------------------------------- tests */

/* A file of this process, for programs that run at once. */
extern char weights_path[64];

void test_random_layers(void **state);
void test_counts(void **state);
void test_beginnings(void **state);
void test_recorded(void **state);
void test_samples(void **state);
void test_accumulate(void **state);
void test_empty(void **state);
void test_types(void **state);
void test_synchronized(void **state);
void test_weights_saved(void **state);
void test_descriptions_refused(void **state);
void test_shapes_refused(void **state);
void test_calls_refused(void **state);

#endif
