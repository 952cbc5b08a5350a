/* The parts that strategies are made of: each adds the steps of one stage to a schedule. */
#ifndef VKN_EMIT_H
#define VKN_EMIT_H

#include "step.h"

/* Whether one dispatch can see all elements of each statistic it works on. */
bool vkn_planner_sees_whole(const VknPlanner *p);

/* TRAIN in one stage. */
VknResult vkn_emit_norm(VknPlanner *p);

/* Moments of parts, to VKN_RESOURCE_PARTS; `parts` receives their number per statistic. */
VknResult vkn_emit_reduce(VknPlanner *p, uint64_t *parts);

/* Merges moments and stores the statistics. `source` is VKN_RESOURCE_PARTS, [statistic][part], or
 * VKN_ROLE_MOMENTS, [part][statistic]. `merged` is where the merged moments go: VKN_RESOURCE_MERGED,
 * VKN_ROLE_MOMENTS, or VKN_RESOURCE_COUNT for nowhere. */
VknResult vkn_emit_finish(VknPlanner *p, uint32_t source, uint64_t parts, uint32_t merged);

/* APPLY, with the statistics in VKN_RESOURCE_MERGED or in the roles MEAN and INV_STD or VARIANCE. */
VknResult vkn_emit_apply(VknPlanner *p, bool merged);

#endif
