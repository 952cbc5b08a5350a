/* THE role table: what each role's buffer holds. */
#ifndef VKN_ROLE_H
#define VKN_ROLE_H

#include "view.h"

/* What a step reads or writes: a role, or a region of the workspace. */
typedef enum VknResource {
    VKN_RESOURCE_PARTS = VKN_ROLE_COUNT, /* VknMoments or VknSums, [statistic][part] */
    VKN_RESOURCE_AFFINE,                 /* four words, [statistic]; shaders/affine_record.glsl */
    VKN_RESOURCE_COEFFICIENTS,           /* eight words, [statistic]; shaders/coefficients_record.glsl */
    VKN_RESOURCE_COUNT
} VknResource;

/* What there is one of in a role: elements of the shape, statistics, channels, of which each virtual batch
 * has a statistic, or parameters. */
typedef enum VknPer { VKN_PER_ELEMENT, VKN_PER_STATISTIC, VKN_PER_CHANNEL, VKN_PER_PARAMETER } VknPer;

typedef struct VknRoleInfo {
    const char *name;
    VknPer per;
    VknSpace space; /* where its elements lie */
    uint32_t bits;  /* of one; 0: of a type that the description names */
} VknRoleInfo;

extern const VknRoleInfo vkn_roles[VKN_RESOURCE_COUNT];

/* Bits of one element of a role or region. */
uint32_t vkn_role_bits(const VknDesc *desc, uint32_t resource);

/* Bytes of a texel that kernels read a role by: four elements of a tensor, a parameter or a figure of a
 * statistic; 0: none. */
uint32_t vkn_role_texel(const VknDesc *desc, uint32_t resource);

/* Whether a role is described by a VknTensor. Tensors may share memory (in place). */
bool vkn_role_is_tensor(uint32_t resource);

/* The layout of a tensor role, NULL for other roles. */
const VknTensor *vkn_role_tensor(const VknDesc *desc, uint32_t role);

#endif
