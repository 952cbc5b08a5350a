#include "npy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#ifdef _WIN32
#include <process.h>
#include <windows.h>
#define getpid _getpid
#else
#include <unistd.h>
#endif

#define MAGIC "\x93NUMPY"

enum { MAGIC_SIZE = 6, LONGEST_HEADER = 65536, ALIGNMENT = 64 };

/* How element types are named in files, and what they are read as. */
static const struct {
    const char *descr, *type;
} TYPES[] = {{"<f4", "f4"}, {"<f2", "f2"}, {"<u2", "u2"}, {"<u4", "u4"},
             {"|u1", "u1"}, {"|b1", "u1"}, {"<V2", "u2"}, {"|V2", "u2"}};

enum { TYPE_COUNT = sizeof TYPES / sizeof *TYPES };

const char *npy_shape(const uint64_t *shape, uint32_t rank, char text[NPY_SHAPE_SIZE]) {
    size_t end = (size_t)sprintf(text, "(");
    for (uint32_t i = 0; i < rank; i++)
        end += (size_t)sprintf(text + end, "%s%llu", i ? ", " : "", (unsigned long long)shape[i]);
    strcpy(text + end, rank == 1 ? ",)" : ")");
    return text;
}

bool npy_allocate(Npy *npy, const char *path) {
    char shape[NPY_SHAPE_SIZE];
    uint64_t bytes = (uint64_t)(npy->type[1] - '0');
    npy->count = 1;
    for (uint32_t i = 0; i < npy->rank; i++) {
        if (npy->shape[i] && npy->count > SIZE_MAX / 8 / npy->shape[i])
            return fail("%s: shape %s is too large", path, npy_shape(npy->shape, npy->rank, shape));
        npy->count *= npy->shape[i];
    }
    npy->size = npy->count * bytes;
    npy->data = calloc(npy->size / 4 + 1, 4);
    return npy->data || fail("%s: no memory for shape %s", path, npy_shape(npy->shape, npy->rank, shape));
}

void npy_free(Npy *npy) {
    free(npy->data);
    npy->data = NULL;
}

/* ------------------------------------------------------------------------------------------ header */

/* The header is a Python dictionary: these walk over it, and return NULL where it is none. */
static const char *skip(const char *at, const char *token) {
    at += at ? strspn(at, " \n") : 0;
    return at && strncmp(at, token, strlen(token)) == 0 ? at + strlen(token) : NULL;
}

static const char *parse_descr(const char *at, char descr[8]) {
    at = skip(at, "'");
    size_t length = at ? strcspn(at, "'") : 0;
    if (!at || !at[length] || length >= 8)
        return NULL;
    memcpy(descr, at, length);
    descr[length] = '\0';
    return at + length + 1;
}

static const char *parse_shape(const char *at, Npy *npy) {
    at = skip(at, "(");
    for (npy->rank = 0; at && !skip(at, ")"); npy->rank++) {
        char *end;
        at += strspn(at, " ");
        errno = 0;
        if (npy->rank == NPY_MAX_RANK || *at < '0' || *at > '9')
            return NULL;
        npy->shape[npy->rank] = strtoull(at, &end, 10);
        const char *comma = skip(end, ",");
        if (errno || (!comma && (npy->rank == 0 || !skip(end, ")")))) /* (3) is no tuple, (3,) is */
            return NULL;
        at = comma ? comma : end;
    }
    return at ? skip(at, ")") : NULL;
}

/* Parses "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", its keys in any order. */
static bool parse_header(const char *path, const char *header, Npy *npy) {
    char descr[8] = "";
    bool fortran = false;
    uint32_t seen = 0;
    const char *at = skip(header, "{");
    while (at && !skip(at, "}")) {
        const char *value;
        uint32_t key;
        if ((value = skip(at, "'descr':"))) {
            key = 1;
            at = parse_descr(value, descr);
        } else if ((value = skip(at, "'fortran_order':"))) {
            key = 2;
            at = skip(value, "False");
            fortran = !at;
            at = at ? at : skip(value, "True");
        } else if ((value = skip(at, "'shape':"))) {
            key = 4;
            at = parse_shape(value, npy);
        } else {
            break;
        }
        if (!at || seen & key)
            break;
        seen |= key;
        if (skip(at, ","))
            at = skip(at, ",");
        else if (!skip(at, "}"))
            break;
    }
    at = at ? skip(at, "}") : NULL;
    if (!at || seen != 7 || at[strspn(at, " \n")])
        return fail("%s: damaged: its header is not that of an array of at most %d axes: %.200s", path,
                    NPY_MAX_RANK, header);
    char shape[NPY_SHAPE_SIZE];
    if (fortran)
        return fail("%s: shape %s lies in Fortran order; save numpy.ascontiguousarray(array)", path,
                    npy_shape(npy->shape, npy->rank, shape));
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (strcmp(descr, TYPES[i].descr) == 0) {
            strcpy(npy->type, TYPES[i].type);
            return true;
        }
    }
    return fail(
        "%s: elements of type '%s'; save float32, float16, bfloat16 as uint16, uint32, uint8 or bool, "
        "little-endian, for example array.astype(numpy.float32)",
        path, descr);
}

/* --------------------------------------------------------------------------------------------- read */

static uint32_t little_endian(const unsigned char *bytes, size_t count) {
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++)
        value |= (uint32_t)bytes[i] << 8 * i;
    return value;
}

static bool read_header(const char *path, FILE *file, Npy *npy) {
    unsigned char head[MAGIC_SIZE + 2 + 4];
    if (fread(head, 1, MAGIC_SIZE + 2, file) != MAGIC_SIZE + 2 || memcmp(head, MAGIC, MAGIC_SIZE) != 0)
        return fail("%s: not a .npy file, it does not begin with \\x93NUMPY", path);
    size_t length_bytes = head[MAGIC_SIZE] == 1 ? 2 : 4;
    if (head[MAGIC_SIZE] < 1 || head[MAGIC_SIZE] > 3)
        return fail("%s: version %d.%d of the format; known are 1, 2 and 3", path, head[MAGIC_SIZE],
                    head[MAGIC_SIZE + 1]);
    if (fread(head + MAGIC_SIZE + 2, 1, length_bytes, file) != length_bytes)
        return fail("%s: damaged: the file ends in its header", path);
    uint32_t length = little_endian(head + MAGIC_SIZE + 2, length_bytes);
    if (length > LONGEST_HEADER)
        return fail("%s: damaged: a header of %u bytes", path, length);
    char *header = calloc(length + 1, 1);
    bool read = header ? fread(header, 1, length, file) == length ||
                             fail("%s: damaged: the file ends in its header", path)
                       : fail("%s: no memory", path);
    read = read && parse_header(path, header, npy);
    free(header);
    return read;
}

static bool read_data(const char *path, FILE *file, Npy *npy) {
    char shape[NPY_SHAPE_SIZE];
    struct stat status;
    long at = ftell(file);
    /* Before memory is allocated for what the header claims. */
    if (at < 0 || fstat(fileno(file), &status) != 0)
        return fail("%s: %s", path, strerror(errno));
    uint64_t there = (uint64_t)status.st_size - (uint64_t)at;
    Npy claimed = *npy;
    claimed.count = 1;
    for (uint32_t i = 0; i < npy->rank; i++)
        claimed.count = npy->shape[i] && claimed.count > there / npy->shape[i]
                            ? there + 1
                            : claimed.count * npy->shape[i];
    if (claimed.count * (uint64_t)(npy->type[1] - '0') != there)
        return fail("%s: damaged: shape %s of %c-byte elements, but %llu bytes of data", path,
                    npy_shape(npy->shape, npy->rank, shape), npy->type[1], (unsigned long long)there);
    if (!npy_allocate(npy, path))
        return false;
    return fread(npy->data, 1, npy->size, file) == npy->size || fail("%s: cannot be read to its end", path);
}

bool npy_read(const char *path, Npy *npy) {
    struct stat status;
    *npy = (Npy){0};
    if (stat(path, &status) != 0)
        return fail("%s: %s", path, strerror(errno));
    if ((status.st_mode & S_IFMT) != S_IFREG)
        return fail("%s: not a file", path);
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail("%s: %s", path, strerror(errno));
    bool read = read_header(path, file, npy) && read_data(path, file, npy);
    fclose(file);
    if (!read)
        npy_free(npy);
    return read;
}

/* -------------------------------------------------------------------------------------------- write */

static bool write_to(FILE *file, const Npy *npy) {
    char shape[NPY_SHAPE_SIZE], header[ALIGNMENT * 8];
    const char *order = npy->type[1] == '1' ? "|" : "<";
    int length = snprintf(header, sizeof header, "{'descr': '%s%s', 'fortran_order': False, 'shape': %s, }",
                          order, npy->type, npy_shape(npy->shape, npy->rank, shape));
    /* Data begins at a multiple of ALIGNMENT, after magic, version, length and header, which ends a line. */
    int total = (MAGIC_SIZE + 4 + length + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    int padded = total - MAGIC_SIZE - 4;
    return fprintf(file, "%s", MAGIC) == MAGIC_SIZE && fputc(1, file) != EOF && fputc(0, file) != EOF &&
           fputc(padded & 255, file) != EOF && fputc(padded >> 8, file) != EOF &&
           fprintf(file, "%-*s\n", padded - 1, header) == padded &&
           fwrite(npy->data, 1, npy->size, file) == npy->size;
}

bool npy_write(const char *path, const Npy *npy, char temporary[NPY_PATH_SIZE]) {
    struct stat status;
    temporary[0] = '\0';
    if (stat(path, &status) == 0 && (status.st_mode & S_IFMT) != S_IFREG)
        return fail("%s: not a file, so it is not replaced by one", path);
    if (strlen(path) + 32 > NPY_PATH_SIZE)
        return fail("%s: the path is too long", path);
    snprintf(temporary, NPY_PATH_SIZE, "%s.%d.tmp", path, (int)getpid());
    FILE *file = fopen(temporary, "wb");
    if (!file) {
        temporary[0] = '\0';
        return fail("%s: %s", path, strerror(errno));
    }
    bool written = write_to(file, npy);
    written = fclose(file) == 0 && written;
    return written || fail("%s: %s", path, strerror(errno));
}

bool npy_publish(const char *path, const char *temporary) {
#ifdef _WIN32
    return MoveFileExA(temporary, path, MOVEFILE_REPLACE_EXISTING) ||
           fail("%s: cannot be replaced, error %lu", path, GetLastError());
#else
    return rename(temporary, path) == 0 || fail("%s: %s", path, strerror(errno));
#endif
}

void npy_discard(const char *temporary) {
    if (temporary[0])
        remove(temporary);
}
