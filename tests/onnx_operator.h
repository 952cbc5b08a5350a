/* ONNX operators as descriptions: THE table of those that vknorm has. */
#ifndef TESTS_ONNX_OPERATOR_H
#define TESTS_ONNX_OPERATOR_H

#include "onnx_file.h"

enum { ONNX_MAX_INPUTS = 5, ONNX_MAX_OUTPUTS = 5 };

typedef struct OnnxOperator OnnxOperator;

/* What a role holds: a tensor, broadcast to a shape. */
typedef struct OnnxBinding {
    OnnxTensor tensor; /* borrows its values; NULL: the role is no input */
    uint32_t rank;
    uint64_t shape[VKN_MAX_RANK];
} OnnxBinding;

/* An output of the node: its type and shape, and the role that computes it. */
typedef struct OnnxOutput {
    bool wanted, bound;
    uint32_t role;
    OnnxType type;
    uint32_t rank;
    uint64_t shape[VKN_MAX_RANK];
} OnnxOutput;

typedef struct OnnxCall {
    const OnnxOperator *row;
    const Onnx__NodeProto *node;
    int64_t version;                          /* of the operator set */
    const OnnxTensor *input[ONNX_MAX_INPUTS]; /* NULL where left out */
    OnnxOutput output[ONNX_MAX_OUTPUTS];
    /* What the operator's function answers, beside the outputs' roles, types and shapes. */
    VknDesc desc;
    OnnxBinding in[VKN_ROLE_COUNT];
} OnnxCall;

/* vkn_desc_layer_norm() and others like it. */
typedef void OnnxConstructor(VknDesc *desc, VknOperation operation, uint32_t rank, const uint64_t *shape,
                             uint32_t axis_count, const int32_t *axes);

struct OnnxOperator {
    const char *name;
    bool (*describe)(OnnxCall *call); /* false: onnx_fail() was called */
    OnnxConstructor *constructor;
    VknStatistic statistic;
    VknActivationId prologue, activation;
    /* The activation's parameters: an attribute and ONNX's default, or "" and a constant. Without a name,
     * they are vknorm's. */
    struct {
        const char *attribute;
        float value;
    } parameter[VKN_MAX_ACTIVATION_PARAMETERS];
};

/* NULL: vknorm has no such operator. */
const OnnxOperator *onnx_operator_find(const Onnx__NodeProto *node);

/* Attributes, or what they are by default. */
float onnx_float(const OnnxCall *call, const char *name, float value);
int64_t onnx_int(const OnnxCall *call, const char *name, int64_t value);
bool onnx_is(const OnnxCall *call, const char *name, const char *string);
const Onnx__AttributeProto *onnx_attribute(const OnnxCall *call, const char *name);

/* The shape of input 0 to vknorm, where a scalar has one axis; returns its rank. */
uint32_t onnx_x_shape(const OnnxCall *call, uint64_t *shape);

/* Normalizes an axis; false if the input has no such axis. */
bool onnx_axis(const OnnxCall *call, int64_t axis, int32_t *normal);

/* Input 0 is X. Output 0 is Y with its type and shape. The description has no other roles afterwards. */
void onnx_bind_x(OnnxCall *call);
void onnx_bind_xy(OnnxCall *call);

/* Input `index`, where it is there, is a role; output `index`, where it is wanted, is one. */
void onnx_bind(OnnxCall *call, uint32_t index, uint32_t role);
void onnx_bind_output(OnnxCall *call, uint32_t index, uint32_t role, OnnxType type, uint32_t rank,
                      const uint64_t *shape);

/* Binds inputs that are broadcast to X, and gives the description the parameter axes that they need, beside
 * those that it has. roles[i] is the role of input i + 1. */
bool onnx_bind_parameters(OnnxCall *call, uint32_t count, const uint32_t *roles);

bool onnx_activation(OnnxCall *call);
bool onnx_clip(OnnxCall *call);
bool onnx_gelu(OnnxCall *call);
bool onnx_prelu(OnnxCall *call);
bool onnx_selu(OnnxCall *call);
bool onnx_swiglu(OnnxCall *call);
bool onnx_batch_norm(OnnxCall *call);
bool onnx_group_norm(OnnxCall *call);
bool onnx_instance_norm(OnnxCall *call);
bool onnx_layer_norm(OnnxCall *call);
bool onnx_lp_norm(OnnxCall *call);
bool onnx_mean_variance(OnnxCall *call);
bool onnx_softmax(OnnxCall *call);
bool onnx_arg(OnnxCall *call);
bool onnx_global_pool(OnnxCall *call);
bool onnx_reduce(OnnxCall *call);

#endif
