/* Plots of how training went. */
#ifndef TRAIN_CURVES_H
#define TRAIN_CURVES_H

#include <stdbool.h>
#include <stdint.h>

/* One training run. */
typedef struct Curve {
    const char *name;                             /* "with batch normalization" */
    uint32_t count;                               /* epochs */
    const double *train_loss, *test_loss;         /* per epoch */
    const double *train_accuracy, *test_accuracy; /* 0 to 1; both NULL: none */
} Curve;

/* Writes an SVG: the loss of all runs in one panel, and their accuracy, where they have it, in another beside
 * it; training is dashed, the test set solid. What is not finite is left out. `path` is the whole picture or
 * what it was. Says on stderr why it could not and returns false then. */
bool curves_write(const char *path, const char *title, const Curve *curves, uint32_t count);

#endif
