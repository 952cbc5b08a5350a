/* A program that uses vknorm as other projects do; in C11, and through consumer.cpp in C++17. With the
 * headers of the components that CONSUMER_RUNTIME, CONSUMER_LAYER and CONSUMER_COMPILER say are there. */
#include <vknorm/vknorm.h>
#ifdef CONSUMER_LAYER
#define CONSUMER_RUNTIME
#include <vknorm/layer.h>
#endif
#ifdef CONSUMER_RUNTIME
#include <vknorm/runtime.h>
#endif
#ifdef CONSUMER_COMPILER
#include <vknorm/compiler.h>
#endif

#include <stdio.h>
#include <string.h>

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    (void)level;
    fprintf(stderr, "consumer: %s\n", message);
}

/* Plans for a device that is as weak as the library allows: that needs no device. */
static VknResult plan(void) {
    const uint64_t shape[4] = {2, 3, 4, 5};
    const int32_t axes[1] = {1};
    VknCaps caps;
    VknDesc desc;
    VknPlanInfo info;
    VknLog log;
    memset(&caps, 0, sizeof caps);
    caps.max_invocations = 64;
    caps.max_group_count = 65535;
    caps.max_shared_bytes = 16384;
    caps.max_storage_range = 1 << 27;
    caps.max_storage_buffers = 8;
    caps.storage_offset_alignment = 256;
    caps.max_subgroup_size = 1;
    log.write = log_write;
    log.user = NULL;
    vkn_desc_batch_norm(&desc, vkn_batch_norm_mode(true, true), 4, shape, 1, axes);
    desc.activation = vkn_activation_default(VKN_ACTIVATION_RELU);
    VknResult result = vkn_plan_query(&caps, &desc, log, &info);
    if (result == VKN_SUCCESS)
        printf("strategy %s, y has %d bytes\n", info.strategy_name, (int)info.size[VKN_ROLE_Y]);
    return result == VKN_SUCCESS && info.size[VKN_ROLE_Y] != 480 ? VKN_ERROR_DRIVER : result;
}

#ifdef CONSUMER_RUNTIME
static void device_print(void *user, const VknRuntimeInfo *info) {
    (void)user;
    printf("device %s\n", info->device_name);
}
#endif

#ifdef CONSUMER_LAYER
/* A layer of ReLU, on a device if there is one. */
static VknResult layer_run(void) {
    const uint64_t shape[2] = {1, 2};
    float values[2] = {-1, 2};
    VknRuntimeDesc runtime_desc;
    VknRuntime *runtime;
    VknLayerDesc desc;
    VknLayer *layer = NULL;
    VknLayerCall call;
    memset(&runtime_desc, 0, sizeof runtime_desc);
    memset(&call, 0, sizeof call);
    runtime_desc.log.write = log_write;
    VknResult result = vkn_layer_desc_activation(runtime_desc.log, "relu", &desc);
    if (result != VKN_SUCCESS)
        return result;
    result = vkn_runtime_create(&runtime_desc, &runtime);
    if (result != VKN_SUCCESS)
        return result == VKN_ERROR_UNSUPPORTED ? VKN_SUCCESS : result;
    bool good = vkn_layer_create(runtime, &desc, &layer) == VKN_SUCCESS &&
                vkn_layer_build(layer, 2, shape) == VKN_SUCCESS &&
                vkn_runtime_buffer_create(runtime, sizeof values, &call.x) == VKN_SUCCESS &&
                vkn_runtime_buffer_create(runtime, sizeof values, &call.y) == VKN_SUCCESS &&
                vkn_runtime_upload(runtime, &call.x, 0, values, sizeof values) == VKN_SUCCESS &&
                vkn_layer_forward(layer, &call) == VKN_SUCCESS &&
                vkn_runtime_download(runtime, &call.y, 0, values, sizeof values) == VKN_SUCCESS &&
                values[0] == 0 && values[1] == 2;
    vkn_layer_destroy(layer);
    vkn_runtime_destroy(runtime);
    printf("layer: relu of -1 and 2 is %g and %g\n", values[0], values[1]);
    return good ? VKN_SUCCESS : VKN_ERROR_DRIVER;
}
#endif

int main(void) {
    VknResult result = plan();
#ifdef CONSUMER_RUNTIME
    VknLog silent;
    memset(&silent, 0, sizeof silent);
    /* There may be no device; but it must link, and end. */
    printf("devices: %s\n", vkn_result_name(vkn_runtime_list(silent, device_print, NULL)));
#endif
#ifdef CONSUMER_LAYER
    if (result == VKN_SUCCESS)
        result = layer_run();
#endif
#ifdef CONSUMER_COMPILER
    if (!vkn_compiler_glslang())
        result = VKN_ERROR_UNSUPPORTED;
#endif
    printf("%s\n", vkn_result_name(result));
    return result == VKN_SUCCESS ? 0 : 1;
}
