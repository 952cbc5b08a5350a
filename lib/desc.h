/* The rules of VknDesc. */
#ifndef VKN_DESC_H
#define VKN_DESC_H

#include "base.h"

/* Which roles an operation takes, by the table at VknRole. */
typedef struct VknOperationInfo {
    const char *name;
    uint32_t required;
    uint32_t optional;
    uint32_t writes; /* of both */
} VknOperationInfo;

/* NULL for a number that is no operation. */
const VknOperationInfo *vkn_operation_info(VknOperation operation);

bool vkn_operation_is_gradient(VknOperation operation);

/* Checks every documented rule of `desc`. On success `resolved` is the same description in one form:
 * axes counted from 0, dense strides written out, and tensors that the operation does not have laid
 * out like x. */
VknResult vkn_desc_resolve(const VknHost *host, const VknDesc *desc, VknDesc *resolved);

#endif
