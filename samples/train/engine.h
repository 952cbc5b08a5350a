/* A small engine for training: models are chains of layers, each layer records its own kernels and vknorm's
 * plans, all of a training step goes into one command buffer. */
#ifndef TRAIN_ENGINE_H
#define TRAIN_ENGINE_H

#include "data.h"
#include "gpu.h"

/* ----------------------------------------------------------------------------------------- models.c */

typedef enum LayerKind {
    LAYER_END, /* of the list */
    LAYER_FLATTEN,
    LAYER_DENSE,
    LAYER_CONV2D,
    LAYER_MAX_POOLING2D,
    LAYER_LSTM,
    LAYER_BATCH_NORMALIZATION,
    LAYER_ACTIVATION,
    LAYER_RELU, /* activations, too: Keras has layers of these names */
    LAYER_LEAKY_RELU,
    LAYER_KIND_COUNT
} LayerKind;

/* A layer's arguments. Kinds ignore what they do not have. */
typedef struct LayerSpec {
    LayerKind kind;
    uint32_t units;           /* Dense, LSTM; filters of Conv2D */
    uint32_t size;            /* Conv2D: of its window, both ways */
    VknActivation activation; /* Dense, and the layers that are one */
    bool without_bias;        /* Dense */
    bool sequences;           /* LSTM: the output of all time steps, not only of the last */
    uint32_t axis_count;      /* BatchNormalization */
    int32_t axes[2];
} LayerSpec;

typedef enum OptimizerKind { OPTIMIZER_SGD, OPTIMIZER_ADAM } OptimizerKind;

typedef struct Model {
    const char *name, *text; /* for --help */
    const char *plain;       /* the same without batch normalization; NULL: it has none */
    bool series;             /* it learns the next value of series, else the class of images */
    OptimizerKind optimizer; /* unless options say otherwise */
    LayerSpec layers[12];
} Model;

extern const Model models[]; /* the last one has no name */

/* NULL if there is none of that name. */
const Model *model_find(const char *name);

/* ----------------------------------------------------------------------------------------- tensors */

enum { MAX_AXES = 4, MAX_VARIABLES = 24, MAX_LAYERS = 16 };

/* A tensor of the network, dense, and the gradient of the loss by it. Images are {batch, height, width,
 * channels}, vectors {batch, features}, series {time, batch, features}, so that a time step is one block of
 * memory. */
typedef struct Tensor {
    uint32_t rank;
    uint64_t shape[MAX_AXES];
    VknBuffer value;
    VknBuffer gradient; /* no buffer: not wanted, of what the model is fed with */
} Tensor;

uint64_t tensor_count(const Tensor *tensor);
/* Elements of the last axis, and how many times those. */
uint32_t tensor_features(const Tensor *tensor);
uint32_t tensor_rows(const Tensor *tensor);

/* A variable of a layer. All lie in one buffer, the trainable ones first, and so do their gradients: an
 * optimizer is one dispatch. */
typedef struct Variable {
    char path[64];           /* "dense/kernel" */
    const char *initializer; /* Keras' name */
    bool trainable;
    uint32_t rank;
    uint64_t shape[MAX_AXES];
    uint64_t count;
    VknBuffer value, gradient;
} Variable;

typedef struct Net Net;
typedef struct Layer Layer;

/* What a kind of layer does. build() declares y and the variables; when all have buffers, prepare() makes
 * what the two others then record. Between two calls of them there is a barrier. */
typedef struct LayerType {
    const char *kind, *name; /* Keras' class and name */
    void (*build)(Net *net, Layer *layer);
    void (*prepare)(Net *net, Layer *layer);
    void (*forward)(const Net *net, const Layer *layer, VkCommandBuffer commands, bool training);
    void (*backward)(const Net *net, const Layer *layer, VkCommandBuffer commands);
} LayerType;

struct Layer {
    const LayerType *type;
    const LayerSpec *spec;
    char name[32];
    bool hidden; /* the activation inside of a Dense layer: no row of the summary */
    VknActivation
        prologue; /* BatchNormalization: what vknorm computes before and after it, in the same pass */
    VknActivation epilogue;
    Tensor x, y;
    Variable *variables[4];
    uint64_t parameters; /* elements of those */
    void *state;         /* the type's own */
};

struct Net {
    Gpu *gpu;
    const Model *model;
    uint32_t batch;
    uint32_t classes; /* 0: regression */
    Tensor input;
    uint32_t layer_count;
    Layer layers[MAX_LAYERS];
    uint32_t variable_count;
    Variable variables[MAX_VARIABLES];
    VknBuffer values, gradients; /* of all variables, of the trainable ones */
    struct Operation *operations;
};

/* ------------------------------------------------------------------------------------------- net.c */

/* Builds the model for batches of samples such as `data` has. */
void net_open(Net *net, Gpu *gpu, const Model *model, const Dataset *data, uint32_t batch);
/* Makes what its layers record, and gives the variables the values of their initializers. */
void net_prepare(Net *net, uint64_t seed);
/* Frees it, and all buffers of the device. */
void net_close(Net *net);

const Tensor *net_output(const Net *net);
void net_record_forward(const Net *net, VkCommandBuffer commands, bool training);
void net_record_backward(const Net *net, VkCommandBuffer commands);
uint64_t net_parameters(const Net *net, bool trainable);

/* For build(): gives y a shape and buffers, adds a variable. */
void layer_output(Net *net, Layer *layer, uint32_t rank, const uint64_t *shape);
Variable *layer_variable(Net *net, Layer *layer, const char *name, const char *initializer, bool trainable,
                         uint32_t rank, const uint64_t *shape);

/* ------------------------------------------------------------------------------------------- norm.c */

/* A plan of vknorm and its buffers. Lives as long as the net. */
typedef struct Operation Operation;

/* `buffers` is indexed by VknRole; a workspace is added. */
Operation *operation_create(Net *net, const VknDesc *desc, const VknBuffer *buffers);
void operation_record(const Operation *operation, VkCommandBuffer commands);
/* The sums of the columns of a matrix. */
Operation *operation_sum(Net *net, uint64_t rows, uint64_t columns, VknBuffer x, VknBuffer sums);
void operations_destroy(Net *net);

/* ----------------------------------------------------------------------------------------- layers */

extern const LayerType type_batch_normalization, type_activation, type_relu, type_leaky_relu; /* norm.c */
extern const LayerType type_flatten, type_dense;                                              /* dense.c */
extern const LayerType type_conv2d, type_max_pooling2d;                                       /* conv.c */
extern const LayerType type_lstm;                                                             /* lstm.c */

/* A matrix in a buffer: elements from one row and column to the next. */
typedef struct Matrix {
    VknBuffer buffer;
    uint32_t row, column;
} Matrix;

/* c = bias + a b; c is dense, a bias without buffer is none. */
typedef struct Product {
    VkDescriptorSet set;
    uint32_t push[10];
} Product;

Product product_create(Net *net, uint32_t rows, uint32_t columns, uint32_t depth, Matrix a, Matrix b,
                       VknBuffer bias, VknBuffer c);
void product_record(const Net *net, const Product *product, VkCommandBuffer commands);

/* ----------------------------------------------------------------------------------------- learn.c */

typedef struct Optimizer {
    OptimizerKind kind;
    float rate, momentum; /* momentum: SGD */
} Optimizer;

/* With the learning rate that goes without saying: SGD 0.1, Adam 0.001. */
Optimizer optimizer_default(OptimizerKind kind);

/* What a pass over samples gave, of each sample in the mean. */
typedef struct Score {
    double loss, accuracy; /* accuracy < 0: there is none */
} Score;

/* Batches on their way to the device, and the command buffer that takes one of them each time it runs. */
typedef struct Feed Feed;

/* `optimizer` NULL: the loss alone. Lives until the net is closed; free() it. */
Feed *feed_create(Net *net, const Optimizer *optimizer);

/* Some samples of a dataset. */
typedef struct Samples {
    const float *x;
    const uint32_t *labels; /* or */
    const float *targets;
    const uint32_t *order; /* NULL: as they lie */
    uint32_t count;
} Samples;

/* Runs the command buffer for all samples, batch by batch; the rest of the last batch is empty. `progress`,
 * which may be NULL, is called now and then with the score so far. */
Score feed_run(const Net *net, Feed *feed, const Samples *samples,
               void (*progress)(void *user, uint32_t samples_done, Score score), void *user);

#endif
