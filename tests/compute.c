#include "compute.h"

#include <stdio.h>
#include <stdlib.h>

/* The role whose buffer a role is in, when that is not its own. */
static uint32_t home_of(const ComputeData *data, uint32_t role) {
    if (data->in_place && role == VKN_ROLE_Y)
        return VKN_ROLE_X;
    return data->in_place && role == VKN_ROLE_DX ? VKN_ROLE_DY : role;
}

static VknResult run(VknRuntime *runtime, const VknPlan *plan, const ComputeData *data,
                     VknBuffer buffers[VKN_ROLE_COUNT]) {
    const uint64_t *size = vkn_plan_info(plan)->size;
    VknResult result = VKN_SUCCESS;
    VknBindings *bindings = NULL;
    for (uint32_t role = 0; !result && role < VKN_ROLE_COUNT; role++) {
        if (!size[role] || home_of(data, role) != role)
            continue;
        result = vkn_runtime_buffer_create(runtime, data->offset + size[role], &buffers[role]);
        buffers[role].offset = data->offset;
        buffers[role].size = size[role];
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
