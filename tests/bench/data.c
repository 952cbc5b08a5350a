/* What tensors hold: a table of random numbers for each role, repeated. Its length is prime, so that no two
 * rows of a power of two are the same. */
#include "bench.h"

#include "../number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD 65521u

uint64_t bench_element_count(const VknDesc *desc) {
    uint64_t count = 1;
    for (uint32_t i = 0; i < desc->rank; i++)
        count *= desc->shape[i];
    return count;
}

VknType bench_role_type(const VknDesc *desc, VknRole role) {
    if (role == VKN_ROLE_X)
        return desc->x.type;
    if (role == VKN_ROLE_Y || role == VKN_ROLE_DY || role == VKN_ROLE_RESULT)
        return desc->y.type;
    if (role == VKN_ROLE_RESIDUAL || role == VKN_ROLE_DRESIDUAL)
        return desc->residual.type;
    return role == VKN_ROLE_DX ? desc->dx.type : VKN_TYPE_F32;
}

/* Numbers of 0 to 1, the same in every run. */
static double random_of(uint32_t role, uint32_t index) {
    uint32_t h = (index + 1) * 2654435761u ^ (role + 1) * 2246822519u;
    h = (h ^ h >> 15) * 2246822519u;
    h = (h ^ h >> 13) * 3266489917u;
    return (h ^ h >> 16) * 0x1p-32;
}

/* Tensors around 0.5, so that a part that is left out of a sum is seen; parameters and statistics around 1;
 * Y, which only a gradient reads, as large as a softmax of its row. */
double bench_value(const VknDesc *desc, VknRole role, uint64_t index) {
    double unit = random_of((uint32_t)role, (uint32_t)(index % PERIOD));
    double value = 0.5 + unit;
    if (role == VKN_ROLE_X || role == VKN_ROLE_DY || role == VKN_ROLE_RESIDUAL)
        value = 4 * unit - 1.5;
    if (role == VKN_ROLE_Y)
        value = 2 * unit / (double)desc->shape[desc->rank - 1];
    return test_round(bench_role_type(desc, role), (double)(float)value);
}

static bool is_read(const VknDesc *desc, VknRole role) {
    bool forward = desc->operation == VKN_OPERATION_TRAIN;
    switch (role) {
    case VKN_ROLE_X:
    case VKN_ROLE_GAMMA:
    case VKN_ROLE_BETA:
    case VKN_ROLE_DY:
    case VKN_ROLE_RESIDUAL:
    case VKN_ROLE_VARIANCE:
    case VKN_ROLE_RUNNING_MEAN:
    case VKN_ROLE_RUNNING_VARIANCE:
        return true;
    case VKN_ROLE_MEAN:
    case VKN_ROLE_INV_STD:
        return !forward;
    default:
        return role == VKN_ROLE_Y && desc->operation == VKN_OPERATION_TRAIN_GRADIENT;
    }
}

VknResult bench_data_upload(VknRuntime *runtime, const VknDesc *desc,
                            const VknBuffer buffers[VKN_ROLE_COUNT]) {
    VknResult result = VKN_SUCCESS;
    for (uint32_t role = 0; role < VKN_ROLE_COUNT && !result; role++) {
        uint64_t size = buffers[role].size;
        VknType type = bench_role_type(desc, role);
        uint64_t known = (uint64_t)PERIOD * test_type_size(type);
        if (!size)
            continue;
        uint8_t *memory = malloc(size > known ? size : known);
        if (!memory)
            return VKN_ERROR_OUT_OF_HOST_MEMORY;
        if (is_read(desc, role)) {
            for (uint32_t i = 0; i < PERIOD; i++)
                test_encode(type, memory, i, bench_value(desc, role, i));
            for (; known < size; known *= 2)
                memcpy(memory + known, memory, known < size - known ? known : size - known);
        } else {
            memset(memory, 0xFF, size);
        }
        result = vkn_runtime_upload(runtime, &buffers[role], 0, memory, size);
        free(memory);
    }
    return result;
}
