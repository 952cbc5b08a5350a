/* What the tests of the runtime share: a log that is looked at, and a runtime for each test. */
#ifndef VKN_RUNTIME_TEST_H
#define VKN_RUNTIME_TEST_H

#include <vknorm/runtime.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>

/* --------------------------------------------------------------------------------------------- log */

/* Errors and warnings since the last look, each ends in a newline. */
typedef struct Log {
    char text[16384];
} Log;

static inline void log_write(void *user, VknLogLevel level, const char *message) {
    Log *log = user;
    size_t length = strlen(log->text);
    if (level != VKN_LOG_INFO)
        snprintf(log->text + length, sizeof log->text - length, "%s\n", message);
}

static inline void assert_log_empty(const Log *log) {
    assert_string_equal(log->text, "");
}

/* A call that returned `result` should have returned `expected` and logged a sentence with `words` in it. */
static inline void assert_fails(Log *log, VknResult result, VknResult expected, const char *words) {
    assert_string_equal(vkn_result_name(result), vkn_result_name(expected));
    if (!strstr(log->text, words))
        fail_msg("the log should say \"%s\", it says \"%s\"", words, log->text);
    log->text[0] = '\0';
}

/* ----------------------------------------------------------------------------------------- runtimes */

static bool validation; /* is installed */

static inline VknRuntimeDesc desc_of(const char *device, Log *log) {
    return (VknRuntimeDesc){.device = device, .validation = validation, .log = {log_write, log}};
}

static inline VknRuntime *open_runtime(const VknRuntimeDesc *desc) {
    VknRuntime *runtime = NULL;
    VknResult result = vkn_runtime_create(desc, &runtime);
    if (result != VKN_SUCCESS)
        fail_msg("vkn_runtime_create: %s, %s", vkn_result_name(result), ((Log *)desc->log.user)->text);
    return runtime;
}

typedef struct Fixture {
    VknRuntime *runtime;
    Log log;
} Fixture;

static inline int fixture_open(void **state) {
    Fixture *fixture = calloc(1, sizeof *fixture);
    VknRuntimeDesc desc = desc_of(NULL, &fixture->log);
    fixture->runtime = open_runtime(&desc);
    *state = fixture;
    return 0;
}

/* Whatever the test did must be valid Vulkan and leave nothing behind. */
static inline int fixture_close(void **state) {
    Fixture *fixture = *state;
    assert_int_equal(vkn_runtime_validation_count(fixture->runtime), 0);
    vkn_runtime_destroy(fixture->runtime);
    assert_log_empty(&fixture->log);
    free(fixture);
    return 0;
}

static inline VknBuffer create_buffer(VknRuntime *runtime, uint64_t size) {
    VknBuffer buffer = {0};
    assert_int_equal(vkn_runtime_buffer_create(runtime, size, &buffer), VKN_SUCCESS);
    assert_true(buffer.buffer != VK_NULL_HANDLE && buffer.offset == 0 && buffer.size == size);
    return buffer;
}

/* Looks once whether the validation layer is there. */
static inline int group_open(void **state) {
    Log log = {0};
    VknRuntimeDesc desc = desc_of(NULL, &log);
    VknRuntime *runtime;
    (void)state;
    desc.validation = true;
    validation = vkn_runtime_create(&desc, &runtime) == VKN_SUCCESS;
    vkn_runtime_destroy(runtime);
    return 0;
}

/* A test whose state is a fixture. */
#define TEST_ON_DEVICE(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

#endif
