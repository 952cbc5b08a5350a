/* `vknorm info`: devices, what they can do, and what they would run. */
#include "table.h"

#include <stdio.h>
#include <string.h>

enum { MOST_DEVICES = 64 };

typedef struct Devices {
    VknRuntimeInfo infos[MOST_DEVICES];
    uint32_t count;
} Devices;

static void usage(void) {
    puts("usage: vknorm info [--device NAME|INDEX]\n"
         "\n"
         "Lists the devices, what each can do (VknCaps), and the strategies that it would run typical shapes "
         "with.\n"
         "\n"
         "  --device NAME|INDEX   one device alone: part of its name, or its number\n"
         "  --help                prints this");
}

static void device_add(void *user, const VknRuntimeInfo *info) {
    Devices *devices = user;
    if (devices->count < MOST_DEVICES)
        devices->infos[devices->count++] = *info;
}

static const char *class_name(VknDeviceClass class) {
    switch (class) {
    case VKN_DEVICE_OTHER:
        return "other";
    case VKN_DEVICE_SOFTWARE:
        return "software";
    case VKN_DEVICE_NVIDIA:
        return "NVIDIA";
    case VKN_DEVICE_AMD:
        return "AMD";
    case VKN_DEVICE_INTEL:
        return "Intel";
    case VKN_DEVICE_ARM:
        return "Arm";
    case VKN_DEVICE_QUALCOMM:
        return "Qualcomm";
    case VKN_DEVICE_APPLE:
        return "Apple";
    }
    return "unknown";
}

static void print_caps(const VknCaps *caps) {
    const struct {
        const char *name;
        unsigned long long value;
    } rows[] = {
        {"max_invocations", caps->max_invocations},
        {"max_group_count", caps->max_group_count},
        {"max_shared_bytes", caps->max_shared_bytes},
        {"max_storage_range", caps->max_storage_range},
        {"max_storage_buffers", caps->max_storage_buffers},
        {"storage_offset_alignment", caps->storage_offset_alignment},
        {"max_subgroup_size", caps->max_subgroup_size},
        {"subgroup_arithmetic", caps->subgroup_arithmetic},
        {"subgroup_shuffle", caps->subgroup_shuffle},
        {"subgroup_size_control", caps->subgroup_size_control},
        {"full_subgroups", caps->full_subgroups},
    };
    printf("    %-26s %s\n", "device_class", class_name(caps->device_class));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        printf("    %-26s %llu\n", rows[i].name, rows[i].value);
}

static void print_strategies(const VknCaps *caps) {
    for (size_t i = 0; i < operation_count; i++) {
        const Operation *operation = &operations[i];
        char typical[128];
        const char *texts[8];
        Settings settings = {.texts = texts};
        snprintf(typical, sizeof typical, "%s", operation->typical);
        for (char *text = strtok(typical, " "); text; text = strtok(NULL, " "))
            texts[settings.count++] = text;
        printf("    %s %s\n", operation->name, operation->typical);
        for (int pass = VKN_OPERATION_TRAIN; pass <= VKN_OPERATION_REDUCE; pass++) {
            Request request = {0};
            VknPlanInfo info;
            settings_arguments(&settings, operation, &request);
            request.operation = (VknOperation)pass;
            settings_describe(&settings, operation, &request);
            /* Without a log: an operation does not have all passes. */
            if (request.desc.operation == request.operation &&
                vkn_plan_query(caps, &request.desc, (VknLog){0}, &info) == VKN_SUCCESS)
                printf("      %-20s %-20s dispatches: %u\n", pass_names[pass - VKN_OPERATION_TRAIN],
                       info.strategy_name, info.dispatch_count);
        }
    }
}

static bool print_device(const char *wanted) {
    VknRuntime *runtime;
    VknRuntimeDesc desc = {.device = wanted, .log = tool_log()};
    if (vkn_runtime_create(&desc, &runtime) != VKN_SUCCESS)
        return false;
    const VknRuntimeInfo *info = vkn_runtime_info(runtime);
    const VknCaps *caps = vkn_context_caps(vkn_runtime_context(runtime));
    printf("%u  %s\n    %s %s, Vulkan %u.%u.%u, %s, %s\n\n", info->index, info->device_name,
           info->driver_name, info->driver_info, VK_VERSION_MAJOR(info->api_version),
           VK_VERSION_MINOR(info->api_version), VK_VERSION_PATCH(info->api_version),
           info->gpu ? "a GPU" : "software", info->timestamps ? "with timestamps" : "without timestamps");
    print_caps(caps);
    puts("");
    print_strategies(caps);
    vkn_runtime_destroy(runtime);
    return true;
}

int info_main(int argc, char **argv) {
    enum { DEVICE = 1, HELP };
    static const struct option OPTIONS[] = {
        {"device", required_argument, NULL, DEVICE}, {"help", no_argument, NULL, HELP}, {0}};
    static Devices devices;
    const char *wanted = NULL;
    for (int option; (option = next_option(argc, argv, OPTIONS)) != -1;) {
        switch (option) {
        case DEVICE:
            wanted = optarg;
            break;
        case HELP:
            usage();
            return STATUS_DONE;
        default:
            return STATUS_USAGE;
        }
    }
    if (optind < argc)
        return fail("%s: vknorm info takes options only, see --help", argv[optind]), STATUS_USAGE;
    if (wanted)
        return print_device(wanted) ? STATUS_DONE : STATUS_FAILED;
    bool done = vkn_runtime_list(tool_log(), device_add, &devices) == VKN_SUCCESS;
    for (uint32_t i = 0; i < devices.count; i++) {
        char index[16];
        snprintf(index, sizeof index, "%u", devices.infos[i].index);
        done &= print_device(index);
        if (i + 1 < devices.count)
            puts("");
    }
    return done ? STATUS_DONE : STATUS_FAILED;
}
