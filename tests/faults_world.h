/* What faults are thrown at: calls of the library in the order in which a program makes them. Each may be
 * made again when it failed. */
#ifndef TESTS_FAULTS_WORLD_H
#define TESTS_FAULTS_WORLD_H

#include "faults_layer.h"

#include <vknorm/runtime.h>

enum { WORLD_PLANS = 2, WORLD_WORDS = 1 << 15 };

typedef struct World World;

typedef struct Step {
    const char *name;
    VknResult (*call)(World *world);
} Step;

typedef struct Scenario {
    const char *name;
    void (*describe)(VknDesc *desc); /* of the first plan */
    const Step *steps;               /* the last one has no name */
    void (*close)(World *world);     /* destroys all there is */
    /* Calls everything that needs a device which is lost, now that one call has found out. Returns whether
     * all of it said so. */
    bool (*is_lost)(World *world);
    const FaultPoint *points;   /* ends with FAULT_POINTS; NULL: all */
    uint64_t max_storage_range; /* lowered to; 0: the device's */
    bool callbacks;             /* host memory by callbacks */
    bool cache;                 /* a pipeline cache of the caller's */
    enum { CACHE_FILE_NONE, CACHE_FILE_NEW, CACHE_FILE_KEPT } cache_file;
    bool tuning; /* cache_file is one of tuned strategies */
    bool custom; /* with a custom activation */
    bool share;  /* faults.share */
    bool validation;
} Scenario;

struct World {
    const Scenario *scenario;
    VkAllocationCallbacks callbacks;
    VknCaps caps;
    VknContext *context;
    VknActivationId custom;
    VknPlan *plans[WORLD_PLANS];
    VknBindings *bindings[WORLD_PLANS];
    VknRuntime *runtime;
    VknBuffer buffer;
    double seconds;
    uint32_t output[WORLD_PLANS][WORLD_WORDS]; /* all memory after a run */
    /* Of the call that was made last. */
    uint32_t errors;     /* sentences in the log */
    char sentence[1024]; /* the last one */
    char warning[1024];  /* the first one */
};

extern const Scenario scenarios[];
extern const uint32_t scenario_count;

/* Why a scenario cannot be had here, or NULL. */
const char *world_lacks(const Scenario *scenario);

/* A device and memory for all worlds. */
bool world_open(const char *device);
void world_close(void);
const VknRuntimeInfo *world_device(void);

/* After a scenario with a device of its own. */
void world_return(void);

/* Calls a step, or another function, as the library's caller. */
VknResult world_call(World *world, VknResult (*call)(World *world));

/* What the header says of the fault's result. */
VknResult faults_expected(void);

/* --------------------------------------------------------------------------------- what steps are made of */

/* An output that a call which fails has to overwrite. */
#define UNTOUCHED ((void *)(uintptr_t)0x5A5A5A58u)

/* Makes a call that has an output: a pointer that is NULL when the call fails. */
#define WITH_OUTPUT(pointer, call)                                                                           \
    pointer = UNTOUCHED;                                                                                     \
    VknResult result = call;                                                                                 \
    if (result && pointer)                                                                                   \
        faults_violation("the output is not NULL of", #call);                                                \
    if (result)                                                                                              \
        pointer = NULL;                                                                                      \
    return result

void world_log(void *world, VknLogLevel level, const char *message);

/* What is in memory before a run, WORLD_WORDS of it. */
const uint32_t *world_input(void);

VknDesc world_describe(const World *world, uint32_t plan);

/* Makes bindings of a plan, with all its buffers in one. */
VknResult world_bind(World *world, uint32_t plan, VknBuffer in);

/* Tunes the first plan's description by a clock that always says the same. */
VknResult world_tune(World *world, VknContext *context);

/* Whether a call fails as it should on a lost device: without a call of Vulkan. */
bool world_says_lost(World *world, VknResult (*call)(World *world));

/* faults_runtime.c */
extern const Step list_steps[], runtime_steps[], cache_steps[], tuned_steps[], tuning_steps[],
    validation_steps[];
void runtime_close(World *world);
bool runtime_is_lost(World *world);

#endif
