/* Cached pipelines in memory: what is damaged, foreign or hostile is refused. */
#include "cache.h"

#include "fuzzers/fuzzer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>

VknCacheKey cache_key = {.vendor_id = 0x1AE0, .device_id = 0xC0DE, .driver_version = 5};
static char message[512];

static void log_write(void *user, VknLogLevel level, const char *text) {
    (void)user;
    assert_int_equal(level, VKN_LOG_WARNING);
    snprintf(message, sizeof message, "%s", text);
}

static const VknLog warnings = {.write = log_write};

static void put(uint8_t *at, uint64_t value, size_t size) {
    memcpy(at, &value, size);
}

void cache_fill(uint8_t *whole) {
    uint8_t *data = whole + VKN_CACHE_HEADER_SIZE;
    for (size_t i = 0; i < DATA; i++)
        data[i] = (uint8_t)(i * 167 + i / 7);
    put(data, 32, 4);
    put(data + 4, 1, 4);
    put(data + 8, cache_key.vendor_id, 4);
    put(data + 12, cache_key.device_id, 4);
    memcpy(data + 16, cache_key.cache_uuid, VK_UUID_SIZE);
    vkn_cache_pack(&cache_key, data, DATA, whole);
}

bool cache_accepts(const uint8_t *bytes, uint64_t size) {
    uint8_t *exact = malloc(size ? size : 1);
    const void *data = bytes;
    uint64_t data_size = 1;
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    message[0] = '\0';
    VknResult result = vkn_cache_unpack(&cache_key, exact, size, warnings, &data, &data_size);
    if (result == VKN_SUCCESS) {
        assert_ptr_equal(data, exact + VKN_CACHE_HEADER_SIZE);
        assert_int_equal(data_size, size - VKN_CACHE_HEADER_SIZE);
        assert_string_equal(message, "");
    } else {
        assert_int_equal(result, VKN_ERROR_INVALID_ARGUMENT);
        assert_true(!data && !data_size);
        assert_non_null(strstr(message, "not used"));
    }
    free(exact);
    return result == VKN_SUCCESS;
}

static void refuses(const uint8_t *bytes, uint64_t size, const char *words) {
    assert_false(cache_accepts(bytes, size));
    if (!strstr(message, words))
        fail_msg("the log should say \"%s\", it says \"%s\"", words, message);
}

static void test_round_trip(void **state) {
    uint8_t whole[WHOLE];
    (void)state;
    cache_fill(whole);
    assert_true(cache_accepts(whole, WHOLE));
}

static void test_every_bit(void **state) {
    uint8_t whole[WHOLE];
    (void)state;
    cache_fill(whole);
    for (size_t bit = 0; bit < 8 * WHOLE; bit++) {
        whole[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(cache_accepts(whole, WHOLE));
        whole[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(cache_accepts(whole, WHOLE));
}

static void test_every_length(void **state) {
    uint8_t longer[WHOLE + 64] = {0};
    (void)state;
    cache_fill(longer);
    for (size_t size = 0; size <= sizeof longer; size++)
        assert_true(cache_accepts(longer, size) == (size == WHOLE));
}

static void test_foreign_keys(void **state) {
    uint8_t whole[WHOLE];
    (void)state;
    cache_fill(whole);
    for (size_t i = 0; i < sizeof cache_key; i++) {
        ((uint8_t *)&cache_key)[i] ^= 1;
        refuses(whole, WHOLE, "another device or driver");
        ((uint8_t *)&cache_key)[i] ^= 1;
    }
}

/* FNV-1a, as anybody can compute it. */
static void forge_hash(uint8_t *whole) {
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < WHOLE; i++)
        if (i < 72 || i >= VKN_CACHE_HEADER_SIZE)
            hash = (hash ^ whole[i]) * 1099511628211u;
    put(whole + 72, hash, 8);
}

/* Headers that lie, under a hash that is right. */
static void test_forged_headers(void **state) {
    static const struct {
        size_t at, size;
        uint64_t value;
        const char *words;
    } ROWS[] = {
        {0, 1, 'V', "something else"},
        {8, 4, 0, "another version"},
        {8, 4, UINT32_MAX, "another version"},
        {12, 4, 0, "another version"},
        {12, 4, UINT32_MAX, "another version"},
        {16, 4, 4 + 8 * (sizeof(void *) == 4), "another version"},
        {20, 4, 0, "another device"},
        {64, 8, 0, "size"},
        {64, 8, DATA - 1, "size"},
        {64, 8, DATA + 1, "size"},
        {64, 8, UINT32_MAX, "size"},
        {64, 8, UINT64_MAX, "size"},
        {64, 8, UINT64_MAX - VKN_CACHE_HEADER_SIZE + 1 + DATA, "size"},
        {80, 4, 0, "not complete"},
        {80, 4, 31, "not complete"},
        {80, 4, DATA + 1, "not complete"},
        {80, 4, UINT32_MAX, "not complete"},
        {84, 4, 0, "another version"},
        {84, 4, 2, "another version"},
        {88, 4, 0, "of another device"},
        {92, 4, 0, "of another device"},
        {96, 1, 1, "of another device"},
        {111, 1, 1, "of another device"},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(ROWS); i++) {
        uint8_t whole[WHOLE];
        cache_fill(whole);
        put(whole + ROWS[i].at, ROWS[i].value, ROWS[i].size);
        forge_hash(whole);
        refuses(whole, WHOLE, ROWS[i].words);
    }
    uint8_t whole[WHOLE];
    cache_fill(whole);
    whole[WHOLE - 1] ^= 0xFF; /* the driver's own, which nobody else can judge */
    forge_hash(whole);
    assert_true(cache_accepts(whole, WHOLE));
}

/* Data that ends within Vulkan's header, under a header that is right. */
static void test_short_data(void **state) {
    uint8_t whole[WHOLE];
    (void)state;
    for (uint64_t size = 0; size <= 40; size++) {
        cache_fill(whole);
        vkn_cache_pack(&cache_key, whole + VKN_CACHE_HEADER_SIZE, size, whole);
        assert_true(cache_accepts(whole, VKN_CACHE_HEADER_SIZE + size) == (size >= 32));
    }
}

static void test_random_bytes(void **state) {
    uint8_t bytes[WHOLE];
    uint32_t random = 1;
    (void)state;
    LLVMFuzzerTestOneInput(NULL, 0);
    for (int round = 0; round < 20000; round++) {
        size_t size = (size_t)round % sizeof bytes;
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)((random = random * 1664525 + 1013904223) >> 24);
        if (round % 2 && size >= 8) { /* beginnings that lead further */
            put(bytes, round % 4 == 1 ? 32 : round % 64, 4);
            put(bytes + 4, 1, 4);
        }
        LLVMFuzzerTestOneInput(bytes, size);
    }
}

static void test_nothing(void **state) {
    uint8_t whole[WHOLE];
    const void *data;
    uint64_t size;
    const VknLog none = {0};
    (void)state;
    cache_fill(whole);
    assert_int_equal(vkn_cache_unpack(NULL, whole, WHOLE, none, &data, &size), VKN_ERROR_INVALID_ARGUMENT);
    assert_int_equal(vkn_cache_unpack(&cache_key, NULL, WHOLE, none, &data, &size),
                     VKN_ERROR_INVALID_ARGUMENT);
    assert_int_equal(vkn_cache_unpack(&cache_key, whole, WHOLE, none, NULL, &size),
                     VKN_ERROR_INVALID_ARGUMENT);
    assert_int_equal(vkn_cache_unpack(&cache_key, whole, WHOLE, none, &data, NULL),
                     VKN_ERROR_INVALID_ARGUMENT);
    assert_int_equal(vkn_cache_unpack(&cache_key, whole, WHOLE, none, &data, &size), VKN_SUCCESS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_every_length),   cmocka_unit_test(test_foreign_keys),
        cmocka_unit_test(test_forged_headers), cmocka_unit_test(test_short_data),
        cmocka_unit_test(test_random_bytes),   cmocka_unit_test(test_nothing),
    };
    for (size_t i = 0; i < VK_UUID_SIZE; i++) {
        cache_key.cache_uuid[i] = (uint8_t)(7 * i);
        cache_key.driver_uuid[i] = (uint8_t)(11 * i);
    }
    int failed = cmocka_run_group_tests_name("cache", tests, NULL, NULL);
    return failed + cache_files_run();
}
