#include "activation.h"

#include <math.h>

#include <vknorm/compiler.h>

#define VKN_INFINITY INFINITY

typedef struct Row {
    const char *name;
    uint32_t count;
    const char *parameter[VKN_MAX_ACTIVATION_PARAMETERS];
    float value[VKN_MAX_ACTIVATION_PARAMETERS];
    bool (*inverts)(float p0, float p1, float p2);
    bool (*halves)(float p0, float p1, float p2);
} Row;

/* The row's number in the table is the enumerator, or this does not compile. */
#define VKN_ACTIVATION(id, number, name, count, n0, d0, n1, d1, n2, d2, f, df, inverts, dy, halves, closed)  \
    _Static_assert(VKN_ACTIVATION_##id == number, "activation.def and VknActivationId disagree");
#include "activation.def"
#undef VKN_ACTIVATION

#define VKN_ACTIVATION(id, number, name, count, n0, d0, n1, d1, n2, d2, f, df, inverts, dy, halves, closed)  \
    static bool name##_inverts(float p0, float p1, float p2) {                                               \
        (void)p0, (void)p1, (void)p2;                                                                        \
        return inverts;                                                                                      \
    }                                                                                                        \
    static bool name##_halves(float p0, float p1, float p2) {                                                \
        (void)p0, (void)p1, (void)p2;                                                                        \
        return halves;                                                                                       \
    }
#include "activation.def"
#undef VKN_ACTIVATION

static const Row ROWS[] = {
#define VKN_ACTIVATION(id, number, name, count, n0, d0, n1, d1, n2, d2, f, df, inverts, dy, halves, closed)  \
    [number] = {#name,          count,        {#n0, #n1, #n2}, {(float)(d0), (float)(d1), (float)(d2)},      \
                name##_inverts, name##_halves},
#include "activation.def"
#undef VKN_ACTIVATION
};

#define ROW_COUNT (sizeof ROWS / sizeof *ROWS)

/* Of each activation, a bit for each parameter that may be infinite: limits. */
static const uint8_t MAY_BE_INFINITE[ROW_COUNT] = {
    [VKN_ACTIVATION_RELU] = 2 | 4,
    [VKN_ACTIVATION_CLIP] = 1 | 2,
    [VKN_ACTIVATION_SOFTPLUS] = 2,
};

/* What else one parameter of an activation must be: least <= p, or of an `either` sign, |p|. */
static const struct {
    VknActivationId id;
    uint32_t parameter;
    float least;
    bool either;
    const char *rule;
} LIMITS[] = {
    {VKN_ACTIVATION_CELU, 0, 0x1p-126f, false, "must be at least 2^-126"},
    {VKN_ACTIVATION_SOFTPLUS, 0, 0x1p-126f, true, "must not be 0, nor nearer to it than 2^-126"},
    {VKN_ACTIVATION_SOFT_SHRINK, 0, 0, false, "must not be negative"},
    {VKN_ACTIVATION_HARD_SHRINK, 0, 0, false, "must not be negative"},
    {VKN_ACTIVATION_SHRINK, 1, 0, false, "must not be negative"},
    {VKN_ACTIVATION_SQUAREPLUS, 0, 0x1p-126f, false, "must be at least 2^-126; 0 would be relu"},
};

static bool never(float p0, float p1, float p2) {
    (void)p0, (void)p1, (void)p2;
    return false;
}

/* What is known of every custom activation. */
static const Row CUSTOM = {"custom", VKN_MAX_ACTIVATION_PARAMETERS, {"p0", "p1", "p2"}, {0}, never, never};

/* NULL for a number that is no id. */
static const Row *row_of(VknActivationId id) {
    if ((size_t)id < ROW_COUNT)
        return ROWS[id].name ? &ROWS[id] : NULL;
    return (size_t)id - VKN_ACTIVATION_CUSTOM < VKN_MAX_CUSTOM_ACTIVATIONS ? &CUSTOM : NULL;
}

VknActivation vkn_activation_default(VknActivationId id) {
    VknActivation activation = {.id = VKN_ACTIVATION_IDENTITY};
    const Row *row = row_of(id);
    if (!row)
        return activation;
    activation.id = id;
    for (uint32_t i = 0; i < VKN_MAX_ACTIVATION_PARAMETERS; i++)
        activation.parameter[i] = row->value[i];
    return activation;
}

const char *vkn_activation_name(const VknActivation *activation) {
    return row_of(activation->id)->name;
}

bool vkn_activation_inverts(const VknActivation *activation) {
    const float *p = activation->parameter;
    return row_of(activation->id)->inverts(p[0], p[1], p[2]);
}

bool vkn_activation_halves(const VknActivation *activation) {
    const float *p = activation->parameter;
    return row_of(activation->id)->halves(p[0], p[1], p[2]);
}

bool vkn_activation_is_plain_relu(const VknActivation *activation) {
    const float *p = activation->parameter;
    return activation->id == VKN_ACTIVATION_RELU && p[0] == 0 && p[1] == 0 && isinf(p[2]);
}

VknResult vkn_activation_resolve(const VknHost *host, const char *name, VknActivation *activation) {
    float *p = activation->parameter;
    const Row *row = row_of(activation->id);
    if (!row)
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "%s.id must be a VknActivationId (0 to %d, or a custom one from %d on), not %d", name,
                        (int)ROW_COUNT - 1, VKN_ACTIVATION_CUSTOM, (int)activation->id);
    for (uint32_t i = 0; i < VKN_MAX_ACTIVATION_PARAMETERS; i++) {
        if (i >= row->count)
            p[i] = 0;
        if (isnan(p[i]))
            return VKN_FAIL(host, INVALID_ARGUMENT, "%s %s: %s must be a number, not NaN", name, row->name,
                            row->parameter[i]);
        if (isinf(p[i]) && row != &CUSTOM && !(MAY_BE_INFINITE[activation->id] >> i & 1))
            return VKN_FAIL(host, INVALID_ARGUMENT, "%s %s: %s must be finite, not %g", name, row->name,
                            row->parameter[i], p[i]);
    }
    for (size_t i = 0; i < sizeof LIMITS / sizeof *LIMITS; i++) {
        float value = p[LIMITS[i].parameter];
        if (LIMITS[i].id == activation->id && !((LIMITS[i].either ? fabsf(value) : value) >= LIMITS[i].least))
            return VKN_FAIL(host, INVALID_ARGUMENT, "%s %s: %s (%g) %s", name, row->name,
                            row->parameter[LIMITS[i].parameter], value, LIMITS[i].rule);
    }
    if (activation->id == VKN_ACTIVATION_RELU && !(p[2] > p[1]))
        return VKN_FAIL(host, INVALID_ARGUMENT,
                        "%s relu: max_value (%g) must be greater than threshold (%g); "
                        "vkn_activation_default() sets it to infinity",
                        name, p[2], p[1]);
    if (activation->id == VKN_ACTIVATION_CLIP && !(p[0] <= p[1]))
        return VKN_FAIL(host, INVALID_ARGUMENT, "%s clip: min (%g) must not be greater than max (%g)", name,
                        p[0], p[1]);
    return VKN_SUCCESS;
}
