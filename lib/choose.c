#include "choose.h"

#include <inttypes.h>

#include "desc.h"

/* Takes from a device what its strongest workers need. Returns whether there was something. */
static bool weaken(VknCaps *caps) {
    bool had = caps->subgroup_arithmetic || caps->subgroup_shuffle;
    if (!caps->subgroup_arithmetic)
        caps->subgroup_shuffle = false;
    caps->subgroup_arithmetic = false;
    return had;
}

/* Emits a strategy's steps, with the strongest workers of which none is refused. `missing` stays NULL when
 * the strategy is not legal, else it receives a refused variant, or "" when the steps are there. */
static VknResult emit(const VknPlanner *p, const VknStrategy *strategy, bool nothing, const char **missing) {
    VknCaps caps = *p->caps;
    do {
        VknPlanner planner = *p;
        planner.caps = &caps;
        if (!vkn_strategy_legal(strategy, &planner))
            return VKN_SUCCESS;
        VknResult result = nothing ? vkn_emit_finish(&planner, VKN_RESOURCE_PARTS, 0, VKN_RESOURCE_COUNT)
                                   : vkn_strategy_emit(strategy, &planner);
        const char *refused = vkn_schedule_refused(p->schedule, 0, p->refused);
        *missing = refused ? refused : "";
        if (result || !refused)
            return result;
        vkn_schedule_cut(p->schedule, 0, 0);
    } while (weaken(&caps));
    return VKN_SUCCESS;
}

static VknResult no_memory(const VknHost *host) {
    return VKN_FAIL(host, OUT_OF_HOST_MEMORY, "no host memory for the steps of a plan");
}

/* Emits by a strategy that was found with other caps, maybe. If it cannot serve, nobody asked for it. */
static VknResult emit_tuned(const VknPlanner *p, const VknStrategy *strategy, bool *serves) {
    VknHost quiet = {p->host->allocator, {0}};
    VknPlanner planner = *p;
    const char *missing = NULL;
    planner.host = &quiet;
    VknResult result = emit(&planner, strategy, false, &missing);
    *serves = !result && missing && !*missing;
    if (!*serves)
        vkn_schedule_cut(p->schedule, 0, 0);
    return result == VKN_ERROR_OUT_OF_HOST_MEMORY ? no_memory(p->host) : VKN_SUCCESS;
}

/* Emits by strategy number `tuned`, unless it is 0 or cannot serve, else by the first that is legal and
 * suits, else by the first that is legal; or by the one asked for. */
static VknResult choose(const VknPlanner *p, bool nothing, uint32_t tuned, const VknStrategy **chosen) {
    const VknDesc *desc = &p->schedule->desc;
    const char *operation = vkn_operation_info(desc->operation)->name, *missing = NULL;
    VknResult result = VKN_SUCCESS;
    if (desc->strategy > vkn_strategy_count)
        return VKN_FAIL(p->host, INVALID_ARGUMENT, "strategy must be 0 to %" PRIu32 ", not %" PRIu32,
                        vkn_strategy_count, desc->strategy);
    if (tuned) {
        bool serves;
        *chosen = &vkn_strategies[tuned - 1];
        result = emit_tuned(p, *chosen, &serves);
        if (result || serves)
            return result;
    }
    for (uint32_t i = 0; i < 2 * vkn_strategy_count; i++) {
        *chosen = &vkn_strategies[i % vkn_strategy_count];
        bool asked = desc->strategy == i + 1;
        if (!desc->strategy && vkn_strategy_legal(*chosen, p))
            asked = vkn_strategy_suits(*chosen, p) == (i < vkn_strategy_count);
        if (asked)
            result = emit(p, *chosen, nothing, &missing);
        if (result || (missing && !*missing))
            return result;
        if (missing && desc->reproducible) /* another strategy would be other bits */
            break;
    }
    if (desc->strategy)
        return VKN_FAIL(p->host, UNSUPPORTED, "strategy %s cannot serve this %s on this device%s%s%s",
                        vkn_strategies[desc->strategy - 1].name, operation, missing ? ": it needs " : "",
                        missing ? missing : "", missing ? ", which failed before" : "");
    return VKN_FAIL(
        p->host, UNSUPPORTED,
        "no strategy is left for this %s on this device: the last one needs %s, which failed before",
        operation, missing);
}

/* Elements below which a cell is hardly more than its coefficients. */
#define SHORT_CELL 16

/* Whether what a tensor and its parameters share may come from the same sums, or moments: y and dx need those
 * of each statistic, dgamma and dbeta those of each parameter. */
static bool find_cells(const VknDesc *desc, VknView *cells) {
    uint32_t roles = desc->roles;
    bool trains = desc->operation == VKN_OPERATION_TRAIN && roles & (VKN_HAS_GAMMA | VKN_HAS_BETA);
    bool is_gradient = desc->operation == VKN_OPERATION_TRAIN_GRADIENT && roles & VKN_HAS_DX &&
                       roles & (VKN_HAS_DGAMMA | VKN_HAS_DBETA);
    return (trains || is_gradient) && desc->parameter_axis_count && !(roles & VKN_HAS_SLOPE) &&
           !desc->reproducible && vkn_view_of_cells(desc, cells) && cells->reduce_count >= SHORT_CELL;
}

VknResult vkn_choose(const VknPlanner *p, bool nothing, uint32_t tuned, const VknStrategy **chosen) {
    VknView cells;
    if (find_cells(&p->schedule->desc, &cells)) { /* unless they are too many to merge */
        VknHost quiet = {p->host->allocator, {0}};
        VknPlanner planner = *p;
        planner.host = &quiet;
        planner.cells = &cells;
        VknResult result = choose(&planner, nothing, tuned, chosen);
        if (!result)
            return VKN_SUCCESS;
        if (result == VKN_ERROR_OUT_OF_HOST_MEMORY)
            return no_memory(p->host);
        vkn_schedule_cut(p->schedule, 0, 0);
    }
    return choose(p, nothing, tuned, chosen);
}
