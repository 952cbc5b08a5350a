/* Figures that decide speed, never results: one row per device class. */
#ifndef VKN_TUNING_H
#define VKN_TUNING_H

#include "base.h"

typedef struct VknTuning {
    uint32_t local_size;  /* invocations per workgroup, a power of two up to 256 */
    uint32_t max_groups;  /* workgroups per dispatch; workers loop over what is left */
    uint32_t lanes;       /* invocations that keep the device busy */
    uint32_t part;        /* elements below which a part is not worth a worker's start */
    uint32_t column_part; /* likewise, where an invocation walks it alone, four statistics at a time */
    uint32_t small;       /* elements of a run up to which one invocation walks it alone */
    uint32_t alone; /* elements of a statistic up to which it does so however few statistics there are */
} VknTuning;

const VknTuning *vkn_tuning(const VknCaps *caps);

#endif
