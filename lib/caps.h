/* What a device can do, and what a caller has lowered. */
#ifndef VKN_CAPS_H
#define VKN_CAPS_H

#include "base.h"

/* Checks that no field of `lowered` is raised above `caps`, then replaces `caps`. */
VknResult vkn_caps_lower(const VknHost *host, VknCaps *caps, const VknCaps *lowered);

#endif
