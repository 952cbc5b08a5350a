/* Random problems in every layout, type and mode, forward and backward, on one device, against the formulas
 * of the header in fp64. Around and between all elements lie guards, and padding holds NaN. */
#include "problem_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void log_write(void *user, VknLogLevel level, const char *message) {
    (void)user;
    if (level == VKN_LOG_ERROR && !strstr(message, "cannot serve"))
        printf("    %s\n", message);
}

int main(int argc, char **argv) {
    VknRuntime *runtime;
    VknRuntimeDesc desc = {.log = {log_write, NULL}};
    ProblemTally tally = {.strategies = 2};
    uint64_t seed = 1, rounds = 40;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--validation"))
            desc.validation = true;
        else if (!strcmp(argv[i], "--long"))
            rounds *= 30;
        else if (!strcmp(argv[i], "--device") && i + 1 < argc)
            desc.device = argv[++i];
        else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--rounds") && i + 1 < argc)
            rounds = strtoull(argv[++i], NULL, 10);
        else
            return fprintf(stderr,
                           "usage: fuzz [--device NAME] [--seed N] [--rounds N] [--long] [--validation]\n"),
                   2;
    }
    problem_require(vkn_runtime_create(&desc, &runtime), "device");
    for (uint64_t round = seed; round < seed + rounds; round++) {
        TestRandom random = test_random_start(round);
        uint64_t most = 1 + test_random_below(&random, 800);
        problem_check(runtime, &random, round, most, test_activation_id(round % TEST_ACTIVATION_COUNT),
                      &tally);
    }
    uint32_t messages = vkn_runtime_validation_count(runtime);
    vkn_runtime_destroy(runtime);
    if (messages)
        printf("%u validation messages\n", messages);
    printf("runs:");
    for (uint32_t i = VKN_OPERATION_TRAIN; i <= VKN_OPERATION_REDUCE; i++)
        printf(" %u", tally.runs_of[i]);
    printf("\n%u passed, %u failed, 0 skipped\n", tally.passed, tally.failed + (messages > 0));
    return tally.failed || messages || !tally.passed;
}
