/* What fuzzers share. A fuzzer is a function of bytes that nobody chose, which must not crash; what is wrong
 * without a crash, it makes one. clang's libFuzzer chooses the bytes by what they make run. */
#ifndef TESTS_FUZZER_H
#define TESTS_FUZZER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define FUZZ_REQUIRE(condition, ...)                                                                         \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "not so: " #condition ": " __VA_ARGS__);                                         \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/* The path of a file that holds the bytes, until the next call. */
const char *fuzz_file(const uint8_t *bytes, size_t size);

#endif
