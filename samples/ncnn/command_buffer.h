/* ncnn keeps its VkCommandBuffer to itself: VkCompute has no accessor. Whoever builds ncnn can add one,
 *
 *     VkCommandBuffer VkCompute::command_buffer() const { return d->compute_command_buffer; }
 *
 * and forget this file. For an ncnn as it is found, this reads the private member `d`, and knows how what
 * that points to begins. That is the same in all versions from 20250916 to 20260526, which is all that was
 * looked at; the device that lies there is compared, so that another beginning is refused, not followed. */
#ifndef COMMAND_BUFFER_H
#define COMMAND_BUFFER_H

#include <command.h>

namespace ncnn_private {

/* How ncnn::VkComputePrivate begins. */
struct Compute {
    const ncnn::VulkanDevice *vkdev;
    VkCommandPool pool;
    VkCommandBuffer commands;
};

/* C++ ignores access where a template is instantiated by name: this one defines private_data() for
 * VkCompute::d. */
template <auto member> struct Member {
    friend const void *private_data(const ncnn::VkCompute &cmd) {
        return cmd.*member;
    }
};
const void *private_data(const ncnn::VkCompute &cmd);
template struct Member<&ncnn::VkCompute::d>;

} // namespace ncnn_private

/* Returns the command buffer that `cmd` records into, VK_NULL_HANDLE if it cannot be had: without
 * VK_KHR_push_descriptor ncnn records lists of its own, and the command buffer on submission only. */
inline VkCommandBuffer command_buffer_of(const ncnn::VkCompute &cmd, const ncnn::VulkanDevice *vkdev) {
    const auto *compute = static_cast<const ncnn_private::Compute *>(ncnn_private::private_data(cmd));
    if (!vkdev->info.support_VK_KHR_push_descriptor() || compute->vkdev != vkdev)
        return VK_NULL_HANDLE;
    return compute->commands;
}

/* Records the barrier that ncnn would record before its own dispatches for a buffer that these read or write,
 * and keeps ncnn's books of it (VkBufferMemory::access_flags, stage_flags). */
inline void barrier_before_compute(ncnn::VkCompute &cmd, const ncnn::VkMat &mat) {
    struct Open : ncnn::VkCompute { /* the method is protected, so that a derived class may name it */
        static void call(ncnn::VkCompute &cmd, const ncnn::VkMat &mat) {
            void (ncnn::VkCompute::*barrier)(const ncnn::VkMat &) = &Open::barrier_readwrite;
            (cmd.*barrier)(mat);
        }
    };
    /* ncnn's books begin anew with each block that its allocator hands out, although the block before it may
     * have lain in the same memory, in this command buffer. */
    if (mat.data->stage_flags == VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT) {
        mat.data->access_flags = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
        mat.data->stage_flags = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    }
    Open::call(cmd, mat);
}

/* Tells ncnn that what was just recorded wrote the buffer, which barrier_readwrite() leaves out of what an
 * upload wrote. */
inline void written_by_compute(const ncnn::VkMat &mat) {
    mat.data->access_flags = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT;
    mat.data->stage_flags = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
}

#endif
