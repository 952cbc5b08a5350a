/* Compiles the library's pipelines for GPUs that are not here: RADV without hardware, for several families,
 * by both of its compilers, with subgroups of 32 and 64. Each target has a child process, as drivers crash
 * and hang: that is a FAILED line, and the next child goes on behind it. Nothing may spill registers, use
 * scratch memory, or more shared memory than the weakest device has; and no kernel may grow beyond what is
 * known of it, tests/compile.txt. */
#define _POSIX_C_SOURCE 200809L /* fork, poll */
#include "compile_device.h"
#include "compile_table.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct Options {
    uint32_t every;    /* one pipeline in how many */
    uint32_t jobs;     /* children at once */
    const char *only;  /* part of a target's name, or NULL */
    const char *table; /* path */
    bool update;
} Options;

/* What a child tells: first of the driver, then of each item, in order. */
typedef struct Message {
    bool fine;
    char text[256]; /* the driver, or why not */
    CompileFacts facts;
} Message;

typedef struct Job {
    const CompileTarget *target;
    pid_t child;
    int pipe;
    bool opened;   /* the child has told of the driver */
    uint32_t next; /* item */
    double asked, seconds;
    uint64_t passed, failed, skipped;
    CompileFacts most;
} Job;

static CompileList list;
static CompileTable table;
static bool all; /* items for all targets */

/* The first item from `i` on that a target takes. LLVM takes most of the time: each family gets half of the
 * items in subgroups of 32 and half of them in subgroups of 64, the next family the other way round. */
static uint32_t item_from(const CompileTarget *target, uint32_t i) {
    uint32_t number = (uint32_t)(target - compile_targets), turn = (number + number / 4) % 2;
    return target->llvm && !all && i % 2 != turn && i < list.count ? i + 1 : i;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* -------------------------------------------------------------------------------------------- child */

static void tell(int pipe, const Message *message) {
    if (write(pipe, message, sizeof *message) != (ssize_t)sizeof *message)
        _exit(1);
}

static void run_child(const Job *job, int pipe) {
    Message message = {.fine = false};
    char error[256];
    CompileDevice *device = compile_device_open(job->target, message.text, error);
    message.fine = device != NULL;
    if (!device)
        snprintf(message.text, sizeof message.text, "%s", error);
    tell(pipe, &message);
    for (uint32_t i = job->next; device && i < list.count; i = item_from(job->target, i + 1)) {
        message.fine = compile_device_run(device, &list.items[i], &message.facts, message.text);
        tell(pipe, &message);
    }
    _exit(0);
}

static bool start_child(Job *job) {
    int ends[2];
    fflush(NULL);
    if (pipe(ends))
        return false;
    job->child = fork();
    if (job->child == 0) {
        close(ends[0]);
        run_child(job, ends[1]);
    }
    close(ends[1]);
    job->pipe = ends[0];
    job->opened = false;
    job->asked = now();
    return job->child > 0;
}

/* ------------------------------------------------------------------------------------------- parent */

static void fail(Job *job, const char *why) {
    char text[512] = "the driver";
    if (job->opened && job->next < list.count)
        compile_item_describe(&list.items[job->next], text, sizeof text);
    printf("FAILED %s: %s: %s\n", job->target->name, text, why);
    job->failed++;
}

/* Holds the facts of an item against what every pipeline must be. */
static void check_facts(Job *job, const CompileFacts *facts) {
    const uint32_t *value = facts->value;
    const uint32_t shared = compile_caps[COMPILE_WEAKEST].caps.max_shared_bytes;
    char why[256];
    snprintf(why, sizeof why, "%u SGPRs and %u VGPRs are spilled, %u bytes scratch, %u of %u bytes shared",
             value[FACT_SPILLED_SGPRS], value[FACT_SPILLED_VGPRS], value[FACT_SCRATCH], value[FACT_LDS],
             shared);
    /* LLVM 15 spills: SGPRs to lanes of VGPRs, with scratch memory that no instruction touches, and on
     * gfx1100 a few VGPRs. RADV does not use it unless told to, so it is the table that limits those. */
    bool spills = value[FACT_SPILLED_SGPRS] || value[FACT_SPILLED_VGPRS] || value[FACT_SCRATCH];
    if (value[FACT_LDS] > shared || (spills && !job->target->llvm))
        fail(job, why);
    else
        job->passed++;
    for (uint32_t fact = 0; fact < FACT_COUNT; fact++)
        if (value[fact] > job->most.value[fact])
            job->most.value[fact] = value[fact];
    compile_table_add(&table, (uint32_t)(job->target - compile_targets), list.items[job->next].step.kernel,
                      facts);
}

/* Takes one message; false when the child is done with. */
static bool receive(Job *job) {
    Message message;
    size_t have = 0;
    ssize_t got;
    while (have < sizeof message &&
           (got = read(job->pipe, (char *)&message + have, sizeof message - have)) > 0)
        have += (size_t)got;
    if (have < sizeof message)
        return false;
    job->asked = now();
    if (!job->opened) {
        const char *broken = job->target->broken;
        job->opened = message.fine;
        if (!message.fine) {
            fail(job, message.text);
        } else if (broken && strncmp(message.text, broken, strlen(broken)) == 0) {
            printf("%s is skipped: %s crashes there\n", job->target->name, broken);
            job->skipped += list.count;
            job->next = list.count;
        }
        if (message.fine)
            snprintf(table.driver, sizeof table.driver, "%.63s", message.text);
        return job->opened && job->next < list.count;
    }
    if (message.fine)
        check_facts(job, &message.facts);
    else
        fail(job, message.text);
    job->next = item_from(job->target, job->next + 1);
    return job->next < list.count;
}

enum { PATIENCE = 120 }; /* seconds for one pipeline */

/* Ends a child; true when another one has taken its place. */
static bool end_child(Job *job, bool hung) {
    int status = 0;
    char why[64];
    bool opened = job->opened;
    if (hung)
        kill(job->child, SIGKILL);
    close(job->pipe);
    waitpid(job->child, &status, 0);
    job->child = 0;
    if (opened && job->next < list.count) {
        snprintf(why, sizeof why,
                 hung ? "no answer in %d seconds" : "the driver ended the process, signal %d",
                 hung ? PATIENCE : WTERMSIG(status));
        fail(job, why);
        job->next = item_from(job->target, job->next + 1);
    } else if (!opened && WIFSIGNALED(status)) {
        fail(job, "the driver ended the process");
    }
    return opened && job->next < list.count && start_child(job);
}

static void run_jobs(Job *jobs, uint32_t count, uint32_t most) {
    uint32_t started = 0, running = 0;
    while (started < count || running) {
        while (started < count && running < most) {
            jobs[started].seconds = now();
            running += start_child(&jobs[started++]);
        }
        struct pollfd ends[COMPILE_TARGET_COUNT];
        for (uint32_t i = 0; i < started; i++)
            ends[i] = (struct pollfd){.fd = jobs[i].child ? jobs[i].pipe : -1, .events = POLLIN};
        poll(ends, started, 1000);
        for (uint32_t i = 0; i < started; i++) {
            Job *job = &jobs[i];
            bool hung = job->child && now() - job->asked > PATIENCE;
            if (!job->child || !(ends[i].revents || hung) || (!hung && receive(job)) || end_child(job, hung))
                continue;
            job->seconds = now() - job->seconds;
            running--;
        }
    }
}

/* ------------------------------------------------------------------------------------------- report */

static void print_jobs(const Job *jobs, uint32_t count) {
    printf("\n%-18s %9s %6s   most: %5s %5s %6s %6s %7s %6s %6s %12s %7s\n", "target", "pipelines", "failed",
           "SGPRs", "VGPRs", "spill", "spill", "scratch", "shared", "code", "instructions", "seconds");
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t *most = jobs[i].most.value;
        printf("%-18s %9" PRIu64 " %6" PRIu64 "         %5u %5u %6u %6u %7u %6u %6u %12u %7.0f\n",
               jobs[i].target->name, jobs[i].passed + jobs[i].failed + jobs[i].skipped, jobs[i].failed,
               most[FACT_SGPRS], most[FACT_VGPRS], most[FACT_SPILLED_SGPRS], most[FACT_SPILLED_VGPRS],
               most[FACT_SCRATCH], most[FACT_LDS], most[FACT_CODE], most[FACT_INSTRUCTIONS], jobs[i].seconds);
    }
}

/* What the path of the weakest device asks for, against what Vulkan promises (8 storage buffers are ours). */
static uint32_t check_weakest(void) {
    uint64_t ask[] = {0, 0, sizeof(VknPush), 0, 0};
    static const struct {
        const char *name;
        uint64_t most;
    } LIMITS[] = {{"invocations per workgroup", 128},
                  {"storage buffers", VKN_BINDING_LEAST},
                  {"bytes of push constants", 128},
                  {"bytes of a storage buffer", 1u << 27},
                  {"workgroups", 65535}};
    uint32_t failed = 0;
    for (uint32_t i = 0; i < list.count; i++) {
        const VknStep *step = &list.items[i].step;
        if (list.items[i].caps != COMPILE_WEAKEST)
            continue;
        ask[0] = vkn_max(ask[0], step->spec[VKN_SPEC_LOCAL_SIZE - 1]);
        ask[1] = vkn_max(ask[1], step->binding_count);
        for (uint32_t b = 0; b < step->binding_count; b++)
            ask[3] = vkn_max(ask[3], step->binding[b].size);
        ask[4] = vkn_max(ask[4], step->group_count);
    }
    printf("\nthe weakest path asks for\n");
    for (size_t i = 0; i < sizeof ask / sizeof *ask; i++) {
        printf("  %8" PRIu64 " of %9" PRIu64 " %s\n", ask[i], LIMITS[i].most, LIMITS[i].name);
        failed += ask[i] == 0 || ask[i] > LIMITS[i].most;
    }
    return failed;
}

static bool parse(int argc, char **argv, Options *options) {
    *options = (Options){.every = 300, .jobs = 2, .table = "tests/compile.txt"};
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--long") == 0)
            options->every = 10, all = true;
        else if (strcmp(argv[i], "--update") == 0)
            options->update = true;
        else if (more && strcmp(argv[i], "--every") == 0)
            options->every = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (more && strcmp(argv[i], "--jobs") == 0)
            options->jobs = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (more && strcmp(argv[i], "--only") == 0)
            options->only = argv[++i];
        else if (more && strcmp(argv[i], "--table") == 0)
            options->table = argv[++i];
        else
            options->every = 0;
    }
    if (options->every && options->jobs)
        return true;
    fprintf(stderr,
            "usage: %s [--long] [--every N] [--jobs N] [--only TARGET] [--table FILE] [--update]\n"
            "  --every N      one pipeline in N, beside one of each kind (300, --long 10)\n"
            "  --jobs N       processes at once (2)\n"
            "  --only TARGET  targets with this in their name, for example navi21 or llvm\n"
            "  --table FILE   what is known (tests/compile.txt)\n"
            "  --update       writes the table\n",
            argv[0]);
    return false;
}

int main(int argc, char **argv) {
    Options options;
    Job jobs[COMPILE_TARGET_COUNT] = {0};
    uint32_t count = 0;
    uint64_t passed = 0, failed = 0, skipped = 0;
    if (!parse(argc, argv, &options))
        return 2;
    if (!compile_list_make(options.every, &list))
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%u pipelines of %" PRIu64 " plans\n", list.count, list.plans);
    for (uint32_t i = 0; i < COMPILE_TARGET_COUNT; i++) {
        jobs[count].target = &compile_targets[i];
        jobs[count].next = item_from(jobs[count].target, 0);
        count += !options.only || strstr(compile_targets[i].name, options.only);
    }
    run_jobs(jobs, count, options.jobs);
    print_jobs(jobs, count);
    for (uint32_t i = 0; i < count; i++) {
        passed += jobs[i].passed;
        failed += jobs[i].failed;
        skipped += jobs[i].skipped;
    }
    failed += check_weakest();
    table.every = options.every;
    CompileTable known;
    if (options.update)
        failed += !compile_table_write(options.table, &table);
    else if (!compile_table_read(options.table, &known))
        failed++;
    else if (known.every == table.every)
        failed += compile_table_compare(&table, &known);
    else
        printf("the table is of one pipeline in %" PRIu32 ", so these are not compared\n", known.every);
    printf("%" PRIu64 " passed, %" PRIu64 " failed, %" PRIu64 " skipped\n", passed, failed, skipped);
    compile_list_free(&list);
    return failed != 0;
}
