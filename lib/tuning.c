#include "tuning.h"

/* Software: 16 to 64 workgroups were fastest on SwiftShader and lavapipe on 4 cores, large tensors as fast by
 * 16 invocations each as by 64, and 4 to 64 statistics 1.1 to 1.6 times faster, which took one core of the
 * four, and most of their workgroup had nothing to do (bench, CPU and wall time, 2026-11). Columns of 25088
 * rows gained 1.2 to 2 times from parts of 256 instead of 4096, which had left two of four cores idle, and
 * activations of 8192 elements 1.3 to 1.8 times from parts of 512, of which statistics and sums lost by 1.3.
 *
 * One invocation for each row or plane of up to 512 elements, where they fill the device, took 1.0 to 2.1
 * times less than a subgroup; where they do not, of up to 256 elements 1.25 times less (0.9 to 2.7), but 16
 * of 196 elements, which are one workgroup, 1.1 to 2 times more. Inference on lavapipe gained 1.3 times from
 * subgroups at 14 x 14 and lost at 8 x 8; on SwiftShader it lost 1.1 times at 14 x 14 and nothing at 16 x 16
 * (CPU time, 2026-11).
 *
 * Rows of 1 and 4 KB gained 1.4 to 1.8 times on lavapipe from column parts of 64 and 32, which workgroups
 * walk along, by quads; SwiftShader, where an item's start costs as much as nine rows, lost by them.
 *
 * Gradients of group norms took by cell 1.2 to 1.6 times less on SwiftShader from 16384 elements on, on
 * lavapipe 1.1 to 1.6 times less from 262144; below those they paid for two dispatches more.
 * With channels last, group norms gained 1.2 to 4.5 times on SwiftShader by cells that are columns, up to
 * groups of 512 channels, on lavapipe 1.2 to 5.9 times up to 128, 1.15 to 1.2 times at 160 and 192, and lost
 * 1.1 to 1.3 times at 256 (2026-11).
 *
 * Columns applied by 16 at once, a line of the cache of each row, took 1.2 to 2.3 times less on lavapipe; of
 * 3136 elements as long or longer; on SwiftShader as long (time in the driver's code, 2026-11). */
#define SOFTWARE(apply, columns, wide, by_cell, rows)                                                        \
    {                                                                                                        \
        .local_size = 16, .max_groups = 64, .lanes = 1024, .part = 4096, .part_apply = 512,                  \
        .column_part = 256, .small = 512, .small_apply = apply, .wide_apply = columns, .wide_part = wide,    \
        .cells = by_cell, .cell_rows = rows, .alone = 256                                                    \
    }
static const VknTuning LAVAPIPE = SOFTWARE(100, 8192, 65536, 131072, 192);

/* No GPU has been measured: their rows are estimates. `resident` is how many invocations a device holds at
 * once, `size` what its vendor recommends to begin with; the rest is the same for all, as there is no ground
 * to tell them apart. Reproducible plans have the row of OTHER, whose figures decide what their bits are. */
#define GPU(resident, size)                                                                                  \
    {                                                                                                        \
        .local_size = size, .max_groups = 16384, .lanes = resident, .part = 1024, .part_apply = 1024,        \
        .column_part = 64, .wide_apply = 0, .small = 64, .small_apply = 64, .cells = 1 << 20,                \
        .cell_rows = 64, .alone = 0                                                                          \
    }
static const VknTuning ROWS[] = {
    [VKN_DEVICE_OTHER] = GPU(262144, 256),
    [VKN_DEVICE_SOFTWARE] = SOFTWARE(256, 0, 0, 16384, 512),
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
    if (caps->device_class == VKN_DEVICE_SOFTWARE && caps->texel_reads)
        return &LAVAPIPE;
    bool known = (uint32_t)caps->device_class < sizeof ROWS / sizeof *ROWS;
    return &ROWS[known ? caps->device_class : VKN_DEVICE_OTHER];
}
