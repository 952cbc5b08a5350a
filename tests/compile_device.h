/* Compiles on a device that is not there: RADV for an AMD GPU of any family, without hardware. */
#ifndef TESTS_COMPILE_DEVICE_H
#define TESTS_COMPILE_DEVICE_H

#include "compile_list.h"

/* What the driver says of a pipeline. */
typedef enum CompileFact {
    FACT_SGPRS,
    FACT_VGPRS,
    FACT_SPILLED_SGPRS,
    FACT_SPILLED_VGPRS,
    FACT_SCRATCH, /* bytes, as the next two */
    FACT_LDS,
    FACT_CODE,
    FACT_INSTRUCTIONS, /* 0: this compiler does not tell */
    FACT_COUNT
} CompileFact;

typedef struct CompileFacts {
    uint32_t value[FACT_COUNT];
} CompileFacts;

typedef struct CompileTarget {
    const char *name;
    const char *family; /* RADV_FORCE_FAMILY */
    bool llvm;          /* the compiler, otherwise ACO */
    uint32_t subgroup;  /* lanes */
    const char *broken; /* the driver with which it crashes whatever it compiles, or NULL */
} CompileTarget;

enum { COMPILE_TARGET_COUNT = 16 };

extern const CompileTarget compile_targets[COMPILE_TARGET_COUNT];

typedef struct CompileDevice CompileDevice;

/* Opens the device of a target; once per process, as the driver reads the environment. NULL, and says why
 * in `error`, when this is not the device asked for. `driver` receives its version. */
CompileDevice *compile_device_open(const CompileTarget *target, char driver[64], char error[256]);

/* Creates the pipeline of an item as the library does and reads its facts. False, with `error`, when that
 * fails. */
bool compile_device_run(CompileDevice *device, const CompileItem *item, CompileFacts *facts, char error[256]);

#endif
