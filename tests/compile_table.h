/* tests/compile.txt: the most that each kernel took, on each target. */
#ifndef TESTS_COMPILE_TABLE_H
#define TESTS_COMPILE_TABLE_H

#include "compile_device.h"

typedef struct CompileRow {
    uint32_t pipelines; /* 0: there is no row */
    CompileFacts most;
} CompileRow;

typedef struct CompileTable {
    char driver[64];
    uint32_t every; /* of which list: compile_list_make() */
    CompileRow rows[COMPILE_TARGET_COUNT][VKN_KERNEL_COUNT];
} CompileTable;

/* Counts a pipeline. */
void compile_table_add(CompileTable *table, uint32_t target, VknKernel kernel, const CompileFacts *facts);

/* Read and written: false, having said why, when that fails. */
bool compile_table_read(const char *path, CompileTable *table);
bool compile_table_write(const char *path, const CompileTable *table);

/* Prints in what `table` differs from what is known, and counts what has grown; nothing counts when they are
 * of different drivers. */
uint32_t compile_table_compare(const CompileTable *table, const CompileTable *known);

#endif
