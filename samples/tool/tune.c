/* `vknorm tune`: the fastest strategies on a device. */
#include "run.h"

#include "../file.h"
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Tune {
    const char *device, *file, *suite, *roles;
    bool validation;
    const char *texts[MOST_SETTINGS];
    Settings settings;
    const Operation *operation;
    Request request;
    VknRuntime *runtime;
} Tune;

static void usage(void) {
    puts("usage: vknorm tune OPERATION --set shape=N,N,... [--set ATTRIBUTE=VALUE ...] [--roles "
         "ROLE,ROLE,...]\n"
         "           [--file FILE]\n"
         "       vknorm tune --suite NAME [--file FILE]\n"
         "\n"
         "Times every strategy that can compute an operation on a device, and names the fastest beside the "
         "one\n"
         "that would be chosen without. A program that opens the file plans with the fastest:\n"
         "VknRuntimeDesc.tuning_path, or vkn_tuning_unpack() in an engine of its own. A strategy counts as "
         "faster\n"
         "when it is so by 5 %, in the median of 15 rounds in which all run in turns. Best on an idle "
         "machine.\n"
         "\n"
         "  --set ATTRIBUTE=VALUE   as for vknorm run; the shape has to be set\n"
         "  --roles ROLE,ROLE,...   all that the program binds (default: x, y, gamma, beta, the running\n"
         "                          statistics, what the operation needs, as vkn_desc_*() has them): what "
         "was tuned\n"
         "                          serves descriptions of the same roles\n"
         "  --suite NAME            the shapes of the benchmark, see vknorm bench --help\n"
         "  --file FILE             keeps the fastest ones there, beside those it has of this device and "
         "driver\n"
         "  --device NAME|INDEX     part of a device's name, or its number in vknorm info\n"
         "                          (default: the first GPU, else a software renderer)\n"
         "  --validation            fails when Vulkan's validation layer has something to say\n"
         "  --help                  prints this\n"
         "\n"
         "Batch normalization for training, with ReLU and the saved statistics that a gradient needs:\n"
         "\n"
         "  vknorm tune batch_norm --set axes=1 --set shape=32,256,14,14 --set activation=relu \\\n"
         "      --roles x,y,gamma,beta,mean,inv_std,running_mean,running_variance --file vknorm.tuned");
}

/* ------------------------------------------------------------------------------------------ options */

static bool parse_roles(const char *text, uint32_t *bits) {
    char name[64], where[256];
    snprintf(where, sizeof where, "--roles %s", text);
    for (*bits = 0; *text; text += *text == ',') {
        size_t length = strcspn(text, ",");
        snprintf(name, sizeof name, "%.*s", (int)length, text);
        const Role *role = role_find(where, name);
        if (!role)
            return false;
        *bits |= VKN_ROLE_BIT(role - roles);
        text += length;
    }
    return *bits || fail("--roles: expected role,role,...");
}

static bool describe(Tune *tune, const char *name) {
    Request *request = &tune->request;
    tune->operation = operation_find(name);
    if (!tune->operation || !settings_check(&tune->settings, tune->operation) ||
        !settings_arguments(&tune->settings, tune->operation, request))
        return false;
    if (!request->rank)
        return fail("tuning needs --set shape=N,N,...");
    return settings_describe(&tune->settings, tune->operation, request) &&
           (!tune->roles || parse_roles(tune->roles, &request->desc.roles));
}

static bool check_suite(const char *name) {
    char names[256] = "all";
    bool found = strcmp(name, "all") == 0;
    for (uint32_t i = 0; bench_suite_name(i); i++) {
        size_t end = strlen(names);
        snprintf(names + end, sizeof names - end, ", %s", bench_suite_name(i));
        found = found || strcmp(name, bench_suite_name(i)) == 0;
    }
    return found || fail("--suite %s: no such suite, there are %s", name, names);
}

static int parse(int argc, char **argv, Tune *tune) {
    enum { SET = 1, ROLES, SUITE, FILE_, DEVICE, VALIDATION, HELP };
    static const struct option OPTIONS[] = {
        {"set", required_argument, NULL, SET},       {"roles", required_argument, NULL, ROLES},
        {"suite", required_argument, NULL, SUITE},   {"file", required_argument, NULL, FILE_},
        {"device", required_argument, NULL, DEVICE}, {"validation", no_argument, NULL, VALIDATION},
        {"help", no_argument, NULL, HELP},           {0},
    };
    tune->settings.texts = tune->texts;
    for (int option; (option = next_option(argc, argv, OPTIONS)) != -1;) {
        switch (option) {
        case SET:
            if (tune->settings.count == MOST_SETTINGS)
                return fail("--set: at most %d times", MOST_SETTINGS), STATUS_USAGE;
            tune->texts[tune->settings.count++] = optarg;
            break;
        case ROLES:
            tune->roles = optarg;
            break;
        case SUITE:
            tune->suite = optarg;
            break;
        case FILE_:
            tune->file = optarg;
            break;
        case DEVICE:
            tune->device = optarg;
            break;
        case VALIDATION:
            tune->validation = true;
            break;
        case HELP:
            usage();
            return STATUS_DONE;
        default:
            return STATUS_USAGE;
        }
    }
    if (tune->suite && (optind < argc || tune->settings.count || tune->roles))
        return fail("--suite %s: its operations have their shapes and roles", tune->suite), STATUS_USAGE;
    if (!tune->suite && optind == argc)
        return fail("which operation? For example vknorm tune softmax; see vknorm tune --help"), STATUS_USAGE;
    if (tune->suite)
        return check_suite(tune->suite) ? -1 : STATUS_USAGE;
    if (optind + 1 < argc)
        return fail("%s: one operation at a time", argv[optind + 1]), STATUS_USAGE;
    return describe(tune, argv[optind]) ? -1 : STATUS_USAGE;
}

/* --------------------------------------------------------------------------------------------- tune */

static bool tune_one(Tune *tune, const char *name, const char *operation, const VknDesc *desc) {
    VknTuneInfo info;
    if (vkn_runtime_tune(tune->runtime, desc, &info) != VKN_SUCCESS)
        return false;
    if (!info.planned)
        return fail("%s %s: the tensor is empty", name, operation);
    const char *planned = vkn_strategy_name(info.planned - 1), *fastest = vkn_strategy_name(info.fastest - 1);
    double before = info.seconds[info.planned - 1], after = info.seconds[info.fastest - 1];
    printf("%-23s %-16s %-18s", name, operation, planned);
    if (before > 0)
        printf(" %10.1f  %-18s %10.1f %6.2fx\n", 1e6 * before, fastest, 1e6 * after, before / after);
    else
        printf("             the only one\n");
    fflush(stdout);
    return true;
}

static bool tune_suite(Tune *tune) {
    uint32_t count;
    BenchCase *cases = bench_suite(tune->suite, &count);
    bool done = cases || fail("no memory for the cases of --suite %s", tune->suite);
    for (uint32_t i = 0; i < count && done; i++) {
        char operation[32];
        snprintf(operation, sizeof operation, "%s%s", bench_operation_name(cases[i].operation),
                 strcmp(cases[i].type, "f32") ? " f16" : "");
        done = tune_one(tune, cases[i].name, operation, &cases[i].desc);
    }
    free(cases);
    return done;
}

static bool tune_request(Tune *tune) {
    const VknDesc *desc = &tune->request.desc;
    char name[NPY_SHAPE_SIZE];
    return tune_one(tune, npy_shape(desc->shape, desc->rank, name), tune->operation->name, desc);
}

/* Whether a file has what tuning writes, or nothing: what it is not is not overwritten. */
static bool holds_tuning(const char *path) {
    char begin[8] = "";
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(begin, 1, sizeof begin, file) : 0;
    if (file)
        fclose(file);
    return size == 0 || (size == sizeof begin && memcmp(begin, "vknTUNED", sizeof begin) == 0);
}

static bool tune_all(Tune *tune) {
    if (tune->file && !holds_tuning(tune->file))
        return fail("--file %s is no tuning file and is left as it is: name another, or remove it",
                    tune->file);
    if (tune->file && !file_can_write(tune->file))
        return fail("cannot write --file %s: %s", tune->file, strerror(errno));
    VknRuntimeDesc desc = {
        .device = tune->device, .validation = tune->validation, .tuning_path = tune->file, .log = tool_log()};
    if (vkn_runtime_create(&desc, &tune->runtime) != VKN_SUCCESS)
        return false;
    printf("%s\n%-23s %-16s %-18s %10s  %-18s %10s\n", vkn_runtime_info(tune->runtime)->device_name, "shape",
           "operation", "planned", "us", "fastest", "us");
    if (!(tune->suite ? tune_suite(tune) : tune_request(tune)) ||
        (tune->file && !vkn_runtime_save_tuning(tune->runtime)))
        return false;
    uint32_t messages = vkn_runtime_validation_count(tune->runtime);
    return messages == 0 || fail("the validation layer had %u messages", messages);
}

int tune_main(int argc, char **argv) {
    Tune tune = {0};
    int status = parse(argc, argv, &tune);
    if (status < 0)
        status = tune_all(&tune) ? STATUS_DONE : STATUS_FAILED;
    vkn_runtime_destroy(tune.runtime);
    return status;
}
