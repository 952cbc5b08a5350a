/* In every round ncnn runs once, and the library as often as takes about as long, each on the next of its
 * tensors: on a machine that does other things, too, what takes longer is interrupted more. */
#define _GNU_SOURCE
#include "bench_ncnn.h"
#include "peer.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#define WARM_UP      3
#define MOST_REPEATS 64

/* What the results may differ by, as a share of the largest element. */
#define TOLERANCE 2e-5

typedef struct Pair {
    BenchRig *rig;
    VknDesc desc;
    VknPlan *plan;
    VknBindings *bindings[BENCH_MOST_SETS][NCNN_PART_COUNT];
    uint32_t part, set, repeat;
    float *x, *ours, *theirs, *weights;
    uint64_t count;
    BenchNcnn *ncnn;
    double *seconds[NCNN_PART_COUNT], *faster[NCNN_PART_COUNT], *their_seconds; /* [sample] */
} Pair;

static bool fail(NcnnResult *r, const char *what, VknResult result) {
    if (result)
        snprintf(r->failure, sizeof r->failure, "%s: %s", what, vkn_result_name(result));
    return result != VKN_SUCCESS;
}

static VknResult memory_create(Pair *p, const NcnnCase *c, uint32_t samples) {
    uint64_t weight_count = ncnn_case_weights(c, &p->desc, NULL);
    p->count = bench_element_count(&p->desc);
    p->x = malloc(3 * p->count * sizeof *p->x);
    p->ours = p->x + p->count;
    p->theirs = p->ours + p->count;
    p->weights = malloc((weight_count + 1) * sizeof *p->weights);
    p->their_seconds = calloc(1 + 2 * NCNN_PART_COUNT, samples * sizeof(double));
    if (!p->x || !p->weights || !p->their_seconds)
        return VKN_ERROR_OUT_OF_HOST_MEMORY;
    for (uint32_t part = 0; part < NCNN_PART_COUNT; part++) {
        p->seconds[part] = p->their_seconds + (1 + 2 * part) * samples;
        p->faster[part] = p->seconds[part] + samples;
    }
    for (uint64_t i = 0; i < p->count; i++)
        p->x[i] = (float)bench_value(&p->desc, VKN_ROLE_X, i);
    ncnn_case_weights(c, &p->desc, p->weights);
    return VKN_SUCCESS;
}

static VknResult bind(Pair *p) {
    VknBuffer buffers[VKN_ROLE_COUNT];
    VknResult result = bench_rig_lay_out(p->rig, vkn_plan_info(p->plan)->size);
    for (uint32_t set = 0; set < p->rig->set_count && !result; set++) {
        bench_rig_set(p->rig, set, buffers);
        result = vkn_bindings_create(p->plan, buffers, &p->bindings[set][NCNN_APART]);
        buffers[VKN_ROLE_Y] = buffers[VKN_ROLE_X];
        if (!result)
            result = vkn_bindings_create(p->plan, buffers, &p->bindings[set][NCNN_IN_PLACE]);
    }
    return result;
}

static VknResult record(void *user, uint32_t part, VkCommandBuffer commands) {
    const Pair *p = user;
    (void)part;
    return vkn_plan_record(p->plan, p->bindings[p->set][p->part], commands, NULL);
}

/* Our first result, right by fp64, in `ours`. */
static void run_ours(Pair *p, NcnnResult *r) {
    VknRuntime *runtime = p->rig->runtime;
    VknBuffer buffers[VKN_ROLE_COUNT];
    double seconds;
    bench_rig_set(p->rig, 0, buffers);
    VknResult result = bench_data_upload(runtime, &p->desc, buffers);
    if (!result)
        result = bench_rig_fill(p->rig);
    if (!result)
        result = vkn_runtime_time(runtime, 1, record, p, &seconds);
    if (!fail(r, "the first run", result) &&
        bench_verify(runtime, &p->desc, buffers, r->failure, sizeof r->failure))
        fail(r, "reading y",
             vkn_runtime_download(runtime, &buffers[VKN_ROLE_Y], 0, p->ours, p->count * sizeof *p->ours));
}

/* ncnn's first result must be ours. Its blobs take as much memory as our sets do. */
static void run_theirs(Pair *p, const NcnnCase *c, NcnnResult *r) {
    char parameters[80];
    const uint64_t *s = c->shape, extents[3] = {s[2] ? s[2] : s[1], s[2] ? s[1] : s[0], s[2] ? s[0] : 0};
    uint64_t blobs = p->rig->set_count * p->rig->set_size / (p->count * sizeof *p->x);
    double largest = 0;
    snprintf(parameters, sizeof parameters, c->parameters, (double)p->desc.epsilon);
    p->ncnn = bench_ncnn_create(c->type, parameters, extents, p->weights,
                                ncnn_case_weights(c, &p->desc, NULL), p->x, (uint32_t)blobs);
    if (!p->ncnn || bench_ncnn_run(p->ncnn, p->theirs) < 0) {
        snprintf(r->failure, sizeof r->failure, "ncnn cannot run its %s on the device", c->type);
        return;
    }
    r->packing = bench_ncnn_packing(p->ncnn);
    for (uint64_t i = 0; i < p->count; i++)
        largest = fmax(largest, fabs((double)p->ours[i]));
    for (uint64_t i = 0; i < p->count && !*r->failure; i++) {
        double difference = fabs((double)p->ours[i] - (double)p->theirs[i]) / largest;
        if (!(difference <= TOLERANCE))
            snprintf(r->failure, sizeof r->failure, "ncnn's y[%llu] is %.9g, should be %.9g",
                     (unsigned long long)i, (double)p->theirs[i], (double)p->ours[i]);
        r->difference = fmax(r->difference, difference);
    }
}

/* Threads of SwiftShader spin for a millisecond after their work. */
static void let_threads_sleep(void) {
    nanosleep(&(struct timespec){0, 4000000}, NULL);
}

static bool run_round(Pair *p, NcnnResult *r, uint32_t sample) {
    let_threads_sleep();
    double theirs = p->their_seconds[sample] = bench_ncnn_run(p->ncnn, NULL);
    if (theirs < 0)
        return !snprintf(r->failure, sizeof r->failure, "ncnn fails in round %u", sample);
    for (p->part = 0; p->part < NCNN_PART_COUNT; p->part++) {
        double ours = 0, seconds;
        let_threads_sleep();
        for (uint32_t i = 0; i < p->repeat; i++) {
            p->set = (p->set + 1) % p->rig->set_count;
            if (fail(r, "timing", vkn_runtime_time(p->rig->runtime, 1, record, p, &seconds)))
                return false;
            ours += seconds / p->repeat;
        }
        p->seconds[p->part][sample] = ours;
        p->faster[p->part][sample] = theirs / ours;
    }
    return true;
}

static void run_rounds(Pair *p, NcnnResult *r, uint32_t samples) {
    p->repeat = 1;
    for (uint32_t i = 0; i < WARM_UP; i++)
        if (!run_round(p, r, 0))
            return;
    p->repeat = (uint32_t)fmax(1, fmin(p->faster[NCNN_APART][0] + 0.5, MOST_REPEATS));
    for (uint32_t i = 0; i < samples; i++)
        if (!run_round(p, r, i))
            return;
    r->ncnn = bench_spread(p->their_seconds, samples);
    for (uint32_t part = 0; part < NCNN_PART_COUNT; part++) {
        r->seconds[part] = bench_spread(p->seconds[part], samples);
        r->faster[part] = bench_spread(p->faster[part], samples).median;
    }
}

NcnnResult ncnn_measure(BenchRig *rig, const NcnnCase *c, uint32_t samples) {
    NcnnResult r = {.failure = ""};
    Pair p = {.rig = rig, .desc = ncnn_case_desc(c)};
    VknResult result = memory_create(&p, c, samples);
    if (!result)
        result = vkn_plan_create(vkn_runtime_context(rig->runtime), &p.desc, &p.plan);
    if (!result) {
        r.dispatches = vkn_plan_info(p.plan)->dispatch_count;
        result = bind(&p);
    }
    if (!fail(&r, "planning", result))
        run_ours(&p, &r);
    if (!*r.failure)
        run_theirs(&p, c, &r);
    if (!*r.failure)
        run_rounds(&p, &r, samples);
    bench_ncnn_destroy(p.ncnn);
    for (uint32_t set = 0; set < BENCH_MOST_SETS; set++)
        for (uint32_t part = 0; part < NCNN_PART_COUNT; part++)
            vkn_bindings_destroy(p.bindings[set][part]);
    vkn_plan_destroy(p.plan);
    free(p.their_seconds);
    free(p.weights);
    free(p.x);
    return r;
}
