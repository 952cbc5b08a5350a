#include "problem_run.h"

#include "number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)
#define GUARD     32 /* bytes around each buffer */

void problem_require(VknResult result, const char *what) {
    if (result == VKN_SUCCESS)
        return;
    printf("FAILED: %s: %s\n", what, vkn_result_name(result));
    exit(1);
}

/* --------------------------------------------------------------------------------------------- memory */

/* The bytes of a role's buffer, on the host, guards included. */
typedef struct Image {
    uint8_t *bytes;
    uint64_t size, skew;
    VknBuffer whole, bound;
} Image;

static VknType type_of(const Problem *p, uint32_t role) {
    const VknTensor *tensor = problem_tensor(p, role);
    return role == VKN_ROLE_RESULT ? p->desc.y.type : tensor ? tensor->type : VKN_TYPE_F32;
}

static void image_create(VknRuntime *runtime, Image *image, uint64_t size, uint64_t skew) {
    image->skew = GUARD + skew;
    image->size = size + 2 * GUARD + skew;
    image->bytes = malloc(image->size);
    if (!image->bytes)
        exit(2);
    memset(image->bytes, 0xFF, image->size); /* NaN in every type */
    problem_require(vkn_runtime_buffer_create(runtime, image->size, &image->whole), "buffer");
    image->bound = (VknBuffer){image->whole.buffer, image->whole.offset + image->skew, size};
}

static void image_destroy(VknRuntime *runtime, Image *image) {
    vkn_runtime_buffer_destroy(runtime, image->whole.buffer);
    free(image->bytes);
    *image = (Image){0};
}

static void image_fill(const Problem *p, uint32_t role, Image *image) {
    for (uint64_t i = 0; i < problem_count(p, role); i++) {
        uint8_t *at = image->bytes + image->skew;
        if (!problem_exists(p, role, i))
            continue;
        if (role == VKN_ROLE_MASK)
            at[problem_place(p, role, i)] = p->given[role][i] != 0 ? (uint8_t)(1 + i % 255) : 0;
        else
            test_encode(type_of(p, role), at, problem_place(p, role, i), p->given[role][i]);
    }
}

/* ----------------------------------------------------------------------------------------- comparison */

static bool is_near(double got, double want, double slack) {
    return isnan(want) ? isnan(got) : got == want || fabs(got - want) <= slack;
}

/* Compares what was written, and puts back what was there: then the image is as it began. */
static bool compare(const Problem *p, uint32_t role, const uint8_t *before, uint8_t *after) {
    VknType type = type_of(p, role);
    uint32_t size = test_type_size(type);
    for (uint64_t i = 0; i < problem_count(p, role); i++) {
        uint64_t place = problem_place(p, role, i);
        double got, want = p->value[role][i];
        if (!problem_exists(p, role, i) || p->slack[role][i] < 0)
            continue;
        got = role == VKN_ROLE_INDEX ? ((uint32_t *)after)[place] : test_decode(type, after, place);
        if (role == VKN_ROLE_MOMENTS && i % 4 == 1) /* of the mean the sum of both words */
            got += p->slack[role][i + 1] < INFINITY ? test_decode(type, after, place + 1) : 0;
        bool right = isinf(p->slack[role][i]) || (role == VKN_ROLE_MOMENTS && i % 4 == 2) ||
                     is_near(got, want, p->slack[role][i]) ||
                     is_near(got, p->other[role][i], p->slack[role][i]);
        if (!right) {
            printf("    role %u, number %" PRIu64 " is %.9g, not %.9g within %.3g\n", role, i, got, want,
                   p->slack[role][i]);
            return false;
        }
    }
    for (uint64_t i = 0; i < problem_count(p, role); i++)
        if (problem_exists(p, role, i) && p->slack[role][i] >= 0) {
            uint64_t at = problem_place(p, role, i) * size;
            memcpy(after + at, before + at, size);
        }
    return true;
}

/* ----------------------------------------------------------------------------------------------- runs */

static const uint32_t OUTPUTS[] = {
    [VKN_OPERATION_TRAIN] = BIT(Y) | BIT(RESIDUAL_SUM) | BIT(MEAN) | BIT(INV_STD) | BIT(VARIANCE) |
                            BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE) | BIT(RENORM_MEAN) | BIT(RENORM_STD) |
                            BIT(RUNNING_STD) | BIT(RENORM),
    [VKN_OPERATION_APPLY] = BIT(Y) | BIT(RESIDUAL_SUM),
    [VKN_OPERATION_STATISTICS] =
        BIT(MEAN) | BIT(INV_STD) | BIT(VARIANCE) | BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE) | BIT(MOMENTS),
    [VKN_OPERATION_FINISH] =
        BIT(MEAN) | BIT(INV_STD) | BIT(VARIANCE) | BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE),
    [VKN_OPERATION_TRAIN_GRADIENT] = BIT(DX) | BIT(DGAMMA) | BIT(DBETA) | BIT(DRESIDUAL) | BIT(DSLOPE),
    [VKN_OPERATION_APPLY_GRADIENT] = BIT(DX) | BIT(DGAMMA) | BIT(DBETA) | BIT(DRESIDUAL) | BIT(DSLOPE),
    [VKN_OPERATION_GRADIENT_STATISTICS] = BIT(SUMS) | BIT(DGAMMA) | BIT(DBETA),
    [VKN_OPERATION_REDUCE] = BIT(RESULT) | BIT(INDEX),
};
#define UPDATED                                                                                              \
    (BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE) | BIT(RENORM_MEAN) | BIT(RENORM_STD) | BIT(RUNNING_STD))

/* The activation mask that the last TRAIN or APPLY wrote. */
static uint8_t activation_mask[PROBLEM_MOST];

static void prepare(const Problem *p, const VknDesc *desc, const VknPlanInfo *info, uint32_t role,
                    Image *image) {
    uint32_t outputs = OUTPUTS[desc->operation];
    bool accumulates = desc->accumulate && (BIT(DGAMMA) | BIT(DBETA) | BIT(DSLOPE)) >> role & 1;
    if (role == VKN_ROLE_ACTIVATION_MASK && desc->operation >= VKN_OPERATION_TRAIN_GRADIENT)
        memcpy(image->bytes + image->skew, activation_mask, info->size[role]);
    else if ((!(outputs >> role & 1) || UPDATED >> role & 1 || accumulates) && role != VKN_ROLE_MOMENTS &&
             role != VKN_ROLE_SUMS)
        image_fill(p, role, image);
}

/* Parts of moments or sums: shares of them that sum to one, the same mean in each. */
static void split(const Problem *p, const VknDesc *desc, uint32_t role, Image *image) {
    float *words = (float *)(image->bytes + image->skew);
    uint64_t count = problem_count(p, role), parts = desc->moment_parts;
    for (uint64_t i = 0; i < count * parts; i++) {
        double share = parts == 1 ? 1 : i / count == 0 ? 0.5 : 0.5 / (double)(parts - 1);
        bool is_mean = role == VKN_ROLE_MOMENTS && (i % 4 == 1 || i % 4 == 2);
        words[i] = (float)(p->given[role][i % count] * (is_mean ? 1 : share));
    }
}

uint64_t problem_digest;

static void digest_add(const uint8_t *bytes, uint64_t size) {
    for (uint64_t i = 0; i < size; i++)
        problem_digest = (problem_digest ^ bytes[i]) * 1099511628211u;
}

bool problem_run(VknRuntime *runtime, const Problem *p, const VknDesc *desc, uint64_t skew, bool alike) {
    static Image images[VKN_ROLE_COUNT];
    VknBuffer bound[VKN_ROLE_COUNT] = {{0}};
    VknRecordInfo record = {.batch_number = p->batch_number};
    VknPlan *plan = NULL;
    VknBindings *bindings = NULL;
    bool right = true;
    problem_digest = 14695981039346656037u;
    problem_require(vkn_plan_create(vkn_runtime_context(runtime), desc, &plan), "plan");
    const VknPlanInfo *info = vkn_plan_info(plan);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        if (!info->size[role])
            continue;
        image_create(runtime, &images[role], info->size[role],
                     alike ? skew % 5 * 2 * test_type_size(type_of(p, role)) : (role + skew) % 5 * 4);
        prepare(p, desc, info, role, &images[role]);
        if ((role == VKN_ROLE_SUMS || role == VKN_ROLE_MOMENTS) && !(OUTPUTS[desc->operation] >> role & 1))
            split(p, desc, role, &images[role]);
        problem_require(
            vkn_runtime_upload(runtime, &images[role].whole, 0, images[role].bytes, images[role].size),
            "upload");
        bound[role] = images[role].bound;
    }
    problem_require(vkn_bindings_create(plan, bound, &bindings), "bindings");
    for (uint32_t i = 0; i < info->dispatch_count;
         i += record.dispatch_count) { /* in pieces of up to three */
        record.first_dispatch = i;
        record.dispatch_count = desc->dispatch_bytes
                                    ? (info->dispatch_count - i < 3 ? info->dispatch_count - i : 3)
                                    : info->dispatch_count;
        problem_require(vkn_runtime_run(runtime, plan, bindings, &record, 1, NULL), "run");
    }
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        Image *image = &images[role];
        if (!info->size[role])
            continue;
        uint8_t *after = malloc(image->size);
        if (!after)
            exit(2);
        problem_require(vkn_runtime_download(runtime, &image->whole, 0, after, image->size), "download");
        if (OUTPUTS[desc->operation] >> role & 1)
            digest_add(after + image->skew, info->size[role]);
        if (OUTPUTS[desc->operation] >> role & 1)
            right = right && compare(p, role, image->bytes + image->skew, after + image->skew);
        if (role == VKN_ROLE_ACTIVATION_MASK && desc->operation < VKN_OPERATION_TRAIN_GRADIENT)
            memcpy(activation_mask, after + image->skew, info->size[role]);
        if (role == VKN_ROLE_WORKSPACE || role == VKN_ROLE_ACTIVATION_MASK)
            memcpy(after + image->skew, image->bytes + image->skew, info->size[role]);
        if (right && memcmp(after, image->bytes, image->size)) {
            printf("    role %u: a byte that is no output changed\n", role);
            right = false;
        }
        free(after);
        image_destroy(runtime, image);
    }
    vkn_bindings_destroy(bindings);
    vkn_plan_destroy(plan);
    return right;
}
