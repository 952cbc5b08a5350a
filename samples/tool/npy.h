/* NumPy's .npy files: little-endian arrays in C order, versions 1 to 3. */
#ifndef NPY_H
#define NPY_H

#include "tool.h"

/* The most axes that a file may have: parts, statistics of every axis, words. */
enum { NPY_MAX_RANK = VKN_MAX_RANK + 2 };

typedef struct Npy {
    char type[3]; /* a letter and the bytes of an element: "f4", "f2", "u1", "u2", "u4" */
    uint32_t rank;
    uint64_t shape[NPY_MAX_RANK];
    uint64_t count; /* elements */
    uint64_t size;  /* bytes */
    void *data;     /* with room to the next multiple of 4 bytes, zeroed */
} Npy;

/* Sets count and size from type, rank and shape, and allocates data. `path` is for messages. */
bool npy_allocate(Npy *npy, const char *path);

void npy_free(Npy *npy);

/* Reads a file; says what is wrong with it. bool is read as "u1", bfloat16 (ml_dtypes) as "u2". */
bool npy_read(const char *path, Npy *npy);

/* Writes path.*.tmp, whose name `temporary` receives, for npy_publish() to rename or npy_discard() to remove:
 * a file is there whole or not at all. */
enum { NPY_PATH_SIZE = 4096 };
bool npy_write(const char *path, const Npy *npy, char temporary[NPY_PATH_SIZE]);
bool npy_publish(const char *path, const char *temporary);
void npy_discard(const char *temporary);

/* Prints a shape as Python does, "(2, 3)", into `text`, which it returns. */
enum { NPY_SHAPE_SIZE = 22 * NPY_MAX_RANK };
const char *npy_shape(const uint64_t *shape, uint32_t rank, char text[NPY_SHAPE_SIZE]);

#endif
