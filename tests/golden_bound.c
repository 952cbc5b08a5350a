#include "golden_bound.h"
#include "golden_measure.h"
#include "reference.h"

#include <math.h>
#include <stdlib.h>

VknType golden_type(const VknDesc *desc, uint32_t role) {
    if (role == VKN_ROLE_X)
        return desc->x.type;
    if (role == VKN_ROLE_Y || role == VKN_ROLE_DY || role == VKN_ROLE_RESULT)
        return desc->y.type;
    if (role == VKN_ROLE_RESIDUAL || role == VKN_ROLE_DRESIDUAL)
        return desc->residual.type;
    if (role == VKN_ROLE_DX || role == VKN_ROLE_RESIDUAL_SUM || role == VKN_ROLE_DRESIDUAL_SUM)
        return desc->dx.type;
    return VKN_TYPE_F32;
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

/* -------------------------------------------------------------------------------------------- the bounds */

/* What the statistic's own gradient adds to that of an element, as if INV_STD were 1, and its error. */
static void measure_couple(const VknDesc *desc, const Element *e, const Statistic *s, double *couple,
                           double *error) {
    double xhat = fabs(e->xhat), power = golden_power_of(desc), count = s->count;
    if (desc->statistic == VKN_STATISTIC_LOG_SUM_EXP) {
        double p = exp(e->xhat);
        *couple = p * s->dxhat;
        *error = p * s->dxhat_error + golden_exp_error(e->xhat, e->xhat_error) * s->dxhat;
        return;
    }
    if (desc->statistic == VKN_STATISTIC_SUM_SQUARE || desc->statistic == VKN_STATISTIC_SUM_POWER)
        count = 1;
    double lead = pow(xhat, power - 1), lead_error = xhat > 0 ? (power - 1) * lead / xhat * e->xhat_error : 0;
    lead_error += power == 2 ? 0 : lead * golden_power_error(xhat, power - 1);
    *couple = (lead * s->dxhat_xhat + (golden_is_centred(desc) ? s->dxhat : 0)) / count;
    *error = (lead * s->dxhat_xhat_error + lead_error * s->dxhat_xhat +
              (golden_is_centred(desc) ? s->dxhat_error : 0)) /
             count;
}

static double dx_bound(const GoldenCase *test, uint64_t i, const Element *e, const Statistic *s) {
    const VknDesc *desc = &test->desc;
    bool has_factor = desc->statistic != VKN_STATISTIC_LOG_SUM_EXP && desc->statistic != VKN_STATISTIC_NONE;
    double couple = 0, couple_error = 0;
    if (desc->operation == VKN_OPERATION_TRAIN_GRADIENT && e->counts)
        measure_couple(desc, e, s, &couple, &couple_error);
    double bound = e->dxhat_error + couple_error + 8 * (e->dxhat + couple);
    if (desc->prologue.id != VKN_ACTIVATION_IDENTITY) { /* its derivative has an error of its own */
        double slope = golden_slope_of(&desc->prologue, golden_value_of(test, VKN_ROLE_X, i, 0));
        bound = slope * bound + 32 * (e->dxhat + couple);
    }
    double kept = fabs(golden_value_of(test, VKN_ROLE_DRESIDUAL_SUM, i, 0));
    return (has_factor ? s->inv_std : 1) * bound + 4 * kept;
}

static double tensor_bound(const GoldenCase *test, uint32_t role, uint64_t i, const Element *e,
                           const Statistic *s) {
    switch ((int)role) {
    case VKN_ROLE_Y:
        return e->factor *
               (e->f_error + (test->desc.residual_use == VKN_RESIDUAL_FACTOR ? 4 * fabs(e->f) : 0));
    case VKN_ROLE_RESIDUAL_SUM:
        return 2 * e->u_error;
    case VKN_ROLE_DRESIDUAL:
        return test->desc.residual_use == VKN_RESIDUAL_FACTOR ? e->dy * (e->f_error + 4 * fabs(e->f))
                                                              : e->dz_error;
    case VKN_ROLE_DX:
        return dx_bound(test, i, e, s);
    }
    return NAN;
}

/* RESULT: the statistic itself, and the activation of that. */
static double result_bound(const VknDesc *desc, const Statistic *s) {
    double value = NAN, error = NAN;
    switch (desc->statistic) {
    case VKN_STATISTIC_VARIANCE:
    case VKN_STATISTIC_MEAN_SQUARE:
    case VKN_STATISTIC_SUM_SQUARE:
    case VKN_STATISTIC_SUM_POWER: {
        bool is_unbiased = golden_is_centred(desc) && desc->running_variance == VKN_RUNNING_VARIANCE_UNBIASED;
        double scale = is_unbiased ? s->count / fmax(s->count - 1, 1) : 1;
        value = scale * s->spread;
        error =
            scale * s->spread_error + 4 * value + (golden_is_centred(desc) ? U * pow(8 * s->largest, 2) : 0);
        break;
    }
    case VKN_STATISTIC_LOG_SUM_EXP:
        value = s->spread > 0 ? s->mean + log(s->spread) : -INFINITY;
        error = 2 * fabs(s->mean) + s->u_error + 8 + 6 * log(s->spread) + s->spread_error / s->spread;
        break;
    case VKN_STATISTIC_MAX:
    case VKN_STATISTIC_MIN:
        value = desc->statistic == VKN_STATISTIC_MAX ? s->greatest : s->least;
        error = s->u_error;
        break;
    case VKN_STATISTIC_SUM:
    case VKN_STATISTIC_MEAN: {
        double count = desc->statistic == VKN_STATISTIC_MEAN ? s->count : 1;
        value = s->sum / count;
        error = (4 * s->size + s->count * s->u_error) / count;
        break;
    }
    case VKN_STATISTIC_PRODUCT:
        value = s->product;
        error =
            fabs(value) * (2 * s->count + 4 + s->count * (s->least != 0 ? s->u_error / fabs(s->least) : 0));
        break;
    case VKN_STATISTIC_NONE:
        break;
    }
    return test_activation_expect(&desc->activation, value, U * error).bound / U;
}

/* A channel over all its virtual batches: extremes. */
static Statistic channel_measure(const Measures *m, uint64_t channel) {
    Statistic all = m->s[channel];
    for (uint64_t k = channel + m->channels; k < m->channels * m->batches; k += m->channels) {
        all.largest = fmax(all.largest, m->s[k].largest);
        all.u_error = fmax(all.u_error, m->s[k].u_error);
        all.inv_std = fmin(all.inv_std, m->s[k].inv_std);
    }
    return all;
}

/* Of value `i` of a role that each statistic or channel has; `want` and `before` are magnitudes. */
static double statistic_bound(const VknDesc *desc, uint32_t role, uint64_t i, const Statistic *s, double want,
                              double before) {
    double deviation = s->inv_std > 0 ? 1 / s->inv_std : 0;
    double moved = 2 * s->u_error * deviation + U * pow(8 * s->largest, 2);
    switch ((int)role) {
    case VKN_ROLE_MEAN:
        return desc->statistic == VKN_STATISTIC_LOG_SUM_EXP ? s->u_error
                                                            : 4 * (want + s->largest) + s->u_error;
    case VKN_ROLE_RUNNING_MEAN:
    case VKN_ROLE_RENORM_MEAN:
        return 4 * (want + before + s->largest) + s->u_error;
    case VKN_ROLE_VARIANCE:
        return s->spread_error + (golden_is_centred(desc) ? moved : 0);
    case VKN_ROLE_RUNNING_VARIANCE: /* epsilon: batch renormalization subtracts it from RUNNING_STD^2 */
        return 16 * (want + before) + moved +
               (desc->roles & VKN_ROLE_BIT(VKN_ROLE_RUNNING_STD) ? 32 * (want + (double)desc->epsilon) : 0);
    case VKN_ROLE_INV_STD:
        return want * (golden_inv_std_error(desc, s) + s->u_error * s->inv_std);
    case VKN_ROLE_RENORM_STD:
    case VKN_ROLE_RUNNING_STD:
        return 16 * (want + before) + s->u_error;
    case VKN_ROLE_RENORM:
        return 16 * want + ((i % 2 ? 8 * s->largest : 0) + s->u_error) * s->per_sigma_r;
    case VKN_ROLE_RESULT:
        return result_bound(desc, s);
    case VKN_ROLE_INDEX:
        return 0;
    }
    return NAN;
}

static double bound_of(const GoldenCase *test, const Measures *m, uint32_t role, uint64_t i) {
    const GoldenRole *values = &test->role[role];
    double want = fabs(values->out[i]), before = values->in ? fabs(values->in[i]) : 0, units;
    switch ((int)role) {
    case VKN_ROLE_Y:
    case VKN_ROLE_DX:
    case VKN_ROLE_DRESIDUAL:
    case VKN_ROLE_RESIDUAL_SUM:
        units = tensor_bound(test, role, i, &m->e[i], &m->s[m->e[i].statistic]);
        break;
    case VKN_ROLE_DBETA:
        units = m->p[i].dbeta_error + 4 * (want + before);
        break;
    case VKN_ROLE_DGAMMA:
        units = m->p[i].dgamma_error + 4 * (want + before);
        break;
    case VKN_ROLE_DSLOPE:
        units = m->p[i].dslope_error + 4 * (want + before);
        break;
    case VKN_ROLE_MEAN:
    case VKN_ROLE_VARIANCE:
    case VKN_ROLE_INV_STD:
    case VKN_ROLE_RESULT:
    case VKN_ROLE_INDEX:
        units = statistic_bound(&test->desc, role, i, &m->s[i], want, before);
        break;
    default: {
        Statistic channel = channel_measure(m, role == VKN_ROLE_RENORM ? i / 2 : i);
        units = statistic_bound(&test->desc, role, i, &channel, want, before);
    }
    }
    units += want; /* files have 8 digits of outputs */
    return test->factor * U * units + step_of(golden_type(&test->desc, role), want) + 1e-30;
}

bool golden_bounds_create(const GoldenCase *test, GoldenBounds *bounds) {
    Measures measures;
    bool complete = golden_measures_create(test, &measures);
    *bounds = (GoldenBounds){0};
    for (uint32_t role = 0; complete && role < VKN_ROLE_COUNT; role++) {
        const GoldenRole *values = &test->role[role];
        if (!values->out)
            continue;
        bounds->of[role] = calloc(values->count + 1, sizeof *bounds->of[role]);
        complete = bounds->of[role] != NULL;
        for (uint64_t i = 0; complete && i < values->count; i++)
            bounds->of[role][i] = bound_of(test, &measures, role, i);
    }
    golden_measures_destroy(&measures);
    return complete;
}

void golden_bounds_destroy(GoldenBounds *bounds) {
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++)
        free(bounds->of[role]);
}
