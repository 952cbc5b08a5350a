/* What is measured. Shapes are those of the networks' normalizations; convolutional ones at batch 8, which
 * is what the targets were set for. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(operation) (1u << BENCH_##operation)

#define BATCH_NORM (BIT(TRAIN) | BIT(INFER) | BIT(GRADIENT))
#define RESIDUAL   (BIT(TRAIN_ADD) | BIT(GRADIENT_ADD))
#define LAYER_NORM (BIT(LAYER) | BIT(LAYER_GRADIENT))
#define RMS_NORM   (BIT(RMS) | BIT(RMS_GRADIENT))
#define GROUP_NORM (BIT(GROUP) | BIT(GROUP_GRADIENT))
#define SOFTMAX    (BIT(SOFTMAX) | BIT(SOFTMAX_GRADIENT))
#define ACTIVATION (BIT(ACTIVATION) | BIT(ACTIVATION_GRADIENT))

typedef struct Row {
    const char *suite;
    uint64_t shape[4]; /* N, C, H, W; or N, rows, length; or rows, length */
    uint32_t operations;
    VknActivationId activation; /* of batch and group norms and of what is an activation alone */
    uint32_t thin;              /* operations that are in the thinned form of the suites: f32, NCHW */
    bool thin_layouts;          /* there with f16 and NHWC, too */
} Row;

#define RELU VKN_ACTIVATION_RELU
#define SILU VKN_ACTIVATION_SILU
#define GELU VKN_ACTIVATION_GELU
#define NONE VKN_ACTIVATION_IDENTITY

/* clang-format off */
static const Row ROWS[] = {
    {"resnet50", {8, 64, 112, 112}, BATCH_NORM, RELU, BIT(INFER), false},
    {"resnet50", {8, 64, 56, 56},   BATCH_NORM, RELU, BATCH_NORM, true},
    {"resnet50", {8, 128, 56, 56},  BATCH_NORM, RELU, 0, false},
    {"resnet50", {8, 256, 56, 56},  BATCH_NORM | RESIDUAL, RELU, BATCH_NORM | RESIDUAL, false},
    {"resnet50", {8, 128, 28, 28},  BATCH_NORM, RELU, BATCH_NORM, false},
    {"resnet50", {8, 256, 28, 28},  BATCH_NORM, RELU, 0, false},
    {"resnet50", {8, 512, 28, 28},  BATCH_NORM, RELU, 0, false},
    {"resnet50", {8, 256, 14, 14},  BATCH_NORM, RELU, 0, false},
    {"resnet50", {8, 512, 14, 14},  BATCH_NORM, RELU, 0, false},
    {"resnet50", {8, 1024, 14, 14}, BATCH_NORM | RESIDUAL, RELU, BATCH_NORM, false},
    {"resnet50", {8, 512, 7, 7},    BATCH_NORM, RELU, 0, false},
    {"resnet50", {8, 2048, 7, 7},   BATCH_NORM | RESIDUAL, RELU, BATCH_NORM, false},
    {"resnet50", {1, 64, 56, 56},   BIT(INFER), RELU, 0, false},
    {"resnet50", {1, 256, 56, 56},  BIT(INFER), RELU, BIT(INFER), false},
    {"resnet50", {1, 512, 14, 14},  BIT(INFER), RELU, 0, false},
    {"resnet50", {1, 2048, 7, 7},   BIT(INFER), RELU, BIT(INFER), false},

    {"densenet121", {8, 64, 56, 56},   BATCH_NORM, RELU, 0, false},
    {"densenet121", {8, 96, 56, 56},   BATCH_NORM, RELU, 0, false},
    {"densenet121", {8, 224, 56, 56},  BATCH_NORM, RELU, 0, false},
    {"densenet121", {8, 128, 28, 28},  BATCH_NORM, RELU, 0, false},
    {"densenet121", {8, 480, 28, 28},  BATCH_NORM, RELU, BIT(TRAIN), false},
    {"densenet121", {8, 256, 14, 14},  BATCH_NORM, RELU, 0, false},
    {"densenet121", {8, 992, 14, 14},  BATCH_NORM, RELU, BIT(TRAIN), false},
    {"densenet121", {8, 512, 7, 7},    BATCH_NORM, RELU, 0, false},
    {"densenet121", {8, 1024, 7, 7},   BATCH_NORM, RELU, BIT(TRAIN), false},

    {"mobilenetv2", {8, 32, 112, 112}, BATCH_NORM, RELU, 0, false},
    {"mobilenetv2", {8, 96, 112, 112}, BATCH_NORM, RELU, BIT(TRAIN), false},
    {"mobilenetv2", {8, 24, 56, 56},   BATCH_NORM, NONE, 0, false},
    {"mobilenetv2", {8, 144, 56, 56},  BATCH_NORM, RELU, 0, false},
    {"mobilenetv2", {8, 192, 28, 28},  BATCH_NORM, RELU, BIT(TRAIN), false},
    {"mobilenetv2", {8, 384, 14, 14},  BATCH_NORM, RELU, BIT(GRADIENT), false},
    {"mobilenetv2", {8, 576, 14, 14},  BATCH_NORM, RELU, 0, false},
    {"mobilenetv2", {8, 960, 7, 7},    BATCH_NORM, RELU, 0, false},
    {"mobilenetv2", {8, 1280, 7, 7},   BATCH_NORM, RELU, 0, false},

    {"transformer", {197, 768},      LAYER_NORM, NONE, BIT(LAYER), false},
    {"transformer", {512, 1024},     LAYER_NORM | RMS_NORM, NONE, LAYER_NORM, false},
    {"transformer", {2048, 4096},    LAYER_NORM | RMS_NORM, NONE, BIT(LAYER) | RMS_NORM, false},
    {"transformer", {512, 4096},     RMS_NORM, NONE, BIT(RMS), false},
    {"transformer", {12, 197, 197},  SOFTMAX, NONE, SOFTMAX, false},
    {"transformer", {16, 512, 512},  SOFTMAX, NONE, BIT(SOFTMAX), false},
    {"transformer", {32, 50257},     SOFTMAX, NONE, BIT(SOFTMAX), false},
    {"transformer", {2048, 3072},    ACTIVATION, GELU, ACTIVATION, false},

    {"unet", {1, 320, 64, 64},    GROUP_NORM, SILU, GROUP_NORM, true},
    {"unet", {1, 256, 56, 56},    GROUP_NORM, NONE, BIT(GROUP), false},
    {"unet", {2, 640, 32, 32},    GROUP_NORM, SILU, 0, false},
    {"unet", {2, 1280, 16, 16},   GROUP_NORM, SILU, BIT(GROUP), false},
    {"unet", {2, 1280, 8, 8},     GROUP_NORM, SILU, 0, false},
    {"unet", {1, 128, 256, 256},  GROUP_NORM, SILU, 0, false},

    {"reductions", {8, 256, 56, 56}, BIT(REDUCE) | ACTIVATION, RELU, BIT(REDUCE) | BIT(ACTIVATION), false},
    {"reductions", {2048, 4096},     BIT(REDUCE), NONE, BIT(REDUCE), false},
    {"reductions", {8, 2048, 7, 7},  BIT(REDUCE), NONE, 0, false},

    {"small", {1, 16, 14, 14},  BATCH_NORM | GROUP_NORM, RELU, BIT(TRAIN), false},
    {"small", {1, 64, 7, 7},    BATCH_NORM | GROUP_NORM, RELU, 0, false},
    {"small", {32, 10},         SOFTMAX | LAYER_NORM, NONE, BIT(SOFTMAX), false},
    {"small", {64, 128},        SOFTMAX | LAYER_NORM | RMS_NORM | ACTIVATION, RELU, BIT(LAYER) | BIT(ACTIVATION), false},

    {"huge", {16, 64, 256, 256}, BATCH_NORM, RELU, BIT(TRAIN) | BIT(INFER), false},
};
/* clang-format on */

static const char *const ACTIVATION_NAMES[] = {
    [NONE] = "identity", [RELU] = "relu", [SILU] = "silu", [GELU] = "gelu"};

#define ROW_COUNT (sizeof ROWS / sizeof *ROWS)

const char *bench_operation_name(BenchOperation operation) {
    static const char *const names[BENCH_OPERATION_COUNT] = {
        "train",        "infer",      "gradient",    "train add",  "grad add",   "layer norm",
        "layer grad",   "rms norm",   "rms grad",    "group norm", "group grad", "softmax",
        "softmax grad", "activation", "activ. grad", "reduce sum"};
    return names[operation];
}

const char *bench_suite_name(uint32_t index) {
    for (uint32_t i = 0; i < ROW_COUNT; i++)
        if ((i == 0 || strcmp(ROWS[i].suite, ROWS[i - 1].suite) != 0) && index-- == 0)
            return ROWS[i].suite;
    return NULL;
}

static uint32_t rank_of(const Row *row) {
    return row->shape[3] ? 4 : row->shape[2] ? 3 : 2;
}

static VknDesc desc_of(const Row *row, BenchOperation operation, bool channels_last) {
    VknDesc desc;
    uint32_t rank = rank_of(row);
    const int32_t last[1] = {(int32_t)rank - 1};
    const uint64_t *shape = row->shape, nhwc[4] = {shape[0], shape[2], shape[3], shape[1]};
    VknOperation pass = VKN_OPERATION_TRAIN;
    switch (operation) {
    case BENCH_INFER:
        vkn_desc_batch_norm(&desc, VKN_OPERATION_APPLY, rank, channels_last ? nhwc : shape, 1,
                            &(int32_t){channels_last ? 3 : 1});
        break;
    case BENCH_GRADIENT:
    case BENCH_GRADIENT_ADD:
        pass = VKN_OPERATION_TRAIN_GRADIENT; /* fall through */
    case BENCH_TRAIN:
    case BENCH_TRAIN_ADD:
        vkn_desc_batch_norm(&desc, pass, rank, channels_last ? nhwc : shape, 1,
                            &(int32_t){channels_last ? 3 : 1});
        if (pass == VKN_OPERATION_TRAIN) /* what the gradient needs */
            desc.roles |= VKN_ROLE_BIT(VKN_ROLE_MEAN) | VKN_ROLE_BIT(VKN_ROLE_INV_STD);
        if (operation == BENCH_TRAIN_ADD || operation == BENCH_GRADIENT_ADD)
            desc.roles |= VKN_ROLE_BIT(VKN_ROLE_RESIDUAL);
        if (operation == BENCH_GRADIENT_ADD)
            desc.roles |= VKN_ROLE_BIT(VKN_ROLE_DRESIDUAL);
        break;
    case BENCH_LAYER_GRADIENT:
        pass = VKN_OPERATION_TRAIN_GRADIENT; /* fall through */
    case BENCH_LAYER:
        vkn_desc_layer_norm(&desc, pass, rank, shape, 1, last);
        break;
    case BENCH_RMS_GRADIENT:
        pass = VKN_OPERATION_TRAIN_GRADIENT; /* fall through */
    case BENCH_RMS:
        vkn_desc_rms_norm(&desc, pass, rank, shape, 1, last);
        break;
    case BENCH_GROUP_GRADIENT:
        pass = VKN_OPERATION_TRAIN_GRADIENT; /* fall through */
    case BENCH_GROUP:
        vkn_desc_group_norm(&desc, pass, rank, channels_last ? nhwc : shape, channels_last ? 3 : 1,
                            shape[1] < 32 ? 8 : 32);
        break;
    case BENCH_SOFTMAX_GRADIENT:
        pass = VKN_OPERATION_TRAIN_GRADIENT; /* fall through */
    case BENCH_SOFTMAX:
        vkn_desc_softmax(&desc, pass, rank, shape, 1, last);
        return desc;
    case BENCH_ACTIVATION:
        vkn_desc_activation(&desc, VKN_OPERATION_APPLY, rank, shape, vkn_activation_default(row->activation));
        return desc;
    case BENCH_ACTIVATION_GRADIENT:
        vkn_desc_activation(&desc, VKN_OPERATION_APPLY_GRADIENT, rank, shape,
                            vkn_activation_default(row->activation));
        return desc;
    case BENCH_REDUCE: /* each plane or row */
        vkn_desc_reduce(&desc, VKN_STATISTIC_SUM, rank, shape, rank == 4 ? 2 : 1,
                        rank == 4 ? (const int32_t[]){2, 3} : last);
        return desc;
    case BENCH_OPERATION_COUNT:
        break;
    }
    desc.activation = vkn_activation_default(row->activation);
    return desc;
}

/* The targets, which were set for f32, and for tensors of 1 MB and more: below that, submitting is what takes
 * the time. A GPU is held against the reads that the hardware cannot avoid: two reads and a write of a
 * training norm (0.9 * 2 / 3 of a copy), twice two reads and a write of its gradient (0.9 * 3 / 5), one read
 * and a write where a row fits on chip. */
static BenchTarget target_of(const Row *row, BenchOperation operation) {
    uint64_t plane = row->shape[2] * row->shape[3], count = 1;
    for (uint32_t i = 0; i < rank_of(row); i++)
        count *= row->shape[i];
    if (count < 1 << 18)
        return (BenchTarget){0, 0, 0};
    switch (operation) {
    case BENCH_TRAIN:
        if (plane >= 56 * 56 && row->shape[0] >= 8)
            return (BenchTarget){0.58, 0.72, 0.6};
        if (plane == 14 * 14)
            return (BenchTarget){0.5, 0.65, 0.6};
        if (plane == 7 * 7)
            return (BenchTarget){0.4, 0.6, 0.6};
        break;
    case BENCH_INFER:
        return (BenchTarget){count >= 400000 ? 0.95 : 0, count >= 400000 ? 0.9 : 0,
                             count >= 1 << 24 ? 0.92 : 0};
    case BENCH_GRADIENT:
        return (BenchTarget){0.45, 0.6, 0.54};
    case BENCH_LAYER:
    case BENCH_RMS:
    case BENCH_GROUP:
        return (BenchTarget){0.5, 0.7, 0.9};
    case BENCH_SOFTMAX:
        return (BenchTarget){0.4, 0.5, 0.9};
    case BENCH_TRAIN_ADD:
    case BENCH_GRADIENT_ADD:
    case BENCH_LAYER_GRADIENT:
    case BENCH_RMS_GRADIENT:
    case BENCH_GROUP_GRADIENT:
    case BENCH_SOFTMAX_GRADIENT:
    case BENCH_ACTIVATION:
    case BENCH_ACTIVATION_GRADIENT:
    case BENCH_REDUCE:
    case BENCH_OPERATION_COUNT:
        break;
    }
    return (BenchTarget){0, 0, 0};
}

static void name_case(BenchCase *made, const Row *row, const char *layout) {
    size_t length = 0;
    for (uint32_t i = 0; i < rank_of(row); i++)
        length += (size_t)snprintf(made->name + length, sizeof made->name - length, "%s%llu", i ? "x" : "",
                                   (unsigned long long)row->shape[i]);
    snprintf(made->name + length, sizeof made->name - length, "%s", layout);
}

static BenchCase case_of(const Row *row, BenchOperation operation, bool channels_last, bool half) {
    BenchCase made = {.suite = row->suite,
                      .operation = operation,
                      .type = half ? "f16" : "f32",
                      .activation = ACTIVATION_NAMES[row->activation]};
    made.batched = strcmp(row->suite, "small") == 0;
    made.planes = (BATCH_NORM | RESIDUAL) >> operation & 1 && !channels_last;
    made.desc = desc_of(row, operation, channels_last);
    made.desc.x.type = made.desc.dx.type = made.desc.y.type = made.desc.residual.type =
        half ? VKN_TYPE_F16 : VKN_TYPE_F32;
    if (operation == BENCH_REDUCE)
        made.desc.y.type = VKN_TYPE_F32;
    if (!half)
        made.target = target_of(row, operation);
    name_case(&made, row, channels_last ? " nhwc" : made.planes ? " nchw" : "");
    return made;
}

BenchCase *bench_suite(const char *suite, uint32_t *count) {
    BenchCase *cases = calloc(ROW_COUNT * BENCH_OPERATION_COUNT * 4, sizeof *cases);
    *count = 0;
    for (const Row *row = ROWS; cases && row < ROWS + ROW_COUNT; row++) {
        if (suite && strcmp(suite, "all") != 0 && strcmp(suite, row->suite) != 0)
            continue;
        uint32_t operations = suite ? row->operations : row->thin;
        for (uint32_t i = 0; i < BENCH_OPERATION_COUNT * 4; i++) {
            BenchOperation operation = (BenchOperation)(i / 4);
            bool channels_last = i & 1, half = i & 2;
            if (!(operations >> operation & 1) || (!suite && i % 4 && !row->thin_layouts))
                continue;
            if (channels_last && !((BATCH_NORM | RESIDUAL | GROUP_NORM) >> operation & 1))
                continue;
            cases[(*count)++] = case_of(row, operation, channels_last, half);
        }
    }
    if (*count)
        return cases;
    free(cases);
    return NULL;
}
