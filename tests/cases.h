/* THE case table, rows of TestCase. A bug that was found becomes a row here. Shapes are small: every row
 * runs with every strategy, capability mask and fill. */

#define SHAPE(...) .desc.rank = sizeof((int[]){__VA_ARGS__}) / sizeof(int), .desc.shape = {__VA_ARGS__}
#define KEPT(...)                                                                                            \
    .desc.kept_axis_count = sizeof((int[]){__VA_ARGS__}) / sizeof(int), .desc.kept_axes = {__VA_ARGS__}
#define ACTIVATION(id, ...) .desc.activation = {VKN_ACTIVATION_##id, {__VA_ARGS__}}
#define EPSILON(value)      .desc.epsilon = value

#define TRAIN(more)     .desc.operation = VKN_OPERATION_TRAIN, .desc.roles = TEST_X | TEST_Y | (more)
#define APPLY(more)     .desc.operation = VKN_OPERATION_APPLY, .desc.roles = TEST_X | TEST_Y | TEST_MEAN | (more)
#define STATISTICS(out) .desc.operation = VKN_OPERATION_STATISTICS, .desc.roles = TEST_X | (out)
#define FINISH(parts, out)                                                                                   \
    .desc.operation = VKN_OPERATION_FINISH, .desc.moment_parts = parts, .desc.roles = TEST_MOMENTS | (out)

/* What most training steps ask for, in the words of two frameworks. */
#define KERAS_TRAIN                                                                                          \
    TRAIN(TEST_AFFINE | TEST_MEAN | TEST_VARIANCE | TEST_RUNNING), EPSILON(1e-3f), .desc.momentum = 0.99f
#define TORCH                                                                                                \
    EPSILON(1e-5f), .desc.momentum_convention = VKN_MOMENTUM_NEW, .desc.momentum = 0.1f,                     \
                    .desc.running_variance = VKN_RUNNING_VARIANCE_UNBIASED
#define TORCH_TRAIN TRAIN(TEST_AFFINE | TEST_MEAN | TEST_INV_STD | TEST_RUNNING), TORCH
#define INFERENCE   APPLY(TEST_AFFINE | TEST_VARIANCE), EPSILON(1e-3f)

/* clang-format off */

/* ------------------------------------------------------------------------- shapes and sets of axes */
{.name = "nchw_7x7",          KERAS_TRAIN, SHAPE(2, 5, 7, 7),          KEPT(1)},
{.name = "nchw_14x14",        TORCH_TRAIN, SHAPE(3, 4, 14, 14),        KEPT(1)},
{.name = "nchw_odd",          KERAS_TRAIN, SHAPE(3, 3, 5, 11),         KEPT(1)},
{.name = "nchw_8x8",          TORCH_TRAIN, SHAPE(2, 6, 8, 8),          KEPT(1)},
{.name = "nchw_plane",        TORCH_TRAIN, SHAPE(2, 2, 64, 65),        KEPT(1)},
{.name = "nchw_batch",        KERAS_TRAIN, SHAPE(70, 3, 2, 3),         KEPT(1)},
{.name = "nhwc",              KERAS_TRAIN, SHAPE(2, 7, 7, 5),          KEPT(-1)},
{.name = "nhwc_3",            TORCH_TRAIN, SHAPE(2, 20, 15, 3),        KEPT(3)},
{.name = "nhwc_64",           KERAS_TRAIN, SHAPE(2, 4, 4, 64),         KEPT(-1)},
{.name = "nhwc_67",           TORCH_TRAIN, SHAPE(2, 5, 6, 67),         KEPT(-1)},
{.name = "nhwc_axis_1_2",     KERAS_TRAIN, SHAPE(2, 6, 7, 5),          KEPT(1, 2)},
{.name = "per_activation",    KERAS_TRAIN, SHAPE(4, 3, 5, 6),          KEPT(1, 2, 3)},
{.name = "btf",               KERAS_TRAIN, SHAPE(4, 9, 13),            KEPT(-1)},
{.name = "image_axis_last",   KERAS_TRAIN, SHAPE(5, 28, 28),           KEPT(-1)},
{.name = "image_axis_1_2",    KERAS_TRAIN, SHAPE(5, 28, 28),           KEPT(1, 2)},
{.name = "image_axis_swap",   TORCH_TRAIN, SHAPE(5, 6, 28),            KEPT(2, 1)},
{.name = "nc4hw4",            TORCH_TRAIN, SHAPE(2, 3, 5, 7, 4),       KEPT(1, 4)},
{.name = "nc8hw8",            TORCH_TRAIN, SHAPE(2, 2, 3, 5, 8),       KEPT(1, -1)},
{.name = "instance",          TORCH_TRAIN, SHAPE(6, 7, 5, 10),         KEPT(0, 1)},
{.name = "rows",              KERAS_TRAIN, SHAPE(300, 40),             KEPT(0)},
{.name = "rows_long",         KERAS_TRAIN, SHAPE(3, 5003),             KEPT(0)},
{.name = "rank_1",            KERAS_TRAIN, SHAPE(17),                  KEPT(0)},
{.name = "rank_2",            KERAS_TRAIN, SHAPE(33, 7),               KEPT(1)},
{.name = "rank_3_middle",     TORCH_TRAIN, SHAPE(3, 5, 4),             KEPT(1)},
{.name = "rank_3_outer",      KERAS_TRAIN, SHAPE(5, 6, 7),             KEPT(0, 2)},
{.name = "rank_5",            KERAS_TRAIN, SHAPE(2, 3, 2, 5, 3),       KEPT(1)},
{.name = "rank_6",            TORCH_TRAIN, SHAPE(2, 3, 2, 2, 3, 4),    KEPT(-5)},
{.name = "rank_7",            KERAS_TRAIN, SHAPE(2, 2, 3, 2, 2, 3, 2), KEPT(1, -1)},
{.name = "rank_8",            TORCH_TRAIN, SHAPE(2, 1, 2, 3, 2, 1, 3, 2), KEPT(3)},
{.name = "rank_8_alternate",  KERAS_TRAIN, SHAPE(2, 3, 2, 3, 2, 3, 2, 3), KEPT(0, 2, 4, 6)},
{.name = "rank_8_uneven",     TORCH_TRAIN, SHAPE(3, 2, 3, 2, 4, 5, 2, 7), KEPT(1, 3, 5, 7)},
{.name = "ones",              KERAS_TRAIN, SHAPE(1, 1, 1, 1),          KEPT(1)},
{.name = "one_sample",        TORCH_TRAIN, SHAPE(1, 19),               KEPT(1)},
{.name = "one_feature",       KERAS_TRAIN, SHAPE(200, 1),              KEPT(1)},
{.name = "kept_axis_of_1",    TORCH_TRAIN, SHAPE(4, 1, 6),             KEPT(1)},
{.name = "reduced_axis_of_1", KERAS_TRAIN, SHAPE(3, 6, 1, 5),          KEPT(1)},
{.name = "channel_of_100k",   KERAS_TRAIN, SHAPE(1, 100003),           KEPT(0)},
{.name = "channels_3000",     KERAS_TRAIN, SHAPE(4, 3000),             KEPT(1)},
{.name = "planes_3000",       TORCH_TRAIN, SHAPE(2, 3000, 3),          KEPT(1)},
{.name = "column_tall",       TORCH_TRAIN, SHAPE(2000, 6),             KEPT(1)},
{.name = "empty_reduced",     KERAS_TRAIN, SHAPE(0, 3, 4),             KEPT(1)},
{.name = "empty_kept",        TORCH_TRAIN, SHAPE(2, 0, 4),             KEPT(1)},

/* ----------------------------------------------------------------------------------------- layouts */
{.name = "padded",            KERAS_TRAIN, SHAPE(2, 5, 7, 7), KEPT(1), .x = {.gap = 3}, .y = {.gap = 1}},
{.name = "padded_by_4",       TORCH_TRAIN, SHAPE(2, 5, 4, 12), KEPT(1), .x = {.gap = 4}, .y = {.gap = 8}},
{.name = "sliced",            KERAS_TRAIN, SHAPE(2, 5, 6, 7), KEPT(1), .x = {.step = 2}, .y = {.step = 3}},
{.name = "sliced_channels",   TORCH_TRAIN, SHAPE(3, 4, 4, 10), KEPT(-1), .x = {.gap = 6}, .y = {.gap = 22}},
{.name = "nchw_as_nhwc",      TORCH_TRAIN, SHAPE(2, 5, 7, 6), KEPT(1), .x = {.order = "0231"}, .y = {.order = "0231"}},
{.name = "nchw_from_nhwc",    KERAS_TRAIN, SHAPE(2, 5, 7, 6), KEPT(1), .x = {.order = "0231"}},
{.name = "nchw_to_nhwc",      TORCH_TRAIN, SHAPE(2, 5, 7, 6), KEPT(1), .y = {.order = "0231"}},
{.name = "reversed",          KERAS_TRAIN, SHAPE(3, 4, 5, 6), KEPT(1), .x = {.order = "3210"}, .y = {.order = "3210"}},
{.name = "scattered",         TORCH_TRAIN, SHAPE(3, 4, 5, 6), KEPT(0, 3), .x = {.order = "3102", .gap = 1}, .y = {.order = "0213", .step = 2}},
{.name = "rank_8_scattered",  KERAS_TRAIN, SHAPE(2, 3, 2, 3, 2, 3, 2, 3), KEPT(0, 2, 4, 6), .x = {.order = "75316420", .gap = 1}, .y = {.order = "02461357", .gap = 1}},
{.name = "repeat_batch",      KERAS_TRAIN, SHAPE(3, 4, 5, 5), KEPT(1), .x = {.repeat = 1}},
{.name = "repeat_channel",    TORCH_TRAIN, SHAPE(3, 4, 5, 5), KEPT(1), .x = {.repeat = 2}},
{.name = "repeat_innermost",  KERAS_TRAIN, SHAPE(3, 4, 5, 6), KEPT(1), .x = {.repeat = 8}, .y = {.gap = 2}},
{.name = "in_place_nchw",     KERAS_TRAIN, SHAPE(2, 5, 8, 8), KEPT(1), .in_place = true},
{.name = "in_place_nhwc",     TORCH_TRAIN, SHAPE(2, 6, 5, 12), KEPT(-1), .in_place = true},
{.name = "in_place_long",     TORCH_TRAIN, SHAPE(2, 20011), KEPT(0), .in_place = true},
{.name = "in_place_padded",   TORCH_TRAIN, SHAPE(2, 5, 7, 7), KEPT(1), .x = {.gap = 3}, .in_place = true},
{.name = "in_place_scattered", KERAS_TRAIN, SHAPE(3, 4, 5, 6), KEPT(0, 3), .x = {.order = "3102", .gap = 1}, .in_place = true},

/* ------------------------------------------------------------------------------- roles of training */
{.name = "plain",             TRAIN(0),                 EPSILON(1e-5f), SHAPE(3, 4, 5, 5), KEPT(1)},
{.name = "gamma_only",        TRAIN(TEST_GAMMA),        EPSILON(1e-5f), SHAPE(3, 4, 5, 5), KEPT(1)},
{.name = "beta_only",         TRAIN(TEST_BETA),         EPSILON(1e-5f), SHAPE(3, 5, 5, 4), KEPT(-1)},
{.name = "save_mean",         TRAIN(TEST_MEAN),         EPSILON(1e-5f), SHAPE(3, 5, 5, 4), KEPT(-1)},
{.name = "save_inv_std",      TRAIN(TEST_INV_STD),      EPSILON(1e-5f), SHAPE(3, 4, 5, 5), KEPT(1)},
{.name = "save_variance",     TRAIN(TEST_VARIANCE),     EPSILON(1e-5f), SHAPE(3, 4, 5, 5), KEPT(1)},
{.name = "running_only",      TRAIN(TEST_RUNNING),      TORCH,          SHAPE(3, 5, 5, 4), KEPT(-1)},
{.name = "epsilon_0",         TRAIN(TEST_AFFINE | TEST_INV_STD), EPSILON(0), SHAPE(3, 4, 5, 5), KEPT(1)},
{.name = "epsilon_0_nhwc",    TRAIN(TEST_BETA | TEST_VARIANCE), EPSILON(0), SHAPE(3, 5, 5, 4), KEPT(-1)},
{.name = "epsilon_0_of_1",    TRAIN(TEST_AFFINE | TEST_INV_STD), EPSILON(0), SHAPE(1, 9), KEPT(1)},

/* -------------------------------------------------------------------------------- momentum, variance */
#define RUNNING(convention, weight, variance)                                                                \
    EPSILON(1e-5f), .desc.momentum_convention = VKN_MOMENTUM_##convention, .desc.momentum = weight,          \
                    .desc.running_variance = VKN_RUNNING_VARIANCE_##variance, SHAPE(3, 7, 4), KEPT(1)
{.name = "old_biased",          TRAIN(TEST_RUNNING),      RUNNING(OLD, 0.9f, BIASED)},
{.name = "old_unbiased",        TRAIN(TEST_RUNNING),      RUNNING(OLD, 0.9f, UNBIASED)},
{.name = "new_biased",          TRAIN(TEST_RUNNING),      RUNNING(NEW, 0.1f, BIASED)},
{.name = "new_unbiased",        STATISTICS(TEST_RUNNING), RUNNING(NEW, 0.1f, UNBIASED)},
{.name = "cumulative_biased",   STATISTICS(TEST_RUNNING), RUNNING(CUMULATIVE, 0.5f, BIASED), .batch_number = 1},
{.name = "cumulative_unbiased", TRAIN(TEST_RUNNING),      RUNNING(CUMULATIVE, 0.5f, UNBIASED), .batch_number = 7},
{.name = "momentum_0",          TRAIN(TEST_RUNNING),      RUNNING(OLD, 0, BIASED)},
{.name = "momentum_1",          TRAIN(TEST_RUNNING),      RUNNING(NEW, 1, BIASED)},
{.name = "finish_old",          FINISH(3, TEST_RUNNING),  RUNNING(OLD, 0.99f, UNBIASED)},
{.name = "finish_cumulative",   FINISH(3, TEST_RUNNING),  RUNNING(CUMULATIVE, 0, BIASED), .batch_number = 3},
#undef RUNNING

/* ------------------------------------------------------------------------------------------- APPLY */
{.name = "apply_nchw",        INFERENCE, SHAPE(2, 5, 7, 7),      KEPT(1)},
{.name = "apply_nhwc",        INFERENCE, SHAPE(2, 5, 6, 12),     KEPT(-1)},
{.name = "apply_nhwc_67",     INFERENCE, SHAPE(2, 3, 7, 67),     KEPT(-1)},
{.name = "apply_axis_1_2",    INFERENCE, SHAPE(2, 6, 7, 5),      KEPT(1, 2)},
{.name = "apply_per_activation", INFERENCE, SHAPE(4, 3, 5, 6),   KEPT(1, 2, 3)},
{.name = "apply_nc4hw4",      INFERENCE, SHAPE(2, 3, 5, 7, 4),   KEPT(1, 4)},
{.name = "apply_large",       INFERENCE, SHAPE(2, 8, 64, 65),    KEPT(1)},
{.name = "apply_rank_1",      INFERENCE, SHAPE(301),             KEPT(0)},
{.name = "apply_ones",        INFERENCE, SHAPE(1, 1, 1),         KEPT(-2)},
{.name = "apply_rank_8",      INFERENCE, SHAPE(2, 3, 2, 3, 2, 3, 2, 3), KEPT(0, 2, 4, 6)},
{.name = "apply_empty",       INFERENCE, SHAPE(2, 3, 0),         KEPT(1)},
{.name = "apply_inv_std",     APPLY(TEST_AFFINE | TEST_INV_STD), SHAPE(2, 5, 7, 7), KEPT(1)},
{.name = "apply_inv_std_nhwc", APPLY(TEST_AFFINE | TEST_INV_STD), SHAPE(2, 5, 6, 12), KEPT(-1)},
{.name = "apply_plain",       APPLY(TEST_VARIANCE),              EPSILON(1e-5f), SHAPE(3, 4, 5, 5), KEPT(1)},
{.name = "apply_gamma_only",  APPLY(TEST_GAMMA | TEST_INV_STD),  SHAPE(3, 5, 5, 4), KEPT(-1)},
{.name = "apply_beta_only",   APPLY(TEST_BETA | TEST_VARIANCE),  EPSILON(1e-5f), SHAPE(3, 4, 5, 5), KEPT(1)},
{.name = "apply_epsilon_0",   APPLY(TEST_AFFINE | TEST_VARIANCE), EPSILON(0), SHAPE(3, 7, 5, 5), KEPT(1)},
{.name = "apply_padded",      INFERENCE, SHAPE(2, 5, 7, 7), KEPT(1), .x = {.gap = 3}, .y = {.gap = 1}},
{.name = "apply_sliced",      INFERENCE, SHAPE(2, 7, 6, 5), KEPT(-1), .x = {.step = 2}, .y = {.gap = 9}},
{.name = "apply_from_nhwc",   INFERENCE, SHAPE(2, 5, 7, 6), KEPT(1), .x = {.order = "0231"}},
{.name = "apply_scattered",   INFERENCE, SHAPE(3, 4, 5, 6), KEPT(0, 3), .x = {.order = "3102", .gap = 1}, .y = {.order = "0213", .step = 2}},
{.name = "apply_repeat",      INFERENCE, SHAPE(3, 4, 5, 6), KEPT(1), .x = {.repeat = 9}},
{.name = "apply_in_place",    INFERENCE, SHAPE(2, 5, 8, 8), KEPT(1), .in_place = true},
{.name = "apply_in_place_scattered", INFERENCE, SHAPE(3, 4, 5, 6), KEPT(0, 3), .x = {.order = "3102", .gap = 1}, .in_place = true},

/* -------------------------------------------------------------------------------------- STATISTICS */
{.name = "statistics_mean",     STATISTICS(TEST_MEAN),     SHAPE(2, 5, 7, 7), KEPT(1)},
{.name = "statistics_inv_std",  STATISTICS(TEST_INV_STD),  EPSILON(1e-5f), SHAPE(2, 5, 7, 7), KEPT(1)},
{.name = "statistics_variance", STATISTICS(TEST_VARIANCE), SHAPE(2, 5, 7, 6), KEPT(-1)},
{.name = "statistics_moments",  STATISTICS(TEST_MOMENTS),  SHAPE(2, 5, 7, 7), KEPT(1)},
{.name = "statistics_moments_nhwc", STATISTICS(TEST_MOMENTS), SHAPE(2, 5, 7, 6), KEPT(-1)},
{.name = "statistics_moments_long", STATISTICS(TEST_MOMENTS), SHAPE(2, 20011), KEPT(0)},
{.name = "statistics_moments_of_1", STATISTICS(TEST_MOMENTS | TEST_VARIANCE), SHAPE(1, 37), KEPT(1)},
{.name = "statistics_all",      STATISTICS(TEST_MEAN | TEST_INV_STD | TEST_MOMENTS | TEST_RUNNING), TORCH, SHAPE(4, 9, 13), KEPT(-1)},
{.name = "statistics_scattered", STATISTICS(TEST_MEAN | TEST_VARIANCE | TEST_MOMENTS | TEST_RUNNING), TORCH, SHAPE(3, 4, 5, 6), KEPT(0, 3), .x = {.order = "3102", .gap = 1}},
{.name = "statistics_repeat",   STATISTICS(TEST_MEAN | TEST_VARIANCE), SHAPE(3, 4, 5, 6), KEPT(1), .x = {.repeat = 12}},
{.name = "statistics_empty",    STATISTICS(TEST_MEAN | TEST_MOMENTS | TEST_RUNNING), TORCH, SHAPE(0, 4), KEPT(1)},

/* ------------------------------------------------------------------------------------------ FINISH */
{.name = "finish_1",          FINISH(1, TEST_MEAN | TEST_INV_STD), EPSILON(1e-3f), SHAPE(2, 13, 5), KEPT(1)},
{.name = "finish_3",          FINISH(3, TEST_MEAN | TEST_VARIANCE), SHAPE(8, 300), KEPT(1)},
{.name = "finish_70",         FINISH(70, TEST_MEAN | TEST_INV_STD | TEST_RUNNING), TORCH, SHAPE(2, 6, 7), KEPT(1, 2)},
{.name = "finish_70_of_1",    FINISH(70, TEST_VARIANCE), SHAPE(9, 1), KEPT(1)},
{.name = "finish_inv_std",    FINISH(3, TEST_INV_STD), EPSILON(0), SHAPE(4, 33), KEPT(1)},

/* ------------------------------------------------------------------------------------- activations */
#define ROWS SHAPE(3, 4, 5, 7), KEPT(1)
{.name = "relu",              KERAS_TRAIN, ROWS, ACTIVATION(RELU, 0, 0, INFINITY)},
{.name = "relu6",             INFERENCE,   ROWS, ACTIVATION(RELU, 0, 0, 6)},
{.name = "relu_slope",        KERAS_TRAIN, ROWS, ACTIVATION(RELU, 0.1f, 0, 1)},
{.name = "relu_threshold",    INFERENCE,   ROWS, ACTIVATION(RELU, 0, 0.5f, INFINITY)},
{.name = "relu_all",          KERAS_TRAIN, ROWS, ACTIVATION(RELU, 0.25f, 1, 2)},
{.name = "leaky_relu",        INFERENCE,   ROWS, ACTIVATION(LEAKY_RELU, 0.3f)},
{.name = "leaky_relu_0.01",   KERAS_TRAIN, ROWS, ACTIVATION(LEAKY_RELU, 0.01f)},
{.name = "elu",               KERAS_TRAIN, ROWS, ACTIVATION(ELU, 1)},
{.name = "elu_0.5",           INFERENCE,   ROWS, ACTIVATION(ELU, 0.5f)},
{.name = "sigmoid",           KERAS_TRAIN, ROWS, ACTIVATION(SIGMOID, 0)},
{.name = "tanh",              KERAS_TRAIN, ROWS, ACTIVATION(TANH, 0)},
{.name = "silu",              KERAS_TRAIN, ROWS, ACTIVATION(SILU, 1)},
{.name = "silu_1.702",        INFERENCE,   ROWS, ACTIVATION(SILU, 1.702f)},
{.name = "gelu",              KERAS_TRAIN, ROWS, ACTIVATION(GELU, 0)},
{.name = "hard_swish",        KERAS_TRAIN, ROWS, ACTIVATION(HARD_SWISH, 0)},
{.name = "clip",              KERAS_TRAIN, ROWS, ACTIVATION(CLIP, -1, 0.5f)},
{.name = "clip_above",        INFERENCE,   ROWS, ACTIVATION(CLIP, -INFINITY, 1)},
#undef ROWS
/* Far from 0, where exp overflows, and on the other kernels. */
#define FAR APPLY(TEST_VARIANCE), EPSILON(0), SHAPE(5, 6, 8), KEPT(-1)
{.name = "relu_nhwc",         INFERENCE,   SHAPE(3, 5, 4), KEPT(-1), ACTIVATION(RELU, 0, 0, INFINITY)},
{.name = "gelu_in_place",     KERAS_TRAIN, SHAPE(3, 5, 4), KEPT(-1), ACTIVATION(GELU, 0), .in_place = true},
{.name = "silu_scattered",    KERAS_TRAIN, SHAPE(3, 4, 5, 6), KEPT(0, 3), .x = {.order = "3102"}, ACTIVATION(SILU, 1)},
{.name = "elu_far",           FAR, ACTIVATION(ELU, 1)},
{.name = "sigmoid_far",       FAR, ACTIVATION(SIGMOID, 0)},
{.name = "tanh_far",          FAR, ACTIVATION(TANH, 0)},
{.name = "silu_far",          FAR, ACTIVATION(SILU, 1)},
{.name = "gelu_far",          FAR, ACTIVATION(GELU, 0)},
{.name = "hard_swish_far",    FAR, ACTIVATION(HARD_SWISH, 0)},
#undef FAR

/* clang-format on */

#undef SHAPE
#undef KEPT
#undef ACTIVATION
#undef EPSILON
#undef TRAIN
#undef APPLY
#undef STATISTICS
#undef FINISH
#undef KERAS_TRAIN
#undef TORCH
#undef TORCH_TRAIN
#undef INFERENCE
