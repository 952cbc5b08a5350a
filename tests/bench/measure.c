/* Samples of a case: in every round vkCmdCopyBuffer, the copy shader and each strategy run once, so that
 * whatever else the machine does hits all of them, and ratios are taken within a round. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UP       3
#define LEAST_SAMPLES 5
#define WARM_PLANS    15
#define RECORDINGS    65

/* One strategy of the case at hand. */
typedef struct Entry {
    uint32_t batch;      /* so many operations, on neighbouring sets; 1, but for batches */
    bool together;       /* by vkn_plans_record() */
    VknContext *context; /* of its own, so that no pipeline is there before its plan */
    VknPlan *plan;
    VknBindings *bindings[BENCH_MOST_SETS];
    BenchResult *result;
    double *seconds, *of_buffer, *of_shader, *of_onednn; /* [sample] */
} Entry;

typedef struct Bench {
    BenchRig *rig;
    const BenchOptions *options;
    const BenchCase *bench_case;
    Entry entries[BENCH_MOST_STRATEGIES];
    Entry *timed[BENCH_MOST_STRATEGIES];
    uint32_t entry_count, timed_count;
    uint32_t set;                               /* of the round at hand */
    double *buffer_rate, *shader_rate, *onednn; /* [sample] */
    uint64_t copied;
    uint32_t samples;
} Bench;

/* ------------------------------------------------------------------------------------------- entries */

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

BenchSpread bench_spread(double *samples, uint32_t count) {
    qsort(samples, count, sizeof *samples, compare_doubles);
    return (BenchSpread){samples[count / 4], samples[count / 2], samples[count - 1 - count / 4]};
}

static void entry_fail(Entry *entry, const char *what, VknResult result) {
    if (!*entry->result->failure)
        snprintf(entry->result->failure, sizeof entry->result->failure, "%s: %s", what,
                 vkn_result_name(result));
}

/* Records an entry on sets from number `set` on. */
static VknResult entry_record(const Bench *b, const Entry *entry, uint32_t set, VkCommandBuffer commands) {
    VknBoundPlan recordings[BENCH_BATCH];
    VknResult result = VKN_SUCCESS;
    for (uint32_t i = 0; i < entry->batch; i++)
        recordings[i] = (VknBoundPlan){entry->plan, entry->bindings[(set + i) % b->rig->set_count], NULL};
    if (entry->together)
        return vkn_plans_record(entry->batch, recordings, commands);
    for (uint32_t i = 0; i < entry->batch && !result; i++)
        result = vkn_plan_record(recordings[i].plan, recordings[i].bindings, commands, NULL);
    return result;
}

/* Plans in a context without pipelines, then again in the same. Without a strategy it is a reproducible plan.
 */
static void entry_plan(const Bench *b, Entry *entry, uint32_t strategy) {
    VknDesc desc = b->bench_case->desc;
    double warm[WARM_PLANS];
    desc.strategy = strategy;
    desc.reproducible = strategy == 0;
    VknResult result = vkn_context_create(vkn_runtime_context_desc(b->rig->runtime), &entry->context);
    double start = bench_clock();
    if (!result)
        result = vkn_plan_create(entry->context, &desc, &entry->plan);
    entry->result->plan_cold = bench_clock() - start;
    for (uint32_t i = 0; i < WARM_PLANS && !result; i++) {
        VknPlan *plan;
        start = bench_clock();
        result = vkn_plan_create(entry->context, &desc, &plan);
        warm[i] = bench_clock() - start;
        vkn_plan_destroy(plan);
    }
    if (result) {
        entry_fail(entry, "planning", result);
        return;
    }
    const VknPlanInfo *info = vkn_plan_info(entry->plan);
    entry->result->plan_warm = bench_spread(warm, WARM_PLANS).median;
    entry->result->dispatches = entry->batch * info->dispatch_count;
    entry->result->barriers = (entry->together ? 1 : entry->batch) * info->barrier_count;
    entry->result->bytes = info->least_bytes;
}

static void entry_bind(const Bench *b, Entry *entry) {
    VknBuffer buffers[VKN_ROLE_COUNT];
    VknResult result = VKN_SUCCESS;
    for (uint32_t set = 0; set < b->rig->set_count && !result; set++) {
        bench_rig_set(b->rig, set, buffers);
        result = vkn_bindings_create(entry->plan, buffers, &entry->bindings[set]);
    }
    if (result)
        entry_fail(entry, "binding", result);
}

typedef struct Recording {
    const Bench *bench;
    const Entry *entry;
    double seconds;
} Recording;

static VknResult record_first(void *user, uint32_t part, VkCommandBuffer commands) {
    Recording *recording = user;
    (void)part;
    double start = bench_clock();
    VknResult result = entry_record(recording->bench, recording->entry, 0, commands);
    recording->seconds = bench_clock() - start;
    return result;
}

/* Of a batch it is the last one that is looked at. */
static void entry_verify(const Bench *b, Entry *entry) {
    BenchResult *r = entry->result;
    VknBuffer buffers[VKN_ROLE_COUNT];
    Recording recording = {.bench = b, .entry = entry};
    double seconds;
    bench_rig_set(b->rig, entry->batch - 1, buffers);
    VknResult result = bench_data_upload(b->rig->runtime, &b->bench_case->desc, buffers);
    if (!result)
        result = vkn_runtime_time(b->rig->runtime, 1, record_first, &recording, &seconds);
    if (result)
        entry_fail(entry, "the first run", result);
    else
        bench_verify(b->rig->runtime, &b->bench_case->desc, buffers, r->failure, sizeof r->failure);
}

static void entry_destroy(Entry *entry) {
    for (uint32_t set = 0; set < BENCH_MOST_SETS; set++)
        vkn_bindings_destroy(entry->bindings[set]);
    vkn_plan_destroy(entry->plan);
    vkn_context_destroy(entry->context);
    free(entry->seconds);
}

/* ------------------------------------------------------------------------------------------- rounds */

enum { PART_BUFFER, PART_SHADER, PART_ENTRY };

static VknResult record_part(void *user, uint32_t part, VkCommandBuffer commands) {
    Bench *b = user;
    if (part == PART_BUFFER) {
        bench_copy_buffer(b->rig->copy, commands);
        return VKN_SUCCESS;
    }
    if (part == PART_SHADER) {
        bench_copy_shader(b->rig->copy, commands);
        return VKN_SUCCESS;
    }
    return entry_record(b, b->timed[part - PART_ENTRY], b->set, commands);
}

/* Records into a command buffer that is given up then: a failure keeps it from being submitted. */
static VknResult record_only(void *user, uint32_t part, VkCommandBuffer commands) {
    VknResult result = record_first(user, part, commands);
    return result ? result : VKN_ERROR_UNSUPPORTED;
}

static double recording_seconds(const Bench *b, const Entry *entry) {
    double seconds[RECORDINGS], never;
    Recording recording = {.bench = b, .entry = entry};
    for (uint32_t i = 0; i < RECORDINGS; i++) {
        vkn_runtime_time(b->rig->runtime, 1, record_only, &recording, &never);
        seconds[i] = recording.seconds;
    }
    return bench_spread(seconds, RECORDINGS).median;
}

static VknResult run_round(Bench *b, BenchOnednn *onednn) {
    double seconds[PART_ENTRY + BENCH_MOST_STRATEGIES];
    uint32_t n = b->samples;
    b->set = (b->set + (b->bench_case->batched ? BENCH_BATCH : 1)) % b->rig->set_count;
    VknResult result =
        vkn_runtime_time(b->rig->runtime, PART_ENTRY + b->timed_count, record_part, b, seconds);
    if (result)
        return result;
    b->buffer_rate[n] = (double)b->copied / seconds[PART_BUFFER];
    b->shader_rate[n] = (double)b->copied / seconds[PART_SHADER];
    b->onednn[n] = onednn ? bench_onednn_run(onednn) : 0;
    for (uint32_t i = 0; i < b->timed_count; i++) {
        Entry *entry = b->timed[i];
        entry->seconds[n] = seconds[PART_ENTRY + i] / entry->batch;
        double rate = (double)entry->result->bytes / entry->seconds[n];
        entry->of_buffer[n] = rate / b->buffer_rate[n];
        entry->of_shader[n] = rate / b->shader_rate[n];
        entry->of_onednn[n] = b->onednn[n] / entry->seconds[n];
    }
    return VKN_SUCCESS;
}

static double target_of(const BenchTarget *target, const VknRuntimeInfo *info) {
    return info->gpu                                  ? target->gpu
           : strstr(info->device_name, "SwiftShader") ? target->swiftshader
                                                      : target->lavapipe;
}

static void summarize(Bench *b) {
    uint32_t n = b->samples;
    double buffer_rate = bench_spread(b->buffer_rate, n).median;
    double shader_rate = bench_spread(b->shader_rate, n).median;
    double onednn_seconds = bench_spread(b->onednn, n).median;
    for (uint32_t i = 0; i < b->timed_count; i++) {
        Entry *entry = b->timed[i];
        BenchResult *r = entry->result;
        r->record = recording_seconds(b, entry) / r->dispatches;
        r->of_onednn = bench_spread(entry->of_onednn, n).median;
        r->samples = n;
        r->seconds = bench_spread(entry->seconds, n);
        r->of_buffer = bench_spread(entry->of_buffer, n).median;
        r->of_shader = bench_spread(entry->of_shader, n).median;
        r->buffer_rate = buffer_rate;
        r->shader_rate = shader_rate;
        r->onednn_seconds = onednn_seconds;
        r->cached = b->rig->set_count * b->rig->set_size <= b->rig->cache;
        r->target = target_of(&b->bench_case->target, vkn_runtime_info(b->rig->runtime));
        snprintf(r->copy_name, sizeof r->copy_name, "%s", bench_copy_name(b->rig->copy));
    }
}

/* One allocation for each strategy, and one for the yardsticks. */
static bool samples_create(Bench *b) {
    uint32_t n = b->options->samples;
    b->buffer_rate = calloc(3, n * sizeof(double));
    b->shader_rate = b->buffer_rate + n;
    b->onednn = b->shader_rate + n;
    bool made = b->buffer_rate;
    for (uint32_t i = 0; i < b->timed_count; i++) {
        Entry *entry = b->timed[i];
        entry->seconds = calloc(4, n * sizeof(double));
        entry->of_buffer = entry->seconds + n;
        entry->of_shader = entry->of_buffer + n;
        entry->of_onednn = entry->of_shader + n;
        made = made && entry->seconds;
    }
    return made;
}

static VknResult time_entries(Bench *b) {
    VknResult result = samples_create(b) ? bench_rig_fill(b->rig) : VKN_ERROR_OUT_OF_HOST_MEMORY;
    b->copied = result ? 0 : bench_copy_choose(b->rig->copy, b->timed[0]->result->bytes, b->rig->set_count);
    if (!result && !b->copied)
        result = VKN_ERROR_DRIVER;
    BenchOnednn *onednn = !result && b->options->onednn ? bench_onednn_create(b->bench_case) : NULL;
    for (uint32_t i = 0; i < WARM_UP && !result; i++)
        result = run_round(b, onednn);
    for (double start = bench_clock(); b->samples < b->options->samples && !result; b->samples++) {
        if (b->samples >= LEAST_SAMPLES && bench_clock() - start > b->options->seconds)
            break;
        result = run_round(b, onednn);
    }
    if (!result)
        summarize(b);
    bench_onednn_destroy(onednn);
    free(b->buffer_rate);
    return result;
}

/* What rows of batches are called. */
static const char IN_TURNS[] = "20 in turns", TOGETHER[] = "20 together";

static void entry_create(Bench *b, BenchResult *results, uint32_t strategy, const char *name, bool chosen) {
    Entry *entry = &b->entries[b->entry_count];
    entry->together = name == TOGETHER;
    entry->batch = name == TOGETHER || name == IN_TURNS ? BENCH_BATCH : 1;
    entry->result = &results[b->entry_count++];
    *entry->result = (BenchResult){.bench_case = b->bench_case, .chosen = chosen};
    entry->result->strategy = name;
    entry_plan(b, entry, strategy);
}

static void entries_create(Bench *b, BenchResult *results) {
    VknPlanInfo info;
    const VknCaps *caps = vkn_context_caps(vkn_runtime_context(b->rig->runtime));
    VknDesc desc = b->bench_case->desc;
    VknResult result = vkn_plan_query(caps, &desc, vkn_runtime_context_desc(b->rig->runtime)->log, &info);
    uint32_t chosen = result ? 0 : info.strategy;
    for (uint32_t k = 1; vkn_strategy_name(k - 1) && b->entry_count < BENCH_MOST_STRATEGIES; k++) {
        desc.strategy = k;
        if (b->options->all_strategies ? vkn_plan_query(caps, &desc, (VknLog){0}, &info) : k != chosen)
            continue;
        entry_create(b, results, k, vkn_strategy_name(k - 1), k == chosen);
    }
    if (b->options->reproducible && b->entry_count < BENCH_MOST_STRATEGIES)
        entry_create(b, results, 0, "reproducible", false);
    for (uint32_t i = 0; i < 2 && b->bench_case->batched && b->entry_count < BENCH_MOST_STRATEGIES; i++)
        entry_create(b, results, chosen, i ? TOGETHER : IN_TURNS, false);
    if (b->entry_count == 0) {
        b->entries[0].result = results;
        *results = (BenchResult){.bench_case = b->bench_case, .strategy = "none"};
        entry_fail(&b->entries[b->entry_count++], "planning", result);
    }
}

/* Makes sets of buffers that serve every strategy. */
static VknResult lay_out(Bench *b) {
    uint64_t size[VKN_ROLE_COUNT] = {0};
    for (uint32_t i = 0; i < b->entry_count; i++)
        for (uint32_t role = 0; role < VKN_ROLE_COUNT && b->entries[i].plan; role++) {
            uint64_t needed = vkn_plan_info(b->entries[i].plan)->size[role];
            size[role] = needed > size[role] ? needed : size[role];
        }
    return bench_rig_lay_out(b->rig, size);
}

uint32_t bench_measure(BenchRig *rig, const BenchOptions *options, const BenchCase *bench_case,
                       BenchResult results[BENCH_MOST_STRATEGIES]) {
    Bench *b = calloc(1, sizeof *b);
    if (!b)
        return 0;
    *b = (Bench){.rig = rig, .options = options, .bench_case = bench_case};
    entries_create(b, results);
    uint32_t count = b->entry_count;
    VknResult result = lay_out(b);
    for (uint32_t i = 0; i < count; i++) {
        Entry *entry = &b->entries[i];
        if (result)
            entry_fail(entry, "the buffers", result);
        if (!*entry->result->failure)
            entry_bind(b, entry);
        if (!*entry->result->failure)
            entry_verify(b, entry);
        if (!*entry->result->failure)
            b->timed[b->timed_count++] = entry;
    }
    result = b->timed_count ? time_entries(b) : VKN_SUCCESS;
    for (uint32_t i = 0; i < b->timed_count && result; i++)
        entry_fail(b->timed[i], "timing", result);
    for (uint32_t i = 0; i < count; i++)
        entry_destroy(&b->entries[i]);
    free(b);
    return count;
}
