/* Initializers of layers: the generator's published vectors, distributions, orthogonality, refusals. */
#include <vknorm/layer.h>

#include "runtime_test.h"

#include <math.h>

#define COUNT 40000

static Log log_of_test;
static const VknLog LOG = {log_write, &log_of_test};

static float *fill(const VknInitializer *initializer, uint32_t stream, uint32_t rank, const uint64_t *shape) {
    uint64_t count = 1;
    for (uint32_t i = 0; i < rank; i++)
        count *= shape[i];
    float *values = malloc((count + 1) * sizeof *values);
    assert_non_null(values);
    values[count] = 42; /* nothing is written there */
    assert_int_equal(vkn_initializer_fill(LOG, initializer, stream, rank, shape, values), VKN_SUCCESS);
    assert_true(values[count] == 42);
    return values;
}

/* ------------------------------------------------------------------------------------------ generator */

/* Random123's known answers. */
static void test_philox(void **state) {
    static const struct {
        uint32_t counter[4], key[2], result[4];
    } KNOWN[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        uint32_t block[4];
        memcpy(block, KNOWN[i].counter, sizeof block);
        vkn_philox(KNOWN[i].key, block);
        assert_memory_equal(block, KNOWN[i].result, sizeof block);
    }
}

/* What another implementation of the same formulas gives, so that values stay what they are. */
static void test_values_are_pinned(void **state) {
    static const float UNIFORM[] = {0.00109799637f, 0.416805774f, 0.52842617f, 0.521702349f};
    static const float NORMAL[] = {-1.10801268f, -1.02649128f, 0.252089441f, -0.991356254f};
    const uint64_t seed = 0x123456789abcdef0u;
    const VknInitializer uniform = {.kind = VKN_INITIALIZER_UNIFORM, .maximum = 1, .seed = seed};
    const VknInitializer normal = {.kind = VKN_INITIALIZER_NORMAL, .deviation = 1, .seed = seed};
    (void)state;
    float *a = fill(&uniform, 7, 1, (uint64_t[]){4}), *b = fill(&normal, 7, 1, (uint64_t[]){4});
    for (int i = 0; i < 4; i++) {
        assert_true(a[i] == UNIFORM[i]);
        assert_true(fabsf(b[i] - NORMAL[i]) <= 1e-7f); /* by the host's own log and cos */
    }
    free(a);
    free(b);
    assert_int_equal(vkn_stream_of_name(""), 0x811c9dc5); /* FNV-1a's own vectors */
    assert_int_equal(vkn_stream_of_name("foobar"), 0xbf9cf968);
}

/* A value depends on seed, stream and index, and on nothing else. */
static void test_values_are_counted(void **state) {
    VknInitializer initializer = *vkn_initializer_find("random_normal");
    uint64_t same = 0;
    (void)state;
    float *a = fill(&initializer, 1, 2, (uint64_t[]){200, 200});
    float *b = fill(&initializer, 1, 1, (uint64_t[]){100});
    float *c = fill(&initializer, 2, 2, (uint64_t[]){200, 200});
    initializer.seed = (uint64_t)1 << 32;
    float *d = fill(&initializer, 1, 2, (uint64_t[]){200, 200});
    assert_memory_equal(a, b, 100 * sizeof *a);
    for (uint64_t i = 0; i < COUNT; i++)
        same += (a[i] == c[i]) + (a[i] == d[i]) + (c[i] == d[i]);
    assert_true(same < 20); /* floats coincide now and then */
    free(a);
    free(b);
    free(c);
    free(d);
}

/* --------------------------------------------------------------------------------------- distributions */

typedef struct Moments {
    double mean, deviation, skew, kurtosis, minimum, maximum, neighbours;
} Moments;

static Moments moments_of(const float *values, uint64_t count) {
    Moments m = {.minimum = INFINITY, .maximum = -INFINITY};
    double power[5] = {0};
    for (uint64_t i = 0; i < count; i++)
        m.mean += values[i] / (double)count;
    for (uint64_t i = 0; i < count; i++) {
        const double d = values[i] - m.mean;
        for (int k = 2; k < 5; k++)
            power[k] += pow(d, k) / (double)count;
        m.neighbours += i ? d * (values[i - 1] - m.mean) / (double)count : 0;
        m.minimum = fmin(m.minimum, values[i]);
        m.maximum = fmax(m.maximum, values[i]);
    }
    m.deviation = sqrt(power[2]);
    m.skew = power[3] / pow(power[2], 1.5);
    m.kurtosis = power[4] / (power[2] * power[2]);
    m.neighbours /= power[2];
    return m;
}

static void near(double is, double expected, double bound) {
    if (!(fabs(is - expected) <= bound))
        fail_msg("%g is not within %g of %g", is, bound, expected);
}

/* Of COUNT values: five standard errors each. Kurtosis of what is uniform 1.8, normal 3, cut at 2 2.36. */
static void check(const float *values, double mean, double deviation, double kurtosis) {
    const Moments m = moments_of(values, COUNT);
    near(m.mean, mean, 5 * deviation / sqrt(COUNT));
    near(m.deviation / deviation, 1, 5 * sqrt((kurtosis - 1) / 4 / COUNT));
    near(m.skew, 0, 5 * sqrt(6.0 / COUNT));
    near(m.kurtosis, kurtosis, 5 * sqrt(24.0 / COUNT));
    near(m.neighbours, 0, 5 / sqrt(COUNT));
}

static void test_distributions(void **state) {
    const uint64_t shape[] = {COUNT};
    const VknInitializer uniform = {.kind = VKN_INITIALIZER_UNIFORM, .minimum = -3, .maximum = 1};
    const VknInitializer normal = {.kind = VKN_INITIALIZER_NORMAL, .mean = 5, .deviation = 2};
    const VknInitializer cut = {.kind = VKN_INITIALIZER_TRUNCATED_NORMAL, .mean = -1, .deviation = 2};
    (void)state;
    float *values = fill(&uniform, 3, 1, shape);
    check(values, -1, 4 / sqrt(12), 1.8);
    near(moments_of(values, COUNT).minimum, -3, 0.001);
    near(moments_of(values, COUNT).maximum, 1, 0.001);
    free(values);
    values = fill(&normal, 3, 1, shape);
    check(values, 5, 2, 3);
    assert_true(moments_of(values, COUNT).maximum > 5 + 2 * 3.5);
    free(values);
    values = fill(&cut, 3, 1, shape);
    check(values, -1, 2 * 0.87962566103423978, 2.365);
    near(moments_of(values, COUNT).minimum, -5, 0.008);
    near(moments_of(values, COUNT).maximum, 3, 0.008);
    free(values);
}

/* Deviation sqrt(scale / fan) for shapes of each rank. */
static void test_variance_scaling(void **state) {
    static const struct {
        uint32_t rank;
        uint64_t shape[4];
        double in, out;
    } SHAPES[] = {{1, {COUNT}, COUNT, COUNT}, {2, {100, 400}, 100, 400}, {4, {5, 4, 20, 100}, 400, 2000}};
    static const struct {
        const char *name;
        double scale, in, out, kurtosis;
    } KINDS[] = {{"glorot_uniform", 1, 0.5, 0.5, 1.8}, {"glorot_normal", 1, 0.5, 0.5, 2.365},
                 {"he_uniform", 2, 1, 0, 1.8},         {"he_normal", 2, 1, 0, 2.365},
                 {"lecun_uniform", 1, 1, 0, 1.8},      {"lecun_normal", 1, 1, 0, 2.365},
                 {"variance_scaling", 1, 1, 0, 2.365}};
    (void)state;
    for (size_t s = 0; s < sizeof SHAPES / sizeof *SHAPES; s++) {
        for (size_t k = 0; k < sizeof KINDS / sizeof *KINDS; k++) {
            float *values = fill(vkn_initializer_find(KINDS[k].name), 11, SHAPES[s].rank, SHAPES[s].shape);
            check(values, 0,
                  sqrt(KINDS[k].scale / (SHAPES[s].in * KINDS[k].in + SHAPES[s].out * KINDS[k].out)),
                  KINDS[k].kurtosis);
            free(values);
        }
        VknInitializer out = {.kind = VKN_INITIALIZER_VARIANCE_SCALING,
                              .scale = 3,
                              .fan = VKN_FAN_OUT,
                              .distribution = VKN_DISTRIBUTION_NORMAL};
        float *values = fill(&out, 11, SHAPES[s].rank, SHAPES[s].shape);
        check(values, 0, sqrt(3 / SHAPES[s].out), 3);
        free(values);
    }
}

/* ---------------------------------------------------------------------------------------------- matrices */

static void check_orthogonal(uint32_t rank, const uint64_t *shape, uint64_t rows, uint64_t columns) {
    const VknInitializer initializer = {.kind = VKN_INITIALIZER_ORTHOGONAL, .gain = 2};
    float *q = fill(&initializer, 5, rank, shape);
    const uint64_t vectors = rows < columns ? rows : columns, length = rows < columns ? columns : rows;
    for (uint64_t a = 0; a < vectors; a++)
        for (uint64_t b = 0; b < vectors; b++) {
            double dot = 0;
            for (uint64_t i = 0; i < length; i++)
                dot += rows < columns ? (double)q[a * columns + i] * q[b * columns + i]
                                      : (double)q[i * columns + a] * q[i * columns + b];
            near(dot, a == b ? 4 : 0, 2e-6);
        }
    free(q);
}

static void test_matrices(void **state) {
    const VknInitializer identity = {.kind = VKN_INITIALIZER_IDENTITY, .gain = 3};
    (void)state;
    check_orthogonal(2, (uint64_t[]){40, 40}, 40, 40);
    check_orthogonal(2, (uint64_t[]){50, 20}, 50, 20);
    check_orthogonal(2, (uint64_t[]){20, 50}, 20, 50);
    check_orthogonal(4, (uint64_t[]){3, 3, 4, 30}, 36, 30);
    check_orthogonal(2, (uint64_t[]){1, 1}, 1, 1);
    /* Uniform among the orthogonal ones: signs of the first element are not all alike. */
    int positive = 0;
    for (uint32_t stream = 0; stream < 64; stream++) {
        float *q = fill(vkn_initializer_find("orthogonal"), stream, 2, (uint64_t[]){2, 2});
        positive += q[0] > 0;
        free(q);
    }
    assert_in_range(positive, 12, 52);
    float *values = fill(&identity, 0, 2, (uint64_t[]){2, 3});
    const float expected[] = {3, 0, 0, 0, 3, 0};
    assert_memory_equal(values, expected, sizeof expected);
    free(values);
}

/* ----------------------------------------------------------------------------------------------- rules */

static void test_names(void **state) {
    (void)state;
    assert_null(vkn_initializer_find("glorot"));
    assert_null(vkn_initializer_find(NULL));
    float *values = fill(vkn_initializer_find("ones"), 0, 1, (uint64_t[]){1});
    assert_true(values[0] == 1);
    free(values);
    values = fill(vkn_initializer_find("zeros"), 0, 0, NULL); /* a scalar */
    assert_true(values[0] == 0);
    free(values);
    values = fill(vkn_initializer_find("random_normal"), 0, 2, (uint64_t[]){0, 3}); /* nothing */
    free(values);
}

static void test_refusals(void **state) {
    static const struct {
        VknInitializer initializer;
        uint32_t rank;
        const char *words;
    } REFUSED[] = {
        {{.kind = (VknInitializerKind)7}, 2, "no initializer 7"},
        {{.kind = VKN_INITIALIZER_CONSTANT, .value = NAN}, 2, "finite, not nan"},
        {{.kind = VKN_INITIALIZER_UNIFORM, .minimum = 2, .maximum = 1}, 2, "not 2 and 1"},
        {{.kind = VKN_INITIALIZER_UNIFORM, .maximum = INFINITY}, 2, "not 0 and inf"},
        {{.kind = VKN_INITIALIZER_NORMAL, .deviation = -1}, 2, "not 0 and -1"},
        {{.kind = VKN_INITIALIZER_TRUNCATED_NORMAL, .mean = INFINITY}, 2, "not inf and 0"},
        {{.kind = VKN_INITIALIZER_VARIANCE_SCALING, .scale = 0}, 2, "scale > 0"},
        {{.kind = VKN_INITIALIZER_VARIANCE_SCALING, .scale = 1, .fan = (VknFan)3}, 2, "not 1, 3 and 0"},
        {{.kind = VKN_INITIALIZER_ORTHOGONAL, .gain = NAN}, 2, "gain must be finite"},
        {{.kind = VKN_INITIALIZER_ORTHOGONAL, .gain = 1}, 1, "not of rank 1"},
        {{.kind = VKN_INITIALIZER_IDENTITY, .gain = 1}, 3, "not of rank 3"},
        {{.kind = VKN_INITIALIZER_CONSTANT}, 9, "not rank 9"},
    };
    const uint64_t shape[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    float value = 42;
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++)
        assert_fails(&log_of_test,
                     vkn_initializer_fill(LOG, &REFUSED[i].initializer, 0, REFUSED[i].rank, shape, &value),
                     VKN_ERROR_INVALID_ARGUMENT, REFUSED[i].words);
    assert_fails(&log_of_test,
                 vkn_initializer_fill(LOG, vkn_initializer_find("ones"), 0, 2,
                                      (uint64_t[]){(uint64_t)1 << 40, 2}, &value),
                 VKN_ERROR_INVALID_ARGUMENT, "at most");
    assert_true(value == 42);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox),
        cmocka_unit_test(test_values_are_pinned),
        cmocka_unit_test(test_values_are_counted),
        cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_variance_scaling),
        cmocka_unit_test(test_matrices),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
