#include "activation.h"

#include <math.h>

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

VknActivation vkn_activation_default(VknActivationId id) {
    VknActivation activation = {.id = VKN_ACTIVATION_IDENTITY};
    if ((size_t)id >= ROW_COUNT || !ROWS[id].name)
        return activation;
    activation.id = id;
    for (uint32_t i = 0; i < VKN_MAX_ACTIVATION_PARAMETERS; i++)
        activation.parameter[i] = ROWS[id].value[i];
    return activation;
}

const char *vkn_activation_name(const VknActivation *activation) {
    return ROWS[activation->id].name;
}

bool vkn_activation_inverts(const VknActivation *activation) {
    const float *p = activation->parameter;
    return ROWS[activation->id].inverts(p[0], p[1], p[2]);
}

bool vkn_activation_halves(const VknActivation *activation) {
    const float *p = activation->parameter;
    return ROWS[activation->id].halves(p[0], p[1], p[2]);
}

VknResult vkn_activation_resolve(const VknHost *host, const char *name, VknActivation *activation) {
    float *p = activation->parameter;
    if ((size_t)activation->id >= ROW_COUNT || !ROWS[activation->id].name)
        return VKN_FAIL(host, INVALID_ARGUMENT, "%s.id must be a VknActivationId (0 to %d), not %d", name,
                        (int)ROW_COUNT - 1, (int)activation->id);
    const Row *row = &ROWS[activation->id];
    for (uint32_t i = 0; i < VKN_MAX_ACTIVATION_PARAMETERS; i++) {
        if (i >= row->count)
            p[i] = 0;
        if (isnan(p[i]))
            return VKN_FAIL(host, INVALID_ARGUMENT, "%s %s: %s must be a number, not NaN", name, row->name,
                            row->parameter[i]);
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
