/* The promise that naive code breaks: values far from 0 are normalized as well as values around it. */
#ifndef TESTS_PRECISION_H
#define TESTS_PRECISION_H

#include "case.h"
#include "image.h"

/* To be filled with a mean of 1e6 and a deviation of 1. */
extern const TestCase test_precision_case;

/* test_image_compare(), and: every y is within 1e-3 of the truth (y has deviation 1), while the mean of
 * squares less the square of the mean, in f32, is not. */
uint64_t test_precision_compare(const TestImage *image, const VknDesc *desc, const TestReference *reference,
                                FILE *report);

#endif
