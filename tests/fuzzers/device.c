/* Problems of all kinds and forms, run on a device and compared with the formulas in fp64. */
#include "fuzzer.h"
#include "problem_check.h"

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level != VKN_LOG_INFO)
        fprintf(stderr, "%s\n", message);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static VknRuntime *runtime;
    TestRandom random = test_random_of_bytes(bytes, size);
    ProblemTally tally = {.strategies = 1 + (uint32_t)test_random_below(&random, 2)};
    if (!runtime)
        problem_require(vkn_runtime_create(&(VknRuntimeDesc){.log = {log_write, NULL}}, &runtime), "device");
    uint64_t most = 1 + test_random_below(&random, 200), seed = test_random_next(&random);
    uint64_t activation = test_random_below(&random, TEST_ACTIVATION_COUNT);
    problem_check(runtime, &random, seed, most, test_activation_id(activation), &tally);
    FUZZ_REQUIRE(!tally.failed, "%u of %u runs\n", tally.failed, tally.passed + tally.failed);
    return 0;
}
