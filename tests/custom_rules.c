/* What vkn_activation_compile() refuses and says, and that all stays usable; contexts, threads, host memory.
 */
#include "runtime_test.h"

#include <vknorm/compiler.h>

#include <pthread.h>
#include <stdatomic.h>

#define BIT(role)     VKN_ROLE_BIT(VKN_ROLE_##role)
#define LENGTH(array) (sizeof(array) / sizeof *(array))

static VknContext *context_of(Fixture *fixture) {
    return vkn_runtime_context(fixture->runtime);
}

static VknResult compile(VknContext *context, const char *value, const char *derivative,
                         VknActivationId *id) {
    const VknCustomActivation custom = {.name = "mine", .value = value, .derivative = derivative};
    return vkn_activation_compile(context, vkn_compiler_glslang(), &custom, NULL, 0, id);
}

/* Activations alone, in one dispatch. */
static VknDesc desc_with(VknOperation operation, VknActivationId activation, VknActivationId prologue) {
    VknDesc desc;
    vkn_desc_batch_norm(&desc, operation, 2, (uint64_t[]){2, 4}, 1, (int32_t[]){1});
    desc.roles = operation == VKN_OPERATION_APPLY ? BIT(X) | BIT(Y) | BIT(MEAN) | BIT(INV_STD)
                                                  : BIT(X) | BIT(DY) | BIT(MEAN) | BIT(INV_STD) | BIT(DX);
    desc.activation.id = activation;
    desc.prologue.id = prologue;
    return desc;
}

static VknResult plan_once(VknContext *context, const VknDesc *desc) {
    VknPlan *plan;
    VknResult result = vkn_plan_create(context, desc, &plan);
    assert_true((plan == NULL) == (result != VKN_SUCCESS));
    vkn_plan_destroy(plan);
    return result;
}

/* ------------------------------------------------------------------------------------ without compiler */

static void test_no_compiler(void **state) {
    Fixture *fixture = *state;
    const VknCustomActivation custom = {.value = "z"};
    VknActivationId id = VKN_ACTIVATION_TANH;
    char message[8] = "before";
    VknResult result =
        vkn_activation_compile(context_of(fixture), NULL, &custom, message, sizeof message, &id);
    assert_fails(&fixture->log, result, VKN_ERROR_UNSUPPORTED, "VKNORM_COMPILER");
    assert_int_equal(id, VKN_ACTIVATION_TANH);
    assert_string_equal(message, "");
    VknDesc desc = desc_with(VKN_OPERATION_APPLY, VKN_ACTIVATION_TANH, VKN_ACTIVATION_IDENTITY);
    assert_int_equal(plan_once(context_of(fixture), &desc), VKN_SUCCESS);
}

/* --------------------------------------------------------------------------------- wrong expressions */

static const struct {
    const char *expression;
    const char *words; /* in what is said of it */
} wrongs[] = {
    {"", "empty"},
    {"   ", "empty"},
    {"z +", "syntax error"},
    {"z z", "character 3: '' :  syntax error"},
    {"z * foo", "character 5: 'foo' : undeclared identifier"},
    {"1e-5 * foo(z)", "'foo' : no matching overloaded function"},
    {"vec2(z)", "return"},
    {"z > 0.0", "return"},
    {"float(double(z))", "feature"},
    {"anyInvocation(z > 0.0) ? z : 0.0", "feature"},
    {"barrier(), z", "barrier"},
    {"dFdx(z)", "dFdx"},
    {"p0 = 1.0", "l-value"},
    {"activate(z)", "activate"},
    {"prologue_row(z)", "prologue_row"},
    {"PARAMETER_0 * z", "character 1: names"},
    {"z * ACTIVATION", "character 5: names"},
    {"__LINE__ * z", "character 1: names"},
    {"gl_GlobalInvocationID.x * z", "character 1: names"},
    {"statistic_count() * z", "statistic_count"},
    {"sin(z", "character 5: a closing parenthesis"},
    {"z) + (z", "character 2: nothing is open"},
    {"z); } void main() { (z", "character 2: nothing is open"},
    {"z; z", "character 2: no expression has this"},
    {"z // rest", "character 3: comments"},
    {"z /* rest", "character 3: comments"},
    {"z\n#define p0 1", "character 2: no expression has this"},
    {"#include \"x\"", "character 1: no expression has this"},
    {"z \\\n", "character 3: no expression has this"},
    {"{z}", "character 1: no expression has this"},
    {"\"z\"", "character 1: no expression has this"},
    {"z + \xC3\xA9", "character 5: no expression has this"},
    {"return z", "RETURN"},
    {"for (int i = 0", "closing parenthesis"},
    {"discard", "DISCARD"},
};

/* Fails as value and as derivative, and what is right compiles after it, to the same id. */
static void check_wrong(Fixture *fixture, const char *expression, const char *words) {
    static VknActivationId before;
    VknContext *context = context_of(fixture);
    VknActivationId id = VKN_ACTIVATION_TANH, after;
    char message[512];
    for (int i = 0; i < 2; i++) {
        const VknCustomActivation custom = {
            .name = "wrong", .value = i ? "z" : expression, .derivative = i ? expression : NULL};
        VknResult result =
            vkn_activation_compile(context, vkn_compiler_glslang(), &custom, message, sizeof message, &id);
        if (!strstr(message, words))
            fail_msg("of %s the message should say \"%s\", it says \"%s\"", expression, words, message);
        assert_fails(&fixture->log, result, VKN_ERROR_INVALID_ARGUMENT,
                     i ? "derivative of activation wrong: " : "value of activation wrong: ");
        assert_int_equal(id, VKN_ACTIVATION_TANH);
    }
    assert_int_equal(compile(context, "2.0 * z", "2.0", &after), VKN_SUCCESS);
    before = before ? before : after;
    assert_int_equal(after, before);
    VknDesc desc = desc_with(VKN_OPERATION_APPLY, after, VKN_ACTIVATION_IDENTITY);
    assert_int_equal(plan_once(context, &desc), VKN_SUCCESS);
}

static void test_wrong_expressions(void **state) {
    static char longest[100001];
    for (size_t i = 0; i < LENGTH(wrongs); i++)
        check_wrong(*state, wrongs[i].expression, wrongs[i].words);
    for (size_t i = 0; i < sizeof longest - 1; i++)
        longest[i] = i % 2 ? '+' : 'z';
    longest[sizeof longest - 2] = 'z';
    check_wrong(*state, longest, "at most 4095 characters, this one 100000");
    longest[VKN_MAX_EXPRESSION] = '\0'; /* ends with z */
    VknActivationId id;
    assert_int_equal(compile(context_of(*state), longest, NULL, &id), VKN_SUCCESS);
    VknDesc desc = desc_with(VKN_OPERATION_APPLY, id, VKN_ACTIVATION_IDENTITY);
    assert_int_equal(plan_once(context_of(*state), &desc), VKN_SUCCESS);
    memset(longest, '(', VKN_MAX_EXPRESSION);
    memset(longest + VKN_MAX_EXPRESSION / 2 + 1, ')', VKN_MAX_EXPRESSION / 2);
    longest[VKN_MAX_EXPRESSION / 2] = 'z';
    assert_int_equal(compile(context_of(*state), longest, NULL, &id), VKN_SUCCESS);
}

static void test_wrong_calls(void **state) {
    Fixture *fixture = *state;
    VknContext *context = context_of(fixture);
    const VknCompiler *compiler = vkn_compiler_glslang();
    const VknCustomActivation nothing = {0}, right = {.value = "z"}, wrong = {.value = "foo"};
    const VknResult expected = VKN_ERROR_INVALID_ARGUMENT;
    VknActivationId id;
    char message[5] = "....";
    assert_int_equal(vkn_activation_compile(NULL, compiler, &right, NULL, 0, &id), expected);
    assert_fails(&fixture->log, vkn_activation_compile(context, compiler, NULL, NULL, 0, &id), expected,
                 "NULL");
    assert_fails(&fixture->log, vkn_activation_compile(context, compiler, &nothing, NULL, 0, &id), expected,
                 "NULL");
    assert_fails(&fixture->log, vkn_activation_compile(context, compiler, &right, NULL, 0, NULL), expected,
                 "NULL");
    /* Messages fit what there is. */
    assert_fails(&fixture->log, vkn_activation_compile(context, compiler, &wrong, message, 0, &id), expected,
                 "undeclared");
    assert_string_equal(message, "....");
    assert_fails(&fixture->log, vkn_activation_compile(context, compiler, &wrong, message, 4, &id), expected,
                 "undeclared");
    assert_string_equal(message, "cha");
}

/* ------------------------------------------------------------------------------------------------ ids */

static void test_missing_derivative(void **state) {
    Fixture *fixture = *state;
    VknContext *context = context_of(fixture);
    VknActivationId without, with, none = VKN_ACTIVATION_IDENTITY;
    assert_int_equal(compile(context, "z * z", NULL, &without), VKN_SUCCESS);
    assert_int_equal(compile(context, "z * z", "2.0 * z", &with), VKN_SUCCESS);
    const struct {
        VknActivationId activation, prologue;
        const char *words; /* of the error; NULL: there is none */
    } gradients[] = {{with, with, NULL},
                     {without, none, "activation mine was compiled without a derivative"},
                     {with, without, "prologue mine was compiled without a derivative"}};
    for (size_t i = 0; i < LENGTH(gradients); i++) {
        VknActivationId activation = gradients[i].activation, prologue = gradients[i].prologue;
        VknDesc forward = desc_with(VKN_OPERATION_APPLY, activation, prologue);
        VknDesc backward = desc_with(VKN_OPERATION_APPLY_GRADIENT, activation, prologue);
        VknPlanInfo info;
        assert_int_equal(plan_once(context, &forward), VKN_SUCCESS);
        assert_int_equal(vkn_plan_query(vkn_context_caps(context), &backward, (VknLog){0}, &info),
                         VKN_SUCCESS);
        if (gradients[i].words)
            assert_fails(&fixture->log, plan_once(context, &backward), VKN_ERROR_INVALID_ARGUMENT,
                         gradients[i].words);
        else
            assert_int_equal(plan_once(context, &backward), VKN_SUCCESS);
    }
}

static void test_ids(void **state) {
    Fixture *fixture = *state;
    VknContext *context = context_of(fixture), *other;
    VknContextDesc context_desc = *vkn_runtime_context_desc(fixture->runtime);
    VknActivationId id, next;
    VknDesc desc = desc_with(VKN_OPERATION_APPLY, VKN_ACTIVATION_CUSTOM, VKN_ACTIVATION_IDENTITY);
    assert_fails(&fixture->log, plan_once(context, &desc), VKN_ERROR_INVALID_ARGUMENT,
                 "activation.id 1024 is");
    assert_int_equal(compile(context, "z + 1.0", "1.0", &id), VKN_SUCCESS);
    assert_int_equal(id, VKN_ACTIVATION_CUSTOM);
    assert_int_equal(plan_once(context, &desc), VKN_SUCCESS);

    /* Each context has its own. */
    assert_int_equal(vkn_context_create(&context_desc, &other), VKN_SUCCESS);
    assert_fails(&fixture->log, plan_once(other, &desc), VKN_ERROR_INVALID_ARGUMENT, "activation.id 1024 is");
    assert_int_equal(compile(other, "z + 2.0", "1.0", &id), VKN_SUCCESS);
    assert_int_equal(id, VKN_ACTIVATION_CUSTOM);
    assert_int_equal(plan_once(other, &desc), VKN_SUCCESS);
    vkn_context_destroy(other);
    assert_int_equal(plan_once(context, &desc), VKN_SUCCESS);

    /* A field that is not read may hold anything. */
    desc = desc_with(VKN_OPERATION_APPLY, VKN_ACTIVATION_CUSTOM, VKN_ACTIVATION_CUSTOM + 9);
    assert_fails(&fixture->log, plan_once(context, &desc), VKN_ERROR_INVALID_ARGUMENT, "prologue.id 1033 is");
    vkn_desc_batch_norm(&desc, VKN_OPERATION_STATISTICS, 2, (uint64_t[]){2, 4}, 1, (int32_t[]){1});
    desc.roles = BIT(X) | BIT(MEAN);
    desc.activation.id = VKN_ACTIVATION_CUSTOM + 9;
    assert_int_equal(plan_once(context, &desc), VKN_SUCCESS);

    /* Rules that need no context. */
    desc = desc_with(VKN_OPERATION_APPLY, VKN_ACTIVATION_CUSTOM, VKN_ACTIVATION_IDENTITY);
    desc.activation.parameter[2] = 0.0f / 0.0f;
    assert_fails(&fixture->log, plan_once(context, &desc), VKN_ERROR_INVALID_ARGUMENT, "p2 must be a number");
    desc.activation = (VknActivation){VKN_ACTIVATION_CUSTOM + VKN_MAX_CUSTOM_ACTIVATIONS, {0}};
    assert_fails(&fixture->log, plan_once(context, &desc), VKN_ERROR_INVALID_ARGUMENT, "2048");
    assert_int_equal(vkn_activation_default(VKN_ACTIVATION_CUSTOM).id, VKN_ACTIVATION_CUSTOM);

    for (int i = 1; i < VKN_MAX_CUSTOM_ACTIVATIONS; i++) {
        char value[32];
        snprintf(value, sizeof value, "z * %d.0", i);
        assert_int_equal(compile(context, value, NULL, &next), VKN_SUCCESS);
        assert_int_equal(next, VKN_ACTIVATION_CUSTOM + i);
    }
    assert_fails(&fixture->log, compile(context, "z / 3.0", NULL, &next), VKN_ERROR_INVALID_ARGUMENT, "1024");
    assert_int_equal(compile(context, "z * 7.0", NULL, &next), VKN_SUCCESS);
    assert_int_equal(next, VKN_ACTIVATION_CUSTOM + 7);
}

/* -------------------------------------------------------------------------------------------- threads */

enum { THREADS = 4, ROUNDS = 6 };

typedef struct Worker {
    Fixture *fixture;
    int number;
    int failures; /* cmocka's assertions belong to the first thread */
} Worker;

/* The same few activations and plans in different orders, wrong ones between, and a context of its own. */
static void *compile_and_plan(void *argument) {
    Worker *worker = argument;
    VknContextDesc context_desc = *vkn_runtime_context_desc(worker->fixture->runtime);
    context_desc.log = (VknLog){0};
    for (int round = 0; round < ROUNDS; round++) {
        VknContext *own = NULL, *contexts[] = {context_of(worker->fixture), NULL};
        worker->failures += vkn_context_create(&context_desc, &own) != VKN_SUCCESS;
        contexts[1] = own;
        for (int i = 0; i < 2 && !worker->failures; i++) {
            char value[32];
            VknActivationId id = VKN_ACTIVATION_IDENTITY;
            VknPlan *plan = NULL;
            snprintf(value, sizeof value, "z * %d.0 + sin(z)", (worker->number + round) % 3);
            worker->failures += compile(contexts[i], value, "1.0", &id) != VKN_SUCCESS;
            VknDesc desc = desc_with(round % 2 ? VKN_OPERATION_APPLY : VKN_OPERATION_APPLY_GRADIENT, id, id);
            worker->failures += vkn_plan_create(contexts[i], &desc, &plan) != VKN_SUCCESS;
            vkn_plan_destroy(plan);
        }
        VknActivationId id;
        worker->failures += compile(own, "z * foo", NULL, &id) != VKN_ERROR_INVALID_ARGUMENT;
        vkn_context_destroy(own);
    }
    return NULL;
}

static void test_threads(void **state) {
    pthread_t threads[THREADS];
    Worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (Worker){*state, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, compile_and_plan, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].failures, 0);
    }
}

/* ---------------------------------------------------------------------------------------- host memory */

/* An allocator of which one call fails. */
typedef struct Heap {
    atomic_long live, total;
    long fail_at; /* 0: none */
} Heap;

static VKAPI_ATTR void *VKAPI_CALL heap_allocate(void *user, size_t size, size_t alignment,
                                                 VkSystemAllocationScope scope) {
    Heap *heap = user;
    (void)scope;
    if (++heap->total == heap->fail_at)
        return NULL;
    heap->live++;
    alignment = alignment < 16 ? 16 : alignment;
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static VKAPI_ATTR void *VKAPI_CALL heap_refuse(void *user, void *block, size_t size, size_t alignment,
                                               VkSystemAllocationScope scope) {
    (void)user, (void)block, (void)size, (void)alignment, (void)scope;
    return NULL; /* drivers that were tried never ask */
}

static VKAPI_ATTR void VKAPI_CALL heap_free(void *user, void *block) {
    if (block)
        ((Heap *)user)->live--;
    free(block);
}

/* Compiles and plans, each until it succeeds. Whether an allocation failed on the way. */
static bool run_with(Fixture *fixture, Heap *heap) {
    const VkAllocationCallbacks callbacks = {heap, heap_allocate, heap_refuse, heap_free, NULL, NULL};
    VknContextDesc context_desc = *vkn_runtime_context_desc(fixture->runtime);
    VknContext *context;
    VknActivationId a = VKN_ACTIVATION_IDENTITY, b = a;
    bool failed = false;
    context_desc.allocator = &callbacks;
    long fail_at = heap->fail_at;
    heap->fail_at = 0;
    assert_int_equal(vkn_context_create(&context_desc, &context), VKN_SUCCESS);
    heap->fail_at = fail_at ? heap->total + fail_at : 0;
    for (int step = 0; step < 4;) {
        VknDesc desc = desc_with(VKN_OPERATION_APPLY, a, b);
        VknResult result = step == 0   ? compile(context, "z * 2.0", NULL, &a)
                           : step == 1 ? compile(context, "z * 2.0", NULL, &b) /* the same */
                           : step == 2 ? compile(context, "z * 3.0", NULL, &b)
                                       : plan_once(context, &desc);
        step += result == VKN_SUCCESS;
        if (result != VKN_SUCCESS) {
            assert_fails(&fixture->log, result, VKN_ERROR_OUT_OF_HOST_MEMORY, "memory");
            assert_false(failed);
            failed = true;
        }
    }
    vkn_context_destroy(context);
    assert_int_equal(heap->live, 0);
    return failed;
}

static void test_host_memory(void **state) {
    Fixture *fixture = *state;
    Heap heap = {0};
    assert_false(run_with(fixture, &heap));
    assert_true(heap.total > 10);
    /* Others call their own allocations safe, or crash. */
    if (!strstr(vkn_runtime_info(fixture->runtime)->driver_name, "SwiftShader"))
        return;
    long n = 1;
    for (heap = (Heap){.fail_at = n}; run_with(fixture, &heap); heap = (Heap){.fail_at = n})
        n++;
    assert_true(n > 10);
}

/* A build without the compiler has one test. */
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_ON_DEVICE(test_no_compiler), TEST_ON_DEVICE(test_wrong_expressions),
        TEST_ON_DEVICE(test_wrong_calls), TEST_ON_DEVICE(test_missing_derivative),
        TEST_ON_DEVICE(test_ids),         TEST_ON_DEVICE(test_threads),
        TEST_ON_DEVICE(test_host_memory),
    };
    return _cmocka_run_group_tests("custom_rules", tests, vkn_compiler_glslang() ? LENGTH(tests) : 1,
                                   group_open, NULL);
}
