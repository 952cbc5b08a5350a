/* Batch normalization of 1,797 handwritten digits: what the operation does to real data, that it does so
 * correctly, and how fast. The matrix is images x pixels; each of the 64 pixels is a feature with
 * statistics of its own.
 *
 *   training    TRAIN normalizes all images with their own statistics and applies an activation
 *   running     TRAIN on mini-batches, epoch after epoch, as a training loop would
 *   inference   APPLY with the running statistics that this leaves behind */
#include "digits.h"
#include "file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vknorm/runtime.h>

enum { BATCH = 128 };
static const float MOMENTUM = 0.99f; /* of the old value, as in Keras */
static const float EPSILON = 1e-3f;

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level != VKN_LOG_INFO)
        fprintf(stderr, "vknorm: %s\n", message);
}

static const VknLog LOG = {.write = log_write};

/* The log has said why. */
static void require(VknResult result, const char *what) {
    if (result != VKN_SUCCESS) {
        fprintf(stderr, "digits: cannot %s: %s\n", what, vkn_result_name(result));
        exit(EXIT_FAILURE);
    }
}

static void print_device(const VknRuntimeInfo *info) {
    printf("%s (%s%s%s)%s\n", info->device_name, info->driver_name, info->driver_info[0] == '\0' ? "" : ", ",
           info->driver_info, info->gpu ? "" : ", software");
}

static void list_device(void *user, const VknRuntimeInfo *info) {
    (void)user;
    printf("%2u  ", info->index);
    print_device(info);
}

/* ------------------------------------------------------------------------------------------ vknorm */

static VknBuffer buffer_create(VknRuntime *runtime, uint64_t size) {
    VknBuffer buffer;
    require(vkn_runtime_buffer_create(runtime, size, &buffer), "create a buffer");
    return buffer;
}

static VknBuffer buffer_of(VknRuntime *runtime, const void *data, uint64_t size) {
    const VknBuffer buffer = buffer_create(runtime, size);
    require(vkn_runtime_upload(runtime, &buffer, 0, data, size), "upload");
    return buffer;
}

static void download(VknRuntime *runtime, VknBuffer buffer, void *data, uint64_t size) {
    require(vkn_runtime_download(runtime, &buffer, 0, data, size), "download");
}

/* Plans `operation` over images x pixels with statistics per pixel, no gamma and no beta. */
static VknPlan *plan_create(VknRuntime *runtime, VknOperation operation, size_t images, VknActivationId id,
                            uint32_t statistics) {
    VknDesc desc;
    vkn_desc_batch_norm(&desc, operation, 2, (const uint64_t[]){images, PIXELS}, 1, (const int32_t[]){-1});
    desc.roles = VKN_ROLE_BIT(VKN_ROLE_X) | VKN_ROLE_BIT(VKN_ROLE_Y) | statistics;
    desc.epsilon = EPSILON;
    desc.momentum = MOMENTUM;
    desc.activation = vkn_activation_default(id);
    VknPlan *plan;
    require(vkn_plan_create(vkn_runtime_context(runtime), &desc, &plan), "plan");
    return plan;
}

/* The buffers of one call: what they are depends on the plan's roles. */
static VknBindings *bind(VknRuntime *runtime, const VknPlan *plan, VknBuffer x, VknBuffer y, VknBuffer mean,
                         VknBuffer variance) {
    VknBuffer buffers[VKN_ROLE_COUNT] = {[VKN_ROLE_X] = x, [VKN_ROLE_Y] = y};
    buffers[VKN_ROLE_MEAN] = buffers[VKN_ROLE_RUNNING_MEAN] = mean;
    buffers[VKN_ROLE_VARIANCE] = buffers[VKN_ROLE_RUNNING_VARIANCE] = variance;
    const uint64_t workspace = vkn_plan_info(plan)->size[VKN_ROLE_WORKSPACE];
    if (workspace > 0)
        buffers[VKN_ROLE_WORKSPACE] = buffer_create(runtime, workspace);
    VknBindings *bindings;
    require(vkn_bindings_create(plan, buffers, &bindings), "bind buffers");
    return bindings;
}

static void run(VknRuntime *runtime, const VknPlan *plan, const VknBindings *bindings) {
    require(vkn_runtime_run(runtime, plan, bindings, NULL, 1, NULL), "run");
}

/* What TRAIN returns and APPLY takes; what TRAIN keeps between batches. */
static const uint32_t GIVEN = VKN_ROLE_BIT(VKN_ROLE_MEAN) | VKN_ROLE_BIT(VKN_ROLE_VARIANCE);
static const uint32_t RUNNING = VKN_ROLE_BIT(VKN_ROLE_RUNNING_MEAN) | VKN_ROLE_BIT(VKN_ROLE_RUNNING_VARIANCE);

/* Everything on the device. The runtime frees the buffers. */
typedef struct Device {
    VknRuntime *runtime;
    size_t images;
    VknBuffer x, y;           /* images x PIXELS */
    VknBuffer mean, variance; /* of all images */
    VknBuffer running_mean, running_variance;
} Device;

static uint64_t size_of(size_t images) {
    return (uint64_t)images * PIXELS * sizeof(float);
}

static Device device_open(const Options *options, const Digits *digits) {
    Device device = {.images = digits->count};
    const VknRuntimeDesc desc = {.device = options->device, .log = LOG};
    require(vkn_runtime_create(&desc, &device.runtime), "open a Vulkan device");
    const float zero[PIXELS] = {0};
    float one[PIXELS];
    for (size_t p = 0; p < PIXELS; p++)
        one[p] = 1.0f;
    device.x = buffer_of(device.runtime, digits->pixel, size_of(digits->count));
    device.y = buffer_create(device.runtime, size_of(digits->count));
    device.mean = buffer_create(device.runtime, sizeof zero);
    device.variance = buffer_create(device.runtime, sizeof zero);
    device.running_mean = buffer_of(device.runtime, zero, sizeof zero);
    device.running_variance = buffer_of(device.runtime, one, sizeof one);
    return device;
}

/* Runs `operation` on all images and downloads y. */
static void normalize(const Device *device, VknOperation operation, VknActivationId id, VknBuffer mean,
                      VknBuffer variance, float *y) {
    VknPlan *plan = plan_create(device->runtime, operation, device->images, id, GIVEN);
    VknBindings *bindings = bind(device->runtime, plan, device->x, device->y, mean, variance);
    run(device->runtime, plan, bindings);
    download(device->runtime, device->y, y, size_of(device->images));
    vkn_bindings_destroy(bindings);
    vkn_plan_destroy(plan);
}

static void download_statistics(const Device *device, VknBuffer mean, VknBuffer variance,
                                Statistics *statistics) {
    float value[2][PIXELS];
    download(device->runtime, mean, value[0], sizeof value[0]);
    download(device->runtime, variance, value[1], sizeof value[1]);
    for (size_t p = 0; p < PIXELS; p++) {
        statistics->mean[p] = value[0][p];
        statistics->variance[p] = value[1][p];
    }
}

static void print_progress(const Device *device, int epoch, int epochs, size_t steps,
                           const Statistics *target) {
    Statistics now;
    download_statistics(device, device->running_mean, device->running_variance, &now);
    double mean = 0.0, deviation = 0.0;
    for (size_t p = 0; p < PIXELS; p++) {
        mean = fmax(mean, fabs(now.mean[p] - target->mean[p]));
        deviation = fmax(deviation, fabs(sqrt(now.variance[p]) - sqrt(target->variance[p])));
    }
    /* A terminal shows one line that changes; a file gets every tenth. */
    const bool terminal = isatty(STDOUT_FILENO), last = epoch == epochs;
    if (terminal || last || epoch % 10 == 0)
        printf("%s  epoch %3d of %d, %5zu steps: running mean off by up to %6.3f, deviation by %6.3f%s",
               terminal ? "\r" : "", epoch, epochs, steps, mean, deviation, terminal && !last ? "" : "\n");
    fflush(stdout);
}

/* Trains on mini-batches. The images that do not fill a batch are left out. Follows the running
 * statistics in fp64, for comparison. */
static void train_epochs(const Device *device, const Digits *digits, int epochs, const Statistics *target,
                         Statistics *expected) {
    const size_t batch = device->images < BATCH ? device->images : BATCH;
    const size_t batches = device->images / batch;
    VknPlan *plan =
        plan_create(device->runtime, VKN_OPERATION_TRAIN, batch, VKN_ACTIVATION_IDENTITY, RUNNING);
    VknBindings **bindings = calloc(batches, sizeof *bindings);
    Statistics *statistics = calloc(batches, sizeof *statistics);
    if (bindings == NULL || statistics == NULL)
        require(VKN_ERROR_OUT_OF_HOST_MEMORY, "train");
    for (size_t b = 0; b < batches; b++) {
        const VknBuffer x = {device->x.buffer, device->x.offset + b * size_of(batch), size_of(batch)};
        bindings[b] =
            bind(device->runtime, plan, x, device->y, device->running_mean, device->running_variance);
        statistics_of(digits->pixel + b * batch * PIXELS, batch, &statistics[b]);
    }
    for (size_t p = 0; p < PIXELS; p++) {
        expected->mean[p] = 0.0;
        expected->variance[p] = 1.0;
    }
    for (int epoch = 1; epoch <= epochs; epoch++) {
        for (size_t b = 0; b < batches; b++) {
            run(device->runtime, plan, bindings[b]);
            for (size_t p = 0; p < PIXELS; p++) {
                expected->mean[p] += (1.0 - MOMENTUM) * (statistics[b].mean[p] - expected->mean[p]);
                expected->variance[p] +=
                    (1.0 - MOMENTUM) * (statistics[b].variance[p] - expected->variance[p]);
            }
        }
        print_progress(device, epoch, epochs, (size_t)epoch * batches, target);
    }
    for (size_t b = 0; b < batches; b++)
        vkn_bindings_destroy(bindings[b]);
    vkn_plan_destroy(plan);
    free(statistics);
    free(bindings);
}

/* ----------------------------------------------------------------------------------------- results */

static Difference difference_of_running(const Statistics *result, const Statistics *expected) {
    Difference difference = {0};
    for (size_t p = 0; p < PIXELS; p++) {
        /* Each step rounds a few times (2^-24 each); what it rounds off fades with the momentum. */
        const double unit = ldexp(4.0, -24) / (1.0 - MOMENTUM);
        difference_add(&difference, result->mean[p], expected->mean[p], unit * (1.0 + expected->mean[p]));
        difference_add(&difference, result->variance[p], expected->variance[p],
                       unit * (1.0 + expected->variance[p]));
    }
    return difference;
}

/* ------------------------------------------------------------------------------------------- speed */

/* Prints the time of one run, and its bandwidth beside that of a plain copy of x, taken in turns. */
static void print_speed(VknRuntime *runtime, const char *what, VknOperation operation, VknActivationId id,
                        size_t images, VknBuffer x, VknBuffer y, VknBuffer mean, VknBuffer variance) {
    VknPlan *plan = plan_create(runtime, operation, images, id, GIVEN);
    VknBindings *bindings = bind(runtime, plan, x, y, mean, variance);
    double once, best = INFINITY, best_copy = INFINITY;
    run(runtime, plan, bindings);
    require(vkn_runtime_run(runtime, plan, bindings, NULL, 1, &once), "run");
    const uint32_t repeat = (uint32_t)fmin(fmax(0.02 / once, 1.0), 100.0);
    for (int round = 0; round < 5; round++) {
        double seconds, copy_seconds;
        require(vkn_runtime_run(runtime, plan, bindings, NULL, repeat, &seconds), "run");
        require(vkn_runtime_copy(runtime, &x, &y, size_of(images), repeat, &copy_seconds), "copy");
        best = fmin(best, seconds);
        best_copy = fmin(best_copy, copy_seconds);
    }
    const double bytes = (double)vkn_plan_info(plan)->least_bytes;
    const double rate = bytes / best, copy_rate = 2.0 * (double)size_of(images) / best_copy;
    printf("  %-10s %9zu %9.1f %9.3f %8.2f %8.2f %6.1f%%  %s\n", what, images, bytes * 1e-6, best * 1e3,
           rate * 1e-9, copy_rate * 1e-9, 100.0 * rate / copy_rate, vkn_plan_info(plan)->strategy_name);
    vkn_bindings_destroy(bindings);
    vkn_plan_destroy(plan);
}

static void print_speeds(const Device *device, VknActivationId id) {
    /* Enough to leave a cache behind; software renderers would make the user wait for more. */
    const size_t tiles = vkn_runtime_info(device->runtime)->gpu ? 512 : 32;
    const size_t images = tiles * device->images;
    const VknBuffer x = buffer_create(device->runtime, size_of(images));
    const VknBuffer y = buffer_create(device->runtime, size_of(images));
    float *tile = malloc(size_of(device->images));
    if (tile == NULL)
        require(VKN_ERROR_OUT_OF_HOST_MEMORY, "measure");
    download(device->runtime, device->x, tile, size_of(device->images));
    for (size_t t = 0; t < tiles; t++)
        require(vkn_runtime_upload(device->runtime, &x, t * size_of(device->images), tile,
                                   size_of(device->images)),
                "upload");
    free(tile);
    printf(
        "\nSpeed: bytes that any implementation must move / best time of 5, beside a copy of the images\n\n"
        "  %-10s %9s %9s %9s %8s %8s %7s  %s\n",
        "", "images", "MB", "ms", "GB/s", "copy", "ratio", "strategy");
    print_speed(device->runtime, "training", VKN_OPERATION_TRAIN, id, device->images, device->x, device->y,
                device->mean, device->variance);
    print_speed(device->runtime, "inference", VKN_OPERATION_APPLY, id, device->images, device->x, device->y,
                device->mean, device->variance);
    print_speed(device->runtime, "training", VKN_OPERATION_TRAIN, id, images, x, y, device->mean,
                device->variance);
    print_speed(device->runtime, "inference", VKN_OPERATION_APPLY, id, images, x, y, device->mean,
                device->variance);
    printf(
        "\n  The first two are the digits themselves: so few bytes that starting the work counts as well.\n"
        "  The last two are the same images %zu times over.\n",
        tiles);
}

/* ---------------------------------------------------------------------------------------- picture */

/* Draws the first image of each digit: as it is, normalized, and after the activation. */
static bool draw(const Options *options, const Digits *digits, const float *normalized, const float *y) {
    size_t index[CLASSES], columns = 0;
    for (unsigned char label = 0; label < CLASSES; label++) {
        const unsigned char *first = memchr(digits->label, label, digits->count);
        if (first != NULL)
            index[columns++] = (size_t)(first - digits->label);
    }
    const PictureStrip strips[] = {
        {digits->pixel, DARKEST, false},
        {normalized, 2.0f, true},
        {y, 2.0f, true},
    };
    if (!picture_write(options->picture, sizeof strips / sizeof *strips, strips, columns, index))
        return false;
    printf(
        "\nPicture: %s\n"
        "  top: the images; middle: normalized, red above a pixel's mean and blue below; bottom: after %s\n",
        options->picture, options->activation->name);
    return true;
}

int main(int argc, char **argv) {
    const Options options = options_parse(argc, argv);
    if (options.list) {
        require(vkn_runtime_list(LOG, list_device, NULL), "list the devices");
        return EXIT_SUCCESS;
    }
    if (!file_can_write(options.picture)) {
        fprintf(stderr, "digits: --out %s: %s\n", options.picture, strerror(errno));
        return EXIT_FAILURE;
    }
    const VknActivationId id = options.activation->id;
    Digits digits;
    if (!digits_read(options.data, &digits))
        return EXIT_FAILURE;
    float *normalized = malloc(size_of(digits.count));
    float *trained = malloc(size_of(digits.count));
    float *inferred = malloc(size_of(digits.count));
    if (normalized == NULL || trained == NULL || inferred == NULL)
        require(VKN_ERROR_OUT_OF_HOST_MEMORY, "begin");

    const Device device = device_open(&options, &digits);
    printf("Device: ");
    print_device(vkn_runtime_info(device.runtime));
    printf("Data:   %zu images of %d x %d pixels, 0 to %d; every pixel has its own statistics\n",
           digits.count, SIDE, SIDE, DARKEST);

    Statistics before, reference, after, running, expected, after_inference;
    normalize(&device, VKN_OPERATION_TRAIN, VKN_ACTIVATION_IDENTITY, device.mean, device.variance,
              normalized);
    normalize(&device, VKN_OPERATION_TRAIN, id, device.mean, device.variance, trained);
    download_statistics(&device, device.mean, device.variance, &before);
    statistics_of(normalized, digits.count, &after);
    printf("\nTraining on all images: statistics of each pixel, where it lies in the image\n");
    statistics_print("before: mean", 1, &before);
    statistics_print("after, without the activation: mean", 2, &after);
    printf("\n");
    statistics_summarize("before", &before, &before);
    statistics_summarize("after", &after, &before);
    printf("  A deviation falls short of 1 where the variance is small beside epsilon = %g.\n", EPSILON);

    printf("\nTraining in batches of %d, momentum %g, from mean 0 and variance 1\n", BATCH, MOMENTUM);
    train_epochs(&device, &digits, options.epochs, &before, &expected);
    download_statistics(&device, device.running_mean, device.running_variance, &running);
    normalize(&device, VKN_OPERATION_APPLY, VKN_ACTIVATION_IDENTITY, device.running_mean,
              device.running_variance, inferred);
    statistics_of(inferred, digits.count, &after_inference);
    statistics_summarize("inference with the result", &after_inference, &before);
    normalize(&device, VKN_OPERATION_APPLY, id, device.running_mean, device.running_variance, inferred);

    printf("\nLargest difference from fp64 on the CPU, activation %s\n", options.activation->name);
    statistics_of(digits.pixel, digits.count, &reference);
    const Difference trained_difference =
        difference_of(trained, digits.pixel, digits.count, &reference, EPSILON, options.activation);
    const Difference inferred_difference =
        difference_of(inferred, digits.pixel, digits.count, &running, EPSILON, options.activation);
    bool good = difference_print("training", trained_difference);
    good = difference_print("running statistics", difference_of_running(&running, &expected)) && good;
    good = difference_print("inference", inferred_difference) && good;

    print_speeds(&device, id);
    good = draw(&options, &digits, normalized, trained) && good;
    vkn_runtime_destroy(device.runtime);
    free(inferred);
    free(trained);
    free(normalized);
    digits_free(&digits);
    if (!good)
        fprintf(stderr, "digits: failed, see above\n");
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
