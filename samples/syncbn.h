/* What the sample syncbn_mpi is made of beside the synchronization: a layer, a step's data, and running an
 * operation from host memory to host memory. */
#ifndef SYNCBN_H
#define SYNCBN_H

#include <vknorm/runtime.h>

/* NCHW. */
typedef struct Shape {
    uint64_t samples, channels, height, width;
} Shape;

uint64_t sample_size(Shape shape);
uint64_t element_count(Shape shape);

/* Parameters, their gradients and statistics, one value per channel. */
typedef struct Layer {
    float *gamma, *beta, *dgamma, *dbeta;
    float *mean, *inv_std; /* of the batch, for the backward pass */
    float *running_mean, *running_variance;
} Layer;

Layer layer_create(uint64_t channels);
void layer_destroy(Layer *layer);

/* What a training step reads and writes. */
typedef struct Step {
    float *x, *y, *dy, *dx;
} Step;

/* Samples `first` and following of a made-up batch with this mean and a deviation of 1: the same on each rank
 * that asks for them. */
Step step_create(Shape shape, uint64_t first, float mean);
void step_destroy(Step *step);

/* Host memory of a role. What is written comes back; where nothing is, it stays as it was. */
typedef struct Data {
    void *values;
    bool written;
} Data;

/* Plans and runs one operation with the roles that have data, and ReLU. */
void run(VknRuntime *runtime, VknOperation operation, Shape shape, uint32_t parts,
         const Data data[VKN_ROLE_COUNT]);

/* Opens the named device, or number `rank` modulo how many there are. */
VknRuntime *open_device(const char *name, uint32_t rank);

/* Memory of zeros; at least one byte. */
void *zeroed(uint64_t size);

/* Says why and ends all ranks. */
void fail(const char *why);

#endif
