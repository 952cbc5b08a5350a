/* oneDNN's batch normalization of NCHW, forward for training with the ReLU inside, and backward. Its threads
 * are as many as the machine has cores, which is what software renderers take, too. */
#define _GNU_SOURCE
#include "bench.h"

#ifdef BENCH_ONEDNN

#include <oneapi/dnnl/dnnl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DATA, MEAN, VARIANCE, SCALE, RESULT, WORKSPACE, DIFF, DIFF_RESULT, DIFF_SCALE, MEMORY_COUNT };

struct BenchOnednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t forward_desc, backward_desc;
    dnnl_primitive_t forward, backward;
    dnnl_memory_t memory[MEMORY_COUNT];
    bool is_backward;
};

/* Threads of OpenMP spin for a while after their work; this is longer. */
static void let_threads_sleep(void) {
    nanosleep(&(struct timespec){0, 8000000}, NULL);
}

static bool memory_create(BenchOnednn *o, int which, const dnnl_memory_desc_t *desc, const VknDesc *vkn,
                          VknRole role) {
    float *data;
    if (dnnl_memory_create(&o->memory[which], desc, o->engine, DNNL_MEMORY_ALLOCATE) ||
        dnnl_memory_get_data_handle(o->memory[which], (void **)&data))
        return false;
    size_t size = dnnl_memory_desc_get_size(desc);
    memset(data, 0, size);
    for (size_t i = 0; role != VKN_ROLE_WORKSPACE && i < size / sizeof *data; i++)
        data[i] = (float)bench_value(vkn, role, i);
    return true;
}

static bool run_primitive(BenchOnednn *o, bool backward) {
    const int forward_arguments[] = {DNNL_ARG_SRC,      DATA,     DNNL_ARG_MEAN,        MEAN,
                                     DNNL_ARG_VARIANCE, VARIANCE, DNNL_ARG_SCALE_SHIFT, SCALE,
                                     DNNL_ARG_DST,      RESULT,   DNNL_ARG_WORKSPACE,   WORKSPACE};
    const int backward_arguments[] = {DNNL_ARG_SRC,
                                      DATA,
                                      DNNL_ARG_MEAN,
                                      MEAN,
                                      DNNL_ARG_VARIANCE,
                                      VARIANCE,
                                      DNNL_ARG_SCALE_SHIFT,
                                      SCALE,
                                      DNNL_ARG_DIFF_DST,
                                      DIFF,
                                      DNNL_ARG_DIFF_SRC,
                                      DIFF_RESULT,
                                      DNNL_ARG_DIFF_SCALE_SHIFT,
                                      DIFF_SCALE,
                                      DNNL_ARG_WORKSPACE,
                                      WORKSPACE};
    const int *list = backward ? backward_arguments : forward_arguments;
    int count =
        (int)(backward ? sizeof backward_arguments : sizeof forward_arguments) / (int)sizeof *list / 2;
    dnnl_exec_arg_t arguments[8];
    for (int i = 0; i < count; i++)
        arguments[i] = (dnnl_exec_arg_t){list[2 * i], o->memory[list[2 * i + 1]]};
    return !dnnl_primitive_execute(backward ? o->backward : o->forward, o->stream, count, arguments) &&
           !dnnl_stream_wait(o->stream);
}

static bool create(BenchOnednn *o, const VknDesc *desc) {
    dnnl_memory_desc_t tensor, channels, scales;
    dnnl_batch_normalization_desc_t operation;
    dnnl_dims_t shape;
    unsigned flags = dnnl_use_scaleshift | dnnl_fuse_norm_relu;
    for (int i = 0; i < 4; i++)
        shape[i] = (dnnl_dim_t)desc->shape[i];
    const dnnl_dims_t channel_shape = {shape[1]}, scale_shape = {2, shape[1]};
    if (dnnl_engine_create(&o->engine, dnnl_cpu, 0) ||
        dnnl_stream_create(&o->stream, o->engine, dnnl_stream_default_flags) ||
        dnnl_memory_desc_init_by_tag(&tensor, 4, shape, dnnl_f32, dnnl_nchw) ||
        dnnl_memory_desc_init_by_tag(&channels, 1, channel_shape, dnnl_f32, dnnl_a) ||
        dnnl_memory_desc_init_by_tag(&scales, 2, scale_shape, dnnl_f32, dnnl_ab) ||
        dnnl_batch_normalization_forward_desc_init(&operation, dnnl_forward_training, &tensor, desc->epsilon,
                                                   flags) ||
        dnnl_primitive_desc_create(&o->forward_desc, &operation, NULL, o->engine, NULL) ||
        dnnl_primitive_create(&o->forward, o->forward_desc) ||
        dnnl_batch_normalization_backward_desc_init(&operation, dnnl_backward, &tensor, &tensor,
                                                    desc->epsilon, flags) ||
        dnnl_primitive_desc_create(&o->backward_desc, &operation, NULL, o->engine, o->forward_desc) ||
        dnnl_primitive_create(&o->backward, o->backward_desc))
        return false;
    const dnnl_memory_desc_t *workspace =
        dnnl_primitive_desc_query_md(o->forward_desc, dnnl_query_workspace_md, 0);
    return memory_create(o, DATA, &tensor, desc, VKN_ROLE_X) &&
           memory_create(o, RESULT, &tensor, desc, VKN_ROLE_WORKSPACE) &&
           memory_create(o, DIFF, &tensor, desc, VKN_ROLE_DY) &&
           memory_create(o, DIFF_RESULT, &tensor, desc, VKN_ROLE_WORKSPACE) &&
           memory_create(o, MEAN, &channels, desc, VKN_ROLE_MEAN) &&
           memory_create(o, VARIANCE, &channels, desc, VKN_ROLE_VARIANCE) &&
           memory_create(o, SCALE, &scales, desc, VKN_ROLE_GAMMA) &&
           memory_create(o, DIFF_SCALE, &scales, desc, VKN_ROLE_WORKSPACE) &&
           memory_create(o, WORKSPACE, workspace, desc, VKN_ROLE_WORKSPACE) && run_primitive(o, false);
}

BenchOnednn *bench_onednn_create(const BenchCase *bench_case) {
    const VknDesc *desc = &bench_case->desc;
    if (!bench_case->planes || strcmp(bench_case->type, "f32") != 0 ||
        desc->activation.id != VKN_ACTIVATION_RELU || bench_case->operation == BENCH_INFER ||
        desc->roles & VKN_ROLE_BIT(VKN_ROLE_RESIDUAL))
        return NULL;
    BenchOnednn *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->is_backward = bench_case->operation == BENCH_GRADIENT;
    if (create(o, desc))
        return o;
    fprintf(stderr, "oneDNN refuses %s\n", bench_case->name);
    bench_onednn_destroy(o);
    return NULL;
}

void bench_onednn_destroy(BenchOnednn *o) {
    if (!o)
        return;
    for (int i = 0; i < MEMORY_COUNT; i++)
        dnnl_memory_destroy(o->memory[i]);
    dnnl_primitive_destroy(o->backward);
    dnnl_primitive_destroy(o->forward);
    dnnl_primitive_desc_destroy(o->backward_desc);
    dnnl_primitive_desc_destroy(o->forward_desc);
    dnnl_stream_destroy(o->stream);
    dnnl_engine_destroy(o->engine);
    free(o);
}

double bench_onednn_run(BenchOnednn *o) {
    double start = bench_clock();
    bool ran = run_primitive(o, o->is_backward);
    double seconds = bench_clock() - start;
    let_threads_sleep();
    return ran ? seconds : -1;
}

const char *bench_onednn_version(void) {
    static char version[32];
    const dnnl_version_t *v = dnnl_version();
    snprintf(version, sizeof version, "%d.%d.%d", v->major, v->minor, v->patch);
    return version;
}

#else

BenchOnednn *bench_onednn_create(const BenchCase *bench_case) {
    (void)bench_case;
    return NULL;
}

void bench_onednn_destroy(BenchOnednn *onednn) {
    (void)onednn;
}

double bench_onednn_run(BenchOnednn *onednn) {
    (void)onednn;
    return -1;
}

const char *bench_onednn_version(void) {
    return "";
}

#endif
