/* The cases of the comparison: batch 1, since ncnn has no batch, nothing fused. */
#include "bench_ncnn.h"

#include <string.h>

#define RELU VKN_ACTIVATION_RELU
#define GELU VKN_ACTIVATION_GELU_TANH /* which ncnn's shader computes, whatever its parameter says */

/* clang-format off */
static const NcnnCase CASES[] = {
    {"64x56x56",   "infer",      "BatchNorm",    "0=64 1=%e",        BENCH_INFER,   0, {64, 56, 56},    3.5, 3},
    {"256x56x56",  "infer",      "BatchNorm",    "0=256 1=%e",       BENCH_INFER,   0, {256, 56, 56},   3.5, 3},
    {"512x14x14",  "infer",      "BatchNorm",    "0=512 1=%e",       BENCH_INFER,   0, {512, 14, 14},   3.5, 3},
    {"2048x7x7",   "infer",      "BatchNorm",    "0=2048 1=%e",      BENCH_INFER,   0, {2048, 7, 7},    3.5, 3},
    {"256x56x56",  "train",      "InstanceNorm", "0=256 1=%e",       BENCH_TRAIN,   0, {256, 56, 56},   0, 0},
    {"256x56x56",  "group norm", "GroupNorm",    "0=32 1=256 2=%e",  BENCH_GROUP,   0, {256, 56, 56},   7, 12},
    {"197x768",    "layer norm", "LayerNorm",    "0=768 1=%e",       BENCH_LAYER,   0, {197, 768, 0},   6, 10},
    {"2048x4096",  "layer norm", "LayerNorm",    "0=4096 1=%e",      BENCH_LAYER,   0, {2048, 4096, 0}, 6, 10},
    {"512x4096",   "rms norm",   "RMSNorm",      "0=4096 1=%e",      BENCH_RMS,     0, {512, 4096, 0},  4, 7},
    {"12x197x197", "softmax",    "Softmax",      "0=2 1=1",            BENCH_SOFTMAX, 0, {12, 197, 197},  6, 2.5},
    {"256x56x56",  "relu",       "ReLU",         "0=0",          BENCH_ACTIVATION, RELU, {256, 56, 56},   6, 3.5},
    {"256x56x56",  "gelu_tanh",  "GELU",         "0=1",          BENCH_ACTIVATION, GELU, {256, 56, 56},   0, 0},
};
/* clang-format on */

const NcnnCase *ncnn_case(uint32_t index) {
    return index < sizeof CASES / sizeof *CASES ? &CASES[index] : NULL;
}

VknDesc ncnn_case_desc(const NcnnCase *c) {
    VknDesc desc;
    const uint64_t shape[4] = {1, c->shape[0], c->shape[1], c->shape[2]};
    switch (c->kind) {
    case BENCH_INFER:
        vkn_desc_batch_norm(&desc, VKN_OPERATION_APPLY, 4, shape, 1, (int32_t[]){1});
        break;
    case BENCH_GROUP:
        vkn_desc_group_norm(&desc, VKN_OPERATION_TRAIN, 4, shape, 1, 32);
        break;
    case BENCH_LAYER:
        vkn_desc_layer_norm(&desc, VKN_OPERATION_TRAIN, 2, c->shape, 1, (int32_t[]){1});
        break;
    case BENCH_RMS:
        vkn_desc_rms_norm(&desc, VKN_OPERATION_TRAIN, 2, c->shape, 1, (int32_t[]){1});
        break;
    case BENCH_SOFTMAX:
        vkn_desc_softmax(&desc, VKN_OPERATION_TRAIN, 3, c->shape, 1, (int32_t[]){2});
        break;
    case BENCH_ACTIVATION:
        vkn_desc_activation(&desc, VKN_OPERATION_APPLY, 4, shape, vkn_activation_default(c->activation));
        break;
    default: /* saves what the gradient needs and moves running statistics, too, which an instance norm does
                not */
        vkn_desc_batch_norm(&desc, VKN_OPERATION_TRAIN, 4, shape, 1, (int32_t[]){1});
        desc.roles |= VKN_ROLE_BIT(VKN_ROLE_MEAN) | VKN_ROLE_BIT(VKN_ROLE_INV_STD);
    }
    return desc;
}

uint64_t ncnn_case_weights(const NcnnCase *c, const VknDesc *desc, float *weights) {
    static const VknRole infer[] = {VKN_ROLE_GAMMA, VKN_ROLE_MEAN, VKN_ROLE_VARIANCE, VKN_ROLE_BETA},
                         norm[] = {VKN_ROLE_GAMMA, VKN_ROLE_BETA};
    const VknRole *roles = c->kind == BENCH_INFER ? infer : norm;
    uint64_t each = c->kind == BENCH_LAYER || c->kind == BENCH_RMS ? c->shape[1] : c->shape[0], count = 0;
    for (uint32_t k = 0; k < (c->kind == BENCH_INFER ? 4 : 2); k++)
        for (uint64_t i = 0; i < each && desc->roles & VKN_ROLE_BIT(roles[k]); i++, count++)
            if (weights)
                weights[count] = (float)bench_value(desc, roles[k], i);
    return count;
}
