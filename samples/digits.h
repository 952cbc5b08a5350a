/* What samples/digits.c needs beside vknorm: options, files, the same computation in fp64 on the CPU. */
#ifndef SAMPLES_DIGITS_H
#define SAMPLES_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <vknorm/vknorm.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE, DARKEST = 16, CLASSES = 10 };

/* ---------------------------------------------------------------------------------- digits_file.c */

typedef struct Digits {
    size_t count;
    float *pixel;         /* [count][PIXELS], integers from 0 to DARKEST */
    unsigned char *label; /* [count], 0 to CLASSES - 1 */
} Digits;

/* Reads lines of PIXELS pixels and a label, separated by commas, plain or gzipped. Says on stderr which
 * line and value is wrong and returns false then. */
bool digits_read(const char *path, Digits *digits);

void digits_free(Digits *digits);

/* One strip of the picture and how it turns values into colour: black on white from 0 to `high`, or,
 * where signed_colours is set, blue below 0, white at 0, red above, deepest at -high and high. */
typedef struct PictureStrip {
    const float *pixel; /* [count][PIXELS] */
    float high;
    bool signed_colours;
} PictureStrip;

/* Writes a PNG of strips below each other, each showing the images index[0..columns - 1]. Says on stderr
 * why it could not and returns false then. */
bool picture_write(const char *path, size_t strip_count, const PictureStrip *strips, size_t columns,
                   const size_t *index);

/* ----------------------------------------------------------------------------- digits_reference.c */

typedef struct Activation {
    const char *name;
    VknActivationId id;
    double (*value)(double z, const float *parameter);
} Activation;

/* The activations to choose from; the last one has no name. */
extern const Activation activations[];

/* NULL if there is none of that name. */
const Activation *activation_find(const char *name);

/* Mean and biased variance of each pixel. */
typedef struct Statistics {
    double mean[PIXELS];
    double variance[PIXELS];
} Statistics;

void statistics_of(const float *pixel, size_t count, Statistics *statistics);

/* How far results are from the reference. */
typedef struct Difference {
    double largest; /* |result - reference| */
    double share;   /* the largest |result - reference| / allowed; above 1: wrong. NaN counts as infinite. */
} Difference;

void difference_add(Difference *difference, double result, double reference, double allowed);

/* Compares y with activation((x - mean) / sqrt(variance + epsilon)) of `count` images. */
Difference difference_of(const float *y, const float *x, size_t count, const Statistics *statistics,
                         double epsilon, const Activation *activation);

/* --------------------------------------------------------------------------------- digits_print.c */

/* Mean and deviation of each pixel, as two images of numbers. */
void statistics_print(const char *when, int mean_decimals, const Statistics *statistics);

/* Their ranges in a line. Pixels that are constant `before` are counted, and left out of the deviation:
 * nothing can give them one. */
void statistics_summarize(const char *when, const Statistics *statistics, const Statistics *before);

/* Returns whether the difference is allowed. */
bool difference_print(const char *what, Difference difference);

/* ------------------------------------------------------------------------------- digits_options.c */

typedef struct Options {
    const char *device; /* VknRuntimeDesc.device */
    const char *data;
    const char *picture;
    const Activation *activation;
    int epochs;
    bool list;
} Options;

/* Ends the program where the arguments ask for it or are wrong. */
Options options_parse(int argc, char **argv);

#endif
