/* vknorm layers - normalization and activation layers that hold their parameters, named and counted as Keras
 * does: initializers, regularizers, constraints, training, inference, frozen layers, gradients, weight files.
 * Built on the public core and on the runtime, a library of its own (CMake: vknorm::layer). Programs that
 * manage parameters themselves do not need it.
 *
 *     VknLayerDesc   a layer's constructor arguments, as plain data
 *     VknLayer       a layer: its variables on the device, its plans
 *     VknWeight      one variable of it: name, shape, value, gradient
 *     VknLayerCall   one call: training or not, the tensors
 *
 * Tensors are dense, of type VknLayerDesc.type, and the caller's; variables are f32 and the layer's.
 * "Keras" is Keras 3; what only Keras 2 has (lists of axes, virtual batches) follows tf.keras 2.15.
 *
 * Errors: as in vknorm.h: one sentence in the log, with the rule and the values. The log of a layer is its
 * runtime's. A call that fails changes no variable, unless the device fails.
 *
 * Threads: a layer is part of its runtime: one thread at a time uses both. Functions that take neither may be
 * called from any thread. */
#ifndef VKNORM_LAYER_H
#define VKNORM_LAYER_H

#include <vknorm/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ----------------------------------------------------------------------------------- initializers */

/* The distribution that a variable's first values are from. */
typedef enum VknInitializerKind {
    VKN_INITIALIZER_CONSTANT = 0,         /* value */
    VKN_INITIALIZER_UNIFORM = 1,          /* from minimum to maximum */
    VKN_INITIALIZER_NORMAL = 2,           /* mean + deviation * N(0, 1) */
    VKN_INITIALIZER_TRUNCATED_NORMAL = 3, /* the same of an N(0, 1) that is redrawn beyond -2 and 2 */
    /* Of variance scale / fan: Glorot & Bengio 2010, He et al. 2015, LeCun et al. 1998. */
    VKN_INITIALIZER_VARIANCE_SCALING = 4,
    /* gain * Q, where a matrix of N(0, 1) is Q R and R has a positive diagonal (Saxe et al. 2014). The matrix
     * has all axes but the last as rows; Q has orthonormal columns or, if those are more, rows. Rank >= 2. */
    VKN_INITIALIZER_ORTHOGONAL = 5,
    VKN_INITIALIZER_IDENTITY = 6, /* gain on the diagonal, 0 elsewhere. Rank 2. */
} VknInitializerKind;

/* What VARIANCE_SCALING divides by, at least 1. Of rank 1 both fans are the extent; else fan_in is the last
 * extent but one and fan_out the last, each times all extents before those (a convolution's window). */
typedef enum VknFan { VKN_FAN_IN = 0, VKN_FAN_OUT = 1, VKN_FAN_AVERAGE = 2 } VknFan;

/* What VARIANCE_SCALING draws from. */
typedef enum VknDistribution {
    VKN_DISTRIBUTION_TRUNCATED_NORMAL = 0, /* whose deviation is that after truncation */
    VKN_DISTRIBUTION_NORMAL = 1,
    VKN_DISTRIBUTION_UNIFORM = 2, /* from -limit to limit, limit = sqrt(3 * scale / fan) */
} VknDistribution;

/* How a variable begins. Fields of other kinds are ignored. */
typedef struct VknInitializer {
    VknInitializerKind kind;      /* which of the fields below count */
    float value;                  /* CONSTANT: finite */
    float minimum;                /* UNIFORM: finite, at most maximum */
    float maximum;                /* UNIFORM: finite */
    float mean;                   /* NORMAL, TRUNCATED_NORMAL: finite */
    float deviation;              /* NORMAL, TRUNCATED_NORMAL: finite, >= 0 */
    float scale;                  /* VARIANCE_SCALING: finite, > 0 */
    VknFan fan;                   /* VARIANCE_SCALING */
    VknDistribution distribution; /* VARIANCE_SCALING */
    float gain;                   /* ORTHOGONAL, IDENTITY: finite */
    uint64_t seed; /* random ones: another seed, other values; Keras draws one when none is given */
} VknInitializer;

/* Keras' initializer of that name with its default arguments and seed 0, NULL for an unknown name: zeros,
 * ones, constant (0), random_uniform (-0.05 to 0.05), random_normal and truncated_normal (deviation 0.05),
 * variance_scaling, glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_uniform, lecun_normal,
 * orthogonal, identity. Static storage. */
VKN_API const VknInitializer *vkn_initializer_find(const char *name);

/* Fills `values`, one for each index of `shape`, row-major. Each random number is Philox 4x32-10 (Salmon et
 * al. 2011) of the seed, `stream` and its index, drawn on the host in f64: the same values for every device
 * and every number of threads, other values than Keras'. Variables that have the same seed differ by stream:
 * see vkn_stream_of_name(). Errors: INVALID_ARGUMENT, OUT_OF_HOST_MEMORY. */
VKN_API VknResult vkn_initializer_fill(VknLog log, const VknInitializer *initializer, uint32_t stream,
                                       uint32_t rank, const uint64_t *shape, float *values);

/* The stream that layers use for the variable of this path ("dense/kernel"): a hash of it. */
VKN_API uint32_t vkn_stream_of_name(const char *path);

/* The generator itself: `block` becomes Philox 4x32-10 of the counter that it held. */
VKN_API void vkn_philox(const uint32_t key[2], uint32_t block[4]);

/* ---------------------------------------------------------------------- regularizers, constraints */

/* l1 * sum |w| + l2 * sum w^2 + orthogonal * the mean of |a . b| over all pairs of rows (or columns) a, b of
 * the matrix w, each divided by its norm. All zero: none. Each finite, >= 0. */
typedef struct VknRegularizer {
    float l1;                /* Keras' L1, L1L2; as the string "l1": 0.01 */
    float l2;                /* Keras' L2, L1L2; as the string "l2": 0.01 */
    float orthogonal;        /* Keras' OrthogonalRegularizer.factor; rank 2. Of less than two vectors it is 0,
                                where Keras has NaN. */
    bool orthogonal_columns; /* mode="columns" rather than "rows" */
} VknRegularizer;

/* `*loss` becomes the penalty of `values`; its gradient is added to `gradient` if that is not NULL. Computed
 * in f64. At 0 the slope of |w| is 0. Errors: INVALID_ARGUMENT, OUT_OF_HOST_MEMORY. */
VKN_API VknResult vkn_regularizer_apply(VknLog log, const VknRegularizer *regularizer, uint32_t rank,
                                        const uint64_t *shape, const float *values, double *loss,
                                        float *gradient);

/* How a constraint projects. */
typedef enum VknConstraintKind {
    VKN_CONSTRAINT_NONE = 0,
    VKN_CONSTRAINT_NON_NEG = 1,      /* max(w, 0) */
    VKN_CONSTRAINT_MAX_NORM = 2,     /* w * min(norm, maximum) / (norm + 1e-7) */
    VKN_CONSTRAINT_UNIT_NORM = 3,    /* w / (norm + 1e-7) */
    VKN_CONSTRAINT_MIN_MAX_NORM = 4, /* w * (rate * clip(norm, minimum, maximum) + (1 - rate) * norm) /
                                        (norm + 1e-7) */
} VknConstraintKind;

/* What a variable is projected to after an update. norm is the L2 norm over `axes`, for each index of the
 * other axes. */
typedef struct VknConstraint {
    VknConstraintKind kind;     /* NONE: the others are ignored */
    float minimum;              /* finite, from 0 to maximum */
    float maximum;              /* finite */
    float rate;                 /* 0 to 1 */
    uint32_t axis_count;        /* 0: over all axes */
    int32_t axes[VKN_MAX_RANK]; /* those axes, -rank to rank - 1 */
} VknConstraint;

/* The constraint with Keras' default arguments: axis 0; MAX_NORM maximum 2; MIN_MAX_NORM 0 to 1, rate 1. */
VKN_API VknConstraint vkn_constraint_default(VknConstraintKind kind);

/* Projects `values` in place. Errors: INVALID_ARGUMENT, OUT_OF_HOST_MEMORY. */
VKN_API VknResult vkn_constraint_apply(VknLog log, const VknConstraint *constraint, uint32_t rank,
                                       const uint64_t *shape, float *values);

/* -------------------------------------------------------------------------------- layer description */

/* What a layer computes. */
typedef enum VknLayerKind {
    VKN_LAYER_BATCH_NORMALIZATION = 1,
    VKN_LAYER_LAYER_NORMALIZATION = 2,
    VKN_LAYER_GROUP_NORMALIZATION = 3,
    VKN_LAYER_RMS_NORMALIZATION = 4,
    VKN_LAYER_UNIT_NORMALIZATION = 5,
    VKN_LAYER_ACTIVATION = 6, /* Keras' Activation, ReLU, LeakyReLU, ELU: VknLayerDesc.activation */
    VKN_LAYER_PRELU = 7,
    VKN_LAYER_SOFTMAX = 8, /* also log-softmax: VknLayerDesc.log_softmax */
} VknLayerKind;

/* What a trainable variable has. */
typedef struct VknParameterDesc {
    VknInitializer initializer; /* what it begins as */
    VknRegularizer regularizer; /* what its size costs */
    VknConstraint constraint;   /* what updates leave of it */
} VknParameterDesc;

/* A layer's constructor arguments. In brackets: the kinds that read a field, by their first letters (B, L, G,
 * R, U, A, P, S), and Keras' default. Other kinds ignore it. */
typedef struct VknLayerDesc {
    VknLayerKind kind; /* which of the fields below count */
    const char *name;  /* of the layer in weight files and messages: without control characters, '"', '\' and
                          '/'; copied. Default: Keras', such as "batch_normalization". */
    VknType type;      /* of x, y and their gradients; variables and arithmetic are f32, as by Keras' mixed
                          policies. Default F32. */
    bool trainable;    /* default true; see vkn_layer_set_trainable() */
    /* [BLGRUS, {-1}] B: the axes that keep statistics of their own. L, R, U, S: those that are normalized
     * over, not all eight. G: the one axis of channels; rank at most 7. Keras 3 takes lists for L, R, U and
     * S, Keras 2 for B too. P: the axes that share a slope, shared_axes, never axis 0; default none. */
    uint32_t axis_count;
    int32_t axes[VKN_MAX_RANK]; /* those, -rank to rank - 1 */
    float epsilon;              /* [BLG 1e-3, R 1e-6, U 1e-12] finite, >= 0; of U it bounds the norm */
    bool center;                /* [BLG true] whether there is a beta */
    bool scale;                 /* [BLGR true] whether there is a gamma, which R calls scale */
    int64_t groups;             /* [G 32] divides the channels; -1: a group for each, instance norm */
    bool log_softmax;           /* [S false] */
    VknParameterDesc gamma;     /* [BLGR ones] */
    VknParameterDesc beta;      /* [BLG zeros] */
    VknParameterDesc alpha;     /* [P zeros] the slope */
    /* After the affine transform, in the same pass; default identity. [BLGRUA] A: what the layer is. PRELU
     * is a kind of layer of its own. */
    VknActivation activation;
    /* [B] Batch normalization alone, from here on. */
    float momentum; /* 0.99; 0 to 1, weights the old moving value */
    /* zeros, ones. With renorm its mean begins like the moving one, deviations as the variance's root. */
    VknInitializer moving_mean_initializer;
    VknInitializer moving_variance_initializer; /* see above */
    bool renorm;                                /* false; batch renormalization, VKN_ROLE_RENORM_MEAN */
    float renorm_r_min;                         /* 0; renorm_clipping's rmin, rmax, dmax: 0 <= rmin <= rmax */
    float renorm_r_max;                         /* inf */
    float renorm_d_max;                         /* inf; >= 0 */
    float renorm_momentum;                      /* 0.99 */
    /* false; the statistics of a training batch that lies on several devices. The library moves no data
     * between devices: the caller merges what vkn_layer_statistics() and vkn_layer_gradient_statistics()
     * write. Not with renorm or virtual batches. */
    bool synchronized;
    uint64_t virtual_batch_size; /* 0: none; VknDesc.virtual_batch_size, which divides the samples of a
                                    training call. Not with renorm. */
} VknLayerDesc;

/* Fills `desc` with the defaults of the kind above; ACTIVATION is the identity. Nothing is checked here. */
VKN_API void vkn_layer_desc_default(VknLayerDesc *desc, VknLayerKind kind);

/* Fills `desc` with the layer that keras.layers.Activation(name) would be: an ACTIVATION, or a SOFTMAX for
 * "softmax" and "log_softmax". Names of Keras: celu, elu, exponential, gelu, hard_shrink, hard_sigmoid,
 * hard_silu, hard_swish, hard_tanh, leaky_relu (slope 0.2, where the layer LeakyReLU has 0.3), linear,
 * log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid, silu, soft_shrink, softmax, softplus, softsign,
 * sparse_plus, sparse_sigmoid, squareplus, swish, tanh, tanh_shrink. Errors: INVALID_ARGUMENT for any other
 * name. */
VKN_API VknResult vkn_layer_desc_activation(VknLog log, const char *name, VknLayerDesc *desc);

/* ------------------------------------------------------------------------------------------- layer */

/* A layer: its variables on the device, its plans. */
typedef struct VknLayer VknLayer;

/* Creates a layer without variables on `runtime`, which must outlive it. Checks what can be checked without a
 * shape: all but the axes, and what must divide an extent. Errors: INVALID_ARGUMENT, UNSUPPORTED,
 * OUT_OF_HOST_MEMORY. */
VKN_API VknResult vkn_layer_create(VknRuntime *runtime, const VknLayerDesc *desc, VknLayer **layer);

/* Destroys the layer, its variables and its plans. No command buffer that it recorded may be pending. */
VKN_API void vkn_layer_destroy(VknLayer *layer);

/* Creates and initializes the variables for an x of this shape, once. Calls may have another shape[0]
 * afterwards, unless axis 0 has parameters. Gradients begin as 0. Everything is checked that the core would
 * refuse later. Errors: INVALID_ARGUMENT, UNSUPPORTED, OUT_OF_HOST_MEMORY, OUT_OF_DEVICE_MEMORY, DEVICE_LOST,
 * DRIVER. After an error the layer is as before. */
VKN_API VknResult vkn_layer_build(VknLayer *layer, uint32_t rank, const uint64_t *shape);

/* Freezes a layer, or makes it train again. A frozen layer has no trainable variables: batch normalization
 * takes its moving statistics and moves nothing even when training (Keras), backward gives dx alone, and
 * regularizers and constraints rest. */
VKN_API void vkn_layer_set_trainable(VknLayer *layer, bool trainable);

/* ----------------------------------------------------------------------------------------- weights */

/* A variable of a layer that is built. */
typedef struct VknWeight {
    const char *name; /* gamma, beta, alpha, scale, moving_mean, moving_variance, moving_stddev, renorm_mean,
                         renorm_stddev */
    const char *path; /* in weight files: the layer's name, '/', the variable's */
    uint32_t rank;    /* of shape */
    /* As in Keras: the extents of the axes that have parameters, in order of the axes. Of batch normalization
     * over a list of axes (Keras 2): x's rank, with 1 for all others. PRELU: x's without axis 0, 1 for the
     * shared ones. */
    uint64_t shape[VKN_MAX_RANK];
    uint64_t count;  /* elements */
    bool trainable;  /* a parameter, of which there is a gradient; false: a moving statistic. Of a layer that
                        is not frozen these are Keras' two lists. */
    VknBuffer value; /* f32, dense */
    VknBuffer gradient; /* what backward wrote; no buffer where there is none */
} VknWeight;

/* The variables in Keras' order: parameters first, then moving statistics; NULL past the end and before
 * vkn_layer_build(). Valid as long as the layer. An optimizer updates `value` by `gradient` on the device. */
VKN_API const VknWeight *vkn_layer_weight(const VknLayer *layer, uint32_t index);

/* Elements of all variables, as Keras' summary() counts them. */
typedef struct VknParameterCount {
    uint64_t total;         /* the sum of both */
    uint64_t trainable;     /* of parameters; 0 of a frozen layer */
    uint64_t non_trainable; /* of moving statistics, and of a frozen layer's parameters */
} VknParameterCount;

/* Of a layer that is built; before that, all 0. */
VKN_API VknParameterCount vkn_layer_parameter_count(const VknLayer *layer);

/* ------------------------------------------------------------------------------------------- calls */

/* The arguments of a call. Zero buffers are absent ones. */
typedef struct VknLayerCall {
    /* VK_NULL_HANDLE: the call runs and waits. Else it is recorded into this command buffer, as by
     * vkn_plan_record(), whose rules hold, and what it needs stays until vkn_layer_forget(). */
    VkCommandBuffer commands;
    uint64_t samples; /* x's extent along axis 0; 0: that of vkn_layer_build() */
    bool training;    /* forward and statistics; backward follows the forward before it */
    VknBuffer x;      /* all; not read by a softmax's backward */
    VknBuffer y;      /* forward: out; backward of a softmax: in */
    /* Forward and statistics; backward remembers forward's, which must still be there. Batch normalization:
     * one byte for each index of all axes but the last, 0 leaves x out of the statistics (Keras' mask); read
     * when training. Softmax: one byte for each element of x, 0 leaves it out of the sum; y is 0 there. */
    VknBuffer mask;
    VknBuffer dy;      /* backward */
    VknBuffer dx;      /* backward, out; absent: not wanted */
    bool accumulate;   /* backward: gradients are added to those that are there */
    VknBuffer moments; /* synchronized: statistics out, VknMoments for each statistic; training forward in,
                          `parts` times as many, one part after the other */
    VknBuffer sums;    /* synchronized: gradient_statistics out, VknSums likewise; backward in, likewise */
    uint32_t parts;    /* of moments or sums, >= 1; counts only where one of them goes in */
} VknLayerCall;

/* y from x. In training (training and trainable) batch normalization takes the statistics of the batch and
 * moves its own. Errors: INVALID_ARGUMENT, UNSUPPORTED, OUT_OF_HOST_MEMORY, OUT_OF_DEVICE_MEMORY,
 * DEVICE_LOST, DRIVER. */
VKN_API VknResult vkn_layer_forward(VknLayer *layer, const VknLayerCall *call);

/* dx and the parameters' gradients from dy, for the latest forward call, in its mode, with its number of
 * samples and its x, which must still be there. A layer that is frozen, synchronized or without parameters
 * needs dx. Errors: as vkn_layer_forward(); INVALID_ARGUMENT when there was none. */
VKN_API VknResult vkn_layer_backward(VknLayer *layer, const VknLayerCall *call);

/* The two halves' first ones of a synchronized layer in training: statistics of this device's x, before
 * forward; sums of this device's x and dy, before backward. Gather them from all devices in between. The
 * second one writes the parameters' gradients, of this device's part of the batch, which backward then leaves
 * alone. Errors: as vkn_layer_forward(). */
VKN_API VknResult vkn_layer_statistics(VknLayer *layer, const VknLayerCall *call);
/* The second of them. */
VKN_API VknResult vkn_layer_gradient_statistics(VknLayer *layer, const VknLayerCall *call);

/* Drops what recordings need. Before a buffer is destroyed that a recorded call named, and when no such
 * command buffer will be submitted again. */
VKN_API void vkn_layer_forget(VknLayer *layer);

/* `*loss` becomes the sum of the penalties of the layer's trainable variables, Keras' layer.losses; with
 * `gradients` their gradients are added to those of the variables: call it once after backward. Waits for the
 * device. Errors: INVALID_ARGUMENT, OUT_OF_HOST_MEMORY, DEVICE_LOST, DRIVER. */
VKN_API VknResult vkn_layer_regularize(VknLayer *layer, bool gradients, double *loss);

/* Projects the trainable variables by their constraints: after each update. Waits for the device. Errors: as
 * vkn_layer_regularize(). */
VKN_API VknResult vkn_layer_constrain(VknLayer *layer);

/* ------------------------------------------------------------------------------------ weight files */

/* A tensor of f32 in host memory, as safetensors files hold it. */
typedef struct VknNamedTensor {
    const char *name;             /* in the file */
    uint32_t rank;                /* 0 to VKN_MAX_RANK */
    uint64_t shape[VKN_MAX_RANK]; /* row-major */
    float *values;                /* row-major; save reads them, load writes them */
} VknNamedTensor;

/* Writes `count` tensors to a safetensors file: to `path` with ".part" appended, then renamed, so that `path`
 * is the whole file or the one before. Names are unique and have the characters of VknLayerDesc.name and '/'.
 * Errors: INVALID_ARGUMENT, also when the file cannot be written; OUT_OF_HOST_MEMORY. */
VKN_API VknResult vkn_tensors_save(VknLog log, const char *path, uint32_t count,
                                   const VknNamedTensor *tensors);

/* Reads a safetensors file that holds exactly these tensors, by name, in any order, as F32 and in these
 * shapes. All of the file is checked before anything is written. INVALID_ARGUMENT: it cannot be read, is
 * truncated or damaged, lacks a tensor or has another one, or one of another type or shape; no value has
 * changed. OUT_OF_HOST_MEMORY. */
VKN_API VknResult vkn_tensors_load(VknLog log, const char *path, uint32_t count,
                                   const VknNamedTensor *tensors);

/* The same for all variables of several layers of one runtime, whose names must differ. Waits for the device.
 * Errors: those too of vkn_runtime_upload(). */
VKN_API VknResult vkn_layers_save(uint32_t count, VknLayer *const *layers, const char *path);
/* Loads what vkn_layers_save() has written: all of it, or after an error nothing. */
VKN_API VknResult vkn_layers_load(uint32_t count, VknLayer *const *layers, const char *path);

#ifdef __cplusplus
}
#endif

#endif
