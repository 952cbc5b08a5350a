/* Which roles go together. */
#ifndef VKN_ROLES_H
#define VKN_ROLES_H

#include "desc.h"

/* Sets of roles. */
#define BIT(role) VKN_ROLE_BIT(VKN_ROLE_##role)
#define SPREADS   (BIT(INV_STD) | BIT(VARIANCE))
#define RUNNING   (BIT(RUNNING_MEAN) | BIT(RUNNING_VARIANCE))

#define SAVED      (BIT(MEAN) | SPREADS)
#define AFFINE     (BIT(GAMMA) | BIT(BETA))
#define PARAMETERS (AFFINE | BIT(DGAMMA) | BIT(DBETA))
#define PRELU      (BIT(SLOPE) | BIT(DSLOPE))
#define RENORM     (BIT(RENORM_MEAN) | BIT(RENORM_STD) | BIT(RUNNING_STD) | BIT(RENORM))
#define EPILOGUE   (AFFINE | BIT(RESIDUAL) | BIT(ACTIVATION_MASK) | BIT(SLOPE))
#define GRADIENT   (BIT(DX) | BIT(DGAMMA) | BIT(DBETA) | BIT(DRESIDUAL) | BIT(DSLOPE))
#define BACKWARD   (EPILOGUE | SPREADS | BIT(Y))

/* Checks which roles are bound, against the operation, the statistic and each other. */
VknResult vkn_roles_resolve(const VknHost *host, VknDesc *desc);

/* Checks what the residual, the sum with it, and slopes go with. */
VknResult vkn_roles_resolve_use(const VknHost *host, VknDesc *desc);

/* Keeps the role that act' costs the fewest bytes to take from. */
VknResult vkn_roles_resolve_source(const VknHost *host, VknDesc *desc);

#endif
