#include "syncbn.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

void fail(const char *why) {
    fprintf(stderr, "syncbn_mpi: %s\n", why);
    MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
}

void *zeroed(uint64_t size) {
    void *memory = calloc(size ? size : 1, 1);
    if (!memory)
        fail("out of memory");
    return memory;
}

/* The log has said why. */
static void require(VknResult result) {
    if (result != VKN_SUCCESS)
        fail(vkn_result_name(result));
}

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level != VKN_LOG_INFO)
        fprintf(stderr, "vknorm: %s\n", message);
}

static const VknLog LOG = {.write = log_write};

static void count_device(void *user, const VknRuntimeInfo *info) {
    (void)info;
    ++*(uint32_t *)user;
}

VknRuntime *open_device(const char *name, uint32_t rank) {
    uint32_t count = 0;
    char number[16];
    VknRuntime *runtime = NULL;
    require(vkn_runtime_list(LOG, count_device, &count));
    snprintf(number, sizeof number, "%u", rank % (count ? count : 1));
    require(vkn_runtime_create(&(VknRuntimeDesc){.device = name ? name : number, .log = LOG}, &runtime));
    return runtime;
}

/* ----------------------------------------------------------------------------------------------- data */

uint64_t sample_size(Shape shape) {
    return shape.channels * shape.height * shape.width;
}

uint64_t element_count(Shape shape) {
    return shape.samples * sample_size(shape);
}

/* The number-th of a series of numbers from -1 to 1 without a pattern (splitmix64). */
static float noise(uint64_t series, uint64_t number) {
    uint64_t z = (series << 40) + number * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (float)((z ^ z >> 31) >> 40) * 0x1p-23f - 1;
}

Step step_create(Shape shape, uint64_t first, float mean) {
    const uint64_t count = element_count(shape), before = first * sample_size(shape);
    Step step = {zeroed(count * 4), zeroed(count * 4), zeroed(count * 4), zeroed(count * 4)};
    for (uint64_t i = 0; i < count; i++) {
        step.x[i] = mean + 1.7320508f * noise(1, before + i); /* uniform, of variance 1 */
        step.dy[i] = noise(2, before + i);
    }
    return step;
}

void step_destroy(Step *step) {
    free(step->x);
    free(step->y);
    free(step->dy);
    free(step->dx);
}

Layer layer_create(uint64_t channels) {
    const uint64_t size = channels * sizeof(float);
    Layer layer = {zeroed(size), zeroed(size), zeroed(size), zeroed(size),
                   zeroed(size), zeroed(size), zeroed(size), zeroed(size)};
    for (uint64_t c = 0; c < channels; c++) {
        layer.gamma[c] = 1 + noise(3, c) / 2;
        layer.beta[c] = noise(4, c) / 2;
        layer.running_variance[c] = 1;
    }
    return layer;
}

void layer_destroy(Layer *layer) {
    float *const all[] = {layer->gamma, layer->beta,    layer->dgamma,       layer->dbeta,
                          layer->mean,  layer->inv_std, layer->running_mean, layer->running_variance};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* ---------------------------------------------------------------------------------------------- vknorm */

void run(VknRuntime *runtime, VknOperation operation, Shape shape, uint32_t parts,
         const Data data[VKN_ROLE_COUNT]) {
    VknDesc desc;
    VknPlan *plan;
    VknBindings *bindings;
    VknBuffer buffers[VKN_ROLE_COUNT] = {{0}};
    vkn_desc_batch_norm(&desc, operation, 4,
                        (uint64_t[]){shape.samples, shape.channels, shape.height, shape.width}, 1,
                        (int32_t[]){1});
    desc.activation = vkn_activation_default(VKN_ACTIVATION_RELU);
    desc.momentum_convention = VKN_MOMENTUM_NEW; /* as PyTorch's SyncBatchNorm */
    desc.momentum = 0.1f;
    desc.running_variance = VKN_RUNNING_VARIANCE_UNBIASED;
    desc.moment_parts = parts;
    desc.roles = 0;
    for (int role = 0; role < VKN_ROLE_COUNT; role++)
        desc.roles |= data[role].values ? VKN_ROLE_BIT(role) : 0;
    require(vkn_plan_create(vkn_runtime_context(runtime), &desc, &plan));

    const uint64_t *size = vkn_plan_info(plan)->size;
    for (int role = 0; role < VKN_ROLE_COUNT; role++) {
        if (!size[role])
            continue;
        require(vkn_runtime_buffer_create(runtime, size[role], &buffers[role]));
        if (data[role].values)
            require(vkn_runtime_upload(runtime, &buffers[role], 0, data[role].values, size[role]));
    }
    require(vkn_bindings_create(plan, buffers, &bindings));
    require(vkn_runtime_run(runtime, plan, bindings, NULL, 1, NULL));
    for (int role = 0; role < VKN_ROLE_COUNT; role++) {
        if (size[role] && data[role].written)
            require(vkn_runtime_download(runtime, &buffers[role], 0, data[role].values, size[role]));
    }
    vkn_bindings_destroy(bindings);
    vkn_plan_destroy(plan);
    for (int role = 0; role < VKN_ROLE_COUNT; role++)
        vkn_runtime_buffer_destroy(runtime, buffers[role].buffer);
}
