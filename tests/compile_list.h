/* Which pipelines there are: those of a systematic list of descriptions, each once. */
#ifndef TESTS_COMPILE_LIST_H
#define TESTS_COMPILE_LIST_H

#include "schedule.h"

/* Devices to plan for, each no stronger than any that compiles. */
typedef struct CompileCaps {
    const char *name;
    VknCaps caps;
} CompileCaps;

enum { COMPILE_CAPS_COUNT = 3, COMPILE_WEAKEST = COMPILE_CAPS_COUNT - 1 };

extern const CompileCaps compile_caps[COMPILE_CAPS_COUNT];

typedef struct CompileItem {
    VknStep step; /* the first that needs this pipeline, and of what: */
    VknDesc desc;
    uint32_t caps; /* index */
} CompileItem;

typedef struct CompileList {
    CompileItem *items;
    uint32_t count;
    uint64_t plans; /* that were made */
} CompileList;

/* Makes the list; `every` is 1 for all of it, n for one in n and the first of each kind. False when there is
 * no memory. */
bool compile_list_make(uint32_t every, CompileList *list);
void compile_list_free(CompileList *list);

/* Says what an item is, for a person. */
void compile_item_describe(const CompileItem *item, char *text, size_t size);

#endif
