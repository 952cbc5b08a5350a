/* vknorm compiler - activations of the caller's own, written as GLSL expressions and compiled at run time
 * into the same fused kernels as those of VknActivationId, forward and backward.
 *
 *     const VknCustomActivation custom = {.name = "squared_relu",
 *                                         .value = "max(z, 0.0) * max(z, 0.0)",
 *                                         .derivative = "2.0 * max(z, 0.0)"};
 *     VknActivation activation = {0};
 *     vkn_activation_compile(context, vkn_compiler_glslang(), &custom, NULL, 0, &activation.id);
 *
 * after which `activation` may stand in VknDesc.activation and VknDesc.prologue, with parameters, in every
 * operation and strategy that context plans.
 *
 * vkn_activation_compile() is a function of the core, and the core knows no compiler. vkn_compiler_glslang()
 * is the library vknorm::compiler, which brings glslang (CMake: VKNORM_COMPILER).
 *
 * An expression is one scalar GLSL 4.60 expression, of type float or what converts to it, of
 *     z            the activation's input, f32, never NaN
 *     p0, p1, p2   VknActivation.parameter, constants of the pipeline
 * literals, operators, GLSL's built-in functions that need no device feature, and
 *     exp_of(z)            exp(z)
 *     exp_of_negative(z)   exp(z) for z <= 0, cheaper
 *     exp_minus_1(z)       exp(z) - 1 for z <= 0, exact near 0
 *     log_of(z)            log(z)
 *     log_1_plus(e)        log(1 + e) for 0 <= e <= 1, exact near 0
 *     power(z, y)          z^y, also of negative z where y is whole
 *     sigmoid(z)           1 / (1 + exp(-z))
 *     tanh_of(z)           tanh(z)
 *     erf_of(z)            erf(z)
 *     normal_cdf(z)        (1 + erf(z / sqrt(2))) / 2
 *     normal_pdf(z)        exp(-z * z / 2) / sqrt(2 * pi)
 *     ramp(slope, z)       slope * z for z <= 0, where a slope of 0 gives 0 for z = -inf too
 *     gate(z, weight)      z * weight, where a weight of 0 gives 0 for infinite z too
 * which are accurate, and good for any z; GLSL's exp, log, pow and tanh are neither on some drivers, and its
 * sin and cos may be off by 2^-11 (Vulkan's precision rules; SwiftShader's are by 2e-4). What
 * else shaders/functions.glsl has is not promised to stay. An expression should be finite for every finite z
 * and have no intermediate that overflows: drivers differ in what they make of infinity. The kernels pass on
 * a NaN themselves. Choose with mix(other, this, condition) rather than ?:, of which software renderers make
 * branches in the innermost loop, slow to compile and to run.
 *
 * Threads: as in vknorm.h. glslang takes its memory from malloc(), all else comes from the context's
 * allocator. */
#ifndef VKNORM_COMPILER_H
#define VKNORM_COMPILER_H

#include <stddef.h>

#include <vknorm/vknorm.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The bytes that an expression may have. */
#define VKN_MAX_EXPRESSION 4095

/* The activations that a context may have: VKN_ACTIVATION_CUSTOM and as many ids after it. */
#define VKN_MAX_CUSTOM_ACTIVATIONS 1024

/* An activation as text, which is copied. */
typedef struct VknCustomActivation {
    const char *name;       /* for messages; NULL: "custom" */
    const char *value;      /* f(z), required */
    const char *derivative; /* f'(z), finite for any z; NULL: no gradients */
} VknCustomActivation;

/* What compiles GLSL, or NULL for none: vkn_compiler_glslang(). */
typedef struct VknCompiler VknCompiler;

/* Checks the expressions, which takes milliseconds, and gives the activation an id of this context, valid as
 * long as the context. The same expressions have the same id. The kernels that use it are compiled when a
 * plan is created that is the first to need them, which adds about 30 ms each to what the driver takes.
 *
 * What is wrong with an expression, as the compiler says it, and at which character, is logged like every
 * error and copied to `message` if that is not NULL: `message_size` bytes at most, ended by a NUL, empty on
 * success.
 *
 * An id is checked where it is used: vkn_plan_query(), which knows no context, takes every id from
 * VKN_ACTIVATION_CUSTOM on for an activation of three parameters; vkn_plan_create() refuses those that the
 * context does not have, and gradients through an activation that has no derivative, as INVALID_ARGUMENT. For
 * a custom activation backward starts from z: neither Y nor ACTIVATION_MASK makes up for a missing RESIDUAL.
 *
 * Errors: INVALID_ARGUMENT when an expression is wrong; UNSUPPORTED when `compiler` is NULL, which is what a
 * build without the component has; OUT_OF_HOST_MEMORY, DEVICE_LOST. The context stays as usable as it was. */
VKN_API VknResult vkn_activation_compile(VknContext *context, const VknCompiler *compiler,
                                         const VknCustomActivation *custom, char *message,
                                         size_t message_size, VknActivationId *id);

/* The compiler that this build of vknorm::compiler has, or NULL if it was built without glslang. */
VKN_API const VknCompiler *vkn_compiler_glslang(void);

#ifdef __cplusplus
}
#endif

#endif
