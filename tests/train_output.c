/* What samples/train prints and plots: the summary, the progress, the curves. */
#include "train_test.h"

#include "../samples/train/curves.h"
#include "../samples/train/progress.h"

#include <sys/stat.h>

/* ------------------------------------------------------------------------------------ what is printed */

static void test_summary(void **state) {
    (void)state;
    static const SummaryRow ROWS[] = {{"flatten", "Flatten", "(None, 784)", 0},
                                      {"batch_normalization", "BatchNormalization", "(None, 784)", 3136},
                                      {"dense", "Dense", "(None, 1234300)", 235500}};
    capture_begin(stdout);
    summary_print("mlp", ROWS, 3, 1268978, 2368);
    const char *text = capture_end();
    assert_string_equal(text, "Model: mlp\n"
                              "-----------------------------------------------------------------------\n"
                              " Layer (type)                              Output shape     Parameters\n"
                              "=======================================================================\n"
                              " flatten (Flatten)                         (None, 784)               0\n"
                              " batch_normalization (BatchNormalization)  (None, 784)           3,136\n"
                              " dense (Dense)                             (None, 1234300)     235,500\n"
                              "=======================================================================\n"
                              " Total parameters: 1,271,346\n"
                              " Trainable parameters: 1,268,978\n"
                              " Non-trainable parameters: 2,368\n"
                              "-----------------------------------------------------------------------\n");
}

/* Where no terminal is, a line for each epoch. */
static void test_progress(void **state) {
    (void)state;
    capture_begin(stdout);
    progress_print(1, 20, 22, 45, 1.25, 0.5, 0.75);
    progress_epoch(1, 20, 45, 45, 2.5, 0.25, 0.875, 0.125, 0.96);
    progress_epoch(2, 20, 45, 45, 2.5, 0.25, -1, 0.125, -1);
    assert_string_equal(capture_end(),
                        "Epoch 1/20 [========================] 45/45  2.5 s  loss 0.2500  accuracy 87.50%"
                        "  test loss 0.1250  test accuracy 96.00%\n"
                        "Epoch 2/20 [========================] 45/45  2.5 s  loss 0.2500"
                        "  test loss 0.1250\n");
}

/* --------------------------------------------------------------------------------------------- curves */

static char picture[65536];

static void picture_read(const char *path) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    picture[fread(picture, 1, sizeof picture - 1, file)] = '\0';
    fclose(file);
}

/* Every tag is closed by its like, attributes are quoted, and no '&' or '<' is left in text. */
static void assert_well_formed(const char *at) {
    char open[16][16];
    int depth = 0;
    do {
        while (*at != '<' && *at) {
            if (*at == '&')
                assert_true(at[1] == '#' && strchr(at, ';'));
            assert_true((unsigned char)*at >= ' ' || *at == '\n');
            at++;
        }
        if (!*at++)
            break;
        const bool closes = *at == '/';
        at += closes;
        const int length = (int)strspn(at, "abcdefghijklmnopqrstuvwxyz");
        assert_in_range(length, 1, 15);
        if (closes) {
            assert_in_range(depth, 1, 16);
            assert_true(strncmp(open[--depth], at, (size_t)length) == 0);
            assert_int_equal(at[length], '>');
        } else {
            assert_in_range(depth, 0, 15);
            snprintf(open[depth++], sizeof *open, "%.*s", length, at);
        }
        for (bool quoted = false; quoted || *at != '>'; at++) {
            assert_true(*at && *at != '<');
            quoted ^= *at == '\'';
        }
        depth -= at[-1] == '/';
        at++;
    } while (*at != '\n' || depth > 0);
    assert_string_equal(at, "\n");
}

static size_t count_of(const char *what) {
    size_t count = 0;
    for (const char *at = strstr(picture, what); at; at = strstr(at + 1, what))
        count++;
    return count;
}

/* All lines are within the two panels. */
static void assert_inside(void) {
    for (const char *at = strstr(picture, "points='"); at; at = strstr(at + 1, "points='"))
        for (const char *point = at + 8; *point != '\''; point = strchr(point, ' ') + 1) {
            double x, y;
            assert_int_equal(sscanf(point, "%lf,%lf", &x, &y), 2);
            assert_true(x >= 60 && x <= 930 && y >= 50 && y <= 350);
        }
}

static void test_curves(void **state) {
    (void)state;
    const double falling[] = {2.3, 1.1, 0.6, 0.3}, late[] = {2.5, 1.4, NAN, 0.5},
                 rising[] = {0.1, 0.6, 0.9, 0.975}, constant[] = {0.5};
    const Curve curves[] = {{"with", 4, falling, late, rising, rising},
                            {"<without> & \x01", 4, late, falling, rising, rising},
                            {"short", 1, constant, constant, NULL, NULL}};
    const char *path = path_of("curves.svg");
    assert_true(curves_write(path, "mlp <1> & 2", curves, 3));
    picture_read(path);
    assert_well_formed(picture);
    assert_int_equal(count_of("<polyline"), 2 * 3 + 2 * 2);
    assert_int_equal(count_of(">loss<") + count_of(">accuracy<"), 2);
    assert_int_equal(count_of("nan") + count_of("inf"), 0);
    assert_non_null(strstr(picture, "mlp &#60;1&#62; &#38; 2"));
    assert_inside();
    assert_int_not_equal(access(path_of("curves.svg.part"), F_OK), 0);
}

/* The test set's loss is above all of training, and there is nothing between the accuracies. */
static void test_curves_range(void **state) {
    (void)state;
    const double low[] = {1, 0.5}, high[] = {3, 4}, all[] = {1, 1};
    const Curve curve = {"range", 2, low, high, all, all};
    assert_true(curves_write(path_of("curves.svg"), "range", &curve, 1));
    picture_read(path_of("curves.svg"));
    assert_well_formed(picture);
    assert_int_equal(count_of("<polyline"), 4);
    assert_int_equal(count_of("nan") + count_of("inf"), 0);
    assert_inside();
}

static void test_curves_empty(void **state) {
    (void)state;
    const double nothing[] = {NAN, INFINITY};
    const Curve curve = {"diverged", 2, nothing, nothing, NULL, NULL};
    assert_true(curves_write(path_of("curves.svg"), "nothing", &curve, 1));
    picture_read(path_of("curves.svg"));
    assert_well_formed(picture);
    assert_int_equal(count_of("<polyline"), 0);
}

/* What was there stays when the new picture cannot be written. */
static void test_curves_refused(void **state) {
    (void)state;
    const double one[] = {1};
    const Curve curve = {"one", 1, one, one, NULL, NULL};
    char path[256];
    snprintf(path, sizeof path, "%s", path_of("full"));
    assert_int_equal(mkdir(path, 0700), 0); /* no file can be renamed to a folder */
    capture_begin(stderr);
    const bool written = curves_write(path, "x", &curve, 1);
    assert_non_null(strstr(capture_end(), path));
    assert_false(written);
    assert_int_not_equal(access(path_of("full.part"), F_OK), 0);
    rmdir(path);
    assert_int_equal(symlink("/dev/full", path_of("disk.svg.part")), 0);
    snprintf(path, sizeof path, "%s", path_of("disk.svg"));
    capture_begin(stderr);
    const bool full = curves_write(path, "x", &curve, 1);
    assert_non_null(strstr(capture_end(), "No space left"));
    assert_false(full);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* ------------------------------------------------------------------------------------------------ main */

static int setup(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    remove(path_of("curves.svg"));
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_summary),      cmocka_unit_test(test_progress),
        cmocka_unit_test(test_curves),       cmocka_unit_test(test_curves_range),
        cmocka_unit_test(test_curves_empty), cmocka_unit_test(test_curves_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
