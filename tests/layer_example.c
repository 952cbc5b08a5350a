/* The example of layers in README.md, which must be in here line by line:
 *
 *     layer_example README.md tests/layer_example.c
 *
 * It trains a layer to whiten and shift its input, and loads what it saved. */
#define _POSIX_C_SOURCE 200112L /* getpid() */
#include <vknorm/layer.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 32, CHANNELS = 4, COUNT = ROWS * CHANNELS };

static uint32_t passed, failed;

static void check(bool condition, const char *what) {
    passed += condition;
    failed += !condition;
    if (!condition)
        printf("FAILED: %s\n", what);
}

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR)
        printf("    %s\n", message);
}

/* ---------------------------------------------------------------------------------------------- README */

/* The next line of `text` without blanks at its beginning, NULL at the end. */
static char *next_line(char **text) {
    char *line = *text + strspn(*text, " "), *end = strchr(line, '\n');
    if (!end)
        return NULL;
    *end = '\0';
    *text = end + 1;
    return line;
}

static char *read_text(const char *path) {
    char *text = calloc(1, 1 << 20);
    FILE *file = fopen(path, "r");
    if (!text || !file || fread(text, 1, (1 << 20) - 1, file) == 0)
        exit(2);
    fclose(file);
    return text;
}

/* Every line of the README's block of code that begins with VknLayerDesc is here, in that order. */
static void compare_with_readme(const char *readme, const char *source) {
    char *text = read_text(readme), *code = read_text(source), *here = code;
    char *block = strstr(text, "    VknLayerDesc desc;"), *end = block ? strstr(block, "\n\n##") : NULL;
    uint32_t lines = 0;
    for (char *line = block; block && end && !strncmp(block, "    ", 4) && (line = next_line(&block));) {
        char *own;
        while ((own = next_line(&here)) && strcmp(own, line))
            ;
        check(own != NULL, line);
        lines++;
        while (*block == '\n')
            block++;
    }
    check(lines > 10, "README.md has the example");
    free(text);
    free(code);
}

/* ------------------------------------------------------------------------------------------- example */

static VknRuntime *runtime;

static VknBuffer upload(const float *values) {
    VknBuffer buffer = {0};
    vkn_runtime_buffer_create(runtime, COUNT * sizeof *values, &buffer);
    vkn_runtime_upload(runtime, &buffer, 0, values, COUNT * sizeof *values);
    return buffer;
}

/* Gradient descent, on the host to be short. */
static void update(const VknWeight *weight, float rate) {
    float value[CHANNELS], gradient[CHANNELS];
    vkn_runtime_download(runtime, &weight->value, 0, value, sizeof value);
    vkn_runtime_download(runtime, &weight->gradient, 0, gradient, sizeof gradient);
    for (int c = 0; c < CHANNELS; c++)
        value[c] -= rate * gradient[c];
    vkn_runtime_upload(runtime, &weight->value, 0, value, sizeof value);
}

/* dy of the mean of (y - target)^2 / 2; returns that. */
static double differentiate(const VknBuffer *y, const float *target, const VknBuffer *dy) {
    float values[COUNT];
    double sum = 0;
    vkn_runtime_download(runtime, y, 0, values, sizeof values);
    for (int i = 0; i < COUNT; i++) {
        values[i] -= target[i];
        sum += values[i] * values[i] / 2.0 / COUNT;
        values[i] /= COUNT;
    }
    vkn_runtime_upload(runtime, dy, 0, values, sizeof values);
    return sum;
}

int main(int argc, char **argv) {
    float input[COUNT], target[COUNT], loaded[CHANNELS], saved[CHANNELS];
    double error = 0, penalty = 0, first = 0;
    char path[64];
    if (argc != 3) {
        fprintf(stderr, "usage: %s README.md layer_example.c\n", argv[0]);
        return 2;
    }
    compare_with_readme(argv[1], argv[2]);
    if (vkn_runtime_create(&(VknRuntimeDesc){.log = {log_write, NULL}}, &runtime) != VKN_SUCCESS)
        return 2;
    snprintf(path, sizeof path, "layer_example_%ld.safetensors", (long)getpid());
    for (int i = 0; i < COUNT; i++) {
        input[i] = (float)((i * 37) % 64) + (float)(i % CHANNELS) * 10;
        target[i] = (float)(((i * 37) % 64) - 30) / 20 + (float)(i % CHANNELS);
    }
    VknBuffer x = upload(input), y = upload(input), dy = upload(input), dx = upload(input);

    VknLayerDesc desc; /* Keras' BatchNormalization(momentum=0.9, gamma_regularizer=L2(1e-4)), then ReLU */
    vkn_layer_desc_default(&desc, VKN_LAYER_BATCH_NORMALIZATION);
    desc.momentum = 0.9f;
    desc.gamma.regularizer.l2 = 1e-4f;
    desc.gamma.constraint = vkn_constraint_default(VKN_CONSTRAINT_NON_NEG);
    desc.activation = vkn_activation_default(VKN_ACTIVATION_RELU);

    VknLayer *layer;
    vkn_layer_create(runtime, &desc, &layer);
    vkn_layer_build(layer, 2, (uint64_t[]){ROWS, CHANNELS}); /* gamma, beta, moving_mean, moving_variance */

    for (int step = 0; step < 200; step++) {
        VknLayerCall call = {.training = true, .x = x, .y = y, .dy = dy, .dx = dx};
        vkn_layer_forward(layer, &call);
        error = differentiate(&y, target, &dy); /* yours */
        vkn_layer_backward(layer, &call);
        vkn_layer_regularize(layer, true, &penalty);
        const VknWeight *weight; /* those that are trained come first */
        for (uint32_t i = 0; (weight = vkn_layer_weight(layer, i)) && weight->trainable; i++)
            update(weight, 0.5f); /* yours */
        vkn_layer_constrain(layer);
        first = step ? first : error;
    }
    vkn_layers_save(1, &layer, path);

    vkn_runtime_download(runtime, &vkn_layer_weight(layer, 0)->value, 0, saved, sizeof saved);
    vkn_layer_destroy(layer);
    check(first > 0.5 && error < 0.1 * first, "the layer has learned something");
    check(penalty > 0, "the regularizer has a penalty");
    printf("error %.3f before, %.3f after, penalty %.5f\n", first, error, penalty);
    check(vkn_layer_create(runtime, &desc, &layer) == VKN_SUCCESS &&
              vkn_layer_build(layer, 2, (uint64_t[]){ROWS, CHANNELS}) == VKN_SUCCESS &&
              vkn_layers_load(1, &layer, path) == VKN_SUCCESS,
          "the weights are loaded");
    vkn_runtime_download(runtime, &vkn_layer_weight(layer, 0)->value, 0, loaded, sizeof loaded);
    check(!memcmp(loaded, saved, sizeof loaded), "the weights are those that were saved");
    remove(path);
    vkn_layer_destroy(layer);
    vkn_runtime_destroy(runtime);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed);
    return failed != 0;
}
