#include "mask.h"

const TestMask test_masks[] = {
    {.name = "all", .of_subgroups = true},
    {.name = "no_arithmetic", .no_arithmetic = true, .of_subgroups = true},
    {.name = "no_subgroups", .no_arithmetic = true, .no_shuffle = true},
    {.name = "small_groups",
     .of_subgroups = true,
     .at_most = {.max_invocations = 128, .max_shared_bytes = 16384, .max_storage_buffers = 8}},
    {.name = "range_4096", .at_most = {.max_storage_range = 4096}},
    {.name = "range_65536", .at_most = {.max_storage_range = 65536}},
    {.name = "other_reads", .other_reads = true},
    {.name = "few_groups", .at_most = {.max_group_count = 3}},
    {.name = "weakest",
     .at_most = {.max_invocations = 64,
                 .max_group_count = 1,
                 .max_shared_bytes = 16384,
                 .max_storage_range = 4096,
                 .max_storage_buffers = 8,
                 .storage_offset_alignment = 256},
     .no_arithmetic = true,
     .no_shuffle = true},
};
const uint32_t test_mask_count = sizeof test_masks / sizeof test_masks[0];

#define LOWER(field)                                                                                         \
    do {                                                                                                     \
        if (mask->at_most.field && mask->at_most.field < caps->field) {                                      \
            caps->field = mask->at_most.field;                                                               \
            lowered = true;                                                                                  \
        }                                                                                                    \
    } while (0)

bool test_mask_apply(const TestMask *mask, VknCaps *caps) {
    bool lowered = mask == test_masks;
    LOWER(max_invocations);
    LOWER(max_group_count);
    LOWER(max_shared_bytes);
    LOWER(max_storage_range);
    LOWER(max_storage_buffers);
    if (mask->at_most.storage_offset_alignment > caps->storage_offset_alignment) {
        caps->storage_offset_alignment = mask->at_most.storage_offset_alignment;
        lowered = true;
    }
    if (mask->other_reads && caps->max_texels) {
        caps->texel_reads = !caps->texel_reads;
        lowered = true;
    }
    if (mask->no_arithmetic && caps->subgroup_arithmetic) {
        caps->subgroup_arithmetic = false;
        lowered = true;
    }
    if (mask->no_shuffle && caps->subgroup_shuffle) {
        caps->subgroup_shuffle = false;
        lowered = true;
    }
    return lowered;
}
