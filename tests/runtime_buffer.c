/* The runtime's buffers: what can be refused, transfers of any size and place, and that none is forgotten. */
#include "runtime_test.h"

#include <time.h>

static void test_buffers_left_are_destroyed(void **state) {
    Fixture *fixture = *state;
    VknBuffer buffers[5];
    for (uint64_t i = 0; i < 5; i++)
        buffers[i] = create_buffer(fixture->runtime, 1 + 1000 * i);
    vkn_runtime_buffer_destroy(fixture->runtime, buffers[2].buffer);
    vkn_runtime_buffer_destroy(fixture->runtime, buffers[4].buffer);
    vkn_runtime_buffer_destroy(fixture->runtime, VK_NULL_HANDLE);
}

static void test_buffer_refusals(void **state) {
    Fixture *fixture = *state;
    VknRuntime *runtime = fixture->runtime;
    VknBuffer buffer = {.size = 42};
    assert_fails(&fixture->log, vkn_runtime_buffer_create(runtime, 0, &buffer), VKN_ERROR_INVALID_ARGUMENT,
                 "at least 1");
    assert_fails(&fixture->log, vkn_runtime_buffer_create(runtime, UINT64_C(1) << 50, &buffer),
                 VKN_ERROR_OUT_OF_DEVICE_MEMORY, "");
    assert_int_equal(buffer.size, 42); /* untouched */
    assert_int_equal(vkn_runtime_buffer_create(runtime, 4, NULL), VKN_ERROR_INVALID_ARGUMENT);
    assert_int_equal(vkn_runtime_buffer_create(NULL, 4, &buffer), VKN_ERROR_INVALID_ARGUMENT);
}

static void test_transfer_refusals(void **state) {
    static const struct {
        uint64_t offset, size;
        const char *words;
    } refused[] = {
        {2, 8, "multiples of 4"},
        {4, 6, "multiples of 4"},
        {0, 104, "leaves the buffer of 100 bytes"},
        {4, 100, "leaves the buffer of 100 bytes"},
        {UINT64_MAX - 3, 8, "leaves the buffer of 100 bytes"},
        {8, UINT64_MAX - 3, "leaves the buffer of 100 bytes"},
    };
    Fixture *fixture = *state;
    VknRuntime *runtime = fixture->runtime;
    Log *log = &fixture->log;
    uint32_t data[26] = {0};
    const VknBuffer none = {.size = 100};
    VknBuffer buffer = create_buffer(runtime, 100);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_fails(log, vkn_runtime_upload(runtime, &buffer, refused[i].offset, data, refused[i].size),
                     VKN_ERROR_INVALID_ARGUMENT, refused[i].words);
        assert_fails(log, vkn_runtime_download(runtime, &buffer, refused[i].offset, data, refused[i].size),
                     VKN_ERROR_INVALID_ARGUMENT, refused[i].words);
    }
    assert_fails(log, vkn_runtime_upload(runtime, NULL, 0, data, 4), VKN_ERROR_INVALID_ARGUMENT, "buffer");
    assert_fails(log, vkn_runtime_upload(runtime, &none, 0, data, 4), VKN_ERROR_INVALID_ARGUMENT, "buffer");
    assert_fails(log, vkn_runtime_upload(runtime, &buffer, 0, NULL, 4), VKN_ERROR_INVALID_ARGUMENT, "NULL");
    assert_fails(log, vkn_runtime_download(runtime, NULL, 0, data, 4), VKN_ERROR_INVALID_ARGUMENT, "buffer");
    assert_fails(log, vkn_runtime_download(runtime, &none, 0, data, 4), VKN_ERROR_INVALID_ARGUMENT, "buffer");
    assert_fails(log, vkn_runtime_download(runtime, &buffer, 0, NULL, 4), VKN_ERROR_INVALID_ARGUMENT, "NULL");
    const VknBuffer outside[] = {{buffer.buffer, 0, 104},
                                 {buffer.buffer, 4, 100},
                                 {buffer.buffer, 100, 4},
                                 {buffer.buffer, UINT64_MAX - 3, 8},
                                 {buffer.buffer, 8, UINT64_MAX - 3}};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        assert_fails(log, vkn_runtime_upload(runtime, &outside[i], 0, data, 4), VKN_ERROR_INVALID_ARGUMENT,
                     "which was created with 100");
        assert_fails(log, vkn_runtime_copy(runtime, &buffer, &outside[i], 4, 1, NULL),
                     VKN_ERROR_INVALID_ARGUMENT, "which was created with 100");
    }
    vkn_runtime_buffer_destroy(NULL, buffer.buffer);
    assert_int_equal(vkn_runtime_upload(NULL, &buffer, 0, data, 4), VKN_ERROR_INVALID_ARGUMENT);
    assert_int_equal(vkn_runtime_download(NULL, &buffer, 0, data, 4), VKN_ERROR_INVALID_ARGUMENT);
}

static void test_copy_refusals(void **state) {
    Fixture *fixture = *state;
    VknRuntime *runtime = fixture->runtime;
    Log *log = &fixture->log;
    VknBuffer from = create_buffer(runtime, 64), to = create_buffer(runtime, 32);
    VknBuffer low = {from.buffer, 0, 40}, high = {from.buffer, 36, 28};
    assert_fails(log, vkn_runtime_copy(runtime, &from, &to, 36, 1, NULL), VKN_ERROR_INVALID_ARGUMENT,
                 "leaves the buffer of 32 bytes");
    assert_fails(log, vkn_runtime_copy(runtime, &to, &from, 36, 1, NULL), VKN_ERROR_INVALID_ARGUMENT,
                 "leaves the buffer of 32 bytes");
    assert_fails(log, vkn_runtime_copy(runtime, &from, &to, 30, 1, NULL), VKN_ERROR_INVALID_ARGUMENT,
                 "multiples of 4");
    assert_fails(log, vkn_runtime_copy(runtime, &from, &to, 0, 1, NULL), VKN_ERROR_INVALID_ARGUMENT,
                 "size 0");
    assert_fails(log, vkn_runtime_copy(runtime, &from, &to, 32, 0, NULL), VKN_ERROR_INVALID_ARGUMENT,
                 "repeat 0");
    assert_fails(log, vkn_runtime_copy(runtime, NULL, &to, 4, 1, NULL), VKN_ERROR_INVALID_ARGUMENT, "buffer");
    assert_fails(log, vkn_runtime_copy(runtime, &from, NULL, 4, 1, NULL), VKN_ERROR_INVALID_ARGUMENT,
                 "buffer");
    assert_fails(log, vkn_runtime_copy(runtime, &low, &low, 4, 1, NULL), VKN_ERROR_INVALID_ARGUMENT,
                 "overlap");
    assert_fails(log, vkn_runtime_copy(runtime, &high, &from, 28 + 12, 1, NULL), VKN_ERROR_INVALID_ARGUMENT,
                 "leaves");
    assert_fails(log, vkn_runtime_copy(runtime, &low, &(VknBuffer){from.buffer, 8, 56}, 12, 1, NULL),
                 VKN_ERROR_INVALID_ARGUMENT, "overlap");
    assert_int_equal(vkn_runtime_copy(runtime, &low, &high, 28, 1, NULL), VKN_SUCCESS);
    assert_int_equal(vkn_runtime_copy(NULL, &from, &to, 4, 1, NULL), VKN_ERROR_INVALID_ARGUMENT);
}

static uint32_t pattern(uint64_t i) {
    return (uint32_t)(i * 2654435761u + 1);
}

static double now(void) {
    struct timespec time;
    timespec_get(&time, TIME_UTC);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Uploads to the middle of a part of a buffer, copies that to another buffer, downloads all of both. More
 * than one staging buffer full, and no multiple of it. */
static void test_transfers_touch_their_range_only(void **state) {
    enum { WORDS = 9000001, FIRST = 5, LAST = WORDS - 7 }; /* 36 MB, of which [FIRST, LAST) is written */
    Fixture *fixture = *state;
    VknRuntime *runtime = fixture->runtime;
    VknBuffer buffers[2];
    uint32_t *words = malloc(WORDS * sizeof *words);
    double seconds = 0;
    assert_non_null(words);
    memset(words, 0xa5, WORDS * sizeof *words);
    for (int i = 0; i < 2; i++) {
        buffers[i] = create_buffer(runtime, WORDS * sizeof *words);
        assert_int_equal(vkn_runtime_upload(runtime, &buffers[i], 0, words, buffers[i].size), VKN_SUCCESS);
    }
    for (uint64_t i = FIRST; i < LAST; i++)
        words[i] = pattern(i);
    VknBuffer part = {buffers[0].buffer, 8, buffers[0].size - 8};
    VknBuffer from = {buffers[0].buffer, 4 * FIRST, 4 * (LAST - FIRST)};
    VknBuffer to = {buffers[1].buffer, 4 * FIRST, 4 * (LAST - FIRST)};
    assert_int_equal(vkn_runtime_upload(runtime, &part, 4 * (FIRST - 2), words + FIRST, 4 * (LAST - FIRST)),
                     VKN_SUCCESS);
    double start = now();
    assert_int_equal(vkn_runtime_copy(runtime, &from, &to, from.size, 10, &seconds), VKN_SUCCESS);
    assert_true(seconds > 0 && 10 * seconds < now() - start); /* the time of one, not of all */
    for (int b = 0; b < 2; b++) {
        memset(words, 0, WORDS * sizeof *words);
        assert_int_equal(vkn_runtime_download(runtime, &buffers[b], 0, words, buffers[b].size), VKN_SUCCESS);
        for (uint64_t i = 0; i < WORDS; i++)
            if (words[i] != (i < FIRST || i >= LAST ? 0xa5a5a5a5u : pattern(i)))
                fail_msg("word %llu of buffer %d is %08x", (unsigned long long)i, b, words[i]);
    }
    uint32_t few[3] = {0};
    assert_int_equal(vkn_runtime_download(runtime, &part, 4 * 5000001, few, sizeof few), VKN_SUCCESS);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(few[i], pattern(5000003 + i));
    assert_int_equal(vkn_runtime_download(runtime, &part, part.size, few, 0), VKN_SUCCESS);
    free(words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_ON_DEVICE(test_buffers_left_are_destroyed),
        TEST_ON_DEVICE(test_buffer_refusals),
        TEST_ON_DEVICE(test_transfer_refusals),
        TEST_ON_DEVICE(test_copy_refusals),
        TEST_ON_DEVICE(test_transfers_touch_their_range_only),
    };
    return cmocka_run_group_tests(tests, group_open, NULL);
}
