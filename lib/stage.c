#include "stage.h"

#include "desc.h"

#define USE(resource, binding, direction)                                                                    \
    { VKN_##resource, VKN_BINDING_##binding, VKN_##direction }
#define END                                                                                                  \
    { VKN_RESOURCE_COUNT, 0, VKN_READ }
#define USE_AFFINE USE(ROLE_GAMMA, GAMMA, READ), USE(ROLE_BETA, BETA, READ)
#define USE_SAVED(direction)                                                                                 \
    USE(ROLE_MEAN, MEAN, direction), USE(ROLE_INV_STD, SPREAD, direction),                                   \
        USE(ROLE_VARIANCE, SPREAD, direction)
#define USE_RUNNING                                                                                          \
    USE(ROLE_RUNNING_MEAN, RUNNING_MEAN, UPDATE), USE(ROLE_RUNNING_VARIANCE, RUNNING_VARIANCE, UPDATE)
#define USE_OUTPUT(at)                                                                                       \
    USE(ROLE_Y, Y, WRITE), USE(ROLE_RESIDUAL, at##RESIDUAL, READ), USE(ROLE_SLOPE, at##SLOPE, READ),         \
        USE(ROLE_ACTIVATION_MASK, at##ACTIVATION_MASK, WRITE),                                               \
        USE(ROLE_RESIDUAL_SUM, at##RESIDUAL_SUM, WRITE)
/* x, y or both; with y in x's place, or of these one: where the derivative of the activation comes from. */
#define USE_INPUT(at)                                                                                        \
    USE(ROLE_X, X, READ), USE(ROLE_Y, X, READ), USE(ROLE_DY, DY, READ),                                      \
        USE(ROLE_RESIDUAL, at##SOURCE, READ), USE(ROLE_Y, at##SOURCE, READ),                                 \
        USE(ROLE_ACTIVATION_MASK, at##SOURCE, READ), USE(ROLE_SLOPE, at##SOURCE, READ)
#define USE_GRADIENTS(at)                                                                                    \
    USE(ROLE_DX, at##DX, WRITE), USE(ROLE_DRESIDUAL, at##DRESIDUAL, WRITE),                                  \
        USE(ROLE_DRESIDUAL_SUM, at##DRESIDUAL_SUM, READ)
#define ACCESSES(row, column, any)                                                                           \
    {                                                                                                        \
        [VKN_ACCESS_ROW] = VKN_KERNEL_##row, [VKN_ACCESS_COLUMN] = VKN_KERNEL_##column,                      \
        [VKN_ACCESS_ANY] = VKN_KERNEL_##any                                                                  \
    }

/* There is no fused "any" kernel: VKN_KERNEL_COUNT. */
const VknStage vkn_stage_norm = {
    ACCESSES(NORM_ROW, NORM_COLUMN, COUNT),
    4,
    {USE(ROLE_X, X, READ), USE_OUTPUT(NORM_), USE_AFFINE, USE_SAVED(WRITE), USE_RUNNING, END}};
const VknStage vkn_stage_reduce = {
    ACCESSES(REDUCE_ROW, REDUCE_COLUMN, REDUCE_ANY),
    VKN_RECORD_BYTES,
    {USE(ROLE_X, X, READ), USE(ROLE_MASK, MASK, READ), USE(RESOURCE_PARTS, RECORDS_OUT, WRITE), END}};
/* x + residual has the statistic. */
const VknStage vkn_stage_reduce_before = {ACCESSES(REDUCE_ROW, REDUCE_COLUMN, REDUCE_ANY),
                                          VKN_RECORD_BYTES,
                                          {USE(ROLE_X, X, READ), USE(ROLE_RESIDUAL, RESIDUAL, READ),
                                           USE(ROLE_MASK, MASK, READ),
                                           USE(RESOURCE_PARTS, RECORDS_OUT, WRITE), END}};
const VknStage vkn_stage_apply_given = {
    ACCESSES(APPLY_ROW, APPLY_COLUMN, APPLY_ANY),
    4,
    {USE(ROLE_X, X, READ), USE_OUTPUT(), USE_AFFINE, USE_SAVED(READ), END}};
const VknStage vkn_stage_apply = {ACCESSES(APPLY_ROW, APPLY_COLUMN, APPLY_ANY),
                                  VKN_RECORD_BYTES,
                                  {USE(ROLE_X, X, READ), USE_OUTPUT(), USE(RESOURCE_AFFINE, AFFINE_IN, READ),
                                   USE(ROLE_MASK, MASK, READ), END}};
const VknStage vkn_stage_finish = {
    ACCESSES(FINISH, FINISH, FINISH), VKN_RECORD_BYTES, {USE_AFFINE, USE_SAVED(WRITE), USE_RUNNING, END}};

const VknStage vkn_stage_finish_result = {
    ACCESSES(FINISH, FINISH, FINISH),
    VKN_RECORD_BYTES,
    {USE(ROLE_RESULT, RESULT, WRITE), USE(ROLE_INDEX, INDEX, WRITE), END}};

/* Batch renormalization: finish leaves to renorm what depends on the renorm moments. */
const VknStage vkn_stage_finish_before_renorm = {
    ACCESSES(FINISH, FINISH, FINISH),
    VKN_RECORD_BYTES,
    {USE_SAVED(WRITE), USE(ROLE_RUNNING_MEAN, RUNNING_MEAN, UPDATE), END}};
const VknStage vkn_stage_renorm = {
    ACCESSES(RENORM, RENORM, RENORM),
    VKN_RECORD_BYTES,
    {USE(RESOURCE_AFFINE, RECORDS_OUT, UPDATE), USE_AFFINE, USE(ROLE_RENORM_MEAN, RENORM_MEAN, UPDATE),
     USE(ROLE_RENORM_STD, RENORM_STD, UPDATE), USE(ROLE_RUNNING_STD, RUNNING_STD, UPDATE),
     USE(ROLE_RUNNING_VARIANCE, RUNNING_VARIANCE, WRITE), USE(ROLE_RENORM, RENORM_OUT, WRITE), END}};

const VknStage vkn_stage_gradient_norm = {ACCESSES(GRADIENT_NORM_ROW, GRADIENT_NORM_COLUMN, COUNT),
                                          4,
                                          {USE_INPUT(NORM_), USE_AFFINE, USE_SAVED(READ),
                                           USE_GRADIENTS(NORM_), USE(ROLE_DGAMMA, NORM_DGAMMA, UPDATE),
                                           USE(ROLE_DBETA, NORM_DBETA, UPDATE), END}};
/* Where these are no bindings: the sums are kept for a step more. */
const VknStage vkn_stage_gradient_norm_sums = {ACCESSES(GRADIENT_NORM_ROW, GRADIENT_NORM_COLUMN, COUNT),
                                               VKN_RECORD_BYTES,
                                               {USE_INPUT(NORM_), USE_AFFINE, USE_SAVED(READ),
                                                USE_GRADIENTS(NORM_), USE(RESOURCE_PARTS, RECORDS_OUT, WRITE),
                                                END}};
const VknStage vkn_stage_gradient_norm_elements = {
    ACCESSES(GRADIENT_NORM_ROW, GRADIENT_NORM_COLUMN, COUNT),
    4,
    {USE_INPUT(NORM_), USE_AFFINE, USE_SAVED(READ), USE_GRADIENTS(NORM_), END}};
const VknStage vkn_stage_gradient_parameters = {
    ACCESSES(GRADIENT_PARAMETERS, GRADIENT_PARAMETERS, GRADIENT_PARAMETERS),
    VKN_RECORD_BYTES,
    {USE(ROLE_DGAMMA, DGAMMA, UPDATE), USE(ROLE_DBETA, DBETA, UPDATE), END}};
const VknStage vkn_stage_gradient_reduce = {
    ACCESSES(GRADIENT_REDUCE_ROW, GRADIENT_REDUCE_COLUMN, GRADIENT_REDUCE_ANY),
    VKN_RECORD_BYTES,
    {USE_INPUT(), USE_AFFINE, USE_SAVED(READ), USE(RESOURCE_PARTS, RECORDS_OUT, WRITE), END}};
const VknStage vkn_stage_gradient_apply = {
    ACCESSES(GRADIENT_APPLY_ROW, GRADIENT_APPLY_COLUMN, GRADIENT_APPLY_ANY),
    2 * VKN_RECORD_BYTES,
    {USE_INPUT(), USE_GRADIENTS(), USE(RESOURCE_COEFFICIENTS, COEFFICIENTS_IN, READ),
     USE(ROLE_MASK, MASK, READ), END}};
/* Where gamma and beta differ between elements: no records hold them. */
const VknStage vkn_stage_apply_elements = {
    ACCESSES(APPLY_ROW, APPLY_COLUMN, APPLY_ANY),
    VKN_RECORD_BYTES,
    {USE(ROLE_X, X, READ), USE_OUTPUT(), USE_AFFINE, USE(RESOURCE_AFFINE, AFFINE_IN, READ), END}};
const VknStage vkn_stage_finish_elements = {
    ACCESSES(FINISH, FINISH, FINISH), VKN_RECORD_BYTES, {USE_SAVED(WRITE), END}};
const VknStage vkn_stage_gradient_finish_elements = {
    ACCESSES(GRADIENT_FINISH, GRADIENT_FINISH, GRADIENT_FINISH),
    2 * VKN_RECORD_BYTES,
    {USE_SAVED(READ), END}};
const VknStage vkn_stage_gradient_apply_elements = {
    ACCESSES(GRADIENT_APPLY_ROW, GRADIENT_APPLY_COLUMN, GRADIENT_APPLY_ANY),
    2 * VKN_RECORD_BYTES,
    {USE_INPUT(), USE_GRADIENTS(), USE(RESOURCE_COEFFICIENTS, COEFFICIENTS_IN, READ),
     USE(ROLE_GAMMA, APPLY_GAMMA, READ), USE(ROLE_BETA, APPLY_BETA, READ), END}};
const VknStage vkn_stage_gradient_finish = {
    ACCESSES(GRADIENT_FINISH, GRADIENT_FINISH, GRADIENT_FINISH),
    2 * VKN_RECORD_BYTES,
    {USE_AFFINE, USE_SAVED(READ), USE(ROLE_DGAMMA, DGAMMA, UPDATE), USE(ROLE_DBETA, DBETA, UPDATE), END}};

/* Without coefficients: parameters only, of any view. */
const VknStage vkn_stage_gradient_finish_parameters = {
    ACCESSES(GRADIENT_FINISH, GRADIENT_FINISH, GRADIENT_FINISH),
    VKN_RECORD_BYTES,
    {USE(ROLE_DGAMMA, DGAMMA, UPDATE), USE(ROLE_DBETA, DBETA, UPDATE), END}};

const VknStage vkn_stage_gradient_finish_slope = {ACCESSES(GRADIENT_FINISH, GRADIENT_FINISH, GRADIENT_FINISH),
                                                  VKN_RECORD_BYTES,
                                                  {USE(ROLE_DSLOPE, DSLOPE, UPDATE), END}};

/* What does not fit beside a mask, renormalization or virtual batches is prepared as coefficients first. */
const VknStage vkn_stage_gradient_prepare = {
    ACCESSES(GRADIENT_FINISH, GRADIENT_FINISH, GRADIENT_FINISH),
    2 * VKN_RECORD_BYTES,
    {USE_AFFINE, USE_SAVED(READ), USE(ROLE_RENORM, RENORM_IN, READ), END}};
const VknStage vkn_stage_gradient_reduce_prepared = {
    ACCESSES(GRADIENT_REDUCE_ROW, GRADIENT_REDUCE_COLUMN, GRADIENT_REDUCE_ANY),
    2 * VKN_RECORD_BYTES,
    {USE_INPUT(), USE(ROLE_MASK, MASK, READ), USE(RESOURCE_COEFFICIENTS, COEFFICIENTS_IN, READ),
     USE(RESOURCE_PARTS, RECORDS_OUT, WRITE), END}};
const VknStage vkn_stage_gradient_finish_prepared = {
    ACCESSES(GRADIENT_FINISH, GRADIENT_FINISH, GRADIENT_FINISH),
    2 * VKN_RECORD_BYTES,
    {USE(RESOURCE_COEFFICIENTS, COEFFICIENTS_IN, UPDATE), USE(ROLE_DGAMMA, DGAMMA, UPDATE),
     USE(ROLE_DBETA, DBETA, UPDATE), END}};
/* Of cells: the statistics, and the affine transform of each cell. */
const VknStage vkn_stage_cells_finish = {ACCESSES(FINISH, FINISH, FINISH),
                                         VKN_RECORD_BYTES,
                                         {USE_AFFINE, USE_SAVED(WRITE),
                                          USE(RESOURCE_AFFINE, RECORDS_OUT, WRITE),
                                          USE(RESOURCE_PARTS, FINISH_IN, READ), END}};
/* The coefficients, and their sums by statistic. */
const VknStage vkn_stage_gradient_cells_prepare = {
    ACCESSES(GRADIENT_CELLS_PREPARE, GRADIENT_CELLS_PREPARE, GRADIENT_CELLS_PREPARE),
    2 * VKN_RECORD_BYTES,
    {USE_AFFINE, USE_SAVED(READ), USE(RESOURCE_COEFFICIENTS, RECORDS_OUT, WRITE), END}};
const VknStage vkn_stage_gradient_cells = {
    ACCESSES(GRADIENT_CELLS, GRADIENT_CELLS, GRADIENT_CELLS),
    2 * VKN_RECORD_BYTES,
    {USE(RESOURCE_COEFFICIENTS, COEFFICIENTS_IN, UPDATE), USE(RESOURCE_PARTS, FINISH_IN, READ), END}};
const VknStage vkn_stage_gradient_cells_parameters = {
    ACCESSES(GRADIENT_FINISH, GRADIENT_FINISH, GRADIENT_FINISH),
    VKN_RECORD_BYTES,
    {USE(ROLE_DGAMMA, DGAMMA, UPDATE), USE(ROLE_DBETA, DBETA, UPDATE), USE(RESOURCE_PARTS, FINISH_IN, READ),
     END}};

bool vkn_planner_is_gradient(const VknPlanner *p) {
    return vkn_operation_is_gradient(p->schedule->desc.operation);
}

bool vkn_planner_has_elements(const VknPlanner *p) {
    return p->schedule->desc.parameter_axis_count && p->by == VKN_BY_STATISTIC;
}

bool vkn_planner_is_prepared(const VknPlanner *p) {
    return vkn_planner_is_gradient(p) && p->region[VKN_RESOURCE_COEFFICIENTS - VKN_ROLE_COUNT].size;
}

bool vkn_stage_uses(const VknPlanner *p, const VknUse *use) {
    const VknDesc *desc = &p->schedule->desc;
    uint32_t resource = use->resource;
    if (resource >= VKN_ROLE_COUNT) /* of an activation alone there are no coefficients */
        return p->region[resource - VKN_ROLE_COUNT].size > 0;
    if (vkn_planner_is_gradient(p) && resource == VKN_ROLE_Y &&
        vkn_desc_is_from_output(desc) != (use->binding == VKN_BINDING_X))
        return false;
    /* Beta enters a gradient only where z is computed again. */
    if (vkn_planner_is_gradient(p) && resource == VKN_ROLE_BETA &&
        vkn_desc_source(desc) != VKN_ACTIVATION_SOURCE_INPUT && desc->residual_use != VKN_RESIDUAL_FACTOR)
        return false;
    return desc->roles >> resource & 1;
}

bool vkn_stage_fits(const VknPlanner *p, const VknStage *stage) {
    uint32_t seen = 0;
    for (const VknUse *use = stage->uses; use->resource != VKN_RESOURCE_COUNT; use++) {
        if (!vkn_stage_uses(p, use))
            continue;
        if (use->binding >= vkn_binding_count(p->caps) || seen >> use->binding & 1)
            return false;
        seen |= 1u << use->binding;
    }
    return true;
}

const VknStage *vkn_stage_whole(const VknPlanner *p) {
    if (!vkn_planner_is_gradient(p))
        return &vkn_stage_norm;
    if (vkn_planner_has_elements(p))
        return &vkn_stage_gradient_norm_elements;
    return vkn_stage_fits(p, &vkn_stage_gradient_norm) ? &vkn_stage_gradient_norm
                                                       : &vkn_stage_gradient_norm_sums;
}

VknWorker vkn_stage_worker(const VknPlanner *p, const VknStage *stage, VknTeam team) {
    VknWorker worker = vkn_team_worker(p->caps, team);
    return vkn_shaders[stage->kernel[p->access]][VKN_WORKER_ALONE].code ? VKN_WORKER_ALONE : worker;
}

uint64_t vkn_binding_bytes(const VknCaps *caps) {
    return caps->max_storage_range - vkn_binding_alignment(caps);
}
