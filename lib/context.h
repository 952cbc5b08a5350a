/* The context: a borrowed device, its functions in a table, and its pipelines. */
#ifndef VKN_CONTEXT_H
#define VKN_CONTEXT_H

#include <stdatomic.h>

#include "base.h"
#include "custom.h"
#include "pipeline.h"
#include "tuned.h"

/* Every device function that the library calls, looked up for this device alone. */
#define VKN_DEVICE_FUNCTIONS(F)                                                                              \
    F(AllocateDescriptorSets)                                                                                \
    F(CmdBindDescriptorSets)                                                                                 \
    F(CmdBindPipeline)                                                                                       \
    F(CmdDispatch)                                                                                           \
    F(CmdPipelineBarrier)                                                                                    \
    F(CmdPushConstants)                                                                                      \
    F(CreateBufferView)                                                                                      \
    F(CreateComputePipelines)                                                                                \
    F(CreateDescriptorPool)                                                                                  \
    F(CreateDescriptorSetLayout)                                                                             \
    F(CreatePipelineLayout)                                                                                  \
    F(CreateShaderModule)                                                                                    \
    F(DestroyBufferView)                                                                                     \
    F(DestroyDescriptorPool)                                                                                 \
    F(DestroyDescriptorSetLayout)                                                                            \
    F(DestroyPipeline)                                                                                       \
    F(DestroyPipelineLayout)                                                                                 \
    F(DestroyShaderModule)                                                                                   \
    F(UpdateDescriptorSets)

typedef struct VknDeviceTable {
#define F(name) PFN_vk##name name;
    VKN_DEVICE_FUNCTIONS(F)
#undef F
} VknDeviceTable;

struct VknContext {
    VknHost host;
    VkAllocationCallbacks allocator; /* what host.allocator points to, if the caller gave one */
    VkDevice device;
    VkPipelineCache vk_pipeline_cache;
    VknDeviceTable vk;
    VknCaps caps;
    VkDescriptorSetLayout set_layout; /* for every kernel: lib/context.c */
    VkPipelineLayout pipeline_layout;
    VknPipelineCache pipelines;
    VknCustomTable customs;
    VknTunedTable tuned;
    atomic_uint refused[VKN_KERNEL_COUNT]; /* VknVariants */
    atomic_bool lost;
};

/* Turns a failed Vulkan call into a VknResult: logs it, and latches the loss of the device. What the call
 * should have made is undefined then: set handles to VK_NULL_HANDLE that would be destroyed. */
VknResult vkn_context_fail(VknContext *context, VkResult result, const char *call);

/* The VknResult of an error, and nothing else. */
VknResult vkn_result_of(VkResult result);

/* Variants that the context does without, because they failed. There is no way back. */
VknVariants vkn_context_refused(const VknContext *context);
void vkn_context_refuse(VknContext *context, const VknVariants *refused);

/* Fails when the device is known to be lost. */
VknResult vkn_context_check(VknContext *context);

#endif
