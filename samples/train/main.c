/* Trains models on an engine of its own that embeds vknorm: norm.c is where they meet. */
#include "curves.h"
#include "golden.h"
#include "options.h"
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --------------------------------------------------------------------------------------------- data */

/* The data of a model: what the option names, or what it learns from by default. */
static Dataset data_open(const Model *model, const char *name) {
    if (name == NULL)
        name = model->series ? "sensor" : "digits";
    Dataset data;
    const bool opened = strcmp(name, "digits") == 0   ? data_digits(TRAIN_DIGITS, &data)
                        : strcmp(name, "sensor") == 0 ? data_sensor(&data)
                                                      : data_idx(name, &data);
    if (!opened)
        exit(2); /* stderr has a sentence about it */
    if (model->series != (data.classes == 0))
        fail("model %s learns from %s, which --data %s has not", model->name,
             model->series ? "series" : "images", name);
    return data;
}

static Samples training_samples(const Dataset *data) {
    return (Samples){data->train_x, data->train_label, data->train_target, NULL, data->train_count};
}

static Samples test_samples(const Dataset *data) {
    return (Samples){data->test_x, data->test_label, data->test_target, NULL, data->test_count};
}

/* The order of the samples in an epoch (Fisher & Yates 1938), from an xorshift generator (Marsaglia 2003). */
static void shuffle(uint32_t *order, uint32_t count, uint64_t *random) {
    for (uint32_t i = count; i > 1; i--) {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        const uint32_t j = (uint32_t)(*random % i), other = order[j];
        order[j] = order[i - 1];
        order[i - 1] = other;
    }
}

/* ------------------------------------------------------------------------------------------ summary */

static void summarize(const Net *net) {
    SummaryRow rows[MAX_LAYERS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < net->layer_count; i++) {
        const Layer *layer = &net->layers[i];
        if (layer->hidden)
            continue;
        SummaryRow *row = &rows[count++];
        *row = (SummaryRow){.name = layer->name, .kind = layer->type->kind, .parameters = layer->parameters};
        const uint32_t batch_axis = layer->y.rank == 3 ? 1 : 0; /* series lie time first */
        int length = snprintf(row->shape, sizeof row->shape, "(None");
        for (uint32_t axis = 0; axis < layer->y.rank; axis++)
            if (axis != batch_axis)
                length += snprintf(row->shape + length, sizeof row->shape - (size_t)length, ", %llu",
                                   (unsigned long long)layer->y.shape[axis]);
        snprintf(row->shape + length, sizeof row->shape - (size_t)length, ")");
    }
    summary_print(net->model->name, rows, count, net_parameters(net, true), net_parameters(net, false));
}

/* ----------------------------------------------------------------------------------------- training */

/* What curves_write() draws of a model, one value per epoch. */
typedef struct History {
    double *train_loss, *test_loss, *train_accuracy, *test_accuracy;
} History;

typedef struct Epoch {
    uint32_t number, epochs, batch, steps;
    double start; /* seconds */
} Epoch;

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void show_progress(void *user, uint32_t samples_done, Score score) {
    const Epoch *epoch = user;
    progress_print(epoch->number, epoch->epochs, samples_done / epoch->batch, epoch->steps,
                   seconds_now() - epoch->start, score.loss, score.accuracy);
}

static Optimizer optimizer_of(const Model *model, const Options *options) {
    Optimizer optimizer =
        optimizer_default(options->has_optimizer ? options->optimizer.kind : model->optimizer);
    if (options->has_rate)
        optimizer.rate = options->optimizer.rate;
    optimizer.momentum = options->optimizer.momentum;
    return optimizer;
}

/* Trains epoch by epoch and returns the last score on the test samples. The samples that do not fill a batch
 * are left out, other ones in each epoch. */
static Score train_epochs(Net *net, const Dataset *data, const Options *options, const History *history) {
    const Optimizer optimizer = optimizer_of(net->model, options);
    Feed *train = feed_create(net, &optimizer), *test = feed_create(net, NULL);
    Samples samples = training_samples(data);
    const Samples held_out = test_samples(data);
    uint32_t *order = allocate(samples.count, sizeof *order);
    for (uint32_t i = 0; i < samples.count; i++)
        order[i] = i;
    uint64_t random = options->seed * 2 + 1;
    Epoch epoch = {.epochs = options->epochs, .batch = net->batch, .steps = samples.count / net->batch};
    samples.order = order;
    samples.count = epoch.steps * epoch.batch;
    Score tested = {0};
    for (epoch.number = 1; epoch.number <= epoch.epochs; epoch.number++) {
        epoch.start = seconds_now();
        shuffle(order, data->train_count, &random);
        const Score trained = feed_run(net, train, &samples, show_progress, &epoch);
        tested = feed_run(net, test, &held_out, NULL, NULL);
        progress_epoch(epoch.number, epoch.epochs, epoch.steps, epoch.steps, seconds_now() - epoch.start,
                       trained.loss, trained.accuracy, tested.loss, tested.accuracy);
        history->train_loss[epoch.number - 1] = trained.loss;
        history->test_loss[epoch.number - 1] = tested.loss;
        history->train_accuracy[epoch.number - 1] = trained.accuracy;
        history->test_accuracy[epoch.number - 1] = tested.accuracy;
    }
    free(order);
    free(train);
    free(test);
    return tested;
}

/* Returns whether the accuracy is what was expected. */
static bool train_model(Gpu *gpu, const Model *model, const Options *options, const History *history) {
    Dataset data = data_open(model, options->data);
    if (data.train_count < options->batch)
        fail("--batch %u: there are %u training samples", options->batch, data.train_count);
    Net net;
    net_open(&net, gpu, model, &data, options->batch);
    summarize(&net);
    bool met = true;
    if (!options->summary) {
        net_prepare(&net, options->seed);
        const Score score = train_epochs(&net, &data, options, history);
        met = score.accuracy < 0 || score.accuracy >= options->expect;
        if (!met)
            printf("%s: accuracy %.4f is less than %.4f\n", model->name, score.accuracy, options->expect);
    }
    net_close(&net);
    data_free(&data);
    return met;
}

static History history_create(uint32_t epochs) {
    double *values = allocate(4 * (uint64_t)epochs, sizeof *values);
    return (History){values, values + epochs, values + 2 * epochs, values + 3 * epochs};
}

static Curve curve_of(const Model *model, const History *history, uint32_t epochs) {
    const bool accuracy = !model->series;
    return (Curve){model->name,
                   epochs,
                   history->train_loss,
                   history->test_loss,
                   accuracy ? history->train_accuracy : NULL,
                   accuracy ? history->test_accuracy : NULL};
}

/* A model, and with --compare its plain form, which nothing is expected of. */
static bool train_and_plot(Gpu *gpu, const Model *model, const Options *options) {
    const Model *plain = options->compare && model->plain != NULL ? model_find(model->plain) : NULL;
    const History history[2] = {history_create(options->epochs), history_create(options->epochs)};
    const bool met = train_model(gpu, model, options, &history[0]);
    Curve curves[2] = {curve_of(model, &history[0], options->epochs)};
    if (plain != NULL) {
        Options same = *options;
        same.expect = 0;
        train_model(gpu, plain, &same, &history[1]);
        curves[0].name = "with batch normalization";
        curves[1] = curve_of(plain, &history[1], options->epochs);
        curves[1].name = "without";
    }
    if (options->plot != NULL && !options->summary) {
        if (!curves_write(options->plot, model->name, curves, plain != NULL ? 2 : 1))
            exit(2);
        printf("The learning curves are in %s\n", options->plot);
    }
    free(history[0].train_loss);
    free(history[1].train_loss);
    return met;
}

/* ------------------------------------------------------------------------------------------- golden */

/* Takes the first steps as the file has them, and compares losses and variables. */
static bool follow_golden(Gpu *gpu, const Model *model, const Options *options) {
    Golden *golden = golden_open(options->golden, model->name);
    if (golden == NULL)
        exit(2);
    Dataset data = data_open(model, NULL);
    const uint32_t batch = golden_batch(golden), steps = golden_steps(golden);
    if (batch > data.train_count / steps)
        fail("%s: %u steps of %u samples are more than the %u that there are", options->golden, steps, batch,
             data.train_count);
    const Optimizer optimizer = optimizer_default(model->optimizer);
    const uint64_t size = (uint64_t)data.height * data.width * data.channels * batch;
    Net net;
    net_open(&net, gpu, model, &data, batch);
    net_prepare(&net, 1);
    Feed *feed = feed_create(&net, &optimizer);
    bool right = true;
    for (uint32_t step = 0; step < steps; step++) {
        Samples samples = {.x = data.train_x + step * size, .count = batch};
        if (data.classes > 0)
            samples.labels = data.train_label + step * batch;
        else
            samples.targets = data.train_target + step * batch;
        right &= golden_compare_step(golden, step, feed_run(&net, feed, &samples, NULL, NULL).loss);
    }
    for (uint32_t i = 0; i < net.variable_count; i++) {
        const Variable *variable = &net.variables[i];
        float *values = allocate(variable->count, sizeof *values);
        gpu_download(gpu, variable->value, values);
        right &= golden_compare_variable(golden, variable->path, variable->count, values);
        free(values);
    }
    right &= golden_finish(golden);
    free(feed);
    net_close(&net);
    data_free(&data);
    golden_close(golden);
    return right;
}

int main(int argc, char **argv) {
    const Options options = options_parse(argc, argv);
    Gpu gpu;
    gpu_open(&gpu, options.device, options.validation);
    printf("%s\n", gpu.properties.deviceName);
    bool met = true;
    for (const Model *model = models; model->name != NULL; model++)
        if (options.model == NULL || options.model == model)
            met &= options.golden != NULL ? follow_golden(&gpu, model, &options)
                                          : train_and_plot(&gpu, model, &options);
    gpu_close(&gpu);
    if (gpu.validation_messages > 0)
        printf("%u validation messages\n", gpu.validation_messages);
    return met && gpu.validation_messages == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
