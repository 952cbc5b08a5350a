/* ncnn's own Vulkan layers, f32, each alone in a net, which makes its pipelines and uploads its weights. */
#include "peer.h"

#include <command.h>
#include <gpu.h>
#include <net.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

struct BenchNcnn {
    std::vector<float> weights; /* the net refers to them */
    ncnn::Net net;
    ncnn::Option opt;
    ncnn::VkAllocator *blob_memory = nullptr, *staging_memory = nullptr;
    std::vector<ncnn::VkMat> blobs;
    size_t next = 0;

    const ncnn::Layer *layer() const {
        return net.layers()[1];
    }

    ~BenchNcnn() {
        blobs.clear();
        net.vulkan_device()->reclaim_blob_allocator(blob_memory);
        net.vulkan_device()->reclaim_staging_allocator(staging_memory);
    }
};

const char *bench_ncnn_open(void) {
    if (ncnn::create_gpu_instance() || ncnn::get_gpu_count() < 1)
        return nullptr;
    return ncnn::get_gpu_device()->info.device_name();
}

void bench_ncnn_close(void) {
    ncnn::destroy_gpu_instance();
}

const char *bench_ncnn_version(void) {
    return NCNN_VERSION_STRING;
}

/* The net knows the shape, for which its pipelines are specialized then. */
static std::string net_of(const std::string &type, const std::string &parameters, const uint64_t extents[3]) {
    std::string shape = extents[2] ? " -23330=4,3" : " -23330=4,2";
    for (int i = 0; i < 3; i++)
        shape += "," + std::to_string(extents[i]);
    return "7767517\n2 2\nInput input 0 1 x" + shape + "\n" + type + " layer 1 1 x y " + parameters + shape +
           "\n";
}

/* x, which is dense, as a blob on the host; its channels begin at multiples of 16 bytes. */
static ncnn::Mat host_blob(const uint64_t extents[3], const float *x) {
    const int w = (int)extents[0], h = (int)extents[1], c = (int)extents[2];
    ncnn::Mat m;
    c ? m.create(w, h, c) : m.create(w, h);
    for (int i = 0; i < m.c; i++)
        std::copy_n(x + (size_t)i * w * h, (size_t)w * h, (float *)m.channel(i));
    return m;
}

static bool fill(BenchNcnn *n, const ncnn::Mat &x, uint32_t count) {
    ncnn::Option host;
    ncnn::Mat packed;
    ncnn::VkCompute cmd(n->net.vulkan_device());
    const int outermost = x.dims == 3 ? x.c : x.h;
    ncnn::convert_packing(x, packed, n->layer()->support_vulkan_packing && outermost % 4 == 0 ? 4 : 1, host);
    n->blobs.resize(count);
    cmd.record_clone(packed, n->blobs[0], n->opt);
    for (uint32_t i = 1; i < count; i++)
        cmd.record_clone(n->blobs[0], n->blobs[i], n->opt);
    return !cmd.submit_and_wait() && !n->blobs[count - 1].empty();
}

BenchNcnn *bench_ncnn_create(const char *type, const char *parameters, const uint64_t extents[3],
                             const float *weights, uint64_t weight_count, const float *x, uint32_t count) {
    auto n = std::make_unique<BenchNcnn>();
    n->weights.assign(weights, weights + weight_count);
    ncnn::Option &opt = n->net.opt;
    opt.use_vulkan_compute = true;
    opt.use_fp16_packed = opt.use_fp16_storage = opt.use_fp16_arithmetic = opt.use_fp16_uniform = false;
    opt.use_bf16_packed = opt.use_bf16_storage = false;
    n->net.set_vulkan_device(ncnn::get_gpu_device());
    n->opt = opt;
    n->opt.blob_vkallocator = n->opt.workspace_vkallocator = n->blob_memory =
        n->net.vulkan_device()->acquire_blob_allocator();
    n->opt.staging_vkallocator = n->staging_memory = n->net.vulkan_device()->acquire_staging_allocator();
    if (n->net.load_param_mem(net_of(type, parameters, extents).c_str()))
        return nullptr;
    const auto *model = (const unsigned char *)n->weights.data();
    if (n->net.load_model(model) != (int)(weight_count * sizeof(float)))
        return nullptr;
    if (!n->layer()->support_vulkan || !n->layer()->support_inplace ||
        !fill(n.get(), host_blob(extents, x), count))
        return nullptr;
    return n.release();
}

void bench_ncnn_destroy(BenchNcnn *ncnn) {
    delete ncnn;
}

int bench_ncnn_packing(const BenchNcnn *ncnn) {
    return ncnn->blobs[0].elempack;
}

static void read(const ncnn::Mat &blob, float *y) {
    ncnn::Option host;
    ncnn::Mat m;
    ncnn::convert_packing(blob, m, 1, host);
    for (int i = 0; i < m.c; i++)
        std::copy_n((const float *)m.channel(i), (size_t)m.w * m.h, y + (size_t)i * m.w * m.h);
}

double bench_ncnn_run(BenchNcnn *ncnn, float *y) {
    ncnn::VkMat &blob = ncnn->blobs[ncnn->next++ % ncnn->blobs.size()];
    ncnn::VkCompute cmd(ncnn->net.vulkan_device());
    ncnn::Mat result;
    if (ncnn->layer()->forward_inplace(blob, cmd, ncnn->opt))
        return -1;
    if (y)
        cmd.record_clone(blob, result, ncnn->opt);
    const auto start = std::chrono::steady_clock::now();
    const bool ran = !cmd.submit_and_wait();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    if (ran && y)
        read(result, y);
    return ran ? seconds.count() : -1;
}
