/* What samples/train prints on stdout. */
#ifndef TRAIN_PROGRESS_H
#define TRAIN_PROGRESS_H

#include <stdint.h>

/* A layer of a model. */
typedef struct SummaryRow {
    const char *name, *kind; /* "dense_1", "Dense" */
    char shape[48];          /* of its output: "(None, 100)" */
    uint64_t parameters;
} SummaryRow;

/* Prints the table that Keras' summary() prints. */
void summary_print(const char *model, const SummaryRow *rows, uint32_t count, uint64_t trainable,
                   uint64_t non_trainable);

/* After each step, 1 to `steps`, of each epoch, 1 to `epochs`: draws the epoch's line again, on a terminal;
 * elsewhere nothing. `loss` and `accuracy` are those of the epoch up to here; accuracy < 0: there is none. */
void progress_print(uint32_t epoch, uint32_t epochs, uint32_t step, uint32_t steps, double seconds,
                    double loss, double accuracy);

/* At the end of an epoch: its line to stay. */
void progress_epoch(uint32_t epoch, uint32_t epochs, uint32_t step, uint32_t steps, double seconds,
                    double loss, double accuracy, double test_loss, double test_accuracy);

#endif
