/* What the tests of caches share: a cache that is right. */
#ifndef TESTS_CACHE_H
#define TESTS_CACHE_H

#include <vknorm/vknorm.h>

#include <stddef.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define DATA          500
#define WHOLE         (VKN_CACHE_HEADER_SIZE + DATA)

/* Of a device that nobody has. */
extern VknCacheKey cache_key;

/* What a driver would give: Vulkan's header, and bytes; WHOLE in all. */
void cache_fill(uint8_t *whole);

/* Unpacks it in memory of exactly this size, so that sanitizers see a step beyond it. */
bool cache_accepts(const uint8_t *bytes, uint64_t size);

/* cache_files.c */
int cache_files_run(void);

#endif
