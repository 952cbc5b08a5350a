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

/* Whether it is a gradient that takes y for x. */
bool vkn_desc_is_from_output(const VknDesc *desc);

/* Whether a role is an input that has moment_parts records per statistic. */
bool vkn_desc_merges(const VknDesc *desc, uint32_t role);

/* Where the gradients of a resolved description take the derivative of the activation from. */
VknActivationSource vkn_desc_source(const VknDesc *desc);

/* Whether no two indices of up to VKN_MAX_RANK + 1 axes share memory: then `rank`, else an axis whose stride
 * is less than the `span` of those below it. */
uint32_t vkn_layout_shared_axis(uint32_t rank, const uint64_t *shape, const uint64_t *stride, uint64_t *span);

/* Checks every documented rule of `desc`. On success `resolved` is the same description in one form:
 * axes counted from 0, dense strides written out, what does not apply zeroed, tensors that the
 * operation does not have laid out like x, and without roles that nothing is read from. */
VknResult vkn_desc_resolve(const VknHost *host, const VknDesc *desc, VknDesc *resolved);

#endif
