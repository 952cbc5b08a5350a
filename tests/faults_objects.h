/* What is alive: the list behind faults_live(). */
#ifndef TESTS_FAULTS_OBJECTS_H
#define TESTS_FAULTS_OBJECTS_H

#include "faults_layer.h"

enum {
#define KIND(name, object, ...) KIND_##object,
    FAULT_DESTROYS(KIND)
#undef KIND
        KIND_Pipeline,
    KIND_Device,
    KIND_Instance,
};

/* Handles are pointers or integers. */
#define HANDLE(object) ((uint64_t)(uintptr_t)(object))

/* `tag`: of a shader module its code, of a pipeline whether it is shared. */
void live_add(uint32_t kind, uint64_t handle, uint64_t tag);

/* Whether `handle` was alive, and may be handed to the driver. `name`: of the function that was called. */
bool live_remove(uint32_t kind, uint64_t handle, uint64_t *tag, const char *name);

/* The tag of what must be alive. */
uint64_t live_tag(uint32_t kind, uint64_t handle, const char *name);

/* The newest instance, if nothing is newer than that, or VK_NULL_HANDLE. */
VkInstance live_newest_instance(void);

#endif
