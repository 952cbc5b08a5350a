/* All memory of one run side by side: each role's buffer between guards, everything that the library has
 * to write or must not read poisoned. One upload, one download, and every word is accounted for. */
#ifndef TESTS_IMAGE_H
#define TESTS_IMAGE_H

#include "fill.h"
#include "reference.h"

#include <stdio.h>

/* A NaN that no arithmetic makes from the inputs. */
#define TEST_POISON 0x7fc0deadu

/* Words before and after each buffer that must stay. */
#define TEST_GUARD 64

typedef struct TestImage {
    uint32_t *before; /* as uploaded */
    uint32_t *after;  /* as downloaded */
    uint64_t word_count;
    uint64_t offset[VKN_ROLE_COUNT]; /* of each role's buffer, in words */
    uint64_t words[VKN_ROLE_COUNT];  /* in it; 0: not bound */
} TestImage;

/* Lays out and fills the buffers of `desc`. Returns false when memory is short. */
bool test_image_create(const VknDesc *desc, bool in_place, uint64_t workspace_words, const TestFill *fill,
                       TestImage *image);
void test_image_destroy(TestImage *image);

/* Computes what the image's inputs lead to. Returns false when memory is short. */
bool test_image_reference(const TestImage *image, const VknDesc *desc, uint64_t batch_number,
                          TestReference *reference);

/* Returns how many words of `after` are wrong: outputs that are not within bounds or were not written,
 * anything else that was. Describes the first few of each buffer. */
uint64_t test_image_compare(const TestImage *image, const VknDesc *desc, const TestReference *reference,
                            FILE *report);

/* Returns whether two runs left the same bits, the workspace aside. */
bool test_image_same(const TestImage *image, const uint32_t *again);

#endif
