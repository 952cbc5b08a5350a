#ifndef TRAIN_OPTIONS_H
#define TRAIN_OPTIONS_H

#include "engine.h"

typedef struct Options {
    const Model *model; /* NULL: all */
    const char *data;   /* NULL: what the model learns from by default */
    uint32_t epochs, batch;
    bool has_optimizer, has_rate; /* else those of the model */
    Optimizer optimizer;
    uint64_t seed;
    double expect;    /* accuracy; 0: any */
    const char *plot; /* NULL: none */
    bool compare;
    const char *device; /* NULL: gpu_open() chooses */
    bool validation;
    const char *golden; /* NULL: train */
    bool summary;       /* and no more */
} Options;

/* Ends the program where the arguments ask for it or are wrong. */
Options options_parse(int argc, char **argv);

#endif
