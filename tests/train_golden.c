/* What reads tests/golden/train.txt and compares: that it takes what is right, refuses what is damaged, and
 * notices what is wrong. */
#include "../samples/train/golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/vknorm-golden-XXXXXX";

/* Two steps, two variables: the first is 1, 2, 3, ..., 10. */
static const char GOOD[] = "# a comment\n"
                           "\n"
                           "model other 1 4\n"
                           "model tiny 2 32\n"
                           "step 2.5 1e-6\n"
                           "step 1.25 2e-6\n"
                           "variable dense/kernel 10\n"
                           "sum 55 1e-5\n"
                           "norm 19.6214168703 2e-6\n"
                           "elements 2 1e-6\n"
                           "0 1\n"
                           "9 10\n"
                           "variable dense/bias 1\n"
                           "sum -0.5 1e-7\n"
                           "norm 0.5 1e-7\n"
                           "elements 1 1e-7\n"
                           "0 -0.5\n"
                           "end\n";

static void write_file(const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static Golden *open_good(void) {
    write_file(GOOD);
    Golden *golden = golden_open(path, "tiny");
    assert_non_null(golden);
    return golden;
}

/* What it makes of these values: all of the first variable, the losses. */
static bool passes(const float *kernel, double loss0, double loss1) {
    static const float BIAS = -0.5f;
    Golden *golden = open_good();
    bool same = golden_compare_step(golden, 0, loss0);
    same &= golden_compare_step(golden, 1, loss1);
    same &= golden_compare_variable(golden, "dense/kernel", 10, kernel);
    same &= golden_compare_variable(golden, "dense/bias", 1, &BIAS);
    const bool passed = golden_finish(golden);
    assert_int_equal(passed, same);
    golden_close(golden);
    return passed;
}

static const float KERNEL[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

static void test_right(void **state) {
    (void)state;
    Golden *golden = open_good();
    assert_int_equal(golden_steps(golden), 2);
    assert_int_equal(golden_batch(golden), 32);
    golden_close(golden);
    assert_true(passes(KERNEL, 2.5, 1.25));
    assert_true(passes(KERNEL, 2.5 + 7.9e-6, 1.25 - 15.9e-6));
}

static void test_wrong_loss(void **state) {
    (void)state;
    assert_false(passes(KERNEL, 2.5 + 8.1e-6, 1.25));
    assert_false(passes(KERNEL, 2.5, 1.25 - 16.1e-6));
    assert_false(passes(KERNEL, NAN, 1.25));
    assert_false(passes(KERNEL, 2.5, INFINITY));
}

static void test_wrong_values(void **state) {
    (void)state;
    float kernel[10];
    memcpy(kernel, KERNEL, sizeof kernel);
    kernel[0] += 2e-5f; /* the sum, within its bound, hides that */
    assert_false(passes(kernel, 2.5, 1.25));
    memcpy(kernel, KERNEL, sizeof kernel);
    kernel[4] = 6; /* of which no element is compared; the sum stays */
    kernel[5] = 5.001f;
    kernel[6] = 6.999f;
    assert_false(passes(kernel, 2.5, 1.25));
    memcpy(kernel, KERNEL, sizeof kernel);
    kernel[4] = -5; /* the norm stays */
    assert_false(passes(kernel, 2.5, 1.25));
    kernel[4] = NAN;
    assert_false(passes(kernel, 2.5, 1.25));
}

static void test_missing(void **state) {
    (void)state;
    const float bias = -0.5f;
    Golden *golden = open_good(); /* without a step */
    assert_true(golden_compare_step(golden, 0, 2.5));
    assert_true(golden_compare_variable(golden, "dense/kernel", 10, KERNEL));
    assert_true(golden_compare_variable(golden, "dense/bias", 1, &bias));
    assert_false(golden_finish(golden));
    golden_close(golden);
    golden = open_good(); /* without a variable */
    assert_true(golden_compare_step(golden, 0, 2.5));
    assert_true(golden_compare_step(golden, 1, 1.25));
    assert_true(golden_compare_variable(golden, "dense/kernel", 10, KERNEL));
    assert_false(golden_finish(golden));
    golden_close(golden);
    golden = open_good();
    assert_false(golden_compare_step(golden, 2, 2.5));
    assert_false(golden_compare_variable(golden, "dense/kernel", 9, KERNEL));
    assert_false(golden_compare_variable(golden, "dense/gamma", 10, KERNEL));
    golden_close(golden);
}

static void assert_refused(const char *text) {
    write_file(text);
    Golden *golden = golden_open(path, "tiny");
    if (golden)
        fail_msg("taken: %s", text);
}

/* Each line left out, or longer, or with another word or number in it. */
static void test_damaged(void **state) {
    (void)state;
    assert_null(golden_open("/nowhere/train.txt", "tiny"));
    write_file(GOOD);
    assert_null(golden_open(path, "tin"));
    for (const char *line = strstr(GOOD, "model tiny"); *line; line = strchr(line, '\n') + 1) {
        char text[sizeof GOOD + 16];
        const int before = (int)(line - GOOD), length = (int)strcspn(line, "\n"), last = before + length - 1;
        const char *after = line + length;
        snprintf(text, sizeof text, "%.*s%s", before, GOOD, after + 1);
        assert_refused(text);
        snprintf(text, sizeof text, "%.*s%.*s 1%s", before, GOOD, length, line, after);
        assert_refused(text);
        snprintf(text, sizeof text, "%.*s-%.*s%s", before, GOOD, length, line, after);
        if (line[0] != '0' && line[0] != '9')
            assert_refused(text);
        snprintf(text, sizeof text, "%.*s", before, GOOD);
        assert_refused(text);
        snprintf(text, sizeof text, "%.*sx%s", last, GOOD, after);
        assert_refused(text);
    }
    static const struct {
        const char *line, *instead;
    } CASES[] = {{"tiny 2", "tiny 0"},
                 {"tiny 2", "tiny 33"},
                 {"2 32", "2 0"},
                 {"step 2.5 ", "step nan "},
                 {"1e-6", "-1e-6"},
                 {"kernel 10", "kernel 0"},
                 {"elements 2", "elements 9"},
                 {"elements 2", "elements 0"},
                 {"9 10", "10 10"},
                 {"0 1\n", "0 inf\n"},
                 {"sum 55", "sum"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char text[sizeof GOOD + 64];
        const char *at = strstr(strstr(GOOD, "model tiny"), CASES[i].line);
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - GOOD), GOOD, CASES[i].instead,
                 at + strlen(CASES[i].line));
        assert_refused(text);
    }
}

/* The file that is compared with has every model in full. */
static void test_file(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint64_t parameters;
    } MODELS[] = {{"mlp", 271346},      {"mlp_before", 270946}, {"mlp_plain", 266610},  {"cnn", 54538},
                  {"cnn_leaky", 54538}, {"cnn_plain", 54410},   {"cnn_spatial", 57114}, {"dense", 51146},
                  {"lstm", 30625},      {"lstm_plain", 30369}};
    for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++) {
        Golden *golden = golden_open(GOLDEN_FILE, MODELS[i].name);
        assert_non_null(golden);
        assert_true(golden_steps(golden) == 10 && golden_batch(golden) == 32);
        golden_close(golden);
        /* Its variables are as many elements as Keras counts. */
        FILE *file = fopen(GOLDEN_FILE, "r");
        char line[256], name[64] = "";
        unsigned long long count, total = 0;
        while (fgets(line, sizeof line, file)) {
            sscanf(line, "model %63s", name);
            if (!strcmp(name, MODELS[i].name) && sscanf(line, "variable %*s %llu", &count) == 1)
                total += count;
        }
        fclose(file);
        assert_int_equal(total, MODELS[i].parameters);
    }
}

static int setup(void **state) {
    (void)state;
    const int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int teardown(void **state) {
    (void)state;
    return remove(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),        cmocka_unit_test(test_wrong_loss),
        cmocka_unit_test(test_wrong_values), cmocka_unit_test(test_missing),
        cmocka_unit_test(test_damaged),      cmocka_unit_test(test_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
