/* What the models of samples/train learn from. */
#ifndef TRAIN_DATA_H
#define TRAIN_DATA_H

#include <stdbool.h>
#include <stdint.h>

/* Samples to learn from and samples to be tested with. NHWC: a series is height = time steps, width = 1,
 * channels = features. */
typedef struct Dataset {
    uint32_t train_count, test_count;
    uint32_t height, width, channels;   /* of one sample */
    uint32_t classes;                   /* 0: regression, targets rather than labels */
    float *train_x, *test_x;            /* [count][height][width][channels], 0 to 1 */
    uint32_t *train_label, *test_label; /* [count], 0 to classes - 1; NULL for regression */
    float *train_target, *test_target;  /* [count], 0 to 1; NULL for classes */
} Dataset;

/* Each of these fills `data`, or says on stderr in one sentence what is wrong with which file and returns
 * false; `data` is empty then. The two without a test set hold out every fifth row: 4, 9, 14, ... */

/* samples/data/digits.csv.gz: images of 8x8, scaled up to 28x28 by bilinear interpolation between the centres
 * of pixels (the images' edges coincide; beyond the outermost centres a value stays). */
bool data_digits(const char *path, Dataset *data);

/* MNIST, Fashion-MNIST and their like, from train-images-idx3-ubyte, train-labels-idx1-ubyte,
 * t10k-images-..., t10k-labels-... in `folder`, plain or with .gz: images of 28x28 bytes, labels from 0 to 9.
 */
bool data_idx(const char *folder, Dataset *data);

/* 2,000 generated series of 100 steps: 5 sensors follow a hidden sum of two oscillations, each later than the
 * one before, each with noise. The target is the next value of the first. All of it is integer arithmetic, so
 * that it is the same on every machine. */
bool data_sensor(Dataset *data);

/* Frees what the others made. */
void data_free(Dataset *data);

#endif
