/* Calls in turn, recorded ones, and parts of a batch. */
#include "layer_test.h"

#include <math.h>

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
void test_recorded(void **state) {
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
void test_samples(void **state) {
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

void test_accumulate(void **state) {
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
void test_empty(void **state) {
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
void test_types(void **state) {
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
void test_synchronized(void **state) {
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
