#include "golden_measure.h"
#include "reference.h"

#include <math.h>
#include <stdlib.h>

bool golden_is_centred(const VknDesc *desc) {
    return desc->statistic == VKN_STATISTIC_VARIANCE;
}

/* The number of an element among those with an index of their own on `axes`. */
static uint64_t number_on(const VknDesc *desc, const uint64_t *index, const int32_t *axes, uint32_t count) {
    uint64_t number = 0;
    for (uint32_t axis = 0; axis < desc->rank; axis++)
        for (uint32_t i = 0; i < count; i++)
            if (((uint32_t)axes[i] + desc->rank) % desc->rank == axis)
                number = number * desc->shape[axis] + index[axis];
    return number;
}

static uint64_t count_on(const VknDesc *desc, const int32_t *axes, uint32_t count) {
    uint64_t product = 1;
    for (uint32_t i = 0; i < count; i++)
        product *= desc->shape[((uint32_t)axes[i] + desc->rank) % desc->rank];
    return product;
}

static const int32_t *parameter_axes(const VknDesc *desc, uint32_t *count) {
    *count = desc->parameter_axis_count ? desc->parameter_axis_count : desc->kept_axis_count;
    return desc->parameter_axis_count ? desc->parameter_axes : desc->kept_axes;
}

double golden_value_of(const GoldenCase *test, uint32_t role, uint64_t i, double absent) {
    const double *in = test->role[role].in;
    return in ? in[i] : absent;
}

static void locate(const GoldenCase *test, const Measures *m, uint64_t i) {
    const VknDesc *desc = &test->desc;
    const VknResidualUse use = desc->residual_use;
    Element *e = &m->e[i];
    uint64_t index[VKN_MAX_RANK] = {0}, rest = i, masked = 0;
    uint32_t count;
    const int32_t *axes = parameter_axes(desc, &count);
    for (uint32_t axis = desc->rank; axis-- > 0; rest /= desc->shape[axis]) {
        index[axis] = rest % desc->shape[axis];
        masked += index[axis] * desc->mask_stride[axis];
    }
    bool is_keras = true; /* a mask with one axis less than x */
    for (uint32_t axis = 0; axis < desc->rank; axis++)
        is_keras = is_keras && !desc->mask_stride[axis];
    e->statistic =
        index[0] % m->batches * m->channels + number_on(desc, index, desc->kept_axes, desc->kept_axis_count);
    e->parameter = number_on(desc, index, axes, count);
    e->counts =
        golden_value_of(test, VKN_ROLE_MASK, is_keras ? i / desc->shape[desc->rank - 1] : masked, 1) != 0;
    double x = golden_value_of(test, VKN_ROLE_X, i, 0),
           residual = golden_value_of(test, VKN_ROLE_RESIDUAL, i, 0);
    x += use == VKN_RESIDUAL_BEFORE ? residual : 0;
    TestExpect u = test_activation_expect(&desc->prologue, x, use == VKN_RESIDUAL_BEFORE ? U * fabs(x) : 0);
    e->u = u.value;
    e->u_error = u.bound / U;
    if (desc->statistic == VKN_STATISTIC_LOG_SUM_EXP && !e->counts)
        e->u = -INFINITY;
    e->factor = use == VKN_RESIDUAL_FACTOR ? fabs(residual) : 1;
    e->dy = fabs(golden_value_of(test, VKN_ROLE_DY, i, 0));
}

/* -------------------------------------------------------------------------------------------- statistics */

/* log2 is good to 8 units or 3 ULP, exp2 to 3 + 2|z| ULP. */
double golden_power_error(double value, double power) {
    if (power == floor(power) && power <= 2)
        return 2;
    return 6 + 6 * power + (value > 0 ? 9 * power * fabs(log2(value)) : 0);
}

/* The error of exp(z), which is 0 in f32 long before -200. */
double golden_exp_error(double z, double z_error) {
    return z > -200 ? exp(z) * (z_error + 6 + 4 * fabs(z)) : 0;
}

double golden_power_of(const VknDesc *desc) {
    return desc->statistic == VKN_STATISTIC_SUM_POWER     ? desc->power
           : desc->statistic == VKN_STATISTIC_LOG_SUM_EXP ? 1
                                                          : 2;
}

/* An element's part of the spread, and the error of that. */
static void add_spread(const VknDesc *desc, const Element *e, Statistic *s) {
    double distance = e->u - s->mean, power = golden_power_of(desc), part, error;
    if (desc->statistic == VKN_STATISTIC_LOG_SUM_EXP) {
        part = s->mean > -INFINITY ? exp(distance) : 0;
        error = part > 0 ? golden_exp_error(distance, fabs(distance) + e->u_error) + 8 * part : 0;
    } else {
        part = pow(fabs(distance), power);
        error = part * (16 + golden_power_error(fabs(distance), power)) +
                power * pow(fabs(distance), power - 1) * e->u_error;
    }
    bool is_mean = golden_is_centred(desc) || desc->statistic == VKN_STATISTIC_MEAN_SQUARE;
    s->spread += part / (is_mean ? s->count : 1);
    s->spread_error += error / (is_mean ? s->count : 1);
}

static double inv_std_of(const VknDesc *desc, double spread) {
    double epsilon = desc->epsilon, power = golden_power_of(desc), total = spread;
    if (golden_is_centred(desc) || desc->statistic == VKN_STATISTIC_MEAN_SQUARE)
        total = spread + epsilon;
    else if (desc->statistic != VKN_STATISTIC_LOG_SUM_EXP)
        total = fmax(spread, epsilon);
    return total > 0 ? pow(total, -1 / power) : 0;
}

/* The batch's own statistics, or those that the case gives. */
static void measure_statistics(const GoldenCase *test, const Measures *m) {
    const VknDesc *desc = &test->desc;
    const GoldenRole *renorm = &test->role[VKN_ROLE_RENORM];
    const double *corrections = renorm->in ? renorm->in : renorm->out;
    uint64_t count = m->channels * m->batches;
    for (uint64_t k = 0; k < count; k++)
        m->s[k] = (Statistic){.product = 1, .greatest = -INFINITY, .least = INFINITY};
    for (uint64_t i = 0; i < m->elements; i++) {
        const Element *e = &m->e[i];
        Statistic *s = &m->s[e->statistic];
        s->largest = fmax(s->largest, fabs(e->u));
        s->u_error = fmax(s->u_error, e->u_error);
        if (!e->counts)
            continue;
        s->count++;
        s->sum += e->u;
        s->size += fabs(e->u) + e->u_error;
        s->product *= e->u;
        s->greatest = fmax(s->greatest, e->u);
        s->least = fmin(s->least, e->u);
    }
    for (uint64_t k = 0; k < count; k++) {
        Statistic *s = &m->s[k];
        s->count = fmax(s->count, 1); /* nothing is divided by it where all is masked */
        if (golden_is_centred(desc))
            s->mean = s->sum / s->count;
        if (desc->statistic == VKN_STATISTIC_LOG_SUM_EXP)
            s->mean = s->greatest;
    }
    for (uint64_t i = 0; i < m->elements; i++)
        if (m->e[i].counts)
            add_spread(desc, &m->e[i], &m->s[m->e[i].statistic]);
    for (uint64_t k = 0; k < count; k++) {
        Statistic *s = &m->s[k];
        s->mean = golden_value_of(test, VKN_ROLE_MEAN, k, s->mean);
        s->spread = golden_value_of(test, VKN_ROLE_VARIANCE, k, s->spread);
        s->inv_std = golden_value_of(test, VKN_ROLE_INV_STD, k, inv_std_of(desc, s->spread));
        s->r = corrections ? corrections[2 * k] : 1;
        s->d = corrections ? corrections[2 * k + 1] : 0;
        double sigma_r =
            fmax(golden_value_of(test, VKN_ROLE_RENORM_STD, k % m->channels, INFINITY), sqrt(desc->epsilon));
        s->per_sigma_r = 1 / sigma_r;
    }
}

double golden_inv_std_error(const VknDesc *desc, const Statistic *s) {
    double power = golden_power_of(desc);
    return 8 + s->spread_error * pow(s->inv_std, power) / power + golden_power_error(s->spread, 1 / power) -
           2;
}

/* ---------------------------------------------------------------------------------------------- elements */

static void measure_xhat(const GoldenCase *test, Element *e, uint64_t i, const Statistic *s) {
    const VknDesc *desc = &test->desc;
    switch (desc->statistic) {
    case VKN_STATISTIC_VARIANCE:
        e->xhat = (e->u - s->mean) * s->inv_std;
        e->xhat_error = 8 * (fabs(e->xhat) + 1) + (2 + fabs(e->xhat)) * s->u_error * s->inv_std;
        /* a mean that is given has been rounded to f32, TRAIN has it in two words; but f32 does not see the
         * 1e-7 that is added to a count */
        if (test->role[VKN_ROLE_MEAN].in || test->role[VKN_ROLE_MASK].in)
            e->xhat_error += 4 * fabs(s->mean) * s->inv_std;
        return;
    case VKN_STATISTIC_MEAN_SQUARE:
    case VKN_STATISTIC_SUM_SQUARE:
    case VKN_STATISTIC_SUM_POWER:
        e->xhat = e->u * s->inv_std;
        e->xhat_error = fabs(e->xhat) * golden_inv_std_error(desc, s) + e->u_error * s->inv_std;
        return;
    case VKN_STATISTIC_LOG_SUM_EXP:
        if (!test->role[VKN_ROLE_X].in) { /* from Y, which has been rounded */
            double y = golden_value_of(test, VKN_ROLE_Y, i, 0);
            bool is_exp = desc->activation.id == VKN_ACTIVATION_EXP;
            e->xhat = is_exp ? log(y) : y;
            e->xhat_error = is_exp ? 4 : 4 * fabs(y);
        } else if (e->u > -INFINITY) {
            double offset = log(s->spread);
            e->xhat = e->u - s->mean - offset;
            e->xhat_error = 2 * fabs(e->u - s->mean) + 2 * s->u_error + 2 * fabs(e->xhat) + 8 + 6 * offset +
                            s->spread_error / s->spread;
        } else {
            e->xhat = -INFINITY;
        }
        return;
    case VKN_STATISTIC_MAX:
        e->xhat = e->u == s->greatest;
        return;
    case VKN_STATISTIC_NONE:
        e->xhat = e->u;
        e->xhat_error = e->u_error;
        return;
    case VKN_STATISTIC_MIN:
    case VKN_STATISTIC_SUM:
    case VKN_STATISTIC_MEAN:
    case VKN_STATISTIC_PRODUCT:
        return; /* of REDUCE alone */
    }
}

/* Half a step lies within the distance that data keep from kinks. */
double golden_slope_of(const VknActivation *activation, double z) {
    const double step = 0x1p-12;
    return fabs(test_activation_value(activation, z + step) - test_activation_value(activation, z - step)) /
           (2 * step);
}

static void measure_activation(const VknActivation *activation, Element *e) {
    bool is_exp = activation->id == VKN_ACTIVATION_EXP;
    TestExpect f = test_activation_expect(activation, e->z, U * e->z_error);
    e->f = f.value;
    e->f_error = is_exp ? golden_exp_error(e->z, e->z_error) : f.bound / U;
    e->dz = e->dy * e->factor;
    e->dz_error = 8 * e->dz;
    if (activation->id != VKN_ACTIVATION_IDENTITY) {
        double slope = is_exp ? e->f : golden_slope_of(activation, e->z);
        double slope_error = is_exp ? e->f_error : 2 * e->z_error + 16;
        e->dz_error = e->dz * (8 * slope + slope_error);
        e->dz *= slope;
    }
}

static void measure_element(const GoldenCase *test, const Measures *m, uint64_t i) {
    const VknDesc *desc = &test->desc;
    Element *e = &m->e[i];
    Statistic *s = &m->s[e->statistic];
    Parameter *p = &m->p[e->parameter];
    VknActivation activation = desc->activation;
    measure_xhat(test, e, i, s);
    double gamma = golden_value_of(test, VKN_ROLE_GAMMA, e->parameter, 1), xhat = fabs(e->xhat);
    double beta = golden_value_of(test, VKN_ROLE_BETA, e->parameter, 0);
    beta += desc->residual_use == VKN_RESIDUAL_AFTER ? golden_value_of(test, VKN_ROLE_RESIDUAL, i, 0) : 0;
    double corrected = xhat * s->r + fabs(s->d), corrected_error = e->xhat_error * s->r;
    if (test->role[VKN_ROLE_RENORM].out) /* r and d are computed, not given */
        corrected_error += 16 * corrected + 8 * s->largest * s->per_sigma_r;
    bool is_plain = !test->role[VKN_ROLE_GAMMA].in && !test->role[VKN_ROLE_BETA].in && s->r == 1 &&
                    s->d == 0 && !test->role[VKN_ROLE_RESIDUAL].in;
    e->z = is_plain ? e->xhat : gamma * (e->xhat * s->r + s->d) + beta;
    e->z_error = fabs(gamma) * corrected_error + (is_plain ? 0 : 8 * (fabs(gamma) * corrected + fabs(beta)));
    if (activation.id == VKN_ACTIVATION_PRELU)
        activation = (VknActivation){VKN_ACTIVATION_LEAKY_RELU,
                                     {(float)golden_value_of(test, VKN_ROLE_SLOPE, e->parameter, 0)}};
    measure_activation(&activation, e);
    e->dxhat = fabs(gamma) * s->r * e->dz;
    e->dxhat_error = fabs(gamma) * s->r * e->dz_error;
    s->dxhat += e->dxhat;
    s->dxhat_error += e->dxhat_error;
    if (desc->statistic != VKN_STATISTIC_LOG_SUM_EXP) {
        s->dxhat_xhat += e->dxhat * xhat;
        s->dxhat_xhat_error += e->dxhat_error * xhat + e->dxhat * e->xhat_error;
    }
    p->dbeta_error += e->dz_error;
    p->dgamma_error += s->r * (e->dz_error * xhat + e->dz * e->xhat_error) + fabs(s->d) * e->dz_error;
    p->dslope_error += e->dy * e->factor * (e->z_error + 8 * fabs(fmin(e->z, 0)));
}

bool golden_measures_create(const GoldenCase *test, Measures *m) {
    const VknDesc *desc = &test->desc;
    uint32_t axis_count;
    const int32_t *axes = parameter_axes(desc, &axis_count);
    *m = (Measures){.elements = 1, .channels = count_on(desc, desc->kept_axes, desc->kept_axis_count)};
    for (uint32_t axis = 0; axis < desc->rank; axis++)
        m->elements *= desc->shape[axis];
    m->batches = desc->virtual_batch_size ? desc->shape[0] / desc->virtual_batch_size : 1;
    m->parameters = count_on(desc, axes, axis_count);
    m->e = calloc(m->elements + 1, sizeof *m->e);
    m->s = calloc(m->channels * m->batches + 1, sizeof *m->s);
    m->p = calloc(m->parameters + 1, sizeof *m->p);
    if (!m->e || !m->s || !m->p)
        return false;
    for (uint64_t i = 0; i < m->elements; i++)
        locate(test, m, i);
    measure_statistics(test, m);
    for (uint64_t i = 0; i < m->elements; i++)
        measure_element(test, m, i);
    return true;
}

void golden_measures_destroy(Measures *m) {
    free(m->e);
    free(m->s);
    free(m->p);
}
