/* The stages that operations are made of: each adds its steps to a schedule. */
#ifndef VKN_EMIT_H
#define VKN_EMIT_H

#include "step.h"

/* Whether one worker can see all elements of its statistic, at the planner's access and team. */
bool vkn_planner_sees_whole(const VknPlanner *p);

/* TRAIN in one stage; or dx of TRAIN_GRADIENT with dgamma and dbeta, or the sums for them, to
 * VKN_RESOURCE_PARTS, one part each. */
VknResult vkn_emit_norm(VknPlanner *p);

/* Whether it makes dgamma and dbeta of elements, too, by a stage more. */
bool vkn_norm_sums_parameters(const VknPlanner *p);

/* Moments of parts, or sums of a gradient, to VKN_RESOURCE_PARTS; `parts` receives their number per
 * statistic. */
VknResult vkn_emit_reduce(VknPlanner *p, uint64_t *parts);

/* Merges moments, or sums, and stores what the roles ask for. `source` is VKN_RESOURCE_PARTS,
 * [statistic][part], or VKN_ROLE_MOMENTS or SUMS, [part][statistic]. `merged` is where the result goes for
 * those who follow: VKN_RESOURCE_AFFINE, VKN_RESOURCE_COEFFICIENTS, VKN_ROLE_MOMENTS or SUMS, or
 * VKN_RESOURCE_COUNT, nowhere. */
VknResult vkn_emit_finish(VknPlanner *p, uint32_t source, uint64_t parts, uint32_t merged);

/* Batch renormalization: after finish, makes r and d part of VKN_RESOURCE_AFFINE. */
VknResult vkn_emit_renorm(VknPlanner *p);

/* Makes VKN_RESOURCE_COEFFICIENTS before the sums of a gradient, for reduce and finish to start from. */
VknResult vkn_emit_prepare(VknPlanner *p);

/* TRAIN, or dx and dresidual of TRAIN_GRADIENT with dgamma and dbeta, all by cell. */
VknResult vkn_emit_cells(VknPlanner *p);

/* APPLY, with VKN_RESOURCE_AFFINE if that was made, else with the roles; or dx and dresidual, with
 * VKN_RESOURCE_COEFFICIENTS. */
VknResult vkn_emit_apply(VknPlanner *p);

#endif
