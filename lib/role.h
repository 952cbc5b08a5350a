/* THE role table: what each role's buffer holds. */
#ifndef VKN_ROLE_H
#define VKN_ROLE_H

#include "view.h"

/* What a step reads or writes: a role, or a region of the workspace. */
typedef enum VknResource {
    VKN_RESOURCE_PARTS = VKN_ROLE_COUNT, /* VknMoments or VknSums, [statistic][part] */
    VKN_RESOURCE_MERGED,                 /* VknMoments, [statistic] */
    VKN_RESOURCE_COEFFICIENTS,           /* eight words, [statistic]; shaders/coefficients_in.glsl */
    VKN_RESOURCE_COUNT
} VknResource;

typedef struct VknRoleInfo {
    const char *name;
    bool tensor;    /* one element per index of the tensor, else per statistic */
    VknSpace space; /* where its elements lie */
    uint32_t words; /* per statistic: 32-bit words; tensors have their type's size */
} VknRoleInfo;

extern const VknRoleInfo vkn_roles[VKN_RESOURCE_COUNT];

/* Bytes of one element of a role or region. */
uint32_t vkn_role_bytes(const VknDesc *desc, uint32_t resource);

/* The layout of a tensor role, NULL for other roles. */
const VknTensor *vkn_role_tensor(const VknDesc *desc, uint32_t role);

#endif
