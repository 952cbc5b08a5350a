/* Cached pipelines in memory and in files: what is damaged, foreign or hostile is refused, and whoever reads
 * while others write sees a whole file. */
#define _XOPEN_SOURCE 700
#include "fuzzers/fuzzer.h"
#include "../lib/runtime/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define DATA          500
#define WHOLE         (VKN_CACHE_HEADER_SIZE + DATA)

static VknCacheKey key = {.vendor_id = 0x1AE0, .device_id = 0xC0DE, .driver_version = 5};
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

/* What a driver would give: Vulkan's header, and bytes. */
static void fill(uint8_t *whole) {
    uint8_t *data = whole + VKN_CACHE_HEADER_SIZE;
    for (size_t i = 0; i < DATA; i++)
        data[i] = (uint8_t)(i * 167 + i / 7);
    put(data, 32, 4);
    put(data + 4, 1, 4);
    put(data + 8, key.vendor_id, 4);
    put(data + 12, key.device_id, 4);
    memcpy(data + 16, key.cache_uuid, VK_UUID_SIZE);
    vkn_cache_pack(&key, data, DATA, whole);
}

/* Memory of exactly this size, so that sanitizers see a step beyond it. */
static bool accepts(const uint8_t *bytes, uint64_t size) {
    uint8_t *exact = malloc(size ? size : 1);
    const void *data = bytes;
    uint64_t data_size = 1;
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    message[0] = '\0';
    VknResult result = vkn_cache_unpack(&key, exact, size, warnings, &data, &data_size);
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
    assert_false(accepts(bytes, size));
    if (!strstr(message, words))
        fail_msg("the log should say \"%s\", it says \"%s\"", words, message);
}

/* ------------------------------------------------------------------------------------------ in memory */

static void test_round_trip(void **state) {
    uint8_t whole[WHOLE];
    (void)state;
    fill(whole);
    assert_true(accepts(whole, WHOLE));
}

static void test_every_bit(void **state) {
    uint8_t whole[WHOLE];
    (void)state;
    fill(whole);
    for (size_t bit = 0; bit < 8 * WHOLE; bit++) {
        whole[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(accepts(whole, WHOLE));
        whole[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(accepts(whole, WHOLE));
}

static void test_every_length(void **state) {
    uint8_t longer[WHOLE + 64] = {0};
    (void)state;
    fill(longer);
    for (size_t size = 0; size <= sizeof longer; size++)
        assert_true(accepts(longer, size) == (size == WHOLE));
}

static void test_foreign_keys(void **state) {
    uint8_t whole[WHOLE];
    (void)state;
    fill(whole);
    for (size_t i = 0; i < sizeof key; i++) {
        ((uint8_t *)&key)[i] ^= 1;
        refuses(whole, WHOLE, "another device or driver");
        ((uint8_t *)&key)[i] ^= 1;
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
        fill(whole);
        put(whole + ROWS[i].at, ROWS[i].value, ROWS[i].size);
        forge_hash(whole);
        refuses(whole, WHOLE, ROWS[i].words);
    }
    uint8_t whole[WHOLE];
    fill(whole);
    whole[WHOLE - 1] ^= 0xFF; /* the driver's own, which nobody else can judge */
    forge_hash(whole);
    assert_true(accepts(whole, WHOLE));
}

/* Data that ends within Vulkan's header, under a header that is right. */
static void test_short_data(void **state) {
    uint8_t whole[WHOLE];
    (void)state;
    for (uint64_t size = 0; size <= 40; size++) {
        fill(whole);
        vkn_cache_pack(&key, whole + VKN_CACHE_HEADER_SIZE, size, whole);
        assert_true(accepts(whole, VKN_CACHE_HEADER_SIZE + size) == (size >= 32));
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

/* ------------------------------------------------------------------------------------------ in files */

static char folder[64], path[128], other[128];

static int folder_open(void **state) {
    (void)state;
    strcpy(folder, "/tmp/vkn_cache_XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/cache", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    return 0;
}

/* Nothing may be left but what the test made. */
static int folder_close(void **state) {
    (void)state;
    unlink(path);
    rmdir(path);
    unlink(other);
    return rmdir(folder);
}

#define TEST_IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, folder_open, folder_close)

static const char *replace(const char *at, const char *text) {
    VknFilePart parts[] = {{text, strlen(text) / 2}, {text + strlen(text) / 2, (strlen(text) + 1) / 2}};
    return vkn_file_replace(at, parts, LENGTH(parts));
}

/* The file holds `text`; or it cannot be read, because of `why`. */
static void expect(const char *at, const char *text, const char *why) {
    const char *said = NULL;
    uint64_t size = 99;
    char *bytes = vkn_file_read(at, &size, &said);
    if (text) {
        assert_null(said);
        assert_non_null(bytes);
        assert_int_equal(size, strlen(text));
        assert_memory_equal(bytes, text, size);
    } else {
        assert_null(bytes);
        assert_true(why ? said && strstr(said, why) : !said);
    }
    free(bytes);
}

static void test_files(void **state) {
    (void)state;
    expect(path, NULL, NULL);
    assert_null(replace(path, "one"));
    expect(path, "one", NULL);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_null(replace(path, "another one"));
    expect(path, "another one", NULL);
    assert_null(replace(path, ""));
    expect(path, "", NULL);
}

static void test_not_files(void **state) {
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    expect(path, NULL, "no regular file");
    assert_non_null(replace(path, "text"));
    assert_int_equal(rmdir(path), 0); /* still a folder, and empty */
    assert_int_equal(mkfifo(path, 0600), 0);
    expect(path, NULL, "no regular file"); /* and does not wait for a writer */
    expect("/dev/zero", NULL, "no regular file");
}

/* The link is replaced, not what it leads to. */
static void test_links(void **state) {
    (void)state;
    assert_null(replace(other, "theirs"));
    assert_int_equal(symlink(other, path), 0);
    expect(path, "theirs", NULL);
    assert_null(replace(path, "mine"));
    expect(path, "mine", NULL);
    expect(other, "theirs", NULL);
    assert_int_equal(unlink(path) || symlink("cache", path), 0); /* to itself */
    expect(path, NULL, "");
    assert_null(replace(path, "mine"));
    expect(path, "mine", NULL);
}

static void test_files_of_others(void **state) {
    (void)state;
    assert_null(replace(path, "text"));
    assert_int_equal(chmod(path, 0620), 0);
    expect(path, NULL, "other users may write");
    assert_int_equal(chmod(path, 0602), 0);
    expect(path, NULL, "other users may write");
    assert_int_equal(chmod(path, 0644), 0);
    expect(path, "text", NULL);
    if (geteuid() == 0) { /* who else could give it away */
        assert_int_equal(chown(path, 1, 1), 0);
        expect(path, NULL, "another user");
    }
    int file = open(path, O_WRONLY);
    assert_int_equal(chown(path, geteuid(), getegid()) || ftruncate(file, (256 << 20) + 1), 0);
    close(file);
    expect(path, NULL, "256 MiB");
}

/* In a process of its own, which may not come back from being nobody. */
static void test_no_room(void **state) {
    (void)state;
    assert_null(replace(path, "before"));
    assert_int_equal(chmod(folder, 0555), 0);
    pid_t child = fork();
    if (child == 0) {
        const char *why = geteuid() || setuid(65534) == 0 ? replace(path, "after") : NULL;
        _exit(why && strstr(why, strerror(EACCES)) ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(folder, 0755), 0);
    expect(path, "before", NULL);
    child = fork();
    if (child == 0) {
        struct rlimit few = {2, 2}; /* bytes of a file */
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &few);
        const char *why = replace(path, "after");
        _exit(why && strstr(why, strerror(EFBIG)) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    expect(path, "before", NULL);
    assert_non_null(vkn_file_replace("/no/such/folder/cache", NULL, 0));
    expect("/no/such/folder/cache", NULL, NULL);
}

/* Eight processes write, each caches of its own; whoever reads finds a whole one of somebody's. */
static void test_many_writers(void **state) {
    enum { WRITERS = 8, ROUNDS = 60 };
    uint8_t *whole = malloc(VKN_CACHE_HEADER_SIZE + 100000);
    pid_t children[WRITERS];
    (void)state;
    assert_non_null(whole);
    memset(whole, 0, VKN_CACHE_HEADER_SIZE + 100000);
    fill(whole);
    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        for (int round = 0; children[i] == 0; round++) {
            uint64_t size = DATA + (uint64_t)(i * ROUNDS + round) * 199;
            uint8_t *data = whole + VKN_CACHE_HEADER_SIZE;
            VknFilePart parts[] = {{whole, VKN_CACHE_HEADER_SIZE}, {data, size}};
            data[DATA - 1] = (uint8_t)round;
            vkn_cache_pack(&key, data, size, whole);
            if (round == ROUNDS)
                _exit(0);
            if (vkn_file_replace(path, parts, 2))
                _exit(1);
        }
    }
    int reads = 0, left = WRITERS, bad = 0;
    while (left) {
        const char *why = NULL;
        uint64_t size;
        void *bytes = vkn_file_read(path, &size, &why);
        assert_null(why);
        if (bytes) {
            assert_true(accepts(bytes, size));
            reads++;
        }
        free(bytes);
        int status;
        if (waitpid(-1, &status, WNOHANG) > 0) {
            left--;
            bad += status != 0;
        }
    }
    assert_int_equal(bad, 0);
    assert_true(reads > 10);
    free(whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_every_length),   cmocka_unit_test(test_foreign_keys),
        cmocka_unit_test(test_forged_headers), cmocka_unit_test(test_short_data),
        cmocka_unit_test(test_random_bytes),   TEST_IN_FOLDER(test_files),
        TEST_IN_FOLDER(test_not_files),        TEST_IN_FOLDER(test_links),
        TEST_IN_FOLDER(test_files_of_others),  TEST_IN_FOLDER(test_no_room),
        TEST_IN_FOLDER(test_many_writers),
    };
    for (size_t i = 0; i < VK_UUID_SIZE; i++) {
        key.cache_uuid[i] = (uint8_t)(7 * i);
        key.driver_uuid[i] = (uint8_t)(11 * i);
    }
    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
