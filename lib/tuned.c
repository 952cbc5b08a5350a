#include "tuned.h"

#include <inttypes.h>
#include <string.h>

#include "cache.h"
#include "context.h"
#include "strategy.h"

static const VknMagic MAGIC = "vknTUNED";

/* As it lies in files, too. */
typedef struct Record {
    VknTunedKey key;
    uint64_t strategy;
} Record;

_Static_assert(sizeof(Record) == 8 * (VKN_TUNED_WORDS + 1), "a record has no gaps");

struct VknTunedNode {
    VknTunedNode *next;
    Record record;
};

static uint64_t id_of(const VknActivation *activation) {
    return vkn_min((uint64_t)activation->id, VKN_ACTIVATION_CUSTOM);
}

VknTunedKey vkn_tuned_key(const VknDesc *desc, const VknView *view) {
    VknTunedKey key = {{desc->operation, desc->statistic, desc->roles,
                        desc->x.type | desc->y.type << 8 | desc->residual.type << 16 | desc->dx.type << 24,
                        desc->residual_use, id_of(&desc->activation), id_of(&desc->prologue),
                        desc->accumulate, desc->moment_parts, desc->dispatch_bytes, view->tail,
                        view->channel_count}};
    uint64_t *word = &key.word[VKN_TUNED_FIELDS];
    for (uint32_t i = 0; i < view->dim_count; i++) {
        *word++ = view->dim[i].extent;
        *word++ = view->dim[i].kept;
        memcpy(word, view->dim[i].stride, sizeof view->dim[i].stride);
        word += VKN_SPACE_COUNT;
    }
    return key;
}

/* The bucket's node of this key; NULL: there is none. */
static VknTunedNode *find(VknTunedTable *table, const VknTunedKey *key, VknTunedNode ***bucket) {
    *bucket = &table->bucket[vkn_hash(VKN_HASH_OF_NOTHING, key, sizeof *key) % VKN_TUNED_BUCKETS];
    VknTunedNode *node = **bucket;
    while (node && memcmp(&node->record.key, key, sizeof *key))
        node = node->next;
    return node;
}

uint32_t vkn_tuned_find(VknTunedTable *table, const VknDesc *desc, const VknView *view) {
    VknTunedNode **bucket;
    uint32_t strategy = 0;
    vkn_mutex_lock(&table->mutex);
    if (table->count) {
        VknTunedKey key = vkn_tuned_key(desc, view);
        const VknTunedNode *node = find(table, &key, &bucket);
        strategy = node ? (uint32_t)node->record.strategy : 0;
    }
    vkn_mutex_unlock(&table->mutex);
    return strategy;
}

VknResult vkn_tuned_set(VknTunedTable *table, const VknHost *host, const VknTunedKey *key, uint32_t strategy,
                        bool replace) {
    VknTunedNode **bucket, *made = vkn_host_alloc(host, sizeof *made);
    if (!made)
        return VKN_ERROR_OUT_OF_HOST_MEMORY;
    vkn_mutex_lock(&table->mutex);
    VknTunedNode *node = find(table, key, &bucket);
    if (node && replace)
        node->record.strategy = strategy;
    if (!node) {
        *made = (VknTunedNode){*bucket, {*key, strategy}};
        *bucket = made;
        made = NULL;
        table->count++;
    }
    vkn_mutex_unlock(&table->mutex);
    vkn_host_free(host, made);
    return VKN_SUCCESS;
}

void vkn_tuned_clear(VknTunedTable *table, const VknHost *host) {
    for (uint32_t i = 0; i < VKN_TUNED_BUCKETS; i++)
        for (VknTunedNode *node = table->bucket[i], *next; node; node = next) {
            next = node->next;
            vkn_host_free(host, node);
        }
}

/* ------------------------------------------------------------------------------------------- files */

/* Writes what there is room for, and says what there should be. */
static uint64_t write_records(VknTunedTable *table, uint8_t *to, uint64_t size) {
    uint64_t done = 0;
    vkn_mutex_lock(&table->mutex);
    uint64_t needed = table->count * sizeof(Record);
    for (uint32_t i = 0; i < VKN_TUNED_BUCKETS && needed <= size; i++)
        for (const VknTunedNode *node = table->bucket[i]; node; node = node->next, done += sizeof(Record))
            memcpy(to + done, &node->record, sizeof(Record));
    vkn_mutex_unlock(&table->mutex);
    return needed;
}

VknResult vkn_tuning_pack(VknContext *context, const VknCacheKey *key, void *tuning, uint64_t *size) {
    if (!context)
        return VKN_ERROR_INVALID_ARGUMENT;
    if (!key || !size)
        return VKN_FAIL(&context->host, INVALID_ARGUMENT, "vkn_tuning_pack: key and size must not be NULL");
    uint64_t room = tuning && *size > VKN_CACHE_HEADER_SIZE ? *size - VKN_CACHE_HEADER_SIZE : 0;
    uint8_t *records = room ? (uint8_t *)tuning + VKN_CACHE_HEADER_SIZE : NULL;
    uint64_t needed = write_records(&context->tuned, records, room), all = needed + VKN_CACHE_HEADER_SIZE;
    if (tuning && *size < all)
        return VKN_FAIL(&context->host, INVALID_ARGUMENT,
                        "vkn_tuning_pack: what was tuned takes %" PRIu64 " bytes, size is %" PRIu64, all,
                        *size);
    if (tuning)
        vkn_header_write(MAGIC, key, records, needed, tuning);
    *size = all;
    return VKN_SUCCESS;
}

/* What is wrong with records whose hash is right; NULL: nothing. */
static const char *check_records(const uint8_t *records, uint64_t size) {
    Record record;
    if (size % sizeof record)
        return "the last record is not complete";
    for (uint64_t at = 0; at < size; at += sizeof record) {
        memcpy(&record, records + at, sizeof record);
        if (record.strategy < 1 || record.strategy > vkn_strategy_count)
            return "a record names a strategy that there is not";
    }
    return NULL;
}

VknResult vkn_tuning_unpack(VknContext *context, const VknCacheKey *key, const void *tuning, uint64_t size) {
    const uint8_t *bytes = tuning;
    VknResult result = VKN_SUCCESS;
    Record record;
    if (!context)
        return VKN_ERROR_INVALID_ARGUMENT;
    if (!key || (size && !tuning))
        return VKN_FAIL(&context->host, INVALID_ARGUMENT,
                        "vkn_tuning_unpack: key and tuning must not be NULL");
    const char *wrong = vkn_header_check(MAGIC, key, bytes, size);
    if (!wrong)
        wrong = check_records(bytes + VKN_CACHE_HEADER_SIZE, size - VKN_CACHE_HEADER_SIZE);
    if (wrong) {
        vkn_host_log(&context->host, VKN_LOG_WARNING,
                     "%" PRIu64 " bytes of tuned strategies are not used: %s", size, wrong);
        return VKN_ERROR_INVALID_ARGUMENT;
    }
    for (uint64_t at = VKN_CACHE_HEADER_SIZE; at < size && !result; at += sizeof record) {
        memcpy(&record, bytes + at, sizeof record);
        result =
            vkn_tuned_set(&context->tuned, &context->host, &record.key, (uint32_t)record.strategy, false);
    }
    return result;
}
