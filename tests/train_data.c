/* The data sets of samples/train, good and damaged. */
#include "train_test.h"

#include "../samples/train/data.h"

#include <zlib.h>

/* --------------------------------------------------------------------------------------------- digits */

/* FNV-1a of values as integers of that unit, in which they are whole. */
static uint32_t hash_of(const float *values, size_t count, float unit) {
    uint32_t hash = 0x811c9dc5u;
    for (size_t i = 0; i < count; i++) {
        const uint32_t whole = (uint32_t)lrintf(values[i] * unit);
        for (int k = 0; k < 4; k++)
            hash = (hash ^ (whole >> 8 * k & 0xff)) * 0x01000193u;
    }
    return hash;
}

static void assert_share(const float *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!(values[i] >= 0 && values[i] <= 1))
            fail_msg("value %zu is %g", i, (double)values[i]);
}

static void test_digits(void **state) {
    (void)state;
    Dataset data;
    assert_true(data_digits(DIGITS_DATA, &data));
    assert_int_equal(data.train_count, 1438);
    assert_int_equal(data.test_count, 359);
    assert_true(data.height == 28 && data.width == 28 && data.channels == 1 && data.classes == 10);
    assert_true(data.train_label && data.test_label && !data.train_target && !data.test_target);
    assert_share(data.train_x, 1438 * 784);
    assert_share(data.test_x, 359 * 784);
    /* The first labels of the file are 0, 1, 2, 3, 4, 5, ...; row 4 is held out. */
    assert_true(data.train_label[3] == 3 && data.train_label[4] == 5 && data.test_label[0] == 4);
    /* Row 2 begins with 0 0 0 4 15 12, then 0 0 0 3 16 15: corners stay, and between the centres of pixels 3
     * and 4, at 5 / 14 of the first and 9 / 14 of the second, lies column 12 + 1 = (4 * 13 - 5) / 14. */
    const float *image = data.train_x + 2 * 784;
    assert_true(image[0] == 0);
    assert_true(image[13] == (float)(9 * 4 + 5 * 15) / (14 * 16.0f));
    assert_true(image[784 + 13] == data.train_x[3 * 784 + 13]);
    /* As tests/golden/train_inputs.py has them. */
    assert_int_equal(hash_of(data.train_x, 1438 * 784, 3136), 0xb422016c);
    assert_int_equal(hash_of(data.test_x, 359 * 784, 3136), 0x1cd3e194);
    data_free(&data);
    assert_true(!data.train_x && !data.test_x && !data.train_label && !data.test_label);
}

static void test_digits_missing(void **state) {
    (void)state;
    Dataset data;
    capture_begin(stderr);
    const bool read = data_digits(path_of("absent"), &data);
    assert_non_null(strstr(capture_end(), "absent"));
    assert_false(read);
    assert_null(data.train_x);
}

/* -------------------------------------------------------------------------------------------- sensors */

static void test_sensor(void **state) {
    (void)state;
    Dataset data;
    assert_true(data_sensor(&data));
    assert_true(data.train_count == 1600 && data.test_count == 400);
    assert_true(data.height == 100 && data.width == 1 && data.channels == 5 && data.classes == 0);
    assert_true(data.train_target && data.test_target && !data.train_label && !data.test_label);
    assert_share(data.train_x, 1600 * 500);
    assert_share(data.test_x, 400 * 500);
    assert_share(data.train_target, 1600);
    assert_share(data.test_target, 400);
    assert_int_equal(hash_of(data.train_x, 1600 * 500, 262144), 0xa227122c);
    assert_int_equal(hash_of(data.test_x, 400 * 500, 262144), 0xb222e1df);
    assert_int_equal(hash_of(data.train_target, 1600, 262144), 0xd39a1d33);
    /* There is something to learn: the second sensor, three steps late, is about the first. */
    double distance = 0, spread = 0;
    for (size_t i = 0; i < 1600; i++) {
        const float *x = data.train_x + i * 500;
        for (size_t t = 3; t < 100; t++) {
            distance += pow(x[t * 5 + 1] - x[(t - 3) * 5], 2);
            spread += pow(x[t * 5 + 1] - 0.5, 2);
        }
    }
    assert_true(distance < 0.1 * spread);
    data_free(&data);
}

/* ------------------------------------------------------------------------------------------------ IDX */

enum { TRAIN = 6, TEST = 3 };

/* A small data set in the format of MNIST. Fields are changed before it is written. */
typedef struct Idx {
    uint32_t image_kind, label_kind, count, height, width, label_count;
    uint8_t last_label;
    size_t image_extra, label_extra; /* bytes too many */
    bool gzip;
} Idx;

static const Idx GOOD = {0x803, 0x801, TRAIN, 28, 28, TRAIN, 9, 0, 0, false};

static void put(gzFile file, uint32_t field) {
    const uint8_t bytes[4] = {field >> 24, field >> 16 & 0xff, field >> 8 & 0xff, field & 0xff};
    assert_int_equal(gzwrite(file, bytes, 4), 4);
}

static gzFile idx_create(const char *part, const char *what, bool gzip) {
    char name[64], path[256];
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s-%s-ubyte%s", part, what, i ? ".gz" : "");
        remove(path_of(name));
    }
    snprintf(name, sizeof name, "%s-%s-ubyte%s", part, what, gzip ? ".gz" : "");
    snprintf(path, sizeof path, "%s", path_of(name));
    gzFile file = gzopen(path, gzip ? "wb" : "wbT");
    assert_non_null(file);
    return file;
}

/* The byte of pixel i. */
static uint8_t pixel(size_t i) {
    return (uint8_t)(i * 37 % 256);
}

static void idx_write(const char *part, Idx idx, uint32_t samples) {
    gzFile file = idx_create(part, "images-idx3", idx.gzip);
    put(file, idx.image_kind);
    put(file, idx.count);
    put(file, idx.height);
    put(file, idx.width);
    for (size_t i = 0; i < samples * 784 + idx.image_extra; i++)
        gzputc(file, pixel(i));
    assert_int_equal(gzclose(file), Z_OK);
    file = idx_create(part, "labels-idx1", idx.gzip);
    put(file, idx.label_kind);
    put(file, idx.label_count);
    for (uint32_t i = 0; i < samples + idx.label_extra; i++)
        gzputc(file, i + 1 == samples ? idx.last_label : (int)(i % 10));
    assert_int_equal(gzclose(file), Z_OK);
}

static void idx_write_test(bool gzip) {
    Idx idx = GOOD;
    idx.count = idx.label_count = TEST;
    idx.gzip = gzip;
    idx_write("t10k", idx, TEST);
}

static void test_idx(void **state) {
    (void)state;
    for (int gzip = 0; gzip < 2; gzip++) {
        Idx idx = GOOD;
        Dataset data;
        idx.gzip = gzip;
        idx_write("train", idx, TRAIN);
        idx_write_test(gzip);
        assert_true(data_idx(folder, &data));
        assert_true(data.train_count == TRAIN && data.test_count == TEST);
        assert_true(data.height == 28 && data.width == 28 && data.channels == 1 && data.classes == 10);
        for (size_t i = 0; i < TRAIN * 784; i++)
            assert_true(data.train_x[i] == (float)pixel(i) / 255.0f);
        assert_true(data.test_x[TEST * 784 - 1] == (float)pixel(TEST * 784 - 1) / 255.0f);
        assert_true(data.train_label[1] == 1 && data.train_label[TRAIN - 1] == 9 && data.test_label[2] == 9);
        data_free(&data);
    }
}

/* The set in `folder` is refused, in one line that has all of these. */
static void assert_refused(const char *name, const char *rule, const char *value) {
    Dataset data;
    capture_begin(stderr);
    const bool read = data_idx(folder, &data);
    const char *text = capture_end();
    const char *end = strchr(text, '\n');
    if (read || !strstr(text, name) || !strstr(text, rule) || !strstr(text, value) || !end || end[1])
        fail_msg("read %d, expected \"%s\", \"%s\" and \"%s\" in: %s", read, name, rule, value, text);
    assert_true(!data.train_x && !data.train_count);
}

static void test_idx_damaged(void **state) {
    (void)state;
    static const struct {
        Idx idx;
        const char *name, *rule, *value;
    } CASES[] = {
        {{0x804, 0x801, TRAIN, 28, 28, TRAIN, 9, 0, 0, false},
         "images",
         "begin with 0x00000803",
         "0x00000804"},
        {{0x1f8b0803, 0x801, TRAIN, 28, 28, TRAIN, 9, 0, 0, true}, "images", "begin with", "0x1f8b0803"},
        {{0x803, 0x803, TRAIN, 28, 28, TRAIN, 9, 0, 0, false},
         "labels",
         "begin with 0x00000801",
         "0x00000803"},
        {{0x803, 0x801, 0, 28, 28, TRAIN, 9, 0, 0, false}, "images", "1 to 1048576 samples", "not 0"},
        {{0x803, 0x801, 0xffffffff, 28, 28, 0, 9, 0, 0, false}, "images", "1 to 1048576", "4294967295"},
        {{0x803, 0x801, TRAIN, 8, 28, TRAIN, 9, 0, 0, false}, "images", "28x28", "8x28"},
        {{0x803, 0x801, TRAIN, 28, 0, TRAIN, 9, 0, 0, false}, "images", "28x28", "28x0"},
        {{0x803, 0x801, TRAIN + 1, 28, 28, TRAIN, 9, 0, 0, false}, "images", "5488 bytes", "ends after 4704"},
        {{0x803, 0x801, TRAIN, 28, 28, TRAIN + 1, 9, 0, 0, false}, "labels", "7 bytes", "ends after 6"},
        {{0x803, 0x801, TRAIN + 1, 28, 28, TRAIN, 9, 784, 0, false},
         "labels",
         "as many images as labels",
         "7 and 6"},
        {{0x803, 0x801, TRAIN, 28, 28, TRAIN, 9, 1, 0, false}, "images", "must end after the 6", ""},
        {{0x803, 0x801, TRAIN, 28, 28, TRAIN, 9, 0, 1, true}, "labels", "must end after the 6", ""},
        {{0x803, 0x801, TRAIN, 28, 28, TRAIN, 10, 0, 0, false}, "labels", "from 0 to 9", "sample 5 is 10"},
    };
    idx_write_test(false);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        idx_write("train", CASES[i].idx, TRAIN);
        assert_refused(CASES[i].name, CASES[i].rule, CASES[i].value);
    }
    idx_write("train", GOOD, TRAIN);
    remove(path_of("t10k-labels-idx1-ubyte"));
    assert_refused("t10k-labels-idx1-ubyte", "No such file", "");
}

/* Cut anywhere, and with any bit flipped that the format or gzip's checksum covers. */
static void test_idx_cut(void **state) {
    (void)state;
    static uint8_t bytes[8192];
    for (int gzip = 0; gzip < 2; gzip++) {
        Idx idx = GOOD;
        idx.gzip = gzip;
        idx_write("train", idx, TRAIN);
        idx_write_test(gzip);
        char path[256];
        snprintf(path, sizeof path, "%s",
                 path_of(gzip ? "train-images-idx3-ubyte.gz" : "train-images-idx3-ubyte"));
        FILE *file = fopen(path, "rb");
        const size_t size = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        assert_in_range(size, 100, sizeof bytes - 1);
        for (size_t length = 0; length < size; length += length < 32 ? 1 : 61) {
            assert_int_equal(truncate(path, (off_t)length), 0);
            assert_refused("train-images", "end", "");
            file = fopen(path, "wb");
            assert_int_equal(fwrite(bytes, 1, size, file), size);
            fclose(file);
        }
        for (size_t at = size - 8; gzip && at < size; at++) { /* checksum and size */
            bytes[at] ^= 4;
            file = fopen(path, "wb");
            assert_int_equal(fwrite(bytes, 1, size, file), size);
            fclose(file);
            bytes[at] ^= 4;
            assert_refused("train-images", "incorrect", "");
        }
    }
}

static void test_idx_folder(void **state) {
    (void)state;
    static char name[2048];
    Dataset data;
    memset(name, 'x', sizeof name - 1);
    capture_begin(stderr);
    const bool read = data_idx(name, &data);
    assert_non_null(strstr(capture_end(), "must be shorter"));
    assert_false(read);
}

/* ------------------------------------------------------------------------------------------------ main */

static int setup(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    static const char *const NAMES[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                        "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char name[64];
        remove(path_of(NAMES[i]));
        snprintf(name, sizeof name, "%s.gz", NAMES[i]);
        remove(path_of(name));
    }
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digits),      cmocka_unit_test(test_digits_missing),
        cmocka_unit_test(test_sensor),      cmocka_unit_test(test_idx),
        cmocka_unit_test(test_idx_damaged), cmocka_unit_test(test_idx_cut),
        cmocka_unit_test(test_idx_folder),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
