/* Random layers against fp64. */
#include "layer_test.h"

#include <math.h>

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
    desc->epsilon = desc->kind == VKN_LAYER_UNIT_NORMALIZATION ? (below(2) ? 1e-12f : 2.0f) : 0.0625f;
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

void test_random_layers(void **state) {
    Fixture *fixture = *state;
    VknRuntime *runtime = fixture->runtime;
    static ReferenceState variables;
    for (uint32_t i = 0; i < 150; i++) {
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
