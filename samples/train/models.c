#include "engine.h"

#include <math.h>
#include <string.h>

#define SPEC(...)                                                                                            \
    { __VA_ARGS__ }
#define ACTIVATE(...) .activation = SPEC(__VA_ARGS__)

#define FLATTEN       SPEC(.kind = LAYER_FLATTEN)
#define DENSE(n)      SPEC(.kind = LAYER_DENSE, .units = n)
#define DENSE_ELU(n)  SPEC(.kind = LAYER_DENSE, .units = n, ACTIVATE(VKN_ACTIVATION_ELU, SPEC(1)))
#define DENSE_BARE(n) SPEC(.kind = LAYER_DENSE, .units = n, .without_bias = true)
#define NORM          SPEC(.kind = LAYER_BATCH_NORMALIZATION, .axis_count = 1, .axes = SPEC(-1))
#define NORM_PIXELS   SPEC(.kind = LAYER_BATCH_NORMALIZATION, .axis_count = 2, .axes = SPEC(1, 2))
#define ELU           SPEC(.kind = LAYER_ACTIVATION, ACTIVATE(VKN_ACTIVATION_ELU, SPEC(1)))
#define RELU          SPEC(.kind = LAYER_RELU, ACTIVATE(VKN_ACTIVATION_RELU, SPEC(0, 0, INFINITY)))
#define LEAKY_RELU    SPEC(.kind = LAYER_LEAKY_RELU, ACTIVATE(VKN_ACTIVATION_LEAKY_RELU, SPEC(0.3f)))
#define CONV2D(n)     SPEC(.kind = LAYER_CONV2D, .units = n, .size = 3)
#define MAX_POOL      SPEC(.kind = LAYER_MAX_POOLING2D)
#define LSTM_ALL(n)   SPEC(.kind = LAYER_LSTM, .units = n, .sequences = true)
#define LSTM(n)       SPEC(.kind = LAYER_LSTM, .units = n)

const Model models[] = {
    {"mlp",
     "784-300-100-10, elu, batch normalization after each activation",
     "mlp_plain",
     false,
     OPTIMIZER_SGD,
     {FLATTEN, NORM, DENSE_ELU(300), NORM, DENSE_ELU(100), NORM, DENSE(10)}},
    {"mlp_before",
     "the same with batch normalization before each activation",
     "mlp_plain",
     false,
     OPTIMIZER_SGD,
     {FLATTEN, NORM, DENSE_BARE(300), NORM, ELU, DENSE_BARE(100), NORM, ELU, DENSE(10)}},
    {"mlp_plain",
     "the same without batch normalization",
     NULL,
     false,
     OPTIMIZER_SGD,
     {FLATTEN, DENSE_ELU(300), DENSE_ELU(100), DENSE(10)}},
    {"cnn",
     "convolution of 32 filters, batch normalization, relu, max pooling",
     "cnn_plain",
     false,
     OPTIMIZER_ADAM,
     {CONV2D(32), NORM, RELU, MAX_POOL, FLATTEN, DENSE(10)}},
    {"cnn_leaky",
     "the same with leaky relu",
     "cnn_plain",
     false,
     OPTIMIZER_ADAM,
     {CONV2D(32), NORM, LEAKY_RELU, MAX_POOL, FLATTEN, DENSE(10)}},
    {"cnn_spatial",
     "the same with statistics for each pixel, axis [1, 2]",
     "cnn_plain",
     false,
     OPTIMIZER_ADAM,
     {CONV2D(32), NORM_PIXELS, RELU, MAX_POOL, FLATTEN, DENSE(10)}},
    {"cnn_plain",
     "the same without batch normalization",
     NULL,
     false,
     OPTIMIZER_ADAM,
     {CONV2D(32), RELU, MAX_POOL, FLATTEN, DENSE(10)}},
    {"dense",
     "784-64-10, batch normalization, relu",
     NULL,
     false,
     OPTIMIZER_SGD,
     {FLATTEN, DENSE(64), NORM, RELU, DENSE(10)}},
    {"lstm",
     "LSTM of 64, batch normalization, LSTM of 32: the next value of a series",
     "lstm_plain",
     true,
     OPTIMIZER_ADAM,
     {LSTM_ALL(64), NORM, LSTM(32), DENSE(1)}},
    {"lstm_plain",
     "the same without batch normalization",
     NULL,
     true,
     OPTIMIZER_ADAM,
     {LSTM_ALL(64), LSTM(32), DENSE(1)}},
    {0},
};

const Model *model_find(const char *name) {
    for (const Model *model = models; model->name != NULL; model++)
        if (strcmp(model->name, name) == 0)
            return model;
    return NULL;
}
