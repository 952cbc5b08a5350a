/* The kernels on the CPU, as access patterns: every word of memory holds a 64-bit hash of what it stands
 * for instead of a float, and sums are exact. An element that is missed, taken twice or taken from another
 * place changes the result, whatever its value. */
#ifndef TESTS_SIMULATE_H
#define TESTS_SIMULATE_H

#include <vknorm/vknorm.h>

#include "generate.h"
#include "schedule.h"

/* The last dispatch and item that touched a word; dispatch 0 is before the first. */
typedef struct SimAccess {
    uint32_t dispatch;
    uint32_t item;
} SimAccess;

typedef struct SimWord {
    uint64_t value;
    bool known;      /* false: undefined contents */
    uint32_t writes; /* by the kernels */
    SimAccess write;
    SimAccess read;
} SimWord;

typedef struct SimBuffer {
    SimWord *words;
    uint64_t count;
    uint64_t offset; /* bytes, of the buffer in what it is bound as */
} SimBuffer;

typedef struct Simulation {
    const VknSchedule *schedule;
    const VknCaps *caps;
    uint32_t subgroup_size;           /* that really runs, at most caps->max_subgroup_size */
    SimBuffer *roles[VKN_ROLE_COUNT]; /* in place: X and Y are the same */
    char fault[256];                  /* the first thing that went wrong, "" when nothing did */
    /* Of the dispatch that runs. */
    const VknStep *step;
    SimAccess now;
    uint32_t barrier; /* the last dispatch that is before the last barrier */
} Simulation;

/* What the kernels make of sums over elements. */
typedef struct SimMoments {
    uint64_t count;
    uint64_t sum;
} SimMoments;

/* A hash of up to three numbers. */
uint64_t sim_hash(uint64_t a, uint64_t b, uint64_t c);

uint64_t sim_mean(SimMoments m);
uint64_t sim_variance(SimMoments m);
uint64_t sim_variance_unbiased(SimMoments m);
uint64_t sim_inverse(uint64_t variance);
uint64_t sim_moved(uint64_t running, uint64_t batch);

/* Word 0 to 3 of a VknMoments. */
uint64_t sim_moments_word(SimMoments m, uint32_t word);

/* y, for what gamma is 1 and beta is 0 where they are absent. */
uint64_t sim_output(uint64_t x, uint64_t mean, uint64_t inverse, uint64_t gamma, uint64_t beta);

/* What kernels do to memory: element `index` of a binding, counted from its aligned beginning. */
uint64_t sim_load(Simulation *sim, uint32_t binding, uint32_t index);
void sim_store(Simulation *sim, uint32_t binding, uint32_t index, uint64_t value);
void sim_fault(Simulation *sim, const char *what, uint32_t binding, uint32_t index);

/* How far below an element its binding begins, in words: lib/bindings.c aligns it down. */
uint32_t sim_first_of(const Simulation *sim, uint32_t binding);

/* Runs all steps. What may not happen ends up in `fault`: an index outside its binding, four elements at an
 * unaligned place, an undeclared access, a word of the workspace read before it is written, and two accesses
 * of one word, one of them a write, by items of one dispatch or by dispatches without a barrier between. */
void sim_run(Simulation *sim);

/* Runs a schedule of `desc`, the description that it was made from, on memory of its own, and holds every
 * word against sums that are made element by element: outputs are written once, nothing else is written.
 * `y_is_x`: in place. Returns false, and why in `fault`, when something is wrong. */
bool sim_check(const VknSchedule *schedule, const VknCaps *caps, const VknDesc *desc, bool y_is_x,
               TestRandom *random, char fault[256]);

#endif
