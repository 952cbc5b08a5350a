/* Index arithmetic of tensors, written from the words of vknorm.h: one logical element at a time. */
#ifndef TESTS_TENSOR_H
#define TESTS_TENSOR_H

#include <vknorm/vknorm.h>

/* The row-major number of an element counts all axes, that of a channel the kept axes alone, that of a
 * statistic the virtual batches before them. Padding of a packed tensor has no channel. */
uint64_t test_element_count(const VknDesc *desc);
uint64_t test_channel_count(const VknDesc *desc);
uint64_t test_statistic_count(const VknDesc *desc);
bool test_is_padding(const VknDesc *desc, uint64_t element);
uint64_t test_parameter_count(const VknDesc *desc);
uint64_t test_parameter_of(const VknDesc *desc, uint64_t element);
uint64_t test_channel_of(const VknDesc *desc, uint64_t element);
uint64_t test_statistic_of(const VknDesc *desc, uint64_t element);

/* Where an element lies in its tensor, and how many elements the tensor spans with its gaps. */
uint64_t test_offset_of(const VknDesc *desc, const VknTensor *tensor, uint64_t element);
uint64_t test_extent(const VknDesc *desc, const VknTensor *tensor);

/* Elements that the buffer of a role spans, 0 when the role is not in desc->roles. */
uint64_t test_role_words(const VknDesc *desc, VknRole role);

/* VKN_ROLE_BIT()s of what the description reads and writes, without the workspace. */
uint32_t test_roles_read(const VknDesc *desc);
uint32_t test_roles_written(const VknDesc *desc);

/* The header's name of a role, "RUNNING_MEAN". */
const char *test_role_name(VknRole role);

#endif
