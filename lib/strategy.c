#include "strategy.h"

#include "desc.h"
#include "stage.h"

/* Row kernels read runs of neighbouring elements; below a handful per run they read little else than the
 * ends of runs. */
#define SHORT_RUN 4

static uint64_t inner_extent(const VknView *view) {
    uint32_t i = view->slot[VKN_INNER];
    return i == VKN_NO_DIM ? 1 : view->dim[i].extent;
}

static uint64_t lane_extent(const VknView *view) {
    uint32_t i = view->slot[VKN_LANE];
    return i == VKN_NO_DIM || view->dim[i].stride[VKN_SPACE_X] != 1 ? 1 : view->dim[i].extent;
}

/* ------------------------------------------------------------------------------------------- legal */

static bool rows_are_contiguous(const VknView *view) {
    uint32_t i = view->slot[VKN_INNER];
    return i == VKN_NO_DIM ||
           (view->dim[i].stride[VKN_SPACE_X] == 1 && view->dim[i].stride[VKN_SPACE_Y] == 1);
}

/* Row and column kernels know two layouts: that of x and dx, that of y, dy, residual and dresidual. */
static bool layouts_pair(const VknView *view) {
    for (uint32_t i = 0; i < view->dim_count; i++)
        if (view->dim[i].stride[VKN_SPACE_DX] != view->dim[i].stride[VKN_SPACE_X] ||
            view->dim[i].stride[VKN_SPACE_RESIDUAL] != view->dim[i].stride[VKN_SPACE_Y])
            return false;
    return true;
}

static bool fused_legal(const VknPlanner *p) {
    const VknDesc *desc = &p->schedule->desc;
    uint32_t roles = desc->roles;
    bool dslope = roles & VKN_HAS_DSLOPE && !vkn_planner_has_elements(p); /* no kernel writes it beside dx */
    if (roles & (VKN_HAS_MASK | VKN_HAS_MOMENTS | VKN_HAS_SUMS | VKN_HAS_RENORM_MEAN | VKN_HAS_RENORM) ||
        p->view->statistic_count != p->view->channel_count)
        return false;
    if (desc->operation != VKN_OPERATION_TRAIN &&
        !(desc->operation == VKN_OPERATION_TRAIN_GRADIENT && roles & VKN_HAS_DX && !dslope))
        return false;
    return vkn_stage_fits(p, vkn_stage_whole(p)) && vkn_planner_sees_whole(p);
}

/* Whether the lanes' registers hold a row, which must be one run. */
static bool row_is_held(const VknPlanner *p, VknTeam team) {
    uint64_t lanes = vkn_worker_lanes(p, vkn_team_worker(p->caps, team)), run = inner_extent(p->view);
    return p->view->reduce_count == run && run >= 4 && run / 4 <= lanes * VKN_MOST_HELD;
}

static bool view_is_legal(const VknStrategy *strategy, const VknPlanner *p) {
    /* Nobody works together on a column. */
    if (strategy->access != VKN_ACCESS_COLUMN && !vkn_team_exists(p->caps, strategy->team))
        return false;
    if (strategy->access == VKN_ACCESS_ANY)
        return true;
    /* Rows are walked from where they are aligned, which is not the same for all buffers. Columns would be
     * other bits than those of earlier versions. */
    if (p->schedule->desc.reproducible)
        return false;
    if (!p->view->slotted || !layouts_pair(p->view) || p->schedule->desc.roles & VKN_HAS_MASK)
        return false;
    if (strategy->access == VKN_ACCESS_ROW && !rows_are_contiguous(p->view))
        return false;
    if (strategy->holds &&
        (p->schedule->desc.operation != VKN_OPERATION_TRAIN || !row_is_held(p, strategy->team)))
        return false;
    return !strategy->fused || fused_legal(p);
}

/* Gradients that do not come by cell read all once more for dgamma and dbeta. Training gains by cells only
 * where channels come last: the rows of a group are short there, and cells are columns. */
static bool has_cells(const VknPlanner *p) {
    if (!p->cells)
        return false;
    bool are_columns = lane_extent(p->cells) >= SHORT_RUN,
         were_columns = lane_extent(p->statistics) >= SHORT_RUN;
    if (are_columns && !were_columns && inner_extent(p->statistics) > p->tuning->cell_rows)
        return false;
    return vkn_planner_is_gradient(p) || (are_columns && !were_columns);
}

/* Makes the planner see what the strategy does, as it does; returns whether it is legal. */
static bool planner_take(VknPlanner *p, const VknStrategy *strategy) {
    p->access = strategy->access;
    p->team = strategy->team;
    p->holds = strategy->holds;
    if (has_cells(p) && !strategy->fused) {
        VknPlanner by_cell = *p;
        by_cell.view = p->cells;
        by_cell.by = VKN_BY_CELL;
        if (view_is_legal(strategy, &by_cell)) {
            *p = by_cell;
            return true;
        }
    }
    return view_is_legal(strategy, p);
}

bool vkn_strategy_legal(const VknStrategy *strategy, const VknPlanner *planner) {
    VknPlanner as_planned = *planner;
    return planner_take(&as_planned, strategy);
}

/* ------------------------------------------------------------------------------------------- suits */

static bool is_column(const VknPlanner *p) {
    return lane_extent(p->view) >= SHORT_RUN ||
           (lane_extent(p->view) > 1 && inner_extent(p->view) > SHORT_RUN);
}

static bool is_row(const VknPlanner *p) {
    return inner_extent(p->view) >= SHORT_RUN || p->view->reduce_count == inner_extent(p->view);
}

static bool fills_device(const VknPlanner *p, uint64_t lanes) {
    return p->view->statistic_count * lanes >= p->tuning->lanes / 4;
}

static bool is_tiny(const VknPlanner *p) {
    return p->view->reduce_count <= p->tuning->part;
}

/* An invocation takes a column, or four, alone. */
static bool column_fused_suits(const VknPlanner *p) {
    return is_column(p) && (p->view->reduce_count <= 2 * p->tuning->column_part ||
                            p->view->statistic_count >= 2 * p->tuning->lanes);
}

/* Several lanes would share each run, and find little there. */
static bool has_short_runs(const VknPlanner *p) {
    bool applies = p->schedule->desc.operation == VKN_OPERATION_APPLY;
    return is_row(p) && inner_extent(p->view) <= (applies ? p->tuning->small_apply : p->tuning->small);
}

/* Four rows at a time, each invocation would add up the gradients of their parameters on its own. */
static bool keeps_parts(const VknPlanner *p) {
    const VknDesc *desc = &p->schedule->desc;
    return vkn_is_software(p) && desc->operation == VKN_OPERATION_TRAIN_GRADIENT &&
           desc->parameter_axis_count && desc->roles & (VKN_HAS_DGAMMA | VKN_HAS_DBETA) &&
           p->view->reduce_count >= p->tuning->alone;
}

/* Few statistics are few workgroups: then only what is over before a subgroup's lanes have merged. */
static bool is_soon_done(const VknPlanner *p, uint64_t elements) {
    return elements <= vkn_min(p->tuning->alone, 4 * p->view->statistic_count);
}

static bool lane_fused_suits(const VknPlanner *p) {
    return has_short_runs(p) && !keeps_parts(p) &&
           (fills_device(p, 1) || is_soon_done(p, p->view->reduce_count));
}

/* With an invocation for each part of a statistic. */
static bool lane_suits(const VknPlanner *p) {
    uint64_t parts = vkn_divide_up(p->view->reduce_count, p->tuning->part);
    return has_short_runs(p) && (fills_device(p, parts) || is_soon_done(p, inner_extent(p->view)));
}

static bool subgroup_fused_suits(const VknPlanner *p) {
    return is_row(p) && (is_tiny(p) || fills_device(p, p->caps->max_subgroup_size));
}

/* A quad for each of a workgroup's lanes. */
static bool feeds_group(const VknPlanner *p, uint64_t elements) {
    return elements / 4 >= p->tuning->local_size;
}

/* Of runs that do not feed it, a workgroup leaves most lanes idle: subgroups do not, if there are enough. */
static bool group_fused_suits(const VknPlanner *p) {
    bool feeds = feeds_group(p, inner_extent(p->view)) ||
                 (feeds_group(p, p->view->reduce_count) && !fills_device(p, p->caps->max_subgroup_size));
    return is_row(p) && !vkn_is_software(p) && feeds && fills_device(p, p->tuning->local_size);
}

/* A row that is held is one dispatch and the least traffic, however few there are. Software renderers gain
 * nothing by it, which hold no value in registers. */
static bool lane_held_suits(const VknPlanner *p) {
    return !vkn_is_software(p) && fills_device(p, 1);
}

static bool subgroup_held_suits(const VknPlanner *p) {
    return !vkn_is_software(p) &&
           (!feeds_group(p, p->view->reduce_count) || fills_device(p, p->caps->max_subgroup_size));
}

static bool group_held_suits(const VknPlanner *p) {
    return !vkn_is_software(p) && feeds_group(p, p->view->reduce_count);
}

static bool always_suits(const VknPlanner *p) {
    (void)p;
    return true;
}

const VknStrategy vkn_strategies[] = {
    {"column_fused", VKN_ACCESS_COLUMN, VKN_TEAM_SUBGROUP, true, false, column_fused_suits},
    {"row_lane_held", VKN_ACCESS_ROW, VKN_TEAM_LANE, true, true, lane_held_suits},
    {"row_subgroup_held", VKN_ACCESS_ROW, VKN_TEAM_SUBGROUP, true, true, subgroup_held_suits},
    {"row_group_held", VKN_ACCESS_ROW, VKN_TEAM_GROUP, true, true, group_held_suits},
    {"row_lane_fused", VKN_ACCESS_ROW, VKN_TEAM_LANE, true, false, lane_fused_suits},
    {"row_group_fused", VKN_ACCESS_ROW, VKN_TEAM_GROUP, true, false, group_fused_suits},
    {"row_subgroup_fused", VKN_ACCESS_ROW, VKN_TEAM_SUBGROUP, true, false, subgroup_fused_suits},
    {"column", VKN_ACCESS_COLUMN, VKN_TEAM_SUBGROUP, false, false, is_column},
    {"row_lane", VKN_ACCESS_ROW, VKN_TEAM_LANE, false, false, lane_suits},
    {"row_subgroup", VKN_ACCESS_ROW, VKN_TEAM_SUBGROUP, false, false, is_row},
    {"row_group", VKN_ACCESS_ROW, VKN_TEAM_GROUP, false, false, is_row},
    {"any_subgroup", VKN_ACCESS_ANY, VKN_TEAM_SUBGROUP, false, false, always_suits},
    {"any_group", VKN_ACCESS_ANY, VKN_TEAM_GROUP, false, false, always_suits},
    {"any_lane", VKN_ACCESS_ANY, VKN_TEAM_LANE, false, false, always_suits},
};

_Static_assert(sizeof vkn_strategies / sizeof *vkn_strategies <= VKN_MOST_STRATEGIES, "see vknorm.h");

const uint32_t vkn_strategy_count = sizeof vkn_strategies / sizeof *vkn_strategies;

bool vkn_strategy_suits(const VknStrategy *strategy, const VknPlanner *planner) {
    VknPlanner as_planned = *planner, *p = &as_planned;
    planner_take(p, strategy);
    bool by_cell = has_cells(p) && p->cells->statistic_count * p->cells->reduce_count >= p->tuning->cells;
    return !(strategy->fused && by_cell) && strategy->suits(p);
}

const char *vkn_strategy_name(uint32_t index) {
    return index < vkn_strategy_count ? vkn_strategies[index].name : NULL;
}

/* The gradients of parameters that differ between the elements of a statistic: the same sums, seen from the
 * parameters, by the strategy that suits those; if its variants are refused, by another, unless that gave
 * other bits than asked for. When all are, the last one's steps stay, for the schedule to be refused by. */
static VknResult emit_parameters(VknPlanner *p) {
    VknView view = vkn_view_of_parameters(&p->schedule->desc);
    uint32_t first = p->schedule->step_count;
    uint64_t workspace = p->schedule->info.size[VKN_ROLE_WORKSPACE];
    VknPlanner as_seen;
    VknResult result = VKN_SUCCESS;
    for (uint32_t i = 0; i < 2 * vkn_strategy_count; i++) {
        const VknStrategy *strategy = &vkn_strategies[i % vkn_strategy_count];
        as_seen = *p;
        as_seen.view = &view;
        as_seen.by = VKN_BY_PARAMETER;
        as_seen.cells = NULL;
        if (strategy->fused || !vkn_strategy_legal(strategy, &as_seen) ||
            vkn_strategy_suits(strategy, &as_seen) != (i < vkn_strategy_count))
            continue;
        planner_take(&as_seen, strategy);
        vkn_schedule_cut(p->schedule, first, workspace);
        uint64_t parts;
        result = vkn_emit_reduce(&as_seen, &parts);
        if (!result)
            result = vkn_emit_finish(&as_seen, VKN_RESOURCE_PARTS, parts, VKN_RESOURCE_COUNT);
        if (result || !vkn_schedule_refused(p->schedule, first, p->refused) || p->schedule->desc.reproducible)
            break;
    }
    p->stage = as_seen.stage;
    return result;
}

/* The gradients: sums where something depends on them, coefficients where dx or dresidual do. */
static VknResult emit_gradient(const VknStrategy *strategy, VknPlanner *p) {
    const VknDesc *desc = &p->schedule->desc;
    bool given = vkn_desc_merges(desc, VKN_ROLE_SUMS);
    bool wants_parameters = desc->roles & (VKN_HAS_DGAMMA | VKN_HAS_DBETA | VKN_HAS_DSLOPE);
    bool wants_tensors = desc->roles & (VKN_HAS_DX | VKN_HAS_DRESIDUAL);
    bool couples = desc->operation == VKN_OPERATION_TRAIN_GRADIENT && desc->roles & VKN_HAS_DX;
    uint32_t source = given ? VKN_ROLE_SUMS : VKN_RESOURCE_PARTS;
    uint32_t merged = wants_tensors                                          ? VKN_RESOURCE_COEFFICIENTS
                      : desc->operation == VKN_OPERATION_GRADIENT_STATISTICS ? VKN_ROLE_SUMS
                                                                             : VKN_RESOURCE_COUNT;
    uint64_t parts = given ? desc->moment_parts : 0;
    VknResult result = VKN_SUCCESS;
    if (p->by == VKN_BY_CELL)
        return vkn_emit_cells(p);
    bool with_parts = strategy->fused && vkn_norm_sums_parameters(p);
    if (desc->parameter_axis_count && !with_parts) { /* before dx, which may take dy's place */
        if (wants_parameters)
            result = emit_parameters(p);
        if (result || !wants_tensors)
            return result;
        wants_parameters = false;
    }
    if (strategy->fused) {
        result = vkn_emit_norm(p);
        if (!result && !with_parts && wants_parameters && p->region[VKN_RESOURCE_PARTS - VKN_ROLE_COUNT].size)
            result = vkn_emit_finish(p, VKN_RESOURCE_PARTS, 1, VKN_RESOURCE_COUNT);
        return result;
    }
    bool sums = wants_parameters || couples || desc->operation == VKN_OPERATION_GRADIENT_STATISTICS;
    bool alone = desc->statistic == VKN_STATISTIC_NONE && !(desc->roles & (VKN_HAS_GAMMA | VKN_HAS_BETA));
    if (desc->roles & (VKN_HAS_MASK | VKN_HAS_RENORM) || p->view->statistic_count != p->view->channel_count)
        result = vkn_emit_prepare(p);
    if (!result && sums && !given)
        result = vkn_emit_reduce(p, &parts);
    if (!result && (sums || !alone))
        result = vkn_emit_finish(p, source, parts, alone ? VKN_RESOURCE_COUNT : merged);
    return result || !wants_tensors ? result : vkn_emit_apply(p);
}

VknResult vkn_strategy_emit(const VknStrategy *strategy, VknPlanner *p) {
    const VknDesc *desc = &p->schedule->desc;
    uint64_t parts;
    VknResult result = VKN_SUCCESS;
    uint32_t moments = desc->roles & VKN_HAS_MOMENTS ? VKN_ROLE_MOMENTS : VKN_RESOURCE_COUNT;
    planner_take(p, strategy);
    switch (desc->operation) {
    case VKN_OPERATION_TRAIN:
        if (strategy->fused)
            return vkn_emit_norm(p);
        if (p->by == VKN_BY_CELL)
            return vkn_emit_cells(p);
        if (moments == VKN_ROLE_MOMENTS)
            result = vkn_emit_finish(p, moments, desc->moment_parts, VKN_RESOURCE_AFFINE);
        else
            result = vkn_emit_reduce(p, &parts);
        if (!result && moments != VKN_ROLE_MOMENTS)
            result = vkn_emit_finish(p, VKN_RESOURCE_PARTS, parts, VKN_RESOURCE_AFFINE);
        if (!result && desc->roles & VKN_HAS_RENORM_MEAN)
            result = vkn_emit_renorm(p);
        return result ? result : vkn_emit_apply(p);
    case VKN_OPERATION_APPLY:
        return vkn_emit_apply(p);
    case VKN_OPERATION_STATISTICS:
        result = vkn_emit_reduce(p, &parts);
        return result ? result : vkn_emit_finish(p, VKN_RESOURCE_PARTS, parts, moments);
    case VKN_OPERATION_REDUCE:
        result = vkn_emit_reduce(p, &parts);
        return result ? result : vkn_emit_finish(p, VKN_RESOURCE_PARTS, parts, VKN_RESOURCE_COUNT);
    case VKN_OPERATION_FINISH:
        return vkn_emit_finish(p, VKN_ROLE_MOMENTS, desc->moment_parts, VKN_RESOURCE_COUNT);
    case VKN_OPERATION_TRAIN_GRADIENT:
    case VKN_OPERATION_APPLY_GRADIENT:
    case VKN_OPERATION_GRADIENT_STATISTICS:
        return emit_gradient(strategy, p);
    }
    return result;
}
