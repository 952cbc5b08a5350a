/* Runs an ONNX graph, node by node. */
#ifndef TESTS_ONNX_RUN_H
#define TESTS_ONNX_RUN_H

#include "onnx_file.h"

#include <vknorm/runtime.h>

/* The tensors of a graph by name, as far as they are known. */
typedef struct OnnxValues {
    struct OnnxValue {
        const char *name;
        OnnxTensor tensor;
    } * list;
    size_t count;
} OnnxValues;

/* Starts with the graph's initializers. Has room for all that the graph names. */
bool onnx_values_create(OnnxValues *values, const Onnx__GraphProto *graph);
void onnx_values_destroy(OnnxValues *values);

/* A new tensor, to be filled; one that had this name is forgotten. */
OnnxTensor *onnx_values_add(OnnxValues *values, const char *name);
/* NULL: none. */
const OnnxTensor *onnx_values_find(const OnnxValues *values, const char *name);

/* Runs all nodes, whose operators are in the table, and adds what they compute. */
bool onnx_run(VknRuntime *runtime, const Onnx__ModelProto *model, OnnxValues *values);

#endif
