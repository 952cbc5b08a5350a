#include "emit.h"

#include <inttypes.h>

#include "desc.h"
#include "stage.h"

/* ------------------------------------------------------------------------------------------- boxes */

/* The cut for kernels that bind `statistic_bytes` per statistic and see at most `elements`. */
static VknBox planner_cut(const VknPlanner *p, uint64_t statistic_bytes, uint64_t elements) {
    uint64_t bytes = vkn_binding_bytes(p->caps);
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

/* Bytes. */
#define WIDE_ROW 1024
#define PAGE     4096

/* Boxes, and the parts that each statistic has in a box. */
typedef struct Tiling {
    VknBox chunk;
    uint64_t length; /* elements per part */
    uint64_t parts;  /* per box */
    uint64_t fours;  /* items per box that are four rows each, or several times four; 0: items are no rows */
} Tiling;

/* A part's length: multiples of 16 elements, so that parts begin aligned where rows do. */
static uint64_t part_length(uint64_t elements, uint64_t parts) {
    return parts == 1 ? elements : vkn_round_up(vkn_divide_up(elements, parts), 16);
}

/* The most rows that a part of a column should have, however few parts keep the device busy: where rows are
 * wide, those that the processor can walk along side by side, as its prefetcher follows 32 pages. Narrow rows
 * share pages. Where each has its own, or a visit takes whole lines of the cache, nothing is gained. */
static uint64_t most_rows(const VknPlanner *p, uint32_t vector) {
    uint64_t stride = vkn_view_stride(p->view, VKN_INNER, VKN_SPACE_X);
    uint64_t row = stride * vkn_role_bits(&p->schedule->desc, VKN_ROLE_X) / 8;
    if (p->access != VKN_ACCESS_COLUMN || vector == 16 || !p->tuning->wide_part || row < WIDE_ROW ||
        row >= PAGE)
        return UINT64_MAX;
    return vkn_max(32, p->tuning->wide_part / row);
}

/* Whether column kernels can move four neighbouring statistics of this box at once. Only the start of a
 * binding may be unaligned: kernels see to that. */
static bool is_vector(const VknView *view, const VknBox *box) {
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

/* Neighbouring statistics that an invocation takes; of gradients 16 gain nothing where rows are short. */
static uint32_t column_vector(const VknPlanner *p, const VknStage *stage, const VknBox *box) {
    if (p->access != VKN_ACCESS_COLUMN || !is_vector(p->view, box))
        return 1;
    VknKernel kernel = stage->kernel[VKN_ACCESS_COLUMN];
    uint64_t lanes = vkn_box_extent(p->view, box, VKN_LANE), least = p->tuning->wide_apply;
    bool applies =
        kernel == VKN_KERNEL_APPLY_COLUMN || (kernel == VKN_KERNEL_GRADIENT_APPLY_COLUMN && lanes >= 64);
    bool large = least && p->view->statistic_count * p->view->reduce_count >= least;
    return applies && large && lanes % 16 == 0 ? 16 : 4;
}

/* Parts per statistic for boxes like `chunk`: enough to keep the device busy, none too small. */
static uint64_t part_count(const VknPlanner *p, const VknStage *stage, const VknBox *chunk,
                           VknWorker worker) {
    uint64_t statistics = vkn_box_count(p->view, chunk, true);
    uint64_t elements = vkn_box_count(p->view, chunk, false);
    uint64_t workers = p->tuning->lanes / vkn_worker_lanes(p, worker);
    uint32_t vector = column_vector(p, stage, chunk);
    if (vector > 1)
        statistics /= 4;
    VknKernel kernel = stage->kernel[VKN_ACCESS_ROW];
    bool applies = kernel == VKN_KERNEL_APPLY_ROW || kernel == VKN_KERNEL_GRADIENT_APPLY_ROW;
    uint64_t part = p->access == VKN_ACCESS_COLUMN ? p->tuning->column_part / (vector == 16 ? 4 : 1)
                    : applies                      ? p->tuning->part_apply
                                                   : p->tuning->part;
    uint64_t parts = vkn_max(1, vkn_min(vkn_divide_up(workers, statistics), elements / part));
    return vkn_max(parts, elements / most_rows(p, vector));
}

static bool is_gradient_norm(const VknStage *stage) {
    return stage->kernel[VKN_ACCESS_ROW] == VKN_KERNEL_GRADIENT_NORM_ROW;
}

/* Quads of a row that each lane holds. */
static uint32_t held_quads(const VknPlanner *p, const VknStage *stage, const VknBox *box) {
    uint64_t quads = vkn_box_extent(p->view, box, VKN_INNER) / 4;
    uint64_t lanes = vkn_worker_lanes(p, vkn_stage_worker(p, stage, p->team));
    return p->holds ? (uint32_t)vkn_min(vkn_divide_up(quads, lanes), VKN_MOST_HELD) : 0;
}

/* Whether the rows of every box of a cut are a multiple of four, as those of one of its dimensions are. */
static bool has_fours(const VknView *view, const VknBox *chunk) {
    bool found = false;
    for (uint32_t i = 0; i < view->dim_count; i++)
        found |= view->dim[i].kept && view->dim[i].extent % 4 == 0 && chunk->extent[i] % 4 == 0;
    return found;
}

/* Whether rows share what lies along them, gamma and beta, and there are enough to let each worker load that
 * for four rows at once. */
static bool takes_four_rows(const VknPlanner *p, const VknStage *stage, const VknBox *box) {
    const VknView *view = p->view;
    uint64_t lanes = vkn_worker_lanes(p, vkn_stage_worker(p, stage, p->team));
    bool gradient = is_gradient_norm(stage);
    if ((stage != &vkn_stage_norm && !gradient) || p->access != VKN_ACCESS_ROW || p->holds ||
        !vkn_view_stride(view, VKN_INNER, VKN_SPACE_PARAMETER) ||
        vkn_box_count(view, box, true) / 4 * lanes < p->tuning->lanes / 4)
        return false;
    for (uint32_t slot = 0; slot < VKN_SLOTS; slot += 2) /* kept ones */
        if (vkn_view_stride(view, slot, VKN_SPACE_PARAMETER) ||
            vkn_view_stride(view, slot, VKN_SPACE_X) % 4 || vkn_view_stride(view, slot, VKN_SPACE_Y) % 4)
            return false;
    /* Parts of dgamma and dbeta are written by number: each element of a row has its own. Not tried on a GPU.
     */
    if (gradient &&
        (!vkn_is_software(p) || view->parameter_count != view->reduce_count || view->reduce_count % 4 ||
         !has_fours(view, box) || p->schedule->desc.roles & VKN_HAS_SLOPE))
        return false;
    return p->schedule->desc.parameter_axis_count;
}

/* Figures of a part of dgamma and dbeta. */
static uint64_t parameter_part(const VknPlanner *p) {
    uint32_t roles = p->schedule->desc.roles;
    return p->view->reduce_count * (roles & VKN_HAS_DBETA ? 2 : roles & VKN_HAS_DGAMMA ? 1 : 0);
}

static bool is_elementwise(const VknPlanner *p, VknWorker worker) {
    return p->access == VKN_ACCESS_ANY && worker == VKN_WORKER_ALONE;
}

/* At most how many loop iterations an invocation runs for one part. */
static uint64_t part_iterations(const VknPlanner *p, const VknStage *stage, const Tiling *t) {
    VknWorker worker = vkn_stage_worker(p, stage, p->team);
    uint64_t walk = vkn_divide_up(t->length, vkn_worker_lanes(p, worker));
    bool masked = (stage == &vkn_stage_reduce || stage == &vkn_stage_reduce_before) &&
                  p->schedule->desc.roles & VKN_HAS_MASK; /* it looks for its shift */
    bool twice = stage == &vkn_stage_norm || is_gradient_norm(stage) || masked;
    if (is_elementwise(p, worker))
        return 1;
    if (p->access != VKN_ACCESS_ANY) /* each run has a head, a body in two loops, and a tail */
        walk += 6 * (t->length / vkn_box_extent(p->view, &t->chunk, VKN_INNER) + 2);
    if (column_vector(p, stage, &t->chunk) == 16) /* where quads are not aligned, one after the other */
        walk *= 4;
    if (t->fours) { /* some of which visit four rows one by one */
        uint64_t rows = vkn_divide_up(vkn_box_count(p->view, &t->chunk, true), 4);
        return vkn_divide_up(rows, t->fours) * (6 + 6 * walk);
    }
    return 2 + (twice ? 2 * walk : walk);
}

/* What a dispatch hands out to workers. */
static uint64_t box_items(const VknPlanner *p, const VknStage *stage, const VknBox *box, const Tiling *t) {
    uint64_t statistics = vkn_box_count(p->view, box, true);
    if (is_elementwise(p, vkn_stage_worker(p, stage, p->team)))
        return statistics * vkn_box_count(p->view, box, false);
    if (t->fours)
        return vkn_min(vkn_divide_up(statistics, 4), t->fours);
    return statistics / column_vector(p, stage, box) * t->parts;
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

/* Items that take four rows each; or as many for the sums that go along as keep the device busy, and as one
 * binding holds. */
static uint64_t four_rows_count(const VknPlanner *p, const VknStage *stage, const Tiling *t) {
    uint64_t items = vkn_divide_up(vkn_box_count(p->view, &t->chunk, true), 4);
    uint64_t bytes = parameter_part(p) * sizeof(float) * vkn_cut_count(p->view, &t->chunk, true);
    if (!takes_four_rows(p, stage, &t->chunk))
        return 0;
    if (!is_gradient_norm(stage) || !bytes)
        return items;
    Tiling four = *t;
    four.fours = items;
    uint64_t rounds = vkn_max(1, VKN_MOST_ITERATIONS / 2 / part_iterations(p, stage, &four));
    uint64_t workers = p->tuning->lanes / vkn_worker_lanes(p, vkn_stage_worker(p, stage, p->team));
    uint64_t count = vkn_min(items, vkn_max(workers, vkn_divide_up(items, rounds)));
    return vkn_min(count, vkn_binding_bytes(p->caps) / bytes);
}

/* Chooses boxes and parts so that neither bindings nor loops grow too long. `whole`: one part. */
static Tiling tile(const VknPlanner *p, const VknStage *stage, uint64_t statistic_bytes, bool whole) {
    VknWorker worker = vkn_stage_worker(p, stage, p->team);
    Tiling t = {.fours = 0};
    for (uint64_t elements = most_elements(p);; elements /= 2) {
        t.chunk = planner_cut(p, statistic_bytes, elements);
        uint64_t count = vkn_box_count(p->view, &t.chunk, false);
        t.parts = whole ? 1 : part_count(p, stage, &t.chunk, worker);
        t.length = part_length(count, t.parts);
        t.fours = four_rows_count(p, stage, &t);
        while (!whole && t.length > 16 && part_iterations(p, stage, &t) > VKN_MOST_ITERATIONS)
            t.length = part_length(count, t.parts *= 2);
        t.parts = vkn_divide_up(count, t.length);
        uint64_t items = box_items(p, stage, &t.chunk, &t);
        if (elements == 1 ||
            vkn_groups_needed(p, worker, items, part_iterations(p, stage, &t)) <= p->caps->max_group_count)
            return t;
    }
}

bool vkn_planner_sees_whole(const VknPlanner *p) {
    const VknStage *stage = vkn_stage_whole(p);
    Tiling t = tile(p, stage, stage->statistic_bytes, true);
    return vkn_cut_count(p->view, &t.chunk, false) == 1 &&
           part_iterations(p, stage, &t) <= VKN_MOST_ITERATIONS;
}

/* Seen from the parameters, their elements are the statistics and the other way round. */
static VknSpace space_of(const VknPlanner *p, uint32_t resource) {
    VknSpace space = vkn_roles[resource].space;
    if (p->by != VKN_BY_PARAMETER || resource >= VKN_ROLE_COUNT)
        return space;
    return space == VKN_SPACE_STAT        ? VKN_SPACE_PARAMETER
           : space == VKN_SPACE_PARAMETER ? VKN_SPACE_STAT
                                          : space;
}

/* One step per box. The parts of a statistic's boxes are numbered through, `total` of them. */
static VknResult emit_boxes(VknPlanner *p, const VknStage *stage, const Tiling *t, uint64_t total) {
    uint64_t kept = vkn_cut_count(p->view, &t->chunk, true);
    uint64_t reduced = vkn_cut_count(p->view, &t->chunk, false);
    bool sums = is_gradient_norm(stage) && t->fours;
    uint64_t part = parameter_part(p), part_records = part * sizeof(float) / VKN_RECORD_BYTES, parts = 0;
    p->stage++;
    for (uint64_t i = 0; i < kept * reduced; i++) {
        VknBox box = vkn_cut_box(p->view, &t->chunk, i / reduced, i % reduced);
        VknStep *step;
        VknResult result =
            vkn_step_add(p, stage->kernel[p->access], vkn_stage_worker(p, stage, p->team), &step);
        if (result)
            return result;
        uint64_t items = box_items(p, stage, &box, t);
        vkn_step_set_box(p, step, &box);
        step->spec[VKN_SPEC_VECTOR - 1] = column_vector(p, stage, &box);
        for (const VknUse *use = stage->uses; use->resource != VKN_RESOURCE_COUNT; use++) {
            VknSpace space = space_of(p, use->resource);
            uint64_t records = use->resource == VKN_RESOURCE_PARTS ? total : 1;
            if (!vkn_stage_uses(p, use))
                continue;
            if (sums && use->resource == VKN_RESOURCE_PARTS)
                vkn_step_bind(p, step, *use, parts * part_records, items * part_records);
            else
                vkn_step_bind(p, step, *use, vkn_box_first(p->view, &box, space) * records,
                              vkn_box_span(p->view, &box, space) * records);
        }
        step->push.part_length = (uint32_t)t->length;
        step->push.part_count = (uint32_t)t->parts;
        step->push.part_first = (uint32_t)(i % reduced * t->parts);
        step->push.part_total = (uint32_t)total;
        if (t->fours)
            step->spec[VKN_SPEC_MODES - 1] |= VKN_MODE_FOUR_ROWS;
        step->spec[VKN_SPEC_HELD - 1] = held_quads(p, stage, &box);
        if (sums) {
            step->spec[VKN_SPEC_ROLES - 1] |= p->schedule->desc.roles & (VKN_HAS_DGAMMA | VKN_HAS_DBETA);
            step->push.part_length = (uint32_t)part;
            step->push.part_count = (uint32_t)items;
            parts += items;
        }
        vkn_step_set_groups(p, step, items, part_iterations(p, stage, t));
    }
    return VKN_SUCCESS;
}

/* Sums the parts of dgamma and dbeta that steps from number `first` on leave. */
static VknResult emit_parameters(VknPlanner *p, uint32_t first) {
    const VknStage *stage = &vkn_stage_gradient_parameters;
    uint64_t parts = 0, part = parameter_part(p), count = p->view->parameter_count;
    for (uint32_t i = first; i < p->schedule->step_count; i++)
        parts += p->schedule->steps[i].push.part_count;
    p->stage++;
    VknStep *step;
    VknResult result = vkn_step_add(p, stage->kernel[p->access], VKN_WORKER_ALONE, &step);
    if (result)
        return result;
    for (uint32_t slot = 0; slot < VKN_SLOTS; slot++)
        step->push.extent[slot] = 1;
    step->push.extent[VKN_INNER] = (uint32_t)count;
    step->push.parameter_stride[VKN_INNER] = 1;
    step->push.part_count = (uint32_t)parts;
    step->push.part_length = (uint32_t)part;
    for (const VknUse *use = stage->uses; use->resource != VKN_RESOURCE_COUNT; use++)
        if (vkn_stage_uses(p, use))
            vkn_step_bind(p, step, *use, 0, count);
    vkn_step_bind(p, step, (VknUse){VKN_RESOURCE_PARTS, VKN_BINDING_FINISH_IN, VKN_READ}, 0,
                  parts * part * sizeof(float) / VKN_RECORD_BYTES);
    vkn_step_set_groups(p, step, count / 4, 2 * parts + 5);
    return VKN_SUCCESS;
}

/* Whether the gradients of elements' parameters are summed along with dx. */
static bool sums_parameters(const VknPlanner *p, const VknStage *stage, const Tiling *t) {
    return is_gradient_norm(stage) && t->fours && parameter_part(p);
}

bool vkn_norm_sums_parameters(const VknPlanner *p) {
    const VknStage *stage = vkn_stage_whole(p);
    Tiling t = tile(p, stage, stage->statistic_bytes, true);
    return sums_parameters(p, stage, &t);
}

VknResult vkn_emit_norm(VknPlanner *p) {
    const VknStage *stage = vkn_stage_whole(p);
    Tiling t = tile(p, stage, stage->statistic_bytes, true);
    uint64_t records = p->view->statistic_count;
    uint32_t first = p->schedule->step_count;
    bool with_parts = sums_parameters(p, stage, &t);
    if (with_parts) {
        stage = &vkn_stage_gradient_norm_sums;
        records = t.fours * vkn_cut_count(p->view, &t.chunk, true) * parameter_part(p) * sizeof(float) /
                  VKN_RECORD_BYTES;
    }
    if (stage == &vkn_stage_gradient_norm_sums)
        vkn_region_add(p, VKN_RESOURCE_PARTS, records);
    VknResult result = emit_boxes(p, stage, &t, 1);
    return result || !with_parts ? result : emit_parameters(p, first);
}

/* The more parts a statistic has, the fewer statistics fit a binding of PARTS. */
VknResult vkn_emit_reduce(VknPlanner *p, uint64_t *parts) {
    bool is_before = p->schedule->desc.residual_use == VKN_RESIDUAL_BEFORE;
    const VknStage *stage = vkn_planner_is_prepared(p)   ? &vkn_stage_gradient_reduce_prepared
                            : vkn_planner_is_gradient(p) ? &vkn_stage_gradient_reduce
                            : is_before                  ? &vkn_stage_reduce_before
                                                         : &vkn_stage_reduce;
    uint64_t most = vkn_binding_bytes(p->caps) / VKN_RECORD_BYTES;
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
    if (vkn_planner_is_gradient(p))
        stage = vkn_planner_has_elements(p) ? &vkn_stage_gradient_apply_elements : &vkn_stage_gradient_apply;
    else if (p->region[VKN_RESOURCE_AFFINE - VKN_ROLE_COUNT].size > 0)
        stage = vkn_planner_has_elements(p) ? &vkn_stage_apply_elements : &vkn_stage_apply;
    Tiling t = tile(p, stage, stage->statistic_bytes, false);
    return emit_boxes(p, stage, &t, vkn_cut_count(p->view, &t.chunk, false) * t.parts);
}
