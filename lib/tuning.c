#include "tuning.h"

/* Software: 16 to 64 workgroups were fastest on SwiftShader and lavapipe on 4 cores, large tensors as fast by
 * 16 invocations each as by 64, and 4 to 64 statistics 1.1 to 1.6 times faster, which took one core of the
 * four, and most of their workgroup had nothing to do (bench, CPU and wall time, 2026-11). Planes up to 14 x
 * 14 ran 1.25 to 1.4 times faster with one invocation per channel (prototypes, 2026-11). Columns of 25088
 * rows gained 1.2 to 2 times from parts of 256 instead of 4096, which had left two of four cores idle.
 * Statistics of up to 256 elements gained 1.25 times (0.9 to 2.7, 4 to 64 of them) from one invocation each,
 * where a subgroup would have to start and to sum up (vkn_plan_tune(), 2026-11).
 *
 * No GPU has been measured: their rows are estimates. `resident` is how many invocations a device holds at
 * once, `size` what its vendor recommends to begin with; the rest is the same for all, as there is no ground
 * to tell them apart. Reproducible plans have the row of OTHER, whose figures decide what their bits are. */
#define GPU(resident, size)                                                                                  \
    {                                                                                                        \
        .local_size = size, .max_groups = 16384, .lanes = resident, .part = 1024, .column_part = 64,         \
        .small = 64, .alone = 0                                                                              \
    }
static const VknTuning ROWS[] = {
    [VKN_DEVICE_OTHER] = GPU(262144, 256),
    [VKN_DEVICE_SOFTWARE] = {.local_size = 16,
                             .max_groups = 64,
                             .lanes = 1024,
                             .part = 4096,
                             .column_part = 256,
                             .small = 196,
                             .alone = 256},
    /* 2048 on each of about 128 multiprocessors (CUDA C++ Programming Guide, compute capability 8.0, 9.0) */
    [VKN_DEVICE_NVIDIA] = GPU(262144, 256),
    /* 16 wavefronts of 32 on two SIMD units of each of about 96 compute units (RDNA whitepaper) */
    [VKN_DEVICE_AMD] = GPU(98304, 256),
    /* 7 threads of 16 lanes on each of 96 execution units of an integrated Xe-LP (oneAPI GPU Optimization
       Guide) */
    [VKN_DEVICE_INTEL] = GPU(10752, 256),
    /* 1024 on each of about 14 Valhall cores (GPU datasheet); workgroups of 64 (Mali Best Practices) */
    [VKN_DEVICE_ARM] = GPU(14336, 64),
    /* no figure is published: as Arm; one or two waves of 64 or 128 (Snapdragon OpenCL guide) */
    [VKN_DEVICE_QUALCOMM] = GPU(14336, 128),
    /* of the M1, as it was announced */
    [VKN_DEVICE_APPLE] = GPU(24576, 256),
};

const VknTuning *vkn_tuning(const VknCaps *caps) {
    bool known = (uint32_t)caps->device_class < sizeof ROWS / sizeof *ROWS;
    return &ROWS[known ? caps->device_class : VKN_DEVICE_OTHER];
}
