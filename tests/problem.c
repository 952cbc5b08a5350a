#include "problem.h"

#include "number.h"
#include "tensor.h"

#include <math.h>
#include <string.h>

#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)

static uint32_t words_of(uint32_t role) {
    return role == VKN_ROLE_MOMENTS || role == VKN_ROLE_SUMS ? 4 : role == VKN_ROLE_RENORM ? 2 : 1;
}

static bool is_per_statistic(uint32_t role) {
    return role == VKN_ROLE_MEAN || role == VKN_ROLE_INV_STD || role == VKN_ROLE_VARIANCE ||
           role == VKN_ROLE_MOMENTS || role == VKN_ROLE_SUMS || role == VKN_ROLE_RESULT ||
           role == VKN_ROLE_INDEX;
}

const VknTensor *problem_tensor(const Problem *p, uint32_t role) {
    switch (role) {
    case VKN_ROLE_X:
        return &p->desc.x;
    case VKN_ROLE_Y:
    case VKN_ROLE_DY:
        return &p->desc.y;
    case VKN_ROLE_RESIDUAL:
    case VKN_ROLE_DRESIDUAL:
        return &p->desc.residual;
    case VKN_ROLE_DX:
    case VKN_ROLE_RESIDUAL_SUM:
    case VKN_ROLE_DRESIDUAL_SUM:
        return &p->desc.dx;
    default:
        return NULL;
    }
}

uint64_t problem_count(const Problem *p, uint32_t role) {
    if (problem_tensor(p, role) || role == VKN_ROLE_MASK)
        return p->elements;
    if (role == VKN_ROLE_WORKSPACE || role == VKN_ROLE_ACTIVATION_MASK)
        return 0;
    if (role == VKN_ROLE_GAMMA || role == VKN_ROLE_BETA || role == VKN_ROLE_DGAMMA ||
        role == VKN_ROLE_DBETA || role == VKN_ROLE_SLOPE || role == VKN_ROLE_DSLOPE)
        return p->parameters;
    return words_of(role) * (is_per_statistic(role) ? p->statistics : p->channels);
}

static VknTensor mask_layout(const VknDesc *desc) {
    VknTensor mask = {.type = VKN_TYPE_F32};
    uint64_t stride = 1;
    bool dense = true;
    memcpy(mask.stride, desc->mask_stride, sizeof mask.stride);
    for (uint32_t i = 0; i < desc->rank; i++)
        dense = dense && !desc->mask_stride[i];
    for (uint32_t i = desc->rank - 1; dense && i-- > 0; stride *= desc->shape[i])
        mask.stride[i] = stride;
    return mask;
}

uint64_t problem_place(const Problem *p, uint32_t role, uint64_t index) {
    const VknTensor *tensor = problem_tensor(p, role);
    VknTensor mask = mask_layout(&p->desc);
    uint64_t strides = 0;
    for (uint32_t i = 0; i < p->desc.rank; i++)
        strides += mask.stride[i];
    if (role == VKN_ROLE_MASK && !strides)
        return 0; /* Keras' mask of a vector has no axis at all */
    if (role == VKN_ROLE_MASK)
        tensor = &mask;
    return tensor ? test_offset_of(&p->desc, tensor, index) : index;
}

bool problem_exists(const Problem *p, uint32_t role, uint64_t index) {
    return !(problem_tensor(p, role) || role == VKN_ROLE_MASK) || !test_is_padding(&p->desc, index);
}

/* --------------------------------------------------------------------------------------------- values */

/* From -1 to 1, the same for the same numbers: elements that share memory share their value. */
static double noise(uint64_t seed, uint64_t place) {
    TestRandom random = test_random_start(seed * 0x9e3779b97f4a7c15u + place);
    return (double)(test_random_next(&random) >> 40) * 0x1p-23 - 1;
}

void problem_fill(Problem *p, const ProblemFill *fill) {
    p->elements = test_element_count(&p->desc);
    p->channels = test_channel_count(&p->desc);
    p->statistics = test_statistic_count(&p->desc);
    p->parameters = test_parameter_count(&p->desc);
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        const VknTensor *tensor = problem_tensor(p, role);
        for (uint64_t i = 0; i < problem_count(p, role); i++) {
            double v = noise(fill->seed + role, problem_place(p, role, i));
            if (role == VKN_ROLE_X)
                v = fill->positive ? fabs(3 * v) + 1.5 : fill->holes && v < -0.8 ? -INFINITY : 3 * v + 1;
            if (role == VKN_ROLE_GAMMA || role == VKN_ROLE_RENORM_STD || role == VKN_ROLE_RUNNING_STD)
                v += 1.5;
            if (role == VKN_ROLE_MASK)
                v = (v + 1) * 50 < fill->counted_percent ? 1 : 0;
            p->given[role][i] = tensor && isfinite(v) ? test_round(tensor->type, v) : (double)(float)v;
        }
    }
}
