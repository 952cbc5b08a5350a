/* What lies in the files of a run. */
#include "run.h"

#include <string.h>

/* The type of a tensor in files. */
static const char *type_of(VknType type) {
    switch (type) {
    case VKN_TYPE_F32:
        return "f4";
    case VKN_TYPE_F16:
        return "f2";
    case VKN_TYPE_BF16:
        return "u2";
    }
    return "";
}

static const char *role_type(const Run *run, size_t role) {
    if (roles[role].type[0])
        return roles[role].type;
    return type_of(((const VknTensor *)((const char *)&run->request.desc + roles[role].tensor))->type);
}

static bool is_strided(const VknDesc *desc, const Role *role) {
    const uint64_t *stride = role->per == PER_MASKED
                                 ? desc->mask_stride
                                 : ((const VknTensor *)((const char *)desc + role->tensor))->stride;
    bool strided = false;
    if (role->per != PER_ELEMENT && role->per != PER_MASKED)
        return false;
    for (uint32_t i = 0; i < VKN_MAX_RANK; i++)
        strided |= stride[i] != 0;
    return strided;
}

static void append(Npy *npy, uint64_t extent) {
    npy->shape[npy->rank++] = extent;
}

/* The axes of a per-channel array: those listed, in the order of the shape; of packed ones the channels. */
static void append_axes(Npy *npy, const VknDesc *desc, const int32_t *axes, uint32_t count) {
    int32_t rank = (int32_t)desc->rank;
    for (int32_t axis = 0; axis < rank; axis++) {
        for (uint32_t i = 0; i < count; i++) {
            if (axes[i] != axis && axes[i] + rank != axis)
                continue;
            bool packs = desc->channels && (desc->packed_axis == axis || desc->packed_axis + rank == axis);
            if (!desc->channels || axis < rank - 1)
                append(npy, packs ? desc->channels : desc->shape[axis]);
        }
    }
}

Npy run_array(const Run *run, size_t role) {
    const Request *request = &run->request;
    const VknDesc *desc = &request->desc;
    const Role *row = &roles[role];
    Npy npy = {0};
    strcpy(npy.type, role_type(run, role));
    if (is_strided(desc, row) || row->per == PER_BYTE) {
        append(&npy, vkn_plan_info(run->plan)->size[role] / (uint64_t)(npy.type[1] - '0'));
        return npy;
    }
    if ((role == VKN_ROLE_MOMENTS || role == VKN_ROLE_SUMS) && role_use(row, desc->operation) == 'i')
        append(&npy, desc->moment_parts);
    switch (row->per) {
    case PER_ELEMENT:
    case PER_MASKED:
        for (uint32_t i = 0; i < request->rank - (row->per == PER_MASKED); i++)
            append(&npy, request->shape[i]);
        break;
    case PER_PARAMETER:
        if (request->groups)
            append(&npy, vkn_plan_info(run->plan)->parameter_count);
        else if (desc->parameter_axis_count)
            append_axes(&npy, desc, desc->parameter_axes, desc->parameter_axis_count);
        else
            append_axes(&npy, desc, desc->kept_axes, desc->kept_axis_count);
        break;
    case PER_STATISTIC:
        if (desc->virtual_batch_size)
            append(&npy, desc->shape[0] / desc->virtual_batch_size);
        append_axes(&npy, desc, desc->kept_axes, desc->kept_axis_count);
        break;
    case PER_CHANNEL:
        append_axes(&npy, desc, desc->kept_axes, desc->kept_axis_count);
        break;
    case PER_BYTE:
        break;
    }
    if (row->words)
        append(&npy, row->words);
    return npy;
}

/* Tensors have their shape; of all else only the number of elements counts. */
bool run_check_input(const Run *run, size_t role) {
    const Slot *slot = &run->slots[role];
    Npy wanted = run_array(run, role);
    char is[NPY_SHAPE_SIZE], should[NPY_SHAPE_SIZE];
    bool exact = roles[role].per == PER_ELEMENT;
    bool strided = is_strided(&run->request.desc, &roles[role]);
    bool same = slot->npy.rank == wanted.rank;
    uint64_t count = 1;
    for (uint32_t i = 0; i < wanted.rank; i++) {
        same = same && slot->npy.shape[i] == wanted.shape[i];
        count *= wanted.shape[i];
    }
    npy_shape(slot->npy.shape, slot->npy.rank, is);
    if (strcmp(slot->npy.type, wanted.type) != 0)
        return fail("--in %s=%s: elements of type '%s', expected '%s'%s", roles[role].name, slot->in,
                    slot->npy.type, wanted.type,
                    strcmp(slot->npy.type, "u2") == 0 ? "; bfloat16 needs --set x.type=bf16 (or of y, ...)"
                                                      : "");
    if (strided ? slot->npy.size + 3 >= vkn_plan_info(run->plan)->size[role] /* which is a multiple of 4 */
        : exact ? same
                : slot->npy.count == count)
        return true;
    return fail("--in %s=%s: shape %s, expected %s%s", roles[role].name, slot->in, is,
                strided ? "at least " : "", npy_shape(wanted.shape, wanted.rank, should));
}
