#include "vknorm_layer.h"

#include "command_buffer.h"

#include <gpu.h>
#include <modelbin.h>
#include <option.h>
#include <paramdict.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

static void log_write(void *, VknLogLevel level, const char *message) {
    if (level == VKN_LOG_ERROR)
        std::fprintf(stderr, "vknorm: %s\n", message);
}

/* ncnn owns the instance, the device and its queues. vknorm needs no queue: it records, ncnn submits. */
VknormDevice::VknormDevice(const ncnn::VulkanDevice *vkdev) : context_(nullptr) {
    using namespace ncnn; /* where vkGetInstanceProcAddr is ncnn's own; elsewhere it is the loader's */
    VknContextDesc desc = {};
    desc.instance = ncnn::get_gpu_instance();
    desc.physical_device = vkdev->info.physical_device();
    desc.device = vkdev->vkdevice();
    desc.get_instance_proc_addr = vkGetInstanceProcAddr;
    desc.device_features = vkdev->info.queryExtensionFeatures(); /* the chain that ncnn created it with */
    desc.log.write = log_write;
    vkn_context_create(&desc, &context_);
}

VknormDevice::~VknormDevice() {
    finished();
    for (auto &entry : plans_)
        vkn_plan_destroy(entry.second);
    vkn_context_destroy(context_);
}

VknPlan *VknormDevice::plan_for(const VknDesc &desc) {
    /* All that the layer below sets. */
    std::array<uint64_t, 9> key = {};
    std::memcpy(&key[0], &desc.epsilon, sizeof desc.epsilon);
    std::memcpy(&key[1], &desc.momentum, sizeof desc.momentum);
    key[2] = desc.operation;
    key[3] = desc.activation.id;
    key[4] = desc.x.type;
    std::copy(desc.shape, desc.shape + 3, &key[5]);
    key[8] = desc.x.stride[0]; /* which are all that the others follow from */
    std::lock_guard<std::mutex> lock(mutex_);
    VknPlan *&plan = plans_[key];
    if (!plan)
        vkn_plan_create(context_, &desc, &plan);
    return plan;
}

void VknormDevice::keep(VknBindings *bindings) {
    std::lock_guard<std::mutex> lock(mutex_);
    kept_.push_back(bindings);
}

void VknormDevice::finished() {
    std::lock_guard<std::mutex> lock(mutex_);
    for (VknBindings *bindings : kept_)
        vkn_bindings_destroy(bindings);
    kept_.clear();
}

VknormBatchNorm::VknormBatchNorm(VknormDevice *device) : device_(device) {
    one_blob_only = true;
    support_vulkan = true;
    support_vulkan_packing = true;
    support_vulkan_any_packing = true; /* as it lies, whatever the packing */
}

int VknormBatchNorm::load_param(const ncnn::ParamDict &pd) {
    channels_ = pd.get(0, 0);
    epsilon_ = pd.get(1, 0.f);
    training_ = pd.get(2, 0);
    activation_ = pd.get(3, 0);
    momentum_ = pd.get(4, 0.99f);
    return 0;
}

int VknormBatchNorm::load_model(const ncnn::ModelBin &mb) {
    for (ncnn::Mat &weight : weights_) {
        weight = mb.load(channels_, 1);
        if (weight.empty())
            return -100;
    }
    return 0;
}

/* Statistics and parameters are f32, whatever the blobs are, so ncnn must not convert them. */
int VknormBatchNorm::upload_model(ncnn::VkTransfer &cmd, const ncnn::Option &opt) {
    ncnn::Option f32 = opt;
    f32.use_fp16_packed = f32.use_fp16_storage = f32.use_bf16_packed = f32.use_bf16_storage = false;
    for (int i = 0; i < 4; i++) {
        cmd.record_upload(weights_[i], weights_gpu_[i], f32);
        if (weights_gpu_[i].empty())
            return -100;
        weights_[i].release();
    }
    return 0;
}

/* A blob has `packs` of `elempack` channels. A pack has `inner` places, each of which holds one element of
 * every channel in the pack, and `step` places on lies the next pack. */
static VknTensor describe(const ncnn::VkMat &m, VknType type, uint64_t shape[3]) {
    shape[0] = m.dims == 1 ? m.w : m.dims == 2 ? m.h : m.c;                     /* packs */
    shape[1] = m.dims == 1 ? 1 : m.dims == 2 ? m.w : (uint64_t)m.w * m.h * m.d; /* inner */
    shape[2] = m.elempack;
    VknTensor tensor = {};
    tensor.type = type;
    tensor.stride[0] = (m.dims <= 2 ? shape[1] : m.cstep) * m.elempack;
    tensor.stride[1] = m.elempack;
    tensor.stride[2] = 1;
    return tensor;
}

int VknormBatchNorm::forward(const ncnn::VkMat &bottom_blob, ncnn::VkMat &top_blob, ncnn::VkCompute &cmd,
                             const ncnn::Option &opt) const {
    VkCommandBuffer commands = command_buffer_of(cmd, vkdev);
    if (!device_->context() || commands == VK_NULL_HANDLE)
        return -1;
    top_blob.create_like(bottom_blob, opt.blob_vkallocator);
    if (top_blob.empty())
        return -100;

    const bool bf16 = opt.use_bf16_storage || opt.use_bf16_packed;
    const VknType type = bottom_blob.elembits() == 32 ? VKN_TYPE_F32 : bf16 ? VKN_TYPE_BF16 : VKN_TYPE_F16;
    const int32_t channel_axes[2] = {0, 2}; /* packs, and channels of a pack */
    uint64_t shape[3];
    const VknTensor x = describe(bottom_blob, type, shape), y = describe(top_blob, type, shape);

    VknDesc desc;
    vkn_desc_batch_norm(&desc, training_ ? VKN_OPERATION_TRAIN : VKN_OPERATION_APPLY, 3, shape, 2,
                        channel_axes);
    desc.x = x;
    desc.y = y;
    desc.epsilon = epsilon_;
    desc.momentum = momentum_;
    desc.activation = vkn_activation_default((VknActivationId)activation_);
    VknPlan *plan = device_->plan_for(desc);
    if (!plan)
        return -1;
    const uint64_t *size = vkn_plan_info(plan)->size; /* in bytes; 0 where a role is not bound */
    ncnn::VkMat workspace;
    if (size[VKN_ROLE_WORKSPACE] > 0)
        workspace.create((int)(size[VKN_ROLE_WORKSPACE] / 4), (size_t)4u, opt.workspace_vkallocator);

    const ncnn::VkMat *mats[VKN_ROLE_COUNT] = {};
    mats[VKN_ROLE_X] = &bottom_blob;
    mats[VKN_ROLE_Y] = &top_blob;
    mats[VKN_ROLE_GAMMA] = &weights_gpu_[0];
    mats[training_ ? VKN_ROLE_RUNNING_MEAN : VKN_ROLE_MEAN] = &weights_gpu_[1];
    mats[training_ ? VKN_ROLE_RUNNING_VARIANCE : VKN_ROLE_VARIANCE] = &weights_gpu_[2];
    mats[VKN_ROLE_BETA] = &weights_gpu_[3];
    mats[VKN_ROLE_WORKSPACE] = &workspace;

    VknBuffer buffers[VKN_ROLE_COUNT] = {};
    for (int role = 0; role < VKN_ROLE_COUNT; role++) {
        if (size[role] == 0)
            continue;
        if (mats[role]->empty())
            return -100;
        /* ncnn's allocators cut blocks out of large buffers. */
        buffers[role].buffer = mats[role]->buffer();
        buffers[role].offset = mats[role]->buffer_offset();
        buffers[role].size = mats[role]->buffer_capacity();
    }
    VknBindings *bindings;
    if (vkn_bindings_create(plan, buffers, &bindings) != VKN_SUCCESS)
        return -1;
    device_->keep(bindings);

    /* Barriers between vknorm's own dispatches are in the plan; those before it are ncnn's to record. */
    for (int role = 0; role < VKN_ROLE_COUNT; role++)
        if (size[role] > 0)
            barrier_before_compute(cmd, *mats[role]);
    if (vkn_plan_record(plan, bindings, commands, nullptr) != VKN_SUCCESS)
        return -1;
    for (int role = 0; role < VKN_ROLE_COUNT; role++)
        if (size[role] > 0)
            written_by_compute(*mats[role]);
    return 0;
}

ncnn::Layer *vknorm_batch_norm_creator(void *device) {
    return new VknormBatchNorm(static_cast<VknormDevice *>(device));
}
