/* Removes what a module's constants rule out: branches not taken, functions not called, names. */
#ifndef VKN_PRUNE_H
#define VKN_PRUNE_H

#include "base.h"

/* Prunes SPIR-V in place; the constants of its branches are OpConstantTrue and OpConstantFalse. `words` is
 * the module's length before and after. False when there is no memory. */
bool vkn_spirv_prune(const VknHost *host, uint32_t *code, size_t *words);

#endif
