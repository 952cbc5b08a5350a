/* Figures that decide speed, never results: one row per device class, and one for lavapipe. */
#ifndef VKN_TUNING_H
#define VKN_TUNING_H

#include "base.h"

typedef struct VknTuning {
    uint32_t local_size;  /* invocations per workgroup, a power of two up to 256 */
    uint32_t max_groups;  /* workgroups per dispatch; workers loop over what is left */
    uint32_t lanes;       /* invocations that keep the device busy */
    uint32_t part;        /* elements below which a part is not worth a worker's start */
    uint32_t part_apply;  /* likewise, where nothing is reduced, so that parts need not be merged */
    uint32_t column_part; /* likewise, where an invocation walks it alone, four statistics at a time */
    uint32_t wide_apply;  /* elements of a tensor from which an invocation that applies columns takes 16, not
                             4; 0: never */
    uint32_t wide_part;   /* bytes that a part of wide rows spans; 0: it makes no difference */
    uint32_t small;       /* elements of a run up to which one invocation walks it alone */
    uint32_t small_apply; /* likewise, where nothing is reduced, so that lanes have nothing to merge */
    uint32_t cells;     /* elements of a tensor from which what has several parameters in a statistic goes by
                           cell, at two dispatches more than if it were fused */
    uint32_t cell_rows; /* elements of a row up to which it does so where cells are columns */
    uint32_t alone;     /* elements of a statistic up to which it does so where statistics do not fill the
                           device, and then up to four times as many as there are statistics */
} VknTuning;

const VknTuning *vkn_tuning(const VknCaps *caps);

#endif
