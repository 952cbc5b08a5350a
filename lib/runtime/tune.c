/* Tuning with the runtime's queue, and the file of what it found. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------------------------------- time */

/* What a submission takes, whatever it does, should be little of what is timed. */
#define LEAST_SECONDS 1e-3
#define MOST_REPEATS  32

#define FILL_WORDS (1u << 18)

typedef struct Race {
    VknRuntime *runtime;
    const VknPlan *const *plans;
    uint32_t count, repeat;
    VknBuffer buffers[VKN_ROLE_COUNT];
    VknBindings *bindings[VKN_MOST_STRATEGIES];
} Race;

/* Words that are ordinary numbers in every type: 1 to 2 in f16, else 0.007 to 2. */
static VknResult fill(VknRuntime *runtime, const VknBuffer *buffer) {
    uint64_t words = buffer->size / 4 < FILL_WORDS ? buffer->size / 4 : FILL_WORDS;
    uint32_t *data = malloc(words * sizeof *data), random = 1;
    VknResult result = VKN_SUCCESS;
    if (!data)
        return vkn_fail(&runtime->instance.log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory to tune with");
    for (uint64_t i = 0; i < words; i++) {
        random = random * 1664525u + 1013904223u;
        data[i] = 0x3C003C00u | (random >> 4 & 0x03FF03FFu);
    }
    for (uint64_t at = 0; at < buffer->size && result == VKN_SUCCESS; at += 4 * words) {
        uint64_t left = buffer->size - at;
        result = vkn_runtime_upload(runtime, buffer, at, data, left < 4 * words ? left : 4 * words);
    }
    free(data);
    return result;
}

/* Buffers that serve all plans, which need workspaces of different sizes, and the bindings. */
static VknResult race_open(Race *race) {
    VknResult result = VKN_SUCCESS;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT && result == VKN_SUCCESS; role++) {
        uint64_t size = 0;
        for (uint32_t i = 0; i < race->count; i++)
            if (vkn_plan_info(race->plans[i])->size[role] > size)
                size = vkn_plan_info(race->plans[i])->size[role];
        if (size)
            result = vkn_runtime_buffer_create(race->runtime, size, &race->buffers[role]);
        if (size && result == VKN_SUCCESS)
            result = fill(race->runtime, &race->buffers[role]);
    }
    for (uint32_t i = 0; i < race->count && result == VKN_SUCCESS; i++)
        result = vkn_bindings_create(race->plans[i], race->buffers, &race->bindings[i]);
    return result;
}

static void race_close(Race *race) {
    for (uint32_t i = 0; i < race->count; i++)
        vkn_bindings_destroy(race->bindings[i]);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        vkn_runtime_buffer_destroy(race->runtime, race->buffers[role].buffer);
}

static VknResult record(void *user, uint32_t part, VkCommandBuffer commands) {
    const Race *race = user;
    const VknRecordInfo info = {.batch_number = 1};
    VknResult result = VKN_SUCCESS;
    for (uint32_t i = 0; i < race->repeat && result == VKN_SUCCESS; i++) {
        if (i)
            vkn_commands_barrier(race->runtime);
        result = vkn_plan_record(race->plans[part], race->bindings[part], commands, &info);
    }
    return result;
}

/* A VknTimer. */
static VknResult time_plans(void *user, uint32_t count, const VknPlan *const plans[], uint32_t rounds,
                            double *seconds) {
    Race race = {.runtime = user, .plans = plans, .count = count, .repeat = 1};
    double warm[VKN_MOST_STRATEGIES], least = LEAST_SECONDS;
    VknResult result = race_open(&race);
    if (result == VKN_SUCCESS)
        result = vkn_runtime_time(user, count, record, &race, warm);
    for (uint32_t i = 0; i < count && result == VKN_SUCCESS; i++)
        least = warm[i] < least ? warm[i] : least;
    if (result == VKN_SUCCESS)
        race.repeat = least * MOST_REPEATS > LEAST_SECONDS ? (uint32_t)(LEAST_SECONDS / least) : MOST_REPEATS;
    for (uint32_t round = 0; round < rounds && result == VKN_SUCCESS; round++)
        result = vkn_runtime_time(user, count, record, &race, &seconds[round * count]);
    for (uint32_t i = 0; i < rounds * count && result == VKN_SUCCESS; i++)
        seconds[i] /= race.repeat;
    race_close(&race);
    return result;
}

VknResult vkn_runtime_tune(VknRuntime *runtime, const VknDesc *desc, VknTuneInfo *info) {
    _Static_assert(VKN_MOST_STRATEGIES <= VKN_RUNTIME_MOST_PARTS, "a part for each strategy");
    if (!runtime)
        return VKN_ERROR_INVALID_ARGUMENT;
    VknTimer timer = {time_plans, runtime};
    return vkn_plan_tune(runtime->context, desc, &timer, info);
}

/* -------------------------------------------------------------------------------------------- file */

static void tell(const VknRuntime *runtime, VknLogLevel level, const char *what, const char *why) {
    vkn_file_tell(&runtime->instance.log, level, what, "file of tuned strategies", runtime->tuning_path, why);
}

/* Adds the file to what the context knows; its bytes are the caller's to free. */
static VknResult file_add(VknRuntime *runtime, void **file, uint64_t *size) {
    const char *why = NULL;
    VknResult result = VKN_SUCCESS;
    *file = vkn_file_read(runtime->tuning_path, size, &why);
    if (why)
        tell(runtime, VKN_LOG_WARNING, "cannot read", why);
    if (*file)
        result = vkn_tuning_unpack(runtime->context, &runtime->cache_key, *file, *size);
    if (result != VKN_ERROR_INVALID_ARGUMENT)
        return result;
    tell(runtime, VKN_LOG_WARNING, "begins anew:", "see above");
    return VKN_SUCCESS;
}

VknResult vkn_tuning_open(VknRuntime *runtime, const char *path) {
    void *file = NULL;
    uint64_t size;
    VknResult result = vkn_cache_key(&runtime->context_desc, &runtime->cache_key);
    if (result != VKN_SUCCESS)
        return result;
    runtime->tuning_path = malloc(strlen(path) + 1);
    if (!runtime->tuning_path)
        return vkn_fail(&runtime->instance.log, VKN_ERROR_OUT_OF_HOST_MEMORY,
                        "no memory for the path of what is tuned");
    strcpy(runtime->tuning_path, path);
    result = file_add(runtime, &file, &size);
    free(file);
    return result;
}

static bool save(VknRuntime *runtime) {
    void *old, *data = NULL;
    uint64_t old_size = 0, size = 0;
    const char *why = NULL;
    bool given = file_add(runtime, &old, &old_size) == VKN_SUCCESS &&
                 vkn_tuning_pack(runtime->context, &runtime->cache_key, NULL, &size) == VKN_SUCCESS;
    if (given && size > VKN_CACHE_HEADER_SIZE) {
        data = malloc(size);
        given = data && vkn_tuning_pack(runtime->context, &runtime->cache_key, data, &size) == VKN_SUCCESS;
        if (!data)
            why = "no memory for it";
        else if (given && !(old && old_size == size && memcmp(old, data, size) == 0))
            why = vkn_file_replace(runtime->tuning_path, &(VknFilePart){data, size}, 1);
    }
    free(old);
    free(data);
    if (why)
        tell(runtime, VKN_LOG_ERROR, "cannot write", why);
    return given && !why;
}

bool vkn_runtime_save_tuning(VknRuntime *runtime) {
    if (!runtime || !runtime->tuning_path)
        return false;
    bool saved = save(runtime);
    runtime->tuning_failed = !saved;
    return saved;
}
