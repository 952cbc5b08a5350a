/* What was found to be fastest: strategies by computation. */
#ifndef VKN_TUNED_H
#define VKN_TUNED_H

#include "mutex.h"
#include "view.h"

/* Everything of a description that the choice may depend on, in words: no gaps, so that it can be compared,
 * hashed and kept in a file. */
#define VKN_TUNED_FIELDS 12
#define VKN_TUNED_WORDS  (VKN_TUNED_FIELDS + VKN_MAX_RANK * (2 + VKN_SPACE_COUNT))

typedef struct VknTunedKey {
    uint64_t word[VKN_TUNED_WORDS];
} VknTunedKey;

#define VKN_TUNED_BUCKETS 64

typedef struct VknTunedNode VknTunedNode;

typedef struct VknTunedTable {
    VknMutex mutex; /* guards all else */
    uint32_t count;
    VknTunedNode *bucket[VKN_TUNED_BUCKETS];
} VknTunedTable;

/* The key of a resolved description. Of custom activations any is as good as another: their ids differ from
 * run to run. */
VknTunedKey vkn_tuned_key(const VknDesc *desc, const VknView *view);

/* The strategy for a computation, as VknDesc.strategy has it; 0: none is known. */
uint32_t vkn_tuned_find(VknTunedTable *table, const VknDesc *desc, const VknView *view);

/* Remembers a strategy, instead of what was known before if `replace`. */
VknResult vkn_tuned_set(VknTunedTable *table, const VknHost *host, const VknTunedKey *key, uint32_t strategy,
                        bool replace);

void vkn_tuned_clear(VknTunedTable *table, const VknHost *host);

#endif
