#include "emit.h"

#include <inttypes.h>

#include "step.h"

#define MOMENTS_BYTES   sizeof(VknMoments)
#define STATISTIC_BYTES 4
#define STATISTIC_ROLES (VKN_HAS_MEAN | VKN_HAS_INV_STD | VKN_HAS_VARIANCE)
#define AFFINE_ROLES    (VKN_HAS_GAMMA | VKN_HAS_BETA)

static const struct {
    VknKernel norm, reduce, apply;
} KERNELS[VKN_ACCESS_COUNT] = {
    [VKN_ACCESS_ROW] = {VKN_KERNEL_NORM_ROW, VKN_KERNEL_REDUCE_ROW, VKN_KERNEL_APPLY_ROW},
    [VKN_ACCESS_COLUMN] = {VKN_KERNEL_NORM_COLUMN, VKN_KERNEL_REDUCE_COLUMN, VKN_KERNEL_APPLY_COLUMN},
    [VKN_ACCESS_ANY] = {VKN_KERNEL_COUNT, VKN_KERNEL_REDUCE_ANY, VKN_KERNEL_APPLY_ANY},
};

/* ------------------------------------------------------------------------------------------- boxes */

/* Bytes that a binding may span when its start is moved down to an aligned address. */
static uint64_t binding_bytes(const VknCaps *caps) {
    return caps->max_storage_range - vkn_max(caps->storage_offset_alignment, 16);
}

/* The cut for kernels that bind `statistic_bytes` per statistic. */
static VknBox planner_cut(const VknPlanner *p, uint64_t statistic_bytes) {
    uint64_t bytes = binding_bytes(p->caps);
    const VknDesc *desc = &p->schedule->desc;
    VknBoxLimit limit = {.span = {bytes / vkn_type_bytes(desc->x.type), bytes / vkn_type_bytes(desc->y.type),
                                  bytes / statistic_bytes},
                         .elements = (uint64_t)1 << 30};
    return vkn_view_cut(p->view, &limit);
}

bool vkn_planner_sees_whole(const VknPlanner *p) {
    VknBox chunk = planner_cut(p, STATISTIC_BYTES);
    return vkn_cut_count(p->view, &chunk, false) == 1;
}

/* Parts per statistic for boxes like `chunk`: enough to keep the device busy, none too small. */
static uint64_t part_count(const VknPlanner *p, const VknBox *chunk, VknWorker worker) {
    uint64_t statistics = vkn_box_count(p->view, chunk, true);
    uint64_t elements = vkn_box_count(p->view, chunk, false);
    uint64_t workers = p->tuning->lanes / vkn_worker_lanes(p, worker);
    if (p->access == VKN_ACCESS_COLUMN && vkn_box_is_vector(p->view, chunk))
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
    VknWorker worker = p->access == VKN_ACCESS_ROW ? vkn_team_worker(p->caps, p->team) : VKN_WORKER_ALONE;
    VknBox chunk = planner_cut(p, STATISTIC_BYTES);
    uint64_t boxes = vkn_cut_count(p->view, &chunk, true);
    p->stage++;
    for (uint64_t i = 0; i < boxes; i++) {
        VknBox box = vkn_cut_box(p->view, &chunk, i, 0);
        uint64_t first = vkn_box_first(p->view, &box, VKN_SPACE_STAT);
        uint64_t span = vkn_box_span(p->view, &box, VKN_SPACE_STAT);
        VknStep *step;
        VknResult result = vkn_step_add(p, KERNELS[p->access].norm, worker, &step);
        if (result)
            return result;
        vkn_step_set_box(p, step, &box);
        vkn_step_bind_tensor(p, step, &box, VKN_SPACE_X);
        vkn_step_bind_tensor(p, step, &box, VKN_SPACE_Y);
        vkn_step_bind_statistics(p, step, p->schedule->desc.roles & AFFINE_ROLES, VKN_READ, first, span);
        vkn_step_bind_statistics(p, step, roles, VKN_WRITE, first, span);
        step->push.part_count = step->push.part_total = 1;
        step->push.part_length = (uint32_t)vkn_box_count(p->view, &box, false);
        vkn_step_set_groups(p, step, vkn_box_count(p->view, &box, true) / step->spec[VKN_SPEC_VECTOR - 1]);
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
    VknWorker worker = p->access == VKN_ACCESS_COLUMN ? VKN_WORKER_ALONE : vkn_team_worker(p->caps, p->team);
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
        result = vkn_step_add(p, KERNELS[p->access].reduce, worker, &step);
        if (result)
            return result;
        vkn_step_set_box(p, step, &box);
        vkn_step_bind_tensor(p, step, &box, VKN_SPACE_X);
        vkn_step_bind_moments(p, step, VKN_BINDING_MOMENTS_OUT, VKN_RESOURCE_PARTS, VKN_WRITE,
                              vkn_box_first(p->view, &box, VKN_SPACE_STAT) * *parts,
                              vkn_box_span(p->view, &box, VKN_SPACE_STAT) * *parts);
        step->push.part_length = (uint32_t)length;
        step->push.part_count = (uint32_t)box_parts;
        step->push.part_first = (uint32_t)(i % reduced * box_parts);
        step->push.part_total = (uint32_t)*parts;
        vkn_step_set_groups(p, step,
                            vkn_box_count(p->view, &box, true) / step->spec[VKN_SPEC_VECTOR - 1] * box_parts);
    }
    return result;
}

VknResult vkn_emit_apply(VknPlanner *p, bool merged) {
    uint32_t roles = p->schedule->desc.roles & (merged ? AFFINE_ROLES : AFFINE_ROLES | STATISTIC_ROLES);
    VknWorker worker = p->access == VKN_ACCESS_ROW ? vkn_team_worker(p->caps, p->team) : VKN_WORKER_ALONE;
    VknBox chunk = planner_cut(p, merged ? MOMENTS_BYTES : STATISTIC_BYTES);
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
        VknResult result = vkn_step_add(p, KERNELS[p->access].apply, worker, &step);
        if (result)
            return result;
        vkn_step_set_box(p, step, &box);
        vkn_step_bind_tensor(p, step, &box, VKN_SPACE_X);
        vkn_step_bind_tensor(p, step, &box, VKN_SPACE_Y);
        vkn_step_bind_statistics(p, step, roles, VKN_READ, first, span);
        if (merged) {
            vkn_step_bind_moments(p, step, VKN_BINDING_MOMENTS_IN, VKN_RESOURCE_MERGED, VKN_READ, first,
                                  span);
            step->spec[VKN_SPEC_ROLES - 1] |= VKN_HAS_MOMENTS;
        }
        elements = vkn_box_count(p->view, &box, false);
        step->push.part_length = (uint32_t)length;
        step->push.part_count = (uint32_t)vkn_divide_up(elements, length);
        step->push.part_total = step->push.part_count;
        uint64_t statistics = vkn_box_count(p->view, &box, true);
        vkn_step_set_groups(p, step,
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
    VknResult result = vkn_step_add(p, VKN_KERNEL_FINISH, vkn_team_worker(p->caps, team), &step);
    if (result)
        return result;
    for (uint32_t slot = 0; slot < VKN_SLOTS; slot++)
        step->push.extent[slot] = 1;
    step->push.extent[VKN_CHANNEL] = (uint32_t)f->count;
    step->push.extent[VKN_OUTER] = (uint32_t)f->part_count;
    step->push.x_stride[VKN_CHANNEL] = (uint32_t)f->statistic_stride;
    step->push.x_stride[VKN_OUTER] = (uint32_t)f->part_stride;
    vkn_step_bind_moments(p, step, VKN_BINDING_FINISH_IN, f->source, VKN_READ,
                          f->first * f->statistic_stride + f->part * f->part_stride,
                          (f->count - 1) * f->statistic_stride + (f->part_count - 1) * f->part_stride + 1);
    vkn_step_bind_statistics(p, step, f->roles, VKN_WRITE, f->first, f->count);
    if (f->merged != VKN_RESOURCE_COUNT) {
        vkn_step_bind_moments(p, step, VKN_BINDING_MOMENTS_OUT, f->merged, VKN_WRITE,
                              f->first * f->merged_total, f->count * f->merged_total);
        step->spec[VKN_SPEC_ROLES - 1] |= VKN_HAS_MOMENTS;
        step->push.part_first = f->merged_total > 1 ? (uint32_t)f->part : 0;
        step->push.part_total = (uint32_t)f->merged_total;
    }
    vkn_step_set_groups(p, step, f->count);
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
