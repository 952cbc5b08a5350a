#include "compute.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes before and after each buffer that must stay as they are: as many as any alignment of bindings, so
 * that tensors lie as they would without. */
#define GUARD 256

/* The role whose buffer a role is in, when that is not its own. */
static uint32_t home_of(const ComputeData *data, uint32_t role) {
    if (data->in_place && role == VKN_ROLE_Y)
        return VKN_ROLE_X;
    return data->in_place && role == VKN_ROLE_DX ? VKN_ROLE_DY : role;
}

/* A buffer for a role, `offset` bytes beside the alignment, between guards. */
static VknResult buffer_create(VknRuntime *runtime, uint64_t offset, uint64_t size, VknBuffer *bound) {
    uint8_t guard[GUARD];
    memset(guard, 0xA5, sizeof guard);
    VknResult result = vkn_runtime_buffer_create(runtime, offset + size + 2 * GUARD, bound);
    if (!result)
        result = vkn_runtime_upload(runtime, bound, offset, guard, GUARD);
    if (!result)
        result = vkn_runtime_upload(runtime, bound, offset + GUARD + size, guard, GUARD);
    bound->offset = offset + GUARD;
    bound->size = size;
    return result;
}

/* Whether both guards are as they were. */
static VknResult check_guards(VknRuntime *runtime, uint32_t role, VknBuffer bound) {
    VknBuffer whole = {bound.buffer, bound.offset - GUARD, bound.size + 2 * GUARD};
    uint8_t guards[2 * GUARD];
    VknResult result = vkn_runtime_download(runtime, &whole, 0, guards, GUARD);
    if (!result)
        result = vkn_runtime_download(runtime, &whole, GUARD + bound.size, guards + GUARD, GUARD);
    for (uint32_t i = 0; i < 2 * GUARD && !result; i++)
        if (guards[i] != 0xA5) {
            printf("    a byte %s role %u changed\n", i < GUARD ? "before" : "after", role);
            result = VKN_ERROR_DRIVER;
        }
    return result;
}

static VknResult run(VknRuntime *runtime, const VknPlan *plan, const ComputeData *data,
                     VknBuffer buffers[VKN_ROLE_COUNT]) {
    const uint64_t *size = vkn_plan_info(plan)->size;
    VknResult result = VKN_SUCCESS;
    VknBindings *bindings = NULL;
    for (uint32_t role = 0; !result && role < VKN_ROLE_COUNT; role++) {
        if (!size[role] || home_of(data, role) != role)
            continue;
        result = buffer_create(runtime, data->offset, size[role], &buffers[role]);
        if (!result && data->memory[role])
            result = vkn_runtime_upload(runtime, &buffers[role], 0, data->memory[role], size[role]);
    }
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        buffers[role] = buffers[home_of(data, role)];
    if (!result)
        result = vkn_bindings_create(plan, buffers, &bindings);
    if (!result)
        result = vkn_runtime_run(runtime, plan, bindings, NULL, 1, NULL);
    for (uint32_t role = 0; !result && role < VKN_ROLE_COUNT; role++)
        if (size[role] && home_of(data, role) == role)
            result = check_guards(runtime, role, buffers[role]);
    for (uint32_t role = 0; !result && role < VKN_ROLE_COUNT; role++)
        if (size[role] && data->memory[role])
            result = vkn_runtime_download(runtime, &buffers[role], 0, data->memory[role], size[role]);
    vkn_bindings_destroy(bindings);
    return result;
}

VknResult compute_try(VknRuntime *runtime, const VknDesc *desc, const ComputeData *data) {
    VknBuffer buffers[VKN_ROLE_COUNT] = {{0}};
    VknPlan *plan;
    VknResult result = vkn_plan_create(vkn_runtime_context(runtime), desc, &plan);
    if (!result)
        result = run(runtime, plan, data, buffers);
    vkn_plan_destroy(plan);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        if (home_of(data, role) == role)
            vkn_runtime_buffer_destroy(runtime, buffers[role].buffer);
    return result;
}

void compute(VknRuntime *runtime, const VknDesc *desc, const ComputeData *data) {
    VknResult result = compute_try(runtime, desc, data);
    if (!result)
        return;
    printf("FAILED: %s\n", vkn_result_name(result)); /* the log has said why */
    exit(1);
}
