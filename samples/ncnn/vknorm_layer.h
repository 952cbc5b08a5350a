/* A layer for ncnn that normalizes by vknorm, on ncnn's device, in ncnn's command buffer, on ncnn's blobs. */
#ifndef VKNORM_LAYER_H
#define VKNORM_LAYER_H

#include <layer.h>

/* ncnn may bring Vulkan's types itself (NCNN_SIMPLEVK). They are the same types, so these will do. */
#if NCNN_SIMPLEVK && !defined(VULKAN_CORE_H_)
#define VULKAN_CORE_H_ 1
#endif
#include <vknorm/vknorm.h>

#include <array>
#include <map>
#include <mutex>
#include <vector>

/* What all layers on one ncnn::VulkanDevice share: the context with its pipelines, the plans, and the
 * descriptors of what was recorded. Outlives the nets whose layers use it. */
class VknormDevice {
  public:
    explicit VknormDevice(const ncnn::VulkanDevice *vkdev);
    ~VknormDevice();

    /* NULL if the device cannot be used; the log has said why. */
    VknContext *context() const {
        return context_;
    }

    /* The plan for a description: made once, since its pipelines may take the driver long. NULL on failure.
     */
    VknPlan *plan_for(const VknDesc &desc);

    /* Bindings must live until the command buffer has run, of which ncnn tells no layer: the program says so
     * with finished(), when nothing that was recorded is still to run. */
    void keep(VknBindings *bindings);
    void finished();

  private:
    VknContext *context_;
    std::mutex mutex_; /* several threads may extract at once */
    std::map<std::array<uint64_t, 9>, VknPlan *> plans_;
    std::vector<VknBindings *> kept_;
};

/* Batch normalization, then an activation. Weights are those of ncnn's BatchNorm: slope, mean, variance,
 * bias. 0=channels 1=epsilon   as ncnn's BatchNorm 2=training             1: normalizes with the blob's own
 * statistics, and moves mean and variance 3=activation           a VknActivationId with its default
 * parameters, 0: none 4=momentum             of the old mean and variance (Keras) Of a batch (VkMat::n) ncnn
 * hands over one sample after the other, each of which then has its own statistics. */
class VknormBatchNorm : public ncnn::Layer {
  public:
    explicit VknormBatchNorm(VknormDevice *device);

    int load_param(const ncnn::ParamDict &pd) override;
    int load_model(const ncnn::ModelBin &mb) override;
    int upload_model(ncnn::VkTransfer &cmd, const ncnn::Option &opt) override;
    int forward(const ncnn::VkMat &bottom_blob, ncnn::VkMat &top_blob, ncnn::VkCompute &cmd,
                const ncnn::Option &opt) const override;

    /* The mean and variance of inference, which training moves. */
    const ncnn::VkMat &mean() const {
        return weights_gpu_[1];
    }
    const ncnn::VkMat &variance() const {
        return weights_gpu_[2];
    }

  private:
    VknormDevice *device_;
    int channels_ = 0, training_ = 0, activation_ = 0;
    float epsilon_ = 0, momentum_ = 0;
    ncnn::Mat weights_[4];       /* slope, mean, variance, bias, as loaded */
    ncnn::VkMat weights_gpu_[4]; /* and on the device, always f32 */
};

/* For ncnn::Net::register_custom_layer(), whose userdata is the VknormDevice. */
ncnn::Layer *vknorm_batch_norm_creator(void *device);

#endif
