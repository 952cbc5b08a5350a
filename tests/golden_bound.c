#include "golden_bound.h"
#include "reference.h"

#include <math.h>
#include <stdlib.h>

/* All terms below are in units of U, half a unit in the last place of 1. A constant before a magnitude is how
 * many roundings touch it: a few for each formula, a few more where Vulkan grants divisions and square roots
 * 2.5 ULP or exp 3 + 2|z| ULP, and for sums as many as a tree of partial sums has levels. They are safe, not
 * tight: what frameworks disagree on (epsilon, n or n - 1, the order of two steps) is thousands of U. */
#define U 0x1p-24

/* What any of the library's activations multiplies an error by, at most: RELU and ELU have a parameter of up
 * to 2 in the files, SILU and GELU reach 1.13. */
#define SLOPE 2

VknType golden_type(const VknDesc *desc, uint32_t role) {
    if (role == VKN_ROLE_X)
        return desc->x.type;
    if (role == VKN_ROLE_Y || role == VKN_ROLE_DY)
        return desc->y.type;
    if (role == VKN_ROLE_RESIDUAL || role == VKN_ROLE_DRESIDUAL)
        return desc->residual.type;
    return role == VKN_ROLE_DX ? desc->dx.type : VKN_TYPE_F32;
}

uint32_t golden_width(const VknDesc *desc, uint32_t role) {
    return role == VKN_ROLE_MASK ? 1 : golden_type(desc, role) == VKN_TYPE_F32 ? 4 : 2;
}

/* A step of a 16-bit type: the framework rounded to one neighbour, the library may to the other. */
static double step_of(VknType type, double value) {
    int exponent;
    frexp(value, &exponent);
    if (type == VKN_TYPE_F32)
        return 0;
    return type == VKN_TYPE_BF16 ? ldexp(1, exponent - 8) : ldexp(1, (exponent < -13 ? -13 : exponent) - 11);
}

/* ------------------------------------------------------------------------------------------- magnitudes */

/* Of an element: x after the prologue, normalized; the error of that; z and its error; dz and its error. */
typedef struct Element {
    uint64_t statistic;
    bool counts; /* not masked */
    double u, xhat, xhat_error, z, z_error, dz, dz_error;
} Element;

/* Of a statistic, or of a channel with the statistics of all its virtual batches. `dz` and `dz_xhat` are sums
 * of magnitudes, with the errors of these sums; r, d and 1 / sigma_r are those of batch renormalization. */
typedef struct Statistic {
    double count, mean, inv_std, largest, gamma, beta, r, d, per_sigma_r;
    double dz, dz_error, dz_xhat, dz_xhat_error;
} Statistic;

static uint64_t channel_of(const VknDesc *desc, const uint64_t *index) {
    uint64_t channel = 0;
    for (uint32_t axis = 0; axis < desc->rank; axis++)
        for (uint32_t i = 0; i < desc->kept_axis_count; i++)
            if (((uint32_t)desc->kept_axes[i] + desc->rank) % desc->rank == axis)
                channel = channel * desc->shape[axis] + index[axis];
    return channel;
}

static uint64_t channel_count(const VknDesc *desc) {
    uint64_t last[VKN_MAX_RANK];
    for (uint32_t axis = 0; axis < desc->rank; axis++)
        last[axis] = desc->shape[axis] - 1;
    return channel_of(desc, last) + 1;
}

static uint64_t batch_count(const VknDesc *desc) {
    return desc->virtual_batch_size ? desc->shape[0] / desc->virtual_batch_size : 1;
}

static uint64_t statistic_of(const VknDesc *desc, uint64_t element) {
    uint64_t index[VKN_MAX_RANK] = {0};
    for (uint32_t axis = desc->rank; axis-- > 0; element /= desc->shape[axis])
        index[axis] = element % desc->shape[axis];
    return index[0] % batch_count(desc) * channel_count(desc) + channel_of(desc, index);
}

/* A value that goes in, or what stands for it when the case has none. */
static double value_of(const GoldenCase *test, uint32_t role, uint64_t i, double absent) {
    const double *in = test->role[role].in;
    return in ? in[i] : absent;
}

/* The batch's own statistics, or those that the case gives. */
static void measure_statistics(const GoldenCase *test, const Element *e, uint64_t elements, Statistic *s,
                               uint64_t channels) {
    const VknDesc *desc = &test->desc;
    const GoldenRole *renorm = &test->role[VKN_ROLE_RENORM];
    const double *corrections = renorm->in ? renorm->in : renorm->out;
    uint64_t count = channels * batch_count(desc);
    for (uint64_t i = 0; i < elements; i++) {
        Statistic *own = &s[e[i].statistic];
        own->count += e[i].counts;
        own->mean += e[i].counts ? e[i].u : 0;
        own->largest = fmax(own->largest, fabs(e[i].u));
    }
    for (uint64_t k = 0; k < count; k++) {
        s[k].count = fmax(s[k].count, 1); /* nothing is divided by it where all is masked */
        s[k].mean /= s[k].count;
    }
    for (uint64_t i = 0; i < elements; i++)
        if (e[i].counts)
            s[e[i].statistic].inv_std += pow(e[i].u - s[e[i].statistic].mean, 2) / s[e[i].statistic].count;
    for (uint64_t k = 0; k < count; k++) {
        s[k].mean = value_of(test, VKN_ROLE_MEAN, k, s[k].mean);
        double variance = value_of(test, VKN_ROLE_VARIANCE, k, s[k].inv_std) + (double)desc->epsilon;
        s[k].inv_std = value_of(test, VKN_ROLE_INV_STD, k, variance > 0 ? 1 / sqrt(variance) : 0);
        s[k].gamma = fabs(value_of(test, VKN_ROLE_GAMMA, k % channels, 1));
        s[k].beta = fabs(value_of(test, VKN_ROLE_BETA, k % channels, 0));
        s[k].r = corrections ? corrections[2 * k] : 1;
        s[k].d = corrections ? fabs(corrections[2 * k + 1]) : 0;
        double sigma_r =
            fmax(value_of(test, VKN_ROLE_RENORM_STD, k % channels, INFINITY), sqrt(desc->epsilon));
        s[k].per_sigma_r = 1 / sigma_r;
    }
}

static void measure_element(const GoldenCase *test, Element *e, uint64_t i, Statistic *s) {
    bool has_activation = test->desc.activation.id != VKN_ACTIVATION_IDENTITY;
    double dy = fabs(value_of(test, VKN_ROLE_DY, i, 0));
    e->xhat = fabs(e->u - s->mean) * s->inv_std;
    e->xhat_error = 8 * (e->xhat + 1);
    /* a mean that is given has been rounded to f32, TRAIN has it in two words; but f32 does not see the 1e-7
     * that is added to a count */
    if (test->role[VKN_ROLE_MEAN].in || test->role[VKN_ROLE_MASK].in)
        e->xhat_error += 4 * fabs(s->mean) * s->inv_std;
    if (test->desc.prologue.id != VKN_ACTIVATION_IDENTITY)
        e->xhat_error += 32 * fabs(e->u) * s->inv_std;
    double corrected = e->xhat * s->r + s->d, corrected_error = e->xhat_error * s->r;
    if (test->role[VKN_ROLE_RENORM].out) /* r and d are computed, not given */
        corrected_error += 16 * corrected + 8 * s->largest * s->per_sigma_r;
    e->z = s->gamma * corrected + s->beta + fabs(value_of(test, VKN_ROLE_RESIDUAL, i, 0));
    e->z_error = s->gamma * corrected_error + 8 * e->z;
    e->dz = (has_activation ? SLOPE : 1) * dy;
    e->dz_error = 8 * e->dz + (has_activation ? dy * (2 * e->z_error + 16) : 0);
    s->dz += e->dz;
    s->dz_error += e->dz_error;
    s->dz_xhat += e->dz * e->xhat;
    s->dz_xhat_error += e->dz_error * e->xhat + e->dz * e->xhat_error;
}

/* A channel over all its virtual batches: extremes, and sums of the sums. */
static Statistic channel_measure(const Statistic *s, uint64_t channel, uint64_t channels, uint64_t batches) {
    Statistic sum = s[channel];
    for (uint64_t k = channel + channels; k < channels * batches; k += channels) {
        sum.largest = fmax(sum.largest, s[k].largest);
        sum.inv_std = fmin(sum.inv_std, s[k].inv_std);
        sum.dz += s[k].dz;
        sum.dz_error += s[k].dz_error;
        sum.dz_xhat += s[k].dz_xhat;
        sum.dz_xhat_error += s[k].dz_xhat_error;
    }
    return sum;
}

/* -------------------------------------------------------------------------------------------- the bounds */

static bool is_tensor(uint32_t role) {
    return role == VKN_ROLE_Y || role == VKN_ROLE_DX || role == VKN_ROLE_DRESIDUAL;
}

static double tensor_bound(const VknDesc *desc, uint32_t role, const Element *e, const Statistic *s) {
    bool has_prologue = desc->prologue.id != VKN_ACTIVATION_IDENTITY;
    double couple = 0, couple_error = 0;
    if (role == VKN_ROLE_Y)
        return desc->activation.id == VKN_ACTIVATION_IDENTITY ? e->z_error
                                                              : SLOPE * e->z_error + 16 * (e->z + 1);
    if (role == VKN_ROLE_DRESIDUAL)
        return e->dz_error;
    if (desc->operation == VKN_OPERATION_TRAIN_GRADIENT && e->counts) {
        couple = (s->dz + e->xhat * s->dz_xhat) / s->count;
        couple_error = (s->dz_error + e->xhat * s->dz_xhat_error + e->xhat_error * s->dz_xhat) / s->count;
    }
    double bound = e->dz_error + couple_error + 8 * (e->dz + couple);
    if (has_prologue) /* its derivative has an error of its own */
        bound = SLOPE * bound + 32 * (e->dz + couple);
    return s->gamma * s->r * s->inv_std * bound;
}

/* Of value `i` of a role; `want` and `before` are magnitudes. */
static double statistic_bound(const VknDesc *desc, uint32_t role, uint64_t i, const Statistic *s, double want,
                              double before) {
    /* the error of an element after the prologue, on top of one rounding */
    double u_error = desc->prologue.id != VKN_ACTIVATION_IDENTITY ? 32 * s->largest : 0;
    double deviation = s->inv_std > 0 ? 1 / s->inv_std : 0;
    switch ((int)role) {
    case VKN_ROLE_MEAN:
    case VKN_ROLE_RUNNING_MEAN:
    case VKN_ROLE_RENORM_MEAN:
        return 4 * (want + before + s->largest) + u_error;
    case VKN_ROLE_VARIANCE:
        return 16 * want + 2 * u_error * deviation + U * pow(8 * s->largest, 2);
    case VKN_ROLE_RUNNING_VARIANCE: /* epsilon: batch renormalization subtracts it from RUNNING_STD^2 */
        return 16 * (want + before) + 2 * u_error * deviation + U * pow(8 * s->largest, 2) +
               (desc->roles & VKN_ROLE_BIT(VKN_ROLE_RUNNING_STD) ? 32 * (want + (double)desc->epsilon) : 0);
    case VKN_ROLE_INV_STD:
        return want * (16 + u_error * s->inv_std);
    case VKN_ROLE_RENORM_STD:
    case VKN_ROLE_RUNNING_STD:
        return 16 * (want + before) + u_error;
    case VKN_ROLE_RENORM:
        return 16 * want + ((i % 2 ? 8 * s->largest : 0) + u_error) * s->per_sigma_r;
    case VKN_ROLE_DBETA:
        return s->dz_error + 4 * (want + before);
    case VKN_ROLE_DGAMMA:
        return s->r * s->dz_xhat_error + s->d * s->dz_error + 4 * (want + before);
    }
    return 0;
}

static double bound_of(const GoldenCase *test, uint32_t role, uint64_t i, const Element *e,
                       const Statistic *s) {
    const GoldenRole *values = &test->role[role];
    uint64_t channels = channel_count(&test->desc), batches = batch_count(&test->desc);
    double want = fabs(values->out[i]), before = values->in ? fabs(values->in[i]) : 0, units;
    if (is_tensor(role)) {
        units = tensor_bound(&test->desc, role, &e[i], &s[e[i].statistic]);
    } else if (role == VKN_ROLE_MEAN || role == VKN_ROLE_VARIANCE || role == VKN_ROLE_INV_STD) {
        units = statistic_bound(&test->desc, role, i, &s[i], want, before);
    } else {
        Statistic channel = channel_measure(s, role == VKN_ROLE_RENORM ? i / 2 : i, channels, batches);
        units = statistic_bound(&test->desc, role, i, &channel, want, before);
    }
    return test->factor * U * units + step_of(golden_type(&test->desc, role), want) + 1e-30;
}

bool golden_bounds_create(const GoldenCase *test, GoldenBounds *bounds) {
    const VknDesc *desc = &test->desc;
    uint64_t elements = test->role[VKN_ROLE_X].count, channels = channel_count(desc);
    Element *e = calloc(elements + 1, sizeof *e);
    Statistic *s = calloc(channels * batch_count(desc) + 1, sizeof *s);
    bool complete = e && s;
    *bounds = (GoldenBounds){0};
    if (complete) {
        for (uint64_t i = 0; i < elements; i++) {
            e[i].statistic = statistic_of(desc, i);
            e[i].u = test_activation_value(&desc->prologue, test->role[VKN_ROLE_X].in[i]);
            e[i].counts = value_of(test, VKN_ROLE_MASK, i / desc->shape[desc->rank - 1], 1) != 0;
        }
        measure_statistics(test, e, elements, s, channels);
        for (uint64_t i = 0; i < elements; i++)
            measure_element(test, &e[i], i, &s[e[i].statistic]);
    }
    for (uint32_t role = 0; complete && role < VKN_ROLE_COUNT; role++) {
        const GoldenRole *values = &test->role[role];
        if (!values->out)
            continue;
        bounds->of[role] = calloc(values->count + 1, sizeof *bounds->of[role]);
        complete = bounds->of[role] != NULL;
        for (uint64_t i = 0; complete && i < values->count; i++)
            bounds->of[role][i] = bound_of(test, role, i, e, s);
    }
    free(e);
    free(s);
    return complete;
}

void golden_bounds_destroy(GoldenBounds *bounds) {
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        free(bounds->of[role]);
}
