/* An activation that vknorm does not have, written in GLSL and compiled at run time:
 *
 *     custom_activation
 *     custom_activation --value "z * sin(p0 * z)" --derivative "sin(p0 * z) + p0 * z * cos(p0 * z)" --p0 2
 *
 * Prints f and f' as the device computes them. Without --value it is the squared ReLU of Primer (So et al.
 * 2021), which is compared with the CPU; any derivative is compared with the slope of the values. */
#include <vknorm/compiler.h>
#include <vknorm/runtime.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COUNT = 4096 }; /* points from -8 to 8 */

typedef struct Options {
    const char *device, *value, *derivative;
    float p[VKN_MAX_ACTIVATION_PARAMETERS];
} Options;

static float z_of(int i) {
    return (float)(i - COUNT / 2) * (16.0f / COUNT);
}

static double squared_relu(double z) {
    return z > 0 ? z * z : 0;
}

static double squared_relu_derivative(double z) {
    return z > 0 ? 2 * z : 0;
}

static float parse_number(const char *name, const char *text) {
    char *end;
    const float value = strtof(text, &end);
    if (end == text || *end) {
        fprintf(stderr, "custom_activation: %s \"%s\": expected a number\n", name, text);
        exit(2);
    }
    return value;
}

static Options parse(int argc, char **argv) {
    Options options = {0};
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i], *text = argv[i + 1]; /* NULL at the end */
        if (text && !strcmp(name, "--value"))
            options.value = text;
        else if (text && !strcmp(name, "--derivative"))
            options.derivative = text;
        else if (text && !strcmp(name, "--device"))
            options.device = text;
        else if (text && (!strcmp(name, "--p0") || !strcmp(name, "--p1") || !strcmp(name, "--p2")))
            options.p[name[3] - '0'] = parse_number(name, text);
        else {
            fprintf(stderr,
                    "usage: custom_activation [--value GLSL [--derivative GLSL]] [--p0 N] [--p1 N] [--p2 N]\n"
                    "                         [--device NAME]\n");
            exit(2);
        }
    }
    if (options.derivative && !options.value) {
        fprintf(stderr, "custom_activation: --derivative needs --value, whose derivative it is\n");
        exit(2);
    }
    return options;
}

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR)
        fprintf(stderr, "%s\n", message);
}

static void require(VknResult result) {
    if (result != VKN_SUCCESS)
        exit(EXIT_FAILURE); /* the log has said why */
}

static double milliseconds(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

/* f of all points, or f', which is the gradient of a loss whose gradient by y is 1. */
static void compute(VknRuntime *runtime, VknActivation activation, VknOperation operation, float *result) {
    float input[VKN_ROLE_COUNT][COUNT] = {{0}};
    VknBuffer buffers[VKN_ROLE_COUNT] = {{0}};
    VknRole output = operation == VKN_OPERATION_APPLY ? VKN_ROLE_Y : VKN_ROLE_DX;
    VknDesc desc;
    VknPlan *plan;
    VknBindings *bindings;
    vkn_desc_activation(&desc, operation, 1, (uint64_t[]){COUNT}, activation);
    double start = milliseconds();
    require(vkn_plan_create(vkn_runtime_context(runtime), &desc, &plan));
    printf("plan of %s created in %.0f ms\n", output == VKN_ROLE_Y ? "f" : "f'", milliseconds() - start);
    for (int i = 0; i < COUNT; i++) {
        input[VKN_ROLE_X][i] = z_of(i);
        input[VKN_ROLE_DY][i] = 1;
    }
    for (int role = 0; role < VKN_ROLE_COUNT; role++) {
        uint64_t size = vkn_plan_info(plan)->size[role];
        if (size == 0)
            continue;
        require(vkn_runtime_buffer_create(runtime, size, &buffers[role]));
        require(vkn_runtime_upload(runtime, &buffers[role], 0, input[role], size));
    }
    require(vkn_bindings_create(plan, buffers, &bindings));
    require(vkn_runtime_run(runtime, plan, bindings, NULL, 1, NULL));
    require(vkn_runtime_download(runtime, &buffers[output], 0, result, COUNT * sizeof *result));
    vkn_bindings_destroy(bindings);
    vkn_plan_destroy(plan);
}

/* The largest difference from a function on the CPU, in units of its size. */
static double difference(const float *result, double (*expected)(double)) {
    double worst = 0;
    for (int i = 0; i < COUNT; i++) {
        double right = expected(z_of(i)), d = fabs(result[i] - right) / fmax(1, fabs(right));
        worst = d <= worst ? worst : d; /* NaN counts */
    }
    return worst;
}

/* Points around which f does not rise as f' says. Over a quarter to each side, since GLSL's sine may be off
 * by 2^-11, which is a tenth of the slope between neighbours. */
static int count_wrong_slopes(const float *f, const float *df) {
    const int reach = COUNT / 64;
    int count = 0;
    for (int i = reach; i < COUNT - reach; i++) {
        double slope = ((double)f[i + reach] - f[i - reach]) / (2 * reach), mean = 0;
        for (int j = i - reach; j < i + reach; j++)
            mean += ((double)df[j] + df[j + 1]) / (4 * reach);
        slope /= z_of(1) - z_of(0);
        count += !(fabs(mean - slope) <= 0.01 * fmax(1, fabs(slope)));
    }
    return count;
}

int main(int argc, char **argv) {
    static float f[COUNT], df[COUNT];
    Options options = parse(argc, argv);
    bool own = options.value;
    if (!own) {
        options.value = "max(z, 0.0) * max(z, 0.0)";
        options.derivative = "2.0 * max(z, 0.0)";
    }
    const VknCustomActivation custom = {
        .name = "mine", .value = options.value, .derivative = options.derivative};
    VknActivation activation = {.parameter = {options.p[0], options.p[1], options.p[2]}};
    VknRuntime *runtime;
    bool correct = true;
    require(vkn_runtime_create(&(VknRuntimeDesc){.device = options.device, .log = {.write = log_write}},
                               &runtime));
    printf("Device: %s\n", vkn_runtime_info(runtime)->device_name);

    double start = milliseconds();
    require(vkn_activation_compile(vkn_runtime_context(runtime), vkn_compiler_glslang(), &custom, NULL, 0,
                                   &activation.id));
    printf("checked in %.0f ms\n", milliseconds() - start);
    compute(runtime, activation, VKN_OPERATION_APPLY, f);
    if (options.derivative)
        compute(runtime, activation, VKN_OPERATION_APPLY_GRADIENT, df);

    printf("\n%8s %12s %12s\n", "z", "f(z)", "f'(z)");
    for (int i = COUNT / 4; i <= 3 * COUNT / 4; i += COUNT / 16)
        printf(options.derivative ? "%8g %12.6g %12.6g\n" : "%8g %12.6g\n", z_of(i), f[i], df[i]);
    printf("\n");
    if (!own) {
        double y = difference(f, squared_relu), dx = difference(df, squared_relu_derivative);
        printf("largest difference from the CPU: f %.1e, f' %.1e\n", y, dx);
        correct = y <= 1e-6 && dx <= 1e-6;
    }
    if (options.derivative) {
        int wrong = count_wrong_slopes(f, df);
        printf("f' is not the slope of f at %d of %d points\n", wrong, COUNT);
        correct = correct && wrong <= COUNT / 100;
    }
    vkn_runtime_destroy(runtime);
    if (!correct)
        fprintf(stderr, "custom_activation: the result is wrong\n");
    return correct ? EXIT_SUCCESS : EXIT_FAILURE;
}
