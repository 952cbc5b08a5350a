/* ONNX files: models as protobuf-c reads them, tensors as plain numbers. */
#ifndef TESTS_ONNX_FILE_H
#define TESTS_ONNX_FILE_H

#include "onnx.pb-c.h"

#include <vknorm/vknorm.h>

/* ONNX's TensorProto.DataType, those of numbers. */
typedef enum OnnxType {
    ONNX_FLOAT = 1,
    ONNX_UINT8 = 2,
    ONNX_INT8 = 3,
    ONNX_UINT16 = 4,
    ONNX_INT16 = 5,
    ONNX_INT32 = 6,
    ONNX_INT64 = 7,
    ONNX_BOOL = 9,
    ONNX_FLOAT16 = 10,
    ONNX_DOUBLE = 11,
    ONNX_UINT32 = 12,
    ONNX_UINT64 = 13,
    ONNX_BFLOAT16 = 16,
} OnnxType;

typedef struct OnnxTypeInfo {
    const char *name;
    uint32_t size;
    bool integer;
    VknType stored;     /* what it is to vknorm: integers and doubles are f32 */
    double least, most; /* of integers */
} OnnxTypeInfo;

typedef struct OnnxTensor {
    OnnxType type;
    uint32_t rank; /* 0: a scalar, which has one element */
    uint64_t shape[VKN_MAX_RANK], count;
    double *value;
} OnnxTensor;

/* Keeps the first reason since onnx_reason_clear(), returns false. */
__attribute__((format(printf, 1, 2))) bool onnx_fail(const char *format, ...);
const char *onnx_reason(void);
void onnx_reason_clear(void);

/* NULL: no type of numbers. */
const OnnxTypeInfo *onnx_type_info(int32_t type);

/* The value that a cast to `type` makes of another: integers are cut off towards 0, and to their range. */
double onnx_cast(OnnxType type, double value);

/* Free with onnx__model_proto__free_unpacked(). NULL: onnx_fail() was called. */
Onnx__ModelProto *onnx_model_read(const char *path);

/* Its value is to be freed. */
bool onnx_tensor_create(OnnxTensor *tensor, OnnxType type, uint32_t rank, const uint64_t *shape);
bool onnx_tensor_parse(OnnxTensor *tensor, const Onnx__TensorProto *proto);
bool onnx_tensor_read(OnnxTensor *tensor, const char *path);

#endif
