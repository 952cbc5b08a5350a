/* One operation from host memory to host memory. */
#ifndef TESTS_COMPUTE_H
#define TESTS_COMPUTE_H

#include <vknorm/runtime.h>

/* Host memory of each role, as many bytes as the plan says: uploaded before and downloaded after the run.
 * A role without its own may share that of another, by `in_place`: then both are the same buffer. */
typedef struct ComputeData {
    void *memory[VKN_ROLE_COUNT];
    bool in_place;   /* Y lies on X, DX on DY */
    uint64_t offset; /* of each role in its buffer, in bytes: a multiple of 4 */
} ComputeData;

/* Plans and runs `desc` with the roles that it names; VKN_ERROR_DRIVER, too, when memory beside a role's
 * changed. */
VknResult compute_try(VknRuntime *runtime, const VknDesc *desc, const ComputeData *data);

/* The same; ends the program when that fails. */
void compute(VknRuntime *runtime, const VknDesc *desc, const ComputeData *data);

#endif
