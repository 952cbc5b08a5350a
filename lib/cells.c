#include <inttypes.h>

#include "desc.h"
#include "emit.h"
#include "stage.h"

/* A cell has one statistic and one parameter: in group norm, a channel of a sample. Its moments, or sums,
 * serve its statistic and its parameter both, and what applies to its elements is of the cell alone: so that
 * the kernels that see elements are those of batch norm, and only what lies between them knows of statistics
 * and parameters. */

/* Elements of a resource. */
static uint64_t extent_of(const VknPlanner *p, uint32_t resource) {
    uint32_t bits = vkn_role_bits(&p->schedule->desc, resource);
    if (resource >= VKN_ROLE_COUNT)
        return p->region[resource - VKN_ROLE_COUNT].size * 8 / bits;
    return vkn_roles[resource].per == VKN_PER_PARAMETER ? p->view->parameter_count
                                                        : p->statistics->statistic_count;
}

/* One dispatch for all `items`, of each of which a worker's lanes share out `count` times `each` loop
 * iterations. */
static VknResult cells_step(VknPlanner *p, const VknStage *stage, uint64_t items, uint64_t count,
                            uint64_t each, VknStep **step) {
    VknTeam team = vkn_team_exists(p->caps, p->team) ? p->team : VKN_TEAM_GROUP;
    VknWorker worker = vkn_stage_worker(p, stage, team);
    uint64_t iterations = 4 + vkn_divide_up(count, vkn_worker_lanes(p, worker)) * each;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < VKN_RESOURCE_COUNT - VKN_ROLE_COUNT; i++)
        bytes = vkn_max(bytes, p->region[i].size);
    if (bytes > vkn_binding_bytes(p->caps) || iterations > VKN_MOST_ITERATIONS ||
        items > vkn_items_within(p, worker, iterations))
        return VKN_FAIL(p->host, UNSUPPORTED, "%" PRIu64 " cells are more than a dispatch merges",
                        p->view->statistic_count);
    VknResult result = vkn_step_add(p, stage->kernel[p->access], worker, step);
    if (result)
        return result;
    for (uint32_t slot = 0; slot < VKN_SLOTS; slot++)
        (*step)->push.extent[slot] = 1;
    (*step)->push.extent[VKN_CHANNEL] = (uint32_t)items;
    for (const VknUse *use = stage->uses; use->resource != VKN_RESOURCE_COUNT; use++)
        if (vkn_stage_uses(p, use))
            vkn_step_bind(p, *step, *use, 0, extent_of(p, use->resource));
    vkn_step_set_groups(p, *step, items, iterations);
    return VKN_SUCCESS;
}

static VknResult emit_prepare(VknPlanner *p, uint64_t cells) {
    VknStep *step;
    vkn_region_add(p, VKN_RESOURCE_COEFFICIENTS, p->view->statistic_count);
    p->stage++;
    VknResult result =
        cells_step(p, &vkn_stage_gradient_cells_prepare, p->view->statistic_count, 0, 0, &step);
    if (result)
        return result;
    step->push.extent[VKN_BATCH] = (uint32_t)(p->view->statistic_count / p->view->parameter_count);
    step->push.extent[VKN_CHANNEL] = (uint32_t)p->view->parameter_count;
    step->push.extent[VKN_OUTER] = (uint32_t)cells;
    return VKN_SUCCESS;
}

/* dgamma and dbeta, and beside them the coefficients. */
static VknResult emit_merge(VknPlanner *p, uint64_t cells, uint64_t parts) {
    uint64_t parameters = p->view->parameter_count, of_each = p->view->statistic_count / parameters * parts;
    VknStep *step;
    p->stage++;
    VknResult result = cells_step(p, &vkn_stage_gradient_cells_parameters, parameters, of_each, 1, &step);
    if (result)
        return result;
    step->push.extent[VKN_OUTER] = (uint32_t)of_each;
    step->push.extent[VKN_INNER] = (uint32_t)parts;
    step->push.x_stride[VKN_BATCH] = (uint32_t)(parameters * parts);
    step->push.x_stride[VKN_CHANNEL] = (uint32_t)parts;
    result =
        cells_step(p, &vkn_stage_gradient_cells, p->statistics->statistic_count, cells, parts + 3, &step);
    if (result)
        return result;
    step->push.extent[VKN_OUTER] = (uint32_t)cells;
    step->push.extent[VKN_INNER] = (uint32_t)parts;
    return VKN_SUCCESS;
}

/* The statistics, from moments of all cells, and what applies them to each. */
static VknResult emit_finish(VknPlanner *p, uint64_t cells, uint64_t parts) {
    VknStep *step;
    vkn_region_add(p, VKN_RESOURCE_AFFINE, p->view->statistic_count);
    p->stage++;
    uint64_t of_each = cells * parts;
    VknResult result =
        cells_step(p, &vkn_stage_cells_finish, p->statistics->statistic_count, of_each + cells, 1, &step);
    if (result)
        return result;
    step->push.extent[VKN_OUTER] = (uint32_t)of_each;
    step->push.extent[VKN_INNER] = (uint32_t)cells;
    step->push.extent[VKN_LANE] = (uint32_t)p->view->parameter_count;
    step->push.x_stride[VKN_CHANNEL] = (uint32_t)of_each;
    step->push.x_stride[VKN_OUTER] = 1;
    return VKN_SUCCESS;
}

VknResult vkn_emit_cells(VknPlanner *p) {
    uint64_t cells = p->view->statistic_count / p->statistics->statistic_count, parts;
    bool is_gradient = vkn_planner_is_gradient(p);
    VknResult result = is_gradient ? emit_prepare(p, cells) : VKN_SUCCESS;
    if (!result)
        result = vkn_emit_reduce(p, &parts);
    if (!result)
        result = is_gradient ? emit_merge(p, cells, parts) : emit_finish(p, cells, parts);
    return result ? result : vkn_emit_apply(p);
}
