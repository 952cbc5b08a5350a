/* The yardsticks. What the best copy shader is depends on the device and on the size, so every case looks for
 * its own. */
#include "bench.h"

#include "copy_storage.spv.h"
#include "copy_texel.spv.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct Candidate {
    uint32_t local_size, width;
    uint32_t groups; /* at most; workers loop over what is left */
    bool texel;      /* reads through a uniform texel buffer */
} Candidate;

static const Candidate CANDIDATES[] = {
    {64, 2, 16, false},    {64, 2, 64, false},     {64, 4, 64, false},    {64, 1, 64, false},
    {64, 2, 16, true},     {64, 2, 64, true},      {64, 4, 64, true},     {256, 1, 65535, false},
    {64, 1, 65535, false}, {256, 4, 65535, false}, {256, 4, 65535, true},
};

#define CANDIDATE_COUNT (sizeof CANDIDATES / sizeof *CANDIDATES)

/* Copies are whole steps of the largest subgroup there is. */
#define COPY_UNIT (128u * 4 * 16)

/* As much as every device binds; more would tell nothing else. */
#define COPY_MOST (64u << 20)

#define TRIALS 7

#define FUNCTIONS(X)                                                                                         \
    X(AllocateDescriptorSets)                                                                                \
    X(CmdBindDescriptorSets)                                                                                 \
    X(CmdBindPipeline)                                                                                       \
    X(CmdCopyBuffer)                                                                                         \
    X(CmdDispatch)                                                                                           \
    X(CmdPushConstants)                                                                                      \
    X(CreateBufferView)                                                                                      \
    X(CreateComputePipelines)                                                                                \
    X(CreateDescriptorPool)                                                                                  \
    X(CreateDescriptorSetLayout)                                                                             \
    X(CreatePipelineLayout)                                                                                  \
    X(CreateShaderModule)                                                                                    \
    X(DestroyBufferView)                                                                                     \
    X(DestroyDescriptorPool)                                                                                 \
    X(DestroyDescriptorSetLayout)                                                                            \
    X(DestroyPipeline)                                                                                       \
    X(DestroyPipelineLayout)                                                                                 \
    X(DestroyShaderModule)                                                                                   \
    X(UpdateDescriptorSets)

/* How `from` is bound, [0] as storage, [1] as texels. */
typedef struct Binding {
    VkShaderModule module;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkDescriptorSet set;
} Binding;

struct BenchCopy {
    VknRuntime *runtime;
    VkDevice device;
#define X(name) PFN_vk##name name;
    FUNCTIONS(X)
#undef X
    uint64_t most_texels;
    VkDescriptorPool pool;
    Binding binding[2];
    VkPipeline pipelines[CANDIDATE_COUNT];
    VkBufferView view;
    VknBuffer from, to;
    uint64_t size; /* of one copy */
    uint32_t places, place;
    uint32_t chosen; /* CANDIDATES */
    char name[48];
};

/* ------------------------------------------------------------------------------------------- create */

static void functions_load(BenchCopy *copy) {
    const VknContextDesc *desc = vkn_runtime_context_desc(copy->runtime);
    PFN_vkGetDeviceProcAddr load =
        (PFN_vkGetDeviceProcAddr)desc->get_instance_proc_addr(desc->instance, "vkGetDeviceProcAddr");
    PFN_vkGetPhysicalDeviceProperties properties_get =
        (PFN_vkGetPhysicalDeviceProperties)desc->get_instance_proc_addr(desc->instance,
                                                                        "vkGetPhysicalDeviceProperties");
    VkPhysicalDeviceProperties properties;
    properties_get(desc->physical_device, &properties);
    copy->most_texels = properties.limits.maxTexelBufferElements;
    copy->device = desc->device;
#define X(name) copy->name = (PFN_vk##name)load(desc->device, "vk" #name);
    FUNCTIONS(X)
#undef X
}

static VkResult binding_create(BenchCopy *copy, bool texel) {
    Binding *b = &copy->binding[texel];
    VkDescriptorType types[2] = {texel ? VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER
                                       : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                 VK_DESCRIPTOR_TYPE_STORAGE_BUFFER};
    VkDescriptorSetLayoutBinding bindings[2];
    for (uint32_t i = 0; i < 2; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){i, types[i], 1, VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    VkResult result = copy->CreateShaderModule(
        copy->device,
        &(VkShaderModuleCreateInfo){.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                    .codeSize = texel ? sizeof COPY_TEXEL : sizeof COPY_STORAGE,
                                    .pCode = texel ? COPY_TEXEL : COPY_STORAGE},
        NULL, &b->module);
    if (!result)
        result = copy->CreateDescriptorSetLayout(
            copy->device,
            &(VkDescriptorSetLayoutCreateInfo){.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                               .bindingCount = 2,
                                               .pBindings = bindings},
            NULL, &b->set_layout);
    VkPushConstantRange push = {VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof(uint32_t)};
    if (!result)
        result = copy->CreatePipelineLayout(
            copy->device,
            &(VkPipelineLayoutCreateInfo){.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                          .setLayoutCount = 1,
                                          .pSetLayouts = &b->set_layout,
                                          .pushConstantRangeCount = 1,
                                          .pPushConstantRanges = &push},
            NULL, &b->layout);
    if (!result)
        result = copy->AllocateDescriptorSets(
            copy->device,
            &(VkDescriptorSetAllocateInfo){.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                           .descriptorPool = copy->pool,
                                           .descriptorSetCount = 1,
                                           .pSetLayouts = &b->set_layout},
            &b->set);
    return result;
}

static VkResult pipeline_create(BenchCopy *copy, uint32_t i) {
    const Binding *b = &copy->binding[CANDIDATES[i].texel];
    const uint32_t values[2] = {CANDIDATES[i].local_size, CANDIDATES[i].width};
    const VkSpecializationMapEntry entries[2] = {{1, 0, 4}, {2, 4, 4}};
    const VkSpecializationInfo constants = {2, entries, sizeof values, values};
    return copy->CreateComputePipelines(
        copy->device, VK_NULL_HANDLE, 1,
        &(VkComputePipelineCreateInfo){.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                       .layout = b->layout,
                                       .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                 .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                 .module = b->module,
                                                 .pName = "main",
                                                 .pSpecializationInfo = &constants}},
        NULL, &copy->pipelines[i]);
}

BenchCopy *bench_copy_create(VknRuntime *runtime, uint64_t size) {
    BenchCopy *copy = calloc(1, sizeof *copy);
    const VkDescriptorPoolSize sizes[2] = {{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 3},
                                           {VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, 1}};
    if (!copy)
        return NULL;
    copy->runtime = runtime;
    functions_load(copy);
    VkResult result = copy->CreateDescriptorPool(
        copy->device,
        &(VkDescriptorPoolCreateInfo){.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
                                      .maxSets = 2,
                                      .poolSizeCount = 2,
                                      .pPoolSizes = sizes},
        NULL, &copy->pool);
    for (uint32_t texel = 0; texel < 2 && !result; texel++)
        result = binding_create(copy, texel);
    for (uint32_t i = 0; i < CANDIDATE_COUNT && !result; i++)
        result = pipeline_create(copy, i);
    /* Zeros, because what was never written may be memory that does not exist yet. */
    void *zeros = calloc(1, size);
    bool made = zeros && !result && !vkn_runtime_buffer_create(runtime, size, &copy->from) &&
                !vkn_runtime_buffer_create(runtime, size, &copy->to) &&
                !vkn_runtime_upload(runtime, &copy->from, 0, zeros, size) &&
                !vkn_runtime_upload(runtime, &copy->to, 0, zeros, size);
    free(zeros);
    if (made)
        return copy;
    fprintf(stderr, "The copy shaders could not be created\n");
    bench_copy_destroy(copy);
    return NULL;
}

void bench_copy_destroy(BenchCopy *copy) {
    if (!copy)
        return;
    copy->DestroyBufferView(copy->device, copy->view, NULL);
    for (uint32_t i = 0; i < CANDIDATE_COUNT; i++)
        copy->DestroyPipeline(copy->device, copy->pipelines[i], NULL);
    for (uint32_t texel = 0; texel < 2; texel++) {
        copy->DestroyPipelineLayout(copy->device, copy->binding[texel].layout, NULL);
        copy->DestroyDescriptorSetLayout(copy->device, copy->binding[texel].set_layout, NULL);
        copy->DestroyShaderModule(copy->device, copy->binding[texel].module, NULL);
    }
    copy->DestroyDescriptorPool(copy->device, copy->pool, NULL);
    vkn_runtime_buffer_destroy(copy->runtime, copy->from.buffer);
    vkn_runtime_buffer_destroy(copy->runtime, copy->to.buffer);
    free(copy);
}

/* ------------------------------------------------------------------------------------------- record */

static uint64_t next_offset(BenchCopy *copy) {
    copy->place = (copy->place + 1) % copy->places;
    return copy->place * copy->size;
}

void bench_copy_buffer(BenchCopy *copy, VkCommandBuffer commands) {
    uint64_t offset = next_offset(copy);
    copy->CmdCopyBuffer(commands, copy->from.buffer, copy->to.buffer, 1,
                        &(VkBufferCopy){offset, offset, copy->size});
}

void bench_copy_shader(BenchCopy *copy, VkCommandBuffer commands) {
    const Candidate *chosen = &CANDIDATES[copy->chosen];
    const Binding *b = &copy->binding[chosen->texel];
    uint64_t offset = next_offset(copy);
    uint32_t count = (uint32_t)(copy->size / 16);
    uint32_t groups = (count / chosen->width + chosen->local_size - 1) / chosen->local_size;
    VkDescriptorBufferInfo from = {copy->from.buffer, offset, copy->size};
    VkDescriptorBufferInfo to = {copy->to.buffer, offset, copy->size};
    VkWriteDescriptorSet writes[2] = {
        {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
         .dstSet = b->set,
         .descriptorCount = 1,
         .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
         .pBufferInfo = &from},
        {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
         .dstSet = b->set,
         .dstBinding = 1,
         .descriptorCount = 1,
         .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
         .pBufferInfo = &to},
    };
    if (chosen->texel) {
        copy->DestroyBufferView(copy->device, copy->view, NULL);
        copy->view = VK_NULL_HANDLE;
        /* Without memory for it there is nothing to measure: the copy then reads nothing, and validation
         * says so. */
        copy->CreateBufferView(copy->device,
                               &(VkBufferViewCreateInfo){.sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
                                                         .buffer = copy->from.buffer,
                                                         .format = VK_FORMAT_R32G32B32A32_SFLOAT,
                                                         .offset = offset,
                                                         .range = copy->size},
                               NULL, &copy->view);
        writes[0].descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER;
        writes[0].pTexelBufferView = &copy->view;
    }
    copy->UpdateDescriptorSets(copy->device, 2, writes, 0, NULL);
    copy->CmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, copy->pipelines[copy->chosen]);
    copy->CmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, b->layout, 0, 1, &b->set, 0, NULL);
    copy->CmdPushConstants(commands, b->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof count, &count);
    copy->CmdDispatch(commands, groups < chosen->groups ? groups : chosen->groups, 1, 1);
}

/* ------------------------------------------------------------------------------------------- choose */

static VknResult record_shader(void *user, uint32_t part, VkCommandBuffer commands) {
    (void)part;
    bench_copy_shader(user, commands);
    return VKN_SUCCESS;
}

uint64_t bench_copy_choose(BenchCopy *copy, uint64_t size, uint32_t places) {
    uint64_t half = (size / 2 + COPY_UNIT - 1) / COPY_UNIT * COPY_UNIT;
    uint64_t most = copy->from.size < COPY_MOST ? copy->from.size : COPY_MOST;
    double least[CANDIDATE_COUNT] = {0};
    copy->size = half < most ? half : most / COPY_UNIT * COPY_UNIT;
    uint64_t fits = copy->from.size / copy->size;
    copy->places = fits < places ? (uint32_t)fits : places;
    copy->place = 0;
    for (uint32_t i = 0; i < TRIALS * CANDIDATE_COUNT; i++) {
        double seconds;
        copy->chosen = i % CANDIDATE_COUNT;
        if (CANDIDATES[copy->chosen].texel && copy->size / 16 > copy->most_texels)
            continue;
        if (vkn_runtime_time(copy->runtime, 1, record_shader, copy, &seconds) != VKN_SUCCESS)
            return 0;
        if (least[copy->chosen] == 0 || seconds < least[copy->chosen])
            least[copy->chosen] = seconds;
    }
    copy->chosen = 0;
    for (uint32_t i = 1; i < CANDIDATE_COUNT; i++)
        if (least[i] > 0 && least[i] < least[copy->chosen])
            copy->chosen = i;
    const Candidate *chosen = &CANDIDATES[copy->chosen];
    snprintf(copy->name, sizeof copy->name, "%s %u x %u, %u workgroups", chosen->texel ? "texel" : "storage",
             chosen->local_size, chosen->width, chosen->groups);
    return 2 * copy->size;
}

const char *bench_copy_name(const BenchCopy *copy) {
    return copy->name;
}
