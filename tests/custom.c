/* What custom activations compute: every row of activation.def, given as text, is bit for bit the built-in
 * one; functions of our own are what fp64 says. */
#include "compute.h"
#include "number.h"
#include "runtime_test.h"

#include <vknorm/compiler.h>

#include <math.h>

#define BIT(role)     VKN_ROLE_BIT(VKN_ROLE_##role)
#define LENGTH(array) (sizeof(array) / sizeof *(array))

enum { COUNT = 3 * 8 * 5 * 12, CHANNELS = 8 };

/* Host memory of every role. */
typedef struct Memory {
    float words[VKN_ROLE_COUNT][COUNT];
} Memory;

static void compute_with(Fixture *fixture, const VknDesc *desc, Memory *memory) {
    ComputeData data = {0};
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        data.memory[role] = role == VKN_ROLE_WORKSPACE ? NULL : memory->words[role];
    compute(fixture->runtime, desc, &data);
}

static VknActivationId compile(Fixture *fixture, const char *value, const char *derivative) {
    const VknCustomActivation custom = {.name = "of a test", .value = value, .derivative = derivative};
    VknContext *context = vkn_runtime_context(fixture->runtime);
    VknActivationId id = VKN_ACTIVATION_IDENTITY;
    char message[256] = "untouched";
    if (vkn_activation_compile(context, vkn_compiler_glslang(), &custom, message, sizeof message, &id))
        fail_msg("%s: %s", value, message);
    assert_string_equal(message, "");
    assert_true(id >= VKN_ACTIVATION_CUSTOM);
    return id;
}

/* ------------------------------------------------------------------------------- rows of the table */

typedef struct Row {
    VknActivationId id;
    const char *value, *derivative;
} Row;

static const Row rows[] = {
#define VKN_ACTIVATION(id, number, name, count, n0, d0, n1, d1, n2, d2, f, df, inverts, dy, halves, closed)  \
    {VKN_ACTIVATION_##id, #f, #df},
#include "activation.def"
#undef VKN_ACTIVATION
};

/* Reads what expressions cannot: an input of its own. */
static bool is_text(const Row *row) {
    return !strstr(row->value, "slope") && row->id != VKN_ACTIVATION_IDENTITY;
}

static VknActivation custom_of(Fixture *fixture, const VknActivation *built_in) {
    VknActivation custom = *built_in;
    for (size_t i = 0; i < LENGTH(rows); i++)
        if (rows[i].id == built_in->id && is_text(&rows[i]))
            custom.id = compile(fixture, rows[i].value, rows[i].derivative);
    return custom;
}

static bool is_tensor(uint32_t role) {
    return (BIT(X) | BIT(Y) | BIT(DY) | BIT(DX) | BIT(RESIDUAL) | BIT(DRESIDUAL)) & VKN_ROLE_BIT(role);
}

/* The same numbers in every role, positive where they are deviations. */
static void fill(Memory *memory, VknType type) {
    uint32_t state = 1;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        for (uint32_t i = 0; i < COUNT; i++) {
            state = state * 1664525u + 1013904223u;
            double value = (state >> 8) * 0x1p-21 - 4;
            if (role == VKN_ROLE_INV_STD)
                value = fabs(value) + 0.5;
            type = is_tensor(role) ? type : VKN_TYPE_F32;
            test_encode(type, (uint8_t *)memory->words[role], i, test_round(type, value));
        }
}

/* Runs `desc` with the activations built in, and with one or both of them as text. */
static void check_same(Fixture *fixture, const VknDesc *desc, bool epilogue, bool prologue) {
    static Memory built_in, custom;
    VknDesc text = *desc;
    if (epilogue)
        text.activation = custom_of(fixture, &desc->activation);
    if (prologue)
        text.prologue = custom_of(fixture, &desc->prologue);
    fill(&built_in, desc->x.type);
    fill(&custom, desc->x.type);
    compute_with(fixture, desc, &built_in);
    compute_with(fixture, &text, &custom);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        if (memcmp(built_in.words[role], custom.words[role], sizeof custom.words[role]) != 0)
            fail_msg("operation %d, type %d, strategy %u, activation %d, prologue %d: role %u differs",
                     desc->operation, desc->x.type, desc->strategy, desc->activation.id, desc->prologue.id,
                     role);
}

/* Likewise with every strategy that can serve `desc`. Returns how many. */
static uint32_t check_strategies(Fixture *fixture, const VknDesc *desc) {
    const VknCaps *caps = vkn_context_caps(vkn_runtime_context(fixture->runtime));
    VknDesc each = *desc;
    uint32_t served = 0;
    for (each.strategy = 1; vkn_strategy_name(each.strategy - 1); each.strategy++) {
        VknPlanInfo info;
        if (vkn_plan_query(caps, &each, (VknLog){0}, &info) != VKN_SUCCESS)
            continue;
        check_same(fixture, &each, true, true);
        served++;
    }
    return served;
}

#define SAVED  (BIT(MEAN) | BIT(INV_STD))
#define AFFINE (BIT(GAMMA) | BIT(BETA))

static const struct {
    VknOperation operation;
    uint32_t roles;
    VknStatistic statistic;
    VknResidualUse residual_use;
} operations[] = {
    {VKN_OPERATION_APPLY, BIT(X) | BIT(Y) | AFFINE | SAVED, VKN_STATISTIC_VARIANCE, VKN_RESIDUAL_AFTER},
    {VKN_OPERATION_APPLY_GRADIENT, BIT(X) | BIT(DY) | SAVED | BIT(DX) | BIT(DGAMMA) | BIT(DBETA),
     VKN_STATISTIC_VARIANCE, VKN_RESIDUAL_AFTER},
    /* Of the latter every row of the table is tried, of the former some, of all of them every strategy. */
    {VKN_OPERATION_TRAIN, BIT(X) | BIT(Y) | AFFINE | SAVED, VKN_STATISTIC_VARIANCE, VKN_RESIDUAL_AFTER},
    {VKN_OPERATION_TRAIN, BIT(X) | BIT(Y) | BIT(RESIDUAL), VKN_STATISTIC_MEAN_SQUARE, VKN_RESIDUAL_BEFORE},
    {VKN_OPERATION_TRAIN, BIT(X) | BIT(Y), VKN_STATISTIC_LOG_SUM_EXP, VKN_RESIDUAL_AFTER},
    {VKN_OPERATION_STATISTICS, BIT(X) | BIT(MEAN) | BIT(VARIANCE), VKN_STATISTIC_VARIANCE,
     VKN_RESIDUAL_AFTER},
    {VKN_OPERATION_TRAIN_GRADIENT, BIT(X) | BIT(DY) | AFFINE | SAVED | BIT(DX) | BIT(DGAMMA) | BIT(DBETA),
     VKN_STATISTIC_VARIANCE, VKN_RESIDUAL_AFTER},
    {VKN_OPERATION_TRAIN_GRADIENT, BIT(X) | BIT(DY) | BIT(RESIDUAL) | SAVED | BIT(DX) | BIT(DRESIDUAL),
     VKN_STATISTIC_VARIANCE, VKN_RESIDUAL_AFTER},
    {VKN_OPERATION_GRADIENT_STATISTICS, BIT(X) | BIT(DY) | SAVED | BIT(SUMS), VKN_STATISTIC_VARIANCE,
     VKN_RESIDUAL_AFTER},
    {VKN_OPERATION_APPLY, BIT(X) | BIT(Y) | BIT(RESIDUAL), VKN_STATISTIC_NONE, VKN_RESIDUAL_FACTOR},
    {VKN_OPERATION_APPLY_GRADIENT, BIT(X) | BIT(DY) | BIT(RESIDUAL) | BIT(DX) | BIT(DRESIDUAL),
     VKN_STATISTIC_NONE, VKN_RESIDUAL_FACTOR},
    {VKN_OPERATION_REDUCE, BIT(X) | BIT(RESULT), VKN_STATISTIC_SUM, VKN_RESIDUAL_AFTER},
};

static VknDesc desc_of_operation(size_t operation, bool last, VknType type) {
    VknDesc desc;
    vkn_desc_batch_norm(&desc, operations[operation].operation, 4,
                        (uint64_t[]){3, last ? 12 : CHANNELS, 5, last ? CHANNELS : 12}, 1,
                        (int32_t[]){last ? -1 : 1});
    desc.roles = operations[operation].roles;
    desc.statistic = operations[operation].statistic;
    desc.residual_use = operations[operation].residual_use;
    desc.x.type = desc.y.type = desc.residual.type = desc.dx.type = type;
    return desc;
}

/* A gradient has both expressions of a row: the prologue's value and derivative, the activation's derivative.
 */
static void test_every_row(void **state) {
    for (size_t i = 0; i < LENGTH(rows); i++)
        for (size_t operation = i % 4 ? 1 : 0; operation < 2; operation++) {
            VknDesc desc = desc_of_operation(operation, false, VKN_TYPE_F32);
            desc.activation = vkn_activation_default(rows[i].id);
            desc.prologue = vkn_activation_default(rows[i].id);
            desc.roles &= ~(BIT(DGAMMA) | BIT(DBETA)); /* they are sums of the same */
            if (is_text(&rows[i]))
                check_same(*state, &desc, true, true);
        }
}

/* One that is custom, alone and then with one of the table. */
static void test_beside_the_table(void **state) {
    for (size_t operation = 0; operation < LENGTH(operations); operation++) {
        VknDesc desc = desc_of_operation(operation, false, VKN_TYPE_F32);
        desc.activation = vkn_activation_default(VKN_ACTIVATION_TANH);
        check_same(*state, &desc, true, false);
        desc.prologue = vkn_activation_default(VKN_ACTIVATION_GELU);
        check_same(*state, &desc, true, false);
        check_same(*state, &desc, false, true);
    }
}

/* Channels first in f32 or bf16, and channels last in f16. */
static void test_every_strategy(void **state) {
    for (size_t operation = 0; operation < LENGTH(operations); operation++)
        for (int layout = 0; layout < 2; layout++) {
            const VknType types[] = {operation % 2 ? VKN_TYPE_F32 : VKN_TYPE_BF16, VKN_TYPE_F16};
            VknDesc desc = desc_of_operation(operation, layout == 1, types[layout]);
            desc.activation = (VknActivation){VKN_ACTIVATION_RELU, {0.25f, -0.5f, 2}};
            desc.prologue = (VknActivation){VKN_ACTIVATION_SILU, {1.5f}};
            assert_true(check_strategies(*state, &desc) > 1);
        }
}

/* ----------------------------------------------------------------------------------- own functions */

typedef struct Own {
    const char *value;
    double (*expected)(double z);
    const char *derivative;
    double (*slope)(double z);
} Own;

static const float P[] = {1.5f, 0.25f, -2.0f};

static double sigmoid(double z) {
    return 1 / (1 + exp(-z));
}

static double gated(double z) {
    return z * z * sigmoid(P[0] * z);
}

static double gated_slope(double z) {
    double s = sigmoid(P[0] * z);
    return 2 * z * s + z * z * P[0] * s * (1 - s);
}

static double twice(double z) {
    return 2 * z;
}

static double two(double z) {
    (void)z;
    return 2;
}

static double quarter(double z) {
    return z / 4;
}

static double branch(double z) {
    return z > 0 && sin(z) > 0.5 ? 2 * z : z > 1 ? -z : z / 2;
}

static double same(double z) {
    return z;
}

/* The latter are such as the build's own modules have nothing like: constants of other types made of the
 * parameters, branches, side effects. */
static const Own owns[] = {
    {"z * z * sigmoid(p0 * z)", gated,
     "2.0 * z * sigmoid(p0 * z) + z * z * p0 * sigmoid(p0 * z) * sigmoid(-p0*z)", gated_slope},
    {"2 * z", twice, "2", two},
    {"p0 > 1.0 ? z * 2.0 : sin(z)", twice, "p0 > 1.0 && z == z ? 2.0 : exp_of_negative(z)", two},
    {"vec2(p0, p1).y * z", quarter, "vec3(p0, p1, 2.0).zyx.x", two},
    {"float(int(p2)) * -z", twice, "float(-int(p2))", two},
    {"bool(p0) ? z / 4.0 : 0.0", quarter, "float(uint(p0) << 1u)", two},
    {"mat2(p0, p1, p2, 1.0)[0][1] * z", quarter, "-float[3](p0, p1, p2)[2]", two},
    {"float[2](4.0, p1)[int(p0)] * z", quarter, "float[2](1.0, 2.0)[int(z) & 0 | 1]", two},
    {"z > 0.0 && sin(z) > 0.5 ? 2.0 * z : z > 1.0 ? -z : z / 2.0", branch, "z > 0.0 ? 2.0 : 1.0 + 1.0", two},
    {"(z = z * 2.0, z)", twice, "z++ < 1e9 ? 2.0 : 1.0", two},
    {"z * (p0 == 1.5 && p1 != p2 || z > 7.0 ? 1.0 : 2.0)", same, "p0 == p1 ? 1.0 : 2.0", two},
};

/* An activation alone is APPLY with mean 0 and inverse deviation 1. */
static void run_alone(Fixture *fixture, const VknActivation *activation, bool prologue, bool backward,
                      Memory *memory) {
    VknDesc desc = desc_of_operation(0, false, VKN_TYPE_F32);
    desc.roles = BIT(X) | BIT(Y) | BIT(MEAN) | BIT(INV_STD);
    if (backward) {
        desc.operation = VKN_OPERATION_APPLY_GRADIENT;
        desc.roles = BIT(X) | BIT(DY) | BIT(DX) | BIT(MEAN) | BIT(INV_STD);
    }
    *(prologue ? &desc.prologue : &desc.activation) = *activation;
    for (uint32_t i = 0; i < COUNT; i++) {
        memory->words[VKN_ROLE_X][i] = ((float)i - COUNT / 2.0f) * (16.0f / COUNT); /* -8 to 8 */
        memory->words[VKN_ROLE_MEAN][i] = 0;
        memory->words[VKN_ROLE_INV_STD][i] = memory->words[VKN_ROLE_DY][i] = 1;
    }
    compute_with(fixture, &desc, memory);
}

static void check_own(const Own *own, const float *x, const float *result, double (*expected)(double)) {
    for (uint32_t i = 0; i < COUNT; i++) {
        double right = expected(x[i]), jump = fmin(fabs(sin(x[i]) - 0.5), fabs(x[i] - 1));
        if (!(fabs(result[i] - right) <= 1e-5 * (1 + fabs(right))) && jump > 1e-4)
            fail_msg("%s at %.9g is %.9g, not %.9g", own->value, x[i], result[i], right);
    }
}

static void test_own_functions(void **state) {
    static Memory memory;
    for (const Own *own = owns; own < owns + LENGTH(owns); own++) {
        VknActivation activation = {.parameter = {P[0], P[1], P[2]}};
        activation.id = compile(*state, own->value, own->derivative);
        for (int prologue = 0; prologue < 2; prologue++) {
            run_alone(*state, &activation, prologue, false, &memory);
            check_own(own, memory.words[VKN_ROLE_X], memory.words[VKN_ROLE_Y], own->expected);
            run_alone(*state, &activation, prologue, true, &memory);
            check_own(own, memory.words[VKN_ROLE_X], memory.words[VKN_ROLE_DX], own->slope);
        }
    }
}

/* Different parameters are different pipelines, the same expressions one id. */
static void test_parameters(void **state) {
    static Memory memory;
    VknActivation activation = {.id = compile(*state, "p0 * z + p1", "p0")};
    assert_int_equal(activation.id, compile(*state, "p0 * z + p1", "p0"));
    assert_int_not_equal(activation.id, compile(*state, "p0 * z + p1", NULL));
    for (int i = 0; i < 3; i++) {
        activation.parameter[0] = (float)i;
        activation.parameter[1] = (float)-i;
        run_alone(*state, &activation, false, false, &memory);
        for (uint32_t k = 0; k < COUNT; k++)
            assert_true(fabsf(memory.words[VKN_ROLE_Y][k] -
                              ((float)i * memory.words[VKN_ROLE_X][k] - (float)i)) < 1e-5f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_ON_DEVICE(test_every_row),      TEST_ON_DEVICE(test_beside_the_table),
        TEST_ON_DEVICE(test_every_strategy), TEST_ON_DEVICE(test_own_functions),
        TEST_ON_DEVICE(test_parameters),
    };
    return cmocka_run_group_tests_name("custom", tests, group_open, NULL);
}
