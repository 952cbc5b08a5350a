/* Philox 4x32-10 (Salmon, Moraes, Dror & Shaw 2011). */
#include "internal.h"

void vkn_philox(const uint32_t key[2], uint32_t block[4]) {
    uint32_t key0 = key[0], key1 = key[1];
    for (int round = 0; round < 10; round++) {
        const uint64_t product0 = (uint64_t)0xD2511F53u * block[0];
        const uint64_t product1 = (uint64_t)0xCD9E8D57u * block[2];
        block[0] = (uint32_t)(product1 >> 32) ^ block[1] ^ key0;
        block[1] = (uint32_t)product1;
        block[2] = (uint32_t)(product0 >> 32) ^ block[3] ^ key1;
        block[3] = (uint32_t)product0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
}

/* FNV-1a. */
uint32_t vkn_stream_of_name(const char *path) {
    uint32_t hash = 0x811c9dc5u;
    for (; *path; path++)
        hash = (hash ^ (uint8_t)*path) * 0x01000193u;
    return hash;
}
