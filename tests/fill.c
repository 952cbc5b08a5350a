#include "fill.h"

#include "tensor.h"

#include <math.h>
#include <stdlib.h>

static uint64_t mix(uint64_t z) { /* splitmix64 */
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

float test_random(uint32_t stream, uint64_t number) {
    uint64_t bits = mix(mix(number) + stream);
    double sum = 0; /* of four uniform figures */
    for (int i = 0; i < 4; i++)
        sum += (double)(bits >> 16 * i & 0xffff) / 0x8000 - 1 + 0x1p-16;
    return (float)(sum * sqrt(0.75));
}

/* Streams below are roles, so that no two buffers hold the same. */
static float normal(const TestPlace *p) {
    return test_random(VKN_ROLE_X, p->element);
}

static float integers(const TestPlace *p) {
    return (float)(int)(mix(p->element) % 17) - 8;
}

static float constant(const TestPlace *p) {
    return 0.1f * (float)(p->statistic % 97) - 3.3f;
}

static float mean_1e6(const TestPlace *p) {
    return 1e6f + normal(p);
}

static float wide(const TestPlace *p) {
    return 100 * normal(p);
}

static float outlier(const TestPlace *p) {
    return p->member == 0 ? 1e6f : normal(p);
}

/* Whoever skips or repeats the one member that differs gets a wrong variance, however many there are. */
static float spike(const TestPlace *p) {
    return p->member == mix(p->statistic) % p->member_count ? 1000 : 1;
}

static float last_spike(const TestPlace *p) {
    return p->member == p->member_count - 1 ? -1000 : 1;
}

static float denormal(const TestPlace *p) {
    return 1e-39f * normal(p);
}

static bool in_odd_place(const TestPlace *p) {
    return p->statistic == p->statistic_count / 2 && p->member == p->member_count / 3;
}

static float one_inf(const TestPlace *p) {
    return in_odd_place(p) ? INFINITY : normal(p);
}

static float one_nan(const TestPlace *p) {
    return in_odd_place(p) ? NAN : normal(p);
}

static float large(const TestPlace *p) {
    return 1e15f * normal(p);
}

static float ramp(const TestPlace *p) {
    return 0.25f * (float)p->element;
}

#define REDUCING (1u << VKN_OPERATION_TRAIN | 1u << VKN_OPERATION_STATISTICS)
#define APPLYING (1u << VKN_OPERATION_APPLY)
#define MERGING  (1u << VKN_OPERATION_FINISH)

/* An infinite x of APPLY is left out: what a saturating activation makes of it is not documented. */
const TestFill test_fills[] = {
    {"normal", normal, 0, 1, REDUCING | APPLYING | MERGING, true, 1},
    {"mean_1e6", mean_1e6, 1e6f, 1, REDUCING | APPLYING | MERGING, true, 0},
    {"integers", integers, 0, 5, REDUCING, false, 4},
    {"constant", constant, 0, 1, REDUCING, false, 1},
    {"wide", wide, 0, 1, REDUCING | APPLYING, false, 2},
    {"outlier", outlier, 0, 1, REDUCING, false, 8},
    {"spike", spike, 0, 1, REDUCING, false, 1},
    {"last_spike", last_spike, 0, 1, REDUCING, false, 0},
    {"denormal", denormal, 0, 1, REDUCING | APPLYING, false, 1},
    {"inf", one_inf, 0, 1, REDUCING, false, 1},
    {"nan", one_nan, 0, 1, REDUCING | APPLYING, false, 0},
    {"large", large, 0, 1e15f, REDUCING | MERGING, false, 1},
    {"ramp", ramp, 0, 100, REDUCING, false, 4},
};
const uint32_t test_fill_count = sizeof test_fills / sizeof test_fills[0];

static bool fill_x(const TestFill *fill, const VknDesc *desc, float *values) {
    TestPlace place = {.statistic_count = test_statistic_count(desc)};
    uint64_t elements = test_element_count(desc);
    uint64_t *members = calloc(place.statistic_count + 1, sizeof *members);
    if (!members)
        return false;
    for (; place.element < elements; place.element++) {
        place.statistic = test_statistic_of(desc, place.element);
        place.member = members[place.statistic]++;
        place.member_count = elements / place.statistic_count;
        values[test_offset_of(desc, &desc->x, place.element)] = fill->value(&place);
    }
    free(members);
    return true;
}

/* Parts of 0 to 40 elements, at least one of each statistic's with some, not always the first. */
static void fill_moments(const TestFill *fill, uint64_t statistic_count, uint64_t count,
                         VknMoments *moments) {
    for (uint64_t i = 0; i < count; i++) {
        uint64_t statistic = i % statistic_count, part = i / statistic_count;
        bool present = mix(i) % 4 || part == statistic % (count / statistic_count);
        uint32_t elements = present ? 1 + mix(~i) % 40 : 0;
        float a = test_random(VKN_ROLE_MOMENTS, 2 * i), b = test_random(VKN_ROLE_MOMENTS, 2 * i + 1);
        moments[i] =
            (VknMoments){.count = (float)elements,
                         .mean = fill->center + fill->scale * a,
                         .mean_low = 0x1p-26f * (fabsf(fill->center) + fill->scale) * b,
                         .m2 = elements > 1 ? fill->scale * fill->scale * (float)elements * b * b : 0};
        if (elements == 0) /* which is ignored, whatever it holds */
            moments[i].mean = moments[i].mean_low = moments[i].m2 = NAN;
    }
}

static float parameter(const TestFill *fill, VknRole role, uint64_t i) {
    float r = test_random(role, i), unit = (r + 4) / 8;
    if (role == VKN_ROLE_GAMMA) /* of both signs, and 0 */
        return i % 7 == 6 ? 0 : 1 + r;
    if (role == VKN_ROLE_MEAN)
        return fill->center + fill->scale * r;
    if (role == VKN_ROLE_INV_STD)
        return 1 / (fill->scale * (0.5f + unit));
    if (role == VKN_ROLE_VARIANCE) /* 0 too, where epsilon is alone */
        return i % 5 == 4 ? 0 : fill->scale * fill->scale * (0.5f + unit);
    return role == VKN_ROLE_RUNNING_VARIANCE ? 2 * unit : r;
}

bool test_fill_role(const TestFill *fill, const VknDesc *desc, VknRole role, float *values) {
    uint64_t words = test_role_words(desc, role);
    if (role == VKN_ROLE_X)
        return fill_x(fill, desc, values);
    if (role == VKN_ROLE_MOMENTS)
        fill_moments(fill, test_statistic_count(desc), words / 4, (VknMoments *)values);
    else
        for (uint64_t i = 0; i < words; i++)
            values[i] = parameter(fill, role, i);
    return true;
}
