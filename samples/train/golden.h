/* The first ten steps of training as frameworks compute them: tests/golden/train.txt. There, dense,
 * convolution and LSTM kernels begin as vkn_initializer_find("glorot_uniform"), recurrent kernels as
 * "orthogonal", of seed 1 and stream vkn_stream_of_name("mlp/dense_1/kernel"), and what all else begins with
 * is Keras'. */
#ifndef TRAIN_GOLDEN_H
#define TRAIN_GOLDEN_H

#include <stdbool.h>
#include <stdint.h>

/* How many times as far from float64 as float32 of the frameworks we may be. Theirs adds in blocks and has an
 * exp of 1 ULP; a kernel may add in one chain, and Vulkan's exp may be 3 + 2 |x| ULP off. */
enum { GOLDEN_FACTOR = 8 };

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

/* Compares a variable after the last step: "dense_1/kernel", in Keras' layout: its sum, its norm and some of
 * its elements. Returns false likewise, and when there is no such variable or it has another count. */
bool golden_compare_variable(Golden *golden, const char *variable, uint64_t count, const float *values);

/* Prints a line with the largest difference as a share of its bound. Returns false where something was out of
 * bounds or was not compared. */
bool golden_finish(const Golden *golden);

#endif
