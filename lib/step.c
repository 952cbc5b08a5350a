#include "step.h"

#include <inttypes.h>
#include <string.h>

#include "activation.h"
#include "desc.h"

/* More windows than this are a sign of a wrong description. */
#define MOST_STEPS 65536

/* ----------------------------------------------------------------------------------------- workers */

/* The largest subgroup that a workgroup can be a multiple of, which full subgroups ask for. */
static bool fits_full_subgroups(const VknCaps *caps) {
    return caps->full_subgroups && caps->max_subgroup_size <= vkn_min(caps->max_invocations, 256);
}

/* A butterfly needs every lane of gl_SubgroupSize, which only full subgroups promise. */
static bool shuffle_is_safe(const VknCaps *caps) {
    return caps->subgroup_shuffle && fits_full_subgroups(caps);
}

bool vkn_team_exists(const VknCaps *caps, VknTeam team) {
    return team != VKN_TEAM_SUBGROUP || caps->subgroup_arithmetic || shuffle_is_safe(caps);
}

VknWorker vkn_team_worker(const VknCaps *caps, VknTeam team) {
    switch (team) {
    case VKN_TEAM_LANE:
        return VKN_WORKER_LANE;
    case VKN_TEAM_SUBGROUP:
        return caps->subgroup_arithmetic ? VKN_WORKER_SUBGROUP_ADD : VKN_WORKER_SUBGROUP_SHUFFLE;
    case VKN_TEAM_GROUP:
        break;
    }
    return caps->subgroup_arithmetic ? VKN_WORKER_GROUP_ADD : VKN_WORKER_GROUP_TREE;
}

static uint32_t local_size(const VknPlanner *p) {
    uint32_t size = p->tuning->local_size;
    while (size > p->caps->max_invocations)
        size /= 2;
    return fits_full_subgroups(p->caps) ? (uint32_t)vkn_max(size, p->caps->max_subgroup_size) : size;
}

uint32_t vkn_worker_lanes(const VknPlanner *p, VknWorker worker) {
    switch (worker) {
    case VKN_WORKER_ALONE:
    case VKN_WORKER_LANE:
        return 1;
    case VKN_WORKER_SUBGROUP_ADD:
    case VKN_WORKER_SUBGROUP_SHUFFLE:
        return (uint32_t)vkn_min(p->caps->max_subgroup_size, local_size(p));
    case VKN_WORKER_GROUP_ADD:
    case VKN_WORKER_GROUP_TREE:
    case VKN_WORKER_COUNT:
        break;
    }
    return local_size(p);
}

/* ------------------------------------------------------------------------------------------- steps */

void vkn_step_set_float(VknStep *step, uint32_t id, float value) {
    memcpy(&step->spec[id - 1], &value, sizeof value);
}

/* What of the description kernels know beside the roles. */
static uint32_t modes_of(const VknPlanner *p) {
    static const uint32_t MODES_BY[] = {[VKN_BY_STATISTIC] = VKN_MODE_ELEMENT_PARAMETERS,
                                        [VKN_BY_PARAMETER] = VKN_MODE_ELEMENT_STATISTICS,
                                        [VKN_BY_CELL] = VKN_MODE_CELLS};
    const VknDesc *desc = &p->schedule->desc;
    uint32_t modes = 0;
    if (desc->parameter_axis_count)
        modes |= MODES_BY[p->by];
    if (desc->operation == VKN_OPERATION_TRAIN_GRADIENT && p->by != VKN_BY_PARAMETER)
        modes |= VKN_MODE_COUPLING;
    if (desc->residual_use == VKN_RESIDUAL_FACTOR)
        modes |= VKN_MODE_RESIDUAL_FACTOR;
    if (desc->residual_use == VKN_RESIDUAL_BEFORE && !vkn_operation_is_gradient(desc->operation))
        modes |= VKN_MODE_RESIDUAL_BEFORE;
    if (desc->roles & VKN_HAS_RESIDUAL_SUM)
        modes |= VKN_MODE_ROUND_SUM;
    if (desc->last_index)
        modes |= VKN_MODE_LAST_INDEX;
    bool is_hardmax = desc->statistic == VKN_STATISTIC_MAX && desc->operation == VKN_OPERATION_TRAIN;
    if (is_hardmax || desc->roles & VKN_HAS_INDEX)
        modes |= VKN_MODE_NUMBERS;
    if (desc->statistic == VKN_STATISTIC_SUM_POWER && desc->power == 1)
        modes |= VKN_MODE_POWER_1;
    if (desc->reproducible)
        modes |= VKN_MODE_REPRODUCIBLE;
    if (vkn_activation_is_plain_relu(&desc->activation))
        modes |= VKN_MODE_PLAIN_RELU;
    if (vkn_is_software(p))
        modes |= VKN_MODE_SOFTWARE;
    if (vkn_desc_is_from_output(desc))
        modes |= VKN_MODE_FROM_OUTPUT;
    if (vkn_desc_is_from_output(desc) && desc->activation.id == VKN_ACTIVATION_EXP)
        modes |= VKN_MODE_OUTPUT_IS_EXP;
    return modes;
}

VknResult vkn_step_add(VknPlanner *p, VknKernel kernel, VknWorker worker, VknStep **step) {
    VknSchedule *s = p->schedule;
    if (s->step_count == MOST_STEPS)
        return VKN_FAIL(p->host, UNSUPPORTED,
                        "%" PRIu64 " statistics of %" PRIu64 " elements need more than %d dispatches with "
                        "max_storage_range %" PRIu64,
                        p->view->statistic_count, p->view->reduce_count, MOST_STEPS,
                        p->caps->max_storage_range);
    if (s->step_count == s->capacity) {
        uint32_t capacity = s->capacity ? 2 * s->capacity : 4;
        VknStep *steps = vkn_host_alloc(p->host, capacity * sizeof *steps);
        if (!steps)
            return VKN_ERROR_OUT_OF_HOST_MEMORY;
        for (uint32_t i = 0; i < s->step_count; i++)
            steps[i] = s->steps[i];
        vkn_host_free(p->host, s->steps);
        s->steps = steps;
        s->capacity = capacity;
    }
    *step = &s->steps[s->step_count++];
    (*step)->kernel = kernel;
    (*step)->worker = worker;
    (*step)->stage = p->stage;
    (*step)->spec_count = VKN_SPEC_SCALARS;
    (*step)->spec[VKN_SPEC_LOCAL_SIZE - 1] = local_size(p);
    (*step)->spec[VKN_SPEC_ACTIVATION - 1] = s->desc.activation.id;
    (*step)->spec[VKN_SPEC_VECTOR - 1] = 1;
    (*step)->spec[VKN_SPEC_UNBIASED - 1] = s->desc.running_variance;
    (*step)->spec[VKN_SPEC_X_TYPE - 1] = s->desc.x.type;
    (*step)->spec[VKN_SPEC_Y_TYPE - 1] = s->desc.y.type;
    (*step)->spec[VKN_SPEC_RESIDUAL_TYPE - 1] = s->desc.residual.type;
    (*step)->spec[VKN_SPEC_DX_TYPE - 1] = s->desc.dx.type;
    (*step)->spec[VKN_SPEC_ACCUMULATE - 1] = s->desc.accumulate;
    (*step)->spec[VKN_SPEC_PROLOGUE - 1] = s->desc.prologue.id;
    for (uint32_t i = 0; i < VKN_MAX_ACTIVATION_PARAMETERS; i++) {
        vkn_step_set_float(*step, VKN_SPEC_PARAMETER + i, s->desc.activation.parameter[i]);
        vkn_step_set_float(*step, VKN_SPEC_PROLOGUE_PARAMETER + i, s->desc.prologue.parameter[i]);
    }
    (*step)->spec[VKN_SPEC_STATISTIC - 1] = 1u << s->desc.statistic;
    (*step)->spec[VKN_SPEC_MODES - 1] = modes_of(p);
    vkn_step_set_float(*step, VKN_SPEC_POWER, s->desc.power);
    vkn_step_set_float(*step, VKN_SPEC_EPSILON, s->desc.epsilon);
    vkn_step_set_float(*step, VKN_SPEC_COUNT_EPSILON, s->desc.count_epsilon);
    return VKN_SUCCESS;
}

/* Items that a worker may take one after the other: half of what it could if its subgroup were as wide as the
 * device says. Some are wider, so that there are fewer. */
static uint64_t most_items(uint64_t iterations) {
    return vkn_max(1, VKN_MOST_ITERATIONS / 2 / iterations);
}

uint64_t vkn_groups_needed(const VknPlanner *p, VknWorker worker, uint64_t items, uint64_t iterations) {
    uint64_t workers = local_size(p) / vkn_worker_lanes(p, worker);
    return vkn_divide_up(items, workers * most_items(iterations));
}

uint64_t vkn_items_within(const VknPlanner *p, VknWorker worker, uint64_t iterations) {
    uint64_t workers = local_size(p) / vkn_worker_lanes(p, worker);
    return p->caps->max_group_count * workers * most_items(iterations);
}

void vkn_step_set_groups(const VknPlanner *p, VknStep *step, uint64_t items, uint64_t iterations) {
    uint64_t groups = vkn_divide_up(items, local_size(p) / vkn_worker_lanes(p, step->worker));
    groups = vkn_min(groups, p->tuning->max_groups);
    groups = vkn_max(groups, vkn_groups_needed(p, step->worker, items, iterations));
    step->group_count = (uint32_t)vkn_min(groups, p->caps->max_group_count);
}

void vkn_region_add(VknPlanner *p, uint32_t resource, uint64_t count) {
    uint64_t *workspace = &p->schedule->info.size[VKN_ROLE_WORKSPACE];
    uint64_t size = count * vkn_role_bits(&p->schedule->desc, resource) / 8;
    /* Bindings begin at aligned addresses below their window: without a gap they would reach into what lies
     * before it, which is nothing that is read, but what tools take for a hazard. */
    *workspace += *workspace ? vkn_binding_alignment(p->caps) : 0;
    p->region[resource - VKN_ROLE_COUNT].offset = *workspace;
    p->region[resource - VKN_ROLE_COUNT].size = size;
    *workspace += size;
}

/* The bytes of a texel that `size` bytes of a resource can be read by; 0: they cannot. Kernels that reach any
 * dimensions read one element at a time. */
static uint32_t texel_of(const VknPlanner *p, VknUse use, uint64_t size) {
    uint32_t texel = vkn_role_texel(&p->schedule->desc, use.resource);
    if (!p->caps->texel_reads || p->access == VKN_ACCESS_ANY || !texel || !(use.direction & VKN_READ) ||
        size < texel)
        return 0;
    return (size + vkn_binding_alignment(p->caps)) / texel <= p->caps->max_texels ? texel : 0;
}

/* Sets the bits that tell a kernel of a resource. */
static void tell_of(VknStep *step, VknUse use, bool is_gradient) {
    uint32_t *roles = &step->spec[VKN_SPEC_ROLES - 1], *modes = &step->spec[VKN_SPEC_MODES - 1];
    switch (use.resource) {
    case VKN_RESOURCE_PARTS:
        if (use.direction & VKN_WRITE)
            *roles |= is_gradient ? VKN_HAS_SUMS : VKN_HAS_MOMENTS;
        break;
    case VKN_RESOURCE_AFFINE:
        *modes |= VKN_MODE_AFFINE;
        break;
    case VKN_RESOURCE_COEFFICIENTS:
        *modes |= use.direction & VKN_READ ? VKN_MODE_PREPARED : 0;
        *modes |= use.direction & VKN_WRITE ? VKN_MODE_COEFFICIENTS : 0;
        break;
    default:
        *roles |= VKN_ROLE_BIT(use.resource);
    }
}

void vkn_step_bind(const VknPlanner *p, VknStep *step, VknUse use, uint64_t first, uint64_t span) {
    uint32_t bits = vkn_role_bits(&p->schedule->desc, use.resource);
    uint64_t offset = use.resource >= VKN_ROLE_COUNT ? p->region[use.resource - VKN_ROLE_COUNT].offset : 0;
    uint64_t begin = first * bits / 8, end = vkn_divide_up((first + span) * bits, 8);
    uint64_t size = vkn_round_up(offset + end, 4) - offset - begin; /* kernels read whole words */
    step->binding[step->binding_count++] = (VknStepBinding){
        .offset = offset + begin,
        .size = size,
        .binding = (uint8_t)use.binding,
        .resource = (uint8_t)use.resource,
        .role = (uint8_t)(use.resource >= VKN_ROLE_COUNT ? VKN_ROLE_WORKSPACE : use.resource),
        .unit_bits = (uint8_t)vkn_min(bits, 32),
        .first = (uint8_t)(bits == 1 ? first % 8 : 0),
        .texel = (uint8_t)texel_of(p, use, size),
    };
    step->has_more = step->has_more || use.binding >= VKN_BINDING_LEAST;
    tell_of(step, use, vkn_operation_is_gradient(p->schedule->desc.operation));
    step->reads |= use.direction & VKN_READ ? (uint64_t)1 << use.resource : 0;
    step->writes |= use.direction & VKN_WRITE ? (uint64_t)1 << use.resource : 0;
}

void vkn_step_set_box(const VknPlanner *p, VknStep *step, const VknBox *box) {
    const VknView *view = p->view;
    bool differs = p->schedule->desc.parameter_axis_count && p->by != VKN_BY_CELL; /* between elements */
    step->push.index_first = (uint32_t)vkn_box_first(view, box, VKN_SPACE_PARAMETER);
    if (p->access == VKN_ACCESS_ANY) {
        step->push.extent[VKN_BATCH] = (uint32_t)vkn_box_count(view, box, true);
        step->push.extent[VKN_INNER] = (uint32_t)vkn_box_count(view, box, false);
        step->push.extent[VKN_OUTER] = step->push.extent[VKN_CHANNEL] = step->push.extent[VKN_LANE] = 1;
        for (uint32_t i = 0; i < VKN_MAX_RANK; i++) {
            static const uint32_t STRIDES[] = {
                [VKN_SPACE_X] = VKN_SPEC_X_STRIDE,
                [VKN_SPACE_Y] = VKN_SPEC_Y_STRIDE,
                [VKN_SPACE_RESIDUAL] = VKN_SPEC_RESIDUAL_STRIDE,
                [VKN_SPACE_DX] = VKN_SPEC_DX_STRIDE,
                [VKN_SPACE_MASK] = VKN_SPEC_MASK_STRIDE,
                [VKN_SPACE_PARAMETER] = VKN_SPEC_PARAMETER_STRIDE,
                [VKN_SPACE_STAT] = VKN_SPEC_STAT_STRIDE,
            };
            bool dim = i < view->dim_count && box->extent[i] > 1;
            step->spec[VKN_SPEC_EXTENT - 1 + i] = dim ? (uint32_t)box->extent[i] : 1;
            step->spec[VKN_SPEC_KEPT - 1 + i] = dim && view->dim[i].kept;
            for (int space = 0; space < VKN_SPACE_COUNT; space++)
                step->spec[STRIDES[space] - 1 + i] = dim ? (uint32_t)view->dim[i].stride[space] : 0;
        }
        step->spec_count = VKN_SPEC_COUNT;
    } else {
        for (uint32_t slot = 0; slot < VKN_SLOTS; slot++) {
            step->push.extent[slot] = (uint32_t)vkn_box_extent(view, box, slot);
            bool dim = step->push.extent[slot] > 1;
            step->push.x_stride[slot] = dim ? (uint32_t)vkn_view_stride(view, slot, VKN_SPACE_X) : 0;
            step->push.y_stride[slot] = dim ? (uint32_t)vkn_view_stride(view, slot, VKN_SPACE_Y) : 0;
            if (slot % 2 == 0)
                step->push.stat_stride[VKN_KEPT(slot)] =
                    dim ? (uint32_t)vkn_view_stride(view, slot, VKN_SPACE_STAT) : 0;
            if (differs)
                step->push.parameter_stride[slot] =
                    dim ? (uint32_t)vkn_view_stride(view, slot, VKN_SPACE_PARAMETER) : 0;
        }
        uint32_t along = p->access == VKN_ACCESS_COLUMN ? VKN_LANE : VKN_INNER; /* what a quad lies */
        if (differs && !step->push.parameter_stride[along])
            step->spec[VKN_SPEC_MODES - 1] |= VKN_MODE_QUAD_PARAMETERS;
    }
}
