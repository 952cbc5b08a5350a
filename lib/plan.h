/* A plan: a schedule with its pipelines; and bindings, its descriptor sets. */
#ifndef VKN_PLAN_H
#define VKN_PLAN_H

#include "context.h"

struct VknPlan {
    VknContext *context;
    VknSchedule schedule;
    VkPipeline *pipelines; /* one per step */
};

/* vkn_plan_create() without checks, without the variants `refused`, to which those are added that the driver
 * cannot compile, and with what is known to be fastest, or NULL. Messages go to `host`, but for those of
 * Vulkan calls. */
VknResult vkn_plan_make(VknContext *context, const VknHost *host, const VknDesc *desc, VknVariants *refused,
                        VknTunedTable *tuned, VknPlan **plan);

/* What a step needs beyond the plan. */
typedef struct VknStepSet {
    VkDescriptorSet set;
    uint32_t first[VKN_BINDING_COUNT / 2]; /* VknPush.first, and of bindings from VKN_BINDING_LEAST on */
} VknStepSet;

struct VknBindings {
    const VknPlan *plan;
    VkDescriptorPool pool; /* VK_NULL_HANDLE for a plan without steps */
    VkBufferView *views;   /* of what is read as texels */
    uint32_t view_count;
    VknStepSet sets[]; /* one per step, followed by the views */
};

#endif
