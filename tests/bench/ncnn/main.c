/* How many times faster the library is than ncnn: options, table, JSON. */
#define _GNU_SOURCE
#include "bench_ncnn.h"
#include "peer.h"

#include "../../../samples/file.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define MOST_CASES 32

typedef struct Options {
    const char *device, *json, *part;
    uint32_t samples;
} Options;

static const char USAGE[] =
    "usage: bench_ncnn [options]\n"
    "\n"
    "Times the library beside ncnn's own Vulkan layers: batch 1, f32, tensors of the device's, from\n"
    "submission to completion, in the same rounds. What is not the same is not timed.\n"
    "\n"
    "  --device NAME     a part of the device's name, or its number; ncnn's must be the same\n"
    "  --case TEXT       those with this in their names or operations, for example \"layer\"\n"
    "  --samples N       of each case, 5 to 100000 (60)\n"
    "  --json FILE       the results, with device, driver, commit, date and ncnn's version\n"
    "  --help            prints this\n";

static bool options_parse(Options *options, int count, char **arguments) {
    static const struct option names[] = {
        {"device", required_argument, NULL, 'd'},  {"case", required_argument, NULL, 'c'},
        {"samples", required_argument, NULL, 'n'}, {"json", required_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},          {0}};
    for (int c; (c = getopt_long(count, arguments, "", names, NULL)) != -1;) {
        char *end = "";
        if (c == 'h') {
            fputs(USAGE, stdout);
            exit(0);
        }
        options->device = c == 'd' ? optarg : options->device;
        options->part = c == 'c' ? optarg : options->part;
        options->json = c == 'j' ? optarg : options->json;
        if (c == 'n')
            options->samples = (uint32_t)strtoul(optarg, &end, 10);
        if (c == '?' || *end || options->samples < 5 || options->samples > 100000) {
            fprintf(stderr, "bench_ncnn: see --help\n");
            return false;
        }
    }
    if (optind < count)
        fprintf(stderr, "bench_ncnn: what is \"%s\"? See --help\n", arguments[optind]);
    else if (options->json && !file_can_write(options->json))
        fprintf(stderr, "bench_ncnn: %s: %s\n", options->json, strerror(errno));
    else
        return true;
    return false;
}

static double target_of(const NcnnCase *c, const VknRuntimeInfo *info) {
    return strstr(info->device_name, "SwiftShader") ? c->swiftshader : c->lavapipe;
}

static void print_head(const VknRuntimeInfo *info, uint32_t samples) {
    printf("%s (%s %s), ncnn %s, %u samples of a case\n", info->device_name, info->driver_name,
           info->driver_info, bench_ncnn_version(), samples);
    puts("us: medians, with y in memory of its own, and in place, as ncnn does; pack: rows or channels\n"
         "that ncnn packs; faster: its time by ours, median over the rounds; differ: largest difference\n"
         "of the results, as a share of the largest element\n\n"
         "case        operation  disp       us in place pack  ncnn us faster in place target  differ");
}

static void print_row(const NcnnCase *c, const NcnnResult *r, double target) {
    printf("%-11s %-10s", c->name, c->operation);
    if (*r->failure) {
        printf(" FAILED: %s\n", r->failure);
        return;
    }
    printf("%5u %8.1f %8.1f %4d %8.1f %6.2f %8.2f", r->dispatches, 1e6 * r->seconds[NCNN_APART].median,
           1e6 * r->seconds[NCNN_IN_PLACE].median, r->packing, 1e6 * r->ncnn.median, r->faster[NCNN_APART],
           r->faster[NCNN_IN_PLACE]);
    target > 0 ? printf("%7.1f", target) : printf("      -");
    printf("  %.1e\n", r->difference);
    fflush(stdout);
}

static void write_spread(FILE *file, const char *key, const BenchSpread *s) {
    fprintf(file, ", \"%s\": [%.1f, %.1f, %.1f]", key, 1e6 * s->low, 1e6 * s->median, 1e6 * s->high);
}

static bool write_json(const Options *options, const VknRuntimeInfo *info, const NcnnCase *const *cases,
                       const NcnnResult *results, uint32_t count) {
    FILE *file = bench_json_open(options->json, info, "ncnn", bench_ncnn_version());
    if (!file)
        return false;
    fprintf(file, ",\n \"samples\": %u,\n \"results\": [\n", options->samples);
    for (uint32_t i = 0; i < count; i++) {
        const NcnnResult *r = &results[i];
        fprintf(file, "  {\"case\": \"%s\", \"operation\": \"%s\", \"ncnn_layer\": \"%s\"", cases[i]->name,
                cases[i]->operation, cases[i]->type);
        if (*r->failure) {
            fprintf(file, ", \"failure\": \"%s\"", r->failure);
        } else {
            fprintf(file, ", \"ncnn_packing\": %d, \"dispatches\": %u,\n   \"differ\": %.1e", r->packing,
                    r->dispatches, r->difference);
            write_spread(file, "us", &r->seconds[NCNN_APART]);
            write_spread(file, "in_place_us", &r->seconds[NCNN_IN_PLACE]);
            write_spread(file, "ncnn_us", &r->ncnn);
            fprintf(file, ",\n   \"faster\": %.3f, \"in_place_faster\": %.3f", r->faster[NCNN_APART],
                    r->faster[NCNN_IN_PLACE]);
            if (target_of(cases[i], info) > 0)
                fprintf(file, ", \"target\": %.1f", target_of(cases[i], info));
        }
        fprintf(file, i + 1 < count ? "},\n" : "}\n");
    }
    fprintf(file, " ]}\n");
    return fclose(file) == 0;
}

static int run(const Options *options, BenchRig *rig) {
    const VknRuntimeInfo *info = vkn_runtime_info(rig->runtime);
    const NcnnCase *cases[MOST_CASES], *c;
    NcnnResult results[MOST_CASES];
    uint32_t count = 0, aimed = 0, reached = 0, failed = 0;
    print_head(info, options->samples);
    for (uint32_t i = 0; count < MOST_CASES && (c = ncnn_case(i)); i++) {
        if (options->part && !strstr(c->name, options->part) && !strstr(c->operation, options->part))
            continue;
        double target = target_of(c, info);
        results[count] = ncnn_measure(rig, c, options->samples);
        print_row(c, &results[count], target);
        failed += *results[count].failure != 0;
        aimed += target > 0;
        reached += target > 0 && results[count].faster[NCNN_APART] >= target;
        cases[count++] = c;
    }
    printf("\n%u of %u targets reached, %u failed\n", reached, aimed, failed);
    if (options->json && !write_json(options, info, cases, results, count)) {
        fprintf(stderr, "bench_ncnn: %s cannot be written\n", options->json);
        return 1;
    }
    return failed != 0;
}

/* Why the two cannot be compared, NULL if they can. */
static const char *obstacle(const BenchRig *rig, const char *ncnn_device) {
    if (!ncnn_device)
        return "ncnn finds no Vulkan device";
    if (!rig)
        return "no device"; /* the log has said why */
    if (strcmp(vkn_runtime_info(rig->runtime)->device_name, ncnn_device) != 0)
        return "ncnn takes another device; VK_DRIVER_FILES can leave one to both";
    if (vkn_runtime_info(rig->runtime)->gpu)
        return "not on GPUs, where one time would be the device's and the other the host's";
    return NULL;
}

int main(int count, char **arguments) {
    Options options = {.samples = 60};
    if (!options_parse(&options, count, arguments))
        return 2;
    const char *device = bench_ncnn_open();
    BenchRig *rig = bench_rig_create(options.device);
    const char *why = obstacle(rig, device);
    int status = 3;
    if (why)
        fprintf(stderr, "bench_ncnn: %s\n", why);
    else
        status = run(&options, rig);
    bench_rig_destroy(rig);
    bench_ncnn_close();
    return status;
}
