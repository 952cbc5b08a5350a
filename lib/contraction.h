/* Marks arithmetic that a driver must not contract, so that each operation is rounded by itself. */
#ifndef VKN_CONTRACTION_H
#define VKN_CONTRACTION_H

#include "base.h"

/* Decorates every arithmetic instruction of a module with NoContraction. Replaces *code, which is released
 * with vkn_host_free() as before; false when there is no memory, and then nothing has changed. */
bool vkn_spirv_forbid_contraction(const VknHost *host, uint32_t **code, size_t *words);

#endif
