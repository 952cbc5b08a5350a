/* The header before what is kept in files from one run to the next. */
#ifndef VKN_CACHE_H
#define VKN_CACHE_H

#include "base.h"

/* FNV-1a, 64 bits, over more bytes; begins with VKN_HASH_OF_NOTHING. */
#define VKN_HASH_OF_NOTHING 14695981039346656037u
uint64_t vkn_hash(uint64_t hash, const void *bytes, uint64_t size);

/* Eight letters and a NUL that say what follows. */
typedef char VknMagic[9];

void vkn_header_write(const VknMagic magic, const VknCacheKey *key, const void *data, uint64_t size,
                      uint8_t header[VKN_CACHE_HEADER_SIZE]);

/* What is wrong with a header and what follows it, `size` bytes in all; NULL: nothing. */
const char *vkn_header_check(const VknMagic magic, const VknCacheKey *key, const uint8_t *bytes,
                             uint64_t size);

#endif
