/* What all cases share: the device, the copies, and the sets of buffers that rotate. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

static void write_log(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level != VKN_LOG_INFO)
        fprintf(stderr, "%s\n", message);
}

BenchRig *bench_rig_create(const char *device) {
    BenchRig *rig = calloc(1, sizeof *rig);
    VknRuntimeDesc desc = {.device = device, .log = {write_log, NULL}};
    if (!rig)
        return NULL;
    rig->cache = bench_cache_size();
    if (vkn_runtime_create(&desc, &rig->runtime) == VKN_SUCCESS)
        rig->copy = bench_copy_create(rig->runtime, rig->cache);
    if (rig->copy)
        return rig;
    bench_rig_destroy(rig);
    return NULL;
}

void bench_rig_destroy(BenchRig *rig) {
    if (!rig)
        return;
    bench_copy_destroy(rig->copy);
    vkn_runtime_destroy(rig->runtime);
    free(rig);
}

VknResult bench_rig_lay_out(BenchRig *rig, const uint64_t size[VKN_ROLE_COUNT]) {
    rig->set_size = 0;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        rig->size[role] = size[role];
        rig->offset[role] = rig->set_size;
        rig->set_size += (size[role] + 255) / 256 * 256;
    }
    /* A set is empty when nothing could be planned. */
    uint64_t wanted = rig->set_size ? 2 * rig->cache / rig->set_size + 1 : 0;
    rig->set_count = wanted < BENCH_MOST_SETS ? (uint32_t)wanted : BENCH_MOST_SETS;
    if (rig->arena.size >= rig->set_count * rig->set_size)
        return VKN_SUCCESS;
    vkn_runtime_buffer_destroy(rig->runtime, rig->arena.buffer);
    rig->arena = (VknBuffer){0};
    return vkn_runtime_buffer_create(rig->runtime, rig->set_count * rig->set_size, &rig->arena);
}

void bench_rig_set(const BenchRig *rig, uint32_t set, VknBuffer buffers[VKN_ROLE_COUNT]) {
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        buffers[role] =
            rig->size[role]
                ? (VknBuffer){rig->arena.buffer, set * rig->set_size + rig->offset[role], rig->size[role]}
                : (VknBuffer){0};
}

VknResult bench_rig_fill(const BenchRig *rig) {
    VknBuffer first = {rig->arena.buffer, 0, rig->set_size};
    VknResult result = VKN_SUCCESS;
    for (uint32_t set = 1; set < rig->set_count && !result; set++) {
        VknBuffer other = {rig->arena.buffer, set * rig->set_size, rig->set_size};
        result = vkn_runtime_copy(rig->runtime, &first, &other, rig->set_size, 1, NULL);
    }
    return result;
}
