#include "options.h"

#include "../file.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* getopt_long() returns them. */
enum {
    MODEL = 1,
    DATA,
    EPOCHS,
    BATCH,
    OPTIMIZER,
    RATE,
    MOMENTUM,
    SEED,
    EXPECT,
    COMPARE,
    PLOT,
    SUMMARY,
    GOLDEN,
    DEVICE,
    VALIDATION,
    HELP
};

/* A bit for each option from `first` to `last`. */
#define BITS(first, last) ((2u << (last)) - (1u << (first)))

static void usage(void) {
    printf(
        "usage: train [option...]\n"
        "\n"
        "Trains a model on a Vulkan device: an example of an engine that records vknorm's plans for batch\n"
        "normalization, activations and softmax into its own command buffer, between its own kernels.\n"
        "\n"
        "  --model NAME      one of these, or all of them (default: mlp)\n");
    for (const Model *model = models; model->name != NULL; model++)
        printf("                      %-12s %s\n", model->name, model->text);
    printf("  --data DATA       digits: 1,797 handwritten digits, which come with the sample (default)\n"
           "                    sensor: generated series of five sensors (default of lstm)\n"
           "                    or a folder with MNIST, Fashion-MNIST or their like, as IDX files\n"
           "  --epochs N        passes over the training samples, 1 to 1000 (default: 15)\n"
           "  --batch N         samples per step, 2 to 1024 (default: 32)\n"
           "  --optimizer NAME  sgd or adam (default: sgd for dense and mlp, adam for the others)\n"
           "  --lr X            learning rate (default: 0.1 for sgd, 0.001 for adam)\n"
           "  --momentum X      of sgd, 0 to 1 (default: 0); adam has its own\n"
           "  --seed N          of initial weights and of the order of samples (default: 1)\n"
           "  --expect X        accuracy on the test samples, 0 to 1; less ends with status 1. With all, of "
           "those\n"
           "                    that have one\n"
           "  --compare         train the model without batch normalization, too\n"
           "  --plot FILE.svg   draw the learning curves\n"
           "  --summary         print layers and parameters and stop\n"
           "  --golden FILE     take the first ten steps and compare with those in FILE\n"
           "  --device NAME     part of a device's name (default: the first GPU, else a software renderer)\n"
           "  --validation      with the Vulkan validation layer; its messages end with status 1\n"
           "  --help            print this and stop\n"
           "\n"
           "Examples:\n"
           "  train                                      the digits to more than 97 %%\n"
           "  train --compare --plot curves.svg          what batch normalization is good for\n"
           "  train --model cnn --data ~/fashion-mnist --epochs 3\n"
           "  train --model all --summary                all models as Keras prints them\n"
           "\n"
           "Status: 0, 1 when an expectation was not met, 2 when options, files or the device do not allow "
           "it.\n");
}

static uint64_t parse_count(const char *option, const char *text, uint64_t low, uint64_t high) {
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < low || value > high)
        fail("%s \"%s\": expected a whole number from %llu to %llu", option, text, (unsigned long long)low,
             (unsigned long long)high);
    return value;
}

static double parse_number(const char *option, const char *text, double low, double high) {
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= low && value <= high))
        fail("%s \"%s\": expected a number from %g to %g", option, text, low, high);
    return value;
}

static const Model *parse_model(const char *text) {
    const Model *model = strcmp(text, "all") == 0 ? NULL : model_find(text);
    if (model == NULL && strcmp(text, "all") != 0)
        fail("--model \"%s\": there is no such model, see --help", text);
    return model;
}

static OptimizerKind parse_optimizer(const char *text) {
    if (strcmp(text, "sgd") == 0)
        return OPTIMIZER_SGD;
    if (strcmp(text, "adam") != 0)
        fail("--optimizer \"%s\": expected sgd or adam", text);
    return OPTIMIZER_ADAM;
}

static void check_plot(const char *path) {
    const size_t length = strlen(path);
    if (length < 4 || strcmp(path + length - 4, ".svg") != 0)
        fail("--plot \"%s\": the name of a plot ends in .svg", path);
    if (!file_can_write(path))
        fail("--plot \"%s\": %s", path, strerror(errno));
}

/* Refuses what would have no effect; `given` has a bit for each option. */
static void check_effects(const Options *options, uint32_t given) {
    const uint32_t learning = BITS(EPOCHS, PLOT) & ~BITS(COMPARE, COMPARE);
    const Model *model = options->model;
    if (options->golden != NULL && given & (BITS(DATA, PLOT) | BITS(SUMMARY, SUMMARY)))
        fail(
            "--golden takes the steps that the file has; only --model, --device and --validation go with it");
    if (options->summary && given & learning)
        fail("--summary trains nothing; only --model, --data, --compare, --device and --validation go with "
             "it");
    if (model == NULL && options->plot != NULL)
        fail("--plot draws one model, not all");
    if (model != NULL && options->compare && model->plain == NULL)
        fail("--compare: model %s has no form without batch normalization to compare with", model->name);
    if (model != NULL && model->series && given & BITS(EXPECT, EXPECT))
        fail("--expect: model %s tells no classes, so it has no accuracy", model->name);
    const bool sgd = options->has_optimizer ? options->optimizer.kind == OPTIMIZER_SGD
                                            : model != NULL && model->optimizer == OPTIMIZER_SGD;
    if (given & BITS(MOMENTUM, MOMENTUM) && !sgd)
        fail("--momentum is of sgd: it needs --optimizer sgd here");
}

Options options_parse(int argc, char **argv) {
    static const struct option LONG_OPTIONS[] = {
        {"model", required_argument, NULL, MODEL},
        {"data", required_argument, NULL, DATA},
        {"epochs", required_argument, NULL, EPOCHS},
        {"batch", required_argument, NULL, BATCH},
        {"optimizer", required_argument, NULL, OPTIMIZER},
        {"lr", required_argument, NULL, RATE},
        {"momentum", required_argument, NULL, MOMENTUM},
        {"seed", required_argument, NULL, SEED},
        {"expect", required_argument, NULL, EXPECT},
        {"compare", no_argument, NULL, COMPARE},
        {"plot", required_argument, NULL, PLOT},
        {"summary", no_argument, NULL, SUMMARY},
        {"golden", required_argument, NULL, GOLDEN},
        {"device", required_argument, NULL, DEVICE},
        {"validation", no_argument, NULL, VALIDATION},
        {"help", no_argument, NULL, HELP},
        {0},
    };
    Options options = {.model = model_find("mlp"), .epochs = 15, .batch = 32, .seed = 1};
    uint32_t given = 0;
    for (int option; (option = getopt_long(argc, argv, "", LONG_OPTIONS, NULL)) != -1;) {
        if (option >= MODEL && option <= HELP)
            given |= BITS(option, option);
        switch (option) {
        case MODEL:
            options.model = parse_model(optarg);
            break;
        case DATA:
            options.data = optarg;
            if (optarg[0] == '\0')
                fail("--data \"\": expected digits, sensor or a folder");
            break;
        case EPOCHS:
            options.epochs = (uint32_t)parse_count("--epochs", optarg, 1, 1000);
            break;
        case BATCH:
            options.batch = (uint32_t)parse_count("--batch", optarg, 2, 1024);
            break;
        case OPTIMIZER:
            options.optimizer.kind = parse_optimizer(optarg);
            options.has_optimizer = true;
            break;
        case RATE:
            options.optimizer.rate = (float)parse_number("--lr", optarg, 0, 100);
            options.has_rate = true;
            break;
        case MOMENTUM:
            options.optimizer.momentum = (float)parse_number("--momentum", optarg, 0, 1);
            break;
        case SEED:
            options.seed = parse_count("--seed", optarg, 0, UINT64_MAX);
            break;
        case EXPECT:
            options.expect = parse_number("--expect", optarg, 0, 1);
            break;
        case COMPARE:
            options.compare = true;
            break;
        case PLOT:
            options.plot = optarg;
            break;
        case SUMMARY:
            options.summary = true;
            break;
        case GOLDEN:
            options.golden = optarg;
            break;
        case DEVICE:
            options.device = optarg;
            break;
        case VALIDATION:
            options.validation = true;
            break;
        case HELP:
            usage();
            exit(EXIT_SUCCESS);
        default: /* getopt_long() has named the option. */
            fail("see --help");
        }
    }
    if (optind < argc)
        fail("unexpected argument \"%s\", see --help", argv[optind]);
    check_effects(&options, given);
    if (options.plot != NULL)
        check_plot(options.plot);
    return options;
}
