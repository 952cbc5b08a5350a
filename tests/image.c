#include "image.h"

#include "tensor.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Most words described of each buffer. */
#define DESCRIBED 4

static void place_buffers(TestImage *image, bool in_place, uint32_t skew) {
    uint64_t end = 0;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        if (in_place && role == VKN_ROLE_Y) {
            image->offset[role] = image->offset[VKN_ROLE_X];
            continue;
        }
        uint64_t start = (end + TEST_GUARD + 63) / 64 * 64;
        image->offset[role] = start + skew * (2 * role + 1) % 64;
        end = image->offset[role] + image->words[role] + TEST_GUARD;
    }
    image->word_count = end;
}

bool test_image_create(const VknDesc *desc, bool in_place, uint64_t workspace_words, const TestFill *fill,
                       TestImage *image) {
    *image = (TestImage){0};
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        image->words[role] = test_role_words(desc, role);
    image->words[VKN_ROLE_WORKSPACE] = workspace_words;
    place_buffers(image, in_place, fill->skew);
    image->before = malloc(image->word_count * sizeof(uint32_t));
    image->after = malloc(image->word_count * sizeof(uint32_t));
    bool complete = image->before && image->after;
    for (uint64_t i = 0; complete && i < image->word_count; i++)
        image->before[i] = TEST_POISON;
    for (uint32_t role = 0; complete && role < VKN_ROLE_COUNT; role++)
        if (test_roles_read(desc) & VKN_ROLE_BIT(role))
            complete = test_fill_role(fill, desc, role, (float *)&image->before[image->offset[role]]);
    if (!complete)
        test_image_destroy(image);
    return complete;
}

void test_image_destroy(TestImage *image) {
    free(image->before);
    free(image->after);
    *image = (TestImage){0};
}

bool test_image_reference(const TestImage *image, const VknDesc *desc, uint64_t batch_number,
                          TestReference *reference) {
    const float *input[VKN_ROLE_COUNT];
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        input[role] = (const float *)&image->before[image->offset[role]];
    return test_reference_create(desc, input, batch_number, reference);
}

static float as_float(uint32_t word) {
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

static bool is_right(const TestExpect *expect, double got) {
    if (isnan(expect->value))
        return isnan(got);
    if (isinf(expect->value))
        return !isfinite(got);
    if (isinf(expect->bound))
        return !isnan(got);
    return fabs(got - expect->value) <= expect->bound || fabs(got - expect->other) <= expect->bound;
}

/* Compares the written elements of one role and marks their words as accounted for. */
static uint64_t compare_output(const TestImage *image, const VknDesc *desc, const TestExpect *expect,
                               VknRole role, bool *accounted, FILE *report) {
    uint64_t wrong = 0, count = role == VKN_ROLE_Y ? test_element_count(desc) : image->words[role];
    for (uint64_t i = 0; i < count; i++) {
        uint64_t word = image->offset[role] + (role == VKN_ROLE_Y ? test_offset_of(desc, &desc->y, i) : i);
        double got = as_float(image->after[word]);
        if (expect[i].with_previous)
            got += as_float(image->after[word - 1]);
        accounted[word] = true;
        bool written = image->after[word] != TEST_POISON;
        if (written && is_right(&expect[i], got))
            continue;
        if (wrong++ < DESCRIBED)
            fprintf(report, "    %s[%" PRIu64 "] is %.9g%s, expected %.9g within %.3g\n",
                    test_role_name(role), i, got, written ? "" : " (not written)", expect[i].value,
                    expect[i].bound);
    }
    if (wrong)
        fprintf(report, "    %s: %" PRIu64 " of %" PRIu64 " elements are wrong\n", test_role_name(role),
                wrong, count);
    return wrong;
}

/* The buffer to which a word belongs, or whose guard it is in. */
static VknRole owner_of(const TestImage *image, uint64_t word) {
    uint32_t role = VKN_ROLE_WORKSPACE;
    while (role > 0 && word + TEST_GUARD < image->offset[role])
        role--;
    return role;
}

static void describe_stray(const TestImage *image, uint64_t word, FILE *report) {
    VknRole role = owner_of(image, word);
    uint64_t start = image->offset[role], end = start + image->words[role];
    fprintf(report,
            "    %s word %" PRId64 " %s was overwritten: 0x%08" PRIx32 " (%.9g), was 0x%08" PRIx32 "\n",
            test_role_name(role), (int64_t)(word - start),
            word < start  ? "(guard before)"
            : word >= end ? "(guard after)"
                          : "(input or gap)",
            image->after[word], as_float(image->after[word]), image->before[word]);
}

uint64_t test_image_compare(const TestImage *image, const VknDesc *desc, const TestReference *reference,
                            FILE *report) {
    uint64_t wrong = 0, stray = 0;
    bool *accounted = calloc(image->word_count, sizeof *accounted);
    if (!accounted)
        return 1;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        if (reference->expect[role])
            wrong += compare_output(image, desc, reference->expect[role], role, accounted, report);
    memset(&accounted[image->offset[VKN_ROLE_WORKSPACE]], true, image->words[VKN_ROLE_WORKSPACE]);
    for (uint64_t i = 0; i < image->word_count; i++)
        if (!accounted[i] && image->after[i] != image->before[i] && stray++ < DESCRIBED)
            describe_stray(image, i, report);
    if (stray)
        fprintf(report, "    %" PRIu64 " words were written that are no output\n", stray);
    free(accounted);
    return wrong + stray;
}

bool test_image_same(const TestImage *image, const uint32_t *again) {
    uint64_t workspace = image->offset[VKN_ROLE_WORKSPACE],
             end = workspace + image->words[VKN_ROLE_WORKSPACE];
    return memcmp(image->after, again, workspace * sizeof *again) == 0 &&
           memcmp(&image->after[end], &again[end], (image->word_count - end) * sizeof *again) == 0;
}
