/* The rows of shaders/activation.def, for the host. */
#ifndef VKN_ACTIVATION_H
#define VKN_ACTIVATION_H

#include "base.h"

/* Checks the id and its parameters. */
VknResult vkn_activation_check(const VknHost *host, const VknActivation *activation);

#endif
