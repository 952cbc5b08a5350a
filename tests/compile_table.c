#include "compile_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const NAMES[FACT_COUNT] = {"SGPRs",   "VGPRs", "spilled SGPRs", "spilled VGPRs",
                                              "scratch", "LDS",   "code",          "instructions"};

/* The kernel's name: that of any module of it, without the worker. */
static void kernel_name(VknKernel kernel, char name[64]) {
    static const char *const WORKERS[VKN_WORKER_COUNT] = {
        "_alone", "_lane", "_subgroup_add", "_subgroup_shuffle", "_group_add", "_group_tree"};
    for (uint32_t worker = 0; worker < VKN_WORKER_COUNT; worker++)
        if (vkn_shaders[kernel][worker].code) {
            const char *module = vkn_shaders[kernel][worker].name;
            snprintf(name, 64, "%.*s", (int)(strlen(module) - strlen(WORKERS[worker])), module);
        }
}

void compile_table_add(CompileTable *table, uint32_t target, VknKernel kernel, const CompileFacts *facts) {
    CompileRow *row = &table->rows[target][kernel];
    row->pipelines++;
    for (uint32_t fact = 0; fact < FACT_COUNT; fact++)
        row->most.value[fact] = (uint32_t)vkn_max(row->most.value[fact], facts->value[fact]);
}

/* ------------------------------------------------------------------------------------------- file */

/* One line of the table. */
static bool row_read(const char *line, CompileTable *table) {
    char target[32], kernel[64], name[64];
    CompileRow row;
    uint32_t *v = row.most.value;
    if (sscanf(line,
               "%31s %63s %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32
               " %" SCNu32 " %" SCNu32,
               target, kernel, &row.pipelines, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6],
               &v[7]) != 3 + FACT_COUNT)
        return false;
    for (uint32_t t = 0; t < COMPILE_TARGET_COUNT; t++)
        for (uint32_t k = 0; k < VKN_KERNEL_COUNT; k++) {
            kernel_name((VknKernel)k, name);
            if (strcmp(target, compile_targets[t].name) == 0 && strcmp(kernel, name) == 0) {
                table->rows[t][k] = row;
                return true;
            }
        }
    return false;
}

bool compile_table_read(const char *path, CompileTable *table) {
    FILE *file = fopen(path, "r");
    char line[256] = "";
    *table = (CompileTable){0};
    bool fine = file && fgets(line, sizeof line, file) &&
                sscanf(line, "%63[^,], one pipeline in %" SCNu32, table->driver, &table->every) == 2 &&
                fgets(line, sizeof line, file); /* the heading */
    while (fine && fgets(line, sizeof line, file))
        fine = row_read(line, table);
    if (!fine)
        printf("%s: %s%s\n", path, file ? "what is this: " : "cannot be read", line);
    if (file)
        fclose(file);
    return fine;
}

bool compile_table_write(const char *path, const CompileTable *table) {
    FILE *file = fopen(path, "w");
    if (!file) {
        printf("%s cannot be written\n", path);
        return false;
    }
    fprintf(file, "%s, one pipeline in %" PRIu32 "\n%-18s %-24s %9s", table->driver, table->every, "target",
            "kernel", "pipelines");
    for (uint32_t fact = 0; fact < FACT_COUNT; fact++)
        fprintf(file, " %14s", NAMES[fact]);
    fprintf(file, "\n");
    for (uint32_t i = 0; i < COMPILE_TARGET_COUNT * VKN_KERNEL_COUNT; i++) {
        const CompileRow *row = &table->rows[i / VKN_KERNEL_COUNT][i % VKN_KERNEL_COUNT];
        char name[64];
        kernel_name((VknKernel)(i % VKN_KERNEL_COUNT), name);
        if (!row->pipelines)
            continue;
        fprintf(file, "%-18s %-24s %9" PRIu32, compile_targets[i / VKN_KERNEL_COUNT].name, name,
                row->pipelines);
        for (uint32_t fact = 0; fact < FACT_COUNT; fact++)
            fprintf(file, " %14" PRIu32, row->most.value[fact]);
        fprintf(file, "\n");
    }
    return fclose(file) == 0;
}

/* -------------------------------------------------------------------------------------------- compare */

/* Growth that is no news: a compiler shuffles registers whenever anything changes. */
static bool has_grown(uint32_t value, uint32_t known) {
    return value > known + known / 20 + 4;
}

static uint32_t compare_row(const char *target, const char *kernel, const CompileRow *row,
                            const CompileRow *known, bool same) {
    uint32_t grown = 0;
    if (!known->pipelines) {
        printf("%s: %s %s is not in the table\n", same ? "FAILED" : "differs", target, kernel);
        return same;
    }
    for (uint32_t fact = 0; fact < FACT_COUNT; fact++) {
        uint32_t value = row->most.value[fact], before = known->most.value[fact];
        bool counts = same && has_grown(value, before);
        if (counts || has_grown(before, value) || (!same && value != before))
            printf("%s: %s %s has %" PRIu32 " %s, had %" PRIu32 "\n", counts ? "FAILED" : "differs", target,
                   kernel, value, NAMES[fact], before);
        grown += counts;
    }
    return grown;
}

uint32_t compile_table_compare(const CompileTable *table, const CompileTable *known) {
    bool same = strcmp(table->driver, known->driver) == 0;
    uint32_t grown = 0;
    if (!same)
        printf("the table is of %s, this is %s: what differs does not count\n", known->driver, table->driver);
    for (uint32_t t = 0; t < COMPILE_TARGET_COUNT; t++)
        for (uint32_t k = 0; k < VKN_KERNEL_COUNT; k++) {
            char name[64];
            kernel_name((VknKernel)k, name);
            if (table->rows[t][k].pipelines)
                grown +=
                    compare_row(compile_targets[t].name, name, &table->rows[t][k], &known->rows[t][k], same);
        }
    return grown;
}
