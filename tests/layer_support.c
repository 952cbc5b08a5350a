#include "layer_test.h"

#include <math.h>

uint32_t random_state;

uint32_t below(uint32_t most) {
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)random_state * most) >> 32);
}

float number(void) {
    return (float)below(1 << 12) * 0x1p-10f - 2;
}

VknLayer *make(VknRuntime *runtime, const VknLayerDesc *desc, uint32_t rank, const uint64_t *shape) {
    VknLayer *layer;
    assert_int_equal(vkn_layer_create(runtime, desc, &layer), VKN_SUCCESS);
    assert_int_equal(vkn_layer_build(layer, rank, shape), VKN_SUCCESS);
    return layer;
}

VknBuffer upload(VknRuntime *runtime, const void *values, uint64_t size) {
    VknBuffer buffer = create_buffer(runtime, size ? size : 4);
    assert_int_equal(vkn_runtime_upload(runtime, &buffer, 0, values, size), VKN_SUCCESS);
    return buffer;
}

void download(VknRuntime *runtime, const VknBuffer *buffer, float *values, uint64_t count) {
    assert_int_equal(vkn_runtime_download(runtime, buffer, 0, values, count * 4), VKN_SUCCESS);
}

void destroy(VknRuntime *runtime, const VknBuffer *buffers, size_t count) {
    for (size_t i = 0; i < count; i++)
        vkn_runtime_buffer_destroy(runtime, buffers[i].buffer);
}

const VknWeight *weight_of(const VknLayer *layer, const char *name) {
    const VknWeight *weight;
    for (uint32_t i = 0; (weight = vkn_layer_weight(layer, i)); i++)
        if (!strcmp(weight->name, name))
            break;
    return weight;
}

void compare(const char *what, const float *is, const double *expected, uint64_t count) {
    double scale = 1;
    for (uint64_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(expected[i]));
    for (uint64_t i = 0; i < count; i++)
        if (!(fabs(is[i] - expected[i]) <= BOUND * scale))
            fail_msg("%s[%llu] is %.9g, not %.9g, of at most %g", what, (unsigned long long)i, is[i],
                     expected[i], scale);
}

/* -------------------------------------------------------------------------------- layers and reference */

/* What layers and reference have in common. */
static const struct {
    const char *name;
    size_t offset;
    float first; /* where there is none */
} STATE[] = {{"gamma", offsetof(ReferenceState, gamma), 1},
             {"beta", offsetof(ReferenceState, beta), 0},
             {"moving_mean", offsetof(ReferenceState, moving_mean), 0},
             {"moving_variance", offsetof(ReferenceState, moving_variance), 1},
             {"moving_stddev", offsetof(ReferenceState, moving_stddev), 1},
             {"renorm_mean", offsetof(ReferenceState, renorm_mean), 0},
             {"renorm_stddev", offsetof(ReferenceState, renorm_stddev), 1}};

static double *values_of(ReferenceState *state, size_t row) {
    return (double *)(void *)((char *)state + STATE[row].offset);
}

static const VknWeight *state_weight(const VknLayer *layer, size_t row) {
    const VknWeight *weight = weight_of(layer, STATE[row].name);
    return weight || row ? weight : weight_of(layer, "scale"); /* of RMS normalization */
}

void scramble(VknRuntime *runtime, VknLayer *layer, ReferenceState *state) {
    for (size_t row = 0; row < LENGTH(STATE); row++) {
        const VknWeight *weight = state_weight(layer, row);
        float values[REFERENCE_MOST];
        for (uint64_t i = 0; i < REFERENCE_MOST; i++)
            values_of(state, row)[i] = STATE[row].first;
        for (uint64_t i = 0; weight && i < weight->count; i++)
            values_of(state, row)[i] = values[i] = STATE[row].first + 0.25f * number();
        if (weight)
            assert_int_equal(vkn_runtime_upload(runtime, &weight->value, 0, values, weight->count * 4),
                             VKN_SUCCESS);
    }
}

void compare_state(VknRuntime *runtime, VknLayer *layer, ReferenceState *state) {
    for (size_t row = 0; row < LENGTH(STATE); row++) {
        const VknWeight *weight = state_weight(layer, row);
        float values[REFERENCE_MOST];
        if (!weight)
            continue;
        download(runtime, &weight->value, values, weight->count);
        compare(STATE[row].name, values, values_of(state, row), weight->count);
    }
}

void compare_call(VknRuntime *runtime, VknLayer *layer, const ReferenceCall *call,
                  const VknBuffer buffers[BUFFERS], ReferenceState *state) {
    static ReferenceResult expected;
    float values[REFERENCE_MOST];
    const VknWeight *gamma = state_weight(layer, 0), *beta = state_weight(layer, 1);
    const VknLayerCall arguments = {.training = call->training,
                                    .samples = call->shape[0],
                                    .x = buffers[X],
                                    .y = buffers[Y],
                                    .dy = buffers[DY],
                                    .dx = buffers[DX],
                                    .mask = call->mask ? buffers[MASK] : (VknBuffer){0}};
    assert_int_equal(vkn_layer_forward(layer, &arguments), VKN_SUCCESS);
    /* Backward takes the mask, the mode and the number of samples of forward. */
    const VknLayerCall back = {.x = buffers[X], .dy = buffers[DY], .dx = buffers[DX]};
    assert_int_equal(vkn_layer_backward(layer, &back), VKN_SUCCESS);
    reference_layer(call, state, &expected);
    download(runtime, &buffers[Y], values, expected.count);
    compare("y", values, expected.y, expected.count);
    download(runtime, &buffers[DX], values, expected.count);
    compare("dx", values, expected.dx, expected.count);
    compare_state(runtime, layer, state);
    for (int i = 0; i < 2; i++) {
        const VknWeight *weight = i ? beta : gamma;
        const double zeros[REFERENCE_MOST] = {0};
        const double *gradient = !call->desc->trainable ? zeros : i ? expected.dbeta : expected.dgamma;
        if (!weight)
            continue;
        assert_int_equal(weight->count, expected.parameter_count);
        download(runtime, &weight->gradient, values, weight->count);
        compare(i ? "dbeta" : "dgamma", values, gradient, weight->count);
    }
}
