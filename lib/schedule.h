/* A computation as data: the dispatches, what they bind, and where barriers stand. Pure C. */
#ifndef VKN_SCHEDULE_H
#define VKN_SCHEDULE_H

#include "role.h"
#include "tuned.h"
#include "tuning.h"
#include "vkn_shaders.h"

typedef struct VknPush {
    VKN_PUSH_FIELDS
} VknPush;

_Static_assert(sizeof(VknPush) <= 128, "push constants must fit every device");

/* One buffer of a step, in bytes from the start of the role's buffer. */
typedef struct VknStepBinding {
    uint64_t offset;
    uint64_t size;
    uint8_t binding;
    uint8_t resource;  /* a VknRole or VknResource, which lies in the buffer of: */
    uint8_t role;      /* a VknRole */
    uint8_t unit_bits; /* unit of VknPush.first */
    uint8_t first;     /* units from `offset` to the first element */
    uint8_t texel;     /* bytes of a texel, where it is bound as texels, too; else 0 */
} VknStepBinding;

/* One dispatch. */
typedef struct VknStep {
    VknKernel kernel;
    VknWorker worker;
    uint32_t spec[VKN_SPEC_COUNT]; /* id i + 1 */
    uint32_t spec_count;
    VknPush push; /* first[], and the weights are filled in when recording */
    uint32_t group_count;
    VknStepBinding binding[VKN_BINDING_COUNT];
    uint32_t binding_count;
    uint64_t reads;  /* bits of VknResource and VknRole */
    uint64_t writes; /* likewise */
    bool has_more;   /* binds one from VKN_BINDING_LEAST on */
    uint32_t stage;  /* steps of one stage do not depend on each other's results */
    bool barrier;    /* before this step */
} VknStep;

typedef struct VknSchedule {
    VknDesc desc; /* resolved */
    VknPlanInfo info;
    VknStep *steps;
    uint32_t capacity;
    uint32_t step_count;
    uint32_t texel_count; /* bindings that are read as texels */
} VknSchedule;

/* Variants of kernels that a context does without: bits of VknWorker for each VknKernel. */
typedef struct VknVariants {
    uint32_t workers[VKN_KERNEL_COUNT];
} VknVariants;

static inline bool vkn_variants_have(const VknVariants *variants, const VknStep *step) {
    return variants->workers[step->kernel] >> step->worker & 1;
}

static inline void vkn_variants_add(VknVariants *variants, const VknStep *step) {
    variants->workers[step->kernel] |= 1u << step->worker;
}

/* Checks the floors stated at VknCaps. */
VknResult vkn_schedule_check_caps(const VknHost *host, const VknCaps *caps);

/* Bindings begin at multiples of this, in bytes: four elements at once need 16, whatever less the device asks
 * for. */
uint64_t vkn_binding_alignment(const VknCaps *caps);

/* Storage buffers that a step may bind: those from VKN_BINDING_LEAST on where the device has them. */
uint32_t vkn_binding_count(const VknCaps *caps);

/* Plans `desc` for `caps`. On failure the schedule is empty. */
VknResult vkn_schedule_make(const VknHost *host, const VknCaps *caps, const VknDesc *desc,
                            VknSchedule *schedule);
/* The same without the variants `refused`: by weaker workers of the same strategy, or else by the next one;
 * and by the strategy that is `tuned`, if that is not NULL and knows one that is legal. */
VknResult vkn_schedule_make_without(const VknHost *host, const VknCaps *caps, const VknVariants *refused,
                                    VknTunedTable *tuned, const VknDesc *desc, VknSchedule *schedule);

/* The name of the first refused variant among the steps from number `first` on; NULL: none. */
const char *vkn_schedule_refused(const VknSchedule *schedule, uint32_t first, const VknVariants *refused);

/* Takes back the steps from number `first` on, and what was added to the workspace's size. */
void vkn_schedule_cut(VknSchedule *schedule, uint32_t first, uint64_t workspace);

void vkn_schedule_free(const VknHost *host, VknSchedule *schedule);

#endif
