#include "faults_objects.h"

typedef struct Object {
    uint32_t kind;
    uint64_t handle;
    uint64_t tag; /* of a shader module: its code; of a pipeline: whether it is shared */
} Object;

static Object live[4096];
static uint32_t live_count;

void live_add(uint32_t kind, uint64_t handle, uint64_t tag) {
    if (live_count == sizeof live / sizeof *live)
        faults_violation("too many objects, one is a", "leak");
    else
        live[live_count++] = (Object){kind, handle, tag};
}

bool live_remove(uint32_t kind, uint64_t handle, uint64_t *tag, const char *name) {
    if (!handle)
        return false;
    for (uint32_t i = live_count; i-- > 0;)
        if (live[i].kind == kind && live[i].handle == handle) {
            *tag = live[i].tag;
            live[i] = live[--live_count];
            return true;
        }
    faults_violation("there is no such object in", name);
    return false;
}

FaultsLive faults_live(void) {
    FaultsLive count = {0, 0, faults_blocks()};
    for (uint32_t i = 0; i < live_count; i++)
        *(live[i].kind == KIND_Pipeline ? &count.pipelines : &count.objects) += 1;
    return count;
}

uint64_t live_tag(uint32_t kind, uint64_t handle, const char *name) {
    for (uint32_t i = 0; i < live_count; i++)
        if (live[i].kind == kind && live[i].handle == handle)
            return live[i].tag;
    faults_violation("there is no such object in", name);
    return 0;
}

VkInstance live_newest_instance(void) {
    const Object *newest = live_count ? &live[live_count - 1] : NULL;
    return newest && newest->kind == KIND_Instance ? (VkInstance)(uintptr_t)newest->handle : VK_NULL_HANDLE;
}
