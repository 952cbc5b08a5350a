/* The gradients of vknorm.h, in fp64, with a bound on what f32 may make of them. */
#include "problem_formula.h"

#include "reference.h"
#include "tensor.h"

#include <math.h>
#include <string.h>

/* By central differences of the value: no formula to get wrong. */
static double derivative_of(const VknActivation *a, double z) {
    double h = 1e-5;
    return (test_activation_value(a, z + h) - test_activation_value(a, z - h)) / (2 * h);
}

/* And how far it may move within `slack` of z: large across a kink. */
static Near derivative_near(const VknActivation *a, double z, double slack) {
    if (isinf(z)) /* of the identity, exp and linear */
        return (Near){a->id == VKN_ACTIVATION_EXP      ? 0
                      : a->id == VKN_ACTIVATION_LINEAR ? a->parameter[0]
                                                       : 1,
                      0};
    double here = derivative_of(a, z), step = 2e-5 + slack;
    double moved = fmax(fabs(derivative_of(a, z + step) - here), fabs(derivative_of(a, z - step) - here));
    return (Near){here, a->id == VKN_ACTIVATION_IDENTITY ? 0 : moved + 64 * U * (1 + fabs(here))};
}

/* From y, by what each activation has of its own. */
static double derivative_from_y(const VknActivation *a, double y) {
    const float *p = a->parameter;
    switch (a->id) {
    case VKN_ACTIVATION_SIGMOID:
        return y - y * y;
    case VKN_ACTIVATION_TANH:
        return 1 - y * y;
    case VKN_ACTIVATION_ELU:
        return y > 0 ? 1 : p[0] + y;
    case VKN_ACTIVATION_SELU:
        return 1.0507009873554805 * (y > 0 ? 1 : 1.6732632423543772 + y / 1.0507009873554805);
    case VKN_ACTIVATION_CELU:
        return y > 0 ? 1 : 1 + y / p[0];
    case VKN_ACTIVATION_LOG_SIGMOID:
        return 1 - exp(y);
    case VKN_ACTIVATION_SOFTPLUS:
        return 1 - exp(-p[0] * y);
    case VKN_ACTIVATION_SOFTSIGN:
        return pow(1 - fabs(y), 2);
    case VKN_ACTIVATION_SOFT_SHRINK:
    case VKN_ACTIVATION_HARD_SHRINK:
    case VKN_ACTIVATION_SHRINK:
        return y != 0;
    case VKN_ACTIVATION_THRESHOLDED_RELU:
    case VKN_ACTIVATION_THRESHOLD:
        return y > 0;
    case VKN_ACTIVATION_SIGN:
        return 0;
    case VKN_ACTIVATION_SPARSE_PLUS:
        return fmin(sqrt(y), 1);
    case VKN_ACTIVATION_EXP:
        return y;
    case VKN_ACTIVATION_LINEAR:
        return p[0];
    default: /* the relu family */
        return y > 0 ? 1 : (double)p[0];
    }
}

static Near renorm_given(const Problem *p, uint64_t channel, uint32_t word) {
    bool renorm = problem_has(p, VKN_ROLE_RENORM);
    return (Near){renorm ? p->given[VKN_ROLE_RENORM][2 * channel + word] : word == 0, 0};
}

/* ------------------------------------------------------------------------------------------------ sums */

/* The sums of a statistic: count, dz, dz * xhat, and what goes to the slope. */
typedef struct Sums {
    double count;
    Near dz, dz_xhat, dslope;
} Sums;

/* What an element adds to them. */
typedef struct Term {
    Near xhat, z, dz, dresidual, dslope;
    double probability; /* of LOG_SUM_EXP */
} Term;

static void near_add(Near *sum, Near term) {
    sum->value += term.value;
    sum->slack += term.slack + 16 * U * fabs(term.value);
}

static void sums_add(Sums *s, bool counted, const Term *t, double weight) {
    double dz = t->dz.value * weight, slack = t->dz.slack * fabs(weight) + 2 * U * fabs(dz);
    s->count += counted;
    near_add(&s->dz, (Near){dz, slack});
    near_add(&s->dslope, t->dslope);
    if (!isinf(t->xhat.value))
        near_add(&s->dz_xhat, (Near){dz * t->xhat.value, slack * (fabs(t->xhat.value) + t->xhat.slack) +
                                                             fabs(dz) * t->xhat.slack});
}

/* The gradient of LOG_SUM_EXP without x: y is exp(xhat) or xhat. */
static Term term_from_output(const Problem *p, uint64_t i) {
    double y = p->given[VKN_ROLE_Y][i], dy = p->given[VKN_ROLE_DY][i];
    bool is_exp = p->desc.activation.id == VKN_ACTIVATION_EXP;
    double probability = is_exp ? y : exp(y);
    double dz = is_exp ? dy * y : dy;
    return (Term){.xhat = {is_exp ? 0 : y, 0}, .dz = {dz, 2 * U * fabs(dz)}, .probability = probability};
}

static Term term_of(const Problem *p, uint64_t i, bool from_y) {
    const VknActivation a = problem_activation(p, i);
    uint64_t c = test_channel_of(&p->desc, i);
    Norm norm = problem_norm_given(p, test_statistic_of(&p->desc, i));
    double dy = p->given[VKN_ROLE_DY][i], factor = 1;
    Term t = {.xhat = problem_xhat(p, i, &norm)};
    t.z = problem_z(p, i, t.xhat, renorm_given(p, c, 0), renorm_given(p, c, 1));
    Near f = derivative_near(&a, t.z.value, t.z.slack);
    if (from_y)
        f = (Near){derivative_from_y(&a, p->given[VKN_ROLE_Y][i]), 16 * U};
    t.dz = (Near){dy * f.value, fabs(dy) * f.slack + 2 * U * fabs(dy * f.value)};
    t.dresidual = t.dz;
    t.probability = exp(t.xhat.value);
    if (p->desc.residual_use == VKN_RESIDUAL_FACTOR) {
        TestExpect y = problem_activated(&a, t.z);
        factor = p->given[VKN_ROLE_RESIDUAL][i];
        t.dresidual =
            (Near){dy * y.value, fabs(dy) * (y.bound + fabs(y.other - y.value) + 2 * U * fabs(y.value))};
        t.dz = (Near){t.dz.value * factor, fabs(factor) * t.dz.slack + 2 * U * fabs(t.dz.value * factor)};
    }
    if (p->desc.activation.id == VKN_ACTIVATION_PRELU)
        t.dslope = (Near){dy * fmin(t.z.value, 0), fabs(dy) * (t.z.slack + 2 * U * fabs(t.z.value))};
    return t;
}

/* ------------------------------------------------------------------------------------------- parameters */

static void expect_parameter(Problem *p, VknRole role, uint64_t i, Near d) {
    d.value += p->desc.accumulate ? p->given[role][i] : 0;
    problem_expect(p, role, i, d.value, d.slack + 4 * U * (fabs(d.value) + 1));
}

/* Of a channel: its sums in all virtual batches, which r and d of batch renormalization weigh. */
static void expect_channel(Problem *p, uint64_t c, const Sums *sums) {
    double r = renorm_given(p, c, 0).value, d = renorm_given(p, c, 1).value;
    Near dgamma = {0, 0}, dbeta = {0, 0}, dslope = {0, 0};
    for (uint64_t index = c; index < p->statistics; index += p->channels) {
        const Sums *s = &sums[index];
        near_add(&dgamma, (Near){r * s->dz_xhat.value, fabs(r) * s->dz_xhat.slack});
        near_add(&dgamma, (Near){d * s->dz.value, fabs(d) * s->dz.slack});
        near_add(&dbeta, s->dz);
        near_add(&dslope, s->dslope);
    }
    expect_parameter(p, VKN_ROLE_DGAMMA, c, dgamma);
    expect_parameter(p, VKN_ROLE_DBETA, c, dbeta);
    expect_parameter(p, VKN_ROLE_DSLOPE, c, dslope);
}

/* -------------------------------------------------------------------------------------------------- dx */

static double power_slope(double xhat, double power) {
    return xhat == 0 ? 0 : copysign(pow(fabs(xhat), power - 1), xhat);
}

/* How the statistic passes dz on to x. */
static Near couple_of(const Problem *p, const Term *t, const Sums *s, const Norm *norm) {
    const VknDesc *desc = &p->desc;
    double epsilon = MASKED(p) ? (double)desc->count_epsilon : 0, n = s->count + epsilon;
    double inverse = norm->inverse.value, power = desc->power;
    /* The mean of a mask is sum / n, so differences from it sum to mean * epsilon, not to 0. */
    double off = inverse * norm->mean.value * epsilon / n, first = s->dz.value;
    switch (desc->statistic) {
    case VKN_STATISTIC_LOG_SUM_EXP: {
        double q = t->probability, relative = t->xhat.slack + U * (16 + 8 * fabs(log(fmax(q, 1e-300))));
        return (Near){q * s->dz.value, q * s->dz.slack + q * fabs(s->dz.value) * relative};
    }
    case VKN_STATISTIC_SUM_SQUARE:
    case VKN_STATISTIC_SUM_POWER: {
        if (desc->statistic == VKN_STATISTIC_SUM_SQUARE)
            power = 2;
        if (pow(inverse, -power) <=
            (double)desc->epsilon * 1.00001) /* where epsilon rules, nothing follows x */
            return (Near){0, 0};
        double x = t->xhat.value, g = power_slope(x, power);
        double moved = fmax(fabs(power_slope(x + t->xhat.slack, power) - g),
                            fabs(power_slope(x - t->xhat.slack, power) - g));
        double slack =
            (power == 1 ? 0 : moved) + fabs(g) * (0x1p-20 + U * (16 + 8 * fabs(log2(fabs(x) + 1e-30))));
        return (Near){g * s->dz_xhat.value, fabs(g) * s->dz_xhat.slack + slack * fabs(s->dz_xhat.value)};
    }
    case VKN_STATISTIC_MEAN_SQUARE:
        first = 0; /* and else as of the variance */
        break;
    case VKN_STATISTIC_VARIANCE:
        break;
    case VKN_STATISTIC_MAX:
    case VKN_STATISTIC_NONE:
    case VKN_STATISTIC_MIN:
    case VKN_STATISTIC_SUM:
    case VKN_STATISTIC_MEAN:
    case VKN_STATISTIC_PRODUCT:
        return (Near){0, 0};
    }
    double x = t->xhat.value;
    return (Near){(first - off * s->dz_xhat.value) / n + x * s->dz_xhat.value / n,
                  (s->dz.slack + (fabs(off) + fabs(x) + t->xhat.slack) * s->dz_xhat.slack +
                   t->xhat.slack * fabs(s->dz_xhat.value)) /
                          n +
                      8 * U * (fabs(s->dz.value) + fabs(x * s->dz_xhat.value)) / n};
}

static void expect_dx(Problem *p, uint64_t i, const Term *t, const Sums *s, bool follows, bool from_output) {
    const VknDesc *desc = &p->desc;
    uint64_t index = test_statistic_of(desc, i), c = test_channel_of(desc, i);
    Norm norm = problem_norm_given(p, index);
    bool in_sums = desc->parameter_axis_count > 0; /* gamma, which differs between elements */
    Near couple = follows && problem_counts(p, i, index) ? couple_of(p, t, s, &norm) : (Near){0, 0};
    Near f = derivative_near(&desc->prologue, from_output ? 0 : p->given[VKN_ROLE_X][i], 0);
    double gamma = problem_gamma(p, i) * renorm_given(p, c, 0).value, outer = in_sums ? 1 : gamma;
    double own = in_sums ? gamma : 1, direct = own * t->dz.value - couple.value;
    double inverse = norm.inverse.value;
    double scale = fabs(outer) * inverse, value = outer * inverse * direct * f.value;
    double slack = scale * (fabs(f.value) + f.slack) *
                       (fabs(own) * t->dz.slack + couple.slack + 8 * U * fabs(own * t->dz.value)) +
                   scale * fabs(direct) * (f.slack + (norm.inverse.slack / inverse + 16 * U) * fabs(f.value));
    double sum = problem_has(p, VKN_ROLE_RESIDUAL_SUM) ? p->given[VKN_ROLE_DRESIDUAL_SUM][i] : 0;
    problem_expect_element(p, VKN_ROLE_DX, i, value + sum, slack + 2 * U * fabs(sum) + 1e-30);
    problem_expect_element(p, VKN_ROLE_DRESIDUAL, i, t->dresidual.value, t->dresidual.slack + 1e-30);
}

void problem_expect_gradient(Problem *p, bool follows, bool sums_given, VknRole from) {
    static Term terms[PROBLEM_MOST];
    static Sums sums[PROBLEM_MOST], parameters[PROBLEM_MOST];
    const VknDesc *desc = &p->desc;
    bool in_sums = desc->parameter_axis_count > 0, from_output = from == VKN_ROLE_DY;
    p->backward = true;
    memset(sums, 0, sizeof sums);
    memset(parameters, 0, sizeof parameters);
    for (uint64_t i = 0; i < p->elements; i++) {
        if (test_is_padding(desc, i))
            continue;
        uint64_t index = test_statistic_of(desc, i);
        terms[i] = from_output ? term_from_output(p, i) : term_of(p, i, from == VKN_ROLE_Y);
        bool counts = problem_counts(p, i, index);
        if (desc->statistic == VKN_STATISTIC_LOG_SUM_EXP && !counts)
            terms[i].dz = terms[i].dresidual = (Near){0, 0};
        sums_add(&sums[index], counts, &terms[i], in_sums ? problem_gamma(p, i) : 1);
        sums_add(&parameters[test_parameter_of(desc, i)], 0, &terms[i], 1);
    }
    for (uint64_t index = 0; index < p->statistics; index++) {
        const double words[] = {sums[index].count, sums[index].dz.value, sums[index].dz_xhat.value, 0};
        const double slack[] = {0, sums[index].dz.slack, sums[index].dz_xhat.slack, 0};
        for (uint32_t word = 0; word < 4; word++) {
            problem_expect(p, VKN_ROLE_SUMS, 4 * index + word, words[word], slack[word] + (word ? 1e-30 : 0));
            if (!sums_given)
                p->given[VKN_ROLE_SUMS][4 * index + word] = (float)words[word];
        }
        if (sums_given) {
            sums[index].dz.slack += 8 * U * fabs(words[1]);
            sums[index].dz_xhat.slack += 8 * U * fabs(words[2]);
        }
    }
    for (uint64_t c = 0; c < p->channels && !in_sums; c++)
        expect_channel(p, c, sums);
    for (uint64_t i = 0; in_sums && i < p->parameters; i++) {
        expect_parameter(p, VKN_ROLE_DGAMMA, i, parameters[i].dz_xhat);
        expect_parameter(p, VKN_ROLE_DBETA, i, parameters[i].dz);
        expect_parameter(p, VKN_ROLE_DSLOPE, i, parameters[i].dslope);
    }
    for (uint64_t i = 0; i < p->elements; i++)
        if (!test_is_padding(desc, i))
            expect_dx(p, i, &terms[i], &sums[test_statistic_of(desc, i)], follows, from_output);
    p->backward = false;
}
