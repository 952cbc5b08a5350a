/* Which strategy serves a description, by which of its views. */
#ifndef VKN_CHOOSE_H
#define VKN_CHOOSE_H

#include "strategy.h"

/* Emits the steps of `p`, whose cells are not known yet: by strategy number `tuned`, unless it is 0 or cannot
 * serve, else by the one that is asked for, or by the first that is legal and suits, or by the first that is
 * legal; by cell where that can be. `nothing`: statistics of no elements. */
VknResult vkn_choose(const VknPlanner *p, bool nothing, uint32_t tuned, const VknStrategy **chosen);

#endif
