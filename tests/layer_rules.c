/* What layers refuse, and in which words. */
#include "layer_test.h"

#include <math.h>

static void refuse(Fixture *fixture, const VknLayerDesc *desc, VknResult expected, const char *words) {
    VknLayer *layer = (VknLayer *)(void *)fixture;
    assert_fails(&fixture->log, vkn_layer_create(fixture->runtime, desc, &layer), expected, words);
    assert_null(layer);
}

void test_descriptions_refused(void **state) {
    Fixture *fixture = *state;
    static const char *const NAMES[] = {"", "a/b", "a\"b", "a\\b", "a\n"};
    VknLayerDesc good, desc;
    VknLayer *layer;
    vkn_layer_desc_default(&good, VKN_LAYER_BATCH_NORMALIZATION);
    assert_int_equal(vkn_layer_create(fixture->runtime, &good, NULL), VKN_ERROR_INVALID_ARGUMENT);
    assert_int_equal(vkn_layer_create(NULL, &good, &layer), VKN_ERROR_INVALID_ARGUMENT);
    refuse(fixture, NULL, VKN_ERROR_INVALID_ARGUMENT, "needs a description");
#define REFUSE(change, code, words) (desc = good, change, refuse(fixture, &desc, VKN_ERROR_##code, words))
    REFUSE(desc.kind = (VknLayerKind)0, INVALID_ARGUMENT, "no kind of layer 0");
    REFUSE(desc.kind = (VknLayerKind)9, INVALID_ARGUMENT, "no kind of layer 9");
    REFUSE(desc.axis_count = 0, INVALID_ARGUMENT, "1 to 8 axes, not 0");
    REFUSE(desc.axis_count = 9, INVALID_ARGUMENT, "1 to 8 axes, not 9");
    REFUSE(desc.epsilon = -1, INVALID_ARGUMENT, "epsilon is finite and >= 0, not -1");
    REFUSE(desc.epsilon = NAN, INVALID_ARGUMENT, "epsilon is finite and >= 0, not nan");
    REFUSE(desc.activation.id = VKN_ACTIVATION_PRELU, INVALID_ARGUMENT, "PReLU is a kind of layer");
    REFUSE(desc.gamma.initializer.value = NAN, INVALID_ARGUMENT, "gamma: a constant must be finite");
    REFUSE(desc.beta.regularizer.l2 = -1, INVALID_ARGUMENT, "beta: the factors of a regularizer");
    REFUSE(desc.gamma.constraint.kind = (VknConstraintKind)7, INVALID_ARGUMENT,
           "gamma: there is no constraint 7");
    REFUSE(desc.moving_mean_initializer.value = INFINITY, INVALID_ARGUMENT, "moving_mean: a constant");
    REFUSE(desc.moving_variance_initializer.kind = (VknInitializerKind)8, INVALID_ARGUMENT,
           "moving_variance: there is no initializer 8");
    REFUSE((desc.synchronized = true, desc.renorm = true), UNSUPPORTED, "synchronized excludes renorm");
    REFUSE((desc.synchronized = true, desc.virtual_batch_size = 2), UNSUPPORTED, "and virtual batches");
    /* Rules of the core, in its words. */
    REFUSE(desc.momentum = NAN, INVALID_ARGUMENT, "momentum must be 0 to 1, not nan");
    REFUSE((desc.trainable = false, desc.momentum = 2), INVALID_ARGUMENT, "momentum must be 0 to 1, not 2");
    REFUSE((desc.renorm = true, desc.renorm_momentum = NAN), INVALID_ARGUMENT, "renorm_momentum");
    REFUSE((desc.renorm = true, desc.renorm_r_min = NAN), INVALID_ARGUMENT, "renorm_r_min (nan)");
    REFUSE((desc.renorm = true, desc.renorm_d_max = -1), INVALID_ARGUMENT, "renorm_d_max");
    REFUSE((desc.virtual_batch_size = 2, desc.renorm = true), INVALID_ARGUMENT, "renormalization, not 2");
    REFUSE((desc.activation.id = VKN_ACTIVATION_RELU, desc.activation.parameter[1] = 2), INVALID_ARGUMENT,
           "max_value");
    REFUSE(desc.activation.id = (VknActivationId)999, INVALID_ARGUMENT, "activation");
    REFUSE(desc.type = (VknType)3, INVALID_ARGUMENT, "x.type must be a VknType (0 to 2), not 3");
    for (size_t i = 0; i < LENGTH(NAMES); i++)
        REFUSE(desc.name = NAMES[i], INVALID_ARGUMENT, "a layer's name");
    vkn_layer_desc_default(&good, VKN_LAYER_GROUP_NORMALIZATION);
    REFUSE(desc.groups = 0, INVALID_ARGUMENT, "not 1 and 0");
    REFUSE(desc.groups = -2, INVALID_ARGUMENT, "not 1 and -2");
    REFUSE(desc.axis_count = 2, INVALID_ARGUMENT, "not 2 and 32");
    vkn_layer_desc_default(&good, VKN_LAYER_PRELU);
    REFUSE(desc.alpha.constraint.kind = (VknConstraintKind)7, INVALID_ARGUMENT,
           "alpha: there is no constraint 7");
    assert_fails(&fixture->log,
                 vkn_layer_desc_activation((VknLog){log_write, &fixture->log}, "sparsemax", &desc),
                 VKN_ERROR_INVALID_ARGUMENT, "no activation named \"sparsemax\"");
    /* What other kinds have is ignored. */
    desc = good;
    desc.gamma.initializer.value = desc.momentum = NAN;
    desc.groups = 0;
    desc.virtual_batch_size = UINT64_MAX;
    assert_int_equal(vkn_layer_create(fixture->runtime, &desc, &layer), VKN_SUCCESS);
    vkn_layer_destroy(layer);
    vkn_layer_destroy(NULL);
}

static void refuse_shape(Fixture *fixture, const VknLayerDesc *desc, uint32_t rank, const uint64_t *shape,
                         const char *words) {
    VknLayer *layer;
    assert_int_equal(vkn_layer_create(fixture->runtime, desc, &layer), VKN_SUCCESS);
    assert_fails(&fixture->log, vkn_layer_build(layer, rank, shape), VKN_ERROR_INVALID_ARGUMENT, words);
    assert_null(vkn_layer_weight(layer, 0));
    assert_int_equal(vkn_layer_parameter_count(layer).total, 0);
    vkn_layer_destroy(layer);
}

void test_shapes_refused(void **state) {
    Fixture *fixture = *state;
    const uint64_t shape[9] = {4, 6, 2, 1, 1, 1, 1, 1, 1};
    const int32_t every[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    VknLayerDesc good, desc;
    VknLayer *layer;
    assert_int_equal(vkn_layer_build(NULL, 1, shape), VKN_ERROR_INVALID_ARGUMENT);
#define REFUSE_SHAPE(change, rank, words)                                                                    \
    (desc = good, change, refuse_shape(fixture, &desc, rank, shape, words))
    vkn_layer_desc_default(&good, VKN_LAYER_BATCH_NORMALIZATION);
    REFUSE_SHAPE((void)0, 0, "rank 1 to 8, not 0");
    REFUSE_SHAPE((void)0, 9, "not rank 9");
    REFUSE_SHAPE(desc.axes[0] = 2, 2, "from -2 to 1, not 2");
    REFUSE_SHAPE((desc.axis_count = 2, desc.axes[1] = 1), 2, "axis 1 is listed twice");
    /* Rules of the core, in its words. */
    REFUSE_SHAPE(desc.virtual_batch_size = 3, 2, "virtual_batch_size");
    /* A rank that initializers, regularizers and constraints do not take. */
    REFUSE_SHAPE(desc.gamma.initializer = *vkn_initializer_find("orthogonal"), 2, "not of rank 1");
    vkn_layer_desc_default(&good, VKN_LAYER_GROUP_NORMALIZATION);
    REFUSE_SHAPE(desc.groups = 4, 2, "4 groups do not divide 6 channels");
    REFUSE_SHAPE((desc.axes[0] = 1, desc.groups = 2), 8, "rank");
    vkn_layer_desc_default(&good, VKN_LAYER_LAYER_NORMALIZATION);
    REFUSE_SHAPE((desc.axis_count = 8, memcpy(desc.axes, every, sizeof every)), 8, "rank");
    vkn_layer_desc_default(&good, VKN_LAYER_PRELU);
    REFUSE_SHAPE((desc.axis_count = 1, desc.axes[0] = 0), 2, "shared_axes");
    /* Built once. */
    vkn_layer_desc_default(&good, VKN_LAYER_BATCH_NORMALIZATION);
    layer = make(fixture->runtime, &good, 2, shape);
    assert_fails(&fixture->log, vkn_layer_build(layer, 2, shape), VKN_ERROR_INVALID_ARGUMENT,
                 "is built already");
    vkn_layer_destroy(layer);
}

void test_calls_refused(void **state) {
    Fixture *fixture = *state;
    Log *log = &fixture->log;
    const float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const VknBuffer buffers[] = {upload(fixture->runtime, x, 32), create_buffer(fixture->runtime, 32)};
    VknLayerCall call = {.training = true, .x = buffers[0], .y = buffers[1], .dy = buffers[0]};
    VknLayerDesc desc;
    VknLayer *layer;
    double loss = 42;
    float mean[2];
    vkn_layer_desc_default(&desc, VKN_LAYER_BATCH_NORMALIZATION);
    desc.gamma.regularizer.orthogonal = 1;
    assert_int_equal(vkn_layer_forward(NULL, &call), VKN_ERROR_INVALID_ARGUMENT);
    assert_int_equal(vkn_layer_create(fixture->runtime, &desc, &layer), VKN_SUCCESS);
    assert_fails(log, vkn_layer_forward(layer, &call), VKN_ERROR_INVALID_ARGUMENT, "is not built");
    assert_fails(log, vkn_layer_regularize(layer, true, &loss), VKN_ERROR_INVALID_ARGUMENT, "is not built");
    assert_fails(log, vkn_layer_constrain(layer), VKN_ERROR_INVALID_ARGUMENT, "is not built");
    assert_int_equal(vkn_layer_build(layer, 2, (uint64_t[]){4, 2}), VKN_SUCCESS);
    assert_fails(log, vkn_layer_forward(layer, NULL), VKN_ERROR_INVALID_ARGUMENT, "needs arguments");
    assert_fails(log, vkn_layer_backward(layer, &call), VKN_ERROR_INVALID_ARGUMENT, "there was none");
    assert_fails(log, vkn_layer_statistics(layer, &call), VKN_ERROR_INVALID_ARGUMENT,
                 "only synchronized batch normalization in training");
    assert_fails(log, vkn_layer_regularize(layer, true, &loss), VKN_ERROR_INVALID_ARGUMENT, "not of rank 1");
    assert_true(loss == 42);
    /* Tensors that are not there, or too small. */
    call.x = (VknBuffer){0};
    assert_fails(log, vkn_layer_forward(layer, &call), VKN_ERROR_INVALID_ARGUMENT, "X");
    call.x = buffers[0];
    call.samples = 5;
    assert_fails(log, vkn_layer_forward(layer, &call), VKN_ERROR_INVALID_ARGUMENT, "40");
    download(fixture->runtime, &weight_of(layer, "moving_mean")->value, mean, 2);
    assert_true(mean[0] == 0 && mean[1] == 0);
    call.samples = 0;
    assert_int_equal(vkn_layer_forward(layer, &call), VKN_SUCCESS);
    vkn_layer_set_trainable(layer, false);
    assert_fails(log, vkn_layer_backward(layer, &call), VKN_ERROR_INVALID_ARGUMENT,
                 "a layer that is frozen, synchronized or without parameters needs dx");
    vkn_layer_destroy(layer);
    /* A variable for each sample. */
    desc.axes[0] = 0;
    layer = make(fixture->runtime, &desc, 2, (uint64_t[]){4, 2});
    call.samples = 3;
    assert_fails(log, vkn_layer_forward(layer, &call), VKN_ERROR_INVALID_ARGUMENT,
                 "of 4 samples; a call cannot have 3");
    call.samples = 4;
    assert_int_equal(vkn_layer_forward(layer, &call), VKN_SUCCESS);
    vkn_layer_destroy(layer);
    desc.axes[0] = -1;
    /* A synchronized layer never trains with its own statistics alone. */
    desc.gamma.regularizer.orthogonal = 0;
    desc.synchronized = true;
    layer = make(fixture->runtime, &desc, 2, (uint64_t[]){4, 2});
    assert_fails(log, vkn_layer_forward(layer, &call), VKN_ERROR_INVALID_ARGUMENT,
                 "is synchronized: training needs moments of at least 1 part");
    call.moments = buffers[0];
    assert_fails(log, vkn_layer_forward(layer, &call), VKN_ERROR_INVALID_ARGUMENT, "at least 1 part");
    call.training = false;
    assert_int_equal(vkn_layer_forward(layer, &call), VKN_SUCCESS);
    assert_fails(log, vkn_layer_gradient_statistics(layer, &call), VKN_ERROR_INVALID_ARGUMENT, "in training");
    vkn_layer_destroy(layer);
    destroy(fixture->runtime, buffers, 2);
}
