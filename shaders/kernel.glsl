// What every kernel starts with: the interface, and where a box lies in its bindings.

#define VKN_GLSL
#include "interface.h"

layout(local_size_x_id = VKN_SPEC_LOCAL_SIZE) in;
layout(constant_id = VKN_SPEC_LOCAL_SIZE) const uint LOCAL_SIZE = 64;
layout(constant_id = VKN_SPEC_ROLES) const uint ROLES = 0;
layout(constant_id = VKN_SPEC_MODES) const uint MODES = 0;
layout(constant_id = VKN_SPEC_STATISTIC) const uint STATISTIC = VKN_OF_VARIANCE;

layout(push_constant) uniform Push { VKN_PUSH_FIELDS };

// Branches on specialization constants name them directly, not through arguments: then the condition is
// a constant of the module, and lib/prune.c removes the side not taken before a driver sees the code.
#define HAS(role) ((ROLES & (role)) != 0)
#define IS(mode)  ((MODES & (mode)) != 0)
#define OF(kinds) ((STATISTIC & (kinds)) != 0)

#define INFINITY uintBitsToFloat(0x7F800000u)
#define NOT_A_NUMBER uintBitsToFloat(0x7FC00000u)

// The box's first element in a binding. Bindings begin at an aligned address at or below it.
uint first_of(uint binding)
{
    return (first[binding >> 1] >> ((binding & 1u) << 4)) & 0xFFFFu;
}

uint statistic_count()
{
    return extent[VKN_BATCH] * extent[VKN_CHANNEL] * extent[VKN_LANE];
}

uint reduce_count()
{
    return extent[VKN_OUTER] * extent[VKN_INNER];
}
