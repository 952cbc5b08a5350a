/* THE stage table: kernel families, what each binds where, and who runs it. */
#ifndef VKN_STAGE_H
#define VKN_STAGE_H

#include "step.h"

/* VknMoments, VknSums, and affine records; coefficients are twice as long. */
#define VKN_RECORD_BYTES sizeof(VknMoments)

/* A kernel family and what it may bind. */
typedef struct VknStage {
    VknKernel kernel[VKN_ACCESS_COUNT];
    uint32_t statistic_bytes; /* the largest of what it binds per statistic, per part for reduce */
    VknUse uses[18];
} VknStage;

extern const VknStage vkn_stage_norm;
extern const VknStage vkn_stage_reduce;
extern const VknStage vkn_stage_reduce_before;
extern const VknStage vkn_stage_apply_given;
extern const VknStage vkn_stage_apply;
extern const VknStage vkn_stage_finish;
extern const VknStage vkn_stage_finish_result;
extern const VknStage vkn_stage_finish_before_renorm;
extern const VknStage vkn_stage_renorm;
extern const VknStage vkn_stage_gradient_norm;
extern const VknStage vkn_stage_gradient_norm_sums;
extern const VknStage vkn_stage_gradient_norm_elements;
extern const VknStage vkn_stage_gradient_parameters;
extern const VknStage vkn_stage_gradient_reduce;
extern const VknStage vkn_stage_gradient_apply;
extern const VknStage vkn_stage_apply_elements;
extern const VknStage vkn_stage_finish_elements;
extern const VknStage vkn_stage_gradient_finish_elements;
extern const VknStage vkn_stage_gradient_apply_elements;
extern const VknStage vkn_stage_gradient_finish;
extern const VknStage vkn_stage_gradient_finish_parameters;
extern const VknStage vkn_stage_gradient_finish_slope;
extern const VknStage vkn_stage_gradient_prepare;
extern const VknStage vkn_stage_gradient_reduce_prepared;
extern const VknStage vkn_stage_gradient_finish_prepared;
extern const VknStage vkn_stage_cells_finish;
extern const VknStage vkn_stage_gradient_cells_prepare;
extern const VknStage vkn_stage_gradient_cells;
extern const VknStage vkn_stage_gradient_cells_parameters;

/* Whether the planner's operation is a gradient. */
bool vkn_planner_is_gradient(const VknPlanner *p);

/* Whether its parameters vary along a statistic's elements. */
bool vkn_planner_has_elements(const VknPlanner *p);

/* Whether its coefficients are there before the sums, vkn_emit_prepare(). */
bool vkn_planner_is_prepared(const VknPlanner *p);

/* Whether a kernel of this operation has this use. */
bool vkn_stage_uses(const VknPlanner *p, const VknUse *use);

/* The stage that does the planner's operation in one dispatch, if vkn_stage_fits(). */
const VknStage *vkn_stage_whole(const VknPlanner *p);

/* Whether the device has all the bindings that a stage uses, which may not be the same for two of them. */
bool vkn_stage_fits(const VknPlanner *p, const VknStage *stage);

/* Who works for a team on a stage: its kernel may have none but VKN_WORKER_ALONE. */
VknWorker vkn_stage_worker(const VknPlanner *p, const VknStage *stage, VknTeam team);

/* Bytes that a binding may span when its start is moved down to an aligned address. */
uint64_t vkn_binding_bytes(const VknCaps *caps);

#endif
