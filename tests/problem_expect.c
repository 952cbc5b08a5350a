/* The formulas of vknorm.h, in fp64, with a bound on what f32 may make of them. */
#include "problem_formula.h"

#include "number.h"
#include "tensor.h"

#include <math.h>
#include <string.h>

bool problem_has(const Problem *p, VknRole role) {
    return p->desc.roles >> role & 1;
}

void problem_expect(Problem *p, VknRole role, uint64_t index, double value, double slack) {
    p->value[role][index] = p->other[role][index] = value;
    p->slack[role][index] = isnan(slack) ? INFINITY : slack; /* 0 times what may be anything is that */
}

void problem_expect_element(Problem *p, VknRole role, uint64_t index, double value, double slack) {
    VknType type = (role == VKN_ROLE_RESULT ? &p->desc.y : problem_tensor(p, role))->type;
    double most = test_largest(type), size = fabs(value);
    slack += test_spacing(type, size + slack) / 2 * 1.01;
    bool overflows = isfinite(value) && isfinite(slack) && size - slack > most;
    problem_expect(p, role, index, overflows ? copysign(INFINITY, value) : value, slack);
    if (isfinite(value) && isfinite(slack) && size + slack > most)
        p->other[role][index] = copysign(INFINITY, value);
}

/* The variance that moves. */
static Near moving_variance(const Problem *p, const Statistic *s) {
    double n = s->count > 0 ? s->count : 1;
    double ratio = p->desc.running_variance ? n / fmax(n - 1, 1) : 1;
    return (Near){s->variance.value * ratio, (s->variance.slack + 8 * U * s->variance.value) * ratio};
}

static void expect_moved(Problem *p, VknRole role, uint64_t channel, Near batch, bool renorm) {
    const VknDesc *d = &p->desc;
    double momentum = renorm ? d->renorm_momentum : d->momentum, before = p->given[role][channel];
    double weight = d->momentum_convention == VKN_MOMENTUM_OLD   ? 1 - momentum
                    : d->momentum_convention == VKN_MOMENTUM_NEW ? momentum
                                                                 : 1 / (double)p->batch_number;
    problem_expect(p, role, channel, before * (1 - weight) + batch.value * weight,
                   weight * batch.slack + 8 * U * (fabs(before) + fabs(batch.value)));
}

/* r and d, and what may be wrong with them. */
static void renorm_of(const Problem *p, uint64_t channel, const Statistic *s, Near *r, Near *d) {
    const VknDesc *desc = &p->desc;
    double sigma = fmax(p->given[VKN_ROLE_RENORM_STD][channel], sqrt((double)desc->epsilon));
    double distance = s->mean.value - p->given[VKN_ROLE_RENORM_MEAN][channel];
    *r = (Near){s->sigma.value / sigma, s->sigma.slack / sigma + 8 * U * s->sigma.value / sigma};
    *d = (Near){distance / sigma, (s->mean.slack + 8 * U * (fabs(distance) + fabs(s->mean.value))) / sigma};
    r->value = fmin(fmax(r->value, (double)desc->renorm_r_min), (double)desc->renorm_r_max);
    d->value = fmin(fmax(d->value, -(double)desc->renorm_d_max), (double)desc->renorm_d_max);
}

/* ---------------------------------------------------------------------------------------------- output */

double problem_gamma(const Problem *p, uint64_t i) {
    return problem_has(p, VKN_ROLE_GAMMA) ? p->given[VKN_ROLE_GAMMA][test_parameter_of(&p->desc, i)] : 1;
}

static double beta_of(const Problem *p, uint64_t i) {
    return problem_has(p, VKN_ROLE_BETA) ? p->given[VKN_ROLE_BETA][test_parameter_of(&p->desc, i)] : 0;
}

VknActivation problem_activation(const Problem *p, uint64_t i) {
    VknActivation a = p->desc.activation;
    if (a.id == VKN_ACTIVATION_PRELU)
        a = (VknActivation){VKN_ACTIVATION_LEAKY_RELU,
                            {(float)p->given[VKN_ROLE_SLOPE][test_parameter_of(&p->desc, i)]}};
    return a;
}

Near problem_xhat(const Problem *p, uint64_t i, const Norm *norm) {
    Near u = problem_input(p, i);
    if (p->desc.statistic == VKN_STATISTIC_NONE)
        return u;
    if (p->desc.statistic == VKN_STATISTIC_MAX)
        return (Near){i == norm->greatest, 0};
    double distance = u.value - norm->mean.value;
    double off = u.slack + norm->mean.slack + 2 * U * fabs(distance);
    if (isinf(u.value))
        return (Near){u.value, 0};
    return (Near){distance * norm->inverse.value - norm->low.value,
                  off * norm->inverse.value + fabs(distance) * norm->inverse.slack + norm->low.slack +
                      2 * U * fabs(norm->low.value)};
}

Near problem_z(const Problem *p, uint64_t i, Near xhat, Near r, Near d) {
    double gamma = problem_gamma(p, i), beta = beta_of(p, i), residual = 0;
    if (p->has_residual && p->desc.residual_use == VKN_RESIDUAL_AFTER)
        residual = p->given[VKN_ROLE_RESIDUAL][i];
    if (isinf(xhat.value))
        return xhat;
    double terms = fabs(gamma * xhat.value * r.value) + fabs(gamma * d.value) + fabs(beta) + fabs(residual);
    double off = fabs(r.value) * xhat.slack + fabs(xhat.value) * r.slack + d.slack;
    return (Near){gamma * (xhat.value * r.value + d.value) + beta + residual,
                  fabs(gamma) * off + 8 * U * terms};
}

TestExpect problem_activated(const VknActivation *activation, Near z) {
    double at_infinity = test_activation_value(activation, z.value);
    return isinf(z.value) ? (TestExpect){.value = at_infinity, .other = at_infinity}
                          : test_activation_expect(activation, z.value, z.slack);
}

static void expect_y(Problem *p, uint64_t i, Near z) {
    VknActivation activation = problem_activation(p, i);
    TestExpect y = problem_activated(&activation, z);
    double factor =
        p->has_residual && p->desc.residual_use == VKN_RESIDUAL_FACTOR ? p->given[VKN_ROLE_RESIDUAL][i] : 1;
    double bound = y.bound * fabs(factor) + (factor == 1 ? 0 : 2 * U * fabs(y.value * factor));
    problem_expect_element(p, VKN_ROLE_Y, i, y.value * factor, bound);
    if (y.other != y.value)
        p->other[VKN_ROLE_Y][i] = y.other * factor;
    if (problem_has(p, VKN_ROLE_RESIDUAL_SUM))
        problem_expect(p, VKN_ROLE_RESIDUAL_SUM, i, problem_sum(p, i), 0);
}

static void expect_untouched(Problem *p, VknRole role, uint64_t index, uint32_t words) {
    for (uint32_t i = 0; i < words; i++)
        problem_expect(p, role, index * words + i, 0, -1);
}

static void expect_statistic(Problem *p, uint64_t index, const Statistic *s) {
    double low = 2 * U * fabs(s->mean.value); /* which the caller's one word cannot hold */
    problem_expect(p, VKN_ROLE_MEAN, index, s->mean.value, isinf(low) ? 0 : s->mean.slack + low);
    problem_expect(p, VKN_ROLE_INV_STD, index, s->inverse.value, s->inverse.slack);
    problem_expect(p, VKN_ROLE_VARIANCE, index, s->variance.value, s->variance.slack);
    p->given[VKN_ROLE_MEAN][index] = (float)s->mean.value;
    p->given[VKN_ROLE_INV_STD][index] = (float)s->inverse.value;
    p->given[VKN_ROLE_VARIANCE][index] = (float)s->variance.value;
    if (!s->written)
        for (VknRole role = VKN_ROLE_MEAN; role <= VKN_ROLE_VARIANCE; role++)
            expect_untouched(p, role, index, 1);
    /* Of the two words of the mean the sum is compared. */
    const double moments[] = {s->raw_count, s->raw_mean, 0, s->raw_m2};
    const double slack[] = {0, s->raw_mean_slack + 2 * U * fabs(s->raw_mean),
                            2 * U * fabs(s->raw_mean) + 1e-30, s->raw_m2_slack + 1e-30};
    for (uint32_t word = 0; word < 4; word++) {
        problem_expect(p, VKN_ROLE_MOMENTS, 4 * index + word, moments[word],
                       s->raw_count || word == 0 ? slack[word] : INFINITY);
        p->given[VKN_ROLE_MOMENTS][4 * index + word] = (float)moments[word];
    }
    p->given[VKN_ROLE_MOMENTS][4 * index + 2] = (float)(s->raw_mean - (float)s->raw_mean);
}

static void expect_channel(Problem *p, uint64_t channel, Near *r, Near *d) {
    Near mean = {0, 0}, variance = {0, 0};
    Statistic s = {0};
    bool written = false;
    double batches = (double)(p->statistics / p->channels);
    for (uint64_t index = channel; index < p->statistics; index += p->channels) {
        s = problem_statistic(p, index);
        Near moved = moving_variance(p, &s);
        mean.value += s.mean.value / batches;
        mean.slack += (s.mean.slack + 2 * U * fabs(s.mean.value)) / batches;
        variance.value += moved.value / batches;
        variance.slack += (moved.slack + 2 * U * moved.value) / batches;
        written = written || s.written;
        expect_statistic(p, index, &s);
    }
    expect_moved(p, VKN_ROLE_RUNNING_MEAN, channel, mean, false);
    expect_moved(p, VKN_ROLE_RUNNING_VARIANCE, channel, variance, false);
    for (VknRole role = VKN_ROLE_RUNNING_MEAN; !written && role <= VKN_ROLE_RUNNING_VARIANCE; role++)
        expect_untouched(p, role, channel, 1);
    *r = (Near){1, 0};
    *d = (Near){0, 0};
    if (!problem_has(p, VKN_ROLE_RENORM_MEAN))
        return;
    renorm_of(p, channel, &s, r, d);
    problem_expect(p, VKN_ROLE_RENORM, 2 * channel, r->value, r->slack);
    problem_expect(p, VKN_ROLE_RENORM, 2 * channel + 1, d->value, d->slack);
    p->given[VKN_ROLE_RENORM][2 * channel] = (float)r->value;
    p->given[VKN_ROLE_RENORM][2 * channel + 1] = (float)d->value;
    expect_moved(p, VKN_ROLE_RENORM_MEAN, channel, mean, true);
    expect_moved(p, VKN_ROLE_RENORM_STD, channel, s.sigma, true);
    expect_moved(p, VKN_ROLE_RUNNING_STD, channel, s.sigma, false);
    double std = p->value[VKN_ROLE_RUNNING_STD][channel], slack = p->slack[VKN_ROLE_RUNNING_STD][channel];
    problem_expect(p, VKN_ROLE_RUNNING_VARIANCE, channel, fmax(std * std - (double)p->desc.epsilon, 0),
                   2 * std * slack + slack * slack + 4 * U * std * std);
}

void problem_expect_training(Problem *p) {
    static Near r[PROBLEM_MOST], d[PROBLEM_MOST];
    static Statistic statistics[PROBLEM_MOST];
    for (uint64_t channel = 0; channel < p->channels; channel++)
        expect_channel(p, channel, &r[channel], &d[channel]);
    for (uint64_t index = 0; index < p->statistics; index++)
        statistics[index] = problem_statistic(p, index);
    for (uint64_t i = 0; i < p->elements; i++) {
        if (test_is_padding(&p->desc, i))
            continue;
        const Statistic *s = &statistics[test_statistic_of(&p->desc, i)];
        uint64_t channel = test_channel_of(&p->desc, i);
        expect_y(p, i, problem_z(p, i, problem_xhat(p, i, &s->norm), r[channel], d[channel]));
    }
}

Norm problem_norm_given(const Problem *p, uint64_t index) {
    double inverse = p->given[VKN_ROLE_INV_STD][index], mean = p->given[VKN_ROLE_MEAN][index];
    double variance = p->given[VKN_ROLE_VARIANCE][index], epsilon = (double)p->desc.epsilon;
    bool by_variance = problem_has(p, VKN_ROLE_VARIANCE);
    Norm norm = {.mean = {0, 0}, .inverse = {1, 0}};
    switch (p->desc.statistic) {
    case VKN_STATISTIC_VARIANCE:
    case VKN_STATISTIC_MEAN_SQUARE:
        norm.mean.value = p->desc.statistic == VKN_STATISTIC_VARIANCE ? mean : 0;
        inverse = by_variance ? 1 / sqrt(variance + epsilon) : inverse;
        norm.inverse = (Near){inverse, 8 * U * inverse};
        break;
    case VKN_STATISTIC_SUM_SQUARE:
        inverse = by_variance ? 1 / sqrt(fmax(variance, epsilon)) : inverse;
        norm.inverse = (Near){inverse, 8 * U * inverse};
        break;
    case VKN_STATISTIC_SUM_POWER:
        inverse = by_variance ? pow(fmax(variance, epsilon), -1 / (double)p->desc.power) : inverse;
        norm.inverse = (Near){inverse, (0x1p-20 + U * (16 + 8 * fabs(log2(inverse)))) * inverse};
        break;
    case VKN_STATISTIC_LOG_SUM_EXP:
        norm.mean.value = isinf(mean) ? 0 : mean;
        norm.low.value = by_variance ? (variance > 0 ? log(variance) : 0) : inverse > 0 ? -log(inverse) : 0;
        norm.low.slack = 0x1p-21 + 4 * U * fabs(norm.low.value);
        break;
    case VKN_STATISTIC_MAX:
    case VKN_STATISTIC_NONE:
    case VKN_STATISTIC_MIN:
    case VKN_STATISTIC_SUM:
    case VKN_STATISTIC_MEAN:
    case VKN_STATISTIC_PRODUCT:
        break;
    }
    return norm;
}

void problem_expect_apply(Problem *p) {
    for (uint64_t i = 0; i < p->elements; i++) {
        if (test_is_padding(&p->desc, i))
            continue;
        uint64_t index = test_statistic_of(&p->desc, i);
        Norm norm = problem_norm_given(p, index);
        Near xhat = problem_xhat(p, i, &norm);
        expect_y(p, i, problem_z(p, i, xhat, (Near){1, 0}, (Near){0, 0}));
    }
}

double problem_loss(const Problem *p) {
    static Statistic statistics[PROBLEM_MOST];
    double loss = 0;
    for (uint64_t index = 0; index < p->statistics; index++)
        statistics[index] = problem_statistic(p, index);
    for (uint64_t i = 0; i < p->elements; i++) {
        if (test_is_padding(&p->desc, i))
            continue;
        const Statistic *s = &statistics[test_statistic_of(&p->desc, i)];
        uint64_t c = test_channel_of(&p->desc, i);
        Near r = {1, 0}, d = {0, 0};
        if (problem_has(p, VKN_ROLE_RENORM)) {
            r.value = p->given[VKN_ROLE_RENORM][2 * c];
            d.value = p->given[VKN_ROLE_RENORM][2 * c + 1];
        }
        Near z = problem_z(p, i, problem_xhat(p, i, &s->norm), r, d);
        VknActivation activation = problem_activation(p, i);
        double y = test_activation_value(&activation, z.value);
        if (p->desc.activation.id == VKN_ACTIVATION_PRELU && z.value < 0) /* whose slope is no f32 here */
            y = z.value * p->given[VKN_ROLE_SLOPE][test_parameter_of(&p->desc, i)];
        if (p->has_residual && p->desc.residual_use == VKN_RESIDUAL_FACTOR)
            y *= p->given[VKN_ROLE_RESIDUAL][i];
        if (!isinf(y)) /* of what a mask leaves out */
            loss += p->given[VKN_ROLE_DY][i] * y;
        if (problem_has(p, VKN_ROLE_RESIDUAL_SUM))
            loss += p->given[VKN_ROLE_DRESIDUAL_SUM][i] * p->given[VKN_ROLE_X][i];
    }
    return loss;
}
