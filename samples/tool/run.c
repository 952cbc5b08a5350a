/* `vknorm run`: one operation on .npy files. */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------------------------------------------- description */

/* Types that no attribute sets are those of the files read, or else of x, or of the first that is known. A
 * file of uint16 does not say what it holds. */
static void infer_types(Run *run) {
    static const char *const NAMES[] = {"x.type", "y.type", "residual.type", "dx.type"};
    VknDesc *desc = &run->request.desc;
    VknTensor *tensors[] = {&desc->x, &desc->y, &desc->residual, &desc->dx};
    bool known[4];
    int first = -1;
    for (int t = 0; t < 4; t++) {
        known[t] = setting_find(&run->settings, NAMES[t]) != NULL;
        for (size_t i = 0; i < VKN_ROLE_COUNT && !known[t]; i++) {
            if (roles[i].per == PER_ELEMENT && run->slots[i].in && run->slots[i].npy.type[0] == 'f' &&
                (char *)desc + roles[i].tensor == (char *)tensors[t]) {
                known[t] = true;
                tensors[t]->type = strcmp(run->slots[i].npy.type, "f2") == 0 ? VKN_TYPE_F16 : VKN_TYPE_F32;
            }
        }
        first = first < 0 && known[t] ? t : first;
    }
    for (int t = 0; t < 4; t++)
        if (!known[t] && first >= 0)
            tensors[t]->type = tensors[first]->type;
}

/* Reads the inputs, and takes the shape from the first tensor if it is not set. */
static bool read_inputs(Run *run) {
    static const VknRole SHAPED[] = {VKN_ROLE_X, VKN_ROLE_DY, VKN_ROLE_Y};
    Request *request = &run->request;
    char text[NPY_SHAPE_SIZE];
    for (size_t i = 0; i < VKN_ROLE_COUNT; i++)
        if (run->slots[i].in && !npy_read(run->slots[i].in, &run->slots[i].npy))
            return false;
    if (setting_find(&run->settings, "shape"))
        return true;
    for (size_t i = 0; i < sizeof SHAPED / sizeof *SHAPED && request->rank == 0; i++) {
        const Slot *slot = &run->slots[SHAPED[i]];
        char stride[16];
        snprintf(stride, sizeof stride, "%s.stride", SHAPED[i] == VKN_ROLE_X ? "x" : "y");
        if (!slot->in || setting_find(&run->settings, stride))
            continue;
        if (slot->npy.rank > VKN_MAX_RANK || slot->npy.rank == 0)
            return fail("%s: shape %s has %u axes; 1 to %d are possible", slot->in,
                        npy_shape(slot->npy.shape, slot->npy.rank, text), slot->npy.rank, VKN_MAX_RANK);
        request->rank = slot->npy.rank;
        memcpy(request->shape, slot->npy.shape, request->rank * sizeof *request->shape);
    }
    return request->rank > 0 || fail("the shape is not known: no --in x=FILE; set --set shape=N,N,...");
}

static bool describe(Run *run) {
    if (!settings_describe(&run->settings, run->operation, &run->request))
        return false;
    run->request.desc.roles = 0;
    for (size_t i = 0; i < VKN_ROLE_COUNT; i++)
        if (run->slots[i].in || run->slots[i].out)
            run->request.desc.roles |= VKN_ROLE_BIT(i);
    infer_types(run);
    return true;
}

/* --------------------------------------------------------------------------------------------- run */

static bool plan(Run *run) {
    VknRuntimeDesc desc = {.device = run->device, .validation = run->validation, .log = tool_log()};
    if (vkn_runtime_create(&desc, &run->runtime) != VKN_SUCCESS ||
        vkn_plan_create(vkn_runtime_context(run->runtime), &run->request.desc, &run->plan) != VKN_SUCCESS)
        return false; /* the log has said why */
    for (size_t i = 0; i < VKN_ROLE_COUNT; i++) {
        Slot *slot = &run->slots[i];
        if (slot->in && !run_check_input(run, i))
            return false;
        if (slot->out && !slot->in) {
            slot->npy = run_array(run, i);
            if (!npy_allocate(&slot->npy, slot->out))
                return false;
        }
    }
    return true;
}

static bool upload(Run *run) {
    const VknPlanInfo *info = vkn_plan_info(run->plan);
    for (size_t i = 0; i < VKN_ROLE_COUNT; i++) {
        const Npy *npy = &run->slots[i].npy;
        uint64_t size = (npy->size > info->size[i] ? npy->size : info->size[i]) / 4 * 4 + 4;
        if (!info->size[i])
            continue;
        if (vkn_runtime_buffer_create(run->runtime, size, &run->buffers[i]) != VKN_SUCCESS)
            return false;
        /* Outputs are cleared as well: between the elements of strided ones nothing is written. */
        if (npy->data && npy->size &&
            vkn_runtime_upload(run->runtime, &run->buffers[i], 0, npy->data, (npy->size + 3) / 4 * 4) !=
                VKN_SUCCESS)
            return false;
    }
    return true;
}

static bool execute(Run *run) {
    const VknPlanInfo *info = vkn_plan_info(run->plan);
    if (!upload(run) || vkn_bindings_create(run->plan, run->buffers, &run->bindings) != VKN_SUCCESS ||
        vkn_runtime_run(run->runtime, run->plan, run->bindings, &run->request.record, 1, NULL) != VKN_SUCCESS)
        return false;
    for (size_t i = 0; i < VKN_ROLE_COUNT; i++) {
        Npy *npy = &run->slots[i].npy;
        if (run->slots[i].out && info->size[i] && npy->size &&
            vkn_runtime_download(run->runtime, &run->buffers[i], 0, npy->data, (npy->size + 3) / 4 * 4) !=
                VKN_SUCCESS)
            return false;
    }
    uint32_t messages = vkn_runtime_validation_count(run->runtime);
    return messages == 0 || fail("the validation layer had %u messages", messages);
}

static bool write_outputs(Run *run) {
    char shape[NPY_SHAPE_SIZE];
    for (size_t i = 0; i < VKN_ROLE_COUNT; i++)
        if (run->slots[i].out && !npy_write(run->slots[i].out, &run->slots[i].npy, run->slots[i].temporary))
            return false;
    for (size_t i = 0; i < VKN_ROLE_COUNT; i++) {
        Slot *slot = &run->slots[i];
        if (!slot->out)
            continue;
        if (!npy_publish(slot->out, slot->temporary))
            return false;
        slot->temporary[0] = '\0';
        printf("%s: %s %s\n", slot->out, slot->npy.type, npy_shape(slot->npy.shape, slot->npy.rank, shape));
    }
    return true;
}

static void report(const Run *run) {
    const VknPlanInfo *info = vkn_plan_info(run->plan);
    printf("%s: strategy %s, dispatches: %u\n", vkn_runtime_info(run->runtime)->device_name,
           info->strategy_name, info->dispatch_count);
    for (size_t i = 0; i < VKN_ROLE_COUNT; i++)
        if (run->slots[i].in && !info->size[i] && run->slots[i].npy.size)
            printf("%s: not needed\n", roles[i].name);
}

static void run_free(Run *run) {
    vkn_bindings_destroy(run->bindings);
    vkn_plan_destroy(run->plan);
    vkn_runtime_destroy(run->runtime);
    for (size_t i = 0; i < VKN_ROLE_COUNT; i++) {
        npy_discard(run->slots[i].temporary);
        npy_free(&run->slots[i].npy);
    }
    free(run);
}

int run_main(int argc, char **argv) {
    Run *run = calloc(1, sizeof *run);
    if (!run)
        return fail("no memory"), STATUS_FAILED;
    int status = run_parse(argc, argv, run);
    if (status < 0) {
        bool done = read_inputs(run) && describe(run) && plan(run) && execute(run) && write_outputs(run);
        if (done)
            report(run);
        status = done ? STATUS_DONE : STATUS_FAILED;
    }
    run_free(run);
    return status;
}
