/* Whether a file can be written, which is worth knowing before what takes minutes. A header alone, like
 * svg.h. */
#ifndef SAMPLES_FILE_H
#define SAMPLES_FILE_H

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

/* Changes nothing. False when it cannot be: errno says why. */
static inline bool file_can_write(const char *path) {
    const bool existed = access(path, F_OK) == 0;
    FILE *file = fopen(path, "a");
    if (file == NULL)
        return false;
    fclose(file);
    if (!existed)
        remove(path);
    return true;
}

#endif
