/* Defaults, and the rules of parameters. */
#include "generate.h"
#include "rules.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct {
    const char *name;
    VknActivation value;
    const char *parameters[VKN_MAX_ACTIVATION_PARAMETERS];
} ACTIVATIONS[] = {
    {"identity", {VKN_ACTIVATION_IDENTITY, {0}}, {NULL}},
    {"relu", {VKN_ACTIVATION_RELU, {0, 0, INFINITY}}, {"negative_slope", "threshold", "max_value"}},
    {"leaky_relu", {VKN_ACTIVATION_LEAKY_RELU, {0.3f}}, {"negative_slope"}},
    {"elu", {VKN_ACTIVATION_ELU, {1}}, {"alpha"}},
    {"sigmoid", {VKN_ACTIVATION_SIGMOID, {0}}, {NULL}},
    {"tanh", {VKN_ACTIVATION_TANH, {0}}, {NULL}},
    {"silu", {VKN_ACTIVATION_SILU, {1}}, {"beta"}},
    {"gelu", {VKN_ACTIVATION_GELU, {0}}, {NULL}},
    {"hard_swish", {VKN_ACTIVATION_HARD_SWISH, {0}}, {NULL}},
    {"clip", {VKN_ACTIVATION_CLIP, {-INFINITY, INFINITY}}, {"min", "max"}},
    {"selu", {VKN_ACTIVATION_SELU, {0}}, {NULL}},
    {"celu", {VKN_ACTIVATION_CELU, {1}}, {"alpha"}},
    {"gelu_tanh", {VKN_ACTIVATION_GELU_TANH, {0}}, {NULL}},
    {"quick_gelu", {VKN_ACTIVATION_QUICK_GELU, {1.702f}}, {"beta"}},
    {"log_sigmoid", {VKN_ACTIVATION_LOG_SIGMOID, {0}}, {NULL}},
    {"hard_sigmoid", {VKN_ACTIVATION_HARD_SIGMOID, {1.0f / 6, 0.5f}}, {"slope", "offset"}},
    {"tanh_shrink", {VKN_ACTIVATION_TANH_SHRINK, {0}}, {NULL}},
    {"softplus", {VKN_ACTIVATION_SOFTPLUS, {1, 20}}, {"beta", "threshold"}},
    {"softsign", {VKN_ACTIVATION_SOFTSIGN, {0}}, {NULL}},
    {"mish", {VKN_ACTIVATION_MISH, {0}}, {NULL}},
    {"soft_shrink", {VKN_ACTIVATION_SOFT_SHRINK, {0.5f}}, {"lambda"}},
    {"hard_shrink", {VKN_ACTIVATION_HARD_SHRINK, {0.5f}}, {"lambda"}},
    {"shrink", {VKN_ACTIVATION_SHRINK, {0, 0.5f}}, {"bias", "lambda"}},
    {"thresholded_relu", {VKN_ACTIVATION_THRESHOLDED_RELU, {1}}, {"theta"}},
    {"threshold", {VKN_ACTIVATION_THRESHOLD, {0}}, {"threshold", "value"}},
    {"squareplus", {VKN_ACTIVATION_SQUAREPLUS, {4}}, {"b"}},
    {"exp", {VKN_ACTIVATION_EXP, {0}}, {NULL}},
    {"log", {VKN_ACTIVATION_LOG, {0}}, {NULL}},
    {"linear", {VKN_ACTIVATION_LINEAR, {1}}, {"a", "b"}},
    {"abs", {VKN_ACTIVATION_ABS, {0}}, {NULL}},
    {"square", {VKN_ACTIVATION_SQUARE, {0}}, {NULL}},
    {"sqrt", {VKN_ACTIVATION_SQRT, {0}}, {NULL}},
    {"reciprocal", {VKN_ACTIVATION_RECIPROCAL, {0}}, {NULL}},
    {"pow", {VKN_ACTIVATION_POW, {2}}, {"exponent"}},
    {"erf", {VKN_ACTIVATION_ERF, {0}}, {NULL}},
    {"sign", {VKN_ACTIVATION_SIGN, {0}}, {NULL}},
    {"sparse_plus", {VKN_ACTIVATION_SPARSE_PLUS, {0}}, {NULL}},
};

/* Limits: then there is none. */
static bool may_be_infinite(const VknActivation *a, uint32_t parameter) {
    return (a->id == VKN_ACTIVATION_RELU && parameter > 0) || a->id == VKN_ACTIVATION_CLIP ||
           (a->id == VKN_ACTIVATION_SOFTPLUS && parameter == 1);
}

void test_activations(void **state) {
    VknCaps caps = rules_caps();
    VknPlanInfo info;
    (void)state;
    for (size_t i = 0; i < LENGTH(ACTIVATIONS); i++) {
        VknActivation value = vkn_activation_default(ACTIVATIONS[i].value.id);
        VknDesc desc = rules_desc();
        assert_memory_equal(&value, &ACTIVATIONS[i].value, sizeof value);
        desc.activation = value;
        rules_expect(ACTIVATIONS[i].name, rules_query(&caps, &desc, &info), VKN_SUCCESS, NULL, 0);
        for (uint32_t p = 0; p < VKN_MAX_ACTIVATION_PARAMETERS; p++) {
            const char *const words[] = {ACTIVATIONS[i].name, ACTIVATIONS[i].parameters[p], "NaN"};
            desc.activation = value;
            desc.activation.parameter[p] = NAN;
            VknResult result = rules_query(&caps, &desc, &info);
            if (words[1])
                rules_expect(ACTIVATIONS[i].name, result, VKN_ERROR_INVALID_ARGUMENT, words, 3);
            else
                rules_expect(ACTIVATIONS[i].name, result, VKN_SUCCESS, NULL, 0);
            if (words[1] && !may_be_infinite(&value, p)) {
                const char *const infinite[] = {words[0], words[1], "finite"};
                desc.activation.parameter[p] = -INFINITY;
                rules_expect(ACTIVATIONS[i].name, rules_query(&caps, &desc, &info),
                             VKN_ERROR_INVALID_ARGUMENT, infinite, 3);
            }
        }
    }
    assert_int_equal(TEST_LAST_ACTIVATION, ACTIVATIONS[LENGTH(ACTIVATIONS) - 1].value.id);
    VknActivation unknown[] = {
        vkn_activation_default((VknActivationId)(ACTIVATIONS[LENGTH(ACTIVATIONS) - 1].value.id + 1)),
        vkn_activation_default((VknActivationId)-1)};
    assert_memory_equal(&unknown[0], &(VknActivation){0}, sizeof unknown[0]);
    assert_memory_equal(&unknown[1], &(VknActivation){0}, sizeof unknown[1]);
}
