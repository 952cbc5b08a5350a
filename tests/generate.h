/* Random descriptions and capabilities for tests of the planner, the same ones for the same seed. */
#ifndef TESTS_GENERATE_H
#define TESTS_GENERATE_H

#include <vknorm/vknorm.h>

#include <stddef.h>

/* What a fuzz test does: rounds seed, seed + 1, ... */
typedef struct TestRounds {
    uint64_t seed;
    uint64_t count;
} TestRounds;

/* Reads --seed N, --rounds N and --long (20 times the rounds) and prints the seed. Returns false, having
 * said why, for any other option. */
bool test_rounds_parse(int argc, char **argv, uint64_t default_count, TestRounds *rounds);

typedef struct TestRandom {
    uint64_t state;
    const uint8_t *bytes; /* what is drawn first, two at a time, before `state` goes on */
    size_t left;
} TestRandom;

/* A good start for each round, however close their seeds are. */
TestRandom test_random_start(uint64_t seed);

/* For fuzzers: each draw depends on its own two bytes. */
TestRandom test_random_of_bytes(const uint8_t *bytes, size_t size);

uint64_t test_random_next(TestRandom *random);
uint64_t test_random_below(TestRandom *random, uint64_t limit);

/* A description that follows every rule, of at most `most` elements, with any layout of x and y that the
 * rules allow: padded, permuted, repeated elements of x. */
VknDesc test_random_desc(TestRandom *random, uint64_t most);

/* The last row of the table. */
#define TEST_LAST_ACTIVATION VKN_ACTIVATION_SPARSE_PLUS

/* Every activation that any description may have: all but PRELU, number 10, which needs SLOPE. */
#define TEST_ACTIVATION_COUNT TEST_LAST_ACTIVATION
static inline VknActivationId test_activation_id(uint64_t index) {
    return (VknActivationId)(index < 10 ? index : index + 1);
}

/* Capabilities at or above every floor, of devices that exist and of others. */
VknCaps test_random_caps(TestRandom *random);

#endif
