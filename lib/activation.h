/* The rows of shaders/activation.def, for the host. */
#ifndef VKN_ACTIVATION_H
#define VKN_ACTIVATION_H

#include "base.h"

/* Checks the id and its parameters, and zeroes the parameters that it does not have. `name` is the field. */
VknResult vkn_activation_resolve(const VknHost *host, const char *name, VknActivation *activation);

/* The resolved activation's name in the table. */
const char *vkn_activation_name(const VknActivation *activation);

/* Whether its value determines its derivative; whether its derivative is 1 or one other value. */
bool vkn_activation_inverts(const VknActivation *activation);
bool vkn_activation_halves(const VknActivation *activation);

/* Whether it is max(z, 0). */
bool vkn_activation_is_plain_relu(const VknActivation *activation);

#endif
