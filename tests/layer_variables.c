/* Variables: how many there are, how they begin, how they are saved. */
#define _XOPEN_SOURCE 600 /* truncate() */
#include "layer_test.h"

#include <math.h>
#include <unistd.h>

/* --------------------------------------------------------------------------------------------- counts */

static VknParameterCount count(VknRuntime *runtime, uint32_t axis_count, const int32_t *axes, uint32_t rank,
                               const uint64_t *shape) {
    VknLayerDesc desc;
    vkn_layer_desc_default(&desc, VKN_LAYER_BATCH_NORMALIZATION);
    desc.axis_count = axis_count;
    memcpy(desc.axes, axes, axis_count * sizeof *axes);
    VknLayer *layer = make(runtime, &desc, rank, shape);
    VknParameterCount result = vkn_layer_parameter_count(layer);
    vkn_layer_set_trainable(layer, false);
    assert_int_equal(vkn_layer_parameter_count(layer).trainable, 0);
    assert_int_equal(vkn_layer_parameter_count(layer).non_trainable, result.total);
    vkn_layer_destroy(layer);
    return result;
}

static uint64_t dense(uint64_t inputs, uint64_t units) {
    return (inputs + 1) * units;
}

/* Keras' summaries of whole models. */
void test_counts(void **state) {
    VknRuntime *runtime = ((Fixture *)*state)->runtime;
    const int32_t last[] = {-1}, rows[] = {1, 2};
    uint64_t total = dense(784, 300) + dense(300, 100) + dense(100, 10), moving = 0;
    for (int i = 0; i < 3; i++) {
        VknParameterCount bn = count(runtime, 1, last, 2, (uint64_t[]){32, (uint64_t[]){784, 300, 100}[i]});
        total += bn.total;
        moving += bn.non_trainable;
        assert_int_equal(bn.trainable + bn.non_trainable, bn.total);
    }
    assert_int_equal(total, 271346);
    assert_int_equal(moving, 2368);
    assert_int_equal(total - moving, 268978);
    VknParameterCount bn = count(runtime, 1, last, 4, (uint64_t[]){8, 26, 26, 32});
    assert_int_equal(9 * 32 + 32 + bn.total + dense(13 * 13 * 32, 10), 54538);
    assert_int_equal(bn.non_trainable, 64);
    bn = count(runtime, 1, last, 2, (uint64_t[]){8, 64});
    assert_int_equal(dense(784, 64) + bn.total + dense(64, 10), 51146);
    bn = count(runtime, 2, rows, 4, (uint64_t[]){8, 26, 26, 32});
    assert_int_equal(bn.total, 4 * 676);
    assert_int_equal(9 * 32 + 32 + bn.total + dense(13 * 13 * 32, 10), 57114);
    bn = count(runtime, 1, last, 3, (uint64_t[]){8, 100, 64});
    assert_int_equal(4 * 64 * (5 + 64 + 1) + bn.total + 4 * 32 * (64 + 32 + 1) + dense(32, 1), 30625);
    assert_int_equal(bn.non_trainable, 128);
}

/* ------------------------------------------------------------------------------------------- variables */

void test_beginnings(void **state) {
    VknRuntime *runtime = ((Fixture *)*state)->runtime;
    static const char *const NAMES[] = {"gamma",         "beta",        "moving_mean",  "moving_variance",
                                        "moving_stddev", "renorm_mean", "renorm_stddev"};
    VknLayerDesc desc;
    vkn_layer_desc_default(&desc, VKN_LAYER_BATCH_NORMALIZATION);
    desc.name = "norm_3";
    desc.renorm = true;
    desc.gamma.initializer = *vkn_initializer_find("random_normal");
    desc.beta.initializer = (VknInitializer){.kind = VKN_INITIALIZER_CONSTANT, .value = 0.5f};
    desc.moving_mean_initializer = *vkn_initializer_find("random_uniform");
    desc.moving_variance_initializer =
        (VknInitializer){.kind = VKN_INITIALIZER_UNIFORM, .minimum = 1, .maximum = 4};
    VknLayer *layer = make(runtime, &desc, 2, (uint64_t[]){4, 6});
    float values[LENGTH(NAMES)][6], expected[6];
    for (uint32_t i = 0; i < LENGTH(NAMES); i++) {
        const VknWeight *weight = vkn_layer_weight(layer, i);
        char name[64];
        snprintf(name, sizeof name, "norm_3/%s", NAMES[i]);
        assert_string_equal(weight->name, NAMES[i]);
        assert_string_equal(weight->path, name);
        assert_int_equal(weight->trainable, i < 2);
        assert_true((weight->gradient.buffer != VK_NULL_HANDLE) == weight->trainable);
        download(runtime, &weight->value, values[i], 6);
    }
    assert_null(vkn_layer_weight(layer, LENGTH(NAMES)));
    assert_int_equal(vkn_initializer_fill((VknLog){0}, &desc.gamma.initializer,
                                          vkn_stream_of_name("norm_3/gamma"), 1, (uint64_t[]){6}, expected),
                     VKN_SUCCESS);
    assert_memory_equal(values[0], expected, sizeof expected);
    for (int i = 0; i < 6; i++) {
        assert_true(values[1][i] == 0.5f && values[2][i] == values[5][i]);
        assert_true(values[3][i] >= 1 && values[3][i] != values[3][(i + 1) % 6]);
        assert_true(values[4][i] == sqrtf(values[3][i]) && values[6][i] == values[4][i]);
    }
    for (uint32_t i = 0; i < 2; i++) { /* gradients before any backward */
        download(runtime, &vkn_layer_weight(layer, i)->gradient, expected, 6);
        for (int k = 0; k < 6; k++)
            assert_true(expected[k] == 0);
    }
    vkn_layer_destroy(layer);
}

/* --------------------------------------------------------------------------------------------- files */

static void read_weights(VknRuntime *runtime, VknLayer *const *layers, float values[3][8][8]) {
    const VknWeight *weight;
    memset(values, 0, 3 * 8 * 8 * sizeof(float));
    for (int i = 0; i < 3; i++)
        for (uint32_t k = 0; (weight = vkn_layer_weight(layers[i], k)); k++)
            download(runtime, &weight->value, values[i][k], weight->count);
}

void test_weights_saved(void **state) {
    Fixture *fixture = *state;
    VknRuntime *runtime = fixture->runtime;
    static ReferenceState scratch;
    VknLayerDesc desc;
    VknLayer *layers[3], *other;
    float saved[3][8][8], changed[3][8][8], loaded[3][8][8];
    random_state = 3;
    vkn_layer_desc_default(&desc, VKN_LAYER_BATCH_NORMALIZATION);
    layers[0] = make(runtime, &desc, 2, (uint64_t[]){4, 6});
    desc.name = "second";
    desc.scale = false;
    layers[1] = make(runtime, &desc, 2, (uint64_t[]){4, 3});
    vkn_layer_desc_default(&desc, VKN_LAYER_UNIT_NORMALIZATION); /* which has none */
    layers[2] = make(runtime, &desc, 2, (uint64_t[]){4, 3});
    for (int i = 0; i < 2; i++)
        scramble(runtime, layers[i], &scratch);
    read_weights(runtime, layers, saved);
    assert_int_equal(vkn_layers_save(3, layers, weights_path), VKN_SUCCESS);
    for (int i = 0; i < 2; i++)
        scramble(runtime, layers[i], &scratch);
    read_weights(runtime, layers, changed);
    assert_memory_not_equal(saved, changed, sizeof saved);
    /* Another shape, a missing layer, one too many, two of a name, one that is not built: nothing changes. */
    vkn_layer_desc_default(&desc, VKN_LAYER_BATCH_NORMALIZATION);
    other = make(runtime, &desc, 2, (uint64_t[]){4, 5});
    VknLayer *wrong[] = {layers[1], other};
    assert_fails(&fixture->log, vkn_layers_load(2, wrong, weights_path), VKN_ERROR_INVALID_ARGUMENT,
                 "\"batch_normalization/gamma\" has the shape 6, but 5 is wanted");
    assert_fails(&fixture->log, vkn_layers_load(1, layers, weights_path), VKN_ERROR_INVALID_ARGUMENT,
                 "has 7 tensors, but 4 are wanted");
    VknLayer *twice[] = {layers[0], layers[0]};
    assert_fails(&fixture->log, vkn_layers_load(2, twice, weights_path), VKN_ERROR_INVALID_ARGUMENT,
                 "two are \"batch_normalization\"");
    assert_fails(&fixture->log, vkn_layers_load(3, layers, "no-such-file"), VKN_ERROR_INVALID_ARGUMENT,
                 "cannot be opened");
    vkn_layer_destroy(other);
    desc.name = "third";
    other = make(runtime, &desc, 2, (uint64_t[]){4, 5});
    VknLayer *more[] = {layers[0], layers[1], other};
    assert_fails(&fixture->log, vkn_layers_load(3, more, weights_path), VKN_ERROR_INVALID_ARGUMENT,
                 "has no tensor \"third/gamma\"");
    vkn_layer_destroy(other);
    assert_int_equal(vkn_layer_create(runtime, &desc, &other), VKN_SUCCESS);
    assert_fails(&fixture->log, vkn_layers_load(1, &other, weights_path), VKN_ERROR_INVALID_ARGUMENT,
                 "third is not built");
    vkn_layer_destroy(other);
    read_weights(runtime, layers, loaded);
    assert_memory_equal(loaded, changed, sizeof loaded);
    /* In another order of layers, and then cut off. */
    VknLayer *order[] = {layers[2], layers[1], layers[0]};
    assert_int_equal(vkn_layers_load(3, order, weights_path), VKN_SUCCESS);
    read_weights(runtime, layers, loaded);
    assert_memory_equal(loaded, saved, sizeof loaded);
    assert_int_equal(truncate(weights_path, 700), 0);
    assert_fails(&fixture->log, vkn_layers_load(3, layers, weights_path), VKN_ERROR_INVALID_ARGUMENT,
                 "truncated");
    read_weights(runtime, layers, loaded);
    assert_memory_equal(loaded, saved, sizeof loaded);
    remove(weights_path);
    for (int i = 0; i < 3; i++)
        vkn_layer_destroy(layers[i]);
}
