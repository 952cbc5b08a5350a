/* THE strategy table: the ways to compute an operation, in order of preference. */
#ifndef VKN_STRATEGY_H
#define VKN_STRATEGY_H

#include "emit.h"

typedef struct VknStrategy {
    const char *name;
    VknAccess access;
    VknTeam team;
    bool fused; /* TRAIN in one dispatch */
    bool holds; /* and a row in registers from its statistic to APPLY, so that x is read once */
    bool (*suits)(const VknPlanner *p); /* vkn_strategy_suits() */
} VknStrategy;

extern const VknStrategy vkn_strategies[];
extern const uint32_t vkn_strategy_count;

/* Whether the strategy can serve the planner's operation and view on its device. */
bool vkn_strategy_legal(const VknStrategy *strategy, const VknPlanner *planner);

/* Whether it is meant for what a legal strategy would see. */
bool vkn_strategy_suits(const VknStrategy *strategy, const VknPlanner *planner);

/* Adds the steps. The planner's access and team are set to the strategy's. */
VknResult vkn_strategy_emit(const VknStrategy *strategy, VknPlanner *p);

#endif
