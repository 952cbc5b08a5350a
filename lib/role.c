#include "role.h"

const VknRoleInfo vkn_roles[VKN_RESOURCE_COUNT] = {
    [VKN_ROLE_X] = {"X", true, VKN_SPACE_X, 0},
    [VKN_ROLE_Y] = {"Y", true, VKN_SPACE_Y, 0},
    [VKN_ROLE_GAMMA] = {"GAMMA", false, VKN_SPACE_STAT, 1},
    [VKN_ROLE_BETA] = {"BETA", false, VKN_SPACE_STAT, 1},
    [VKN_ROLE_MEAN] = {"MEAN", false, VKN_SPACE_STAT, 1},
    [VKN_ROLE_INV_STD] = {"INV_STD", false, VKN_SPACE_STAT, 1},
    [VKN_ROLE_VARIANCE] = {"VARIANCE", false, VKN_SPACE_STAT, 1},
    [VKN_ROLE_RUNNING_MEAN] = {"RUNNING_MEAN", false, VKN_SPACE_STAT, 1},
    [VKN_ROLE_RUNNING_VARIANCE] = {"RUNNING_VARIANCE", false, VKN_SPACE_STAT, 1},
    [VKN_ROLE_MOMENTS] = {"MOMENTS", false, VKN_SPACE_STAT, 4},
    [VKN_ROLE_WORKSPACE] = {"WORKSPACE", false, VKN_SPACE_STAT, 1},
    [VKN_ROLE_RESIDUAL] = {"RESIDUAL", true, VKN_SPACE_RESIDUAL, 0},
    [VKN_ROLE_DY] = {"DY", true, VKN_SPACE_Y, 0},
    [VKN_ROLE_DX] = {"DX", true, VKN_SPACE_DX, 0},
    [VKN_ROLE_DGAMMA] = {"DGAMMA", false, VKN_SPACE_STAT, 1},
    [VKN_ROLE_DBETA] = {"DBETA", false, VKN_SPACE_STAT, 1},
    [VKN_ROLE_DRESIDUAL] = {"DRESIDUAL", true, VKN_SPACE_RESIDUAL, 0},
    [VKN_RESOURCE_PARTS] = {"PARTS", false, VKN_SPACE_STAT, 4},
    [VKN_RESOURCE_MERGED] = {"MERGED", false, VKN_SPACE_STAT, 4},
    [VKN_RESOURCE_COEFFICIENTS] = {"COEFFICIENTS", false, VKN_SPACE_STAT, 8},
};

const VknTensor *vkn_role_tensor(const VknDesc *desc, uint32_t role) {
    if (!vkn_roles[role].tensor)
        return NULL;
    const VknTensor *const tensors[] = {[VKN_SPACE_X] = &desc->x,
                                        [VKN_SPACE_Y] = &desc->y,
                                        [VKN_SPACE_RESIDUAL] = &desc->residual,
                                        [VKN_SPACE_DX] = &desc->dx};
    return tensors[vkn_roles[role].space];
}

uint32_t vkn_role_bytes(const VknDesc *desc, uint32_t resource) {
    const VknTensor *tensor = vkn_role_tensor(desc, resource);
    if (tensor)
        return tensor->type == VKN_TYPE_F32 ? 4 : 2;
    return vkn_roles[resource].words * 4;
}
