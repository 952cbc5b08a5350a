/* The formulas of vknorm.h, in fp64, with a bound on what f32 may make of them. */
#include "problem.h"

#include "number.h"
#include "reference.h"
#include "tensor.h"

#include <math.h>
#include <string.h>

#define U         0x1p-24
#define MASKED(p) ((p)->desc.roles >> VKN_ROLE_MASK & 1)

static bool has(const Problem *p, VknRole role) {
    return p->desc.roles >> role & 1;
}

/* A number and how far off it may be. */
typedef struct Near {
    double value, slack;
} Near;

static void expect(Problem *p, VknRole role, uint64_t index, double value, double slack) {
    p->value[role][index] = p->other[role][index] = value;
    p->slack[role][index] = slack;
}

/* Of a tensor: rounded to its type. */
static void expect_element(Problem *p, VknRole role, uint64_t index, double value, double slack) {
    VknType type = problem_tensor(p, role)->type;
    expect(p, role, index, value, slack + test_spacing(type, fabs(value) + slack) / 2 * 1.01);
}

/* ------------------------------------------------------------------------------------------ statistics */

/* The statistic of a channel and virtual batch as y sees it, and the raw moments. */
typedef struct Statistic {
    double raw_mean, raw_m2, raw_count, raw_mean_slack, raw_m2_slack;
    double count; /* with count_epsilon */
    Near mean, variance, sigma, inverse;
    double prologue_slack; /* of any u */
    bool written;
} Statistic;

static Near input_of(const Problem *p, uint64_t i) {
    TestExpect u = test_activation_expect(&p->desc.prologue, p->given[VKN_ROLE_X][i], 0);
    return (Near){u.value, u.bound};
}

static bool belongs(const Problem *p, uint64_t i, uint64_t statistic) {
    return !test_is_padding(&p->desc, i) && test_statistic_of(&p->desc, i) == statistic;
}

static bool counts(const Problem *p, uint64_t i, uint64_t statistic) {
    return belongs(p, i, statistic) && (!MASKED(p) || p->given[VKN_ROLE_MASK][i] != 0);
}

static Statistic statistic_of(const Problem *p, uint64_t index) {
    Statistic s = {0};
    double least = INFINITY, most = -INFINITY;
    for (uint64_t i = 0; i < p->elements; i++) {
        if (!counts(p, i, index))
            continue;
        Near u = input_of(p, i);
        s.raw_count++;
        s.raw_mean += u.value;
        least = fmin(least, u.value);
        most = fmax(most, u.value);
        s.prologue_slack = fmax(s.prologue_slack, u.slack);
    }
    double range = s.raw_count ? most - least : 0;
    s.raw_mean /= s.raw_count ? s.raw_count : 1;
    for (uint64_t i = 0; i < p->elements; i++)
        if (counts(p, i, index))
            s.raw_m2 += pow(input_of(p, i).value - s.raw_mean, 2);
    double epsilon = MASKED(p) ? (double)p->desc.count_epsilon : 0;
    s.count = s.raw_count + epsilon;
    s.written = s.raw_count > 0 || MASKED(p);
    double n = s.count > 0 ? s.count : 1;
    double sum = s.raw_mean * s.raw_count, mean = sum / n, m2 = 0;
    for (uint64_t i = 0; i < p->elements; i++)
        if (counts(p, i, index))
            m2 += pow(input_of(p, i).value - mean, 2);
    double off = s.prologue_slack + 16 * U * range;
    s.mean = (Near){mean, off + 4 * U * fabs(mean) * epsilon / n};
    s.variance.value = m2 / n;
    s.variance.slack = 2 * sqrt(s.variance.value) * off + off * off + 32 * U * s.variance.value + 1e-30;
    s.raw_mean_slack = off;
    s.raw_m2_slack = s.variance.slack * s.count;
    double squares = s.raw_m2 + s.raw_count * s.raw_mean * s.raw_mean;
    double size = sqrt(squares / n), off_size = s.prologue_slack + 16 * U * fmax(fabs(least), fabs(most));
    if (p->desc.statistic != VKN_STATISTIC_VARIANCE) {
        s.mean = (Near){0, 0};
        s.variance.value = size * size;
        s.variance.slack = 2 * size * off_size + off_size * off_size + 32 * U * size * size + 1e-30;
    }
    double factor = p->desc.statistic == VKN_STATISTIC_SUM_SQUARE ? n : 1;
    s.variance.value *= factor;
    s.variance.slack *= factor;
    double v = s.variance.value + (double)p->desc.epsilon;
    if (p->desc.statistic == VKN_STATISTIC_SUM_SQUARE)
        v = fmax(s.variance.value, (double)p->desc.epsilon);
    double relative = s.variance.slack / v;
    s.sigma = (Near){sqrt(v), sqrt(v) * (relative + 4 * U)};
    s.inverse = (Near){1 / sqrt(v), (relative + 8 * U) / sqrt(v)};
    return s;
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
    expect(p, role, channel, before * (1 - weight) + batch.value * weight,
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

static double gamma_of(const Problem *p, uint64_t i) {
    return has(p, VKN_ROLE_GAMMA) ? p->given[VKN_ROLE_GAMMA][test_parameter_of(&p->desc, i)] : 1;
}

static double beta_of(const Problem *p, uint64_t i) {
    return has(p, VKN_ROLE_BETA) ? p->given[VKN_ROLE_BETA][test_parameter_of(&p->desc, i)] : 0;
}

static double residual_of(const Problem *p, uint64_t i) {
    return p->has_residual ? p->given[VKN_ROLE_RESIDUAL][i] : 0;
}

static Near xhat_of(const Problem *p, uint64_t i, Near mean, Near inverse) {
    Near u = input_of(p, i);
    double distance = u.value - mean.value;
    double off = u.slack + mean.slack + 2 * U * fabs(distance);
    return (Near){distance * inverse.value, off * inverse.value + fabs(distance) * inverse.slack};
}

/* The input of the activation. */
static Near z_of(const Problem *p, uint64_t i, Near xhat, Near r, Near d) {
    double gamma = gamma_of(p, i), beta = beta_of(p, i), residual = residual_of(p, i);
    double terms = fabs(gamma * xhat.value * r.value) + fabs(gamma * d.value) + fabs(beta) + fabs(residual);
    double off = fabs(r.value) * xhat.slack + fabs(xhat.value) * r.slack + d.slack;
    return (Near){gamma * (xhat.value * r.value + d.value) + beta + residual,
                  fabs(gamma) * off + 8 * U * terms};
}

static void expect_y(Problem *p, uint64_t i, Near z) {
    TestExpect y = test_activation_expect(&p->desc.activation, z.value, z.slack);
    expect_element(p, VKN_ROLE_Y, i, y.value, y.bound);
    p->other[VKN_ROLE_Y][i] = y.other;
}

static void expect_untouched(Problem *p, VknRole role, uint64_t index, uint32_t words) {
    for (uint32_t i = 0; i < words; i++)
        expect(p, role, index * words + i, 0, -1);
}

static void expect_statistic(Problem *p, uint64_t index, const Statistic *s) {
    double low = 2 * U * fabs(s->mean.value); /* which the caller's one word cannot hold */
    expect(p, VKN_ROLE_MEAN, index, s->mean.value, s->mean.slack + low);
    expect(p, VKN_ROLE_INV_STD, index, s->inverse.value, s->inverse.slack);
    expect(p, VKN_ROLE_VARIANCE, index, s->variance.value, s->variance.slack);
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
        expect(p, VKN_ROLE_MOMENTS, 4 * index + word, moments[word],
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
        s = statistic_of(p, index);
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
    if (!has(p, VKN_ROLE_RENORM_MEAN))
        return;
    renorm_of(p, channel, &s, r, d);
    expect(p, VKN_ROLE_RENORM, 2 * channel, r->value, r->slack);
    expect(p, VKN_ROLE_RENORM, 2 * channel + 1, d->value, d->slack);
    p->given[VKN_ROLE_RENORM][2 * channel] = (float)r->value;
    p->given[VKN_ROLE_RENORM][2 * channel + 1] = (float)d->value;
    expect_moved(p, VKN_ROLE_RENORM_MEAN, channel, mean, true);
    expect_moved(p, VKN_ROLE_RENORM_STD, channel, s.sigma, true);
    expect_moved(p, VKN_ROLE_RUNNING_STD, channel, s.sigma, false);
    double std = p->value[VKN_ROLE_RUNNING_STD][channel], slack = p->slack[VKN_ROLE_RUNNING_STD][channel];
    expect(p, VKN_ROLE_RUNNING_VARIANCE, channel, fmax(std * std - (double)p->desc.epsilon, 0),
           2 * std * slack + slack * slack + 4 * U * std * std);
}

void problem_expect_training(Problem *p) {
    static Near r[PROBLEM_MOST], d[PROBLEM_MOST];
    static Statistic statistics[PROBLEM_MOST];
    for (uint64_t channel = 0; channel < p->channels; channel++)
        expect_channel(p, channel, &r[channel], &d[channel]);
    for (uint64_t index = 0; index < p->statistics; index++)
        statistics[index] = statistic_of(p, index);
    for (uint64_t i = 0; i < p->elements; i++) {
        if (test_is_padding(&p->desc, i))
            continue;
        const Statistic *s = &statistics[test_statistic_of(&p->desc, i)];
        uint64_t channel = test_channel_of(&p->desc, i);
        expect_y(p, i, z_of(p, i, xhat_of(p, i, s->mean, s->inverse), r[channel], d[channel]));
    }
}

static Near given_mean(const Problem *p, uint64_t index) {
    return (Near){p->desc.statistic == VKN_STATISTIC_VARIANCE ? p->given[VKN_ROLE_MEAN][index] : 0, 0};
}

static Near given_inverse(const Problem *p, uint64_t index) {
    double inverse = p->given[VKN_ROLE_INV_STD][index];
    double variance = p->given[VKN_ROLE_VARIANCE][index], epsilon = (double)p->desc.epsilon;
    bool of_sum = p->desc.statistic == VKN_STATISTIC_SUM_SQUARE;
    if (has(p, VKN_ROLE_VARIANCE))
        inverse = 1 / sqrt(of_sum ? fmax(variance, epsilon) : variance + epsilon);
    return (Near){inverse, 8 * U * inverse};
}

void problem_expect_apply(Problem *p) {
    for (uint64_t i = 0; i < p->elements; i++) {
        if (test_is_padding(&p->desc, i))
            continue;
        uint64_t index = test_statistic_of(&p->desc, i);
        Near xhat = xhat_of(p, i, given_mean(p, index), given_inverse(p, index));
        expect_y(p, i, z_of(p, i, xhat, (Near){1, 0}, (Near){0, 0}));
    }
}

/* -------------------------------------------------------------------------------------------- gradients */

/* By central differences of the value: no formula to get wrong. */
static double derivative_of(const VknActivation *a, double z) {
    double h = 1e-5;
    return (test_activation_value(a, z + h) - test_activation_value(a, z - h)) / (2 * h);
}

/* And how far it may move within `slack` of z: large across a kink. */
static Near derivative_near(const VknActivation *a, double z, double slack) {
    double here = derivative_of(a, z), step = 2e-5 + slack;
    double moved = fmax(fabs(derivative_of(a, z + step) - here), fabs(derivative_of(a, z - step) - here));
    return (Near){here, a->id == VKN_ACTIVATION_IDENTITY ? 0 : moved + 64 * U};
}

/* From y, by what each activation has of its own. */
static double derivative_from_y(const VknActivation *a, double y) {
    switch (a->id) {
    case VKN_ACTIVATION_SIGMOID:
        return y - y * y;
    case VKN_ACTIVATION_TANH:
        return 1 - y * y;
    case VKN_ACTIVATION_ELU:
        return y > 0 ? 1 : (double)a->parameter[0] + y;
    default: /* the relu family */
        return y > 0 ? 1 : (double)a->parameter[0];
    }
}

static Near renorm_given(const Problem *p, uint64_t channel, uint32_t word) {
    return (Near){has(p, VKN_ROLE_RENORM) ? p->given[VKN_ROLE_RENORM][2 * channel + word] : word == 0, 0};
}

/* The sums of a statistic: count, dz, dz * xhat. */
typedef struct Sums {
    double count;
    Near dz, dz_xhat;
} Sums;

static void sums_add(Sums *s, bool counted, Near dz, Near xhat, double weight) {
    double value = dz.value * weight, slack = dz.slack * fabs(weight) + 2 * U * fabs(value);
    s->count += counted;
    s->dz.value += value;
    s->dz.slack += slack + 16 * U * fabs(value);
    s->dz_xhat.value += value * xhat.value;
    s->dz_xhat.slack +=
        slack * (fabs(xhat.value) + xhat.slack) + fabs(value) * (xhat.slack + 16 * U * fabs(xhat.value));
}

/* dgamma and dbeta: of the sums per channel, which r and d of batch renormalization weigh, or per parameter.
 */
static void expect_parameter(Problem *p, uint64_t i, double dgamma, double dgamma_slack, double dbeta,
                             double dbeta_slack) {
    dgamma += p->desc.accumulate ? p->given[VKN_ROLE_DGAMMA][i] : 0;
    dbeta += p->desc.accumulate ? p->given[VKN_ROLE_DBETA][i] : 0;
    expect(p, VKN_ROLE_DGAMMA, i, dgamma, dgamma_slack + 4 * U * (fabs(dgamma) + 1));
    expect(p, VKN_ROLE_DBETA, i, dbeta, dbeta_slack + 4 * U * (fabs(dbeta) + 1));
}

void problem_expect_gradient(Problem *p, bool follows, bool sums_given, bool from_y) {
    static Near dz[PROBLEM_MOST], xhat[PROBLEM_MOST];
    static Sums sums[PROBLEM_MOST], parameters[PROBLEM_MOST];
    const VknDesc *desc = &p->desc;
    bool in_sums = desc->parameter_axis_count > 0; /* gamma, which differs between elements */
    memset(sums, 0, sizeof sums);
    memset(parameters, 0, sizeof parameters);
    for (uint64_t i = 0; i < p->elements; i++) {
        if (test_is_padding(desc, i))
            continue;
        uint64_t index = test_statistic_of(desc, i), c = test_channel_of(desc, i);
        Near r = renorm_given(p, c, 0), d = renorm_given(p, c, 1);
        xhat[i] = xhat_of(p, i, given_mean(p, index), given_inverse(p, index));
        Near z = z_of(p, i, xhat[i], r, d);
        Near f = derivative_near(&desc->activation, z.value, z.slack);
        double dy = p->given[VKN_ROLE_DY][i];
        if (from_y)
            f = (Near){derivative_from_y(&desc->activation, p->given[VKN_ROLE_Y][i]), 8 * U};
        dz[i] = (Near){dy * f.value, fabs(dy) * f.slack + 2 * U * fabs(dy * f.value)};
        sums_add(&sums[index], counts(p, i, index), dz[i], xhat[i], in_sums ? gamma_of(p, i) : 1);
        sums_add(&parameters[test_parameter_of(desc, i)], 0, dz[i], xhat[i], 1);
    }
    for (uint64_t index = 0; index < p->statistics; index++) {
        const double words[] = {sums[index].count, sums[index].dz.value, sums[index].dz_xhat.value, 0};
        const double slack[] = {0, sums[index].dz.slack, sums[index].dz_xhat.slack, 0};
        for (uint32_t word = 0; word < 4; word++) {
            expect(p, VKN_ROLE_SUMS, 4 * index + word, words[word], slack[word] + (word ? 1e-30 : 0));
            if (sums_given)
                continue;
            p->given[VKN_ROLE_SUMS][4 * index + word] = (float)words[word];
        }
        if (sums_given) {
            sums[index].dz.slack += 8 * U * fabs(words[1]);
            sums[index].dz_xhat.slack += 8 * U * fabs(words[2]);
        }
    }
    for (uint64_t c = 0; c < p->channels; c++) {
        double r = renorm_given(p, c, 0).value, d = renorm_given(p, c, 1).value;
        double dgamma = 0, dbeta = 0, dgamma_slack = 0, dbeta_slack = 0;
        for (uint64_t index = c; index < p->statistics; index += p->channels) {
            const Sums *s = &sums[index];
            dgamma += r * s->dz_xhat.value + d * s->dz.value;
            dgamma_slack += fabs(r) * s->dz_xhat.slack + fabs(d) * s->dz.slack +
                            8 * U * (fabs(r * s->dz_xhat.value) + fabs(d * s->dz.value));
            dbeta += s->dz.value;
            dbeta_slack += s->dz.slack + 8 * U * fabs(s->dz.value);
        }
        if (!in_sums)
            expect_parameter(p, c, dgamma, dgamma_slack, dbeta, dbeta_slack);
    }
    for (uint64_t i = 0; in_sums && i < p->parameters; i++)
        expect_parameter(p, i, parameters[i].dz_xhat.value, parameters[i].dz_xhat.slack,
                         parameters[i].dz.value, parameters[i].dz.slack);
    for (uint64_t i = 0; i < p->elements; i++) {
        if (test_is_padding(desc, i))
            continue;
        uint64_t index = test_statistic_of(desc, i), c = test_channel_of(desc, i);
        const Sums *s = &sums[index];
        double mean = given_mean(p, index).value, inverse = given_inverse(p, index).value;
        double epsilon = MASKED(p) ? (double)desc->count_epsilon : 0, n = s->count + epsilon;
        Near couple = {0, 0};
        if (desc->statistic == VKN_STATISTIC_SUM_SQUARE) /* where epsilon rules, nothing follows x */
            n = inverse * inverse * (double)desc->epsilon < 0.99999 ? 1 : INFINITY;
        double first = desc->statistic == VKN_STATISTIC_VARIANCE ? s->dz.value : 0;
        if (follows && counts(p, i, index)) {
            /* The mean of a mask is sum / n, so differences from it sum to mean * epsilon, not to 0. */
            double off = inverse * mean * epsilon / n;
            couple.value = (first - off * s->dz_xhat.value) / n + xhat[i].value * s->dz_xhat.value / n;
            couple.slack =
                (s->dz.slack + (fabs(off) + fabs(xhat[i].value) + xhat[i].slack) * s->dz_xhat.slack +
                 xhat[i].slack * fabs(s->dz_xhat.value)) /
                    n +
                8 * U * (fabs(s->dz.value) + fabs(xhat[i].value * s->dz_xhat.value)) / n;
        }
        Near f = derivative_near(&desc->prologue, p->given[VKN_ROLE_X][i], 0);
        double gamma = gamma_of(p, i) * renorm_given(p, c, 0).value, outer = in_sums ? 1 : gamma;
        double own = in_sums ? gamma : 1, direct = own * dz[i].value - couple.value;
        double scale = fabs(outer) * inverse, value = outer * inverse * direct * f.value;
        double slack = scale * (fabs(f.value) + f.slack) *
                           (fabs(own) * dz[i].slack + couple.slack + 8 * U * fabs(own * dz[i].value)) +
                       scale * fabs(direct) * (f.slack + 16 * U * fabs(f.value));
        expect_element(p, VKN_ROLE_DX, i, value, slack + 1e-30);
        expect_element(p, VKN_ROLE_DRESIDUAL, i, dz[i].value, dz[i].slack + 1e-30);
    }
}

double problem_loss(const Problem *p) {
    static Statistic statistics[PROBLEM_MOST];
    double loss = 0;
    for (uint64_t index = 0; index < p->statistics; index++)
        statistics[index] = statistic_of(p, index);
    for (uint64_t i = 0; i < p->elements; i++) {
        if (test_is_padding(&p->desc, i))
            continue;
        const Statistic *s = &statistics[test_statistic_of(&p->desc, i)];
        uint64_t c = test_channel_of(&p->desc, i);
        Near z = z_of(p, i, xhat_of(p, i, s->mean, s->inverse), renorm_given(p, c, 0), renorm_given(p, c, 1));
        loss += p->given[VKN_ROLE_DY][i] * test_activation_value(&p->desc.activation, z.value);
    }
    return loss;
}
