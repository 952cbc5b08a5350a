#include "generate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define BIT(role)     VKN_ROLE_BIT(VKN_ROLE_##role)

bool test_rounds_parse(int argc, char **argv, uint64_t default_count, TestRounds *rounds) {
    *rounds = (TestRounds){1, default_count};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--long") == 0) {
            rounds->count *= 20;
        } else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
            rounds->seed = strtoull(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--rounds") == 0) {
            rounds->count = strtoull(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "usage: %s [--seed N] [--rounds N] [--long]\n", argv[0]);
            return false;
        }
    }
    printf("seed %" PRIu64 ", %" PRIu64 " rounds\n", rounds->seed, rounds->count);
    return true;
}

/* ----------------------------------------------------------------------------------------- numbers */

static uint64_t mix(uint64_t z) { /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t test_random_next(TestRandom *random) {
    if (random->left < 2)
        return mix(random->state += 0x9e3779b97f4a7c15u);
    uint64_t word = random->bytes[0] | (uint64_t)random->bytes[1] << 8;
    random->bytes += 2;
    random->left -= 2;
    return mix(word << 16) << 16 | word; /* what is small comes from the bytes as they are */
}

TestRandom test_random_start(uint64_t seed) {
    TestRandom random = {.state = seed};
    random.state = test_random_next(&random);
    return random;
}

TestRandom test_random_of_bytes(const uint8_t *bytes, size_t size) {
    return (TestRandom){.bytes = bytes, .left = size};
}

uint64_t test_random_below(TestRandom *random, uint64_t limit) {
    return test_random_next(random) % limit;
}

static bool chance(TestRandom *random, uint32_t percent) {
    return test_random_below(random, 100) < percent;
}

#define PICK(random, ...)                                                                                    \
    ((const uint64_t[]){__VA_ARGS__}[test_random_below(random, LENGTH(((const uint64_t[]){__VA_ARGS__})))])

/* ------------------------------------------------------------------------------------ descriptions */

static void shape_fill(TestRandom *random, VknDesc *desc, uint64_t most) {
    uint64_t left = most;
    desc->rank = 1 + (uint32_t)test_random_below(random, VKN_MAX_RANK);
    for (uint32_t i = 0; i < desc->rank; i++)
        desc->shape[i] = 1;
    /* Axes in any order, so that any of them may be the long one. */
    for (uint32_t round = 0; round < desc->rank; round++) {
        uint32_t i = (uint32_t)test_random_below(random, desc->rank);
        if (desc->shape[i] > 1)
            continue;
        uint64_t extent = PICK(random, 1, 2, 3, 4, 4, 5, 7, 8, 12, 16, 33, 64, 100, 127, 257, 0, 0);
        if (extent == 0)
            extent = 1 + test_random_below(random, left);
        desc->shape[i] = extent < left ? extent : left;
        left /= desc->shape[i];
    }
}

static void axes_fill(TestRandom *random, VknDesc *desc) {
    uint32_t from = (uint32_t)test_random_below(random, desc->rank);
    uint32_t chosen = (uint32_t)test_random_below(random, 1u << desc->rank) | 1u << from;
    for (uint32_t i = 0; i < desc->rank; i++) {
        int32_t axis = (int32_t)((from + i) % desc->rank);
        if (chosen >> axis & 1)
            desc->kept_axes[desc->kept_axis_count++] = chance(random, 30) ? axis - (int32_t)desc->rank : axis;
    }
}

/* Strides with which no two elements share memory: axes in any order, with gaps. */
static void tensor_fill(TestRandom *random, const VknDesc *desc, VknTensor *tensor) {
    uint32_t order[VKN_MAX_RANK];
    uint64_t stride = chance(random, 20) ? 2 : 1;
    uint64_t gap_percent = PICK(random, 0, 30);
    for (uint32_t i = 0; i < desc->rank; i++)
        order[i] = i;
    bool permuted = chance(random, 70);
    for (uint32_t i = desc->rank; i-- > 0;) {
        uint32_t other = permuted ? (uint32_t)test_random_below(random, i + 1) : i, axis = order[other];
        order[other] = order[i];
        tensor->stride[axis] = stride;
        stride *= desc->shape[axis];
        if (desc->shape[axis] > 1 && chance(random, (uint32_t)gap_percent))
            stride += PICK(random, 1, 3, 4);
    }
}

static void tensors_fill(TestRandom *random, VknDesc *desc) {
    uint64_t kind = test_random_below(random, 10);
    if (kind >= 3)
        tensor_fill(random, desc, &desc->x);
    desc->y = desc->residual = desc->dx = desc->x;
    if (kind >= 6)
        tensor_fill(random, desc, &desc->y);
    for (uint32_t i = 0; kind >= 8 && i < desc->rank; i++)
        if (chance(random, 30)) /* repeated or overlapping elements of x */
            desc->x.stride[i] = PICK(random, 0, 0, 1, 2);
}

static void roles_fill(TestRandom *random, VknDesc *desc) {
    uint32_t running = chance(random, 40) ? BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE) : 0;
    uint32_t spread = chance(random, 50) ? BIT(INV_STD) : BIT(VARIANCE);
    uint32_t affine = (uint32_t)test_random_next(random) & (BIT(GAMMA) | BIT(BETA));
    uint32_t saved = ((uint32_t)test_random_next(random) & (BIT(MEAN) | spread)) | running;
    switch (desc->operation) {
    case VKN_OPERATION_TRAIN:
        desc->roles = BIT(X) | BIT(Y) | affine | saved;
        break;
    case VKN_OPERATION_APPLY:
        desc->roles = BIT(X) | BIT(Y) | affine | BIT(MEAN) | spread;
        break;
    case VKN_OPERATION_STATISTICS:
        desc->roles = BIT(X) | saved | (chance(random, 50) || !saved ? BIT(MOMENTS) : 0);
        break;
    case VKN_OPERATION_FINISH:
        desc->roles = BIT(MOMENTS) | (saved ? saved : BIT(MEAN));
        break;
    case VKN_OPERATION_TRAIN_GRADIENT:
    case VKN_OPERATION_APPLY_GRADIENT:
        desc->roles = BIT(X) | BIT(DY) | affine | BIT(MEAN) | spread | BIT(DX) | BIT(DGAMMA) | BIT(DBETA);
        break;
    case VKN_OPERATION_GRADIENT_STATISTICS:
        desc->roles = BIT(X) | BIT(DY) | affine | BIT(MEAN) | spread | BIT(SUMS);
        break;
    case VKN_OPERATION_REDUCE:
        desc->roles = BIT(X) | BIT(RESULT);
        break;
    }
}

/* Virtual batches, or a pack that channels do not fill, where the shape has room for them. */
static void modes_fill(TestRandom *random, VknDesc *desc) {
    uint32_t kept = 0, last = desc->rank - 1;
    for (uint32_t i = 0; i < desc->kept_axis_count; i++)
        kept |= 1u << (desc->kept_axes[i] + (desc->kept_axes[i] < 0 ? (int32_t)desc->rank : 0));
    bool divides = desc->operation != VKN_OPERATION_APPLY && desc->operation != VKN_OPERATION_FINISH &&
                   desc->operation != VKN_OPERATION_APPLY_GRADIENT;
    if (divides && !(kept & 1) && desc->rank < VKN_MAX_RANK && chance(random, 40)) {
        uint64_t size = 1 + test_random_below(random, desc->shape[0]);
        while (desc->shape[0] % size)
            size--;
        desc->virtual_batch_size = size;
    }
    uint32_t packs = (uint32_t)test_random_below(random, desc->rank);
    if (packs != last && kept >> packs & 1 && kept >> last & 1 && chance(random, 60)) {
        desc->packed_axis = (int32_t)packs - (chance(random, 30) ? (int32_t)desc->rank : 0);
        desc->channels = desc->shape[packs] * desc->shape[last];
        desc->channels -= chance(random, 80) ? test_random_below(random, desc->shape[last]) : 0;
    }
}

VknDesc test_random_desc(TestRandom *random, uint64_t most) {
    VknDesc desc = {.operation = (VknOperation)PICK(random, 1, 1, 1, 2, 3, 4)};
    shape_fill(random, &desc, most);
    axes_fill(random, &desc);
    tensors_fill(random, &desc);
    roles_fill(random, &desc);
    desc.epsilon = 1e-3f;
    desc.momentum_convention = (VknMomentum)test_random_below(random, 3);
    desc.momentum = 0.25f;
    desc.running_variance = (VknRunningVariance)test_random_below(random, 2);
    desc.activation =
        vkn_activation_default(test_activation_id(test_random_below(random, TEST_ACTIVATION_COUNT)));
    modes_fill(random, &desc);
    desc.moment_parts = (uint32_t)PICK(random, 1, 2, 3, 17, 64);
    return desc;
}

/* ------------------------------------------------------------------------------------ capabilities */

VknCaps test_random_caps(TestRandom *random) {
    VknCaps caps = {.max_storage_buffers = 8};
    caps.device_class = (VknDeviceClass)PICK(random, 0, 1, 1, 2, 3, 4, 5, 6, 7);
    caps.max_invocations = (uint32_t)PICK(random, 64, 64, 128, 256, 384, 1000, 1024, 1024, 1536);
    caps.max_group_count = (uint32_t)PICK(random, 1, 2, 3, 65535, 65535, INT32_MAX, UINT32_MAX);
    caps.max_shared_bytes = (uint32_t)PICK(random, 16384, 32768, 49152, 65536, 233472);
    caps.max_storage_range = PICK(random, 4096, 4096, 4097, 4099, 8192, 65536, 1u << 27, 1u << 27, 1u << 30,
                                  INT32_MAX, UINT32_MAX, UINT32_MAX);
    caps.storage_offset_alignment = (uint32_t)PICK(random, 1, 4, 16, 32, 64, 256, 256);
    caps.max_subgroup_size = (uint32_t)PICK(random, 1, 2, 4, 4, 8, 16, 32, 32, 64, 128);
    caps.subgroup_arithmetic = chance(random, 50);
    caps.subgroup_shuffle = chance(random, 70);
    caps.subgroup_size_control = chance(random, 60);
    caps.full_subgroups = caps.subgroup_size_control && chance(random, 70);
    caps.max_texels = PICK(random, 0, 0, 1, 65536, 65536, 1u << 27);
    caps.texel_offset_alignment = (uint32_t)PICK(random, 1, 16, 64, 256);
    caps.texel_reads = caps.max_texels && chance(random, 70);
    return caps;
}
