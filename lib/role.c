#include "role.h"

#define TENSOR(name, space)                                                                                  \
    { name, VKN_PER_ELEMENT, VKN_SPACE_##space, 0 }
#define STATISTIC(name, bits)                                                                                \
    { name, VKN_PER_STATISTIC, VKN_SPACE_STAT, bits }
#define PARAMETER(name)                                                                                      \
    { name, VKN_PER_PARAMETER, VKN_SPACE_PARAMETER, 32 }
#define CHANNEL(name, bits)                                                                                  \
    { name, VKN_PER_CHANNEL, VKN_SPACE_STAT, bits }

const VknRoleInfo vkn_roles[VKN_RESOURCE_COUNT] = {
    [VKN_ROLE_X] = TENSOR("X", X),
    [VKN_ROLE_Y] = TENSOR("Y", Y),
    [VKN_ROLE_GAMMA] = PARAMETER("GAMMA"),
    [VKN_ROLE_BETA] = PARAMETER("BETA"),
    [VKN_ROLE_MEAN] = STATISTIC("MEAN", 32),
    [VKN_ROLE_INV_STD] = STATISTIC("INV_STD", 32),
    [VKN_ROLE_VARIANCE] = STATISTIC("VARIANCE", 32),
    [VKN_ROLE_RUNNING_MEAN] = CHANNEL("RUNNING_MEAN", 32),
    [VKN_ROLE_RUNNING_VARIANCE] = CHANNEL("RUNNING_VARIANCE", 32),
    [VKN_ROLE_MOMENTS] = STATISTIC("MOMENTS", 128),
    [VKN_ROLE_WORKSPACE] = STATISTIC("WORKSPACE", 32),
    [VKN_ROLE_RESIDUAL] = TENSOR("RESIDUAL", RESIDUAL),
    [VKN_ROLE_DY] = TENSOR("DY", Y),
    [VKN_ROLE_DX] = TENSOR("DX", DX),
    [VKN_ROLE_DGAMMA] = PARAMETER("DGAMMA"),
    [VKN_ROLE_DBETA] = PARAMETER("DBETA"),
    [VKN_ROLE_DRESIDUAL] = TENSOR("DRESIDUAL", RESIDUAL),
    [VKN_ROLE_MASK] = {"MASK", VKN_PER_ELEMENT, VKN_SPACE_MASK, 8},
    [VKN_ROLE_ACTIVATION_MASK] = {"ACTIVATION_MASK", VKN_PER_ELEMENT, VKN_SPACE_Y, 1},
    [VKN_ROLE_RENORM_MEAN] = CHANNEL("RENORM_MEAN", 32),
    [VKN_ROLE_RENORM_STD] = CHANNEL("RENORM_STD", 32),
    [VKN_ROLE_RUNNING_STD] = CHANNEL("RUNNING_STD", 32),
    [VKN_ROLE_RENORM] = CHANNEL("RENORM", 64),
    [VKN_ROLE_SUMS] = STATISTIC("SUMS", 128),
    [VKN_ROLE_SLOPE] = PARAMETER("SLOPE"),
    [VKN_ROLE_DSLOPE] = PARAMETER("DSLOPE"),
    [VKN_ROLE_RESIDUAL_SUM] = TENSOR("RESIDUAL_SUM", DX),
    [VKN_ROLE_DRESIDUAL_SUM] = TENSOR("DRESIDUAL_SUM", DX),
    [VKN_ROLE_RESULT] = STATISTIC("RESULT", 0),
    [VKN_ROLE_INDEX] = STATISTIC("INDEX", 32),
    [VKN_RESOURCE_PARTS] = STATISTIC("PARTS", 128),
    [VKN_RESOURCE_AFFINE] = STATISTIC("AFFINE", 128),
    [VKN_RESOURCE_COEFFICIENTS] = STATISTIC("COEFFICIENTS", 256),
};

bool vkn_role_is_tensor(uint32_t resource) {
    return vkn_roles[resource].per == VKN_PER_ELEMENT && vkn_roles[resource].bits == 0;
}

const VknTensor *vkn_role_tensor(const VknDesc *desc, uint32_t role) {
    if (!vkn_role_is_tensor(role))
        return NULL;
    const VknTensor *const tensors[] = {[VKN_SPACE_X] = &desc->x,
                                        [VKN_SPACE_Y] = &desc->y,
                                        [VKN_SPACE_RESIDUAL] = &desc->residual,
                                        [VKN_SPACE_DX] = &desc->dx};
    return tensors[vkn_roles[role].space];
}

uint32_t vkn_role_bits(const VknDesc *desc, uint32_t resource) {
    const VknTensor *tensor = vkn_role_tensor(desc, resource);
    if (resource == VKN_ROLE_RESULT)
        tensor = &desc->y;
    if (tensor)
        return tensor->type == VKN_TYPE_F32 ? 32 : 16;
    return vkn_roles[resource].bits;
}

uint32_t vkn_role_texel(const VknDesc *desc, uint32_t resource) {
    const uint64_t figures =
        VKN_HAS_GAMMA | VKN_HAS_BETA | VKN_HAS_SLOPE | VKN_HAS_MEAN | VKN_HAS_INV_STD | VKN_HAS_VARIANCE;
    if (vkn_role_is_tensor(resource))
        return vkn_role_bits(desc, resource) / 2;
    return figures >> resource & 1 ? 4 : 0;
}
