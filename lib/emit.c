#include "emit.h"

#include <inttypes.h>

#include "desc.h"
#include "stage.h"

static bool is_gradient(const VknPlanner *p) {
    return vkn_operation_is_gradient(p->schedule->desc.operation);
}

/* Whether a kernel of this operation has this use. */
static bool is_used(const VknPlanner *p, const VknUse *use) {
    const VknDesc *desc = &p->schedule->desc;
    uint32_t resource = use->resource;
    if (resource >= VKN_ROLE_COUNT) /* of an activation alone there are no coefficients */
        return p->region[resource - VKN_ROLE_COUNT].size > 0;
    if (is_gradient(p) && resource == VKN_ROLE_Y &&
        vkn_desc_is_from_output(desc) != (use->binding == VKN_BINDING_X))
        return false;
    /* Beta enters a gradient only where z is computed again. */
    if (is_gradient(p) && resource == VKN_ROLE_BETA && vkn_desc_source(desc) != VKN_ACTIVATION_SOURCE_INPUT &&
        desc->residual_use != VKN_RESIDUAL_FACTOR)
        return false;
    return desc->roles >> resource & 1;
}

/* ------------------------------------------------------------------------------------------- boxes */

/* Bytes that a binding may span when its start is moved down to an aligned address. */
static uint64_t binding_bytes(const VknCaps *caps) {
    return caps->max_storage_range - vkn_binding_alignment(caps);
}

/* The cut for kernels that bind `statistic_bytes` per statistic and see at most `elements`. */
static VknBox planner_cut(const VknPlanner *p, uint64_t statistic_bytes, uint64_t elements) {
    uint64_t bytes = binding_bytes(p->caps);
    const VknDesc *desc = &p->schedule->desc;
    VknBoxLimit limit = {.elements = elements};
    for (int space = 0; space < VKN_SPACE_COUNT; space++)
        limit.span[space] = space == VKN_SPACE_STAT        ? bytes / statistic_bytes
                            : space == VKN_SPACE_PARAMETER ? bytes / sizeof(float)
                                                           : UINT64_MAX;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        if (vkn_roles[role].per == VKN_PER_ELEMENT) {
            uint64_t *span = &limit.span[vkn_roles[role].space];
            *span = vkn_min(*span, 8 * bytes / vkn_role_bits(desc, role));
        }
    return vkn_view_cut(p->view, &limit);
}

/* ------------------------------------------------------------------------------------------ stages */

static VknWorker stage_worker(const VknPlanner *p, const VknStage *stage, VknTeam team) {
    VknWorker worker = vkn_team_worker(p->caps, team);
    return vkn_shaders[stage->kernel[p->access]][VKN_WORKER_ALONE].code ? VKN_WORKER_ALONE : worker;
}

/* Boxes, and the parts that each statistic has in a box. */
typedef struct Tiling {
    VknBox chunk;
    uint64_t length; /* elements per part */
    uint64_t parts;  /* per box */
} Tiling;

/* A part's length: multiples of 16 elements, so that parts begin aligned where rows do. */
static uint64_t part_length(uint64_t elements, uint64_t parts) {
    return parts == 1 ? elements : vkn_round_up(vkn_divide_up(elements, parts), 16);
}

/* Parts per statistic for boxes like `chunk`: enough to keep the device busy, none too small. */
static uint64_t part_count(const VknPlanner *p, const VknBox *chunk, VknWorker worker) {
    uint64_t statistics = vkn_box_count(p->view, chunk, true);
    uint64_t elements = vkn_box_count(p->view, chunk, false);
    uint64_t workers = p->tuning->lanes / vkn_worker_lanes(p, worker);
    if (p->access == VKN_ACCESS_COLUMN && vkn_box_is_vector(p->view, chunk))
        statistics /= 4;
    uint64_t part = p->access == VKN_ACCESS_COLUMN ? p->tuning->column_part : p->tuning->part;
    return vkn_max(1, vkn_min(vkn_divide_up(workers, statistics), elements / part));
}

/* Whether rows share what lies along them, gamma and beta, and there are enough to let each worker load that
 * for four rows at once. */
static bool takes_four_rows(const VknPlanner *p, const VknStage *stage, const VknBox *box) {
    const VknView *view = p->view;
    uint64_t lanes = vkn_worker_lanes(p, stage_worker(p, stage, p->team));
    if (stage != &vkn_stage_norm || p->access != VKN_ACCESS_ROW ||
        !vkn_view_stride(view, VKN_INNER, VKN_SPACE_PARAMETER) ||
        vkn_box_count(view, box, true) / 4 * lanes < p->tuning->lanes / 4)
        return false;
    for (uint32_t slot = 0; slot < VKN_SLOTS; slot += 2) /* kept ones */
        if (vkn_view_stride(view, slot, VKN_SPACE_PARAMETER) ||
            vkn_view_stride(view, slot, VKN_SPACE_X) % 4 || vkn_view_stride(view, slot, VKN_SPACE_Y) % 4)
            return false;
    return p->schedule->desc.parameter_axis_count;
}

static bool is_elementwise(const VknPlanner *p, VknWorker worker) {
    return p->access == VKN_ACCESS_ANY && worker == VKN_WORKER_ALONE;
}

/* At most how many loop iterations an invocation runs for one part. */
static uint64_t part_iterations(const VknPlanner *p, const VknStage *stage, const Tiling *t) {
    VknWorker worker = stage_worker(p, stage, p->team);
    uint64_t walk = vkn_divide_up(t->length, vkn_worker_lanes(p, worker));
    bool masked = (stage == &vkn_stage_reduce || stage == &vkn_stage_reduce_before) &&
                  p->schedule->desc.roles & VKN_HAS_MASK; /* it looks for its shift */
    bool twice = stage == &vkn_stage_norm || stage == &vkn_stage_gradient_norm || masked;
    if (is_elementwise(p, worker))
        return 1;
    if (p->access != VKN_ACCESS_ANY) /* each run has a head, a body in two loops, and a tail */
        walk += 6 * (t->length / vkn_box_extent(p->view, &t->chunk, VKN_INNER) + 2);
    if (takes_four_rows(p, stage, &t->chunk))
        return 6 + 6 * walk; /* some of which visit four rows one by one */
    return 2 + (twice ? 2 * walk : walk);
}

/* What a dispatch hands out to workers. */
static uint64_t box_items(const VknPlanner *p, const VknStage *stage, const VknBox *box, uint64_t parts) {
    uint64_t statistics = vkn_box_count(p->view, box, true);
    if (is_elementwise(p, stage_worker(p, stage, p->team)))
        return statistics * vkn_box_count(p->view, box, false);
    if (takes_four_rows(p, stage, box))
        return vkn_divide_up(statistics, 4);
    bool vector = p->access == VKN_ACCESS_COLUMN && vkn_box_is_vector(p->view, box);
    return statistics / (vector ? 4 : 1) * parts;
}

/* Elements that a dispatch may take: so few that nothing overflows, or as the description says. */
static uint64_t most_elements(const VknPlanner *p) {
    const VknDesc *desc = &p->schedule->desc;
    uint64_t most = (uint64_t)1 << 30, bits = 0;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        if (desc->roles >> role & 1 && vkn_roles[role].per == VKN_PER_ELEMENT)
            bits += vkn_role_bits(desc, role);
    return desc->dispatch_bytes && bits
               ? vkn_max(1, vkn_min(most, desc->dispatch_bytes / vkn_divide_up(bits, 8)))
               : most;
}

/* Chooses boxes and parts so that neither bindings nor loops grow too long. `whole`: one part. */
static Tiling tile(const VknPlanner *p, const VknStage *stage, uint64_t statistic_bytes, bool whole) {
    VknWorker worker = stage_worker(p, stage, p->team);
    Tiling t;
    for (uint64_t elements = most_elements(p);; elements /= 2) {
        t.chunk = planner_cut(p, statistic_bytes, elements);
        uint64_t count = vkn_box_count(p->view, &t.chunk, false);
        t.parts = whole ? 1 : part_count(p, &t.chunk, worker);
        t.length = part_length(count, t.parts);
        while (!whole && t.length > 16 && part_iterations(p, stage, &t) > VKN_MOST_ITERATIONS)
            t.length = part_length(count, t.parts *= 2);
        t.parts = vkn_divide_up(count, t.length);
        uint64_t items = box_items(p, stage, &t.chunk, t.parts);
        if (elements == 1 ||
            vkn_groups_needed(p, worker, items, part_iterations(p, stage, &t)) <= p->caps->max_group_count)
            return t;
    }
}

bool vkn_planner_sees_whole(const VknPlanner *p) {
    const VknStage *stage = is_gradient(p) ? &vkn_stage_gradient_norm : &vkn_stage_norm;
    Tiling t = tile(p, stage, stage->statistic_bytes, true);
    return vkn_cut_count(p->view, &t.chunk, false) == 1 &&
           part_iterations(p, stage, &t) <= VKN_MOST_ITERATIONS;
}

/* Seen from the parameters, their elements are the statistics and the other way round. */
static VknSpace space_of(const VknPlanner *p, uint32_t resource) {
    VknSpace space = vkn_roles[resource].space;
    if (!p->by_parameter || resource >= VKN_ROLE_COUNT)
        return space;
    return space == VKN_SPACE_STAT        ? VKN_SPACE_PARAMETER
           : space == VKN_SPACE_PARAMETER ? VKN_SPACE_STAT
                                          : space;
}

static bool has_elements(const VknPlanner *p) {
    return p->schedule->desc.parameter_axis_count && !p->by_parameter;
}

/* One step per box. The parts of a statistic's boxes are numbered through, `total` of them. */
static VknResult emit_boxes(VknPlanner *p, const VknStage *stage, const Tiling *t, uint64_t total) {
    uint64_t kept = vkn_cut_count(p->view, &t->chunk, true);
    uint64_t reduced = vkn_cut_count(p->view, &t->chunk, false);
    p->stage++;
    for (uint64_t i = 0; i < kept * reduced; i++) {
        VknBox box = vkn_cut_box(p->view, &t->chunk, i / reduced, i % reduced);
        VknStep *step;
        VknResult result = vkn_step_add(p, stage->kernel[p->access], stage_worker(p, stage, p->team), &step);
        if (result)
            return result;
        vkn_step_set_box(p, step, &box);
        for (const VknUse *use = stage->uses; use->resource != VKN_RESOURCE_COUNT; use++) {
            VknSpace space = space_of(p, use->resource);
            uint64_t records = use->resource == VKN_RESOURCE_PARTS ? total : 1;
            if (is_used(p, use))
                vkn_step_bind(p, step, *use, vkn_box_first(p->view, &box, space) * records,
                              vkn_box_span(p->view, &box, space) * records);
        }
        step->push.part_length = (uint32_t)t->length;
        step->push.part_count = (uint32_t)t->parts;
        step->push.part_first = (uint32_t)(i % reduced * t->parts);
        step->push.part_total = (uint32_t)total;
        if (p->schedule->desc.operation == VKN_OPERATION_TRAIN_GRADIENT && !p->by_parameter)
            step->spec[VKN_SPEC_MODES - 1] |= VKN_MODE_COUPLING;
        if (takes_four_rows(p, stage, &box))
            step->spec[VKN_SPEC_MODES - 1] |= VKN_MODE_FOUR_ROWS;
        vkn_step_set_groups(p, step, box_items(p, stage, &box, t->parts), part_iterations(p, stage, t));
    }
    return VKN_SUCCESS;
}

static bool is_prepared(const VknPlanner *p) {
    return is_gradient(p) && p->region[VKN_RESOURCE_COEFFICIENTS - VKN_ROLE_COUNT].size;
}

VknResult vkn_emit_norm(VknPlanner *p) {
    const VknStage *stage = is_gradient(p) ? &vkn_stage_gradient_norm : &vkn_stage_norm;
    Tiling t = tile(p, stage, stage->statistic_bytes, true);
    if (is_gradient(p))
        vkn_region_add(p, VKN_RESOURCE_PARTS, p->view->statistic_count);
    return emit_boxes(p, stage, &t, 1);
}

/* The more parts a statistic has, the fewer statistics fit a binding of PARTS. */
VknResult vkn_emit_reduce(VknPlanner *p, uint64_t *parts) {
    bool is_before = p->schedule->desc.residual_use == VKN_RESIDUAL_BEFORE;
    const VknStage *stage = is_prepared(p)   ? &vkn_stage_gradient_reduce_prepared
                            : is_gradient(p) ? &vkn_stage_gradient_reduce
                            : is_before      ? &vkn_stage_reduce_before
                                             : &vkn_stage_reduce;
    uint64_t most = binding_bytes(p->caps) / VKN_RECORD_BYTES;
    uint64_t guess;
    Tiling t;
    *parts = 1;
    do {
        guess = *parts;
        t = tile(p, stage, vkn_max(guess * VKN_RECORD_BYTES, stage->statistic_bytes), false);
        *parts = vkn_cut_count(p->view, &t.chunk, false) * t.parts;
        if (*parts > most)
            return VKN_FAIL(p->host, UNSUPPORTED,
                            "a statistic of %" PRIu64 " elements has %" PRIu64
                            " parts, and max_storage_range (%" PRIu64 ") holds the moments of %" PRIu64,
                            p->view->reduce_count, *parts, p->caps->max_storage_range, most);
    } while (*parts > guess);
    vkn_region_add(p, VKN_RESOURCE_PARTS, p->view->statistic_count * *parts);
    return emit_boxes(p, stage, &t, *parts);
}

VknResult vkn_emit_apply(VknPlanner *p) {
    const VknStage *stage = &vkn_stage_apply_given;
    if (is_gradient(p))
        stage = has_elements(p) ? &vkn_stage_gradient_apply_elements : &vkn_stage_gradient_apply;
    else if (p->region[VKN_RESOURCE_AFFINE - VKN_ROLE_COUNT].size > 0)
        stage = has_elements(p) ? &vkn_stage_apply_elements : &vkn_stage_apply;
    Tiling t = tile(p, stage, stage->statistic_bytes, false);
    return emit_boxes(p, stage, &t, vkn_cut_count(p->view, &t.chunk, false) * t.parts);
}

/* ------------------------------------------------------------------------------------------ finish */

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
    bool holes = !is_gradient(p) && (desc->roles & VKN_HAS_MASK || vkn_desc_merges(desc, VKN_ROLE_MOMENTS));
    uint64_t walk = vkn_divide_up(f->part_count, vkn_worker_lanes(p, worker));
    return batch_count(p) * (2 + walk + (holes ? f->part_count : 0));
}

/* The planner's team, or a workgroup where that one would run too long. */
static VknWorker finish_worker(const VknPlanner *p, const Finish *f) {
    VknTeam team = vkn_team_exists(p->caps, p->team) ? p->team : VKN_TEAM_GROUP;
    VknWorker worker = stage_worker(p, f->stage, team);
    return finish_iterations(p, f, worker) <= VKN_MOST_ITERATIONS ? worker
                                                                  : stage_worker(p, f->stage, VKN_TEAM_GROUP);
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
        if (is_used(p, use))
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
        if (f->merged == VKN_RESOURCE_PARTS)
            step->spec[VKN_SPEC_ROLES - 1] |= is_gradient(p) ? VKN_HAS_SUMS : VKN_HAS_MOMENTS;
        step->push.part_first = f->merged_total > 1 ? (uint32_t)f->part : 0;
        step->push.part_total = (uint32_t)f->merged_total;
    }
    if (p->schedule->desc.operation == VKN_OPERATION_TRAIN_GRADIENT)
        step->spec[VKN_SPEC_MODES - 1] |= VKN_MODE_COUPLING;
    vkn_step_set_groups(p, step, f->count, finish_iterations(p, f, worker));
    return VKN_SUCCESS;
}

/* All statistics, as many per step as its bindings span. */
static VknResult finish_stage(VknPlanner *p, Finish f) {
    uint64_t most = binding_bytes(p->caps) / f.stage->statistic_bytes;
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
    if (is_gradient(p))
        stage = is_prepared(p)                        ? &vkn_stage_gradient_finish_prepared
                : has_elements(p)                     ? &vkn_stage_gradient_finish_elements
                : merged == VKN_RESOURCE_COEFFICIENTS ? &vkn_stage_gradient_finish
                                                      : &vkn_stage_gradient_finish_parameters;
    else if (p->schedule->desc.operation == VKN_OPERATION_REDUCE)
        stage = &vkn_stage_finish_result;
    else if (p->schedule->desc.roles & VKN_HAS_RENORM_MEAN)
        stage = &vkn_stage_finish_before_renorm;
    else if (has_elements(p))
        stage = &vkn_stage_finish_elements;
    uint64_t most = binding_bytes(p->caps) / stage->statistic_bytes;
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
    if (merged == VKN_RESOURCE_COEFFICIENTS && is_prepared(p))
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
