#include "tuning.h"

/* Software: 16 to 64 workgroups of 64 were fastest on SwiftShader and lavapipe on 4 cores, and planes up to
 * 14 x 14 ran 1.25 to 1.4 times faster with one invocation per channel (prototypes, 2026-11). Columns of
 * 25088 rows gained 1.2 to 2 times from parts of 256 instead of 4096, which had left two of four cores idle.
 * Statistics of up to 256 elements gained 1.25 times (0.9 to 2.7, 4 to 64 of them) from one invocation each,
 * where a subgroup would have to start and to sum up (vkn_plan_tune(), 2026-11).
 *
 * No GPU has been measured. What its row says is an estimate:
 *
 *   lanes       the invocations that a device holds at once, by what its vendor has published:
 *               NVIDIA   2048 per multiprocessor (CUDA C++ Programming Guide, compute capability 8.0
 * and 9.0), of about 128 AMD      16 wavefronts of 32 for each of two SIMD units of an RDNA2 compute unit
 * (RDNA whitepaper, optimization guides), of about 96 compute units Intel    7 threads of 16 lanes for each
 * of the 96 execution units of an integrated Xe-LP (oneAPI GPU Optimization Guide); discrete ones have five
 * times as many Arm      1024 threads and more in each of about 14 Valhall cores (Arm GPU datasheet)
 * Qualcomm, which publishes no figure: as Arm Apple    24,576 (the M1, as it was announced) local_size  what
 * the vendor recommends to begin with: Arm 64 (Mali Best Practices); Qualcomm one or two waves of 128 or 64
 * (Snapdragon OpenCL guide); the others name multiples of 32 or 64 up to 256 the rest    is the same for all:
 * there is no ground to tell them apart
 *
 * Reproducible plans have the row of OTHER, whose figures decide what their bits are. */
#define GPU(resident, size)                                                                                  \
    {                                                                                                        \
        .local_size = size, .max_groups = 16384, .lanes = resident, .part = 1024, .column_part = 64,         \
        .small = 64, .alone = 0                                                                              \
    }
static const VknTuning ROWS[] = {
    [VKN_DEVICE_OTHER] = GPU(262144, 256),
    [VKN_DEVICE_SOFTWARE] = {.local_size = 64,
                             .max_groups = 64,
                             .lanes = 1024,
                             .part = 4096,
                             .column_part = 256,
                             .small = 196,
                             .alone = 256},
    [VKN_DEVICE_NVIDIA] = GPU(262144, 256),
    [VKN_DEVICE_AMD] = GPU(98304, 256),
    [VKN_DEVICE_INTEL] = GPU(10752, 256),
    [VKN_DEVICE_ARM] = GPU(14336, 64),
    [VKN_DEVICE_QUALCOMM] = GPU(14336, 128),
    [VKN_DEVICE_APPLE] = GPU(24576, 256),
};

const VknTuning *vkn_tuning(const VknCaps *caps) {
    bool known = (uint32_t)caps->device_class < sizeof ROWS / sizeof *ROWS;
    return &ROWS[known ? caps->device_class : VKN_DEVICE_OTHER];
}
