/* Every fused form equals the sequence of plans that it stands for: prologue, normalization, residual and
 * epilogue one by one, forward, and backward in the other order. An activation alone is APPLY with mean 0 and
 * inverse deviation 1. */
#include "compute.h"
#include "number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)
#define COUNT     (3 * 7 * 5 * 6)
#define CHANNELS  7
#define BOUND     4e-6 /* a few roundings of values around 1, relative where they are larger */

static VknRuntime *runtime;
static uint32_t passed, failed;

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR && !strstr(message, "in place means")) /* which is asked for */
        printf("    %s\n", message);
}

typedef struct Case {
    VknActivation prologue, epilogue;
    bool residual, last; /* channels last */
} Case;

static float zeros[COUNT], ones[COUNT], x[COUNT], residual[COUNT], dy[COUNT], gamma_[CHANNELS],
    beta[CHANNELS];

static void require(VknResult result) {
    if (result == VKN_SUCCESS)
        return;
    printf("FAILED: %s\n", vkn_result_name(result)); /* the log has said why */
    exit(1);
}

static void fill(float *values, uint32_t count, uint32_t *state, float scale, float offset) {
    for (uint32_t i = 0; i < count; i++) {
        *state = *state * 1664525u + 1013904223u;
        values[i] = ((float)(*state >> 8) * 0x1p-23f - 1) * scale + offset;
    }
}

static VknDesc desc_of(const Case *c, VknOperation operation, uint32_t roles, VknActivation epilogue) {
    VknDesc desc;
    vkn_desc_batch_norm(&desc, operation, 4,
                        (uint64_t[]){3, c->last ? 5 : 7, c->last ? 6 : 5, c->last ? 7 : 6}, 1,
                        (int32_t[]){c->last ? -1 : 1});
    desc.roles = roles;
    desc.activation = epilogue;
    return desc;
}

/* out = activation(in + added) */
static void activate(const Case *c, VknActivation activation, float *in, float *added, float *out) {
    VknDesc desc =
        desc_of(c, VKN_OPERATION_APPLY,
                BIT(X) | BIT(Y) | BIT(MEAN) | BIT(INV_STD) | (added ? BIT(RESIDUAL) : 0), activation);
    compute(runtime, &desc,
            &(ComputeData){.memory = {[VKN_ROLE_X] = in,
                                      [VKN_ROLE_Y] = out,
                                      [VKN_ROLE_MEAN] = zeros,
                                      [VKN_ROLE_INV_STD] = ones,
                                      [VKN_ROLE_RESIDUAL] = added}});
}

/* din = dout * activation'(in) */
static void activate_backward(const Case *c, VknActivation activation, float *in, float *dout, float *din) {
    VknDesc desc = desc_of(c, VKN_OPERATION_APPLY_GRADIENT,
                           BIT(X) | BIT(DY) | BIT(MEAN) | BIT(INV_STD) | BIT(DX), activation);
    compute(runtime, &desc,
            &(ComputeData){.memory = {[VKN_ROLE_X] = in,
                                      [VKN_ROLE_DY] = dout,
                                      [VKN_ROLE_DX] = din,
                                      [VKN_ROLE_MEAN] = zeros,
                                      [VKN_ROLE_INV_STD] = ones}});
}

/* What a forward and backward pass leave. */
typedef struct Result {
    float y[COUNT], dx[COUNT], dresidual[COUNT], mean[CHANNELS], inv_std[CHANNELS], dgamma[CHANNELS],
        dbeta[CHANNELS];
} Result;

static void normalize(const Case *c, VknActivation prologue, VknActivation epilogue, float *in, float *added,
                      float *out, Result *r) {
    VknDesc desc = desc_of(c, VKN_OPERATION_TRAIN,
                           BIT(X) | BIT(Y) | BIT(GAMMA) | BIT(BETA) | BIT(MEAN) | BIT(INV_STD) |
                               (added ? BIT(RESIDUAL) : 0),
                           epilogue);
    desc.prologue = prologue;
    compute(runtime, &desc,
            &(ComputeData){.memory = {[VKN_ROLE_X] = in,
                                      [VKN_ROLE_Y] = out,
                                      [VKN_ROLE_GAMMA] = gamma_,
                                      [VKN_ROLE_BETA] = beta,
                                      [VKN_ROLE_RESIDUAL] = added,
                                      [VKN_ROLE_MEAN] = r->mean,
                                      [VKN_ROLE_INV_STD] = r->inv_std}});
}

static void normalize_backward(const Case *c, VknActivation prologue, VknActivation epilogue, float *in,
                               float *added, float *dout, float *din, float *dadded, Result *r) {
    VknDesc desc = desc_of(c, VKN_OPERATION_TRAIN_GRADIENT,
                           BIT(X) | BIT(DY) | BIT(GAMMA) | BIT(BETA) | BIT(MEAN) | BIT(INV_STD) | BIT(DX) |
                               BIT(DGAMMA) | BIT(DBETA) | (added ? BIT(RESIDUAL) | BIT(DRESIDUAL) : 0),
                           epilogue);
    desc.prologue = prologue;
    compute(runtime, &desc,
            &(ComputeData){.memory = {[VKN_ROLE_X] = in,
                                      [VKN_ROLE_DY] = dout,
                                      [VKN_ROLE_GAMMA] = gamma_,
                                      [VKN_ROLE_BETA] = beta,
                                      [VKN_ROLE_RESIDUAL] = added,
                                      [VKN_ROLE_MEAN] = r->mean,
                                      [VKN_ROLE_INV_STD] = r->inv_std,
                                      [VKN_ROLE_DX] = din,
                                      [VKN_ROLE_DRESIDUAL] = dadded,
                                      [VKN_ROLE_DGAMMA] = r->dgamma,
                                      [VKN_ROLE_DBETA] = r->dbeta}});
}

static void run_fused(const Case *c, Result *r) {
    float *added = c->residual ? residual : NULL;
    normalize(c, c->prologue, c->epilogue, x, added, r->y, r);
    normalize_backward(c, c->prologue, c->epilogue, x, added, dy, r->dx, r->dresidual, r);
}

static void run_unfused(const Case *c, Result *r) {
    static float u[COUNT], v[COUNT], w[COUNT], dw[COUNT], du[COUNT];
    const VknActivation identity = {VKN_ACTIVATION_IDENTITY, {0}};
    activate(c, c->prologue, x, NULL, u);
    normalize(c, identity, identity, u, NULL, v, r);
    activate(c, identity, v, c->residual ? residual : NULL, w);
    activate(c, c->epilogue, w, NULL, r->y);
    activate_backward(c, c->epilogue, w, dy, dw);
    if (c->residual)
        memcpy(r->dresidual, dw, sizeof dw);
    normalize_backward(c, identity, identity, u, NULL, dw, du, NULL, r);
    activate_backward(c, c->prologue, x, du, r->dx);
}

static double difference(const float *a, const float *b, uint32_t count) {
    double worst = 0;
    for (uint32_t i = 0; i < count; i++) {
        double d = fabs((double)a[i] - b[i]) / fmax(1, fabs(b[i]));
        worst = d <= worst ? worst : d; /* NaN counts */
    }
    return worst;
}

static void check(const Case *c) {
    static Result fused, unfused;
    memset(&fused, 0xFF, sizeof fused); /* NaN */
    memset(&unfused, 0xFF, sizeof unfused);
    run_fused(c, &fused);
    run_unfused(c, &unfused);
    const struct {
        const char *name;
        double difference;
    } rows[] = {{"y", difference(fused.y, unfused.y, COUNT)},
                {"dx", difference(fused.dx, unfused.dx, COUNT)},
                {"dresidual", c->residual ? difference(fused.dresidual, unfused.dresidual, COUNT) : 0},
                {"dgamma", difference(fused.dgamma, unfused.dgamma, CHANNELS) / 10}, /* sums of 90 */
                {"dbeta", difference(fused.dbeta, unfused.dbeta, CHANNELS) / 10}};
    bool right = true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].difference <= BOUND)
            continue;
        printf("FAILED: prologue %d, epilogue %d, residual %d, channels %s: %s differs by %.2g\n",
               c->prologue.id, c->epilogue.id, c->residual, c->last ? "last" : "first", rows[i].name,
               rows[i].difference);
        right = false;
    }
    *(right ? &passed : &failed) += 1;
}

enum { ROWS = 5, HALF = 6 };

static void upload(VknBuffer *buffer, VknType type, const float *values, uint32_t count) {
    uint8_t memory[ROWS * 2 * HALF * 4];
    uint32_t size = count * test_type_size(type);
    for (uint32_t i = 0; i < count; i++)
        test_encode(type, memory, i, test_round(type, values[i]));
    require(vkn_runtime_buffer_create(runtime, size, buffer));
    require(vkn_runtime_upload(runtime, buffer, 0, memory, size));
}

/* The halves of a gated unit, x and the factor, are one tensor, and so are their gradients. */
static void check_halves(VknType type) {
    static float in[ROWS * 2 * HALF], gradient[ROWS * HALF];
    uint64_t size = test_type_size(type), half = HALF * size;
    uint8_t memory[ROWS * 2 * HALF * 4];
    uint32_t state = 77;
    VknBuffer buffers[VKN_ROLE_COUNT] = {{0}};
    VknBuffer *whole = &buffers[VKN_ROLE_X], *dx = &buffers[VKN_ROLE_DX],
              *dresidual = &buffers[VKN_ROLE_DRESIDUAL];
    VknBindings *bindings, *refused;
    VknPlan *plan;
    VknDesc desc;
    bool right = true;
    fill(in, ROWS * 2 * HALF, &state, 2, 0);
    fill(gradient, ROWS * HALF, &state, 1, 0);
    vkn_desc_activation(&desc, VKN_OPERATION_APPLY_GRADIENT, 2, (uint64_t[]){ROWS, HALF},
                        vkn_activation_default(VKN_ACTIVATION_SIGMOID));
    desc.roles |= BIT(RESIDUAL) | BIT(DRESIDUAL);
    desc.residual_use = VKN_RESIDUAL_FACTOR;
    desc.x = desc.dx = desc.residual = (VknTensor){type, {2 * HALF, 1}};
    desc.y.type = type;
    upload(whole, type, in, ROWS * 2 * HALF);
    upload(dx, type, in, ROWS * 2 * HALF);
    upload(&buffers[VKN_ROLE_DY], type, gradient, ROWS * HALF);
    buffers[VKN_ROLE_RESIDUAL] = (VknBuffer){whole->buffer, whole->offset + half, whole->size - half};
    *dresidual = (VknBuffer){dx->buffer, dx->offset + half, dx->size - half};
    require(vkn_plan_create(vkn_runtime_context(runtime), &desc, &plan));
    require(vkn_bindings_create(plan, buffers, &bindings));
    require(vkn_runtime_run(runtime, plan, bindings, NULL, 1, NULL));
    require(vkn_runtime_download(runtime, dx, 0, memory, ROWS * 2 * half));
    for (uint32_t i = 0; i < ROWS * HALF; i++) {
        uint32_t at = i / HALF * 2 * HALF + i % HALF;
        double a = test_round(type, in[at]), b = test_round(type, in[at + HALF]),
               d = test_round(type, gradient[i]);
        double gate = 1 / (1 + exp(-a)), bound = 1e-6 + test_spacing(type, 1);
        right = right && fabs(test_decode(type, memory, at) - d * b * gate * (1 - gate)) < bound &&
                fabs(test_decode(type, memory, at + HALF) - d * gate) < bound;
    }
    dresidual->offset -= 4; /* now elements meet */
    dresidual->size += 4;
    right = right && vkn_bindings_create(plan, buffers, &refused) == VKN_ERROR_INVALID_ARGUMENT;
    if (!right)
        printf("FAILED: halves of a tensor, type %d\n", type);
    *(right ? &passed : &failed) += 1;
    vkn_bindings_destroy(bindings);
    vkn_plan_destroy(plan);
    vkn_runtime_buffer_destroy(runtime, whole->buffer);
    vkn_runtime_buffer_destroy(runtime, dx->buffer);
    vkn_runtime_buffer_destroy(runtime, buffers[VKN_ROLE_DY].buffer);
}

int main(int argc, char **argv) {
    VknRuntimeDesc desc = {.log = {log_write, NULL}};
    uint32_t state = 5;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--validation"))
            desc.validation = true;
        else if (!strcmp(argv[i], "--device") && i + 1 < argc)
            desc.device = argv[++i];
        else
            return fprintf(stderr, "usage: fusion [--device NAME] [--validation]\n"), 2;
    }
    if (vkn_runtime_create(&desc, &runtime) != VKN_SUCCESS)
        return 2;
    fill(x, COUNT, &state, 2, 0.5f);
    fill(residual, COUNT, &state, 1, 0);
    fill(dy, COUNT, &state, 1, 0);
    fill(gamma_, CHANNELS, &state, 0.5f, 1);
    fill(beta, CHANNELS, &state, 0.5f, 0);
    for (uint32_t i = 0; i < COUNT; i++)
        ones[i] = 1;
    for (int id = VKN_ACTIVATION_IDENTITY; id <= VKN_ACTIVATION_CLIP; id++) { /* pipelines take the time */
        Case c = {.epilogue = vkn_activation_default((VknActivationId)id),
                  .residual = id % 4 < 2,
                  .last = id / 2 % 2};
        if (id % 2 || id == VKN_ACTIVATION_GELU)
            c.prologue = vkn_activation_default((VknActivationId)((id + 1) % (VKN_ACTIVATION_CLIP + 1)));
        check(&c);
    }
    for (int type = VKN_TYPE_F32; type <= VKN_TYPE_BF16; type++)
        check_halves((VknType)type);
    uint32_t messages = vkn_runtime_validation_count(runtime);
    vkn_runtime_destroy(runtime);
    if (messages)
        printf("%u validation messages\n", messages);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed + (messages > 0));
    return failed || messages;
}
