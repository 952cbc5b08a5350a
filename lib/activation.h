/* The rows of shaders/activation.def, for the host. */
#ifndef VKN_ACTIVATION_H
#define VKN_ACTIVATION_H

#include "base.h"

/* Checks the id and its parameters, and zeroes the parameters that it does not have. `name` is the field. */
VknResult vkn_activation_resolve(const VknHost *host, const char *name, VknActivation *activation);

#endif
