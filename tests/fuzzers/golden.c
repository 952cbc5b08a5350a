/* Golden files of any bytes. */
#include "fuzzer.h"
#include "golden_file.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    GoldenFile file;
    GoldenCase test;
    GoldenResult result = GOLDEN_ERROR;
    if (golden_open(&file, fuzz_file(bytes, size)))
        do {
            result = golden_next(&file, &test);
            golden_case_free(&test);
        } while (result == GOLDEN_CASE);
    golden_close(&file);
    return 0;
}
