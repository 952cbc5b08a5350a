#include <inttypes.h>

#include "desc.h"
#include "emit.h"
#include "stage.h"

/* One step of finish: parts [part, part + part_count) of channels [first, first + count), in all virtual
 * batches. */
typedef struct Finish {
    const VknStage *stage;
    uint32_t source;
    uint64_t statistic_stride; /* of the source, in records */
    uint64_t part_stride;
    uint64_t first, count;
    uint64_t part, part_count;
    bool stores;           /* what the roles ask for */
    uint32_t merged;       /* where the result goes, VKN_RESOURCE_COUNT: nowhere */
    uint64_t merged_total; /* records per statistic there; this step writes number `part` */
} Finish;

static uint64_t batch_count(const VknPlanner *p) {
    return p->view->statistic_count / p->view->channel_count;
}

/* Records that a step sees of a resource. */
static uint64_t finish_span(const VknPlanner *p, const Finish *f, uint32_t resource) {
    bool per_channel = vkn_roles[resource].per != VKN_PER_STATISTIC;
    return f->count + (per_channel ? 0 : (batch_count(p) - 1) * p->view->channel_count);
}

/* At most how many loop iterations a worker runs for one channel. Where parts may be empty, under a mask or
 * as the caller's, every lane looks for one that is not. */
static uint64_t finish_iterations(const VknPlanner *p, const Finish *f, VknWorker worker) {
    const VknDesc *desc = &p->schedule->desc;
    bool holes = !vkn_planner_is_gradient(p) &&
                 (desc->roles & VKN_HAS_MASK || vkn_desc_merges(desc, VKN_ROLE_MOMENTS));
    uint64_t walk = vkn_divide_up(f->part_count, vkn_worker_lanes(p, worker));
    return 2 + batch_count(p) * (4 + walk + (holes ? f->part_count + 1 : 0));
}

/* The planner's team, or a workgroup where that one would run too long. */
static VknWorker finish_worker(const VknPlanner *p, const Finish *f) {
    VknTeam team = vkn_team_exists(p->caps, p->team) ? p->team : VKN_TEAM_GROUP;
    VknWorker worker = vkn_stage_worker(p, f->stage, team);
    return finish_iterations(p, f, worker) <= VKN_MOST_ITERATIONS
               ? worker
               : vkn_stage_worker(p, f->stage, VKN_TEAM_GROUP);
}

static VknResult finish_step(VknPlanner *p, const Finish *f) {
    VknStep *step;
    VknWorker worker = finish_worker(p, f);
    VknResult result = vkn_step_add(p, f->stage->kernel[p->access], worker, &step);
    if (result)
        return result;
    for (uint32_t slot = 0; slot < VKN_SLOTS; slot++)
        step->push.extent[slot] = 1;
    step->push.extent[VKN_BATCH] = (uint32_t)batch_count(p);
    step->push.extent[VKN_CHANNEL] = (uint32_t)f->count;
    step->push.extent[VKN_OUTER] = (uint32_t)f->part_count;
    step->push.x_stride[VKN_CHANNEL] = (uint32_t)f->statistic_stride;
    step->push.x_stride[VKN_OUTER] = (uint32_t)f->part_stride;
    for (const VknUse *use = f->stage->uses; f->stores && use->resource != VKN_RESOURCE_COUNT; use++)
        if (vkn_stage_uses(p, use))
            vkn_step_bind(p, step, *use, f->first, finish_span(p, f, use->resource));
    uint32_t roles = step->spec[VKN_SPEC_ROLES - 1];
    if (f->part_count)
        vkn_step_bind(p, step, (VknUse){f->source, VKN_BINDING_FINISH_IN, VKN_READ},
                      f->first * f->statistic_stride + f->part * f->part_stride,
                      (finish_span(p, f, f->source) - 1) * f->statistic_stride +
                          (f->part_count - 1) * f->part_stride + 1);
    step->spec[VKN_SPEC_ROLES - 1] = roles; /* the source is no option */
    if (f->merged != VKN_RESOURCE_COUNT) {
        vkn_step_bind(p, step, (VknUse){f->merged, VKN_BINDING_RECORDS_OUT, VKN_WRITE},
                      f->first * f->merged_total, finish_span(p, f, f->merged) * f->merged_total);
        step->push.part_first = f->merged_total > 1 ? (uint32_t)f->part : 0;
        step->push.part_total = (uint32_t)f->merged_total;
    }
    vkn_step_set_groups(p, step, f->count, finish_iterations(p, f, worker));
    return VKN_SUCCESS;
}

/* All statistics, as many per step as its bindings span. */
static VknResult finish_stage(VknPlanner *p, Finish f) {
    uint64_t most = vkn_binding_bytes(p->caps) / f.stage->statistic_bytes;
    uint64_t span = f.part_count ? (f.part_count - 1) * f.part_stride : 0;
    uint64_t chunk = vkn_min((most - 1 - span) / vkn_max(f.statistic_stride, 1) + 1, most / f.merged_total);
    VknResult result = VKN_SUCCESS;
    VknWorker worker = finish_worker(p, &f);
    uint64_t iterations = finish_iterations(p, &f, worker);
    if (iterations > VKN_MOST_ITERATIONS)
        return VKN_FAIL(p->host, UNSUPPORTED,
                        "merging %" PRIu64 " parts in %" PRIu64 " virtual batches takes %" PRIu64
                        " loop iterations, and an invocation may run %d",
                        f.part_count, batch_count(p), iterations, VKN_MOST_ITERATIONS);
    if (batch_count(p) > 1 && chunk < p->view->statistic_count)
        return VKN_FAIL(p->host, UNSUPPORTED,
                        "%" PRIu64 " virtual batches of %" PRIu64
                        " channels have more statistics than max_storage_range (%" PRIu64 ") holds: %" PRIu64,
                        batch_count(p), p->view->channel_count, p->caps->max_storage_range, chunk);
    uint64_t most_items = vkn_items_within(p, worker, iterations);
    if (batch_count(p) > 1 && most_items < p->view->channel_count)
        return VKN_FAIL(p->host, UNSUPPORTED,
                        "%" PRIu64 " virtual batches of %" PRIu64
                        " channels are more than max_group_count (%" PRIu32 ") workgroups can merge: %" PRIu64
                        " channels",
                        batch_count(p), p->view->channel_count, p->caps->max_group_count, most_items);
    chunk = vkn_min(chunk, most_items);
    p->stage++;
    for (f.first = 0; !result && f.first < p->view->channel_count; f.first += chunk) {
        f.count = vkn_min(chunk, p->view->channel_count - f.first);
        result = finish_step(p, &f);
    }
    return result;
}

/* Parts of a statistic that are too far apart for one binding become neighbours first. */
static VknResult gather(VknPlanner *p, Finish f) {
    uint64_t parts = f.part_count;
    uint32_t stage = p->stage;
    vkn_region_add(p, VKN_RESOURCE_PARTS, p->view->statistic_count * parts);
    f.stores = false;
    f.part_count = 1;
    f.merged = VKN_RESOURCE_PARTS;
    f.merged_total = parts;
    for (; f.part < parts; f.part++) {
        p->stage = stage; /* no part depends on another */
        VknResult result = finish_stage(p, f);
        if (result)
            return result;
    }
    return VKN_SUCCESS;
}

VknResult vkn_emit_finish(VknPlanner *p, uint32_t source, uint64_t parts, uint32_t merged) {
    const VknStage *stage = &vkn_stage_finish;
    if (vkn_planner_is_gradient(p))
        stage = vkn_planner_is_prepared(p)            ? &vkn_stage_gradient_finish_prepared
                : vkn_planner_has_elements(p)         ? &vkn_stage_gradient_finish_elements
                : merged == VKN_RESOURCE_COEFFICIENTS ? &vkn_stage_gradient_finish
                                                      : &vkn_stage_gradient_finish_parameters;
    else if (p->schedule->desc.operation == VKN_OPERATION_REDUCE)
        stage = &vkn_stage_finish_result;
    else if (p->schedule->desc.roles & VKN_HAS_RENORM_MEAN)
        stage = &vkn_stage_finish_before_renorm;
    else if (vkn_planner_has_elements(p))
        stage = &vkn_stage_finish_elements;
    uint64_t most = vkn_binding_bytes(p->caps) / stage->statistic_bytes;
    uint64_t statistics = p->view->statistic_count;
    Finish f = {.stage = stage,
                .source = source,
                .statistic_stride = parts,
                .part_stride = 1,
                .part_count = parts,
                .stores = true,
                .merged = merged,
                .merged_total = 1};
    if (parts > most)
        return VKN_FAIL(p->host, UNSUPPORTED,
                        "%" PRIu64 " parts per statistic, and max_storage_range (%" PRIu64
                        ") holds the records of %" PRIu64,
                        parts, p->caps->max_storage_range, most);
    if (source < VKN_ROLE_COUNT) {
        Finish scattered = f;
        scattered.statistic_stride = 1;
        scattered.part_stride = statistics;
        if ((parts - 1) * statistics < most) {
            f = scattered;
        } else {
            VknResult result = gather(p, scattered);
            if (result)
                return result;
            f.source = VKN_RESOURCE_PARTS;
        }
    }
    if (merged == VKN_RESOURCE_COEFFICIENTS && vkn_planner_is_prepared(p))
        f.merged = VKN_RESOURCE_COUNT; /* they are updated where they are */
    else if (merged >= VKN_ROLE_COUNT && merged != VKN_RESOURCE_COUNT)
        vkn_region_add(p, merged, statistics);
    uint32_t roles = p->schedule->desc.roles;
    bool slope = roles & VKN_HAS_DSLOPE && stage != &vkn_stage_gradient_finish_elements;
    bool only_slope = slope && merged == VKN_RESOURCE_COUNT && !(roles & (VKN_HAS_DGAMMA | VKN_HAS_DBETA));
    VknResult result = only_slope ? VKN_SUCCESS : finish_stage(p, f);
    if (result || !slope)
        return result;
    f.stage = &vkn_stage_gradient_finish_slope; /* there is no binding left beside the others */
    f.merged = VKN_RESOURCE_COUNT;
    return finish_stage(p, f);
}

VknResult vkn_emit_prepare(VknPlanner *p) {
    vkn_region_add(p, VKN_RESOURCE_COEFFICIENTS, p->view->statistic_count);
    return finish_stage(p, (Finish){.stage = &vkn_stage_gradient_prepare,
                                    .stores = true,
                                    .merged = VKN_RESOURCE_COEFFICIENTS,
                                    .merged_total = 1});
}

VknResult vkn_emit_renorm(VknPlanner *p) {
    const VknDesc *desc = &p->schedule->desc;
    float weight =
        desc->momentum_convention == VKN_MOMENTUM_OLD ? desc->renorm_momentum : 1 - desc->renorm_momentum;
    float values[] = {desc->renorm_r_min, desc->renorm_r_max, desc->renorm_d_max, weight, 1 - weight};
    uint32_t first = p->schedule->step_count;
    VknResult result = finish_stage(
        p, (Finish){
               .stage = &vkn_stage_renorm, .stores = true, .merged = VKN_RESOURCE_COUNT, .merged_total = 1});
    for (uint32_t i = first; i < p->schedule->step_count; i++)
        for (uint32_t j = 0; j < sizeof values / sizeof *values; j++)
            vkn_step_set_float(&p->schedule->steps[i], VKN_SPEC_RENORM + j, values[j]);
    return result;
}
