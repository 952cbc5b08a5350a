/* Conversions, exhaustively: every f16 and bf16 value is read exactly, and what is written rounds to nearest,
 * ties to even, at every value, every midpoint between neighbours and just beside it; above the largest
 * number comes infinity. APPLY with mean 0 and inverse deviation 1 is the identity. */
#include "compute.h"

#include "number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)
#define HALVES    65536

static VknRuntime *runtime;
static uint32_t passed, failed;

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR)
        printf("    %s\n", message);
}

/* Copies `count` numbers of one type to another; a column each, or all of one row. */
static void convert(VknType from, VknType to, uint32_t count, bool last, void *x, void *y) {
    float zero = 0, one = 1;
    VknDesc desc;
    vkn_desc_batch_norm(&desc, VKN_OPERATION_APPLY, 2, (uint64_t[]){last ? count : 1, last ? 1 : count}, 1,
                        (int32_t[]){last ? 1 : 0});
    desc.roles = BIT(X) | BIT(Y) | BIT(MEAN) | BIT(INV_STD);
    desc.x.type = from;
    desc.y.type = to;
    compute(runtime, &desc,
            &(ComputeData){
                .memory = {
                    [VKN_ROLE_X] = x, [VKN_ROLE_Y] = y, [VKN_ROLE_MEAN] = &zero, [VKN_ROLE_INV_STD] = &one}});
}

static const char *name_of(VknType type) {
    return type == VKN_TYPE_F16 ? "f16" : "bf16";
}

static void count(bool right) {
    *(right ? &passed : &failed) += 1;
}

/* Denormals of f32 may be flushed, and bf16 has the same. */
static bool is_same(double got, double want) {
    return (isnan(got) && isnan(want)) || got == want || (got == 0 && fabs(want) < 0x1p-126);
}

static void check_read(VknType type) {
    static uint16_t halves[HALVES];
    static float read[HALVES];
    bool right = true;
    for (uint32_t i = 0; i < HALVES; i++)
        halves[i] = (uint16_t)i;
    convert(type, VKN_TYPE_F32, HALVES, type == VKN_TYPE_F16, halves, read);
    for (uint32_t i = 0; i < HALVES && right; i++) {
        double want = test_decode(type, (const uint8_t *)halves, i);
        right = is_same(read[i], want);
        if (!right)
            printf("FAILED: %s 0x%04x is read as %.9g, not %.9g\n", name_of(type), i, read[i], want);
    }
    count(right);
}

/* Of a finite positive half and its neighbour: both, the midpoint, and the f32 on either side of it. */
static void check_written(VknType type) {
    static float wide[5 * HALVES];
    static uint16_t written[5 * HALVES];
    const uint32_t infinity = type == VKN_TYPE_F16 ? 0x7C00 : 0x7F80;
    uint32_t total = 0;
    bool right = true;
    for (uint32_t i = 0; i < infinity; i++) {
        uint16_t pair[] = {(uint16_t)i, (uint16_t)(i + 1)};
        double low = test_decode(type, (uint8_t *)pair, 0), high = test_decode(type, (uint8_t *)pair, 1);
        high =
            isinf(high) ? 2 * low - test_decode(type, (uint8_t *)(uint16_t[]){(uint16_t)(i - 1)}, 0) : high;
        float middle = (float)((low + high) / 2), sign = i % 2 ? -1 : 1;
        float values[] = {(float)low, (float)high, middle, nextafterf(middle, 0),
                          nextafterf(middle, INFINITY)};
        for (int k = 0; k < 5; k++)
            wide[total++] = sign * values[k];
    }
    convert(VKN_TYPE_F32, type, total, type == VKN_TYPE_BF16, wide, written);
    for (uint32_t i = 0; i < total && right; i++) {
        double magnitude = test_round(type, fabs((double)wide[i]));
        double largest = type == VKN_TYPE_F16 ? 65504 : 0x1.FEp127;
        double want = copysign(magnitude > largest ? INFINITY : magnitude, wide[i]);
        double got = test_decode(type, (const uint8_t *)written, i);
        right = is_same(got, want) || (type == VKN_TYPE_BF16 && fabs(want) <= 0x1p-126 && got == 0);
        if (!right)
            printf("FAILED: %.9g is written to %s as %.9g, not %.9g\n", wide[i], name_of(type), got, want);
    }
    count(right);
}

static void check_special(VknType type) {
    float wide[] = {INFINITY, -INFINITY, NAN, 1e30f, -3e38f, 65519.996f, 65520, -0.0f};
    enum { TOTAL = sizeof wide / sizeof *wide };
    uint16_t written[TOTAL];
    bool half = type == VKN_TYPE_F16;
    const double want[TOTAL] = {INFINITY,
                                -INFINITY,
                                NAN,
                                half ? INFINITY : test_round(type, 1e30f),
                                half ? -INFINITY : test_round(type, -3e38f),
                                half ? 65504 : 65536,
                                half ? INFINITY : 65536,
                                0};
    convert(VKN_TYPE_F32, type, TOTAL, false, wide, written);
    bool right = true;
    for (uint32_t i = 0; i < TOTAL; i++)
        right = right && is_same(test_decode(type, (const uint8_t *)written, i), want[i]);
    if (!right)
        printf("FAILED: infinities, NaN and overflow in %s\n", name_of(type));
    count(right);
}

int main(int argc, char **argv) {
    VknRuntimeDesc desc = {.log = {log_write, NULL}};
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--validation"))
            desc.validation = true;
        else if (!strcmp(argv[i], "--device") && i + 1 < argc)
            desc.device = argv[++i];
        else
            return fprintf(stderr, "usage: types [--device NAME] [--validation]\n"), 2;
    }
    if (vkn_runtime_create(&desc, &runtime) != VKN_SUCCESS)
        return 2;
    for (VknType type = VKN_TYPE_F16; type <= VKN_TYPE_BF16; type++) {
        check_read(type);
        check_written(type);
        check_special(type);
    }
    uint32_t messages = vkn_runtime_validation_count(runtime);
    vkn_runtime_destroy(runtime);
    if (messages)
        printf("%u validation messages\n", messages);
    printf("%u passed, %u failed, 0 skipped\n", passed, failed + (messages > 0));
    return failed || messages;
}
