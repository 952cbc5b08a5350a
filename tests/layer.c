/* Layers on a device: random ones against fp64, counts, recordings, several devices' parts, weight files, and
 * what is refused. What Keras makes of layers is in tests/golden/layers.txt. */
#define _POSIX_C_SOURCE 200112L /* getpid() */
#include "layer_reference.h"
#include "runtime_test.h"

#include <math.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* Of the largest magnitude, at least 1: statistics of up to 2048 elements, and inverse deviations of up to
 * 30. */
#define BOUND 1e-5

static char path[64];

/* --------------------------------------------------------------------------------------------- tools */

static uint32_t random_state;

static uint32_t below(uint32_t most) {
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)random_state * most) >> 32);
}

static float number(void) {
    return (float)below(1 << 12) * 0x1p-10f - 2;
}

static VknLayer *make(VknRuntime *runtime, const VknLayerDesc *desc, uint32_t rank, const uint64_t *shape) {
    VknLayer *layer;
    assert_int_equal(vkn_layer_create(runtime, desc, &layer), VKN_SUCCESS);
    assert_int_equal(vkn_layer_build(layer, rank, shape), VKN_SUCCESS);
    return layer;
}

static VknBuffer upload(VknRuntime *runtime, const void *values, uint64_t size) {
    VknBuffer buffer = create_buffer(runtime, size ? size : 4);
    assert_int_equal(vkn_runtime_upload(runtime, &buffer, 0, values, size), VKN_SUCCESS);
    return buffer;
}

static void download(VknRuntime *runtime, const VknBuffer *buffer, float *values, uint64_t count) {
    assert_int_equal(vkn_runtime_download(runtime, buffer, 0, values, count * 4), VKN_SUCCESS);
}

static void destroy(VknRuntime *runtime, const VknBuffer *buffers, size_t count) {
    for (size_t i = 0; i < count; i++)
        vkn_runtime_buffer_destroy(runtime, buffers[i].buffer);
}

static const VknWeight *weight_of(const VknLayer *layer, const char *name) {
    const VknWeight *weight;
    for (uint32_t i = 0; (weight = vkn_layer_weight(layer, i)); i++)
        if (!strcmp(weight->name, name))
            break;
    return weight;
}

static void compare(const char *what, const float *is, const double *expected, uint64_t count) {
    double scale = 1;
    for (uint64_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(expected[i]));
    for (uint64_t i = 0; i < count; i++)
        if (!(fabs(is[i] - expected[i]) <= BOUND * scale))
            fail_msg("%s[%llu] is %.9g, not %.9g, of at most %g", what, (unsigned long long)i, is[i],
                     expected[i], scale);
}

/* --------------------------------------------------------------------------------------------- random */

typedef struct Problem {
    VknLayerDesc desc;
    uint32_t rank;
    uint64_t shape[VKN_MAX_RANK], count;
    bool mask;
} Problem;

static void choose_axes(Problem *problem, bool several) {
    VknLayerDesc *desc = &problem->desc;
    uint32_t set = 0;
    desc->axis_count = several ? 1 + below(problem->rank > 1 ? problem->rank - 1 : 1) : 1;
    for (uint32_t i = 0; i < desc->axis_count; i++) {
        uint32_t axis;
        do
            axis = below(problem->rank);
        while (set & 1u << axis);
        set |= 1u << axis;
        desc->axes[i] = (int32_t)axis - (below(2) ? (int32_t)problem->rank : 0);
    }
}

static Problem choose(void) {
    static const VknActivationId ACTIVATIONS[] = {VKN_ACTIVATION_IDENTITY, VKN_ACTIVATION_RELU,
                                                  VKN_ACTIVATION_TANH};
    Problem problem = {.rank = 1 + below(5), .count = 1};
    VknLayerDesc *desc = &problem.desc;
    vkn_layer_desc_default(desc, (VknLayerKind)(VKN_LAYER_BATCH_NORMALIZATION + below(5)));
    const bool batch = desc->kind == VKN_LAYER_BATCH_NORMALIZATION;
    if (desc->kind == VKN_LAYER_GROUP_NORMALIZATION && problem.rank < 2)
        problem.rank = 2;
    for (uint32_t i = 0; i < problem.rank; i++)
        problem.count *= problem.shape[i] = 1 + below(i ? 4 : 6);
    choose_axes(&problem, desc->kind != VKN_LAYER_GROUP_NORMALIZATION);
    if (desc->kind == VKN_LAYER_GROUP_NORMALIZATION) {
        const uint32_t axis = 1 + below(problem.rank - 1);
        desc->axes[0] = (int32_t)axis;
        desc->groups = below(2) ? -1 : problem.shape[axis] % 2 ? 1 : 2;
    }
    desc->epsilon = desc->kind == VKN_LAYER_UNIT_NORMALIZATION ? 1e-12f : 0.0625f;
    desc->momentum = 0.75f;
    desc->center = below(4);
    desc->scale = below(4);
    desc->trainable = below(4);
    desc->activation = vkn_activation_default(ACTIVATIONS[below(3)]);
    desc->renorm = batch && below(4) == 0;
    desc->renorm_r_max = below(2) ? 1.25f : INFINITY;
    desc->renorm_d_max = below(2) ? 0.25f : INFINITY;
    const bool reduces_samples = problem.rank > 1 &&
                                 !(desc->axes[0] == 0 || -desc->axes[0] == (int32_t)problem.rank) &&
                                 desc->axis_count == 1;
    if (batch && !desc->renorm && reduces_samples && problem.shape[0] % 2 == 0 && below(2))
        desc->virtual_batch_size = 2;
    problem.mask = batch && problem.rank > 1 && below(3) == 0;
    return problem;
}

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

static void scramble(VknRuntime *runtime, VknLayer *layer, ReferenceState *state) {
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

static void compare_state(VknRuntime *runtime, VknLayer *layer, ReferenceState *state) {
    for (size_t row = 0; row < LENGTH(STATE); row++) {
        const VknWeight *weight = state_weight(layer, row);
        float values[REFERENCE_MOST];
        if (!weight)
            continue;
        download(runtime, &weight->value, values, weight->count);
        compare(STATE[row].name, values, values_of(state, row), weight->count);
    }
}

enum { X, Y, DY, DX, MASK, BUFFERS };

static void compare_call(VknRuntime *runtime, VknLayer *layer, const ReferenceCall *call,
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
    assert_int_equal(vkn_layer_backward(layer, &arguments), VKN_SUCCESS);
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

static void test_random_layers(void **state) {
    Fixture *fixture = *state;
    VknRuntime *runtime = fixture->runtime;
    static ReferenceState variables;
    for (uint32_t i = 0; i < 300; i++) {
        random_state = i;
        const Problem problem = choose();
        float x[REFERENCE_MOST], dy[REFERENCE_MOST];
        uint8_t mask[REFERENCE_MOST];
        VknLayer *layer = make(runtime, &problem.desc, problem.rank, problem.shape);
        scramble(runtime, layer, &variables);
        for (uint64_t k = 0; k < problem.count; k++) {
            x[k] = number() + 0x1p-11f; /* no kink is here */
            dy[k] = number();
            mask[k] = (uint8_t)below(3);
        }
        const uint64_t size = problem.count * 4;
        const VknBuffer buffers[BUFFERS] = {upload(runtime, x, size), create_buffer(runtime, size),
                                            upload(runtime, dy, size), create_buffer(runtime, size),
                                            upload(runtime, mask, size)};
        for (int training = 1; training >= 0; training--) {
            ReferenceCall call = {.desc = &problem.desc,
                                  .rank = problem.rank,
                                  .training = training,
                                  .x = x,
                                  .dy = dy,
                                  .mask = problem.mask ? mask : NULL};
            memcpy(call.shape, problem.shape, sizeof call.shape);
            compare_call(runtime, layer, &call, buffers, &variables);
        }
        vkn_layer_destroy(layer);
        destroy(runtime, buffers, BUFFERS);
    }
}

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
static void test_counts(void **state) {
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

static void test_beginnings(void **state) {
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

/* ---------------------------------------------------------------------------------------------- calls */

typedef struct Recorded {
    VknLayer *layer;
    VknLayerCall *calls;
} Recorded;

/* Part 0 and 2 are forward, 1 and 3 backward. */
static VknResult record(void *user, uint32_t which, VkCommandBuffer commands) {
    Recorded *recorded = user;
    VknLayerCall *call = &recorded->calls[which / 2];
    call->commands = commands;
    return which % 2 ? vkn_layer_backward(recorded->layer, call) : vkn_layer_forward(recorded->layer, call);
}

/* Two calls recorded one after another, on tensors of their own, give what they give when they run. */
static void test_recorded(void **state) {
    VknRuntime *runtime = ((Fixture *)*state)->runtime;
    enum { N = 5 * 7 };
    VknLayerDesc desc;
    VknLayerCall calls[2];
    VknBuffer buffers[2][4];
    float x[N], y[2][2][N], dx[2][2][N], dgamma[2][7];
    double seconds[4];
    vkn_layer_desc_default(&desc, VKN_LAYER_LAYER_NORMALIZATION);
    VknLayer *layer = make(runtime, &desc, 2, (uint64_t[]){5, 7});
    random_state = 1;
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < N; k++)
            x[k] = number();
        for (int b = 0; b < 4; b++)
            buffers[i][b] = upload(runtime, x, sizeof x);
        calls[i] =
            (VknLayerCall){.x = buffers[i][0], .y = buffers[i][1], .dy = buffers[i][2], .dx = buffers[i][3]};
    }
    for (int recorded = 0; recorded < 2; recorded++) {
        if (recorded)
            assert_int_equal(vkn_runtime_time(runtime, 4, record, &(Recorded){layer, calls}, seconds),
                             VKN_SUCCESS);
        for (int i = 0; i < 2; i++) {
            if (!recorded) {
                assert_int_equal(vkn_layer_forward(layer, &calls[i]), VKN_SUCCESS);
                assert_int_equal(vkn_layer_backward(layer, &calls[i]), VKN_SUCCESS);
            }
            download(runtime, &buffers[i][1], y[recorded][i], N);
            download(runtime, &buffers[i][3], dx[recorded][i], N);
            float poison[N];
            memset(poison, 0xff, sizeof poison);
            for (int b = 1; b < 4; b += 2)
                assert_int_equal(vkn_runtime_upload(runtime, &buffers[i][b], 0, poison, sizeof poison),
                                 VKN_SUCCESS);
        }
        download(runtime, &weight_of(layer, "gamma")->gradient, dgamma[recorded], 7);
    }
    assert_memory_equal(y[0], y[1], sizeof y[0]);
    assert_memory_equal(dx[0], dx[1], sizeof dx[0]);
    assert_memory_equal(dgamma[0], dgamma[1], sizeof dgamma[0]);
    vkn_layer_forget(layer);
    destroy(runtime, buffers[0], 8);
    vkn_layer_destroy(layer);
}

/* Numbers of samples in turn; backward follows the forward before it; gradients accumulate. */
static void test_samples(void **state) {
    VknRuntime *runtime = ((Fixture *)*state)->runtime;
    static const uint64_t SAMPLES[] = {6, 2, 6, 9, 2};
    static ReferenceState variables;
    VknLayerDesc desc;
    float x[27], dy[27];
    for (VknLayerKind kind = VKN_LAYER_BATCH_NORMALIZATION; kind <= VKN_LAYER_LAYER_NORMALIZATION; kind++) {
        vkn_layer_desc_default(&desc, kind);
        VknLayer *layer = make(runtime, &desc, 2, (uint64_t[]){6, 3});
        scramble(runtime, layer, &variables);
        for (size_t i = 0; i < LENGTH(SAMPLES); i++) {
            for (int k = 0; k < 27; k++) {
                x[k] = number();
                dy[k] = number();
            }
            const uint64_t size = SAMPLES[i] * 12;
            const ReferenceCall call = {
                .desc = &desc, .rank = 2, .shape = {SAMPLES[i], 3}, .training = true, .x = x, .dy = dy};
            const VknBuffer buffers[BUFFERS] = {upload(runtime, x, size), create_buffer(runtime, size),
                                                upload(runtime, dy, size), create_buffer(runtime, size)};
            compare_call(runtime, layer, &call, buffers, &variables);
            destroy(runtime, buffers, MASK);
        }
        vkn_layer_destroy(layer);
    }
}

static void test_accumulate(void **state) {
    VknRuntime *runtime = ((Fixture *)*state)->runtime;
    VknLayerDesc desc;
    const float x[] = {1, 2, 3, 5, 8, -1}, dy[] = {1, -1, 0.5f, 2, 0.25f, 1};
    float once[3], twice[3];
    vkn_layer_desc_default(&desc, VKN_LAYER_BATCH_NORMALIZATION);
    VknLayer *layer = make(runtime, &desc, 2, (uint64_t[]){2, 3});
    const VknBuffer buffers[] = {upload(runtime, x, 24), create_buffer(runtime, 24), upload(runtime, dy, 24)};
    /* Without dx, as of a first layer. */
    VknLayerCall call = {.training = true, .x = buffers[0], .y = buffers[1], .dy = buffers[2]};
    assert_int_equal(vkn_layer_forward(layer, &call), VKN_SUCCESS);
    assert_int_equal(vkn_layer_backward(layer, &call), VKN_SUCCESS);
    download(runtime, &weight_of(layer, "beta")->gradient, once, 3);
    call.accumulate = true;
    assert_int_equal(vkn_layer_backward(layer, &call), VKN_SUCCESS);
    download(runtime, &weight_of(layer, "beta")->gradient, twice, 3);
    for (int i = 0; i < 3; i++)
        assert_true(once[i] == dy[i] + dy[i + 3] && twice[i] == 2 * once[i]);
    vkn_layer_destroy(layer);
    destroy(runtime, buffers, 3);
}

/* An empty batch moves nothing. */
static void test_empty(void **state) {
    VknRuntime *runtime = ((Fixture *)*state)->runtime;
    VknLayerDesc desc;
    float mean[3];
    vkn_layer_desc_default(&desc, VKN_LAYER_BATCH_NORMALIZATION);
    VknLayer *layer = make(runtime, &desc, 2, (uint64_t[]){0, 3});
    const VknLayerCall call = {.training = true};
    assert_int_equal(vkn_layer_forward(layer, &call), VKN_SUCCESS);
    download(runtime, &weight_of(layer, "moving_variance")->value, mean, 3);
    for (int i = 0; i < 3; i++)
        assert_true(mean[i] == 1);
    vkn_layer_destroy(layer);
}

/* bfloat16 tensors; variables stay f32. 2^-8 is half a unit of its last place. */
static void test_types(void **state) {
    VknRuntime *runtime = ((Fixture *)*state)->runtime;
    VknLayerDesc desc;
    const uint16_t x[] = {0x3f80, 0x4000, 0x4040, 0x40a0, 0x4100, 0xbf80}; /* 1 2 3 5 8 -1 */
    uint16_t y[6];
    vkn_layer_desc_default(&desc, VKN_LAYER_BATCH_NORMALIZATION);
    desc.type = VKN_TYPE_BF16;
    VknLayer *layer = make(runtime, &desc, 2, (uint64_t[]){2, 3});
    const VknBuffer buffers[] = {upload(runtime, x, 12), create_buffer(runtime, 12)};
    const VknLayerCall call = {.training = true, .x = buffers[0], .y = buffers[1]};
    assert_int_equal(vkn_layer_forward(layer, &call), VKN_SUCCESS);
    assert_int_equal(vkn_runtime_download(runtime, &buffers[1], 0, y, sizeof y), VKN_SUCCESS);
    const double deviation[] = {2, 3, 2};
    for (int i = 0; i < 6; i++) {
        const uint32_t word = (uint32_t)y[i] << 16;
        float value;
        memcpy(&value, &word, 4);
        const double sign = i == 2 || i > 2 ? 1 : -1, expected = (i == 5 ? -1 : sign) * deviation[i % 3] /
                                                                 sqrt(pow(deviation[i % 3], 2) + 1e-3);
        assert_true(fabs(value - expected) <= 0x1p-8 * fabs(expected));
    }
    assert_int_equal(weight_of(layer, "gamma")->value.size, 12);
    vkn_layer_destroy(layer);
    destroy(runtime, buffers, 2);
}

/* ---------------------------------------------------------------------------------------- synchronized */

/* Two layers with halves of a batch, which exchange statistics and sums, are one layer with all of it. */
static void test_synchronized(void **state) {
    VknRuntime *runtime = ((Fixture *)*state)->runtime;
    enum { ROWS = 10, HALF = 5, C = 3, N = ROWS * C };
    static ReferenceState variables;
    static ReferenceResult expected;
    VknLayerDesc desc;
    VknLayer *layers[2];
    VknLayerCall calls[2];
    VknBuffer buffers[2][6];
    float x[N], dy[N], y[N], dx[N], gradient[2][C], zeros[2 * C * 4] = {0};
    vkn_layer_desc_default(&desc, VKN_LAYER_BATCH_NORMALIZATION);
    desc.synchronized = true;
    random_state = 2;
    for (int i = 0; i < N; i++) {
        x[i] = number() + (i < N / 2 ? 1.0f : 0.0f);
        dy[i] = number();
    }
    for (int i = 0; i < 2; i++) {
        const uint64_t size = HALF * C * 4, at = (uint64_t)i * HALF * C;
        layers[i] = make(runtime, &desc, 2, (uint64_t[]){HALF, C});
        buffers[i][0] = upload(runtime, x + at, size);
        buffers[i][1] = create_buffer(runtime, size);
        buffers[i][2] = upload(runtime, dy + at, size);
        buffers[i][3] = create_buffer(runtime, size);
        buffers[i][4] = upload(runtime, zeros, sizeof zeros); /* moments of both, */
        buffers[i][5] = upload(runtime, zeros, sizeof zeros); /* sums of both */
        calls[i] = (VknLayerCall){.training = true,
                                  .x = buffers[i][0],
                                  .y = buffers[i][1],
                                  .dy = buffers[i][2],
                                  .dx = buffers[i][3],
                                  .parts = 2};
    }
    for (int pass = 0; pass < 2; pass++) {
        float parts[2][C * 4];
        for (int i = 0; i < 2; i++) {
            VknLayerCall call = calls[i];
            call.moments = buffers[i][4];
            call.sums = buffers[i][5];
            assert_int_equal((pass ? vkn_layer_gradient_statistics : vkn_layer_statistics)(layers[i], &call),
                             VKN_SUCCESS);
            download(runtime, &buffers[i][4 + pass], parts[i], C * 4);
        }
        for (int i = 0; i < 2; i++) { /* the caller's transport */
            assert_int_equal(vkn_runtime_upload(runtime, &buffers[i][4 + pass], 0, parts, sizeof parts),
                             VKN_SUCCESS);
            calls[i].moments = buffers[i][4];
            calls[i].sums = buffers[i][5];
            assert_int_equal((pass ? vkn_layer_backward : vkn_layer_forward)(layers[i], &calls[i]),
                             VKN_SUCCESS);
        }
    }
    const ReferenceCall whole = {
        .desc = &desc, .rank = 2, .shape = {ROWS, C}, .training = true, .x = x, .dy = dy};
    for (int i = 0; i < REFERENCE_MOST; i++)
        variables.gamma[i] = variables.moving_variance[i] = 1;
    reference_layer(&whole, &variables, &expected);
    for (int i = 0; i < 2; i++) {
        download(runtime, &buffers[i][1], y + i * HALF * C, HALF * C);
        download(runtime, &buffers[i][3], dx + i * HALF * C, HALF * C);
        download(runtime, &weight_of(layers[i], "gamma")->gradient, gradient[i], C);
        compare_state(runtime, layers[i], &variables);
    }
    compare("y", y, expected.y, N);
    compare("dx", dx, expected.dx, N);
    for (int c = 0; c < C; c++) /* each has its part, for the transport of gradients to add */
        gradient[0][c] += gradient[1][c];
    compare("dgamma", gradient[0], expected.dgamma, C);
    for (int i = 0; i < 2; i++)
        vkn_layer_destroy(layers[i]);
    destroy(runtime, buffers[0], 12);
}

/* --------------------------------------------------------------------------------------------- files */

static void read_weights(VknRuntime *runtime, VknLayer *const *layers, float values[3][8][8]) {
    const VknWeight *weight;
    memset(values, 0, 3 * 8 * 8 * sizeof(float));
    for (int i = 0; i < 3; i++)
        for (uint32_t k = 0; (weight = vkn_layer_weight(layers[i], k)); k++)
            download(runtime, &weight->value, values[i][k], weight->count);
}

static void test_weights_saved(void **state) {
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
    assert_int_equal(vkn_layers_save(3, layers, path), VKN_SUCCESS);
    for (int i = 0; i < 2; i++)
        scramble(runtime, layers[i], &scratch);
    read_weights(runtime, layers, changed);
    assert_memory_not_equal(saved, changed, sizeof saved);
    /* Another shape, a missing layer, one too many, two of a name, one that is not built: nothing changes. */
    vkn_layer_desc_default(&desc, VKN_LAYER_BATCH_NORMALIZATION);
    other = make(runtime, &desc, 2, (uint64_t[]){4, 5});
    VknLayer *wrong[] = {layers[1], other};
    assert_fails(&fixture->log, vkn_layers_load(2, wrong, path), VKN_ERROR_INVALID_ARGUMENT,
                 "\"batch_normalization/gamma\" has the shape 6, but 5 is wanted");
    assert_fails(&fixture->log, vkn_layers_load(1, layers, path), VKN_ERROR_INVALID_ARGUMENT,
                 "has 7 tensors, but 4 are wanted");
    VknLayer *twice[] = {layers[0], layers[0]};
    assert_fails(&fixture->log, vkn_layers_load(2, twice, path), VKN_ERROR_INVALID_ARGUMENT,
                 "two are \"batch_normalization\"");
    assert_fails(&fixture->log, vkn_layers_load(3, layers, "no-such-file"), VKN_ERROR_INVALID_ARGUMENT,
                 "cannot be opened");
    vkn_layer_destroy(other);
    desc.name = "third";
    other = make(runtime, &desc, 2, (uint64_t[]){4, 5});
    VknLayer *more[] = {layers[0], layers[1], other};
    assert_fails(&fixture->log, vkn_layers_load(3, more, path), VKN_ERROR_INVALID_ARGUMENT,
                 "has no tensor \"third/gamma\"");
    vkn_layer_destroy(other);
    assert_int_equal(vkn_layer_create(runtime, &desc, &other), VKN_SUCCESS);
    assert_fails(&fixture->log, vkn_layers_load(1, &other, path), VKN_ERROR_INVALID_ARGUMENT,
                 "third is not built");
    vkn_layer_destroy(other);
    read_weights(runtime, layers, loaded);
    assert_memory_equal(loaded, changed, sizeof loaded);
    /* In another order of layers, and then cut off. */
    VknLayer *order[] = {layers[2], layers[1], layers[0]};
    assert_int_equal(vkn_layers_load(3, order, path), VKN_SUCCESS);
    read_weights(runtime, layers, loaded);
    assert_memory_equal(loaded, saved, sizeof loaded);
    assert_int_equal(truncate(path, 700), 0);
    assert_fails(&fixture->log, vkn_layers_load(3, layers, path), VKN_ERROR_INVALID_ARGUMENT, "truncated");
    read_weights(runtime, layers, loaded);
    assert_memory_equal(loaded, saved, sizeof loaded);
    remove(path);
    for (int i = 0; i < 3; i++)
        vkn_layer_destroy(layers[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_ON_DEVICE(test_random_layers), TEST_ON_DEVICE(test_counts),  TEST_ON_DEVICE(test_beginnings),
        TEST_ON_DEVICE(test_recorded),      TEST_ON_DEVICE(test_samples), TEST_ON_DEVICE(test_accumulate),
        TEST_ON_DEVICE(test_empty),         TEST_ON_DEVICE(test_types),   TEST_ON_DEVICE(test_synchronized),
        TEST_ON_DEVICE(test_weights_saved),
    };
    snprintf(path, sizeof path, "layer_%ld.safetensors", (long)getpid());
    return cmocka_run_group_tests(tests, group_open, NULL);
}
