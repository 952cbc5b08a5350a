/* A layer of ncnn's own on its Vulkan device, with what it computes on: what measure.c times. ncnn may bring
 * Vulkan's types itself, so nothing of vknorm is here. */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct BenchNcnn BenchNcnn;

/* Opens ncnn's device and returns its name; NULL when there is none. */
const char *bench_ncnn_open(void);
void bench_ncnn_close(void);
const char *bench_ncnn_version(void);

/* Creates a layer, as a line of a param file has its type and parameters, and `count` blobs of extents w, h,
 * c (of two dimensions when c is 0), which all hold x, packed as a net would pack them. `weights` is what a
 * model file holds. Both are copied. NULL on failure. */
BenchNcnn *bench_ncnn_create(const char *type, const char *parameters, const uint64_t extents[3],
                             const float *weights, uint64_t weight_count, const float *x, uint32_t count);
void bench_ncnn_destroy(BenchNcnn *ncnn);

/* Channels or rows of a pack: 1 or 4. */
int bench_ncnn_packing(const BenchNcnn *ncnn);

/* Runs the layer on the next blob, in place as ncnn's layers do; seconds from submission to completion,
 * negative on failure. Its result goes to y, unless that is NULL. */
double bench_ncnn_run(BenchNcnn *ncnn, float *y);

#ifdef __cplusplus
}
#endif

#endif
