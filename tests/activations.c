/* Every activation, its derivative, and where y determines it the derivative from y, against fp64: all f16
 * numbers, f32 numbers over the whole range, kinks and their neighbours, zeros, denormals, infinities, NaN.
 * Then every activation as a prologue of a training step. */
#include "compute.h"

#include "number.h"
#include "reference.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)
#define LENGTH(a) (sizeof(a) / sizeof *(a))

enum { HALVES = 65536, RANDOM = 200000, NEAR = 100000, MOST = HALVES + RANDOM + NEAR + 1024, BATCH = 512 };

/* Beside the defaults, which every activation is tried with. */
static const VknActivation UNUSUAL[] = {
    {VKN_ACTIVATION_RELU, {0.25f, -0.5f, 3}},
    {VKN_ACTIVATION_RELU, {-0.5f, 1, INFINITY}},
    {VKN_ACTIVATION_LEAKY_RELU, {0.01f}},
    {VKN_ACTIVATION_LEAKY_RELU, {-2}},
    {VKN_ACTIVATION_ELU, {0.1f}},
    {VKN_ACTIVATION_ELU, {-3}},
    {VKN_ACTIVATION_SILU, {-0.5f}},
    {VKN_ACTIVATION_SILU, {20}},
    {VKN_ACTIVATION_CLIP, {-1, 1}},
    {VKN_ACTIVATION_CLIP, {0.1f, INFINITY}},
    {VKN_ACTIVATION_CELU, {0.125f}},
    {VKN_ACTIVATION_CELU, {7}},
    {VKN_ACTIVATION_QUICK_GELU, {1}},
    {VKN_ACTIVATION_QUICK_GELU, {-0.01f}},
    {VKN_ACTIVATION_HARD_SIGMOID, {0.2f, 0.5f}},
    {VKN_ACTIVATION_HARD_SIGMOID, {-3, 0.1f}},
    {VKN_ACTIVATION_SOFTPLUS, {1, INFINITY}},
    {VKN_ACTIVATION_SOFTPLUS, {-2.5f, 3}},
    {VKN_ACTIVATION_SOFT_SHRINK, {0}},
    {VKN_ACTIVATION_SOFT_SHRINK, {1.7f}},
    {VKN_ACTIVATION_HARD_SHRINK, {0}},
    {VKN_ACTIVATION_HARD_SHRINK, {3.1f}},
    {VKN_ACTIVATION_SHRINK, {1.5f, 1.5f}},
    {VKN_ACTIVATION_SHRINK, {-2, 0}},
    {VKN_ACTIVATION_THRESHOLDED_RELU, {-0.7f}},
    {VKN_ACTIVATION_THRESHOLDED_RELU, {0}},
    {VKN_ACTIVATION_THRESHOLD, {0.1f, -20}},
    {VKN_ACTIVATION_THRESHOLD, {-1, 3}},
    {VKN_ACTIVATION_SQUAREPLUS, {1e9f}},
    {VKN_ACTIVATION_SQUAREPLUS, {0.01f}},
    {VKN_ACTIVATION_LINEAR, {-1, 0}},
    {VKN_ACTIVATION_LINEAR, {0, 0.3f}},
    {VKN_ACTIVATION_POW, {3}},
    {VKN_ACTIVATION_POW, {-1.7f}},
    {VKN_ACTIVATION_POW, {0}},
    {VKN_ACTIVATION_POW, {-15}},
    {VKN_ACTIVATION_POW, {17}},
    {VKN_ACTIVATION_POW, {0.1f}},
};

/* Where formulas have, or may have, their seams. */
static const float SEAMS[] = {0,        0.1f,    0.25f,  0.5f,      1.0f / 3, 2.0f / 3, 1,  3,
                              6,        7,       9,      12,        17,       20,       52, 87.3,
                              88.72283, 103.97f, 104.0f, 0x1p-126f, 0x1p100f, 0x1p126f};

static VknRuntime *runtime;
static uint32_t passed, failed;
static uint32_t count;
static float xs[MOST], out[MOST], ones[MOST];

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR)
        printf("    %s\n", message);
}

/* --------------------------------------------------------------------------------------------- inputs */

static uint32_t random_bits(void) {
    static uint64_t state = 7;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

static float uniform(double low, double high) {
    return (float)(low + (high - low) * random_bits() / UINT32_MAX);
}

static float of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A number, its neighbours, and the same below 0. */
static void add_seam(float seam) {
    float near[] = {nextafterf(nextafterf(seam, -INFINITY), -INFINITY), nextafterf(seam, -INFINITY), seam,
                    nextafterf(seam, INFINITY), nextafterf(nextafterf(seam, INFINITY), INFINITY)};
    for (size_t i = 0; i < LENGTH(near); i++) {
        xs[count++] = near[i];
        xs[count++] = -near[i];
    }
}

static void fill_inputs(const VknActivation *activation) {
    static uint16_t halves[HALVES];
    count = 0;
    for (uint32_t i = 0; i < HALVES; i++) {
        halves[i] = (uint16_t)i;
        xs[count++] = (float)test_decode(VKN_TYPE_F16, (const uint8_t *)halves, i);
    }
    for (uint32_t i = 0; i < RANDOM; i++)
        xs[count++] = of_bits(random_bits());
    for (uint32_t i = 0; i < NEAR; i++)
        xs[count++] = uniform(-30, 30);
    for (size_t i = 0; i < LENGTH(SEAMS); i++)
        add_seam(SEAMS[i]);
    for (uint32_t i = 0; i < VKN_MAX_ACTIVATION_PARAMETERS; i++) {
        add_seam(activation->parameter[i]);
        add_seam(activation->parameter[0] != 0 ? activation->parameter[i] / activation->parameter[0] : 0);
        add_seam(activation->parameter[0] != 0 ? (1 - activation->parameter[i]) / activation->parameter[0]
                                               : 0);
    }
    static const uint32_t ENDS[] = {0, 1, 0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0x7F800000, 0x7FC00000};
    for (size_t i = 0; i < LENGTH(ENDS); i++) {
        xs[count++] = of_bits(ENDS[i]);
        xs[count++] = of_bits(0x80000000 | ENDS[i]);
    }
}

/* ----------------------------------------------------------------------------------------- comparison */

/* A function of z, and its error in units of TEST_ROUNDING. */
typedef struct Truth {
    double (*value)(const VknActivation *activation, double z);
    double (*error)(const VknActivation *activation, double z);
} Truth;

static const Truth VALUE = {test_activation_value, test_activation_error};
static const Truth SLOPE = {test_activation_slope, test_activation_slope_error};

/* The largest error: as a part of what the bound allows, and in units in the last place. */
typedef struct Worst {
    double part, ulp;
    float part_at, ulp_at;
} Worst;

/* What part of the bound an error needs; above 1 it is wrong. What f32 cannot hold is infinite. */
static double needs(double got, double want, double bound) {
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0 : INFINITY;
    if (got == want || (isinf(got) && (got > 0) == (want > 0) && fabs(want) + bound > FLT_MAX))
        return 0;
    if (fabs(want) - bound > FLT_MAX)
        return INFINITY;
    return fabs(got - want) / bound;
}

static double needs_at(const Truth *truth, const VknActivation *a, double z, double got) {
    double want = truth->value(a, z);
    double error = isinf(z) ? 8 * fabs(want) : truth->error(a, z); /* at infinity all have arrived */
    return needs(got, want, TEST_ROUNDING * error + test_activation_flush(a, z));
}

/* Denormals may be taken for 0, of either sign. */
static double needs_with_flush(const Truth *truth, const VknActivation *a, double z, double got) {
    double part = needs_at(truth, a, z, got);
    if (fabs(z) < TEST_FLUSH)
        part = fmin(part, fmin(needs_at(truth, a, 0.0, got), needs_at(truth, a, -0.0, got)));
    return part;
}

static bool compare(const char *what, const Truth *truth, const VknActivation *a, Worst *worst) {
    bool right = true;
    *worst = (Worst){0};
    for (uint32_t i = 0; i < count; i++) {
        double z = xs[i];
        /* NaN gives NaN, but that the derivative of z needs no z */
        double want = isnan(z) && a->id != VKN_ACTIVATION_IDENTITY ? NAN : truth->value(a, z);
        double part = isnan(z) ? needs(out[i], want, 0) : needs_with_flush(truth, a, z, out[i]);
        double ulp = fabs(want) >= 0x1p-100 && fabs(want) <= FLT_MAX && isfinite(out[i])
                         ? fabs(out[i] - want) / test_spacing(VKN_TYPE_F32, want)
                         : 0;
        if (part > 1 && right)
            printf(
                "FAILED: %s of activation %d (%g, %g, %g) at %.9g is %.9g, not %.9g: %.3g times the bound\n",
                what, (int)a->id, a->parameter[0], a->parameter[1], a->parameter[2], z, out[i], want, part);
        right = right && part <= 1;
        if (part > worst->part)
            worst->part = part, worst->part_at = xs[i];
        if (ulp > worst->ulp && fabs(z) >= TEST_FLUSH)
            worst->ulp = ulp, worst->ulp_at = xs[i];
    }
    *(right ? &passed : &failed) += 1;
    return right;
}

/* ----------------------------------------------------------------------------------------------- runs */

static VknDesc desc_of(const VknActivation *activation, VknOperation operation) {
    VknDesc desc;
    vkn_desc_activation(&desc, operation, 1, (uint64_t[]){count}, *activation);
    return desc;
}

static void print_worst(const Worst *worst) {
    printf("  %5.1f%% at %-11.5g %9.2f ULP at %-11.5g", 100 * worst->part, worst->part_at, worst->ulp,
           worst->ulp_at);
}

static void check_functions(const char *name, const VknActivation *activation) {
    ComputeData data = {
        .memory = {[VKN_ROLE_X] = xs, [VKN_ROLE_Y] = out, [VKN_ROLE_DY] = ones, [VKN_ROLE_DX] = out}};
    Worst value, slope;
    fill_inputs(activation);
    VknDesc desc = desc_of(activation, VKN_OPERATION_APPLY);
    compute(runtime, &desc, &data);
    compare("the value", &VALUE, activation, &value);
    desc = desc_of(activation, VKN_OPERATION_APPLY_GRADIENT);
    compute(runtime, &desc, &data);
    compare("the derivative", &SLOPE, activation, &slope);
    printf("%-16s", name);
    print_worst(&value);
    print_worst(&slope);
    printf("  (%g, %g, %g)\n", activation->parameter[0], activation->parameter[1], activation->parameter[2]);
    fflush(stdout);
}

/* Where y, rounded to f16, determines the derivative, it must be as near as f16 is, wherever f16 holds y. */
static void check_from_y(const VknActivation *activation) {
    static uint16_t ys[HALVES], half_ones[HALVES];
    ComputeData data = {
        .memory = {[VKN_ROLE_X] = xs, [VKN_ROLE_Y] = ys, [VKN_ROLE_DY] = half_ones, [VKN_ROLE_DX] = out}};
    const VknCaps *caps = vkn_context_caps(vkn_runtime_context(runtime));
    VknPlanInfo info;
    bool right = true;
    count = HALVES;
    VknDesc desc = desc_of(activation, VKN_OPERATION_APPLY_GRADIENT);
    desc.roles |= BIT(Y);
    desc.y.type = VKN_TYPE_F16;
    if (vkn_plan_query(caps, &desc, (VknLog){0}, &info) != VKN_SUCCESS) /* contract.c says which */
        return;
    for (uint32_t i = 0; i < count; i++) {
        xs[i] = uniform(-10, 10);
        double y = test_round(VKN_TYPE_F16, test_activation_value(activation, xs[i]));
        if (!(fabs(y) <= 65504))
            xs[i] = 1, y = test_round(VKN_TYPE_F16, test_activation_value(activation, 1));
        test_encode(VKN_TYPE_F16, (uint8_t *)ys, i, y);
        half_ones[i] = 0x3C00;
    }
    compute(runtime, &desc, &data);
    for (uint32_t i = 0; i < count && right; i++) {
        double want = test_activation_slope(activation, xs[i]);
        right = fabs(out[i] - want) <= 0x1p-10 * (1 + 2 * fabs(want));
        if (!right)
            printf("FAILED: the derivative of activation %d from y at %.9g is %.9g, not %.9g\n",
                   (int)activation->id, xs[i], out[i], want);
    }
    *(right ? &passed : &failed) += 1;
}

/* ------------------------------------------------------------------------------------------- prologue */

static bool is_near(const char *what, const VknActivation *a, const float *got, const double *want,
                    double bound) {
    for (uint32_t i = 0; i < BATCH; i++)
        if (!(fabs(got[i] - want[i]) <= bound * (1 + fabs(want[i])))) {
            printf("FAILED: prologue %d: %s[%u] is %.9g, not %.9g\n", (int)a->id, what, i, got[i], want[i]);
            return false;
        }
    return true;
}

/* That a prologue is the same row of the table; how exact rows are is known. Where x > 0 is needed, it is. */
static void check_prologue(const VknActivation *prologue) {
    static float x[BATCH], dy[BATCH], y[BATCH], dx[BATCH];
    static double u[BATCH], xhat[BATCH], expected[BATCH];
    bool positive = prologue->id == VKN_ACTIVATION_LOG || prologue->id == VKN_ACTIVATION_SQRT ||
                    prologue->id == VKN_ACTIVATION_RECIPROCAL || prologue->id == VKN_ACTIVATION_POW;
    double mean = 0, variance = 0, sum = 0, sum_xhat = 0;
    float mean_out, inv_std_out;
    for (uint32_t i = 0; i < BATCH; i++) {
        x[i] = positive ? uniform(0.5, 3) : uniform(-3, 3);
        dy[i] = uniform(-1, 1);
        u[i] = test_activation_value(prologue, x[i]);
        mean += u[i] / BATCH;
    }
    for (uint32_t i = 0; i < BATCH; i++)
        variance += (u[i] - mean) * (u[i] - mean) / BATCH;
    double inverse = 1 / sqrt(variance + (double)1e-3f);
    for (uint32_t i = 0; i < BATCH; i++) {
        xhat[i] = (u[i] - mean) * inverse;
        sum += dy[i] / (double)BATCH;
        sum_xhat += dy[i] * xhat[i] / BATCH;
    }
    ComputeData data = {.memory = {[VKN_ROLE_X] = x,
                                   [VKN_ROLE_Y] = y,
                                   [VKN_ROLE_DY] = dy,
                                   [VKN_ROLE_DX] = dx,
                                   [VKN_ROLE_MEAN] = &mean_out,
                                   [VKN_ROLE_INV_STD] = &inv_std_out}};
    VknDesc desc;
    vkn_desc_batch_norm(&desc, VKN_OPERATION_TRAIN, 2, (uint64_t[]){1, BATCH}, 1, (int32_t[]){0});
    desc.roles = BIT(X) | BIT(Y) | BIT(MEAN) | BIT(INV_STD);
    desc.prologue = *prologue;
    compute(runtime, &desc, &data);
    bool right = is_near("y", prologue, y, xhat, 2e-5);
    desc.operation = VKN_OPERATION_TRAIN_GRADIENT;
    desc.roles = BIT(X) | BIT(DY) | BIT(DX) | BIT(MEAN) | BIT(INV_STD);
    compute(runtime, &desc, &data);
    for (uint32_t i = 0; i < BATCH; i++)
        expected[i] = inverse * (dy[i] - sum - xhat[i] * sum_xhat) * test_activation_slope(prologue, x[i]);
    right = is_near("dx", prologue, dx, expected, 2e-5 * (1 + inverse)) && right;
    *(right ? &passed : &failed) += 1;
}

/* ----------------------------------------------------------------------------------------------- main */

static const struct {
    VknActivationId id;
    const char *name;
} ROWS[] = {
#define VKN_ACTIVATION(id, ...) {VKN_ACTIVATION_##id, #id},
#include "activation.def"
#undef VKN_ACTIVATION
};

static void check_activation(const char *name, const VknActivation *activation) {
    check_functions(name, activation);
    check_from_y(activation);
}

int main(int argc, char **argv) {
    VknRuntimeDesc desc = {.log = {log_write, NULL}};
    const char *only = NULL;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--validation"))
            desc.validation = true;
        else if (!strcmp(argv[i], "--device") && i + 1 < argc)
            desc.device = argv[++i];
        else if (!strcmp(argv[i], "--only") && i + 1 < argc)
            only = argv[++i];
        else
            return fprintf(stderr, "usage: activations [--device NAME] [--validation] [--only ROW]\n"), 2;
    }
    if (vkn_runtime_create(&desc, &runtime) != VKN_SUCCESS)
        return 2;
    for (uint32_t i = 0; i < MOST; i++)
        ones[i] = 1;
    printf("%-16s  %-52s  %s\n", "worst error", "value: of its bound, in ULP", "derivative: likewise");
    for (size_t i = 0; i < LENGTH(ROWS); i++) {
        if ((only && strcmp(only, ROWS[i].name) != 0) || ROWS[i].id == VKN_ACTIVATION_PRELU) /* has SLOPE */
            continue;
        VknActivation activation = vkn_activation_default(ROWS[i].id);
        check_activation(ROWS[i].name, &activation);
        check_prologue(&activation);
        for (size_t k = 0; k < LENGTH(UNUSUAL); k++)
            if (UNUSUAL[k].id == ROWS[i].id)
                check_activation(ROWS[i].name, &UNUSUAL[k]);
    }
    uint32_t messages = vkn_runtime_validation_count(runtime);
    vkn_runtime_destroy(runtime);
    if (messages)
        printf("%u validation messages\n", messages);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed + (messages > 0));
    return failed || messages || !passed;
}
