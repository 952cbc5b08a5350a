/* How fast the library is on a device, against what the device can do at all. */
#define _GNU_SOURCE
#include "bench.h"

#include "../../samples/file.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Seconds; what the last cases need beside their samples comes on top. */
#define BUDGET 240

/* What it is called: a program, or a command of one. */
static const char *name;

static void print_usage(void) {
    printf("usage: %s [options]\n", name);
    fputs("\n"
          "Times the library on shapes of real networks, beside copies on the same device in the\n"
          "same rounds. What is not right by fp64 is not timed.\n"
          "\n"
          "  --suite NAME          one suite with all of its cases, or all; else a few cases of every suite\n"
          "  --case TEXT           those with this in their names, for example 64x128\n"
          "  --device NAME         a part of the device's name, or its number; else the first GPU\n"
          "  --strategy WHICH      chosen (by the planner), or all that are legal\n"
          "  --reproducible        and beside them a reproducible plan\n"
          "  --samples N           of each case, 5 to 100000 (30)\n"
          "  --seconds S           after which a case has enough with 5 samples (10)\n"
          "  --budget S            for all cases, which share what is left (240; any with --suite)\n"
          "  --json FILE           the results, with device, driver, commit and date\n"
          "  --plot FILE.svg       bandwidth over size\n"
          "  --onednn              oneDNN in the same rounds, where it has the operation\n"
          "  --help                prints this\n"
          "\n"
          "Suites:",
          stdout);
    for (uint32_t i = 0; bench_suite_name(i); i++)
        printf(" %s", bench_suite_name(i));
    puts("");
}

static bool parse_number(const char *text, double least, double most, const char *what, double *value) {
    char *end;
    *value = strtod(text, &end);
    if (*text && !*end && *value >= least && *value <= most)
        return true;
    fprintf(stderr, "%s: %s must be %g to %g, not \"%s\"\n", name, what, least, most, text);
    return false;
}

static bool parse_strategy(const char *text, bool *all) {
    *all = strcmp(text, "all") == 0;
    if (*all || strcmp(text, "chosen") == 0)
        return true;
    fprintf(stderr, "%s: --strategy must be chosen or all, not \"%s\"\n", name, text);
    return false;
}

static bool options_parse(BenchOptions *options, int count, char **arguments) {
    static const struct option names[] = {{"suite", required_argument, NULL, 'u'},
                                          {"case", required_argument, NULL, 'c'},
                                          {"device", required_argument, NULL, 'd'},
                                          {"strategy", required_argument, NULL, 's'},
                                          {"samples", required_argument, NULL, 'n'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"budget", required_argument, NULL, 'b'},
                                          {"json", required_argument, NULL, 'j'},
                                          {"plot", required_argument, NULL, 'p'},
                                          {"onednn", no_argument, NULL, 'o'},
                                          {"reproducible", no_argument, NULL, 'r'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    bool good = true;
    double number;
    for (int c; good && (c = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        switch (c) {
        case 'u':
            options->suite = optarg;
            break;
        case 'c':
            options->part = optarg;
            break;
        case 'd':
            options->device = optarg;
            break;
        case 's':
            good = parse_strategy(optarg, &options->all_strategies);
            break;
        case 'n':
            if ((good = parse_number(optarg, 5, 100000, "--samples", &number)))
                options->samples = (uint32_t)number;
            break;
        case 't':
            good = parse_number(optarg, 0, 1e6, "--seconds", &options->seconds);
            break;
        case 'b':
            good = parse_number(optarg, 0, 1e6, "--budget", &options->budget);
            break;
        case 'j':
            options->json = optarg;
            break;
        case 'p':
            options->plot = optarg;
            break;
        case 'o':
            options->onednn = true;
            break;
        case 'r':
            options->reproducible = true;
            break;
        case 'h':
            print_usage();
            exit(0);
        default: /* getopt_long() has named the option. */
            fprintf(stderr, "%s: see --help\n", name);
            good = false;
        }
    }
    if (good && optind < count) {
        fprintf(stderr, "%s: what is \"%s\"? See --help\n", name, arguments[optind]);
        good = false;
    }
    const char *const files[] = {options->json, options->plot};
    for (int i = 0; i < 2 && good; i++)
        if (files[i] && !(good = file_can_write(files[i])))
            fprintf(stderr, "%s: %s: %s\n", name, files[i], strerror(errno));
    if (good && options->onednn && !*bench_onednn_version()) {
        fprintf(
            stderr,
            "%s: it was built without oneDNN, which build/tests/bench has where libdnnl-dev is installed\n",
            name);
        good = false;
    }
    return good;
}

static int run(const BenchOptions *options, BenchRig *rig, const BenchCase *cases, uint32_t case_count) {
    BenchResult *results = calloc((size_t)case_count * BENCH_MOST_STRATEGIES, sizeof *results);
    BenchRun bench_run = {options, vkn_runtime_info(rig->runtime), rig->cache, results, 0};
    int status = 0;
    if (!results) {
        fprintf(stderr, "%s: no memory\n", name);
        return 1;
    }
    bench_table_head(&bench_run);
    double end = bench_clock() + options->budget;
    for (uint32_t i = 0; i < case_count; i++) {
        BenchResult *first = &results[bench_run.count];
        BenchOptions of_case = *options;
        double share = (end - bench_clock()) / (case_count - i);
        of_case.seconds = share < options->seconds ? share : options->seconds;
        uint32_t count = bench_measure(rig, &of_case, &cases[i], first);
        for (uint32_t j = 0; j < count; j++) {
            bench_table_row(&first[j]);
            status |= *first[j].failure != 0;
        }
        status |= count == 0;
        bench_run.count += count;
    }
    bench_table_foot(&bench_run);
    if (options->json && !bench_json_write(&bench_run, options->json)) {
        fprintf(stderr, "%s: %s cannot be written\n", name, options->json);
        status = 1;
    }
    if (options->plot && !bench_plot_write(&bench_run, options->plot)) {
        fprintf(stderr, "%s: %s cannot be written\n", name, options->plot);
        status = 1;
    }
    free(results);
    return status;
}

/* Keeps the cases that are meant; returns how many. */
static uint32_t choose(BenchCase *cases, uint32_t count, const char *part) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!part || strstr(cases[i].name, part))
            cases[kept++] = cases[i];
    return kept;
}

int bench_main(const char *called, int count, char **arguments) {
    name = called;
    BenchOptions options = {.samples = 30, .seconds = 10, .budget = -1};
    if (!options_parse(&options, count, arguments))
        return 2;
    if (options.budget < 0)
        options.budget = options.suite ? HUGE_VAL : BUDGET;
    uint32_t case_count;
    BenchCase *cases = bench_suite(options.suite, &case_count);
    if (!cases) {
        fprintf(stderr, "%s: there is no suite \"%s\", see --help\n", name,
                options.suite ? options.suite : "");
        return 2;
    }
    case_count = choose(cases, case_count, options.part);
    if (!case_count) {
        fprintf(stderr, "%s: no case of the suite has \"%s\" in its name\n", name, options.part);
        free(cases);
        return 2;
    }
    BenchRig *rig = bench_rig_create(options.device);
    int status = rig ? run(&options, rig, cases, case_count) : 1;
    bench_rig_destroy(rig);
    free(cases);
    return status;
}
