/* Whole files. */
#if !defined(_WIN32)
#define _POSIX_C_SOURCE 200112L /* fileno(), fsync() */
#endif
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <io.h>
#include <windows.h>

static bool reaches_disk(FILE *file) {
    return _commit(_fileno(file)) == 0;
}

static bool replace(const char *from, const char *to) {
    return MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH);
}
#else
#include <unistd.h>

static bool reaches_disk(FILE *file) {
    return fsync(fileno(file)) == 0;
}

static bool replace(const char *from, const char *to) {
    return rename(from, to) == 0;
}
#endif

static VknResult refuse(VknLog log, const char *path, const char *what) {
    return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "%s: %s: %s", path, what, strerror(errno));
}

/* Reads to the end of the file, which need not have a size (a pipe), or until there are more than `most`
 * bytes. */
static bool read_all(FILE *file, uint64_t most, char **bytes, size_t *size) {
    size_t room = 1 << 16;
    *size = 0;
    *bytes = malloc(room);
    while (*bytes) {
        *size += fread(*bytes + *size, 1, room - *size, file);
        if (*size < room || *size > most)
            return true;
        char *more = realloc(*bytes, room *= 2);
        if (!more)
            free(*bytes);
        *bytes = more;
    }
    return false;
}

VknResult vkn_layer_file_read(VknLog log, const char *path, uint64_t most, char **bytes, size_t *size) {
    VknResult result = VKN_SUCCESS;
    *bytes = NULL;
    FILE *file = fopen(path, "rb");
    if (!file)
        return refuse(log, path, "cannot be opened");
    if (!read_all(file, most, bytes, size))
        result = vkn_layer_fail(log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for the contents of %s", path);
    else if (ferror(file))
        result = refuse(log, path, "cannot be read");
    else if (*size > most)
        result = vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                                "%s has more than the %" PRIu64 " bytes that the tensors and any header take",
                                path, most);
    fclose(file);
    if (result != VKN_SUCCESS) {
        free(*bytes);
        *bytes = NULL;
    }
    return result;
}

static bool write_all(FILE *file, const char *head, size_t head_size, uint32_t part_count,
                      const VknNamedTensor *parts) {
    bool good = fwrite(head, 1, head_size, file) == head_size;
    for (uint32_t i = 0; i < part_count && good; i++) {
        size_t count = 1;
        for (uint32_t k = 0; k < parts[i].rank; k++)
            count *= (size_t)parts[i].shape[k];
        good = fwrite(parts[i].values, sizeof *parts[i].values, count, file) == count;
    }
    return good && fflush(file) == 0 && reaches_disk(file);
}

VknResult vkn_layer_file_replace(VknLog log, const char *path, const char *head, size_t head_size,
                                 uint32_t part_count, const VknNamedTensor *parts) {
    VknResult result = VKN_SUCCESS;
    const size_t size = strlen(path) + sizeof ".part";
    char *beside = malloc(size);
    if (!beside)
        return vkn_layer_fail(log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for a path");
    snprintf(beside, size, "%s.part", path);
    FILE *file = fopen(beside, "wb");
    if (!file) {
        result = refuse(log, beside, "cannot be created");
    } else {
        const bool written = write_all(file, head, head_size, part_count, parts);
        if (fclose(file) != 0 || !written)
            result = refuse(log, beside, "cannot be written");
        else if (!replace(beside, path))
            result = refuse(log, path, "cannot be replaced");
        if (result != VKN_SUCCESS)
            remove(beside);
    }
    free(beside);
    return result;
}
