/* Cached pipelines as a fuzzer sees them. */
#ifndef TESTS_CACHE_FUZZ_H
#define TESTS_CACHE_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Takes any bytes, by the interface of libFuzzer; ends the process when the library does with them what it
 * must not. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#endif
