/* One `vknorm run`. */
#ifndef RUN_H
#define RUN_H

#include "npy.h"
#include "table.h"

enum { MOST_SETTINGS = 128 };

/* A role that the command line names. */
typedef struct Slot {
    const char *in, *out; /* paths, or NULL */
    Npy npy;
    char temporary[NPY_PATH_SIZE];
} Slot;

typedef struct Run {
    const Operation *operation;
    const char *device;
    bool validation;
    const char *texts[MOST_SETTINGS];
    Settings settings;
    Slot slots[VKN_ROLE_COUNT];
    Request request;
    VknRuntime *runtime;
    VknPlan *plan;
    VknBindings *bindings;
    VknBuffer buffers[VKN_ROLE_COUNT];
} Run;

/* Reads the command line. Returns an exit code, or -1 to go on. */
int run_parse(int argc, char **argv, Run *run);

/* The type and shape of a role's file; the plan must be there. */
Npy run_array(const Run *run, size_t role);

/* Checks the file that was read for a role against that. */
bool run_check_input(const Run *run, size_t role);

#endif
