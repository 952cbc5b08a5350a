/* Files of tuned strategies of any bytes, alone and behind a header that fits. */
#include "fuzzer.h"

#include <string.h>

#include "cache.h"
#include "context.h"

/* What is accepted comes out again, but for what is there twice. */
static int unpack(const uint8_t *bytes, size_t size) {
    const VknCacheKey key = {0};
    VknContext *context = calloc(1, sizeof *context);
    uint64_t out = 0;
    if (!context || !vkn_mutex_init(&context->tuned.mutex))
        abort();
    int accepted = vkn_tuning_unpack(context, &key, bytes, size) == VKN_SUCCESS;
    FUZZ_REQUIRE(vkn_tuning_pack(context, &key, NULL, &out) == VKN_SUCCESS, "%zu bytes\n", size);
    FUZZ_REQUIRE(out <= (accepted ? size : VKN_CACHE_HEADER_SIZE), "%zu bytes\n", size);
    uint8_t *again = malloc(out);
    if (!again)
        abort();
    FUZZ_REQUIRE(vkn_tuning_pack(context, &key, again, &out) == VKN_SUCCESS, "%zu bytes\n", size);
    FUZZ_REQUIRE(vkn_tuning_unpack(context, &key, again, out) == VKN_SUCCESS, "%zu bytes\n", size);
    free(again);
    vkn_tuned_clear(&context->tuned, &context->host);
    vkn_mutex_destroy(&context->tuned.mutex);
    free(context);
    return accepted;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const VknCacheKey key = {0};
    const size_t record = 8 * (VKN_TUNED_WORDS + 1);
    uint8_t *packed = malloc(VKN_CACHE_HEADER_SIZE + size);
    if (!packed)
        return 0;
    unpack(bytes, size);
    if (size)
        memcpy(packed + VKN_CACHE_HEADER_SIZE, bytes, size);
    vkn_header_write("vknTUNED", &key, packed + VKN_CACHE_HEADER_SIZE, size, packed);
    int accepted = unpack(packed, VKN_CACHE_HEADER_SIZE + size);
    FUZZ_REQUIRE(!accepted || size % record == 0, "%zu bytes\n", size);

    /* As many whole records as the bytes fill, of strategies that there are. */
    size -= size % record;
    for (size_t at = record - 8; at < size; at += record)
        memcpy(packed + VKN_CACHE_HEADER_SIZE + at, &(uint64_t){bytes[at] % 10 + 1}, 8);
    vkn_header_write("vknTUNED", &key, packed + VKN_CACHE_HEADER_SIZE, size, packed);
    FUZZ_REQUIRE(unpack(packed, VKN_CACHE_HEADER_SIZE + size), "%zu bytes\n", size);

    /* Damaged at a place that the bytes choose, never. */
    size_t at = size ? bytes[0] * 257u % (VKN_CACHE_HEADER_SIZE + size) : 0;
    packed[at] ^= 1;
    FUZZ_REQUIRE(!unpack(packed, VKN_CACHE_HEADER_SIZE + size), "%zu bytes\n", size);
    free(packed);
    return 0;
}
