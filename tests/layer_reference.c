#include "layer_reference.h"

#include <math.h>
#include <string.h>

/* What an element has to do with: its statistic, its parameter. */
typedef struct Place {
    uint64_t statistic, parameter;
    double weight; /* in the statistic */
} Place;

static Place places[REFERENCE_MOST];
static double xhat[REFERENCE_MOST], lifted[REFERENCE_MOST], dz[REFERENCE_MOST];
static double count_of[REFERENCE_MOST], mean_of[REFERENCE_MOST], variance_of[REFERENCE_MOST];
static double rstd_of[REFERENCE_MOST], r_of[REFERENCE_MOST], d_of[REFERENCE_MOST], s1[REFERENCE_MOST],
    s2[REFERENCE_MOST];

static bool is_listed(const VknLayerDesc *desc, uint32_t rank, uint32_t axis) {
    for (uint32_t i = 0; i < desc->axis_count; i++)
        if ((uint32_t)(desc->axes[i] + (desc->axes[i] < 0 ? (int32_t)rank : 0)) == axis)
            return true;
    return false;
}

static uint64_t virtual_batches(const ReferenceCall *call) {
    const uint64_t size = call->desc->virtual_batch_size;
    return call->desc->kind == VKN_LAYER_BATCH_NORMALIZATION && size ? call->shape[0] / size : 1;
}

static Place place_of(const ReferenceCall *call, uint64_t element) {
    const VknLayerDesc *desc = call->desc;
    uint64_t index[VKN_MAX_RANK], rest = element, listed = 0, others = 0;
    Place place = {.weight = call->mask ? call->mask[element / call->shape[call->rank - 1]] != 0 : 1};
    for (uint32_t axis = call->rank; axis-- > 0; rest /= call->shape[axis])
        index[axis] = rest % call->shape[axis];
    for (uint32_t axis = 0; axis < call->rank; axis++) {
        if (is_listed(desc, call->rank, axis))
            listed = listed * call->shape[axis] + index[axis];
        else
            others = others * call->shape[axis] + index[axis];
    }
    place.parameter = listed;
    if (desc->kind == VKN_LAYER_BATCH_NORMALIZATION) {
        place.statistic = listed * virtual_batches(call) + index[0] % virtual_batches(call);
    } else if (desc->kind == VKN_LAYER_GROUP_NORMALIZATION) {
        const uint32_t axis = (uint32_t)(desc->axes[0] + (desc->axes[0] < 0 ? (int32_t)call->rank : 0));
        const uint64_t channels = call->shape[axis];
        const uint64_t groups = desc->groups < 0 ? channels : (uint64_t)desc->groups;
        place.statistic = index[0] * groups + listed / (channels / groups);
    } else {
        place.statistic = others;
    }
    return place;
}

/* Means, variances and inverse deviations of this x. */
static void take_statistics(const ReferenceCall *call, uint64_t count) {
    const VknLayerDesc *desc = call->desc;
    const bool centered =
        desc->kind != VKN_LAYER_RMS_NORMALIZATION && desc->kind != VKN_LAYER_UNIT_NORMALIZATION;
    for (uint64_t i = 0; i < REFERENCE_MOST; i++)
        count_of[i] = mean_of[i] = variance_of[i] = 0;
    for (uint64_t i = 0; i < count; i++)
        count_of[places[i].statistic] += places[i].weight;
    for (uint64_t s = 0; s < REFERENCE_MOST; s++)
        count_of[s] += call->mask ? 1e-7 : 0;
    for (uint64_t i = 0; i < count && centered; i++)
        mean_of[places[i].statistic] += places[i].weight * call->x[i] / count_of[places[i].statistic];
    for (uint64_t i = 0; i < count; i++)
        variance_of[places[i].statistic] += places[i].weight *
                                            pow(call->x[i] - mean_of[places[i].statistic], 2) /
                                            count_of[places[i].statistic];
    for (uint64_t s = 0; s < REFERENCE_MOST; s++)
        rstd_of[s] = desc->kind == VKN_LAYER_UNIT_NORMALIZATION
                         ? 1 / fmax(sqrt(variance_of[s] * count_of[s]), desc->epsilon)
                         : 1 / sqrt(variance_of[s] + desc->epsilon);
}

static double clip(double value, double minimum, double maximum) {
    return fmin(fmax(value, minimum), maximum);
}

static void move(double *moving, double batch, double momentum) {
    *moving = *moving * momentum + batch * (1 - momentum);
}

/* Batch normalization in training: corrections, then the moving statistics. */
static void move_statistics(const ReferenceCall *call, uint64_t parameters, ReferenceState *state) {
    const VknLayerDesc *desc = call->desc;
    const uint64_t batches = virtual_batches(call);
    for (uint64_t p = 0; p < parameters; p++) {
        double mean = 0, variance = 0;
        for (uint64_t b = 0; b < batches; b++) {
            mean += mean_of[p * batches + b] / (double)batches;
            variance += variance_of[p * batches + b] / (double)batches;
        }
        move(&state->moving_mean[p], mean, desc->momentum);
        if (!desc->renorm) {
            move(&state->moving_variance[p], variance, desc->momentum);
            continue;
        }
        const double sigma = sqrt(variance + desc->epsilon);
        const double sigma_r = fmax(state->renorm_stddev[p], sqrt(desc->epsilon));
        r_of[p] = clip(sigma / sigma_r, desc->renorm_r_min, desc->renorm_r_max);
        d_of[p] =
            clip((mean - state->renorm_mean[p]) / sigma_r, -(double)desc->renorm_d_max, desc->renorm_d_max);
        move(&state->renorm_mean[p], mean, desc->renorm_momentum);
        move(&state->renorm_stddev[p], sigma, desc->renorm_momentum);
        move(&state->moving_stddev[p], sigma, desc->momentum);
        state->moving_variance[p] = fmax(pow(state->moving_stddev[p], 2) - desc->epsilon, 0);
    }
}

static double activate(const VknActivation *activation, double z, double *slope) {
    if (activation->id == VKN_ACTIVATION_TANH) {
        *slope = 1 - tanh(z) * tanh(z);
        return tanh(z);
    }
    const bool relu = activation->id == VKN_ACTIVATION_RELU;
    *slope = !relu || z > 0;
    return relu ? fmax(z, 0) : z;
}

/* dx from the derivatives by xhat, which are in `lifted`: through the statistics where those are x's own. */
static void differentiate(const ReferenceCall *call, bool own, uint64_t count, double *dx) {
    const VknLayerKind kind = call->desc->kind;
    memset(s1, 0, sizeof s1);
    memset(s2, 0, sizeof s2);
    for (uint64_t i = 0; i < count; i++) {
        s1[places[i].statistic] += lifted[i];
        s2[places[i].statistic] += lifted[i] * xhat[i];
    }
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t s = places[i].statistic;
        double through = 0;
        if (kind == VKN_LAYER_UNIT_NORMALIZATION)
            through =
                rstd_of[s] * call->desc->epsilon == 1 ? 0 : xhat[i] * s2[s]; /* at its bound: constant */
        else if (kind == VKN_LAYER_RMS_NORMALIZATION)
            through = xhat[i] * s2[s] / count_of[s];
        else if (own)
            through = places[i].weight * (s1[s] + xhat[i] * s2[s]) / count_of[s];
        dx[i] = rstd_of[s] * (lifted[i] - through);
    }
}

void reference_layer(const ReferenceCall *call, ReferenceState *state, ReferenceResult *result) {
    const VknLayerDesc *desc = call->desc;
    const bool batch = desc->kind == VKN_LAYER_BATCH_NORMALIZATION;
    const bool own = !batch || (call->training && desc->trainable);
    memset(result, 0, sizeof *result);
    result->count = 1;
    for (uint32_t i = 0; i < call->rank; i++)
        result->count *= call->shape[i];
    for (uint64_t i = 0; i < result->count; i++) {
        places[i] = place_of(call, i);
        if (!own) /* whose statistics are those of the parameter's index */
            places[i].statistic = places[i].parameter;
        result->parameter_count =
            (uint64_t)fmax((double)result->parameter_count, (double)places[i].parameter + 1);
    }
    for (uint64_t p = 0; p < REFERENCE_MOST; p++) {
        r_of[p] = 1;
        d_of[p] = 0;
        mean_of[p] = state->moving_mean[p];
        rstd_of[p] = own ? 0 : 1 / sqrt(state->moving_variance[p] + desc->epsilon);
    }
    if (own)
        take_statistics(call, result->count);
    if (own && batch)
        move_statistics(call, result->parameter_count, state);
    for (uint64_t i = 0; i < result->count; i++) {
        const uint64_t s = places[i].statistic, p = places[i].parameter;
        double slope;
        xhat[i] = (call->x[i] - mean_of[s]) * rstd_of[s];
        const double corrected = xhat[i] * r_of[p] + d_of[p];
        result->y[i] = activate(&desc->activation, state->gamma[p] * corrected + state->beta[p], &slope);
        dz[i] = call->dy[i] * slope;
        result->dgamma[p] += dz[i] * corrected;
        result->dbeta[p] += dz[i];
        lifted[i] = dz[i] * state->gamma[p] * r_of[p];
    }
    differentiate(call, own, result->count, result->dx);
}
