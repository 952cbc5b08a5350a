/* The first ten steps of training as a framework computes them: tests/golden/train.txt. */
#ifndef TRAIN_GOLDEN_H
#define TRAIN_GOLDEN_H

#include <stdbool.h>
#include <stdint.h>

/* One model's steps, and how far from them what was compared so far is. */
typedef struct Golden Golden;

/* Reads the steps of `model`. NULL when the file cannot be read, is damaged or has no such model; stderr has
 * one sentence about it. */
Golden *golden_open(const char *path, const char *model);
void golden_close(Golden *golden);

/* How many steps there are, on how many rows each: step 0 on rows 0 to batch - 1 of the training set in the
 * order of its file, and so on. */
uint32_t golden_steps(const Golden *golden);
uint32_t golden_batch(const Golden *golden);

/* Compares the mean loss of a step, before its update. Returns false, with a sentence on stderr, where it is
 * out of bounds. */
bool golden_compare_step(Golden *golden, uint32_t step, double loss);

/* Compares a variable after the last step: "dense_1/kernel", in Keras' layout. Returns false likewise, and
 * when there is no such variable or it has another count. */
bool golden_compare_variable(Golden *golden, const char *variable, uint64_t count, const float *values);

/* Prints a line with the largest difference as a share of its bound. Returns false where something was out of
 * bounds or was not compared. */
bool golden_finish(const Golden *golden);

#endif
