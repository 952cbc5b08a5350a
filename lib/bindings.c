#include <inttypes.h>
#include <string.h>

#include "desc.h"
#include "plan.h"

/* ------------------------------------------------------------------------------------------- rules */

static bool same_layout(const VknDesc *desc, const VknTensor *a, const VknTensor *b) {
    bool same = a->type == b->type;
    for (uint32_t axis = 0; axis < desc->rank; axis++)
        same = same && (desc->shape[axis] <= 1 || a->stride[axis] == b->stride[axis]);
    return same;
}

/* Whether two tensors lie between each other's elements, like the halves of a gated unit: as one tensor with
 * an axis of two more, whose stride is the distance. */
static bool is_interleaved(const VknDesc *desc, const VknBuffer *buffers, uint32_t i, uint32_t j) {
    const VknTensor *a = vkn_role_tensor(desc, i), *b = vkn_role_tensor(desc, j);
    uint64_t shape[VKN_MAX_RANK + 1] = {2}, stride[VKN_MAX_RANK + 1], span;
    uint64_t bytes =
        vkn_max(buffers[i].offset, buffers[j].offset) - vkn_min(buffers[i].offset, buffers[j].offset);
    uint64_t size = vkn_role_bits(desc, i) / 8;
    if (!a || !b || bytes % size || !same_layout(desc, a, b))
        return false;
    stride[0] = bytes / size;
    memcpy(&shape[1], desc->shape, sizeof desc->shape);
    memcpy(&stride[1], a->stride, sizeof a->stride);
    return vkn_layout_shared_axis(desc->rank + 1, shape, stride, &span) == desc->rank + 1;
}

/* Whether output `out` lies exactly where input `in` does, and may. Each element is read before it is
 * written. */
static bool is_in_place(const VknDesc *desc, const VknBuffer *buffers, uint32_t in, uint32_t out) {
    static const struct {
        uint32_t in, out;
    } ROWS[] = {{VKN_ROLE_X, VKN_ROLE_Y},
                {VKN_ROLE_RESIDUAL, VKN_ROLE_Y},
                {VKN_ROLE_DY, VKN_ROLE_DX},
                {VKN_ROLE_DY, VKN_ROLE_DRESIDUAL},
                {VKN_ROLE_Y, VKN_ROLE_DX},
                {VKN_ROLE_X, VKN_ROLE_RESIDUAL_SUM},
                {VKN_ROLE_RESIDUAL, VKN_ROLE_RESIDUAL_SUM},
                {VKN_ROLE_DRESIDUAL_SUM, VKN_ROLE_DX}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        if (ROWS[i].in != in || ROWS[i].out != out)
            continue;
        return buffers[in].offset == buffers[out].offset &&
               same_layout(desc, vkn_role_tensor(desc, in), vkn_role_tensor(desc, out));
    }
    return false;
}

static bool overlap(const VknBuffer *a, uint64_t a_size, const VknBuffer *b, uint64_t b_size) {
    return a->buffer == b->buffer && a->offset < b->offset + b_size && b->offset < a->offset + a_size;
}

static VknResult check_buffers(const VknPlan *plan, const VknBuffer *buffers) {
    const VknHost *host = &plan->context->host;
    const VknDesc *desc = &plan->schedule.desc;
    const uint64_t *size = plan->schedule.info.size;
    uint32_t writes = vkn_operation_info(desc->operation)->writes | VKN_ROLE_BIT(VKN_ROLE_WORKSPACE);
    for (uint32_t i = 0; i < VKN_ROLE_COUNT; i++) {
        if (!size[i])
            continue;
        if (!buffers[i].buffer)
            return VKN_FAIL(host, INVALID_ARGUMENT, "%s needs a buffer of %" PRIu64 " bytes, and has none",
                            vkn_roles[i].name, size[i]);
        if (buffers[i].offset % 4)
            return VKN_FAIL(host, INVALID_ARGUMENT, "%s: offset must be a multiple of 4, not %" PRIu64,
                            vkn_roles[i].name, buffers[i].offset);
        if (buffers[i].size < size[i])
            return VKN_FAIL(host, INVALID_ARGUMENT, "%s needs %" PRIu64 " bytes, not %" PRIu64,
                            vkn_roles[i].name, size[i], buffers[i].size);
    }
    for (uint32_t i = 0; i < VKN_ROLE_COUNT; i++)
        for (uint32_t j = 0; j < i; j++) {
            if (!size[i] || !size[j] || !((writes >> i | writes >> j) & 1))
                continue;
            if (!overlap(&buffers[i], size[i], &buffers[j], size[j]))
                continue;
            if (is_in_place(desc, buffers, i, j) || is_in_place(desc, buffers, j, i) ||
                is_interleaved(desc, buffers, i, j))
                continue;
            return VKN_FAIL(
                host, INVALID_ARGUMENT,
                "%s [%" PRIu64 ", +%" PRIu64 ") and %s [%" PRIu64 ", +%" PRIu64
                ") share memory, and one of them is written; in place means Y on X or RESIDUAL, DX or "
                "DRESIDUAL on DY and so on, with the same offset, type and strides, or in each other's gaps",
                vkn_roles[j].name, buffers[j].offset, size[j], vkn_roles[i].name, buffers[i].offset, size[i]);
        }
    return VKN_SUCCESS;
}

/* ------------------------------------------------------------------------------------ descriptor sets */

/* Makes a view of the texels that lie in `range`, which begins with one, and a write of it. */
static VknResult write_texels(VknBindings *bindings, const VknStepBinding *b,
                              const VkDescriptorBufferInfo *range, VkWriteDescriptorSet *write) {
    VknContext *context = bindings->plan->context;
    VkBufferView *view = &bindings->views[bindings->view_count];
    VkBufferViewCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
                                   .buffer = range->buffer,
                                   .format = b->texel == 16  ? VK_FORMAT_R32G32B32A32_UINT
                                             : b->texel == 8 ? VK_FORMAT_R32G32_UINT
                                                             : VK_FORMAT_R32_UINT,
                                   .offset = range->offset,
                                   .range = range->range - range->range % b->texel};
    VkResult result = context->vk.CreateBufferView(context->device, &info, context->host.allocator, view);
    if (result)
        return vkn_context_fail(context, result, "vkCreateBufferView");
    bindings->view_count++;
    write->dstBinding = VKN_BINDING_TEXELS + b->binding;
    write->descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER;
    write->pTexelBufferView = view;
    return VKN_SUCCESS;
}

static VknResult write_set(VknBindings *bindings, const VknStep *step, const VknBuffer *buffers,
                           VknStepSet *set) {
    VknContext *context = bindings->plan->context;
    VkDescriptorBufferInfo info[VKN_BINDING_COUNT];
    VkWriteDescriptorSet write[2 * VKN_BINDING_COUNT];
    uint32_t buffer_count = vkn_binding_count(&context->caps), count = buffer_count;
    uint64_t alignment = vkn_binding_alignment(&context->caps);
    for (uint32_t i = 0; i < step->binding_count; i++) {
        const VknStepBinding *b = &step->binding[i];
        uint64_t begin = buffers[b->role].offset + b->offset;
        uint64_t skip = begin % alignment;
        info[i] = (VkDescriptorBufferInfo){buffers[b->role].buffer, begin - skip, b->size + skip};
        set->first[b->binding / 2] |= ((uint32_t)(skip * 8 / b->unit_bits) + b->first) << b->binding % 2 * 16;
    }
    for (uint32_t i = 0; i < buffer_count; i++) {
        /* Bindings that a kernel declares but does not touch get the first buffer. */
        write[i] = (VkWriteDescriptorSet){.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                                          .dstSet = set->set,
                                          .dstBinding = i,
                                          .descriptorCount = 1,
                                          .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                          .pBufferInfo = &info[0]};
        for (uint32_t j = 0; j < step->binding_count; j++)
            if (step->binding[j].binding == i)
                write[i].pBufferInfo = &info[j];
    }
    for (uint32_t j = 0; j < step->binding_count; j++) {
        if (!step->binding[j].texel)
            continue;
        write[count] = write[0];
        VknResult result = write_texels(bindings, &step->binding[j], &info[j], &write[count++]);
        if (result)
            return result;
    }
    context->vk.UpdateDescriptorSets(context->device, count, write, 0, NULL);
    return VKN_SUCCESS;
}

static VknResult create_sets(VknBindings *bindings, const VknBuffer *buffers) {
    const VknPlan *plan = bindings->plan;
    VknContext *context = plan->context;
    uint32_t count = plan->schedule.step_count;
    VkDescriptorPoolSize sizes[] = {{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, count * VKN_BINDING_COUNT},
                                    {VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, count * VKN_BINDING_COUNT}};
    VkDescriptorPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                       .maxSets = count,
                                       .poolSizeCount = context->caps.texel_reads ? 2 : 1,
                                       .pPoolSizes = sizes};
    VkResult result =
        context->vk.CreateDescriptorPool(context->device, &pool, context->host.allocator, &bindings->pool);
    if (result) {
        bindings->pool = VK_NULL_HANDLE;
        return vkn_context_fail(context, result, "vkCreateDescriptorPool");
    }
    for (uint32_t i = 0; i < count; i++) {
        VkDescriptorSetAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                            .descriptorPool = bindings->pool,
                                            .descriptorSetCount = 1,
                                            .pSetLayouts = &context->set_layout};
        result = context->vk.AllocateDescriptorSets(context->device, &info, &bindings->sets[i].set);
        if (result)
            return vkn_context_fail(context, result, "vkAllocateDescriptorSets");
        VknResult written = write_set(bindings, &plan->schedule.steps[i], buffers, &bindings->sets[i]);
        if (written)
            return written;
    }
    return VKN_SUCCESS;
}

VknResult vkn_bindings_create(const VknPlan *plan, const VknBuffer buffers[VKN_ROLE_COUNT],
                              VknBindings **bindings) {
    if (bindings)
        *bindings = NULL;
    if (!plan)
        return VKN_ERROR_INVALID_ARGUMENT;
    const VknHost *host = &plan->context->host;
    if (!buffers || !bindings)
        return VKN_FAIL(host, INVALID_ARGUMENT, "vkn_bindings_create: buffers and bindings must not be NULL");
    VknResult result = vkn_context_check(plan->context);
    if (!result)
        result = check_buffers(plan, buffers);
    if (result)
        return result;

    uint32_t count = plan->schedule.step_count, texels = plan->schedule.texel_count;
    VknBindings *b = vkn_host_alloc(host, sizeof *b + count * sizeof *b->sets + texels * sizeof *b->views);
    if (!b)
        return VKN_ERROR_OUT_OF_HOST_MEMORY;
    b->plan = plan;
    b->views = (VkBufferView *)&b->sets[count];
    if (count)
        result = create_sets(b, buffers);
    if (result) {
        vkn_bindings_destroy(b);
        return result;
    }
    *bindings = b;
    return VKN_SUCCESS;
}

void vkn_bindings_destroy(VknBindings *bindings) {
    if (!bindings)
        return;
    VknContext *context = bindings->plan->context;
    for (uint32_t i = 0; i < bindings->view_count; i++)
        context->vk.DestroyBufferView(context->device, bindings->views[i], context->host.allocator);
    if (bindings->pool)
        context->vk.DestroyDescriptorPool(context->device, bindings->pool, context->host.allocator);
    vkn_host_free(&context->host, bindings);
}
