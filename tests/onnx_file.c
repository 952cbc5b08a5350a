#include "onnx_file.h"
#include "number.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char reason[512];

bool onnx_fail(const char *format, ...) {
    va_list arguments;
    if (reason[0])
        return false;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return false;
}

const char *onnx_reason(void) {
    return reason;
}

void onnx_reason_clear(void) {
    reason[0] = 0;
}

static const OnnxTypeInfo TYPES[] = {
    [ONNX_FLOAT] = {"float", 4, false, VKN_TYPE_F32, 0, 0},
    [ONNX_UINT8] = {"uint8", 1, true, VKN_TYPE_F32, 0, UINT8_MAX},
    [ONNX_INT8] = {"int8", 1, true, VKN_TYPE_F32, INT8_MIN, INT8_MAX},
    [ONNX_UINT16] = {"uint16", 2, true, VKN_TYPE_F32, 0, UINT16_MAX},
    [ONNX_INT16] = {"int16", 2, true, VKN_TYPE_F32, INT16_MIN, INT16_MAX},
    [ONNX_INT32] = {"int32", 4, true, VKN_TYPE_F32, INT32_MIN, INT32_MAX},
    [ONNX_INT64] = {"int64", 8, true, VKN_TYPE_F32, (double)INT64_MIN, (double)INT64_MAX},
    [ONNX_BOOL] = {"bool", 1, true, VKN_TYPE_F32, 0, 1},
    [ONNX_FLOAT16] = {"float16", 2, false, VKN_TYPE_F16, 0, 0},
    [ONNX_DOUBLE] = {"double", 8, false, VKN_TYPE_F32, 0, 0},
    [ONNX_UINT32] = {"uint32", 4, true, VKN_TYPE_F32, 0, UINT32_MAX},
    [ONNX_UINT64] = {"uint64", 8, true, VKN_TYPE_F32, 0, (double)UINT64_MAX},
    [ONNX_BFLOAT16] = {"bfloat16", 2, false, VKN_TYPE_BF16, 0, 0},
};

const OnnxTypeInfo *onnx_type_info(int32_t type) {
    bool known = type >= 0 && (size_t)type < sizeof TYPES / sizeof *TYPES && TYPES[type].name;
    return known ? &TYPES[type] : NULL;
}

double onnx_cast(OnnxType type, double value) {
    const OnnxTypeInfo *info = &TYPES[type];
    if (info->integer)
        return fmax(info->least, fmin(info->most, trunc(value)));
    return type == ONNX_DOUBLE ? value : test_round(info->stored, value);
}

/* Both file formats and hosts are little-endian. */
static double decode(OnnxType type, const uint8_t *from) {
    uint64_t word = 0;
    double real;
    uint32_t bits = 8 * TYPES[type].size;
    memcpy(&word, from, TYPES[type].size);
    if (type == ONNX_DOUBLE) {
        memcpy(&real, from, sizeof real);
        return real;
    }
    if (!TYPES[type].integer)
        return test_decode(TYPES[type].stored, from, 0);
    bool negative = TYPES[type].least < 0 && word >> (bits - 1);
    return negative ? -(double)((UINT64_MAX >> (64 - bits)) - word + 1) : (double)word;
}

/* -------------------------------------------------------------------------------------------------- files */

static uint8_t *file_read(const char *path, size_t *size) {
    uint8_t *bytes = NULL;
    FILE *file = fopen(path, "rb");
    long end = -1;
    if (file && fseek(file, 0, SEEK_END) == 0)
        end = ftell(file);
    if (end >= 0 && fseek(file, 0, SEEK_SET) == 0)
        bytes = malloc((size_t)end + 1);
    if (bytes && fread(bytes, 1, (size_t)end, file) != (size_t)end) {
        free(bytes);
        bytes = NULL;
    }
    if (file)
        fclose(file);
    if (!bytes)
        onnx_fail("%s cannot be read", path);
    *size = (size_t)end;
    return bytes;
}

Onnx__ModelProto *onnx_model_read(const char *path) {
    size_t size;
    uint8_t *bytes = file_read(path, &size);
    Onnx__ModelProto *model = bytes ? onnx__model_proto__unpack(NULL, size, bytes) : NULL;
    free(bytes);
    if (!model || !model->graph)
        onnx_fail("%s is not a model", path);
    if (model && !model->graph) {
        onnx__model_proto__free_unpacked(model, NULL);
        return NULL;
    }
    return model;
}

bool onnx_tensor_create(OnnxTensor *tensor, OnnxType type, uint32_t rank, const uint64_t *shape) {
    *tensor = (OnnxTensor){.type = type, .rank = rank, .count = 1};
    for (uint32_t i = 0; i < rank; i++)
        tensor->count *= tensor->shape[i] = shape[i];
    tensor->value = calloc(tensor->count + 1, sizeof *tensor->value);
    return tensor->value || onnx_fail("out of memory");
}

/* Where a message keeps its elements, how many, and bytes from one to the next. The fields of integers hold
 * smaller types, too, whose bytes come first. */
static const uint8_t *elements_of(const Onnx__TensorProto *proto, size_t *count, size_t *stride) {
    if (proto->has_raw_data) {
        *stride = TYPES[proto->data_type].size;
        *count = proto->raw_data.len / *stride;
        return proto->raw_data.data;
    }
    switch ((OnnxType)proto->data_type) {
    case ONNX_FLOAT:
        *count = proto->n_float_data, *stride = sizeof *proto->float_data;
        return (const uint8_t *)proto->float_data;
    case ONNX_DOUBLE:
        *count = proto->n_double_data, *stride = sizeof *proto->double_data;
        return (const uint8_t *)proto->double_data;
    case ONNX_INT64:
        *count = proto->n_int64_data, *stride = sizeof *proto->int64_data;
        return (const uint8_t *)proto->int64_data;
    case ONNX_UINT32:
    case ONNX_UINT64:
        *count = proto->n_uint64_data, *stride = sizeof *proto->uint64_data;
        return (const uint8_t *)proto->uint64_data;
    case ONNX_UINT8:
    case ONNX_INT8:
    case ONNX_UINT16:
    case ONNX_INT16:
    case ONNX_INT32:
    case ONNX_BOOL:
    case ONNX_FLOAT16:
    case ONNX_BFLOAT16:
        break;
    }
    *count = proto->n_int32_data, *stride = sizeof *proto->int32_data;
    return (const uint8_t *)proto->int32_data;
}

bool onnx_tensor_parse(OnnxTensor *tensor, const Onnx__TensorProto *proto) {
    const char *name = proto->name ? proto->name : "without a name";
    uint64_t shape[VKN_MAX_RANK], elements = 1;
    size_t count, stride;
    if (!onnx_type_info(proto->data_type))
        return onnx_fail("tensor %s has data type %d, which is not of numbers", name, proto->data_type);
    if (proto->n_dims > VKN_MAX_RANK)
        return onnx_fail("tensor %s has %zu axes, at most %d are possible", name, proto->n_dims,
                         VKN_MAX_RANK);
    const uint8_t *from = elements_of(proto, &count, &stride);
    for (size_t i = 0; i < proto->n_dims; i++) {
        shape[i] = (uint64_t)proto->dims[i];
        if (elements && shape[i] > SIZE_MAX / elements)
            return onnx_fail("tensor %s has a shape that no memory holds", name);
        elements *= shape[i];
    }
    if (elements != count)
        return onnx_fail("tensor %s has %zu elements, its shape %llu", name, count,
                         (unsigned long long)elements);
    if (!onnx_tensor_create(tensor, (OnnxType)proto->data_type, (uint32_t)proto->n_dims, shape))
        return false;
    for (size_t i = 0; i < count; i++)
        tensor->value[i] = decode(tensor->type, from + i * stride);
    return true;
}

bool onnx_tensor_read(OnnxTensor *tensor, const char *path) {
    size_t size;
    uint8_t *bytes = file_read(path, &size);
    Onnx__TensorProto *proto = bytes ? onnx__tensor_proto__unpack(NULL, size, bytes) : NULL;
    free(bytes);
    bool read = proto ? onnx_tensor_parse(tensor, proto) : onnx_fail("%s is not a tensor", path);
    if (proto)
        onnx__tensor_proto__free_unpacked(proto, NULL);
    return read;
}
