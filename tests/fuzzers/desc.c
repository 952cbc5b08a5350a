/* Descriptions and devices in which anything may stand: each is refused with a reason, or has a schedule that
 * keeps every rule. */
#include "desc.h"
#include "fuzzer.h"
#include "generate.h"
#include "invariants.h"
#include "strategy.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* ----------------------------------------------------------------------------------------- what is fuzzed */

typedef enum Kind { BOOL, WORD, LONG, REAL } Kind;

typedef struct Field {
    size_t offset, size;
    Kind kind;
} Field;

#define FIELD(type, kind, name)                                                                              \
    { offsetof(type, name), sizeof((type *)0)->name, kind }
#define DESC(kind, name) FIELD(VknDesc, kind, name)
#define CAPS(kind, name) FIELD(VknCaps, kind, name)

static const Field desc_fields[] = {
    DESC(WORD, operation),
    DESC(WORD, rank),
    DESC(LONG, shape),
    DESC(WORD, kept_axis_count),
    DESC(WORD, kept_axes),
    DESC(WORD, statistic),
    DESC(REAL, power),
    DESC(BOOL, last_index),
    DESC(WORD, parameter_axis_count),
    DESC(WORD, parameter_axes),
    DESC(WORD, roles),
    DESC(WORD, x.type),
    DESC(LONG, x.stride),
    DESC(WORD, y.type),
    DESC(LONG, y.stride),
    DESC(WORD, residual.type),
    DESC(LONG, residual.stride),
    DESC(WORD, dx.type),
    DESC(LONG, dx.stride),
    DESC(WORD, residual_use),
    DESC(LONG, mask_stride),
    DESC(REAL, count_epsilon),
    DESC(LONG, virtual_batch_size),
    DESC(LONG, channels),
    DESC(WORD, packed_axis),
    DESC(REAL, renorm_momentum),
    DESC(REAL, renorm_r_min),
    DESC(REAL, renorm_r_max),
    DESC(REAL, renorm_d_max),
    DESC(REAL, epsilon),
    DESC(WORD, momentum_convention),
    DESC(REAL, momentum),
    DESC(WORD, running_variance),
    DESC(WORD, activation.id),
    DESC(REAL, activation.parameter),
    DESC(WORD, prologue.id),
    DESC(REAL, prologue.parameter),
    DESC(BOOL, accumulate),
    DESC(WORD, moment_parts),
    DESC(WORD, strategy),
};

static const Field caps_fields[] = {
    CAPS(WORD, device_class),
    CAPS(WORD, max_invocations),
    CAPS(WORD, max_group_count),
    CAPS(WORD, max_shared_bytes),
    CAPS(LONG, max_storage_range),
    CAPS(WORD, max_storage_buffers),
    CAPS(WORD, storage_offset_alignment),
    CAPS(WORD, max_subgroup_size),
    CAPS(BOOL, subgroup_arithmetic),
    CAPS(BOOL, subgroup_shuffle),
    CAPS(BOOL, subgroup_size_control),
    CAPS(BOOL, full_subgroups),
};

static uint64_t draw_integer(TestRandom *random) {
    switch (test_random_below(random, 4)) {
    case 0:
        return test_random_below(random, 20);
    case 1: /* -8 to 8, and powers of two and their neighbours */
        return test_random_below(random, 17) - 8;
    case 2:
        return ((uint64_t)1 << test_random_below(random, 64)) + test_random_below(random, 3) - 1;
    default:
        return test_random_next(random);
    }
}

static float draw_real(TestRandom *random) {
    static const float SPECIAL[] = {0,   -0.0f,    1,         0.5f,    2,       -1,
                                    NAN, INFINITY, -INFINITY, FLT_MAX, FLT_MIN, 1e-45f};
    uint32_t bits = (uint32_t)test_random_next(random);
    float real;
    memcpy(&real, &bits, sizeof real);
    uint64_t special = test_random_below(random, LENGTH(SPECIAL) + 1);
    return special < LENGTH(SPECIAL) ? SPECIAL[special] : real;
}

/* Puts anything into one of the fields. */
static void change(TestRandom *random, void *whole, const Field *fields, size_t count) {
    static const size_t SIZES[] = {[BOOL] = sizeof(bool), [WORD] = 4, [LONG] = 8, [REAL] = sizeof(float)};
    const Field *field = &fields[test_random_below(random, count)];
    size_t size = SIZES[field->kind], index = test_random_below(random, field->size / size);
    char *at = (char *)whole + field->offset + index * size;
    uint64_t integer = draw_integer(random);
    float real = draw_real(random);
    uint32_t word = (uint32_t)integer;
    switch (field->kind) {
    case BOOL:
        *(bool *)at = integer & 1;
        break;
    case WORD:
        memcpy(at, &word, sizeof word);
        break;
    case LONG:
        memcpy(at, &integer, sizeof integer);
        break;
    case REAL:
        memcpy(at, &real, sizeof real);
        break;
    }
}

/* A description that is right, of any member of the family. */
static VknDesc draw_desc(TestRandom *random) {
    VknDesc desc = test_random_desc(random, (uint64_t)1 << test_random_below(random, 18));
    VknDesc like = desc;
    VknOperation operation = (VknOperation)(1 + test_random_below(random, VKN_OPERATION_REDUCE));
    uint64_t which = test_random_below(random, 12);
    VknActivation activation =
        vkn_activation_default(test_activation_id(test_random_below(random, TEST_ACTIVATION_COUNT)));
#define SHAPE like.rank, like.shape
#define AXES  like.kept_axis_count, like.kept_axes
    switch (which) {
    case 0:
        vkn_desc_batch_norm(&desc, operation, SHAPE, AXES);
        break;
    case 1:
        vkn_desc_layer_norm(&desc, operation, SHAPE, AXES);
        break;
    case 2:
        vkn_desc_rms_norm(&desc, operation, SHAPE, AXES);
        break;
    case 3:
        vkn_desc_group_norm(&desc, operation, SHAPE, like.kept_axes[0], 1 + test_random_below(random, 4));
        break;
    case 4:
        vkn_desc_lp_norm(&desc, operation, SHAPE, AXES, 1 + (float)test_random_below(random, 3));
        break;
    case 5:
        vkn_desc_softmax(&desc, operation, SHAPE, AXES);
        break;
    case 6:
        vkn_desc_log_softmax(&desc, operation, SHAPE, AXES);
        break;
    case 7:
        vkn_desc_activation(&desc, operation, SHAPE, activation);
        break;
    case 8:
        vkn_desc_reduce(&desc, (VknStatistic)test_random_below(random, VKN_STATISTIC_PRODUCT + 1), SHAPE,
                        AXES);
        break;
    default:
        break;
    }
    return desc;
}

/* ----------------------------------------------------------------------------------------------- checks */

static char message[1024];
static int64_t live;

static void log_write(void *user, VknLogLevel level, const char *text) {
    (void)user, (void)level;
    snprintf(message, sizeof message, "%s", text);
}

/* No schedule is larger than this: who asks for more does not know an end. */
static void *allocate(void *user, size_t size, size_t alignment, VkSystemAllocationScope scope) {
    (void)user, (void)alignment, (void)scope;
    FUZZ_REQUIRE(size <= 64 << 20, "%zu bytes\n", size);
    live++;
    return malloc(size);
}

static void release(void *user, void *block) {
    (void)user;
    live -= block != NULL;
    free(block);
}

static const VkAllocationCallbacks callbacks = {.pfnAllocation = allocate, .pfnFree = release};
static const VknHost host = {&callbacks, {log_write, NULL}};

/* Whether a call has succeeded, in silence, and not failed without a word. */
static bool is_clear(VknResult result) {
    FUZZ_REQUIRE(result == VKN_SUCCESS || result == VKN_ERROR_INVALID_ARGUMENT ||
                     result == VKN_ERROR_UNSUPPORTED,
                 "%s, %s\n", vkn_result_name(result), message);
    FUZZ_REQUIRE((result == VKN_SUCCESS) == !message[0], "%s, \"%s\"\n", vkn_result_name(result), message);
    FUZZ_REQUIRE(!strstr(message, "(null)"), "%s\n", message);
    message[0] = 0;
    return result == VKN_SUCCESS;
}

static bool check_resolve(const VknDesc *desc) {
    VknDesc resolved, again;
    memset(&resolved, 0xA5, sizeof resolved);
    if (!is_clear(vkn_desc_resolve(&host, desc, &resolved)))
        return false;
    FUZZ_REQUIRE(is_clear(vkn_desc_resolve(&host, &resolved, &again)), "one form is another's input\n");
    FUZZ_REQUIRE(memcmp(&resolved, &again, sizeof again) == 0, "resolved twice\n");
    return true;
}

/* What a message of the oracle is about. */
static void print(const VknCaps *c, const VknDesc *d) {
    fprintf(stderr, "operation %d, roles 0x%x, statistic %d, strategy %u, parts %u, residual use %d\n",
            (int)d->operation, d->roles, (int)d->statistic, d->strategy, d->moment_parts,
            (int)d->residual_use);
    fprintf(stderr, "virtual batch %" PRIu64 ", channels %" PRIu64 " packed along %d, types %d %d %d %d\n",
            d->virtual_batch_size, d->channels, d->packed_axis, (int)d->x.type, (int)d->y.type,
            (int)d->residual.type, (int)d->dx.type);
    for (uint32_t i = 0; i < d->rank; i++)
        fprintf(stderr,
                "axis %u: %" PRIu64 ", strides %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 ", mask %" PRIu64
                "\n",
                i, d->shape[i], d->x.stride[i], d->y.stride[i], d->residual.stride[i], d->dx.stride[i],
                d->mask_stride[i]);
    for (uint32_t i = 0; i < d->kept_axis_count; i++)
        fprintf(stderr, "keeps %d\n", d->kept_axes[i]);
    for (uint32_t i = 0; i < d->parameter_axis_count; i++)
        fprintf(stderr, "parameters along %d\n", d->parameter_axes[i]);
    fprintf(stderr,
            "invocations %u, groups %u, range %" PRIu64
            ", alignment %u, subgroup %u, add %d, shuffle %d, full %d\n",
            c->max_invocations, c->max_group_count, c->max_storage_range, c->storage_offset_alignment,
            c->max_subgroup_size, c->subgroup_arithmetic, c->subgroup_shuffle, c->full_subgroups);
}

static void check_schedule(const VknCaps *caps, const VknDesc *desc, bool resolves) {
    VknSchedule schedule;
    uint32_t step;
    memset(&schedule, 0xA5, sizeof schedule);
    if (!is_clear(vkn_schedule_make(&host, caps, desc, &schedule))) {
        FUZZ_REQUIRE(!schedule.steps && !schedule.step_count, "what failed is not empty\n");
    } else {
        const char *broken = test_invariant_broken(&schedule, caps, &step);
        FUZZ_REQUIRE(resolves, "scheduled, but not resolved\n");
        if (broken)
            print(caps, &schedule.desc);
        FUZZ_REQUIRE(!broken, "step %u of %u: %s\n", step, schedule.step_count, broken);
        vkn_schedule_free(&host, &schedule);
    }
    FUZZ_REQUIRE(live == 0, "%d allocations are left\n", (int)live);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    TestRandom random = test_random_of_bytes(bytes, size);
    VknDesc desc = draw_desc(&random);
    VknCaps caps = test_random_caps(&random);
    for (uint64_t left = test_random_below(&random, 6); left > 0; left--)
        change(&random, &desc, desc_fields, LENGTH(desc_fields));
    if (test_random_below(&random, 4) == 0)
        change(&random, &caps, caps_fields, LENGTH(caps_fields));
    bool resolves = check_resolve(&desc);
    check_schedule(&caps, &desc, resolves);
    desc.strategy = (uint32_t)test_random_below(&random, vkn_strategy_count + 1);
    check_schedule(&caps, &desc, check_resolve(&desc));
    return 0;
}
