#include "onnx_run.h"
#include "compute.h"
#include "number.h"
#include "onnx_operator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------- values */

bool onnx_values_create(OnnxValues *values, const Onnx__GraphProto *graph) {
    size_t most = graph->n_initializer + graph->n_input;
    for (size_t i = 0; i < graph->n_node; i++)
        most += graph->node[i]->n_output;
    *values = (OnnxValues){calloc(most + 1, sizeof *values->list), 0};
    if (!values->list)
        return onnx_fail("out of memory");
    for (size_t i = 0; i < graph->n_initializer; i++)
        if (!onnx_tensor_parse(onnx_values_add(values, graph->initializer[i]->name), graph->initializer[i]))
            return false;
    return true;
}

void onnx_values_destroy(OnnxValues *values) {
    for (size_t i = 0; i < values->count; i++)
        free(values->list[i].tensor.value);
    free(values->list);
}

OnnxTensor *onnx_values_add(OnnxValues *values, const char *name) {
    values->list[values->count].name = name;
    return &values->list[values->count++].tensor;
}

const OnnxTensor *onnx_values_find(const OnnxValues *values, const char *name) {
    for (size_t i = values->count; i-- > 0;) /* the newest */
        if (!strcmp(values->list[i].name, name))
            return &values->list[i].tensor;
    return NULL;
}

/* -------------------------------------------------------------------------------------------------- roles */

/* Types as vknorm.h says; INDEX is not among them. */
static VknType type_of(const VknDesc *desc, uint32_t role) {
    if (role == VKN_ROLE_X)
        return desc->x.type;
    if (role == VKN_ROLE_Y || role == VKN_ROLE_RESULT)
        return desc->y.type;
    return role == VKN_ROLE_RESIDUAL ? desc->residual.type : VKN_TYPE_F32;
}

/* Which element of its tensor stands at `index` of a binding's shape. */
static uint64_t element_of(const OnnxBinding *in, uint64_t index) {
    uint64_t element = 0, stride = 1;
    for (uint32_t back = 1; back <= in->tensor.rank; back++) {
        uint64_t extent = in->tensor.shape[in->tensor.rank - back];
        element += extent == 1 ? 0 : index % in->shape[in->rank - back] * stride;
        index /= in->shape[in->rank - back];
        stride *= extent;
    }
    return element;
}

static bool encode(const OnnxBinding *in, VknType type, uint64_t size, uint8_t *memory) {
    bool integer = onnx_type_info(in->tensor.type)->integer;
    uint64_t count = 1;
    for (uint32_t i = 0; i < in->rank; i++)
        count *= in->shape[i];
    if ((count * test_type_size(type) + 3) / 4 * 4 != size)
        return onnx_fail("a tensor of %llu elements where the plan wants %llu bytes",
                         (unsigned long long)count, (unsigned long long)size);
    for (uint64_t i = 0; i < count; i++) {
        double value = in->tensor.value[element_of(in, i)];
        if (integer && (float)value != value)
            return onnx_fail("%.17g is not a f32 number", value);
        test_encode(type, memory, i, value);
    }
    return true;
}

static double decode(const VknDesc *desc, uint32_t role, const uint8_t *memory, uint64_t index) {
    uint32_t word;
    if (role != VKN_ROLE_INDEX)
        return test_decode(type_of(desc, role), memory, index);
    memcpy(&word, memory + 4 * index, 4);
    return word;
}

/* -------------------------------------------------------------------------------------------------- nodes */

static bool run_call(VknRuntime *runtime, const OnnxCall *call, OnnxValues *values) {
    ComputeData data = {.memory = {NULL}};
    VknPlanInfo info;
    VknLog log = vkn_runtime_context_desc(runtime)->log;
    VknResult result =
        vkn_plan_query(vkn_context_caps(vkn_runtime_context(runtime)), &call->desc, log, &info);
    bool right = !result;
    for (uint32_t role = 0; right && role < VKN_ROLE_COUNT; role++) {
        if (!info.size[role] || role == VKN_ROLE_WORKSPACE)
            continue;
        data.memory[role] = malloc(info.size[role]);
        right = data.memory[role] || onnx_fail("out of memory");
        if (right)
            memset(data.memory[role], 0xFF, info.size[role]); /* NaN */
        if (right && call->in[role].tensor.value)
            right = encode(&call->in[role], type_of(&call->desc, role), info.size[role], data.memory[role]);
    }
    if (right)
        result = compute_try(runtime, &call->desc, &data);
    if (result)
        right = onnx_fail("vknorm returns %s", vkn_result_name(result));
    for (uint32_t k = 0; right && k < ONNX_MAX_OUTPUTS; k++) {
        const OnnxOutput *output = &call->output[k];
        if (!output->bound)
            continue;
        OnnxTensor *tensor = onnx_values_add(values, call->node->output[k]);
        right = onnx_tensor_create(tensor, output->type, output->rank, output->shape);
        uint64_t width =
            output->role == VKN_ROLE_INDEX ? 4 : test_type_size(type_of(&call->desc, output->role));
        if (right && (tensor->count * width + 3) / 4 * 4 != info.size[output->role])
            right = onnx_fail("output %u has %llu elements, the plan's role %llu bytes", k,
                              (unsigned long long)tensor->count, (unsigned long long)info.size[output->role]);
        for (uint64_t i = 0; right && i < tensor->count; i++)
            tensor->value[i] =
                onnx_cast(output->type, decode(&call->desc, output->role, data.memory[output->role], i));
    }
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        free(data.memory[role]);
    return right;
}

static bool run_node(VknRuntime *runtime, const Onnx__NodeProto *node, int64_t version, OnnxValues *values) {
    OnnxCall call = {.row = onnx_operator_find(node), .node = node, .version = version};
    if (node->n_input > ONNX_MAX_INPUTS || node->n_output > ONNX_MAX_OUTPUTS || !node->n_input)
        return onnx_fail("%zu inputs and %zu outputs", node->n_input, node->n_output);
    for (size_t i = 0; i < node->n_input; i++) {
        call.input[i] = node->input[i][0] ? onnx_values_find(values, node->input[i]) : NULL;
        if (node->input[i][0] && !call.input[i])
            return onnx_fail("input %s has no value", node->input[i]);
    }
    for (size_t i = 0; i < node->n_output; i++)
        call.output[i].wanted = node->output[i][0];
    if (!call.row->describe(&call))
        return false;
    for (size_t i = 0; i < node->n_output; i++)
        if (call.output[i].wanted && !call.output[i].bound)
            return onnx_fail("output %s of %s is not computed", node->output[i], node->op_type);
    return run_call(runtime, &call, values);
}

bool onnx_run(VknRuntime *runtime, const Onnx__ModelProto *model, OnnxValues *values) {
    int64_t version = 0;
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const char *domain = model->opset_import[i]->domain;
        if (!domain || !domain[0] || !strcmp(domain, "ai.onnx"))
            version = model->opset_import[i]->version;
    }
    for (size_t i = 0; i < model->graph->n_node; i++)
        if (!run_node(runtime, model->graph->node[i], version, values))
            return false;
    return true;
}
