/* One open device, with a context for each capability mask and one buffer that every run shares. */
#ifndef TESTS_RIG_H
#define TESTS_RIG_H

#include "image.h"
#include "mask.h"

#include <vknorm/runtime.h>

#define TEST_MAX_MASKS 16

typedef struct TestRig {
    VknRuntime *runtime;
    VknContext *contexts[TEST_MAX_MASKS]; /* by mask, created when first asked for */
    VkPipelineCache pipelines;            /* shared by all contexts: most masks lead to the same ones */
    VknBuffer memory;                     /* grows to the largest image so far */
    char message[1024];                   /* the last warning or error that was logged */
} TestRig;

VknResult test_rig_open(TestRig *rig, const char *device, bool validation);

/* Returns false when destroying the contexts made the validation layer speak. */
bool test_rig_close(TestRig *rig);

/* Gives the context that sees the device through a mask. `*context` is NULL when that mask changes
 * nothing on this device. */
VknResult test_rig_context(TestRig *rig, uint32_t mask, VknContext **context);

/* Uploads image->before, runs the plan on it, downloads everything to `after`. */
VknResult test_rig_run(TestRig *rig, const VknPlan *plan, const TestImage *image, uint64_t batch_number,
                       uint32_t *after);

/* The log of the rig, for calls that take one. */
VknLog test_rig_log(TestRig *rig);

#endif
