/* Files of pipeline caches of any bytes, alone and behind a header that fits. */
#include "fuzzer.h"

#include <string.h>

#include <vknorm/vknorm.h>

/* What is accepted is what follows the header, whole. */
static int unpack(const VknCacheKey *key, const uint8_t *bytes, size_t size) {
    const void *data = bytes;
    uint64_t data_size = size;
    if (vkn_cache_unpack(key, bytes, size, (VknLog){0}, &data, &data_size)) {
        FUZZ_REQUIRE(!data && !data_size, "%zu bytes\n", size);
        return 0;
    }
    FUZZ_REQUIRE(size >= VKN_CACHE_HEADER_SIZE && data == bytes + VKN_CACHE_HEADER_SIZE, "%zu bytes\n", size);
    FUZZ_REQUIRE(data_size == size - VKN_CACHE_HEADER_SIZE, "%zu bytes\n", size);
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    VknCacheKey key = {0};
    uint8_t *packed = malloc(VKN_CACHE_HEADER_SIZE + size);
    if (!packed)
        return 0;
    unpack(&key, bytes, size); /* the hash stops nearly everything here, but not a reader past the end */

    /* As a driver's data under a header that is right: then it is Vulkan's header that decides. */
    if (size >= 32) { /* of the device that the data names */
        memcpy(&key.vendor_id, bytes + 8, 4);
        memcpy(&key.device_id, bytes + 12, 4);
        memcpy(key.cache_uuid, bytes + 16, VK_UUID_SIZE);
    }
    if (size)
        memcpy(packed + VKN_CACHE_HEADER_SIZE, bytes, size);
    vkn_cache_pack(&key, packed + VKN_CACHE_HEADER_SIZE, size, packed);
    int accepted = unpack(&key, packed, VKN_CACHE_HEADER_SIZE + size);
    uint32_t word[2] = {0};
    if (size >= sizeof word)
        memcpy(word, bytes, sizeof word);
    FUZZ_REQUIRE(accepted == (size >= 32 && word[0] >= 32 && word[0] <= size && word[1] == 1), "%zu bytes\n",
                 size);

    /* Damaged at a place that the bytes choose, never. */
    size_t at = size ? bytes[0] * 257u % (VKN_CACHE_HEADER_SIZE + size) : 0;
    packed[at] ^= size && bytes[size - 1] ? bytes[size - 1] : 1;
    FUZZ_REQUIRE(!unpack(&key, packed, VKN_CACHE_HEADER_SIZE + size), "%zu bytes\n", size);
    free(packed);
    return 0;
}
