/* Layers on a device: random ones against fp64, counts, recordings, parts of a batch, weight files, and what
 * is refused. What Keras makes of layers is in tests/golden/layers.txt. */
#define _POSIX_C_SOURCE 200112L /* getpid() */
#include "layer_test.h"

#include <unistd.h>

char weights_path[64];

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_ON_DEVICE(test_random_layers),
        TEST_ON_DEVICE(test_counts),
        TEST_ON_DEVICE(test_beginnings),
        TEST_ON_DEVICE(test_recorded),
        TEST_ON_DEVICE(test_samples),
        TEST_ON_DEVICE(test_accumulate),
        TEST_ON_DEVICE(test_empty),
        TEST_ON_DEVICE(test_types),
        TEST_ON_DEVICE(test_synchronized),
        TEST_ON_DEVICE(test_weights_saved),
        TEST_ON_DEVICE(test_descriptions_refused),
        TEST_ON_DEVICE(test_shapes_refused),
        TEST_ON_DEVICE(test_calls_refused),
    };
    snprintf(weights_path, sizeof weights_path, "layer_%ld.safetensors", (long)getpid());
    const int failed = cmocka_run_group_tests(tests, group_open, NULL);
    remove(weights_path);
    return failed;
}
