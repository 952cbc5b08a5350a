/* What a normalization layer computes, in fp64, element by element, by the formulas of layer.h. Shares no
 * code with the library. */
#ifndef TESTS_LAYER_REFERENCE_H
#define TESTS_LAYER_REFERENCE_H

#include <vknorm/layer.h>

#define REFERENCE_MOST 2048 /* elements of a tensor */

/* Variables, as they are before and after. Absent ones are 1 and 0. */
typedef struct ReferenceState {
    double gamma[REFERENCE_MOST], beta[REFERENCE_MOST];
    double moving_mean[REFERENCE_MOST], moving_variance[REFERENCE_MOST], moving_stddev[REFERENCE_MOST];
    double renorm_mean[REFERENCE_MOST], renorm_stddev[REFERENCE_MOST];
} ReferenceState;

typedef struct ReferenceCall {
    const VknLayerDesc *desc; /* with identity, relu or tanh after it */
    uint32_t rank;
    uint64_t shape[VKN_MAX_RANK];
    bool training;
    const float *x, *dy;
    const uint8_t *mask; /* NULL or one for each index of all axes but the last */
} ReferenceCall;

typedef struct ReferenceResult {
    uint64_t count, parameter_count;
    double y[REFERENCE_MOST], dx[REFERENCE_MOST], dgamma[REFERENCE_MOST], dbeta[REFERENCE_MOST];
} ReferenceResult;

void reference_layer(const ReferenceCall *call, ReferenceState *state, ReferenceResult *result);

#endif
