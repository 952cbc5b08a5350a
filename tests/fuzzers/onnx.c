/* ONNX models and tensors of any bytes. */
#include "fuzzer.h"
#include "onnx_file.h"

static void read_tensors(const Onnx__GraphProto *graph) {
    for (size_t i = 0; i < graph->n_initializer; i++) {
        OnnxTensor tensor = {0};
        onnx_reason_clear();
        bool read = onnx_tensor_parse(&tensor, graph->initializer[i]);
        FUZZ_REQUIRE(read == !onnx_reason()[0], "%s\n", onnx_reason());
        free(tensor.value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const char *path = fuzz_file(bytes, size);
    OnnxTensor tensor = {0};
    onnx_reason_clear();
    Onnx__ModelProto *model = onnx_model_read(path);
    FUZZ_REQUIRE(!model == !!onnx_reason()[0], "%s\n", onnx_reason());
    if (model) {
        read_tensors(model->graph);
        onnx__model_proto__free_unpacked(model, NULL);
    }
    onnx_reason_clear();
    bool read = onnx_tensor_read(&tensor, path);
    FUZZ_REQUIRE(read == !onnx_reason()[0], "%s\n", onnx_reason());
    free(tensor.value);
    return 0;
}
