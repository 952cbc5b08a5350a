/* The benchmark's parts, each using only those before it:
 *
 *     host      its clock, its cache
 *     suite     what is measured: descriptions of the shapes of real networks, and the targets
 *     data      what the tensors hold, on the host and on the device
 *     verify    whether a result is right, in fp64, apart from everything that the library does
 *     copy      the yardsticks: vkCmdCopyBuffer and the best copy shader of the device
 *     onednn    a peer on the CPU, if it was there when the benchmark was built
 *     rig       the device, the copies, the sets of buffers, which all cases share
 *     measure   samples of a case and its yardsticks, in turns
 *     output    table, JSON, plot
 *     bench     options, and the loop over the cases */
#ifndef BENCH_H
#define BENCH_H

#include <vknorm/runtime.h>

#include <stdio.h>

/* -------------------------------------------------------------------------------------------- host */

/* Seconds since some moment. */
double bench_clock(void);

/* Bytes of the largest cache that the system tells of, at least 64 MiB. */
uint64_t bench_cache_size(void);

/* ------------------------------------------------------------------------------------------- suite */

typedef enum BenchOperation {
    BENCH_TRAIN,
    BENCH_INFER,
    BENCH_GRADIENT,
    BENCH_TRAIN_ADD, /* with a residual, which is added before the activation */
    BENCH_GRADIENT_ADD,
    BENCH_LAYER,
    BENCH_LAYER_GRADIENT,
    BENCH_RMS,
    BENCH_RMS_GRADIENT,
    BENCH_GROUP,
    BENCH_GROUP_GRADIENT,
    BENCH_SOFTMAX,
    BENCH_SOFTMAX_GRADIENT,
    BENCH_ACTIVATION,
    BENCH_ACTIVATION_GRADIENT,
    BENCH_REDUCE,
    BENCH_OPERATION_COUNT
} BenchOperation;

/* The share of a copy's bandwidth that a case should reach, 0: none is set. */
typedef struct BenchTarget {
    double swiftshader, lavapipe; /* of the best copy shader */
    double gpu;                   /* of vkCmdCopyBuffer */
} BenchTarget;

/* How many small operations an engine may have at a time. */
#define BENCH_BATCH 20

typedef struct BenchCase {
    const char *suite;
    char name[48]; /* "8x64x56x56 nhwc" */
    BenchOperation operation;
    const char *type;       /* "f32" */
    const char *activation; /* "relu" */
    bool planes;            /* dense NCHW, axis 1 */
    VknDesc desc;
    BenchTarget target;
    bool batched; /* BENCH_BATCH of it are also timed in one submission */
} BenchCase;

const char *bench_operation_name(BenchOperation operation);

/* Returns the name of suite `index`, NULL past the end. */
const char *bench_suite_name(uint32_t index);

/* All cases of a suite, or a few of every one for NULL. The caller frees the array; NULL when memory is
 * short or there is no such suite. */
BenchCase *bench_suite(const char *suite, uint32_t *count);

/* -------------------------------------------------------------------------------------------- data */

/* Element `index` of what a role holds before a run, as its type stores it. */
double bench_value(const VknDesc *desc, VknRole role, uint64_t index);

/* Writes the initial contents of every role of a set. Roles that are only written are made NaN. */
VknResult bench_data_upload(VknRuntime *runtime, const VknDesc *desc,
                            const VknBuffer buffers[VKN_ROLE_COUNT]);

/* The type of a role's elements. */
VknType bench_role_type(const VknDesc *desc, VknRole role);

uint64_t bench_element_count(const VknDesc *desc);

/* ------------------------------------------------------------------------------------------ verify */

/* Compares what is in `buffers` after a run with fp64, on a sample of the statistics and parameters, each
 * with all of its elements; everything else must have been written. Returns false, with a sentence in
 * `message`, when something is wrong or could not be looked at. */
bool bench_verify(VknRuntime *runtime, const VknDesc *desc, const VknBuffer buffers[VKN_ROLE_COUNT],
                  char *message, size_t message_size);

/* -------------------------------------------------------------------------------------------- copy */

typedef struct BenchCopy BenchCopy;

/* Creates the copy shaders and two halves of `size` bytes to copy between. NULL on failure. */
BenchCopy *bench_copy_create(VknRuntime *runtime, uint64_t size);
void bench_copy_destroy(BenchCopy *copy);

/* Chooses the bytes to copy, about `size`, at up to `places` places, and the fastest shader for them. Returns
 * the bytes read and written, 0 on failure. */
uint64_t bench_copy_choose(BenchCopy *copy, uint64_t size, uint32_t places);

/* The chosen shader, for example "texel 64 x 2, 64 workgroups". */
const char *bench_copy_name(const BenchCopy *copy);

/* Records a copy at the next place, by vkCmdCopyBuffer or by the chosen shader. No copy that was recorded
 * earlier by the shader may be pending. */
void bench_copy_buffer(BenchCopy *copy, VkCommandBuffer commands);
void bench_copy_shader(BenchCopy *copy, VkCommandBuffer commands);

/* ------------------------------------------------------------------------------------------ onednn */

typedef struct BenchOnednn BenchOnednn;

/* NULL where oneDNN has nothing like the case, or is not there. Data as bench_value() has it. */
BenchOnednn *bench_onednn_create(const BenchCase *bench_case);
void bench_onednn_destroy(BenchOnednn *onednn);

/* Runs it once; seconds, negative on failure. */
double bench_onednn_run(BenchOnednn *onednn);

/* Its version, "" if this program was built without it. */
const char *bench_onednn_version(void);

/* --------------------------------------------------------------------------------------------- rig */

#define BENCH_MOST_SETS 64

typedef struct BenchRig {
    VknRuntime *runtime;
    BenchCopy *copy;
    uint64_t cache;                                        /* bytes of the last-level cache */
    VknBuffer arena;                                       /* sets of a case's buffers, side by side */
    uint64_t offset[VKN_ROLE_COUNT], size[VKN_ROLE_COUNT]; /* within a set */
    uint64_t set_size;
    uint32_t set_count;
} BenchRig;

/* Opens the device. NULL on failure; the log has said why. */
BenchRig *bench_rig_create(const char *device);
void bench_rig_destroy(BenchRig *rig);

/* Lays out a set with so many bytes of each role, and as many sets as it takes to leave the cache behind. */
VknResult bench_rig_lay_out(BenchRig *rig, const uint64_t size[VKN_ROLE_COUNT]);

/* The buffers of a set. */
void bench_rig_set(const BenchRig *rig, uint32_t set, VknBuffer buffers[VKN_ROLE_COUNT]);

/* Copies the first set over the others. */
VknResult bench_rig_fill(const BenchRig *rig);

/* ----------------------------------------------------------------------------------------- measure */

/* Quartiles of samples. */
typedef struct BenchSpread {
    double low, median, high;
} BenchSpread;

/* Sorts the samples. */
BenchSpread bench_spread(double *samples, uint32_t count);

/* One strategy of one case. */
typedef struct BenchResult {
    const BenchCase *bench_case;
    const char *strategy;
    bool chosen;                   /* by the planner */
    char failure[200];             /* why it was not timed; "" if it was */
    uint32_t dispatches, barriers; /* of a batch: of all; times and rates are those of one of it */
    uint64_t bytes;                /* VknPlanInfo.least_bytes */
    bool cached;                   /* its buffers fit into the last-level cache, even though they rotate */
    uint32_t samples;
    double plan_cold, plan_warm; /* seconds */
    double record;               /* seconds per dispatch */
    BenchSpread seconds;
    double buffer_rate, shader_rate;  /* of the copies, bytes per second */
    double of_buffer, of_shader;      /* bandwidth as a share of theirs, the median over the rounds */
    double target;                    /* of one of those, by BenchTarget */
    double onednn_seconds, of_onednn; /* how many times faster than oneDNN; 0: not measured */
    char copy_name[48];
} BenchResult;

typedef struct BenchOptions {
    const char *suite, *part; /* part: of the cases' names */
    const char *device, *json, *plot;
    bool all_strategies;
    bool reproducible; /* plans, too */
    bool onednn;
    uint32_t samples;
    double seconds; /* per case */
    double budget;  /* seconds for all cases */
} BenchOptions;

#define BENCH_MOST_STRATEGIES 16

/* Measures a case with the planner's strategy or with all. Returns how many results there are; those that
 * are wrong or that cannot run have a failure. */
uint32_t bench_measure(BenchRig *rig, const BenchOptions *options, const BenchCase *bench_case,
                       BenchResult results[BENCH_MOST_STRATEGIES]);

/* ------------------------------------------------------------------------------------------ output */

typedef struct BenchRun {
    const BenchOptions *options;
    const VknRuntimeInfo *info;
    uint64_t cache;
    const BenchResult *results;
    uint32_t count;
} BenchRun;

void bench_table_head(const BenchRun *run);
void bench_table_row(const BenchResult *result);

/* What the rows come to: how many of the targets are met, how long recording takes. */
void bench_table_foot(const BenchRun *run);

/* Opens a JSON file and writes what was measured on, when, and `peer` by its version; the object is left
 * open. NULL when the file cannot be written. */
FILE *bench_json_open(const char *path, const VknRuntimeInfo *info, const char *peer, const char *version);

/* Both return false when the file cannot be written. */
bool bench_json_write(const BenchRun *run, const char *path);
bool bench_plot_write(const BenchRun *run, const char *path);

/* ------------------------------------------------------------------------------------------- bench */

/* The benchmark with its options, by the name that it is `called`. Returns an exit code. */
int bench_main(const char *called, int count, char **arguments);

#endif
