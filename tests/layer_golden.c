/* Follows the scripts of tests/golden/layers.txt: layers are built, called, updated, and compared with what
 * Keras made of the same. tests/golden/README.md has the words. */
#include "layer_script.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the largest magnitude in a tensor, but at least of 1: some roundings of f32, and up to three in exp().
 */
#define BOUND 3e-6

#define MOST 1024 /* elements of any tensor in a script */

static VknRuntime *runtime;
static FILE *file;
static char case_name[96];
static uint32_t passed, failed, case_failed;
static double worst;

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR)
        printf("    %s\n", message);
}

static void complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("FAILED: %s: ", case_name);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    case_failed++;
}

/* A script that cannot be understood, or a device that fails, ends the program. */
static void require(bool condition, const char *what) {
    if (condition)
        return;
    complain("%s", what);
    exit(1);
}

static void call(VknResult result) {
    require(result == VKN_SUCCESS, vkn_result_name(result)); /* the log has said why */
}

/* --------------------------------------------------------------------------------------------- words */

/* The next word; false at the end of the file. */
static bool read_word(char word[96]) {
    for (;;) {
        if (fscanf(file, "%95s", word) != 1)
            return false;
        if (word[0] != '#')
            return true;
        if (fscanf(file, "%*[^\n]") < 0)
            return false;
    }
}

static double read_number(void) {
    char word[96], *end;
    require(read_word(word), "a number is expected");
    double number = strtod(word, &end);
    require(!*end, word);
    return number;
}

static uint32_t read_count(uint32_t most) {
    double count = read_number();
    require(count >= 0 && count <= most && count == floor(count), "a count is expected");
    return (uint32_t)count;
}

static uint32_t read_numbers(double *numbers, uint32_t most) {
    uint32_t count = read_count(most);
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = read_number();
    return count;
}

/* ----------------------------------------------------------------------------------------- the layer */

/* Tensors of a call, by name. */
enum { X, Y, DY, DX, MASK, TENSORS };
static const char *const TENSOR[TENSORS] = {"x", "y", "dy", "dx", "mask"};

static VknLayerDesc desc;
static VknLayer *layer;
static VknBuffer tensors[TENSORS];
static bool masked;
static uint32_t elements; /* of x */
static double loss;

static void begin_case(void) {
    static const struct {
        const char *name;
        VknLayerKind kind;
    } KINDS[] = {{"BATCH_NORMALIZATION", VKN_LAYER_BATCH_NORMALIZATION},
                 {"LAYER_NORMALIZATION", VKN_LAYER_LAYER_NORMALIZATION},
                 {"GROUP_NORMALIZATION", VKN_LAYER_GROUP_NORMALIZATION},
                 {"RMS_NORMALIZATION", VKN_LAYER_RMS_NORMALIZATION},
                 {"UNIT_NORMALIZATION", VKN_LAYER_UNIT_NORMALIZATION},
                 {"ACTIVATION", VKN_LAYER_ACTIVATION},
                 {"PRELU", VKN_LAYER_PRELU},
                 {"SOFTMAX", VKN_LAYER_SOFTMAX}};
    char kind[96];
    require(read_word(case_name) && read_word(kind), "a case has a name and a kind");
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (!strcmp(KINDS[i].name, kind)) {
            vkn_layer_desc_default(&desc, KINDS[i].kind);
            return;
        }
    call(vkn_layer_desc_activation((VknLog){log_write, NULL}, kind, &desc)); /* Keras' name of one */
}

static void build(void) {
    double extents[VKN_MAX_RANK];
    uint64_t shape[VKN_MAX_RANK];
    uint32_t rank = read_numbers(extents, VKN_MAX_RANK);
    for (uint32_t i = 0; i < rank; i++)
        shape[i] = (uint64_t)extents[i];
    call(vkn_layer_create(runtime, &desc, &layer));
    call(vkn_layer_build(layer, rank, shape));
}

static const VknWeight *weight_of(const char *name) {
    const VknWeight *weight;
    for (uint32_t i = 0; (weight = vkn_layer_weight(layer, i)); i++)
        if (!strcmp(weight->name, name))
            break;
    return weight;
}

/* Names, shapes and order. */
static void compare_weights(void) {
    const VknWeight *weight;
    uint32_t count = read_count(16), i;
    for (i = 0; i < count; i++) {
        char name[96];
        double shape[VKN_MAX_RANK];
        require(read_word(name), "a weight has a name");
        uint32_t rank = read_numbers(shape, VKN_MAX_RANK);
        weight = vkn_layer_weight(layer, i);
        bool same = weight && !strcmp(weight->name, name) && weight->rank == rank;
        for (uint32_t k = 0; k < rank && same; k++)
            same = weight->shape[k] == (uint64_t)shape[k];
        if (!same)
            complain("weight %u is not %s, or of another shape", i, name);
    }
    if (vkn_layer_weight(layer, i))
        complain("there are more than %u weights", i);
}

/* -------------------------------------------------------------------------------------- give and want */

static uint32_t tensor_of(const char *name) {
    uint32_t i = 0;
    while (i < TENSORS && strcmp(TENSOR[i], name))
        i++;
    return i;
}

static void give(const char *name) {
    static double numbers[MOST];
    static float values[MOST];
    static uint8_t bytes[MOST];
    uint32_t count = read_numbers(numbers, MOST), tensor = tensor_of(name);
    for (uint32_t i = 0; i < count; i++) {
        values[i] = (float)numbers[i];
        bytes[i] = numbers[i] != 0;
    }
    if (tensor == MASK) {
        masked = count > 0;
        call(vkn_runtime_upload(runtime, &tensors[MASK], 0, bytes, (count + 3) / 4 * 4));
        return;
    }
    if (tensor == X)
        elements = count;
    const VknWeight *weight = tensor < TENSORS ? NULL : weight_of(name);
    require(tensor < TENSORS || (weight && weight->count == count), name);
    call(vkn_runtime_upload(runtime, weight ? &weight->value : &tensors[tensor], 0, values, count * 4));
}

/* What there is by that name: a tensor, a weight, or d and the name of a weight. */
static uint32_t fetch(const char *name, double *is) {
    static float values[MOST];
    const VknParameterCount counts = vkn_layer_parameter_count(layer);
    const VknWeight *weight = weight_of(name);
    const VknWeight *of = weight || name[0] != 'd' ? weight : weight_of(name + 1);
    uint32_t tensor = tensor_of(name), count = tensor < TENSORS ? elements : of ? (uint32_t)of->count : 0;
    if (!strcmp(name, "loss")) {
        is[0] = loss;
        return 1;
    }
    if (!strcmp(name, "counts")) {
        is[0] = (double)counts.total;
        is[1] = (double)counts.trainable;
        is[2] = (double)counts.non_trainable;
        return 3;
    }
    require(count, name);
    call(vkn_runtime_download(runtime,
                              tensor < TENSORS ? &tensors[tensor]
                              : weight         ? &of->value
                                               : &of->gradient,
                              0, values, count * 4));
    for (uint32_t i = 0; i < count; i++)
        is[i] = values[i];
    return count;
}

static void want(const char *name) {
    static double numbers[MOST], is[MOST];
    double scale = 1, error = 0;
    uint32_t count = read_numbers(numbers, MOST);
    if (fetch(name, is) != count) {
        complain("%s does not have %u elements", name, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        scale = fmax(scale, fabs(numbers[i]));
        error = is[i] == numbers[i] ? error : isnan(is[i]) ? INFINITY : fmax(error, fabs(is[i] - numbers[i]));
    }
    worst = fmax(worst, error / scale);
    if (!(error <= BOUND * scale))
        complain("%s is off by %g, of at most %g", name, error, BOUND * scale);
}

/* ---------------------------------------------------------------------------------------------- steps */

static void run(bool forward, bool training, uint32_t samples) {
    /* What is not given by the script must not be read, what is written must be. */
    uint32_t poison[MOST];
    memset(poison, 0xff, sizeof poison); /* NaN */
    VknLayerCall arguments = {.samples = samples,
                              .training = training,
                              .x = tensors[X],
                              .y = tensors[Y],
                              .dy = tensors[DY],
                              .dx = tensors[DX],
                              .mask = masked ? tensors[MASK] : (VknBuffer){0}};
    call(vkn_runtime_upload(runtime, &tensors[forward ? Y : DX], 0, poison, sizeof poison));
    call(forward ? vkn_layer_forward(layer, &arguments) : vkn_layer_backward(layer, &arguments));
}

static void end_case(void) {
    vkn_layer_destroy(layer);
    layer = NULL;
    masked = false;
    passed += case_failed == 0;
    failed += case_failed > 0;
    case_failed = 0;
}

static void follow(const char *word) {
    char name[96];
    if (!strcmp(word, "case")) {
        begin_case();
    } else if (!strcmp(word, "set") && read_word(name)) {
        double values[LAYER_SCRIPT_VALUES] = {0};
        uint32_t count = read_numbers(values, LAYER_SCRIPT_VALUES);
        require(layer_script_set(&desc, name, values, count), name);
    } else if (!strcmp(word, "build")) {
        build();
    } else if (!strcmp(word, "weights")) {
        compare_weights();
    } else if (!strcmp(word, "give") && read_word(name)) {
        give(name);
    } else if (!strcmp(word, "want") && read_word(name)) {
        want(name);
    } else if (!strcmp(word, "trainable")) {
        vkn_layer_set_trainable(layer, read_count(1));
    } else if (!strcmp(word, "forward")) {
        bool training = read_count(1);
        run(true, training, read_count(MOST));
    } else if (!strcmp(word, "backward")) {
        run(false, false, 0);
    } else if (!strcmp(word, "regularize")) {
        call(vkn_layer_regularize(layer, true, &loss));
    } else if (!strcmp(word, "constrain")) {
        call(vkn_layer_constrain(layer));
    } else {
        require(!strcmp(word, "end"), word);
        end_case();
    }
}

int main(int argc, char **argv) {
    char word[96];
    const bool validation = argc > 1 && !strcmp(argv[1], "--validation");
    if (argc != 2 + validation || argv[argc - 1][0] == '-') {
        fprintf(stderr, "usage: %s [--validation] FILE\n", argv[0]);
        return 2;
    }
    VknRuntimeDesc runtime_desc = {.validation = validation, .log = {log_write, NULL}};
    call(vkn_runtime_create(&runtime_desc, &runtime));
    for (uint32_t i = 0; i < TENSORS; i++)
        call(vkn_runtime_buffer_create(runtime, MOST * sizeof(float), &tensors[i]));
    file = fopen(argv[argc - 1], "r");
    require(file, argv[argc - 1]);
    while (read_word(word))
        follow(word);
    fclose(file);
    require(!layer && passed + failed > 0, "the file ends within a case");
    uint32_t messages = vkn_runtime_validation_count(runtime);
    vkn_runtime_destroy(runtime);
    if (messages)
        printf("%u validation messages\n", messages);
    failed += messages > 0;
    printf("the largest error is %.0f%% of what is allowed\n", 100 * worst / BOUND);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed);
    return failed != 0;
}
