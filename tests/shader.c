/* Every module of the variant table, specialized: nothing is left to specialize, the values are where they
 * belong, and the result is what spirv-val takes. */
#define _POSIX_C_SOURCE 200809L /* popen */
#include "shader.h"

#include "compiler.h"
#include "generate.h"
#include "interface.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>

/* Instructions of SPIR-V, by the numbers of its specification. */
enum {
    OP_EXECUTION_MODE = 16,
    OP_CONSTANT_TRUE = 41,
    OP_CONSTANT_FALSE = 42,
    OP_CONSTANT = 43,
    OP_SPEC_CONSTANT_TRUE = 48,
    OP_SPEC_CONSTANT_OP = 52,
    OP_DECORATE = 71,
    OP_BRANCH_CONDITIONAL = 250,
    MODE_LOCAL_SIZE = 17,
    DECORATION_SPEC_ID = 1,
    HEADER_WORDS = 5,
    MOST_IDS = 1 << 16,
};

static const VknHost host = {0};
static TestRounds rounds;

typedef struct Spec {
    uint32_t value[VKN_SPEC_COUNT]; /* of id i + 1 */
} Spec;

static Spec random_spec(TestRandom *random) {
    Spec spec;
    for (uint32_t i = 0; i < VKN_SPEC_COUNT; i++)
        spec.value[i] = (uint32_t)test_random_next(random);
    spec.value[VKN_SPEC_LOCAL_SIZE - 1] = 1u << test_random_below(random, 9);
    spec.value[VKN_SPEC_VECTOR - 1] = 1u << 2 * test_random_below(random, 3); /* 1, 4 or 16 */
    for (uint32_t id = VKN_SPEC_ACTIVATION; id <= VKN_SPEC_PROLOGUE;
         id += VKN_SPEC_PROLOGUE - VKN_SPEC_ACTIVATION)
        spec.value[id - 1] = test_activation_id(spec.value[id - 1] % TEST_ACTIVATION_COUNT);
    for (uint32_t id = VKN_SPEC_X_TYPE; id <= VKN_SPEC_DX_TYPE; id++)
        spec.value[id - 1] %= 3;
    return spec;
}

/* The SpecId of each SPIR-V id of a module, 0 for none. */
static uint32_t spec_ids_find(const VknShader *shader, uint8_t *spec_ids) {
    const uint32_t *end = shader->code + shader->size / 4;
    uint32_t found = 0;
    memset(spec_ids, 0, MOST_IDS);
    for (const uint32_t *at = shader->code + HEADER_WORDS; at < end; at += at[0] >> 16)
        if ((at[0] & 0xFFFF) == OP_DECORATE && at[2] == DECORATION_SPEC_ID) {
            assert_in_range(at[3], 1, VKN_SPEC_COUNT);
            assert_in_range(at[1], 0, MOST_IDS - 1);
            spec_ids[at[1]] = (uint8_t)at[3];
            found++;
        }
    return found;
}

/* Whether `id` is a constant bool, defined before `end`. */
static bool is_constant_bool(const uint32_t *code, const uint32_t *end, uint32_t id) {
    for (const uint32_t *at = code + HEADER_WORDS; at < end; at += at[0] >> 16) {
        uint32_t op = at[0] & 0xFFFF;
        if ((op == OP_CONSTANT_TRUE || op == OP_CONSTANT_FALSE) && at[2] == id)
            return true;
    }
    return false;
}

/* Walks the instructions, which must end where the code ends. */
static void check_code(const VknShader *shader, const uint32_t *code, size_t size, const Spec *spec) {
    static uint8_t spec_ids[MOST_IDS];
    uint32_t left = spec_ids_find(shader, spec_ids), local_sizes = 0;
    const uint32_t *at = code + HEADER_WORDS, *end = code + size / 4;
    assert_int_equal(size % 4, 0);
    assert_true(size < shader->size); /* decorations, names and dead code are gone */
    assert_memory_equal(code, shader->code, HEADER_WORDS * sizeof *code);
    assert_true(left >= 2); /* LOCAL_SIZE at least, twice */
    for (; at < end; at += at[0] >> 16) {
        uint32_t op = at[0] & 0xFFFF;
        assert_true(at[0] >> 16 > 0);
        assert_false(op >= OP_SPEC_CONSTANT_TRUE && op <= OP_SPEC_CONSTANT_OP);
        assert_false(op == OP_DECORATE && at[2] == DECORATION_SPEC_ID);
        if (op == OP_EXECUTION_MODE && at[2] == MODE_LOCAL_SIZE) {
            assert_int_equal(at[3], spec->value[VKN_SPEC_LOCAL_SIZE - 1]);
            assert_int_equal(at[4], 1);
            assert_int_equal(at[5], 1);
            local_sizes++;
        }
        if (op == OP_CONSTANT && spec_ids[at[2]]) {
            assert_int_equal(at[3], spec->value[spec_ids[at[2]] - 1]);
            left--;
        }
        assert_false(op == OP_BRANCH_CONDITIONAL && is_constant_bool(code, at, at[1]));
    }
    assert_ptr_equal(at, end);
    assert_int_equal(local_sizes, 1);
    assert_int_equal(left, 0);
}

static void validate(const VknShader *shader, const uint32_t *code, size_t size) {
    FILE *validator = popen(SPIRV_VAL " --target-env vulkan1.1 -", "w");
    assert_non_null(validator);
    size_t written = fwrite(code, 1, size, validator);
    int status = pclose(validator);
    if (written != size || status != 0)
        fail_msg("%s: %s returned %d", shader->name, SPIRV_VAL, status);
}

static void run_module(void **state) {
    const VknShader *shader = *state;
    TestRandom random = test_random_start(rounds.seed);
    for (uint64_t i = 0; i < rounds.count; i++) {
        Spec spec = random_spec(&random);
        size_t size = 0;
        uint32_t *code = vkn_shader_specialize(&host, shader, spec.value, &size);
        assert_non_null(code);
        check_code(shader, code, size, &spec);
        if (i < 2)
            validate(shader, code, size);
        vkn_host_free(&host, code);
    }
}

/* Custom activations whose code has what the build's own modules have not: the constants of each are its own
 * matter, but what is left must be valid, and the branches on the kernels' constants gone. */
static const char *const ODD_EXPRESSIONS[] = {
    "p0 > 1.0 ? z * 2.0 : sin(z)",
    "vec2(p0, p1).y * vec3(p0, 2.0, p1).zyx.x * z",
    "float(int(p2)) * -z + float(uint(p0) << 1u)",
    "bool(p0) != bool(p1) ? z / 4.0 : 0.0",
    "int(p0) == 3 && uint(p1) != 2u ? 1.0 : z",
    "float((int(p0) & 3) == 1 ? 5 : int(p1) * 7)",
    "mat2(p0, p1, p2, 1.0)[0][1] * float[3](p0, p1, p2)[int(z) & 1]",
    "z > 0.0 && sin(z) > 0.5 || !(z < -1.0) ? exp(z) : z > 1.0 ? -z : sigmoid(z)",
    "(z = z * 2.0, z++ * pow(abs(z), p0))",
    "determinant(mat2(p0)) + dot(normalize(vec2(z, p1)), vec2(1.0)) + fma(z, p0, ldexp(z, int(p1)))",
};

/* No activation may say this, but a compiler might: operations that are left to the driver. */
static const char OPERATIONS[] = "float(ACTIVATION + 1u == 1025u ? 3u : ACTIVATION / 2u) * z";

static uint32_t run_custom(const VknShader *plain, const char *expression, TestRandom *random) {
    const VknCompiler *compiler = vkn_compiler_glslang();
    char rows[1024], message[VKN_COMPILER_MESSAGE];
    uint32_t operations = 0;
    size_t size;
    Spec spec = random_spec(random);
    spec.value[VKN_SPEC_ACTIVATION - 1] = VKN_ACTIVATION_CUSTOM;
    spec.value[VKN_SPEC_PROLOGUE - 1] = VKN_ACTIVATION_CUSTOM;
    snprintf(rows, sizeof rows,
             "VKN_ACTIVATION(CUSTOM, 1024, custom, 3, p0, 0, p1, 0, p2, 0, (%s), (%s), false, 1, false, 1)\n",
             expression, expression);
    VknShader custom = *plain;
    uint32_t *compiled = compiler->compile(plain->source, plain->worker, rows, false, &custom.size, message);
    if (!compiled)
        fail_msg("%s: %s", plain->name, message);
    custom.code = compiled;
    uint32_t *code = vkn_shader_specialize(&host, &custom, spec.value, &size);
    assert_non_null(code);
    validate(&custom, code, size);
    for (const uint32_t *at = code + HEADER_WORDS; at < code + size / 4; at += at[0] >> 16) {
        operations += (at[0] & 0xFFFF) == OP_SPEC_CONSTANT_OP;
        assert_false((at[0] & 0xFFFF) == OP_DECORATE && at[2] == DECORATION_SPEC_ID);
        assert_false((at[0] & 0xFFFF) == OP_BRANCH_CONDITIONAL && is_constant_bool(code, at, at[1]));
    }
    vkn_host_free(&host, code);
    compiler->release(compiled);
    return operations;
}

static void test_custom(void **state) {
    const VknCompiler *compiler = vkn_compiler_glslang();
    const VknShader *shaders = &vkn_shaders[0][0];
    TestRandom random = test_random_start(rounds.seed);
    (void)state;
    if (!compiler)
        skip();
    assert_true(compiler->open());
    for (size_t i = 0; i < sizeof ODD_EXPRESSIONS / sizeof *ODD_EXPRESSIONS; i++) {
        run_custom(&vkn_shaders[VKN_KERNEL_NORM_ROW][VKN_WORKER_GROUP_ADD], ODD_EXPRESSIONS[i], &random);
        run_custom(&vkn_shaders[VKN_KERNEL_GRADIENT_NORM_COLUMN][VKN_WORKER_ALONE], ODD_EXPRESSIONS[i],
                   &random);
    }
    for (size_t i = 0; i < sizeof vkn_shaders / sizeof *shaders; i++)
        if (shaders[i].code)
            run_custom(&shaders[i], ODD_EXPRESSIONS[0], &random);
    assert_true(run_custom(&vkn_shaders[VKN_KERNEL_APPLY_ANY][VKN_WORKER_ALONE], OPERATIONS, &random) > 0);
    compiler->close();
}

static void *refuse(void *user, size_t size, size_t alignment, VkSystemAllocationScope scope) {
    (void)user, (void)size, (void)alignment, (void)scope;
    return NULL;
}

static void test_no_memory(void **state) {
    const VkAllocationCallbacks callbacks = {.pfnAllocation = refuse};
    const VknHost poor = {.allocator = &callbacks};
    Spec spec = {{0}};
    size_t size;
    (void)state;
    assert_null(vkn_shader_specialize(&poor, &vkn_shaders[VKN_KERNEL_NORM_COLUMN][VKN_WORKER_ALONE],
                                      spec.value, &size));
}

int main(int argc, char **argv) {
    struct CMUnitTest tests[VKN_KERNEL_COUNT * VKN_WORKER_COUNT + 2];
    const VknShader *shaders = &vkn_shaders[0][0];
    size_t count = 0;
    if (!test_rounds_parse(argc, argv, 100, &rounds))
        return 2;
    for (size_t i = 0; i < sizeof vkn_shaders / sizeof *shaders; i++)
        if (shaders[i].code)
            tests[count++] =
                (struct CMUnitTest){shaders[i].name, run_module, NULL, NULL, (void *)&shaders[i]};
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_no_memory);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_custom);
    return _cmocka_run_group_tests("shader", tests, count, NULL, NULL);
}
