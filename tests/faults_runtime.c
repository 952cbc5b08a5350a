/* Scenarios of the runtime. */
#include "faults_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void count_device(void *user, const VknRuntimeInfo *info) {
    (void)info;
    ++*(uint32_t *)user;
}

static VknResult list(World *world) {
    uint32_t count = 0;
    VknResult result = vkn_runtime_list((VknLog){world_log, world}, count_device, &count);
    if ((count == 0) != (result != VKN_SUCCESS))
        faults_violation("devices were listed, or none, by", "vkn_runtime_list");
    return result;
}

static char path[64];

static void remove_file(void) {
    remove(path);
}

/* Of a file that the scenario before has written, or of none. */
static const char *cache_path(const World *world) {
    if (!path[0]) {
        snprintf(path, sizeof path, "/tmp/vkn_faults_%ld", (long)getpid());
        atexit(remove_file);
    }
    if (world->scenario->cache_file != CACHE_FILE_KEPT)
        remove_file();
    return world->scenario->cache_file ? path : NULL;
}

static VknResult create_runtime(World *world) {
    const char *file = cache_path(world);
    const VknRuntimeDesc desc = {.device = world_device()->device_name,
                                 .validation = world->scenario->validation,
                                 .cache_path = world->scenario->tuning ? NULL : file,
                                 .tuning_path = world->scenario->tuning ? file : NULL,
                                 .log = {world_log, world}};
    WITH_OUTPUT(world->runtime, vkn_runtime_create(&desc, &world->runtime));
}

static VknResult create_buffer(World *world) {
    VknBuffer untouched = {UNTOUCHED, 1, 2}, buffer = untouched;
    VknResult result = vkn_runtime_buffer_create(world->runtime, sizeof world->output[0], &buffer);
    if (result && memcmp(&buffer, &untouched, sizeof buffer))
        faults_violation("the output was touched by", "vkn_runtime_buffer_create");
    world->buffer = result ? (VknBuffer){0} : buffer;
    return result;
}

static VknResult plan_runtime(World *world) {
    VknDesc desc = world_describe(world, 0);
    WITH_OUTPUT(world->plans[0],
                vkn_plan_create(vkn_runtime_context(world->runtime), &desc, &world->plans[0]));
}

static VknResult bind_runtime(World *world) {
    return world_bind(world, 0, world->buffer);
}

static VknResult upload(World *world) {
    return vkn_runtime_upload(world->runtime, &world->buffer, 0, world_input(), world->buffer.size);
}

static VknResult run_runtime(World *world) {
    world->seconds = -1;
    VknResult result =
        vkn_runtime_run(world->runtime, world->plans[0], world->bindings[0], NULL, 2, &world->seconds);
    if ((world->seconds < 0) != (result != VKN_SUCCESS))
        faults_violation("no time, or one of a failure, by", "vkn_runtime_run");
    return result;
}

static VknResult copy(World *world) {
    const uint64_t half = world->buffer.size / 2;
    VknBuffer from = {world->buffer.buffer, 0, half}, to = {world->buffer.buffer, half, half};
    return vkn_runtime_copy(world->runtime, &from, &to, half, 1, NULL);
}

static VknResult download(World *world) {
    return vkn_runtime_download(world->runtime, &world->buffer, 0, world->output[0], sizeof world->output[0]);
}

/* A failure has no code, but a sentence that the log has got. */
static VknResult save_cache(World *world) {
    return vkn_runtime_save_cache(world->runtime) ? VKN_SUCCESS : faults_expected();
}

static VknResult tune_runtime(World *world) {
    return world_tune(world, vkn_runtime_context(world->runtime));
}

static VknResult save_tuning(World *world) {
    return vkn_runtime_save_tuning(world->runtime) ? VKN_SUCCESS : faults_expected();
}

static VknResult buffer_again(World *world) {
    VknBuffer made = world->buffer;
    VknResult result = create_buffer(world);
    world->buffer = made;
    return result;
}

static VknResult plan_runtime_again(World *world) {
    VknPlan *made = world->plans[0];
    VknResult result = plan_runtime(world);
    world->plans[0] = made;
    return result;
}

/* What found out says so: the runtime, or its context. */
bool runtime_is_lost(World *world) {
    if (!world->runtime || !world_says_lost(world, buffer_again))
        return !world->runtime || world_says_lost(world, plan_runtime_again);
    return (!world->buffer.buffer || (world_says_lost(world, upload) && world_says_lost(world, copy) &&
                                      world_says_lost(world, download))) &&
           (!world->bindings[0] || world_says_lost(world, run_runtime));
}

void runtime_close(World *world) {
    vkn_bindings_destroy(world->bindings[0]);
    vkn_plan_destroy(world->plans[0]);
    if (world->runtime && world->buffer.buffer)
        vkn_runtime_buffer_destroy(world->runtime, world->buffer.buffer);
    vkn_runtime_destroy(world->runtime);
}

const Step list_steps[] = {{"list", list}, {NULL, NULL}};
const Step validation_steps[] = {{"create", create_runtime}, {NULL, NULL}};
const Step tuning_steps[] = {
    {"create", create_runtime}, {"tune", tune_runtime}, {"save", save_tuning}, {NULL, NULL}};
const Step tuned_steps[] = {{"create", create_runtime}, {"save", save_tuning}, {NULL, NULL}};
const Step cache_steps[] = {
    {"create", create_runtime}, {"plan", plan_runtime}, {"save", save_cache}, {NULL, NULL}};
const Step runtime_steps[] = {{"create", create_runtime},
                              {"buffer", create_buffer},
                              {"plan", plan_runtime},
                              {"bindings", bind_runtime},
                              {"upload", upload},
                              {"run", run_runtime},
                              {"copy", copy},
                              {"download", download},
                              {NULL, NULL}};
