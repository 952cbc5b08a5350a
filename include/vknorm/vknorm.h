/* vknorm - normalization, activations and their statistics on any Vulkan device.
 *
 * The core borrows the caller's Vulkan device and records into the caller's command buffers. It owns
 * pipelines and descriptor pools, nothing else: no queue, no submit, no wait, no device memory, no
 * global state, no environment variable.
 *
 *     VknContext   what the library knows of one VkDevice, and its pipelines
 *     VknDesc      what to compute, as plain data: an operation, a shape, a set of axes, roles
 *     VknPlan      how this device computes it: an immutable list of dispatches
 *     VknBindings  which buffers a plan reads and writes
 *     vkn_plan_record()   writes the dispatches into a VkCommandBuffer
 *
 * Errors: a function that can fail returns VknResult and logs one sentence that names the rule that
 * was broken and the values. On failure every output is NULL or untouched, and nothing is recorded.
 * Destroying NULL is allowed; functions that cannot fail take no other NULL object.
 *
 * Threads: every function may be called from any thread at any time. What needs the caller's care is
 * what Vulkan asks for: a VkCommandBuffer is recorded by one thread at a time, and an object is
 * destroyed only when no call uses it and no command buffer that names it is pending. */
#ifndef VKNORM_VKNORM_H
#define VKNORM_VKNORM_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the library exports. Programs that use a shared one on Windows define VKN_SHARED. */
#if defined(VKN_SHARED) && defined(_WIN32)
#if defined(VKN_BUILD)
#define VKN_API __declspec(dllexport)
#else
#define VKN_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define VKN_API __attribute__((visibility("default")))
#else
#define VKN_API
#endif

#define VKN_VERSION_MAJOR 0 /* programs must change */
#define VKN_VERSION_MINOR 1 /* while MAJOR is 0, likewise; else programs need not */
#define VKN_VERSION_PATCH 0 /* nothing to see from outside */

/* The most axes a tensor may have. */
#define VKN_MAX_RANK 8

/* ---------------------------------------------------------------------------------- results, log */

/* One code per remedy: each says who has to act. The log says why. */
typedef enum VknResult {
    VKN_SUCCESS = 0,
    VKN_ERROR_INVALID_ARGUMENT = -1,     /* a documented rule was broken: correct the call */
    VKN_ERROR_UNSUPPORTED = -2,          /* a valid request that this device cannot serve */
    VKN_ERROR_OUT_OF_HOST_MEMORY = -3,   /* the allocator returned NULL: free memory, call again */
    VKN_ERROR_OUT_OF_DEVICE_MEMORY = -4, /* the driver is out of memory or pools: likewise */
    VKN_ERROR_DEVICE_LOST = -5,          /* every later call on the context returns this too */
    VKN_ERROR_DRIVER = -6,               /* the driver failed in a way it should not: update or report */
} VknResult;

/* Returns the enumerator's name without "VKN_", for example "ERROR_DRIVER"; never NULL. */
VKN_API const char *vkn_result_name(VknResult result);

/* How much a message matters. */
typedef enum VknLogLevel {
    VKN_LOG_ERROR = 1,   /* a call failed: the rule and the values */
    VKN_LOG_WARNING = 2, /* the call succeeds by other means than the preferred ones: which, and why */
    VKN_LOG_INFO = 3,    /* what was chosen */
} VknLogLevel;

/* Receives log messages: `write` is called with a NUL-terminated sentence without newline, valid
 * during the call only, possibly from several threads at once. write == NULL: no log. */
typedef struct VknLog {
    void (*write)(void *user, VknLogLevel level, const char *message); /* or NULL */
    void *user;                                                        /* passed on to it */
} VknLog;

/* ----------------------------------------------------------------------------------- capabilities */

/* Whose device it is. Chooses a row of tuning figures, nothing that affects correctness. */
typedef enum VknDeviceClass {
    VKN_DEVICE_OTHER = 0,    /* a GPU of a vendor that is not listed */
    VKN_DEVICE_SOFTWARE = 1, /* runs on the CPU: SwiftShader, lavapipe */
    VKN_DEVICE_NVIDIA = 2,
    VKN_DEVICE_AMD = 3,
    VKN_DEVICE_INTEL = 4,
    VKN_DEVICE_ARM = 5,      /* Mali, Immortalis */
    VKN_DEVICE_QUALCOMM = 6, /* Adreno */
    VKN_DEVICE_APPLE = 7,
} VknDeviceClass;

/* Every fact about a device that any decision of the library reads. A plan is a function of a VknDesc
 * and a VknCaps alone, so it can be replayed for a device that is not there; but for vkn_plan_tune(). Each
 * field but max_subgroup_size may be lowered (VknContextDesc.caps), to test the path of a weaker device or to
 * work around a driver. A field below the floor stated here is VKN_ERROR_UNSUPPORTED. */
typedef struct VknCaps {
    VknDeviceClass device_class;       /* whose it is */
    uint32_t max_invocations;          /* per workgroup, in x as well; at least 64 */
    uint32_t max_group_count;          /* workgroups per dispatch in x; at least 1 */
    uint32_t max_shared_bytes;         /* shared memory per workgroup; at least 16384 */
    uint64_t max_storage_range;        /* bytes one storage buffer binding may span; 4096 to
                                  2^32 - 1 */
    uint32_t max_storage_buffers;      /* storage buffer bindings per dispatch; at least 8. With 12, what
                                          training and its gradient read besides fits in one dispatch. */
    uint32_t storage_offset_alignment; /* bytes, a power of two, at most 256. Lowering raises it. */
    uint32_t max_subgroup_size;        /* lanes, a power of two, at most 128 */
    bool subgroup_arithmetic;          /* subgroupAdd in compute shaders */
    bool subgroup_shuffle;             /* subgroupShuffleXor in compute shaders */
    bool subgroup_size_control;        /* VK_EXT_subgroup_size_control is enabled on the device */
    bool full_subgroups;               /* computeFullSubgroups is enabled on the device */
    uint64_t max_texels;               /* of a uniform texel buffer; 0 unless VknContextDesc.texel_buffers */
    uint32_t texel_offset_alignment;   /* bytes, a power of two, at most 256. Lowering raises it. */
    bool texel_reads; /* Roles are read as texels where max_texels allows: on lavapipe, where that
                         takes half the time. Not a capability: may be changed in both directions
                         to find out on another device. */
} VknCaps;

/* ---------------------------------------------------------------------------------------- context */

/* What the library knows of one VkDevice, and its pipelines. */
typedef struct VknContext VknContext;

/* A device to borrow. All handles stay the caller's and must outlive the context. */
typedef struct VknContextDesc {
    VkInstance instance;              /* required */
    VkPhysicalDevice physical_device; /* required; Vulkan 1.1 or newer */
    VkDevice device;                  /* required */
    /* Required: the loader's entry point, or whatever the caller has in its place. Every Vulkan
     * function that the context calls is looked up through it. */
    PFN_vkGetInstanceProcAddr get_instance_proc_addr;
    /* The pNext chain given to vkCreateDevice, or NULL if there was none. Features that it does not
     * enable are not used. Read during the call: VkPhysicalDeviceSubgroupSizeControlFeatures and
     * VkPhysicalDeviceVulkan13Features (subgroupSizeControl, computeFullSubgroups). */
    const void *device_features;
    /* Whether every buffer that is bound to a role was created with VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT,
     * too: allows VknCaps.texel_reads. */
    bool texel_buffers;
    /* NULL, or what vkn_caps_query() returned with some fields lowered. A raised field is
     * VKN_ERROR_INVALID_ARGUMENT. */
    const VknCaps *caps;
    /* NULL, or host memory callbacks, used for the library's own memory and handed to Vulkan. The
     * struct is copied; its functions may be called from several threads at once. */
    const VkAllocationCallbacks *allocator;
    /* VK_NULL_HANDLE, or the cache that pipelines are created with. Vulkan synchronizes it unless it
     * was created externally synchronized, which is not allowed here. */
    VkPipelineCache pipeline_cache;
    VknLog log; /* of everything that is done with the context */
} VknContextDesc;

/* Reads a device's capabilities; only instance, physical_device, get_instance_proc_addr,
 * device_features, texel_buffers and log of `desc` are read. Errors: INVALID_ARGUMENT; UNSUPPORTED when the
 * device is older than Vulkan 1.1 or below a floor stated at VknCaps. */
VKN_API VknResult vkn_caps_query(const VknContextDesc *desc, VknCaps *caps);

/* Creates a context on a borrowed device. Costs microseconds: no pipeline is created yet.
 * Errors: those of vkn_caps_query(), OUT_OF_HOST_MEMORY, OUT_OF_DEVICE_MEMORY, DRIVER. */
VKN_API VknResult vkn_context_create(const VknContextDesc *desc, VknContext **context);

/* Destroys the context and its pipelines. Its plans and bindings must have been destroyed. */
VKN_API void vkn_context_destroy(VknContext *context);

/* The capabilities that the context plans with. Valid until the context is destroyed. */
VKN_API const VknCaps *vkn_context_caps(const VknContext *context);

/* ------------------------------------------------------------------------------------ cached pipelines */

/* What vkGetPipelineCacheData() returned may be kept in a file for the next run. A driver may do anything
 * with data that is damaged or another driver's, so a header goes before it, and the driver sees only data
 * whose header fits. This does not make data trustworthy that others can write: the hash finds accidents,
 * anyone can compute it. vkn_runtime_create() does all of this for programs without an engine of their own.
 */

/* Which driver of which device a cache belongs to. */
typedef struct VknCacheKey {
    uint32_t vendor_id;                /* VkPhysicalDeviceProperties.vendorID */
    uint32_t device_id;                /* VkPhysicalDeviceProperties.deviceID */
    uint32_t driver_version;           /* VkPhysicalDeviceProperties.driverVersion */
    uint8_t cache_uuid[VK_UUID_SIZE];  /* VkPhysicalDeviceProperties.pipelineCacheUUID */
    uint8_t driver_uuid[VK_UUID_SIZE]; /* VkPhysicalDeviceIDProperties.driverUUID */
} VknCacheKey;

/* Bytes of the header. */
#define VKN_CACHE_HEADER_SIZE 80

/* Reads the key of a device; the same fields of `desc` are read as by vkn_caps_query(). Errors:
 * INVALID_ARGUMENT; UNSUPPORTED when instance or device is older than Vulkan 1.1. */
VKN_API VknResult vkn_cache_key(const VknContextDesc *desc, VknCacheKey *key);

/* Writes the header of `size` bytes of pipeline cache data: header and data, one after the other, are a cache
 * for vkn_cache_unpack(). Pure. */
VKN_API void vkn_cache_pack(const VknCacheKey *key, const void *data, uint64_t size,
                            uint8_t header[VKN_CACHE_HEADER_SIZE]);

/* Checks `size` bytes that may be anything, of any alignment, and on success points `data` at what may be
 * handed to vkCreatePipelineCache(), inside of `cache`: what another device, driver or version of vknorm
 * wrote, and what is not complete to the bit, is INVALID_ARGUMENT, and the log says at WARNING level what is
 * wrong. The remedy is to begin with an empty cache. Pure. */
VKN_API VknResult vkn_cache_unpack(const VknCacheKey *key, const void *cache, uint64_t size, VknLog log,
                                   const void **data, uint64_t *data_size);

/* ------------------------------------------------------------------------------------ activations */

/* z is the activation's input, in f32; the parameters are VknActivation.parameter[0], [1], [2]. */
typedef enum VknActivationId {
    VKN_ACTIVATION_IDENTITY = 0,    /* z */
    VKN_ACTIVATION_RELU = 1,        /* Keras ReLU(negative_slope = 0, threshold = 0, max_value = inf):
                                       min(z, max_value) where z > threshold, otherwise
                                       negative_slope * (z - threshold). relu6: max_value = 6. */
    VKN_ACTIVATION_LEAKY_RELU = 2,  /* z where z > 0, otherwise negative_slope * z. Default 0.3 (Keras);
                                       PyTorch and ONNX have 0.01, tf.nn 0.2. */
    VKN_ACTIVATION_ELU = 3,         /* z where z > 0, otherwise alpha * (exp(z) - 1). Default 1. */
    VKN_ACTIVATION_SIGMOID = 4,     /* 1 / (1 + exp(-z)) */
    VKN_ACTIVATION_TANH = 5,        /* tanh(z) */
    VKN_ACTIVATION_SILU = 6,        /* swish: z / (1 + exp(-beta * z)). Default 1. */
    VKN_ACTIVATION_GELU = 7,        /* z * (1 + erf(z / sqrt(2))) / 2, not its tanh approximation */
    VKN_ACTIVATION_HARD_SWISH = 8,  /* z * clip(z + 3, 0, 6) / 6 */
    VKN_ACTIVATION_CLIP = 9,        /* min(max(z, min), max). Default (-inf, inf). hard_tanh: (-1, 1). The
                                       derivative at min and max is 1, as in torch.clamp. */
    VKN_ACTIVATION_PRELU = 10,      /* z where z > 0, otherwise slope * z, where slope is an element of SLOPE;
                                       not a prologue. Excludes RESIDUAL, MOMENTS, SUMS and virtual batches. */
    VKN_ACTIVATION_SELU = 11,       /* 1.0507009873554805 * ELU with alpha = 1.6732632423543772 */
    VKN_ACTIVATION_CELU = 12,       /* z where z > 0, otherwise alpha * (exp(z / alpha) - 1). Default 1. */
    VKN_ACTIVATION_GELU_TANH = 13,  /* z * (1 + tanh(sqrt(2 / pi) * (z + 0.044715 * z^3))) / 2: GELU with
                                       approximate = True (Keras), "tanh" (PyTorch, ONNX) */
    VKN_ACTIVATION_QUICK_GELU = 14, /* SILU with another default: z / (1 + exp(-beta * z)). Default 1.702
                                       (CLIP the model, ONNX Runtime's QuickGelu). */
    VKN_ACTIVATION_LOG_SIGMOID = 15, /* -log(1 + exp(-z)) */
    VKN_ACTIVATION_HARD_SIGMOID =
        16, /* clip(slope * z + offset, 0, 1). Default (1 / 6, 0.5) (Keras 3, PyTorch);
               Keras 2 and ONNX have (0.2, 0.5). Keras' sparse_sigmoid: (0.5, 0.5). */
    VKN_ACTIVATION_TANH_SHRINK = 17, /* z - tanh(z) */
    VKN_ACTIVATION_SOFTPLUS = 18, /* log(1 + exp(beta * z)) / beta, but z where beta * z > threshold. Default
                                     (1, 20) (PyTorch); Keras and ONNX have (1, inf). */
    VKN_ACTIVATION_SOFTSIGN = 19, /* z / (1 + |z|) */
    VKN_ACTIVATION_MISH = 20,     /* z * tanh(log(1 + exp(z))) */
    VKN_ACTIVATION_SOFT_SHRINK = 21, /* z + lambda where z < -lambda, z - lambda where z > lambda, otherwise
                                        0. Default 0.5 (PyTorch, Keras). */
    VKN_ACTIVATION_HARD_SHRINK = 22, /* z where |z| > lambda, otherwise 0. Default 0.5 (PyTorch, Keras). */
    VKN_ACTIVATION_SHRINK = 23, /* z + bias where z < -lambda, z - bias where z > lambda, otherwise 0. Default
                                   (0, 0.5) (ONNX). */
    VKN_ACTIVATION_THRESHOLDED_RELU = 24, /* z where z > theta, otherwise 0. Default 1 (ONNX, Keras 2). */
    VKN_ACTIVATION_THRESHOLD = 25,  /* z where z > threshold, otherwise value. Default (0, 0); PyTorch and
                                       Keras have none. */
    VKN_ACTIVATION_SQUAREPLUS = 26, /* (z + sqrt(z^2 + b)) / 2. Default 4 (Keras). */
    VKN_ACTIVATION_EXP = 27,        /* exp(z) */
    VKN_ACTIVATION_LOG = 28,        /* log(z): -inf at 0, NaN below it; the derivative is 1 / z */
    VKN_ACTIVATION_LINEAR = 29,     /* a * z + b. Default (1, 0). The negative: (-1, 0). */
    VKN_ACTIVATION_ABS = 30,        /* |z|, whose derivative at 0 is 0 */
    VKN_ACTIVATION_SQUARE = 31,     /* z^2 */
    VKN_ACTIVATION_SQRT = 32,       /* sqrt(z), NaN below 0 */
    VKN_ACTIVATION_RECIPROCAL = 33, /* 1 / z */
    VKN_ACTIVATION_POW = 34,  /* z^exponent; of negative z NaN unless the exponent is whole. Default 2. */
    VKN_ACTIVATION_ERF = 35,  /* erf(z) */
    VKN_ACTIVATION_SIGN = 36, /* -1, 0 or 1; the derivative is 0 */
    VKN_ACTIVATION_SPARSE_PLUS = 37, /* 0 where z <= -1, z where z >= 1, otherwise (z + 1)^2 / 4 (Keras) */
    /* And above: those of vkn_activation_compile(), <vknorm/compiler.h>. Default (0, 0, 0). */
    VKN_ACTIVATION_CUSTOM = 1024,
} VknActivationId;

/* Most parameters of any activation. */
#define VKN_MAX_ACTIVATION_PARAMETERS 3

/* A function applied to every output element, NaN to NaN. All zero is the identity. Every parameter must be
 * finite, but threshold and max_value of RELU, min and max of CLIP and threshold of SOFTPLUS, where infinity
 * means no limit. RELU needs max_value > threshold, CLIP min <= max, CELU alpha and SQUAREPLUS b >= 2^-126,
 * SOFTPLUS |beta| >= 2^-126, SOFT_, HARD_SHRINK and SHRINK lambda >= 0. */
typedef struct VknActivation {
    VknActivationId id;                             /* which function */
    float parameter[VKN_MAX_ACTIVATION_PARAMETERS]; /* ignored beyond those that the id has */
} VknActivation;

/* Returns the activation with its default parameters; the identity for an unknown id. */
VKN_API VknActivation vkn_activation_default(VknActivationId id);

/* ------------------------------------------------------------------------------------ description */

/* What to compute. x is the input tensor, y the output tensor; statistics, gamma and beta have one
 * element per index of the kept axes. */
typedef enum VknOperation {
    /* Normalizes x with its own statistics (training mode of batch normalization, Ioffe & Szegedy
     * 2015): y = act(gamma * (x - mean) / sqrt(variance + epsilon) + beta) with the mean and the biased
     * variance over all axes that are not kept. Optionally returns the statistics and moves the
     * running ones. With a residual: act(... + beta + residual). With a prologue, prologue(x) stands for x
     * throughout. With MOMENTS bound, the statistics are those of all parts of the batch that they hold, as
     * STATISTICS wrote them, instead of those of this x; a mask is then not read. */
    VKN_OPERATION_TRAIN = 1,
    /* The same formula with given statistics: inference (MEAN and VARIANCE hold the running ones), or
     * the last step of a training that computed its statistics in parts (MEAN and INV_STD). */
    VKN_OPERATION_APPLY = 2,
    /* The statistics alone: x in, any of MEAN, INV_STD or VARIANCE, MOMENTS, the running ones out. */
    VKN_OPERATION_STATISTICS = 3,
    /* Merges moments that were computed in parts (several devices, several micro-batches), exactly as
     * if they had been one batch: MOMENTS in, the statistics out. */
    VKN_OPERATION_FINISH = 4,
    /* The gradient of TRAIN. With u = prologue(x), xhat = (u - mean) * inv_std, z = gamma * xhat + beta +
     * residual and dz = dy * act'(z):
     *     dbeta = sum dz,  dgamma = sum dz * xhat,  dresidual = dz,
     *     dx = gamma * inv_std * (dz - dbeta / n - xhat * dgamma / n) * prologue'(x)
     * MEAN and INV_STD or VARIANCE are what TRAIN saved, and whatever of GAMMA, MASK and RENORM it had must
     * be bound here too. act'(z) comes from z, which is computed again (then BETA and RESIDUAL must be bound
     * if TRAIN had them), from Y, or from ACTIVATION_MASK: VknActivationSource. With SUMS bound, the sums of
     * all parts of the batch come from there instead of from x and dy. */
    VKN_OPERATION_TRAIN_GRADIENT = 5,
    /* The gradient of APPLY: the statistics are constants, so dx = gamma * inv_std * dz * prologue'(x). This
     * is a frozen layer; without DGAMMA and DBETA it is the gradient of inference. */
    VKN_OPERATION_APPLY_GRADIENT = 6,
    /* The first half of TRAIN_GRADIENT when a batch lies on several devices: SUMS out, for the caller to
     * merge, and if wanted DGAMMA and DBETA of this part of the batch. MEAN and INV_STD or VARIANCE are those
     * of the whole batch. TRAIN_GRADIENT with SUMS is the second half. */
    VKN_OPERATION_GRADIENT_STATISTICS = 7,
    /* VknDesc.statistic itself, over all axes that are not kept: RESULT is act(statistic), INDEX where the
     * greatest or least element is. Of no elements at all it is what the statistic begins with: 0, of a
     * product 1, of a maximum and of LOG_SUM_EXP -inf, of a minimum inf, of MEAN and VARIANCE NaN. Its
     * gradient has no operation of its own: that of a sum is dy itself, repeated. */
    VKN_OPERATION_REDUCE = 8,
} VknOperation;

/* The operation of a layer that Keras' call(training) would run: without `trainable` a layer is frozen, so
 * it normalizes with its moving statistics and moves nothing even when `training`. */
static inline VknOperation vkn_batch_norm_mode(bool training, bool trainable) {
    return training && trainable ? VKN_OPERATION_TRAIN : VKN_OPERATION_APPLY;
}

/* What a buffer is for. One element is one f32 unless said otherwise, tensors have the type of their
 * VknTensor. "Per channel" means one for each index of the kept axes, row-major in the order of the tensor's
 * axes (VknDesc.channels for packed tensors); "per statistic" is the same, unless there are virtual batches:
 * then [virtual batch][channel]. "Per parameter" is the same as per channel, unless there are parameter_axes:
 * then one for each index of those, likewise.
 *
 *                       TRAIN     APPLY     STATIS-   FINISH    TRAIN_    APPLY_    GRADIENT_ REDUCE
 *                                           TICS                GRADIENT  GRADIENT  STATISTICS
 *     X                 in        in        in        -         in f)     in        in        in
 *     Y                 out       out       -         -         in opt    in opt    in opt    -
 *     RESIDUAL          in opt    in opt    in g)     -         in opt g) in opt g) in opt g) in g)
 *     RESIDUAL_SUM      out g)    out g)    -         -         -         -         -         -
 *     SLOPE             in h)     in h)     -         -         in h)     in h)     -         -
 *     ACTIVATION_MASK   out opt   out opt   -         -         in opt    in opt    in opt    -
 *     GAMMA, BETA       in opt    in opt    -         -         in opt    in opt    in opt    -
 *     MASK              in opt    -         in opt    -         in opt    -         in opt    in opt
 *     MEAN              out opt   in i)     out opt   out opt   in i)     in i)     in        -
 *     INV_STD           out a)    in b)     out a)    out a)    in b)     in b)     in b)     -
 *     VARIANCE          out a)    in b)     out a)    out a)    in b)     in b)     in b)     -
 *     RUNNING_MEAN      update c) -         update c) update c) -         -         -         -
 *     RUNNING_VARIANCE  update c) -         update c) update c) -         -         -         -
 *     RENORM_MEAN, _STD update d) -         -         -         -         -         -         -
 *     RUNNING_STD       update d) -         -         -         -         -         -         -
 *     RENORM            out d)    -         -         -         in opt    -         in opt    -
 *     MOMENTS           in opt    -         out opt   in        -         -         -         -
 *     SUMS              -         -         -         -         in opt    -         out       -
 *     DY                -         -         -         -         in        in        in        -
 *     DX, DRESIDUAL     -         -         -         -         out e)    out e)    -         -
 *     DRESIDUAL_SUM     -         -         -         -         in g)     in g)     -         -
 *     DGAMMA, DBETA     -         -         -         -         out e)    out e)    out opt   -
 *     DSLOPE            -         -         -         -         out e)    out e)    -         -
 *     RESULT, INDEX     -         -         -         -         -         -         -         out e)
 *     WORKSPACE         scratch, required when VknPlanInfo.size[VKN_ROLE_WORKSPACE] > 0
 *
 * - a) optional, at most one of the two
 * - b) one of the two; none of VKN_STATISTIC_NONE
 * - c) both or neither
 * - d) RENORM_MEAN and RENORM_STD both or neither; with them RENORM is optional, and RUNNING_STD is required
 *   when the running statistics are bound
 * - e) at least one of all those
 * - f) VKN_STATISTIC_LOG_SUM_EXP with the identity or EXP: without X, MEAN and INV_STD or VARIANCE, but with
 *   Y, from which the gradient then comes
 * - g) optional, as VknDesc.residual_use allows; RESIDUAL_SUM and DRESIDUAL_SUM with VKN_RESIDUAL_BEFORE only
 * - h) required by VKN_ACTIVATION_PRELU, not allowed by others
 * - i) required of statistics that have one */
typedef enum VknRole {
    VKN_ROLE_X = 0,
    VKN_ROLE_Y = 1,
    VKN_ROLE_GAMMA = 2,            /* scale, per parameter; absent: 1 */
    VKN_ROLE_BETA = 3,             /* offset, per parameter; absent: 0 */
    VKN_ROLE_MEAN = 4,             /* per statistic, of those that have one: VknStatistic */
    VKN_ROLE_INV_STD = 5,          /* 1 / sqrt(variance + epsilon), per statistic (PyTorch, ONNX) */
    VKN_ROLE_VARIANCE = 6,         /* biased variance, per statistic (oneDNN) */
    VKN_ROLE_RUNNING_MEAN = 7,     /* moving mean, per channel, updated in place */
    VKN_ROLE_RUNNING_VARIANCE = 8, /* moving variance, per channel, updated in place */
    VKN_ROLE_MOMENTS = 9,          /* VknMoments per statistic; an input: [moment_parts][statistic] */
    VKN_ROLE_WORKSPACE = 10,       /* contents undefined before and after */
    VKN_ROLE_RESIDUAL = 11,        /* VknDesc.residual_use; shaped like y, VknDesc.residual */
    VKN_ROLE_DY = 12,              /* gradient of the loss by y; lies like y, VknDesc.y */
    VKN_ROLE_DX = 13,              /* gradient of the loss by x, VknDesc.dx */
    VKN_ROLE_DGAMMA = 14,          /* gradient by gamma, per parameter; may be wanted without GAMMA */
    VKN_ROLE_DBETA = 15,           /* gradient by beta, per parameter */
    VKN_ROLE_DRESIDUAL = 16,       /* gradient by the residual; lies like it, VknDesc.residual */
    /* Which positions count in the statistics: one byte each, 0 leaves x out of them, whatever x is there.
     * y is computed everywhere, as in Keras. VknDesc.mask_stride says how it lies. */
    VKN_ROLE_MASK = 17,
    /* Where act' is 1: one bit per element of y, for backward to read instead of the residual. Written and
     * read by vknorm alone: its layout follows y, and is not part of the interface. Activations whose
     * derivative is 1 or one other value: RELU (max_value = inf or negative_slope = 0), LEAKY_RELU, CLIP,
     * LINEAR, SIGN, the three shrinks, THRESHOLD and THRESHOLDED_RELU. */
    VKN_ROLE_ACTIVATION_MASK = 18,
    /* Batch renormalization (Ioffe 2017), which is what TRAIN does when RENORM_MEAN is bound. With sigma =
     * sqrt(variance + epsilon) and sigma_r = max(RENORM_STD, sqrt(epsilon)),
     *     r = clip(sigma / sigma_r, renorm_r_min, renorm_r_max)
     *     d = clip((mean - RENORM_MEAN) / sigma_r, -renorm_d_max, renorm_d_max)
     *     y = act(gamma * (xhat * r + d) + beta + residual)
     * where r and d count as constants in the gradient. Then RENORM_MEAN and RENORM_STD move towards mean and
     * sigma with renorm_momentum, RUNNING_MEAN and RUNNING_STD with momentum, and RUNNING_VARIANCE becomes
     * max(RUNNING_STD^2 - epsilon, 0). These are tf.keras' moving variables renorm_mean, renorm_stddev,
     * moving_mean, moving_stddev and moving_variance. Each per channel, updated in place. */
    VKN_ROLE_RENORM_MEAN = 19,
    VKN_ROLE_RENORM_STD = 20,
    VKN_ROLE_RUNNING_STD = 21,
    VKN_ROLE_RENORM = 22,       /* r and d, two words per channel, saved for the gradient */
    VKN_ROLE_SUMS = 23,         /* VknSums per statistic; TRAIN_GRADIENT: [moment_parts][statistic] */
    VKN_ROLE_SLOPE = 24,        /* of VKN_ACTIVATION_PRELU, per parameter */
    VKN_ROLE_DSLOPE = 25,       /* gradient by the slope, per parameter */
    VKN_ROLE_RESIDUAL_SUM = 26, /* x + residual, lies like VknDesc.dx; normalized is what is stored here */
    VKN_ROLE_DRESIDUAL_SUM =
        27,               /* what else the loss depends on RESIDUAL_SUM by: added to DX, lies like it */
    VKN_ROLE_RESULT = 28, /* per statistic, dense, of type VknDesc.y.type */
    VKN_ROLE_INDEX = 29,  /* of MAX and MIN, per statistic, one uint32_t: the number of the element among the
                             statistic's, row-major in the order of the axes; of no elements 0xFFFFFFFF */
} VknRole;

#define VKN_ROLE_COUNT     30             /* roles there are */
#define VKN_ROLE_BIT(role) (1u << (role)) /* of VknDesc.roles */

/* Mergeable statistics of a set of elements (Chan, Golub & LeVeque 1979). The mean is mean + mean_low:
 * the second word keeps what one f32 would round away when the mean is large beside the deviation.
 * Whoever has only one word sets mean_low = 0. */
typedef struct VknMoments {
    float count;    /* number of elements; 0: an empty part, whose other words are ignored. A statistic all of
                       whose parts are empty is not written, and its running values stay. */
    float mean;     /* the mean, rounded */
    float mean_low; /* what that rounded away */
    float m2;       /* sum of squared differences from the mean */
} VknMoments;

/* Mergeable sums of a gradient: those of two sets of elements add up, word by word. */
typedef struct VknSums {
    float count;   /* number of elements that the statistics count */
    float dz;      /* sum of dz, over all elements */
    float dz_xhat; /* sum of dz * xhat, likewise */
    float zero;    /* 0 */
} VknSums;

/* How a number is stored. */
typedef enum VknType {
    VKN_TYPE_F32 = 0,  /* IEEE 754 binary32 */
    VKN_TYPE_F16 = 1,  /* IEEE 754 binary16. Results round to nearest even, above 65504 to infinity. */
    VKN_TYPE_BF16 = 2, /* the upper half of a binary32, rounded likewise */
} VknType;

/* How a tensor of VknDesc.shape lies in its buffer, from the first element of the binding on. x and y may
 * have different types; statistics, parameters and arithmetic are f32. No device feature is needed. */
typedef struct VknTensor {
    VknType type; /* of its elements */
    /* Elements from one index to the next along each axis. All zero: dense, the last axis fastest.
     * x may repeat elements (stride 0); elements of y must not share memory. */
    uint64_t stride[VKN_MAX_RANK];
} VknTensor;

/* How running = f(running, batch) weights its two arguments. */
typedef enum VknMomentum {
    /* momentum * running + (1 - momentum) * batch (Keras 0.99, ONNX 0.9). In f32 1 - 0.99 falls short of 0.01
     * by a millionth of it: Keras, which subtracts in f64, has the weights of NEW with 0.01. */
    VKN_MOMENTUM_OLD = 0,
    VKN_MOMENTUM_NEW = 1,        /* (1 - momentum) * running + momentum * batch (PyTorch, cuDNN: 0.1) */
    VKN_MOMENTUM_CUMULATIVE = 2, /* the average over all batches so far (PyTorch momentum=None); the
                                    batch's number is VknRecordInfo.batch_number; momentum is ignored */
} VknMomentum;

/* What u = prologue(x) is normalized with, to xhat. "Mean" and "variance" in this header are these. */
typedef enum VknStatistic {
    /* The mean, and the variance around it: batch, layer, group, instance norm. */
    VKN_STATISTIC_VARIANCE = 0,
    /* The mean of squares, no mean: xhat = u / sqrt(variance + epsilon). RMS norm (Zhang & Sennrich 2019). */
    VKN_STATISTIC_MEAN_SQUARE = 1,
    /* The sum of squares, no mean: xhat = u / sqrt(max(sum, epsilon)). L2 normalization (epsilon
     * 1e-12: tf.keras). torch.nn.functional.normalize and Keras 3's UnitNormalization bound the norm: the
     * square of their epsilon goes here, 1e-24. */
    VKN_STATISTIC_SUM_SQUARE = 2,
    /* The sum of |u|^power, no mean: xhat = u / max(sum, epsilon)^(1 / power). L1 and Lp normalization. */
    VKN_STATISTIC_SUM_POWER = 3,
    /* The maximum as mean, the sum of exp(u - maximum) as variance, its inverse as inverse deviation, epsilon
     * is ignored: xhat = u - log(sum of exp(u)). Log-softmax, and with the activation EXP softmax. Where MASK
     * is 0, u counts as -inf. Of -inf alone xhat is -inf, so that softmax is 0 there; with a NaN or inf all
     * is NaN. mask_stride is usually that of x. Excludes GAMMA and BETA. */
    VKN_STATISTIC_LOG_SUM_EXP = 4,
    /* xhat = 1 for the greatest element, 0 for the others. Hardmax; TRAIN and REDUCE. Excludes GAMMA, BETA,
     * SLOPE.
     */
    VKN_STATISTIC_MAX = 5,
    /* No statistic: xhat = u. Activations alone; APPLY and APPLY_GRADIENT. Needs no kept axes. */
    VKN_STATISTIC_NONE = 6,
    /* Of REDUCE alone. NaN is greater and less than any number; of equals the first is found. */
    VKN_STATISTIC_MIN = 7,
    VKN_STATISTIC_SUM = 8, /* of any size to within a few roundings of the sum of |u| (Neumaier 1974) */
    VKN_STATISTIC_MEAN = 9,
    VKN_STATISTIC_PRODUCT = 10, /* no intermediate overflows or underflows */
} VknStatistic;

/* What RESIDUAL is to the rest. */
typedef enum VknResidualUse {
    VKN_RESIDUAL_AFTER = 0, /* y = act(gamma * xhat + beta + residual) */
    /* u = prologue(x + residual): the add before the norm of transformers. RESIDUAL_SUM keeps the sum. The
     * gradient has the sum as X and no RESIDUAL; DX is the gradient by both. */
    VKN_RESIDUAL_BEFORE = 1,
    /* y = act(gamma * xhat + beta) * residual: the gated family, with VKN_STATISTIC_NONE. glu has SIGMOID,
     * reglu RELU, geglu GELU, swiglu SILU; x is the half that the activation takes, the residual the other.
     */
    VKN_RESIDUAL_FACTOR = 2,
} VknResidualUse;

/* Which variance moves into RUNNING_VARIANCE, and REDUCE returns. y and VARIANCE always have the biased one.
 */
typedef enum VknRunningVariance {
    VKN_RUNNING_VARIANCE_BIASED = 0,   /* M2 / n (Keras 3, ONNX, oneDNN) */
    VKN_RUNNING_VARIANCE_UNBIASED = 1, /* M2 / (n - 1), n = 1 counts as 2 (PyTorch, cuDNN) */
} VknRunningVariance;

/* A computation. Fields not named by the operation are ignored. */
typedef struct VknDesc {
    VknOperation operation;       /* what is asked for */
    uint32_t rank;                /* 1 to VKN_MAX_RANK */
    uint64_t shape[VKN_MAX_RANK]; /* elements per axis, at most 2^56 in all. A 0 makes an empty tensor: the
                                     plan has no dispatch, nothing is written, running statistics stay. */
    /* The axes that keep separate statistics; all other axes are reduced. Keras' and ONNX's `axis`:
     * {1} is batch normalization of NCHW, {-1} of NHWC. Each from -rank to rank - 1, negative counts
     * from the end, none twice, at least one but of VKN_STATISTIC_NONE. */
    uint32_t kept_axis_count;
    int32_t kept_axes[VKN_MAX_RANK]; /* so many of them */
    VknStatistic statistic;          /* what is normalized with, or reduced to */
    float power;                     /* of SUM_POWER: finite, >= 1 */
    bool last_index; /* MAX and MIN: of equals the last one counts, not the first (ONNX select_last_index) */
    /* The axes that GAMMA, BETA, SLOPE and their gradients have. None: the kept axes, as in batch
     * normalization. Layer and RMS norm have those that are not kept. Other axes than the kept ones exclude
     * MASK, RUNNING_, RENORM_ and MOMENTS, SUMS, virtual batches and packed channels. */
    uint32_t parameter_axis_count;
    int32_t parameter_axes[VKN_MAX_RANK]; /* so many of them */
    /* The roles that will be bound: VKN_ROLE_BIT()s, by the table at VknRole, at least one of them an output.
     * WORKSPACE is implied. */
    uint32_t roles;
    VknTensor x;        /* X */
    VknTensor y;        /* Y and DY; its type is that of RESULT */
    VknTensor residual; /* RESIDUAL and DRESIDUAL */
    VknTensor dx; /* DX, RESIDUAL_SUM and DRESIDUAL_SUM. Fastest when it lies like x, and residual like y. */
    VknResidualUse residual_use; /* of RESIDUAL */
    /* MASK: bytes from one index to the next along each axis. All zero: Keras' mask, which has one axis less
     * than x: dense over all axes but the last, and the same along the last one. */
    uint64_t mask_stride[VKN_MAX_RANK];
    /* With MASK, and in FINISH: what is added to the number of elements that a mean is divided by, mean = sum
     * / (count + count_epsilon), and likewise in the variance; finite, >= 0. Keras has 1e-7 with a mask.
     * Where a mask counts nothing, mean and variance are 0, as they are in FINISH if this is not 0. */
    float count_epsilon;
    /* 0, or the number of samples per virtual ("ghost") batch (Hoffer, Hubara & Soudry 2017; tf.keras): axis
     * 0, which must be reduced, is divided into shape[0] / virtual_batch_size batches with statistics of
     * their own; sample n belongs to number n mod (shape[0] / virtual_batch_size). It must divide shape[0].
     * More than some 8,000 virtual batches are UNSUPPORTED.
     * The running statistics move once, towards the averages of the batches' means and variances. TRAIN,
     * STATISTICS, TRAIN_GRADIENT, GRADIENT_STATISTICS; rank at most 7; not with renormalization. */
    uint64_t virtual_batch_size;
    /* 0, or the number of channels of a packed tensor, such as NC4HW4: shape {N, packs, H, W, 4}, packed_axis
     * 1. The last axis holds channels that follow each other, packed_axis says which pack; both are kept.
     * Where channels do not fill the last pack, the rest of it is padding, which is neither read into
     * anything nor written. Statistics and parameters are those of the same tensor unpacked: channels in
     * packed_axis' place, without the last axis. */
    uint64_t channels;
    int32_t packed_axis;   /* with channels: -rank to rank - 2, not the last axis */
    float renorm_momentum; /* 0 to 1, in momentum's convention (OLD or NEW, not CUMULATIVE). Keras 0.99. */
    float renorm_r_min;    /* 0 <= renorm_r_min <= renorm_r_max; Keras' rmin, default 0 */
    float renorm_r_max;    /* Keras' rmax, default infinity */
    float renorm_d_max;    /* >= 0; Keras' dmax, default infinity */
    float epsilon;         /* finite, >= 0; VknStatistic. Keras 1e-3, PyTorch and ONNX 1e-5. With
                              variance + epsilon == 0 the inverse deviation is 0, as in PyTorch. */
    VknMomentum momentum_convention;     /* whose weight momentum and renorm_momentum are */
    float momentum;                      /* 0 to 1; read when the running statistics are bound */
    VknRunningVariance running_variance; /* biased or not */
    VknActivation activation; /* after the affine transform and the residual; of Y, DY and RESULT */
    VknActivation prologue;   /* before the statistic: every x is prologue(x); not of FINISH */
    bool accumulate;          /* gradients: add to what DGAMMA and DBETA hold, instead of overwriting it */
    uint32_t moment_parts;    /* parts of MOMENTS (FINISH, TRAIN) or SUMS (TRAIN_GRADIENT) to merge, >= 1; of
                                 MOMENTS more than some 32,000 are UNSUPPORTED */
    /* The same input gives the same bits on every device, in every type: one plan for all, and arithmetic
     * made of sums, products and integers, which Vulkan rounds correctly. Slower. Numbers below 2^-126 in
     * between are the exception: devices may flush them to 0. Parts of MOMENTS or SUMS are merged in their
     * order. */
    bool reproducible;
    /* 0, or about how many bytes of tensors one dispatch may move, for systems that end what runs for long:
     * the time allowed times the bandwidth, halved for good measure. Larger work is cut into several
     * dispatches, which VknRecordInfo may record into command buffers of their own. */
    uint64_t dispatch_bytes;
    /* 0: the library chooses. k: row k - 1 of the strategy table (vkn_strategy_name()); UNSUPPORTED
     * when that one cannot serve this description on this device. */
    uint32_t strategy;
} VknDesc;

/* Fills `desc` for batch normalization of a dense f32 tensor: statistics, gamma and beta along `axes`,
 * epsilon 1e-3, momentum and renorm_momentum 0.99 on the old value, renorm_r_max and renorm_d_max infinity,
 * biased running variance, count_epsilon 1e-7 (0 for FINISH) (Keras' defaults), roles
 * X, Y, GAMMA, BETA and, for TRAIN, the running statistics, for APPLY, MEAN and VARIANCE; for a gradient X,
 * DY, GAMMA, BETA, MEAN, DX, DGAMMA, DBETA and INV_STD or, for APPLY_GRADIENT, VARIANCE; GRADIENT_STATISTICS
 * has SUMS in place of DX, DGAMMA and DBETA. moment_parts is 1. Change any
 * field afterwards. Nothing is checked here; at most VKN_MAX_RANK axes and extents are copied. */
VKN_API void vkn_desc_batch_norm(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                                 uint32_t axis_count, const int32_t *axes);

/* The same for the rest of the family: dense f32 tensors, GAMMA and BETA, INV_STD and MEAN for the gradients,
 * which are normalized with their own statistics always (TRAIN, TRAIN_GRADIENT). Nothing is checked.
 *
 * Layer norm (Ba, Kiros & Hinton 2016): over `axes`, which gamma and beta have, too; epsilon 1e-5 (PyTorch,
 * ONNX; Keras 1e-3). RMS norm: likewise, without mean and beta, epsilon 1e-6. When all axes are normalized,
 * the description has a first axis of size 1 before them, so rank is at most 7 then. */
VKN_API void vkn_desc_layer_norm(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                                 uint32_t axis_count, const int32_t *axes);
/* RMS norm, see above. */
VKN_API void vkn_desc_rms_norm(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                               uint32_t axis_count, const int32_t *axes);

/* Group norm (Wu & He 2018): every sample of axis 0 and every one of `groups` groups of neighbouring channels
 * has statistics of its own, every channel its gamma and beta; epsilon 1e-5 (PyTorch, ONNX; Keras 1e-3). The
 * description has channel_axis twice, as groups and as channels of a group, so rank is at most 7. groups must
 * divide the channels: the second extent is UINT64_MAX if not, and planning refuses it by saying so. Instance
 * norm is a group for each channel. */
VKN_API void vkn_desc_group_norm(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                                 int32_t channel_axis, uint64_t groups);

/* Lp normalization: u / max(sum of |u|^power over `axes`, epsilon)^(1 / power), without mean, gamma and beta.
 * power 1 and 2 are L1 and L2; epsilon is 1e-12 (tf.keras' l2_normalize); it bounds the sum, where PyTorch
 * and Keras 3 bound the norm by theirs. */
VKN_API void vkn_desc_lp_norm(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                              uint32_t axis_count, const int32_t *axes, float power);

/* Softmax over all `axes` together, or log-softmax. TRAIN has X and Y, its gradient DY, Y and DX. A factor of
 * x is the prologue LINEAR, a mask is MASK with mask_stride. */
VKN_API void vkn_desc_softmax(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                              uint32_t axis_count, const int32_t *axes);
/* Log-softmax, see above. */
VKN_API void vkn_desc_log_softmax(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                                  uint32_t axis_count, const int32_t *axes);

/* An activation alone: APPLY has X and Y, APPLY_GRADIENT X, DY and DX. kept_axes, none here, are those of
 * SLOPE. */
VKN_API void vkn_desc_activation(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                                 VknActivation activation);

/* REDUCE over `axes` (all of them: the description has a first axis of size 1 then, and rank is at most 7).
 * Roles X and RESULT. The L1 norm is SUM with the prologue ABS, L2 SUM_SQUARE with the activation SQRT. */
VKN_API void vkn_desc_reduce(VknDesc *desc, VknStatistic statistic, uint32_t rank, const uint64_t *shape,
                             uint32_t axis_count, const int32_t *axes);

/* ------------------------------------------------------------------------------------------- plan */

/* How one device computes a description: an immutable list of dispatches. */
typedef struct VknPlan VknPlan;

/* Where a gradient takes act'(z) from. A plan chooses the one that moves the fewest bytes among those that
 * the roles allow. Y and ACTIVATION_MASK make up for a missing RESIDUAL; those that are not needed are not
 * bound (VknPlanInfo.size 0). */
typedef enum VknActivationSource {
    VKN_ACTIVATION_SOURCE_NONE = 0,  /* no gradient, or no activation */
    VKN_ACTIVATION_SOURCE_INPUT = 1, /* z, computed again from x and, where bound, the residual */
    VKN_ACTIVATION_SOURCE_OUTPUT =
        2, /* Y, as it was stored: RELU (threshold = 0, max_value = inf) and LEAKY_RELU
              with negative_slope >= 0, ELU with alpha >= 0, SIGMOID, TANH, SELU, CELU, LOG_SIGMOID, SOFTPLUS
              with threshold >= 17, SOFTSIGN, SOFT_SHRINK, HARD_SHRINK, SHRINK with bias <= lambda,
              THRESHOLDED_RELU with theta >= 0, THRESHOLD with threshold >= 0 >= value, EXP, LINEAR, SQRT,
              RECIPROCAL, SIGN, SPARSE_PLUS */
    VKN_ACTIVATION_SOURCE_MASK = 3, /* ACTIVATION_MASK */
} VknActivationSource;

/* Facts about a plan. */
typedef struct VknPlanInfo {
    uint32_t strategy;                     /* what VknDesc.strategy would name this choice */
    const char *strategy_name;             /* static storage */
    uint32_t dispatch_count;               /* of the whole plan */
    uint32_t barrier_count;                /* between them */
    VknActivationSource activation_source; /* of a gradient */
    uint64_t parameter_count;              /* elements of GAMMA, BETA and their gradients */
    uint64_t channel_count;                /* elements of each other per-channel buffer */
    uint64_t statistic_count;              /* elements of each per-statistic buffer */
    uint64_t reduce_count;                 /* elements behind each statistic */
    uint64_t size[VKN_ROLE_COUNT];         /* bytes that each role's buffer must have; 0: not bound */
    uint64_t least_bytes;                  /* what no implementation can avoid moving: each input element read
                                              once, each output element written once */
} VknPlanInfo;

/* Plans without a device: checks `desc`, chooses a strategy for `caps` and describes it: the one that a
 * context has which does not know a faster one by vkn_plan_tune(), whose WORKSPACE may have another size.
 * Makes no Vulkan call and no allocation that outlives it. Errors: INVALID_ARGUMENT, UNSUPPORTED,
 * OUT_OF_HOST_MEMORY. */
VKN_API VknResult vkn_plan_query(const VknCaps *caps, const VknDesc *desc, VknLog log, VknPlanInfo *info);

/* Plans for the context's device, by the strategy that vkn_plan_tune() found to be fastest, if it was asked
 * and VknDesc.strategy leaves the choice, and creates the pipelines that are not cached yet, which may take
 * the driver many milliseconds each. What the driver cannot compile, the plan does without: by weaker workers
 * of the same strategy (subgroup shuffles instead of sums, shared memory instead of both), or else, if
 * VknDesc.strategy leaves the choice, by the next strategy. The log says so at WARNING level, and the context
 * does not try that variant of the kernel again. Errors: those of vkn_plan_query(), UNSUPPORTED also when the
 * variants that failed earlier leave nothing that VknDesc.strategy allows; OUT_OF_DEVICE_MEMORY, DEVICE_LOST;
 * DRIVER when there is nothing left that the driver compiles. */
VKN_API VknResult vkn_plan_create(VknContext *context, const VknDesc *desc, VknPlan **plan);

/* Destroys the plan. Bindings made from it must have been destroyed. */
VKN_API void vkn_plan_destroy(VknPlan *plan);

/* The plan's facts. Valid until the plan is destroyed. */
VKN_API const VknPlanInfo *vkn_plan_info(const VknPlan *plan);

/* Returns the name of row `index` of the strategy table, NULL past its end. */
VKN_API const char *vkn_strategy_name(uint32_t index);

/* --------------------------------------------------------------------------------------- bindings */

/* Which buffers a plan reads and writes. */
typedef struct VknBindings VknBindings;

/* Bytes [offset, offset + size) of a buffer that was created with VK_BUFFER_USAGE_STORAGE_BUFFER_BIT and, if
 * VknContextDesc.texel_buffers, VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT. offset is a multiple of 4; more
 * alignment is not needed. */
typedef struct VknBuffer {
    VkBuffer buffer; /* the caller's */
    uint64_t offset; /* bytes */
    uint64_t size;   /* bytes */
} VknBuffer;

/* Creates the descriptor sets of a plan for `buffers`, which is indexed by VknRole; entries of roles
 * that the plan does not bind are ignored. No role that is written may share memory with another role, but
 * for two cases. In place: Y or RESIDUAL_SUM may be X or RESIDUAL; DX may be DY, Y or DRESIDUAL_SUM,
 * DRESIDUAL may be DY; exactly (same buffer, offset, type and strides), and only one output in one input's
 * place. And tensors of the same type and strides may lie in each other's gaps, like the halves of a gated
 * unit and of its gradient. Errors: INVALID_ARGUMENT, OUT_OF_HOST_MEMORY, OUT_OF_DEVICE_MEMORY, DEVICE_LOST,
 * DRIVER. */
VKN_API VknResult vkn_bindings_create(const VknPlan *plan, const VknBuffer buffers[VKN_ROLE_COUNT],
                                      VknBindings **bindings);

/* Destroys the bindings; command buffers that name them become invalid. */
VKN_API void vkn_bindings_destroy(VknBindings *bindings);

/* ----------------------------------------------------------------------------------------- record */

/* What may differ from one recording of a plan to the next. */
typedef struct VknRecordInfo {
    uint64_t batch_number; /* VKN_MOMENTUM_CUMULATIVE: how many batches there are with this one, from 1
                              on (PyTorch's num_batches_tracked after the step). Ignored otherwise. */
    /* A piece of the plan: dispatches [first_dispatch, first_dispatch + dispatch_count); a dispatch_count of
     * 0 is all from the first on. Pieces are recorded in order, all of them, into command buffers that are
     * submitted in that order to one queue; barriers between them are included. */
    uint32_t first_dispatch;
    uint32_t dispatch_count; /* see first_dispatch */
} VknRecordInfo;

/* Records the plan's dispatches into `commands`, which must be in the recording state, outside a render
 * pass, for a queue with compute. Barriers between the plan's own dispatches are included. The caller
 * orders what comes before and after: inputs must be visible to VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT
 * as VK_ACCESS_SHADER_READ_BIT (WRITE too for what is updated), outputs are written there as
 * VK_ACCESS_SHADER_WRITE_BIT, and two plans that share a workspace or an output need a barrier
 * between them. Binds the compute pipeline, descriptor set 0 and push constants and leaves them bound.
 * Allocates nothing. `info` may be NULL. The command buffer may be submitted any number of times.
 * Errors: INVALID_ARGUMENT, DEVICE_LOST. */
VKN_API VknResult vkn_plan_record(const VknPlan *plan, const VknBindings *bindings, VkCommandBuffer commands,
                                  const VknRecordInfo *info);

/* One of the plans that vkn_plans_record() records. */
typedef struct VknBoundPlan {
    const VknPlan *plan;         /* required */
    const VknBindings *bindings; /* made from it */
    const VknRecordInfo *info;   /* or NULL */
} VknBoundPlan;

/* Records `count` plans of one context that do not depend on each other: none writes what another reads or
 * writes, WORKSPACE included. Between them are then no more barriers than in the plan that has the most (for
 * each 64 plans), where one after the other they would have the sum; and a GPU runs small ones side by side.
 * All else as in vkn_plan_record(). 0 plans are nothing to record. Errors: likewise; nothing is recorded if
 * one of them is refused. */
VKN_API VknResult vkn_plans_record(uint32_t count, const VknBoundPlan *plans, VkCommandBuffer commands);

/* -------------------------------------------------------------------------------- self-test, tuning */

/* The core has no queue and no memory, so running a plan is the caller's. */
typedef struct VknRunner {
    /* Runs `plan` once and waits for it. memory[role] is host memory of VknPlanInfo.size[role] bytes for each
     * role that the plan binds, but WORKSPACE: it is what the role's buffer holds before, and receives what
     * the buffer holds after the run. `user` is that of the runner. What it returns other than VKN_SUCCESS
     * ends the self-test. */
    VknResult (*run)(void *user, const VknPlan *plan, void *const memory[VKN_ROLE_COUNT]);
    void *user; /* passed on to run */
} VknRunner;

/* What the self-test found. */
typedef struct VknSelfTestInfo {
    uint32_t run_count;     /* plans that ran */
    uint32_t wrong_count;   /* so many of them gave wrong numbers */
    uint32_t refused_count; /* variants of kernels that the context does without, for whatever reason */
} VknSelfTestInfo;

/* Runs every strategy that is legal on this device, with statistics of some thousand elements, forward and
 * backward, and compares with sums of the CPU. Drivers are known that compute wrongly with subgroups, or only
 * with long rows; what is found wrong is not used by plans made later, as if the driver could not compile it
 * (vkn_plan_create()), and the log says so at WARNING level. Plans that exist keep what they have, so do this
 * first. It takes about 120 small runs, and the time to compile about as many pipelines. VKN_SUCCESS: all
 * that plans may still use is right, whatever else was found; `info`, which may be NULL, says what that was.
 * Errors: INVALID_ARGUMENT; DRIVER when nothing right is left for an operation; those of vkn_plan_create()
 * and of the runner. */
VKN_API VknResult vkn_context_self_test(VknContext *context, const VknRunner *runner, VknSelfTestInfo *info);

/* No device has more strategies than this. */
#define VKN_MOST_STRATEGIES 32

/* The core has no clock either. */
typedef struct VknTimer {
    /* Runs `count` plans, at most VKN_MOST_STRATEGIES, of one description in turns, `rounds` times, after
     * they ran once to warm up: seconds[round * count + i] receives how long plans[i] took, which is more
     * than 0. Plans bind the same roles and may have the same buffers, but the sizes of their WORKSPACE
     * differ. Numbers in the buffers should be ordinary ones: neither NaN nor tiny. Bindings are destroyed
     * before this returns. `user` is that of the timer. What it returns other than VKN_SUCCESS ends the
     * tuning. */
    VknResult (*time)(void *user, uint32_t count, const VknPlan *const plans[], uint32_t rounds,
                      double *seconds);
    void *user; /* passed on to time */
} VknTimer;

/* What tuning found. */
typedef struct VknTuneInfo {
    uint32_t planned; /* the strategy that plans have without tuning, as VknDesc.strategy would name it */
    uint32_t fastest; /* the one they have from now on; the same, unless another one is 5 % faster */
    /* The median time of each row of the strategy table; 0: it is not legal here, or the same dispatches as
     * another one. What takes half as long again as the planned one is timed in three rounds, the rest in
     * 15 more. */
    double seconds[VKN_MOST_STRATEGIES];
} VknTuneInfo;

/* Times every strategy that is legal for `desc` and remembers the fastest in the context: later plans of the
 * same computation have it, when VknDesc.strategy is 0. The same computation is what has the same operation,
 * shape, strides, types, axes, roles and functions; epsilon, momentum and the like do not matter, nor
 * does the order in which threads tune and plan. Plans that exist keep what they have. Results differ between
 * strategies by rounding; reproducible plans, which do not, are not tuned: INVALID_ARGUMENT, as is a strategy
 * other than 0. Takes some twenty runs of each strategy, and the time to compile them. `info` may be NULL.
 * Errors: INVALID_ARGUMENT, also when the timer returns no time; those of vkn_plan_create() and of the
 * timer. */
VKN_API VknResult vkn_plan_tune(VknContext *context, const VknDesc *desc, const VknTimer *timer,
                                VknTuneInfo *info);

/* Writes what the context knows by vkn_plan_tune() and vkn_tuning_unpack() to `tuning`, which has room for
 * *size bytes, for a file; *size becomes the bytes written or, with `tuning` NULL, needed. `key` is that of
 * the context's device: vkn_cache_key(). Errors: INVALID_ARGUMENT, also when there is less room than needed.
 */
VKN_API VknResult vkn_tuning_pack(VknContext *context, const VknCacheKey *key, void *tuning, uint64_t *size);

/* Adds what vkn_tuning_pack() wrote to what the context knows; of two strategies for the same computation
 * that of the context stays. The `size` bytes may be anything: what another device, driver or version of
 * vknorm wrote, and what is not complete to the bit, is INVALID_ARGUMENT, the log says at WARNING level what
 * is wrong, and nothing is added. What lies can cost time, not results: a strategy that is not legal is not
 * used. Errors: those, OUT_OF_HOST_MEMORY. */
VKN_API VknResult vkn_tuning_unpack(VknContext *context, const VknCacheKey *key, const void *tuning,
                                    uint64_t size);

#ifdef __cplusplus
}
#endif

#endif
