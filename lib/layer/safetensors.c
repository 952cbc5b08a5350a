/* safetensors files: eight bytes, the size of the header, little-endian; the header; the tensors' data, one
 * after another without gaps. */
#include "internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As in the format's own reader. */
#define MOST_HEADER 100000000u

static uint64_t bytes_of(uint32_t rank, const uint64_t *shape) {
    uint64_t size = sizeof(float);
    for (uint32_t i = 0; i < rank; i++)
        size *= shape[i];
    return size;
}

/* "2 x 3" */
static const char *shape_text(uint32_t rank, const uint64_t *shape, char text[192]) {
    size_t length = 0;
    if (rank == 0)
        return "()";
    for (uint32_t i = 0; i < rank; i++)
        length += (size_t)snprintf(text + length, 192 - length, "%s%" PRIu64, i ? " x " : "", shape[i]);
    return text;
}

static VknResult check(VknLog log, const char *path, uint32_t count, const VknNamedTensor *tensors) {
    if (!path || !*path || (count && !tensors))
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "a weight file needs a path and tensors");
    for (uint32_t i = 0; i < count; i++) {
        uint64_t elements;
        if (!vkn_layer_name_valid(tensors[i].name, true) || !strcmp(tensors[i].name, "__metadata__"))
            return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                                  "a tensor's name is not empty, not \"__metadata__\", and has no control "
                                  "characters, '\"' and '\\', not \"%s\"",
                                  tensors[i].name ? tensors[i].name : "");
        for (uint32_t k = 0; k < i; k++)
            if (!strcmp(tensors[i].name, tensors[k].name))
                return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                                      "names in a weight file are unique, \"%s\" is there twice",
                                      tensors[i].name);
        VknResult result = vkn_layer_shape_check(log, tensors[i].rank, tensors[i].shape, &elements);
        if (result != VKN_SUCCESS)
            return result;
        if (elements && !tensors[i].values)
            return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "tensor \"%s\" has no values",
                                  tensors[i].name);
    }
    return VKN_SUCCESS;
}

/* ---------------------------------------------------------------------------------------------- save */

/* Text that is counted where it does not fit. */
typedef struct Text {
    char *bytes;
    size_t room, length;
} Text;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void
append(Text *text, const char *format, ...) {
    const bool fits = text->length < text->room;
    va_list arguments;
    va_start(arguments, format);
    text->length += (size_t)vsnprintf(fits ? text->bytes + text->length : NULL,
                                      fits ? text->room - text->length : 0, format, arguments);
    va_end(arguments);
}

static void header_write(uint32_t count, const VknNamedTensor *tensors, Text *text) {
    uint64_t offset = 0;
    append(text, "{");
    for (uint32_t i = 0; i < count; i++) {
        append(text, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", i ? "," : "", tensors[i].name);
        for (uint32_t k = 0; k < tensors[i].rank; k++)
            append(text, "%s%" PRIu64, k ? "," : "", tensors[i].shape[k]);
        append(text, "],\"data_offsets\":[%" PRIu64, offset);
        offset += bytes_of(tensors[i].rank, tensors[i].shape);
        append(text, ",%" PRIu64 "]}", offset);
    }
    append(text, "}");
}

VknResult vkn_tensors_save(VknLog log, const char *path, uint32_t count, const VknNamedTensor *tensors) {
    VknResult result = check(log, path, count, tensors);
    if (result != VKN_SUCCESS)
        return result;
    Text text = {0};
    header_write(count, tensors, &text);
    const size_t size = (text.length + 7) / 8 * 8; /* data begin at a multiple of 8 */
    char *header = malloc(8 + size + 1);
    if (!header)
        return vkn_layer_fail(log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for the header of %s", path);
    for (int i = 0; i < 8; i++)
        header[i] = (char)((uint64_t)size >> 8 * i & 0xff);
    text = (Text){.bytes = header + 8, .room = size + 1};
    header_write(count, tensors, &text);
    memset(header + 8 + text.length, ' ', size - text.length);
    result = vkn_layer_file_replace(log, path, header, 8 + size, count, tensors);
    free(header);
    return result;
}

/* ---------------------------------------------------------------------------------------------- load */

static int by_begin(const void *a, const void *b) {
    const VknEntry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* The tensor of that name; NULL if there is none. */
static const VknEntry *find(const VknEntry *entries, uint32_t found, const char *name) {
    for (uint32_t i = 0; i < found; i++)
        if (entries[i].name_size == strlen(name) && !memcmp(entries[i].name, name, entries[i].name_size))
            return &entries[i];
    return NULL;
}

/* Every tensor that is wanted is there, as it is wanted. */
static VknResult match(VknLog log, const char *path, uint32_t count, const VknNamedTensor *tensors,
                       const VknEntry *entries, uint32_t found) {
    char is[192], wanted[192];
    for (uint32_t i = 0; i < count; i++) {
        const VknEntry *entry = find(entries, found, tensors[i].name);
        if (!entry)
            return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "%s has no tensor \"%s\"", path,
                                  tensors[i].name);
        if (!entry->f32)
            return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "%s: tensor \"%s\" is not of type F32",
                                  path, tensors[i].name);
        if (entry->rank != tensors[i].rank ||
            memcmp(entry->shape, tensors[i].shape, entry->rank * sizeof *entry->shape))
            return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                                  "%s: tensor \"%s\" has the shape %s, but %s is wanted", path,
                                  tensors[i].name, shape_text(entry->rank, entry->shape, is),
                                  shape_text(tensors[i].rank, tensors[i].shape, wanted));
        if (entry->end - entry->begin != bytes_of(entry->rank, entry->shape))
            return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                                  "%s: tensor \"%s\" of the shape %s has %" PRIu64 " bytes, not %" PRIu64,
                                  path, tensors[i].name, shape_text(entry->rank, entry->shape, is),
                                  entry->end - entry->begin, bytes_of(entry->rank, entry->shape));
    }
    return VKN_SUCCESS;
}

/* Data without gaps, from the first byte to the last. */
static VknResult check_data(VknLog log, const char *path, VknEntry *entries, uint32_t found, uint64_t size) {
    uint64_t next = 0;
    qsort(entries, found, sizeof *entries, by_begin);
    for (uint32_t i = 0; i < found; i++) {
        if (entries[i].begin != next)
            return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                                  "%s: data of tensors follow each other, but \"%.*s\" begins at %" PRIu64
                                  ", not at %" PRIu64,
                                  path, (int)entries[i].name_size, entries[i].name, entries[i].begin, next);
        next = entries[i].end;
    }
    if (next != size)
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                              "%s is truncated or damaged: its tensors have %" PRIu64
                              " bytes, the file has %" PRIu64,
                              path, next, size);
    return VKN_SUCCESS;
}

/* The header's size, checked against the file's. */
static VknResult open_header(VknLog log, const char *path, const char *bytes, size_t size, size_t *header) {
    uint64_t length = 0;
    for (int i = 0; i < 8 && size >= 8; i++)
        length |= (uint64_t)(unsigned char)bytes[i] << 8 * i;
    if (size < 8 || length > MOST_HEADER || length > size - 8)
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                              "%s is truncated or no safetensors file: it has %" PRIu64 " bytes, its header "
                              "%" PRIu64,
                              path, (uint64_t)size, length);
    *header = (size_t)length;
    return VKN_SUCCESS;
}

static void copy(uint32_t count, const VknNamedTensor *tensors, const VknEntry *entries, const char *data) {
    for (uint32_t i = 0; i < count; i++) {
        const VknEntry *entry = find(entries, count, tensors[i].name);
        if (entry->end > entry->begin)
            memcpy(tensors[i].values, data + entry->begin, (size_t)(entry->end - entry->begin));
    }
}

static VknResult load(VknLog log, const char *path, const char *bytes, size_t size, uint32_t count,
                      const VknNamedTensor *tensors, VknEntry *entries) {
    size_t header = 0;
    uint32_t found;
    VknResult result = open_header(log, path, bytes, size, &header);
    if (result != VKN_SUCCESS)
        return result;
    const char *rule = vkn_layer_header_parse(bytes + 8, header, count + 1, entries, &found);
    if (rule)
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "%s is damaged or no safetensors file: %s",
                              path, rule);
    const uint32_t kept = found < count + 1 ? found : count + 1;
    result = match(log, path, count, tensors, entries, kept);
    if (result == VKN_SUCCESS && found != count)
        result = vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "%s has %u tensors, but %u are wanted", path,
                                found, count);
    if (result == VKN_SUCCESS)
        result = check_data(log, path, entries, found, size - 8 - header);
    if (result == VKN_SUCCESS)
        copy(count, tensors, entries, bytes + 8 + header);
    return result;
}

VknResult vkn_tensors_load(VknLog log, const char *path, uint32_t count, const VknNamedTensor *tensors) {
    uint64_t most = 8 + MOST_HEADER;
    char *bytes;
    size_t size;
    VknResult result = check(log, path, count, tensors);
    for (uint32_t i = 0; i < count && result == VKN_SUCCESS; i++)
        most += bytes_of(tensors[i].rank, tensors[i].shape);
    if (result == VKN_SUCCESS)
        result = vkn_layer_file_read(log, path, most, &bytes, &size);
    if (result != VKN_SUCCESS)
        return result;
    VknEntry *entries = calloc((size_t)count + 1, sizeof *entries);
    if (entries)
        result = load(log, path, bytes, size, count, tensors, entries);
    else
        result = vkn_layer_fail(log, VKN_ERROR_OUT_OF_HOST_MEMORY, "no memory for the header of %s", path);
    free(entries);
    free(bytes);
    return result;
}
