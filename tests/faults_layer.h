/* Stands between the library and Vulkan, and between the library and the host's memory: counts every call,
 * fails the one that is asked for, and knows what is alive. There is one: Vulkan's functions have no user
 * pointer. */
#ifndef TESTS_FAULTS_LAYER_H
#define TESTS_FAULTS_LAYER_H

#include "faults_table.h"

#include <vknorm/vknorm.h>

typedef enum FaultPoint {
#define POINT(name, ...) FAULT_##name,
    FAULT_CREATES(POINT) FAULT_CALLS(POINT) FAULT_OTHERS(POINT) FAULT_REFUSALS(POINT)
#undef POINT
        FAULT_POINTS
} FaultPoint;

extern const char *const fault_names[FAULT_POINTS];

/* Ends with VK_SUCCESS. */
const VkResult *fault_results(FaultPoint point);

/* Call `number` of a function returns `result` instead of being made. */
typedef struct Fault {
    FaultPoint point;
    uint32_t number; /* from 1 on; 0: no fault */
    VkResult result;
    bool for_good; /* and all calls after it */
    bool poison;   /* outputs are overwritten, as Vulkan allows; otherwise untouched */
} Fault;

typedef struct Faults {
    Fault fault;
    bool watching; /* a call of the library is under way: only then is anything counted or failed */
    /* Pipelines of the same code are made once and shared by all contexts. The driver then takes its memory
     * from elsewhere, since they keep what they are made from. */
    bool share;
    uint32_t calls[FAULT_POINTS];
    uint32_t injected;   /* faults so far */
    char missing[64];    /* the last function whose lookup failed */
    uint32_t entries;    /* calls of any Vulkan function */
    uint32_t recorded;   /* commands of the core */
    uint32_t dispatches; /* CmdDispatch among them */
    uint32_t violations; /* of what Vulkan allows: said on stdout */
} Faults;

extern Faults faults;

/* Counts from now on; fault->number 0 for none. */
void faults_begin(const Fault *fault);

/* The next calls work again. */
void faults_end(void);

/* What is alive: objects, and host memory of faults_callbacks() and of malloc(). */
typedef struct FaultsLive {
    uint32_t pipelines, objects, blocks;
} FaultsLive;
FaultsLive faults_live(void);

/* Destroys the newest instance, if the library could not do it: the look-up of vkDestroyInstance failed.
 * Returns whether that was so. */
bool faults_destroy_instance(void);

/* Destroys shared pipelines. */
void faults_forget_pipelines(void);

/* No call may record into this one. */
#define FAULTS_NO_COMMANDS ((VkCommandBuffer)(uintptr_t)0x5A5A5A58u)

/* The last look-up of a function counts, which may have been for an instance that is gone, with all its
 * layers. */
void faults_return_to(VkInstance instance);

PFN_vkGetInstanceProcAddr faults_get_instance_proc_addr(void);

/* Host memory between guards; counted, and failed as allocation_by_callback, or allocation_by_driver when it
 * is Vulkan that asks. */
VkAllocationCallbacks faults_callbacks(void);

/* For the files of the layer. */
VkResult fault_next(FaultPoint point);
void faults_violation(const char *what, const char *name);
bool faults_in_driver(void);
uint32_t faults_blocks(void);

#endif
