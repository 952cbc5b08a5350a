/* The shaders as text, for glslang. */
#ifndef VKN_SOURCE_H
#define VKN_SOURCE_H

#include <stdbool.h>

/* A file of shaders/. */
typedef struct VknSource {
    const char *name;
    const char *text;
} VknSource;

extern const VknSource vkn_sources[]; /* the last has no name */

/* Returns `text` with its #include lines replaced by what they name, and activation.def by `rows`, or, with
 * `after_table`, by both; NULL when there is no memory or no such file. Released with free(). */
char *vkn_source_expand(const char *text, const char *rows, bool after_table);

#endif
