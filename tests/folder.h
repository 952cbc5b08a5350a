/* A folder for each test, with names for two files in it. */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

static char folder[64], path[128], other[128];

static inline int folder_open(void **state) {
    (void)state;
    strcpy(folder, "/tmp/vkn_cache_XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/cache", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    return 0;
}

/* Nothing may be left but what the test made. */
static inline int folder_close(void **state) {
    (void)state;
    unlink(path);
    rmdir(path);
    unlink(other);
    return rmdir(folder);
}

#define TEST_IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, folder_open, folder_close)

#endif
