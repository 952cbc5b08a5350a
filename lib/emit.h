/* The parts that strategies are made of: each adds the steps of one stage to a schedule. */
#ifndef VKN_EMIT_H
#define VKN_EMIT_H

#include "schedule.h"

/* How kernels reach the elements of a statistic. */
typedef enum VknAccess {
    VKN_ACCESS_ROW,    /* contiguous along reduced elements */
    VKN_ACCESS_COLUMN, /* one invocation per statistic or four */
    VKN_ACCESS_ANY,    /* any dimensions and strides */
    VKN_ACCESS_COUNT
} VknAccess;

/* Who works on a statistic, before the device's capabilities choose a VknWorker for it. */
typedef enum VknTeam {
    VKN_TEAM_LANE,
    VKN_TEAM_SUBGROUP,
    VKN_TEAM_GROUP,
} VknTeam;

typedef struct VknPlanner {
    const VknHost *host;
    const VknCaps *caps;
    const VknTuning *tuning;
    const VknView *view;
    VknAccess access;
    VknTeam team;
    uint32_t stage;
    VknSchedule *schedule;
} VknPlanner;

/* Whether the device has workers of this kind. */
bool vkn_team_exists(const VknCaps *caps, VknTeam team);

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
