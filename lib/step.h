/* Building one step: who works, what it binds, which box of the view it sees. */
#ifndef VKN_STEP_H
#define VKN_STEP_H

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

/* What a planner's view keeps the axes of. */
typedef enum VknBy {
    VKN_BY_STATISTIC,
    VKN_BY_PARAMETER, /* vkn_view_of_parameters() */
    VKN_BY_CELL       /* vkn_view_of_cells() */
} VknBy;

typedef struct VknPlanner {
    const VknHost *host;
    const VknCaps *caps;
    const VknVariants *refused;
    const VknTuning *tuning;
    const VknView *view;
    const VknView *statistics; /* the view by statistic */
    const VknView *cells;      /* which strategies that are not fused may see instead; or NULL */
    VknBy by;
    VknAccess access;
    VknTeam team;
    bool holds; /* rows in registers */
    uint32_t stage;
    VknSchedule *schedule;
    /* Regions of the workspace: bytes from its start, and bytes, 0 until vkn_region_add(). */
    struct {
        uint64_t offset, size;
    } region[VKN_RESOURCE_COUNT - VKN_ROLE_COUNT];
} VknPlanner;

/* Whether the device is a CPU, which computes in other proportions than a GPU. */
static inline bool vkn_is_software(const VknPlanner *p) {
    return p->caps->device_class == VKN_DEVICE_SOFTWARE;
}

/* Whether the device has workers of this kind. */
bool vkn_team_exists(const VknCaps *caps, VknTeam team);

/* The kind of worker that a team is on this device, and its invocations. */
VknWorker vkn_team_worker(const VknCaps *caps, VknTeam team);
uint32_t vkn_worker_lanes(const VknPlanner *p, VknWorker worker);

/* Adds a step of the planner's stage, with everything that follows from the description. */
VknResult vkn_step_add(VknPlanner *p, VknKernel kernel, VknWorker worker, VknStep **step);

/* Sets a specialization constant that is a float. */
void vkn_step_set_float(VknStep *step, uint32_t id, float value);

/* The most loop iterations that an invocation should run: lavapipe ends every loop of a shader after 65,535
 * in all, without a word. */
#define VKN_MOST_ITERATIONS 32768

/* Workgroups below which an invocation runs more than that, for `items` of `iterations` each. */
uint64_t vkn_groups_needed(const VknPlanner *p, VknWorker worker, uint64_t items, uint64_t iterations);

/* The items that max_group_count workgroups take before an invocation runs more than that. */
uint64_t vkn_items_within(const VknPlanner *p, VknWorker worker, uint64_t iterations);

/* As many workgroups as `items` need, within the limits. */
void vkn_step_set_groups(const VknPlanner *p, VknStep *step, uint64_t items, uint64_t iterations);

/* Extents and strides of a box. */
void vkn_step_set_box(const VknPlanner *p, VknStep *step, const VknBox *box);

typedef enum VknDirection { VKN_READ = 1, VKN_WRITE = 2, VKN_UPDATE = 3 } VknDirection;

/* Makes the workspace hold `count` records of a resource. */
void vkn_region_add(VknPlanner *p, uint32_t resource, uint64_t count);

/* A buffer that a kernel may have: bound when the operation has the role. */
typedef struct VknUse {
    uint32_t resource;
    uint32_t binding;
    VknDirection direction;
} VknUse;

/* Binds `span` elements of a resource from number `first` on, and tells the kernel that it has them. */
void vkn_step_bind(const VknPlanner *p, VknStep *step, VknUse use, uint64_t first, uint64_t span);

#endif
