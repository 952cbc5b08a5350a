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
    return golden_type(desc, role) == VKN_TYPE_F32 ? 4 : 2;
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
    double u, xhat, xhat_error, z, z_error, dz, dz_error;
} Element;

/* Of a statistic. `dz` and `dgamma` are sums of magnitudes, with the errors of these sums. */
typedef struct Statistic {
    double count, mean, inv_std, largest, gamma, beta, dz, dz_error, dgamma, dgamma_error;
} Statistic;

static uint64_t statistic_of(const VknDesc *desc, uint64_t element) {
    uint64_t index[VKN_MAX_RANK], statistic = 0;
    for (uint32_t axis = desc->rank; axis-- > 0; element /= desc->shape[axis])
        index[axis] = element % desc->shape[axis];
    for (uint32_t axis = 0; axis < desc->rank; axis++)
        for (uint32_t i = 0; i < desc->kept_axis_count; i++)
            if (((uint32_t)desc->kept_axes[i] + desc->rank) % desc->rank == axis)
                statistic = statistic * desc->shape[axis] + index[axis];
    return statistic;
}

static uint64_t statistic_count(const VknDesc *desc, uint64_t elements) {
    return elements ? statistic_of(desc, elements - 1) + 1 : 0;
}

static bool is_tensor(uint32_t role) {
    return role == VKN_ROLE_Y || role == VKN_ROLE_DX || role == VKN_ROLE_DRESIDUAL;
}

/* A value of a role, or what stands for it when the case has none. */
static double value_of(const GoldenCase *test, uint32_t role, uint64_t i, double absent) {
    const double *in = test->role[role].in;
    return in ? in[i] : absent;
}

/* The batch's own statistics, or those that the case gives. */
static void measure_statistics(const GoldenCase *test, const Element *e, uint64_t elements, Statistic *s,
                               uint64_t count) {
    const GoldenRole *role = test->role;
    for (uint64_t i = 0; i < elements; i++) {
        Statistic *own = &s[e[i].statistic];
        own->count++;
        own->mean += e[i].u;
        own->largest = fmax(own->largest, fabs(e[i].u));
    }
    for (uint64_t k = 0; k < count; k++)
        s[k].mean /= s[k].count;
    for (uint64_t i = 0; i < elements; i++) {
        Statistic *own = &s[e[i].statistic];
        own->inv_std += pow(e[i].u - own->mean, 2) / own->count;
    }
    for (uint64_t k = 0; k < count; k++) {
        s[k].mean = value_of(test, VKN_ROLE_MEAN, k, s[k].mean);
        double variance = value_of(test, VKN_ROLE_VARIANCE, k, s[k].inv_std) + (double)test->desc.epsilon;
        s[k].inv_std = role[VKN_ROLE_INV_STD].in ? role[VKN_ROLE_INV_STD].in[k]
                       : variance > 0            ? 1 / sqrt(variance)
                                                 : 0;
        s[k].gamma = fabs(value_of(test, VKN_ROLE_GAMMA, k, 1));
        s[k].beta = fabs(value_of(test, VKN_ROLE_BETA, k, 0));
    }
}

static void measure(const GoldenCase *test, Element *e, uint64_t elements, Statistic *s, uint64_t count) {
    const VknDesc *desc = &test->desc;
    bool has_prologue = desc->prologue.id != VKN_ACTIVATION_IDENTITY;
    bool has_activation = desc->activation.id != VKN_ACTIVATION_IDENTITY;
    for (uint64_t i = 0; i < elements; i++) {
        e[i].statistic = statistic_of(desc, i);
        e[i].u = test_activation_value(&desc->prologue, test->role[VKN_ROLE_X].in[i]);
    }
    measure_statistics(test, e, elements, s, count);
    for (uint64_t i = 0; i < elements; i++) {
        Statistic *own = &s[e[i].statistic];
        double residual = fabs(value_of(test, VKN_ROLE_RESIDUAL, i, 0));
        double dy = fabs(value_of(test, VKN_ROLE_DY, i, 0));
        e[i].xhat = fabs(e[i].u - own->mean) * own->inv_std;
        /* a mean that is given has been rounded to f32; TRAIN has it in two words */
        e[i].xhat_error = 8 * (e[i].xhat + 1) +
                          (test->role[VKN_ROLE_MEAN].in ? 2 * fabs(own->mean) * own->inv_std : 0) +
                          (has_prologue ? 32 * fabs(e[i].u) * own->inv_std : 0);
        e[i].z = own->gamma * e[i].xhat + own->beta + residual;
        e[i].z_error = own->gamma * e[i].xhat_error + 8 * e[i].z;
        e[i].dz = (has_activation ? SLOPE : 1) * dy;
        e[i].dz_error = 8 * e[i].dz + (has_activation ? dy * (2 * e[i].z_error + 16) : 0);
        own->dz += e[i].dz;
        own->dz_error += e[i].dz_error;
        own->dgamma += e[i].dz * e[i].xhat;
        own->dgamma_error += e[i].dz_error * e[i].xhat + e[i].dz * e[i].xhat_error;
    }
}

/* -------------------------------------------------------------------------------------------- the bounds */

static double tensor_bound(const VknDesc *desc, uint32_t role, const Element *e, const Statistic *s) {
    double slope = s->gamma * s->inv_std;
    bool has_prologue = desc->prologue.id != VKN_ACTIVATION_IDENTITY;
    if (role == VKN_ROLE_Y)
        return desc->activation.id == VKN_ACTIVATION_IDENTITY ? e->z_error
                                                              : SLOPE * e->z_error + 16 * (e->z + 1);
    if (role == VKN_ROLE_DRESIDUAL)
        return e->dz_error;
    double bound = e->dz_error + 8 * e->dz;
    if (desc->operation == VKN_OPERATION_TRAIN_GRADIENT)
        bound += (s->dz_error + e->xhat * s->dgamma_error + e->xhat_error * s->dgamma +
                  8 * (s->dz + e->xhat * s->dgamma)) /
                 s->count;
    if (has_prologue) /* and its derivative has an error of its own */
        bound = SLOPE * bound + 32 * (e->dz + (s->dz + e->xhat * s->dgamma) / s->count);
    return slope * bound;
}

/* `want` and `before` are magnitudes. */
static double statistic_bound(const VknDesc *desc, uint32_t role, const Statistic *s, double want,
                              double before) {
    /* the error of an element after the prologue, on top of one rounding */
    double u_error = desc->prologue.id != VKN_ACTIVATION_IDENTITY ? 32 * s->largest : 0;
    double deviation = s->inv_std > 0 ? 1 / s->inv_std : 0;
    switch ((int)role) {
    case VKN_ROLE_MEAN:
    case VKN_ROLE_RUNNING_MEAN:
        return 4 * (want + before + s->largest) + u_error;
    case VKN_ROLE_VARIANCE:
    case VKN_ROLE_RUNNING_VARIANCE:
        return 16 * (want + before) + 2 * u_error * deviation + U * pow(8 * s->largest, 2);
    case VKN_ROLE_INV_STD:
        return want * (16 + u_error * s->inv_std);
    case VKN_ROLE_DBETA:
        return s->dz_error + 4 * (want + before);
    case VKN_ROLE_DGAMMA:
        return s->dgamma_error + 4 * (want + before);
    }
    return 0;
}

bool golden_bounds_create(const GoldenCase *test, GoldenBounds *bounds) {
    const VknDesc *desc = &test->desc;
    uint64_t elements = test->role[VKN_ROLE_X].count, count = statistic_count(desc, elements);
    Element *e = calloc(elements + 1, sizeof *e);
    Statistic *s = calloc(count + 1, sizeof *s);
    bool complete = e && s;
    *bounds = (GoldenBounds){0};
    if (complete)
        measure(test, e, elements, s, count);
    for (uint32_t role = 0; complete && role < VKN_ROLE_COUNT; role++) {
        const GoldenRole *values = &test->role[role];
        if (!values->out)
            continue;
        double *bound = bounds->of[role] = calloc(values->count + 1, sizeof *bound);
        complete = bound != NULL;
        for (uint64_t i = 0; bound && i < values->count; i++) {
            double want = fabs(values->out[i]), before = values->in ? fabs(values->in[i]) : 0;
            double units = is_tensor(role) ? tensor_bound(desc, role, &e[i], &s[e[i].statistic])
                                           : statistic_bound(desc, role, &s[i], want, before);
            bound[i] = test->factor * U * units + step_of(golden_type(desc, role), want) + 1e-30;
        }
    }
    free(e);
    free(s);
    return complete;
}

void golden_bounds_destroy(GoldenBounds *bounds) {
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        free(bounds->of[role]);
}
