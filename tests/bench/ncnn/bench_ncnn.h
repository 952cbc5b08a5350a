/* The library beside ncnn's own Vulkan layers, on the same device in the same rounds. Both compute one sample
 * in f32 on tensors of the device's; times are from submission to completion.
 *
 *     cases      what is compared, and how the ratio should be
 *     peer       a layer of ncnn's; knows nothing of the library
 *     measure    checks both, takes the rounds
 *     main       options, table, JSON */
#ifndef BENCH_NCNN_H
#define BENCH_NCNN_H

#include "../bench.h"

/* ------------------------------------------------------------------------------------------- cases */

typedef struct NcnnCase {
    const char *name, *operation;
    const char *type, *parameters; /* of ncnn's layer; %e is epsilon */
    BenchOperation kind;
    VknActivationId activation;
    uint64_t shape[3];            /* C, H, W; or rows, length, 0 */
    double swiftshader, lavapipe; /* how many times faster it should be, 0: nothing is set */
} NcnnCase;

/* NULL past the end. */
const NcnnCase *ncnn_case(uint32_t index);

/* What the library does for it. */
VknDesc ncnn_case_desc(const NcnnCase *c);

/* Writes the weights of ncnn's layer as its model file has them, at most four for each of its channels or
 * places of a row; NULL only counts them. */
uint64_t ncnn_case_weights(const NcnnCase *c, const VknDesc *desc, float *weights);

/* ----------------------------------------------------------------------------------------- measure */

/* Where y lies: in memory of its own; or on x, as ncnn's layers have it. */
enum { NCNN_APART, NCNN_IN_PLACE, NCNN_PART_COUNT };

typedef struct NcnnResult {
    char failure[200]; /* why it was not timed; "" if it was */
    uint32_t dispatches;
    int packing;       /* rows or channels that ncnn packs */
    double difference; /* of the results, as a share of the largest element */
    BenchSpread seconds[NCNN_PART_COUNT], ncnn;
    double faster[NCNN_PART_COUNT]; /* medians over the rounds */
} NcnnResult;

/* Only what is right by fp64 is timed, and of ncnn only what is the same. */
NcnnResult ncnn_measure(BenchRig *rig, const NcnnCase *c, uint32_t samples);

#endif
