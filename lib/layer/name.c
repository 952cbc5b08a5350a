/* Defaults of Keras' constructors, and its names of activations. */
#include "internal.h"

#include <math.h>
#include <string.h>

/* Keras' names of layers, and the epsilons of their constructors. */
static const struct {
    const char *name;
    float epsilon;
} KINDS[] = {
    [VKN_LAYER_BATCH_NORMALIZATION] = {"batch_normalization", 1e-3f},
    [VKN_LAYER_LAYER_NORMALIZATION] = {"layer_normalization", 1e-3f},
    [VKN_LAYER_GROUP_NORMALIZATION] = {"group_normalization", 1e-3f},
    [VKN_LAYER_RMS_NORMALIZATION] = {"rms_normalization", 1e-6f},
    [VKN_LAYER_UNIT_NORMALIZATION] = {"unit_normalization", 1e-12f},
    [VKN_LAYER_ACTIVATION] = {"activation", 0},
    [VKN_LAYER_PRELU] = {"p_re_lu", 0},
    [VKN_LAYER_SOFTMAX] = {"softmax", 0},
};

void vkn_layer_desc_default(VknLayerDesc *desc, VknLayerKind kind) {
    const VknInitializer zeros = *vkn_initializer_find("zeros"), ones = *vkn_initializer_find("ones");
    const bool known = kind >= VKN_LAYER_BATCH_NORMALIZATION && kind <= VKN_LAYER_SOFTMAX;
    memset(desc, 0, sizeof *desc);
    desc->kind = kind;
    desc->name = known ? KINDS[kind].name : "layer";
    desc->trainable = true;
    desc->axis_count = kind == VKN_LAYER_ACTIVATION || kind == VKN_LAYER_PRELU ? 0 : 1;
    desc->axes[0] = -1;
    desc->epsilon = known ? KINDS[kind].epsilon : 0;
    desc->center = desc->scale = true;
    desc->groups = 32;
    desc->gamma.initializer = desc->moving_variance_initializer = ones;
    desc->beta.initializer = desc->alpha.initializer = desc->moving_mean_initializer = zeros;
    desc->momentum = desc->renorm_momentum = 0.99f;
    desc->renorm_r_max = desc->renorm_d_max = INFINITY;
}

/* With the parameters that Keras gives them, not those of the core. */
static const struct {
    const char *name;
    VknActivationId id;
    float parameter[VKN_MAX_ACTIVATION_PARAMETERS];
} ACTIVATIONS[] = {
    {"celu", VKN_ACTIVATION_CELU, {1}},
    {"elu", VKN_ACTIVATION_ELU, {1}},
    {"exponential", VKN_ACTIVATION_EXP, {0}},
    {"gelu", VKN_ACTIVATION_GELU, {0}},
    {"hard_shrink", VKN_ACTIVATION_HARD_SHRINK, {0.5f}},
    {"hard_sigmoid", VKN_ACTIVATION_HARD_SIGMOID, {1.0f / 6, 0.5f}},
    {"hard_silu", VKN_ACTIVATION_HARD_SWISH, {0}},
    {"hard_swish", VKN_ACTIVATION_HARD_SWISH, {0}},
    {"hard_tanh", VKN_ACTIVATION_CLIP, {-1, 1}},
    {"leaky_relu", VKN_ACTIVATION_LEAKY_RELU, {0.2f}},
    {"linear", VKN_ACTIVATION_IDENTITY, {0}},
    {"log_sigmoid", VKN_ACTIVATION_LOG_SIGMOID, {0}},
    {"mish", VKN_ACTIVATION_MISH, {0}},
    {"relu", VKN_ACTIVATION_RELU, {0, 0, INFINITY}},
    {"relu6", VKN_ACTIVATION_RELU, {0, 0, 6}},
    {"selu", VKN_ACTIVATION_SELU, {0}},
    {"sigmoid", VKN_ACTIVATION_SIGMOID, {0}},
    {"silu", VKN_ACTIVATION_SILU, {1}},
    {"soft_shrink", VKN_ACTIVATION_SOFT_SHRINK, {0.5f}},
    {"softplus", VKN_ACTIVATION_SOFTPLUS, {1, INFINITY}},
    {"softsign", VKN_ACTIVATION_SOFTSIGN, {0}},
    {"sparse_plus", VKN_ACTIVATION_SPARSE_PLUS, {0}},
    {"sparse_sigmoid", VKN_ACTIVATION_HARD_SIGMOID, {0.5f, 0.5f}},
    {"squareplus", VKN_ACTIVATION_SQUAREPLUS, {4}},
    {"swish", VKN_ACTIVATION_SILU, {1}},
    {"tanh", VKN_ACTIVATION_TANH, {0}},
    {"tanh_shrink", VKN_ACTIVATION_TANH_SHRINK, {0}},
};

VknResult vkn_layer_desc_activation(VknLog log, const char *name, VknLayerDesc *desc) {
    if (!name || !desc)
        return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT, "an activation layer needs a name");
    if (!strcmp(name, "softmax") || !strcmp(name, "log_softmax")) {
        vkn_layer_desc_default(desc, VKN_LAYER_SOFTMAX);
        desc->log_softmax = name[0] == 'l';
        return VKN_SUCCESS;
    }
    for (size_t i = 0; i < sizeof ACTIVATIONS / sizeof *ACTIVATIONS; i++)
        if (!strcmp(ACTIVATIONS[i].name, name)) {
            vkn_layer_desc_default(desc, VKN_LAYER_ACTIVATION);
            desc->activation.id = ACTIVATIONS[i].id;
            memcpy(desc->activation.parameter, ACTIVATIONS[i].parameter, sizeof desc->activation.parameter);
            return VKN_SUCCESS;
        }
    return vkn_layer_fail(log, VKN_ERROR_INVALID_ARGUMENT,
                          "there is no activation named \"%s\"; layer.h lists Keras' names", name);
}

bool vkn_layer_name_valid(const char *name, bool slash) {
    if (!name || !*name)
        return false;
    for (; *name; name++)
        if ((unsigned char)*name < ' ' || *name == 0x7f || *name == '"' || *name == '\\' ||
            (*name == '/' && !slash))
            return false;
    return true;
}
