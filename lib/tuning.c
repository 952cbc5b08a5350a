#include "tuning.h"

/* Software: 16 to 64 workgroups of 64 were fastest on SwiftShader and lavapipe on 4 cores, and planes up to
 * 14 x 14 ran 1.25 to 1.4 times faster with one invocation per channel (prototypes, 2026-11). Columns of
 * 25088 rows gained 1.2 to 2 times from parts of 256 instead of 4096, which had left two of four cores idle.
 * The GPU row is an estimate: 64 warps of 32 on each of about 128 cores. It has not been measured. */
static const VknTuning SOFTWARE = {
    .local_size = 64, .max_groups = 64, .lanes = 1024, .part = 4096, .column_part = 256, .small = 196};
static const VknTuning GPU = {
    .local_size = 256, .max_groups = 16384, .lanes = 262144, .part = 1024, .column_part = 64, .small = 64};

const VknTuning *vkn_tuning(const VknCaps *caps) {
    return caps->device_class == VKN_DEVICE_SOFTWARE ? &SOFTWARE : &GPU;
}
