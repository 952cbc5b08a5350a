/* Runs the cases of ONNX's backend test suite whose operators vknorm has, with the tolerances of ONNX's own
 * runner: onnx_backend FOLDER, where FOLDER/CASE/ holds model.onnx and test_data_set_N/input_I.pb,
 * output_I.pb. Cases that are another one expanded into simpler operators (_expanded) are left out. */
#define _POSIX_C_SOURCE 200809L /* scandir */
#include "onnx_operator.h"
#include "onnx_run.h"

#include <dirent.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 4096, LIST_SIZE = 256, MOST_SKIPPED = 512 };

static VknRuntime *runtime;
static uint32_t passed, failed, skipped;

/* What was skipped, with how many cases each. */
static struct {
    char what[LIST_SIZE];
    uint32_t cases;
} skips[MOST_SKIPPED];
static size_t skip_count;

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR)
        onnx_fail("%s", message);
}

/* ------------------------------------------------------------------------------------------------ compare */

static bool is_close(OnnxType type, double got, double want) {
    double relative = type == ONNX_BFLOAT16 ? 0x1p-6 : 1e-3; /* those of ONNX's runner */
    if (onnx_type_info(type)->integer)
        return got == want;
    if (isnan(want) || isinf(want))
        return isnan(want) ? isnan(got) : got == want;
    return fabs(got - want) <= 1e-7 + relative * fabs(want);
}

static bool compare(const char *name, const OnnxTensor *got, const OnnxTensor *want) {
    uint64_t wrong = 0, first = 0;
    if (got->type != want->type)
        return onnx_fail("%s is %s, expected %s", name, onnx_type_info(got->type)->name,
                         onnx_type_info(want->type)->name);
    if (got->rank != want->rank || memcmp(got->shape, want->shape, sizeof got->shape) != 0)
        return onnx_fail("%s has another shape: %u axes and %llu elements, expected %u and %llu", name,
                         got->rank, (unsigned long long)got->count, want->rank,
                         (unsigned long long)want->count);
    for (uint64_t i = want->count; i-- > 0;)
        if (!is_close(want->type, got->value[i], want->value[i]))
            wrong++, first = i;
    return !wrong || onnx_fail("%s[%llu] is %.9g, expected %.9g (%llu of %llu are wrong)", name,
                               (unsigned long long)first, got->value[first], want->value[first],
                               (unsigned long long)wrong, (unsigned long long)want->count);
}

/* -------------------------------------------------------------------------------------------------- cases */

/* A path that is cut off here is one that cannot be opened. */
__attribute__((format(printf, 2, 3))) static void path_print(char path[PATH_SIZE], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path, PATH_SIZE, format, arguments);
    va_end(arguments);
}

static bool file_exists(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file)
        fclose(file);
    return file != NULL;
}

static bool check_outputs(const Onnx__GraphProto *graph, const char *folder, const OnnxValues *values) {
    bool right = true;
    for (size_t i = 0; right && i < graph->n_output; i++) {
        char path[PATH_SIZE];
        OnnxTensor want = {0};
        const char *name = graph->output[i]->name;
        const OnnxTensor *got = onnx_values_find(values, name);
        path_print(path, "%s/output_%zu.pb", folder, i);
        right = onnx_tensor_read(&want, path) && (got || onnx_fail("there is no output %s", name)) &&
                compare(name, got, &want);
        free(want.value);
    }
    return right;
}

static bool run_data_set(const Onnx__ModelProto *model, const char *folder) {
    const Onnx__GraphProto *graph = model->graph;
    OnnxValues values;
    bool right = onnx_values_create(&values, graph);
    for (size_t i = 0; right && i < graph->n_input; i++) {
        char path[PATH_SIZE];
        path_print(path, "%s/input_%zu.pb", folder, i);
        if (file_exists(path)) /* else it is an initializer */
            right = onnx_tensor_read(onnx_values_add(&values, graph->input[i]->name), path);
    }
    right = right && onnx_run(runtime, model, &values) && check_outputs(graph, folder, &values);
    onnx_values_destroy(&values);
    return right;
}

static bool run_model(const Onnx__ModelProto *model, const char *folder) {
    for (uint32_t i = 0;; i++) {
        char path[PATH_SIZE];
        path_print(path, "%s/test_data_set_%u/output_0.pb", folder, i);
        if (!file_exists(path))
            return i > 0 || onnx_fail("there is no %s", path);
        *strrchr(path, '/') = 0;
        if (!run_data_set(model, path))
            return false;
    }
}

/* Appends to a list that does not have it. */
static void list_add(char *list, const char *name) {
    char with_commas[2 * LIST_SIZE], pattern[LIST_SIZE];
    size_t length = strlen(list);
    snprintf(with_commas, sizeof with_commas, ", %s,", list);
    snprintf(pattern, sizeof pattern, " %s,", name);
    if (!strstr(with_commas, pattern))
        snprintf(list + length, LIST_SIZE - length, "%s%s", length ? ", " : "", name);
}

/* Lists what vknorm does not have: operators, and values other than tensors. */
static void list_missing(const Onnx__GraphProto *graph, char *list) {
    list[0] = 0;
    for (size_t i = 0; i < graph->n_node; i++)
        if (!onnx_operator_find(graph->node[i]))
            list_add(list, graph->node[i]->op_type);
    for (size_t i = 0; !list[0] && i < graph->n_input; i++)
        if (graph->input[i]->type && graph->input[i]->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
            snprintf(list, LIST_SIZE, "%s of what is no tensor", graph->node[0]->op_type);
}

static void skip(const char *name, const char *what) {
    size_t i = 0;
    while (i < skip_count && strcmp(skips[i].what, what) != 0)
        i++;
    if (i < MOST_SKIPPED) {
        snprintf(skips[i].what, LIST_SIZE, "%s", what);
        skips[i].cases++;
        skip_count += i == skip_count;
    }
    printf("SKIPPED %s: operator %s\n", name, what);
    skipped++;
}

static void run_case(const char *folder, const char *name) {
    char path[PATH_SIZE], missing[LIST_SIZE];
    onnx_reason_clear();
    path_print(path, "%s/%s/model.onnx", folder, name);
    Onnx__ModelProto *model = onnx_model_read(path);
    if (model) {
        list_missing(model->graph, missing);
        if (missing[0]) {
            skip(name, missing);
            onnx__model_proto__free_unpacked(model, NULL);
            return;
        }
        *strrchr(path, '/') = 0;
    }
    uint32_t messages = vkn_runtime_validation_count(runtime);
    bool right = model && run_model(model, path);
    if (vkn_runtime_validation_count(runtime) != messages)
        right = onnx_fail("the validation layer has messages");
    if (model)
        onnx__model_proto__free_unpacked(model, NULL);
    if (right)
        printf("PASSED %s\n", name);
    else
        printf("FAILED %s: %s\n", name, onnx_reason());
    fflush(stdout);
    *(right ? &passed : &failed) += 1;
}

static int is_case(const struct dirent *entry) {
    return !strncmp(entry->d_name, "test_", 5) && !strstr(entry->d_name, "_expanded");
}

static void run_folder(const char *folder, const char *only) {
    struct dirent **entries;
    int count = scandir(folder, &entries, is_case, alphasort);
    if (count <= 0) {
        printf("FAILED %s: a folder without cases\n", folder);
        failed++;
    }
    for (int i = 0; i < count; i++) {
        if (!only || !strcmp(only, entries[i]->d_name))
            run_case(folder, entries[i]->d_name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static int compare_skips(const void *a, const void *b) {
    return strcmp(a, b); /* of the names, which come first */
}

int main(int argc, char **argv) {
    VknRuntimeDesc desc = {.log = {log_write, NULL}};
    const char *only = NULL;
    int first = 1;
    for (; first < argc && argv[first][0] == '-'; first++) {
        if (!strcmp(argv[first], "--validation"))
            desc.validation = true;
        else if (!strcmp(argv[first], "--device") && first + 1 < argc)
            desc.device = argv[++first];
        else if (!strcmp(argv[first], "--case") && first + 1 < argc)
            only = argv[++first];
        else
            break;
    }
    if (first == argc || argv[first][0] == '-') {
        fprintf(stderr, "usage: %s [--device NAME] [--validation] [--case NAME] FOLDER...\n", argv[0]);
        return 2;
    }
    if (vkn_runtime_create(&desc, &runtime) != VKN_SUCCESS)
        return fprintf(stderr, "%s\n", onnx_reason()), 2;
    for (; first < argc; first++)
        run_folder(argv[first], only);
    vkn_runtime_destroy(runtime);
    qsort(skips, skip_count, sizeof *skips, compare_skips);
    for (size_t i = 0; i < skip_count; i++)
        printf("skipped: %3u of %s\n", skips[i].cases, skips[i].what);
    printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    return failed || !passed;
}
