/* Activations that were compiled at run time: rows that shaders/activation.def gets in the kernels that need
 * them, which are compiled when a pipeline asks for the first time. */
#ifndef VKN_CUSTOM_H
#define VKN_CUSTOM_H

#include "mutex.h"
#include "schedule.h"
#include "shader.h"

typedef struct VknCustom VknCustom;
typedef struct VknCustomModule VknCustomModule;

typedef struct VknCustomTable {
    VknMutex mutex;   /* guards the lists; what they hold never changes */
    VknCustom *first; /* the newest */
    VknCustomModule *modules;
} VknCustomTable;

/* Whether the context has the activations of a resolved description, and derivatives where they are needed.
 */
VknResult vkn_custom_check(VknContext *context, const VknDesc *desc);

/* The module of a step: the build's own, or one with the custom activations that the step has. */
VknResult vkn_custom_shader(VknContext *context, const VknStep *step, const VknShader **shader);

/* Frees everything. */
void vkn_custom_clear(VknContext *context);

#endif
