#include "emit.h"

#include <inttypes.h>

#define MOMENTS_BYTES   sizeof(VknMoments)
#define ELEMENT_BYTES   4
#define STATISTIC_ROLES (VKN_HAS_MEAN | VKN_HAS_INV_STD | VKN_HAS_VARIANCE)
#define AFFINE_ROLES    (VKN_HAS_GAMMA | VKN_HAS_BETA)

static const struct {
    VknKernel norm, reduce, apply;
} KERNELS[VKN_ACCESS_COUNT] = {
    [VKN_ACCESS_ROW] = {VKN_KERNEL_NORM_ROW, VKN_KERNEL_REDUCE_ROW, VKN_KERNEL_APPLY_ROW},
    [VKN_ACCESS_COLUMN] = {VKN_KERNEL_NORM_COLUMN, VKN_KERNEL_REDUCE_COLUMN, VKN_KERNEL_APPLY_COLUMN},
    [VKN_ACCESS_ANY] = {VKN_KERNEL_COUNT, VKN_KERNEL_REDUCE_ANY, VKN_KERNEL_APPLY_ANY},
};

/* ----------------------------------------------------------------------------------------- workers */

static bool shuffle_is_safe(const VknCaps *caps) {
    /* A butterfly needs every lane of gl_SubgroupSize, which only full subgroups promise. */
    return caps->subgroup_shuffle && caps->full_subgroups;
}

bool vkn_team_exists(const VknCaps *caps, VknTeam team) {
    return team != VKN_TEAM_SUBGROUP || caps->subgroup_arithmetic || shuffle_is_safe(caps);
}

static VknWorker worker_of(const VknCaps *caps, VknTeam team) {
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
    /* REQUIRE_FULL_SUBGROUPS asks for a multiple of the largest subgroup. */
    return (uint32_t)vkn_max(size, vkn_min(p->caps->max_subgroup_size, 256));
}

static uint32_t worker_lanes(const VknPlanner *p, VknWorker worker) {
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

static VknResult step_add(VknPlanner *p, VknKernel kernel, VknWorker worker, VknStep **step) {
    VknSchedule *s = p->schedule;
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
    (*step)->push.epsilon = s->desc.epsilon;
    for (int i = 0; i < VKN_MAX_ACTIVATION_PARAMETERS; i++)
        (*step)->push.activation[i] = s->desc.activation.parameter[i];
    return VKN_SUCCESS;
}

static void step_set_groups(const VknPlanner *p, VknStep *step, uint64_t items) {
    uint64_t groups = vkn_divide_up(items, local_size(p) / worker_lanes(p, step->worker));
    groups = vkn_min(groups, vkn_min(p->tuning->max_groups, p->caps->max_group_count));
    step->group_count = (uint32_t)groups;
}

typedef enum Direction { READ = 1, WRITE = 2, UPDATE = 3 } Direction;

static void step_bind(VknStep *step, uint32_t binding, uint32_t resource, Direction direction,
                      uint64_t offset, uint64_t size) {
    bool region = resource >= VKN_ROLE_COUNT;
    step->binding[step->binding_count++] =
        (VknStepBinding){binding, region ? VKN_ROLE_WORKSPACE : (VknRole)resource, offset, size};
    step->reads |= direction & READ ? 1u << resource : 0;
    step->writes |= direction & WRITE ? 1u << resource : 0;
}

/* The workspace holds PARTS, then MERGED. */
static uint64_t resource_offset(const VknPlanner *p, uint32_t resource) {
    return resource == VKN_RESOURCE_MERGED
               ? p->schedule->info.size[VKN_ROLE_WORKSPACE] - p->view->statistic_count * MOMENTS_BYTES
               : 0;
}

/* Binds the roles of `roles` that hold one f32 per statistic, for statistics [first, first + span). */
static void step_bind_statistics(VknStep *step, uint32_t roles, Direction direction, uint64_t first,
                                 uint64_t span) {
    static const struct {
        uint32_t binding, role, needs;
    } ROWS[] = {
        {VKN_BINDING_GAMMA, VKN_ROLE_GAMMA, VKN_HAS_GAMMA},
        {VKN_BINDING_BETA, VKN_ROLE_BETA, VKN_HAS_BETA},
        {VKN_BINDING_MEAN, VKN_ROLE_MEAN, VKN_HAS_MEAN},
        {VKN_BINDING_SPREAD, VKN_ROLE_INV_STD, VKN_HAS_INV_STD},
        {VKN_BINDING_SPREAD, VKN_ROLE_VARIANCE, VKN_HAS_VARIANCE},
        {VKN_BINDING_RUNNING_MEAN, VKN_ROLE_RUNNING_MEAN, VKN_HAS_RUNNING},
        {VKN_BINDING_RUNNING_VARIANCE, VKN_ROLE_RUNNING_VARIANCE, VKN_HAS_RUNNING},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        if (roles & ROWS[i].needs)
            step_bind(step, ROWS[i].binding, ROWS[i].role,
                      ROWS[i].needs == VKN_HAS_RUNNING ? UPDATE : direction, first * ELEMENT_BYTES,
                      span * ELEMENT_BYTES);
    step->spec[VKN_SPEC_ROLES - 1] |= roles;
}

static void step_bind_tensor(const VknPlanner *p, VknStep *step, const VknBox *box, VknSpace space) {
    bool y = space == VKN_SPACE_Y;
    step_bind(step, y ? VKN_BINDING_Y : VKN_BINDING_X, y ? VKN_ROLE_Y : VKN_ROLE_X, y ? WRITE : READ,
              vkn_box_first(p->view, box, space) * ELEMENT_BYTES,
              vkn_box_span(p->view, box, space) * ELEMENT_BYTES);
}

/* Whether column kernels can move four neighbouring statistics of this box at once. Only the start of a
 * binding may be unaligned: kernels see to that. */
static bool box_is_vector(const VknView *view, const VknBox *box) {
    if (vkn_box_extent(view, box, VKN_LANE) % 4)
        return false;
    for (uint32_t slot = 0; slot < VKN_SLOTS; slot++)
        for (int space = VKN_SPACE_X; space <= VKN_SPACE_Y; space++) {
            uint64_t stride = vkn_view_stride(view, slot, space);
            if (slot == VKN_LANE ? stride != 1 : stride % 4 != 0)
                return false;
        }
    return true;
}

static void step_set_box(const VknPlanner *p, VknStep *step, const VknBox *box) {
    const VknView *view = p->view;
    if (p->access == VKN_ACCESS_ANY) {
        step->push.extent[VKN_BATCH] = (uint32_t)vkn_box_count(view, box, true);
        step->push.extent[VKN_INNER] = (uint32_t)vkn_box_count(view, box, false);
        step->push.extent[VKN_OUTER] = step->push.extent[VKN_CHANNEL] = step->push.extent[VKN_LANE] = 1;
        for (uint32_t i = 0; i < VKN_MAX_RANK; i++) {
            bool dim = i < view->dim_count && box->extent[i] > 1;
            step->spec[VKN_SPEC_EXTENT - 1 + i] = dim ? (uint32_t)box->extent[i] : 1;
            step->spec[VKN_SPEC_KEPT - 1 + i] = dim && view->dim[i].kept;
            step->spec[VKN_SPEC_X_STRIDE - 1 + i] = dim ? (uint32_t)view->dim[i].stride[VKN_SPACE_X] : 0;
            step->spec[VKN_SPEC_Y_STRIDE - 1 + i] = dim ? (uint32_t)view->dim[i].stride[VKN_SPACE_Y] : 0;
            step->spec[VKN_SPEC_STAT_STRIDE - 1 + i] =
                dim ? (uint32_t)view->dim[i].stride[VKN_SPACE_STAT] : 0;
        }
        step->spec_count = VKN_SPEC_COUNT;
    } else {
        for (uint32_t slot = 0; slot < VKN_SLOTS; slot++) {
            step->push.extent[slot] = (uint32_t)vkn_box_extent(view, box, slot);
            bool dim = step->push.extent[slot] > 1;
            step->push.x_stride[slot] = dim ? (uint32_t)vkn_view_stride(view, slot, VKN_SPACE_X) : 0;
            step->push.y_stride[slot] = dim ? (uint32_t)vkn_view_stride(view, slot, VKN_SPACE_Y) : 0;
            step->push.stat_stride[slot] = dim ? (uint32_t)vkn_view_stride(view, slot, VKN_SPACE_STAT) : 0;
        }
        if (p->access == VKN_ACCESS_COLUMN && box_is_vector(view, box))
            step->spec[VKN_SPEC_VECTOR - 1] = 4;
    }
}

/* ------------------------------------------------------------------------------------------- boxes */

/* Bytes that a binding may span when its start is moved down to an aligned address. */
static uint64_t binding_bytes(const VknCaps *caps) {
    return caps->max_storage_range - vkn_max(caps->storage_offset_alignment, 16);
}

/* The cut for kernels that bind `statistic_bytes` per statistic. */
static VknBox planner_cut(const VknPlanner *p, uint64_t statistic_bytes) {
    uint64_t elements = binding_bytes(p->caps) / ELEMENT_BYTES;
    VknBoxLimit limit = {.span = {elements, elements, binding_bytes(p->caps) / statistic_bytes},
                         .elements = (uint64_t)1 << 30};
    return vkn_view_cut(p->view, &limit);
}

bool vkn_planner_sees_whole(const VknPlanner *p) {
    VknBox chunk = planner_cut(p, ELEMENT_BYTES);
    return vkn_cut_count(p->view, &chunk, false) == 1;
}

/* Parts per statistic for boxes like `chunk`: enough to keep the device busy, none too small. */
static uint64_t part_count(const VknPlanner *p, const VknBox *chunk, VknWorker worker) {
    uint64_t statistics = vkn_box_count(p->view, chunk, true);
    uint64_t elements = vkn_box_count(p->view, chunk, false);
    uint64_t workers = p->tuning->lanes / worker_lanes(p, worker);
    if (p->access == VKN_ACCESS_COLUMN && box_is_vector(p->view, chunk))
        statistics /= 4;
    return vkn_max(1, vkn_min(vkn_divide_up(workers, statistics), elements / p->tuning->part));
}

/* A part's length: multiples of 16 elements, so that parts begin aligned where rows do. */
static uint64_t part_length(uint64_t elements, uint64_t parts) {
    return parts == 1 ? elements : vkn_round_up(vkn_divide_up(elements, parts), 16);
}

/* ------------------------------------------------------------------------------------------ stages */

VknResult vkn_emit_norm(VknPlanner *p) {
    uint32_t roles = p->schedule->desc.roles & (STATISTIC_ROLES | VKN_HAS_RUNNING);
    VknWorker worker = p->access == VKN_ACCESS_ROW ? worker_of(p->caps, p->team) : VKN_WORKER_ALONE;
    VknBox chunk = planner_cut(p, ELEMENT_BYTES);
    uint64_t boxes = vkn_cut_count(p->view, &chunk, true);
    p->stage++;
    for (uint64_t i = 0; i < boxes; i++) {
        VknBox box = vkn_cut_box(p->view, &chunk, i, 0);
        uint64_t first = vkn_box_first(p->view, &box, VKN_SPACE_STAT);
        uint64_t span = vkn_box_span(p->view, &box, VKN_SPACE_STAT);
        VknStep *step;
        VknResult result = step_add(p, KERNELS[p->access].norm, worker, &step);
        if (result)
            return result;
        step_set_box(p, step, &box);
        step_bind_tensor(p, step, &box, VKN_SPACE_X);
        step_bind_tensor(p, step, &box, VKN_SPACE_Y);
        step_bind_statistics(step, p->schedule->desc.roles & AFFINE_ROLES, READ, first, span);
        step_bind_statistics(step, roles, WRITE, first, span);
        step->push.part_count = step->push.part_total = 1;
        step->push.part_length = (uint32_t)vkn_box_count(p->view, &box, false);
        step_set_groups(p, step, vkn_box_count(p->view, &box, true) / step->spec[VKN_SPEC_VECTOR - 1]);
    }
    return VKN_SUCCESS;
}

/* Chooses the cut and the parts of vkn_emit_reduce(): the more parts a statistic has, the fewer statistics
 * fit a binding of PARTS. */
static VknResult reduce_cut(VknPlanner *p, VknWorker worker, VknBox *chunk, uint64_t *parts,
                            uint64_t *total) {
    uint64_t most = binding_bytes(p->caps) / MOMENTS_BYTES;
    for (uint64_t guess = 1;; guess = *total) {
        *chunk = planner_cut(p, guess * MOMENTS_BYTES);
        uint64_t elements = vkn_box_count(p->view, chunk, false);
        *parts = part_count(p, chunk, worker);
        *parts = vkn_divide_up(elements, part_length(elements, *parts));
        *total = vkn_cut_count(p->view, chunk, false) * *parts;
        if (*total > most)
            return VKN_FAIL(p->host, UNSUPPORTED,
                            "a statistic of %" PRIu64 " elements has %" PRIu64
                            " parts, and max_storage_range (%" PRIu64 ") holds the moments of %" PRIu64,
                            p->view->reduce_count, *total, p->caps->max_storage_range, most);
        if (*total <= guess)
            return VKN_SUCCESS;
    }
}

VknResult vkn_emit_reduce(VknPlanner *p, uint64_t *parts) {
    VknWorker worker = p->access == VKN_ACCESS_COLUMN ? VKN_WORKER_ALONE : worker_of(p->caps, p->team);
    VknBox chunk;
    uint64_t box_parts;
    VknResult result = reduce_cut(p, worker, &chunk, &box_parts, parts);
    uint64_t length = part_length(vkn_box_count(p->view, &chunk, false), box_parts);
    uint64_t kept = vkn_cut_count(p->view, &chunk, true);
    uint64_t reduced = vkn_cut_count(p->view, &chunk, false);
    p->schedule->info.size[VKN_ROLE_WORKSPACE] = p->view->statistic_count * *parts * MOMENTS_BYTES;
    p->stage++;
    for (uint64_t i = 0; !result && i < kept * reduced; i++) {
        VknBox box = vkn_cut_box(p->view, &chunk, i / reduced, i % reduced);
        VknStep *step;
        result = step_add(p, KERNELS[p->access].reduce, worker, &step);
        if (result)
            return result;
        step_set_box(p, step, &box);
        step_bind_tensor(p, step, &box, VKN_SPACE_X);
        step_bind(step, VKN_BINDING_MOMENTS_OUT, VKN_RESOURCE_PARTS, WRITE,
                  vkn_box_first(p->view, &box, VKN_SPACE_STAT) * *parts * MOMENTS_BYTES,
                  vkn_box_span(p->view, &box, VKN_SPACE_STAT) * *parts * MOMENTS_BYTES);
        step->push.part_length = (uint32_t)length;
        step->push.part_count = (uint32_t)box_parts;
        step->push.part_first = (uint32_t)(i % reduced * box_parts);
        step->push.part_total = (uint32_t)*parts;
        step_set_groups(p, step,
                        vkn_box_count(p->view, &box, true) / step->spec[VKN_SPEC_VECTOR - 1] * box_parts);
    }
    return result;
}

VknResult vkn_emit_apply(VknPlanner *p, bool merged) {
    uint32_t roles = p->schedule->desc.roles & (merged ? AFFINE_ROLES : AFFINE_ROLES | STATISTIC_ROLES);
    VknWorker worker = p->access == VKN_ACCESS_ROW ? worker_of(p->caps, p->team) : VKN_WORKER_ALONE;
    VknBox chunk = planner_cut(p, merged ? MOMENTS_BYTES : ELEMENT_BYTES);
    uint64_t elements = vkn_box_count(p->view, &chunk, false);
    uint64_t length = part_length(elements, part_count(p, &chunk, worker));
    uint64_t reduced = vkn_cut_count(p->view, &chunk, false);
    uint64_t boxes = reduced * vkn_cut_count(p->view, &chunk, true);
    p->stage++;
    for (uint64_t i = 0; i < boxes; i++) {
        VknBox box = vkn_cut_box(p->view, &chunk, i / reduced, i % reduced);
        uint64_t first = vkn_box_first(p->view, &box, VKN_SPACE_STAT);
        uint64_t span = vkn_box_span(p->view, &box, VKN_SPACE_STAT);
        VknStep *step;
        VknResult result = step_add(p, KERNELS[p->access].apply, worker, &step);
        if (result)
            return result;
        step_set_box(p, step, &box);
        step_bind_tensor(p, step, &box, VKN_SPACE_X);
        step_bind_tensor(p, step, &box, VKN_SPACE_Y);
        step_bind_statistics(step, roles, READ, first, span);
        if (merged) {
            step_bind(step, VKN_BINDING_MOMENTS_IN, VKN_RESOURCE_MERGED, READ,
                      resource_offset(p, VKN_RESOURCE_MERGED) + first * MOMENTS_BYTES, span * MOMENTS_BYTES);
            step->spec[VKN_SPEC_ROLES - 1] |= VKN_HAS_MOMENTS;
        }
        elements = vkn_box_count(p->view, &box, false);
        step->push.part_length = (uint32_t)length;
        step->push.part_count = (uint32_t)vkn_divide_up(elements, length);
        step->push.part_total = step->push.part_count;
        uint64_t statistics = vkn_box_count(p->view, &box, true);
        step_set_groups(p, step,
                        p->access == VKN_ACCESS_ANY
                            ? statistics * elements
                            : statistics / step->spec[VKN_SPEC_VECTOR - 1] * step->push.part_count);
    }
    return VKN_SUCCESS;
}

/* One step of finish: parts [part, part + part_count) of statistics [first, first + count). */
typedef struct Finish {
    uint32_t source;
    uint64_t statistic_stride; /* of the source, in moments */
    uint64_t part_stride;
    uint64_t first, count;
    uint64_t part, part_count;
    uint32_t roles;        /* to store */
    uint32_t merged;       /* where merged moments go, VKN_RESOURCE_COUNT: nowhere */
    uint64_t merged_total; /* moments per statistic there; this step writes number `part` */
} Finish;

static VknResult finish_step(VknPlanner *p, const Finish *f) {
    VknStep *step;
    VknTeam team = vkn_team_exists(p->caps, p->team) ? p->team : VKN_TEAM_GROUP;
    VknResult result = step_add(p, VKN_KERNEL_FINISH, worker_of(p->caps, team), &step);
    if (result)
        return result;
    for (uint32_t slot = 0; slot < VKN_SLOTS; slot++)
        step->push.extent[slot] = 1;
    step->push.extent[VKN_CHANNEL] = (uint32_t)f->count;
    step->push.extent[VKN_OUTER] = (uint32_t)f->part_count;
    step->push.x_stride[VKN_CHANNEL] = (uint32_t)f->statistic_stride;
    step->push.x_stride[VKN_OUTER] = (uint32_t)f->part_stride;
    step_bind(step, VKN_BINDING_FINISH_IN, f->source, READ,
              resource_offset(p, f->source) +
                  (f->first * f->statistic_stride + f->part * f->part_stride) * MOMENTS_BYTES,
              ((f->count - 1) * f->statistic_stride + (f->part_count - 1) * f->part_stride + 1) *
                  MOMENTS_BYTES);
    step_bind_statistics(step, f->roles, WRITE, f->first, f->count);
    if (f->merged != VKN_RESOURCE_COUNT) {
        step_bind(step, VKN_BINDING_MOMENTS_OUT, f->merged, WRITE,
                  resource_offset(p, f->merged) + f->first * f->merged_total * MOMENTS_BYTES,
                  f->count * f->merged_total * MOMENTS_BYTES);
        step->spec[VKN_SPEC_ROLES - 1] |= VKN_HAS_MOMENTS;
        step->push.part_first = f->merged_total > 1 ? (uint32_t)f->part : 0;
        step->push.part_total = (uint32_t)f->merged_total;
    }
    step_set_groups(p, step, f->count);
    return VKN_SUCCESS;
}

/* All statistics, as many per step as its bindings span. */
static VknResult finish_stage(VknPlanner *p, Finish f) {
    uint64_t most = binding_bytes(p->caps) / MOMENTS_BYTES;
    uint64_t span = (f.part_count - 1) * f.part_stride;
    uint64_t chunk = vkn_min((most - 1 - span) / f.statistic_stride + 1, most / f.merged_total);
    VknResult result = VKN_SUCCESS;
    for (f.first = 0; !result && f.first < p->view->statistic_count; f.first += chunk) {
        f.count = vkn_min(chunk, p->view->statistic_count - f.first);
        result = finish_step(p, &f);
    }
    return result;
}

VknResult vkn_emit_finish(VknPlanner *p, uint32_t source, uint64_t parts, uint32_t merged) {
    uint64_t most = binding_bytes(p->caps) / MOMENTS_BYTES;
    uint64_t statistics = p->view->statistic_count;
    uint64_t *workspace = &p->schedule->info.size[VKN_ROLE_WORKSPACE];
    VknResult result = VKN_SUCCESS;
    Finish f = {.source = source,
                .statistic_stride = parts,
                .part_stride = 1,
                .part_count = parts,
                .merged_total = 1};
    if (parts > most)
        return VKN_FAIL(p->host, UNSUPPORTED,
                        "%" PRIu64 " parts per statistic, and max_storage_range (%" PRIu64
                        ") holds the moments of %" PRIu64,
                        parts, p->caps->max_storage_range, most);
    if (source == VKN_ROLE_MOMENTS) {
        f.statistic_stride = 1;
        f.part_stride = statistics;
        if ((parts - 1) * statistics >= most) {
            /* Too far apart for one binding: gather the parts of each statistic first. */
            *workspace = statistics * parts * MOMENTS_BYTES;
            f.part_count = 1;
            f.merged = VKN_RESOURCE_PARTS;
            f.merged_total = parts;
            p->stage++;
            for (f.part = 0; !result && f.part < parts; f.part++)
                result = finish_stage(p, f);
            if (result)
                return result;
            f = (Finish){.source = VKN_RESOURCE_PARTS,
                         .statistic_stride = parts,
                         .part_stride = 1,
                         .part_count = parts,
                         .merged_total = 1};
        }
    }
    if (merged == VKN_RESOURCE_MERGED)
        *workspace += statistics * MOMENTS_BYTES;
    f.roles = p->schedule->desc.roles & (STATISTIC_ROLES | VKN_HAS_RUNNING);
    f.merged = merged;
    p->stage++;
    return finish_stage(p, f);
}
