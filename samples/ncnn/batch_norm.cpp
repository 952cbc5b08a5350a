/* Runs the layer in an ncnn::Net, between layers of ncnn's own, and compares with ncnn's BatchNorm and ReLU
 * on the CPU: blobs of 1 to 3 dimensions, channels packed by 1, 4 and 8, stored as f32, f16 and bf16. */
#include "vknorm_layer.h"

#include <command.h>
#include <gpu.h>
#include <net.h>

#include <cmath>
#include <cstdio>
#include <string>

enum Storage { F32, F16, BF16 };

struct Case {
    int dims, channels, elempack;
    Storage storage;
    bool training;
};

/* Slope, mean, variance and bias of each channel, as a model file holds them. */
typedef std::vector<float> Weights;

static ncnn::Mat make_blob(const Case &c) {
    ncnn::Mat m;
    if (c.dims == 1)
        m.create(c.channels);
    else if (c.dims == 2)
        m.create(7, c.channels);
    else
        m.create(7, 5, c.channels); /* 35 places, and one of padding after each channel */
    unsigned state = 1;
    for (size_t i = 0; i < m.total(); i++) {
        state = state * 1664525u + 1013904223u;
        m[i] = (float)(state >> 8) / (1 << 22) - 1; /* -1 to 3 */
    }
    return m;
}

/* The places of a channel follow each other. */
static const float *channel(const ncnn::Mat &m, int index, int *count) {
    *count = m.dims == 1 ? 1 : m.dims == 2 ? m.w : m.w * m.h;
    return m.dims == 1   ? (const float *)m + index
           : m.dims == 2 ? m.row(index)
                         : (const float *)m.channel(index);
}

/* Loads layers that turn x into y by a and b; their weights stay where they are. */
static bool load(ncnn::Net &net, const std::string &norm, const Weights &weights, const char *last) {
    const std::string param = "7767517\n4 4\n"
                              "Input input 0 1 x\n"
                              "ReLU before 1 1 x a 0=0.1\n" +
                              norm + "\nReLU after 1 1 b y " + last + "\n";
    return !net.load_param_mem(param.c_str()) && net.load_model((const unsigned char *)weights.data()) > 0;
}

static ncnn::Mat run(ncnn::Net &net, const ncnn::Mat &x, const char *blob) {
    ncnn::Mat result;
    ncnn::Extractor extractor = net.create_extractor();
    if (extractor.input("x", x) || extractor.extract(blob, result))
        result.release();
    return result;
}

/* What ncnn's layers make of x on the CPU. In training, whose statistics ncnn has not, they are given as
 * weights, and as `moved` what mean and variance should then be. */
static ncnn::Mat run_cpu(const Case &c, const ncnn::Mat &x, const std::string &parameters, Weights weights,
                         Weights &moved) {
    ncnn::Net net;
    net.opt.use_packing_layout = net.opt.use_fp16_storage = net.opt.use_bf16_storage = false;
    moved = weights;
    if (!load(net, "BatchNorm" + parameters, weights, "0=0"))
        return ncnn::Mat();
    if (c.training) {
        const ncnn::Mat a = run(net, x, "a");
        for (int i = 0; i < c.channels; i++) {
            int count;
            double mean = 0, variance = 0;
            const float *values = channel(a, i, &count);
            for (int k = 0; k < count; k++)
                mean += values[k] / (double)count;
            for (int k = 0; k < count; k++)
                variance += (values[k] - mean) * (values[k] - mean) / count;
            weights[c.channels + i] = (float)mean;
            weights[2 * c.channels + i] = (float)variance;
            for (int times = 0; times < (c.elempack == 8 ? 2 : 1); times++)
                for (int w = c.channels + i; w < 3 * c.channels; w += c.channels)
                    moved[w] = 0.9f * moved[w] + 0.1f * weights[w];
        }
        ncnn::Net again;
        again.opt = net.opt;
        return load(again, "BatchNorm" + parameters, weights, "0=0") ? run(again, x, "y") : ncnn::Mat();
    }
    return run(net, x, "y");
}

static ncnn::Mat stored(const ncnn::Mat &m, const Case &c, const ncnn::Option &opt) {
    ncnn::Mat packed, result;
    ncnn::convert_packing(m, packed, c.elempack, opt);
    if (c.storage == F32)
        return packed;
    (c.storage == F16 ? ncnn::cast_float32_to_float16 : ncnn::cast_float32_to_bfloat16)(packed, result, opt);
    return result;
}

static ncnn::Mat loaded(const ncnn::Mat &m, const Case &c, const ncnn::Option &opt) {
    ncnn::Mat wide = m, result;
    if (c.storage != F32)
        (c.storage == F16 ? ncnn::cast_float16_to_float32 : ncnn::cast_bfloat16_to_float32)(m, wide, opt);
    ncnn::convert_packing(wide, result, 1, opt);
    return result;
}

/* The layer alone, on a blob packed as ncnn's own Vulkan layers may not be able to. Twice in one command
 * buffer, so that the second has to wait for what the first wrote, in memory that it used. */
static ncnn::Mat run_alone(const Case &c, const ncnn::Layer *layer, const ncnn::Mat &a,
                           const ncnn::Option &opt) {
    ncnn::Option cpu;
    cpu.use_packing_layout = true;
    ncnn::VkCompute cmd(layer->vkdev);
    ncnn::VkMat bottom, top;
    ncnn::Mat result;
    cmd.record_clone(stored(a, c, cpu), bottom, opt);
    for (int times = 0; times < 2; times++) {
        top.release();
        if (layer->forward(bottom, top, cmd, opt))
            return ncnn::Mat();
    }
    cmd.record_clone(top, result, opt);
    return cmd.submit_and_wait() ? ncnn::Mat() : loaded(result, c, cpu);
}

static double difference(const ncnn::Mat &a, const ncnn::Mat &b, int channels) {
    double greatest = a.empty() || b.empty() || a.dims != b.dims ? INFINITY : 0;
    for (int i = 0; i < channels && greatest < INFINITY; i++) {
        int count;
        const float *p = channel(a, i, &count), *q = channel(b, i, &count);
        for (int k = 0; k < count; k++) {
            const double d = std::fabs(p[k] - q[k]);
            greatest = d > greatest || std::isnan(d) ? d : greatest;
        }
    }
    return greatest;
}

static bool test(const Case &c, const ncnn::VulkanDevice *vkdev, VknormDevice &device) {
    const std::string parameters = " norm 1 1 a b 0=" + std::to_string(c.channels) + " 1=1e-3";
    Weights weights, moved;
    for (int w = 0; w < 4; w++)
        for (int i = 0; i < c.channels; i++)
            weights.push_back(w == 3 ? 0.25f * i : 1 + 0.125f * (i + w));
    const ncnn::Mat x = make_blob(c), expected = run_cpu(c, x, parameters, weights, moved);

    ncnn::Net net;
    net.opt.use_vulkan_compute = true;
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = c.storage == F16;
    net.opt.use_bf16_packed = net.opt.use_bf16_storage = c.storage == BF16;
    net.opt.use_fp16_arithmetic = false;
    net.set_vulkan_device(vkdev);
    ncnn::VkAllocator *blobs = vkdev->acquire_blob_allocator(), *staging = vkdev->acquire_staging_allocator();
    ncnn::Option opt = net.opt;
    opt.blob_vkallocator = opt.workspace_vkallocator = blobs;
    opt.staging_vkallocator = staging;

    net.register_custom_layer("VknormBatchNorm", vknorm_batch_norm_creator, nullptr, &device);
    const std::string own = "VknormBatchNorm" + parameters + (c.training ? " 2=1" : "") + " 3=1 4=0.9";
    if (!load(net, own, weights, "0=0.1"))
        return false;
    const auto *layer = static_cast<const VknormBatchNorm *>(net.layers()[2]);
    ncnn::Mat y, mean, variance;
    if (c.elempack == 8) {
        ncnn::Net cpu;
        cpu.opt.use_packing_layout = cpu.opt.use_fp16_storage = cpu.opt.use_bf16_storage = false;
        load(cpu, "BatchNorm" + parameters, weights, "0=0");
        y = run_alone(c, layer, run(cpu, x, "a"), opt);
    } else {
        y = run(net, x, "y");
    }
    ncnn::VkCompute cmd(vkdev);
    cmd.record_clone(layer->mean(), mean, opt);
    cmd.record_clone(layer->variance(), variance, opt);
    double moving = cmd.submit_and_wait() ? INFINITY : 0;
    device.finished(); /* all has run */
    moving += difference(mean, ncnn::Mat(c.channels, &moved[c.channels]), c.channels);
    moving += difference(variance, ncnn::Mat(c.channels, &moved[2 * c.channels]), c.channels);
    const double off = difference(y, expected, c.channels);
    mean.release();
    variance.release();
    vkdev->reclaim_blob_allocator(blobs);
    vkdev->reclaim_staging_allocator(staging);

    /* Values are up to some 16: by f32 rounding, by that of what is stored. */
    const double bound[] = {1e-5, 3e-2, 2e-1}, moving_bound[] = {1e-5, 1e-3, 1e-2};
    const bool right = off <= bound[c.storage] && moving <= moving_bound[c.storage];
    const char *const names[] = {"f32", "f16", "bf16"};
    std::printf("%d-d, %2d channels packed by %d, %-4s %-9s y %.1e, mean and variance %.1e%s\n", c.dims,
                c.channels, c.elempack, names[c.storage], c.training ? "training" : "inference", off, moving,
                right ? "" : " WRONG");
    return right;
}

int main() {
    ncnn::create_gpu_instance();
    const ncnn::VulkanDevice *vkdev = ncnn::get_gpu_count() > 0 ? ncnn::get_gpu_device() : nullptr;
    if (!vkdev || !vkdev->info.support_VK_KHR_push_descriptor()) {
        std::fprintf(stderr, "ncnn finds no Vulkan device with VK_KHR_push_descriptor\n");
        return 1;
    }
    std::printf("Device: %s, ncnn %s\nLargest differences from ncnn on the CPU\n", vkdev->info.device_name(),
                NCNN_VERSION_STRING);
    int wrong = 0;
    {
        VknormDevice device(vkdev);
        for (int dims = 1; dims <= 3; dims++)
            for (int elempack : {1, 4, 8})
                for (Storage storage : {F32, F16, BF16})
                    for (bool training : {false, true})
                        if (!training || dims > 1) /* one value has no variance */
                            wrong += !test(
                                {dims, elempack == 1 ? 3 : 24 - elempack * 2, elempack, storage, training},
                                vkdev, device);
    }
    ncnn::destroy_gpu_instance();
    std::printf("%d wrong\n", wrong);
    return wrong != 0;
}
