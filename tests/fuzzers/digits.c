/* The sample's data, as text and compressed, of any bytes. */
#include "digits.h"
#include "fuzzer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    Digits digits;
    bool read = digits_read(fuzz_file(bytes, size), &digits);
    FUZZ_REQUIRE(read == (digits.count > 0), "%zu digits\n", digits.count);
    for (size_t i = 0; i < digits.count; i++) {
        FUZZ_REQUIRE(digits.label[i] < CLASSES, "digit %zu is a %d\n", i, digits.label[i]);
        for (size_t k = 0; k < PIXELS; k++)
            FUZZ_REQUIRE(digits.pixel[i * PIXELS + k] >= 0 && digits.pixel[i * PIXELS + k] <= DARKEST,
                         "digit %zu, pixel %zu\n", i, k);
    }
    digits_free(&digits);
    return 0;
}
