/* Table and JSON. */
#define _GNU_SOURCE
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const TABLE_HEAD = "case                    operation    type strategy           disp bar "
                                      " cold us warm us rec us     GPU us "
                                      "spread   GB/s in    /copy /shader target";

static double percent_spread(const BenchSpread *s) {
    return 50 * (s->high - s->low) / s->median;
}

void bench_table_head(const BenchRun *run) {
    printf("%s (%s %s), time from %s\n", run->info->device_name, run->info->driver_name,
           run->info->driver_info,
           run->info->gpu && run->info->timestamps ? "timestamps" : "submission to fence");
    printf("last-level cache %llu MiB; %u samples of a case after a warm-up, or %g s",
           (unsigned long long)run->cache >> 20, run->options->samples, run->options->seconds);
    if (isfinite(run->options->budget))
        printf("; %g s for all cases", run->options->budget);
    puts("");
    puts("cold, warm: vkn_plan_create() without and with pipelines; rec: recording, per dispatch");
    puts("GPU us: median, spread: half the distance of the quartiles; GB/s: least bytes / median time");
    puts("in: do the rotating buffers fit into the cache; /copy, /shader: share of the bandwidth of");
    puts("vkCmdCopyBuffer and of the best copy shader in the same rounds; target: of /shader, on GPUs of "
         "/copy");
    printf("\n%s%s\n", TABLE_HEAD, run->options->onednn ? " oneDNN" : "");
}

static void print_share(double share) {
    share > 0 ? printf(" %6.2f", share) : printf("      -");
}

void bench_table_row(const BenchResult *r) {
    printf("%-23s %-12s %-4s %-18s%c", r->bench_case->name, bench_operation_name(r->bench_case->operation),
           r->bench_case->type, r->strategy, r->chosen ? '*' : ' ');
    if (*r->failure) {
        printf(" FAILED: %s\n", r->failure);
    } else {
        printf("%3u %3u %8.0f %7.1f %6.2f %10.1f %5.0f%% %6.2f %-5s", r->dispatches, r->barriers,
               1e6 * r->plan_cold, 1e6 * r->plan_warm, 1e6 * r->record, 1e6 * r->seconds.median,
               percent_spread(&r->seconds), 1e-9 * (double)r->bytes / r->seconds.median,
               r->cached ? "cache" : "RAM");
        print_share(r->of_buffer);
        printf(" ");
        print_share(r->of_shader);
        print_share(r->target);
        if (r->of_onednn > 0)
            printf(" %5.2fx", r->of_onednn);
        printf("\n");
    }
    fflush(stdout);
}

void bench_table_foot(const BenchRun *run) {
    uint32_t failed = 0, aimed = 0, reached = 0;
    double record = 0, warm = 0;
    for (const BenchResult *r = run->results; r < run->results + run->count; r++) {
        failed += *r->failure != 0;
        if (*r->failure || !r->chosen)
            continue;
        aimed += r->target > 0;
        reached += r->target > 0 && (run->info->gpu ? r->of_buffer : r->of_shader) >= r->target;
        record = r->record > record ? r->record : record;
        warm = r->plan_warm > warm ? r->plan_warm : warm;
    }
    printf("\n* the planner's choice: %u of %u targets reached; recording at most %.2f us per dispatch "
           "(target 1.00), a warm plan at most %.1f us; %u failed\n",
           reached, aimed, 1e6 * record, 1e6 * warm, failed);
}

/* --------------------------------------------------------------------------------------------- JSON */

static void write_string(FILE *file, const char *key, const char *value) {
    fprintf(file, "\"%s\": \"", key);
    for (; *value; value++)
        if ((unsigned char)*value < ' ')
            fprintf(file, "\\u%04x", (unsigned)(unsigned char)*value);
        else
            fprintf(file, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
    fprintf(file, "\"");
}

/* The commit that is checked out where the program runs. */
static void write_commit(FILE *file) {
    char commit[64] = "";
    FILE *git = popen("git describe --always --dirty --abbrev=12 2>/dev/null", "r");
    if (git) {
        if (!fgets(commit, sizeof commit, git))
            commit[0] = '\0';
        pclose(git);
    }
    commit[strcspn(commit, "\n")] = '\0';
    write_string(file, "commit", *commit ? commit : "unknown");
}

static void write_result(FILE *file, const BenchResult *r) {
    fprintf(file, "  {");
    write_string(file, "suite", r->bench_case->suite);
    fprintf(file, ", ");
    write_string(file, "case", r->bench_case->name);
    fprintf(file, ", ");
    write_string(file, "operation", bench_operation_name(r->bench_case->operation));
    fprintf(file, ", ");
    write_string(file, "type", r->bench_case->type);
    fprintf(file, ", ");
    write_string(file, "activation", r->bench_case->activation);
    fprintf(file, ", ");
    write_string(file, "strategy", r->strategy);
    fprintf(file, ", \"chosen\": %s, ", r->chosen ? "true" : "false");
    if (*r->failure) {
        write_string(file, "failure", r->failure);
        fprintf(file, "}");
        return;
    }
    fprintf(file,
            "\"dispatches\": %u, \"barriers\": %u, \"plan_cold_us\": %.1f, \"plan_warm_us\": %.2f, "
            "\"record_us_per_dispatch\": %.3f,\n   \"bytes\": %llu, \"cached\": %s, \"samples\": %u, "
            "\"gpu_us\": [%.1f, %.1f, %.1f], \"gb_per_s\": %.3f, \"copy_buffer_gb_per_s\": %.3f, "
            "\"copy_shader_gb_per_s\": %.3f,\n   \"of_copy_buffer\": %.3f, \"of_copy_shader\": %.3f, ",
            r->dispatches, r->barriers, 1e6 * r->plan_cold, 1e6 * r->plan_warm, 1e6 * r->record,
            (unsigned long long)r->bytes, r->cached ? "true" : "false", r->samples, 1e6 * r->seconds.low,
            1e6 * r->seconds.median, 1e6 * r->seconds.high, 1e-9 * (double)r->bytes / r->seconds.median,
            1e-9 * r->buffer_rate, 1e-9 * r->shader_rate, r->of_buffer, r->of_shader);
    if (r->target > 0)
        fprintf(file, "\"target\": %.2f, ", r->target);
    if (r->of_onednn > 0)
        fprintf(file, "\"onednn_us\": %.1f, \"faster_than_onednn\": %.3f, ", 1e6 * r->onednn_seconds,
                r->of_onednn);
    write_string(file, "copy_shader", r->copy_name);
    fprintf(file, "}");
}

FILE *bench_json_open(const char *path, const VknRuntimeInfo *info, const char *peer, const char *version) {
    FILE *file = fopen(path, "w");
    time_t now = time(NULL);
    char date[32];
    if (!file)
        return NULL;
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    fprintf(file, "{");
    write_string(file, "device", info->device_name);
    fprintf(file, ",\n ");
    write_string(file, "driver", info->driver_name);
    fprintf(file, ",\n ");
    write_string(file, "driver_info", info->driver_info);
    fprintf(file, ",\n ");
    write_commit(file);
    fprintf(file, ",\n ");
    write_string(file, "date", date);
    fprintf(file, ",\n ");
    write_string(file, "clock", info->gpu && info->timestamps ? "timestamps" : "submission to fence");
    fprintf(file, ",\n ");
    write_string(file, peer, version);
    return file;
}

bool bench_json_write(const BenchRun *run, const char *path) {
    FILE *file =
        bench_json_open(path, run->info, "onednn", run->options->onednn ? bench_onednn_version() : "");
    if (!file)
        return false;
    fprintf(file, ",\n \"cache_bytes\": %llu,\n \"results\": [\n", (unsigned long long)run->cache);
    for (uint32_t i = 0; i < run->count; i++) {
        write_result(file, &run->results[i]);
        fprintf(file, i + 1 < run->count ? ",\n" : "\n");
    }
    fprintf(file, " ]}\n");
    return fclose(file) == 0;
}
