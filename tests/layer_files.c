/* Weight files: what safetensors' own library writes, round trips, and everything that is refused. */
#define _POSIX_C_SOURCE 200112L /* getpid(), symlink() */
#include <vknorm/layer.h>

#include "runtime_test.h"

#include <unistd.h>

static Log log_of_test;
static const VknLog LOG = {log_write, &log_of_test};

/* Of this process, so that programs for several devices may run at once. */
static char path[64], part[80];

/* What safetensors 0.8 for Python made of a/gamma {1, 2, -3.5} and a/beta {{0.25}, {8}}, with metadata. */
static const char PYTHON[] =
    "\xb8\0\0\0\0\0\0\0"
    "{\"__metadata__\":{\"format\":\"np\",\"note\":\"a \\\"quoted\\\" one\"},\"a/beta\":{\"dtype\":\"F32\","
    "\"shape\":[2,1],\"data_offsets\":[0,8]},\"a/"
    "gamma\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[8,"
    "20]}}      "
    "\0\0\x80>\0\0\0A\0\0\x80?\0\0\0@\0\0`\xc0";
#define PYTHON_SIZE   (sizeof PYTHON - 1)
#define PYTHON_HEADER (8 + 0xb8)

static float gamma_[3], beta[2];
static const VknNamedTensor TENSORS[] = {{"a/gamma", 1, {3}, gamma_}, {"a/beta", 2, {2, 1}, beta}};

static void poison(void) {
    for (int i = 0; i < 3; i++)
        gamma_[i] = 42;
    beta[0] = beta[1] = 42;
}

static void assert_poisoned(void) {
    for (int i = 0; i < 3; i++)
        assert_true(gamma_[i] == 42);
    assert_true(beta[0] == 42 && beta[1] == 42);
}

static void assert_loaded(void) {
    assert_true(gamma_[0] == 1 && gamma_[1] == 2 && gamma_[2] == -3.5f);
    assert_true(beta[0] == 0.25f && beta[1] == 8);
}

static void write_file(const char *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static size_t read_file(char *bytes, size_t room) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, room, file);
    fclose(file);
    return size;
}

/* A file of this header and `data` bytes. */
static void write_header(const char *header, size_t data) {
    char bytes[2048] = {0};
    const size_t length = strlen(header);
    assert_true(8 + length + data <= sizeof bytes);
    bytes[0] = (char)(length & 255);
    bytes[1] = (char)(length >> 8);
    memcpy(bytes + 8, header, length);
    write_file(bytes, 8 + length + data);
}

static VknResult load(void) {
    poison();
    return vkn_tensors_load(LOG, path, 2, TENSORS);
}

static void refused(const char *words) {
    assert_fails(&log_of_test, load(), VKN_ERROR_INVALID_ARGUMENT, words);
    assert_poisoned();
}

/* ------------------------------------------------------------------------------------------------ good */

static void test_foreign_library(void **state) {
    (void)state;
    write_file(PYTHON, PYTHON_SIZE);
    assert_int_equal(load(), VKN_SUCCESS);
    assert_loaded();
}

static void test_round_trip(void **state) {
    const float nothing = 0;
    float scalar = 1.5f;
    const VknNamedTensor odd[] = {{"scalar", 0, {0}, &scalar},
                                  {"empty", 3, {2, 0, 5}, (float *)&nothing},
                                  {"\xc3\xa9t\xc3\xa9", 8, {1, 1, 1, 1, 1, 1, 1, 3}, gamma_}};
    char bytes[1024];
    (void)state;
    write_file(PYTHON, PYTHON_SIZE);
    assert_int_equal(load(), VKN_SUCCESS);
    assert_int_equal(vkn_tensors_save(LOG, path, 2, TENSORS), VKN_SUCCESS);
    /* Exactly this. */
    static const char HEADER[] = "{\"a/gamma\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]},\"a/"
                                 "beta\":{\"dtype\":\"F32\","
                                 "\"shape\":[2,1],\"data_offsets\":[12,20]}}";
    const size_t size = read_file(bytes, sizeof bytes), header = (sizeof HEADER - 1 + 7) / 8 * 8;
    assert_int_equal(size, 8 + header + 20);
    assert_int_equal((unsigned char)bytes[0], header);
    for (int i = 1; i < 8; i++)
        assert_int_equal(bytes[i], 0);
    assert_memory_equal(bytes + 8, HEADER, sizeof HEADER - 1);
    assert_memory_equal(bytes + 8 + header, gamma_, 12);
    assert_memory_equal(bytes + 8 + header + 12, beta, 8);
    assert_int_equal(load(), VKN_SUCCESS);
    assert_loaded();
    assert_null(fopen(part, "rb")); /* nothing is left beside it */
    assert_int_equal(vkn_tensors_save(LOG, path, 3, odd), VKN_SUCCESS);
    scalar = 0;
    poison();
    assert_int_equal(vkn_tensors_load(LOG, path, 3, odd), VKN_SUCCESS);
    assert_true(scalar == 1.5f && gamma_[2] == -3.5f);
    assert_int_equal(vkn_tensors_save(LOG, path, 0, NULL), VKN_SUCCESS);
    assert_int_equal(vkn_tensors_load(LOG, path, 0, NULL), VKN_SUCCESS);
}

/* --------------------------------------------------------------------------------------------- damaged */

static void test_every_truncation(void **state) {
    char longer[PYTHON_SIZE + 4] = {0};
    (void)state;
    for (size_t size = 0; size < PYTHON_SIZE; size++) {
        write_file(PYTHON, size);
        refused(size < PYTHON_HEADER ? "is truncated or no safetensors file" : "is truncated or damaged");
    }
    memcpy(longer, PYTHON, PYTHON_SIZE);
    write_file(longer, sizeof longer);
    refused("its tensors have 20 bytes, the file has 24");
}

/* One wrong byte anywhere in the header is found out, but in metadata, which is the file's own business. */
static void test_every_byte(void **state) {
    const char *first = strstr(PYTHON + 8, "format"), *last = strstr(PYTHON + 8, "},\"a/beta");
    static const char INSTEAD[] = "\0 \"0915azF{}[]:,\\\t\x80\xff";
    (void)state;
    assert_true(first && last);
    for (size_t i = 0; i < PYTHON_HEADER; i++)
        for (size_t k = 0; k < sizeof INSTEAD - 1; k++) {
            char bytes[PYTHON_SIZE];
            memcpy(bytes, PYTHON, PYTHON_SIZE);
            bytes[i] = INSTEAD[k];
            write_file(bytes, PYTHON_SIZE);
            if (bytes[i] == PYTHON[i] || (PYTHON + i >= first && PYTHON + i < last)) {
                if (load() == VKN_SUCCESS)
                    assert_loaded();
                else
                    assert_poisoned();
                log_of_test.text[0] = '\0';
            } else {
                refused("");
            }
        }
}

static void test_headers(void **state) {
#define GAMMA   "\"a/gamma\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}"
#define BETA    "\"a/beta\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[12,20]}"
#define MORE    "\"c\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[20,24]}"
#define WITH(x) "{" GAMMA ",\"a/beta\":{" x "}}"
    static const struct {
        const char *header;
        size_t data;
        const char *words;
    } REFUSED[] = {
        {"", 0, "begins with {"},
        {" {" GAMMA "," BETA "}", 20, "begins with {"},
        {"{}", 0, "has no tensor \"a/gamma\""},
        {"{" GAMMA "}", 12, "has no tensor \"a/beta\""},
        {"{" GAMMA "," BETA "," MORE "}", 24, "has 3 tensors, but 2 are wanted"},
        {"{" GAMMA "," BETA "," GAMMA "}", 20, "each tensor is there once"},
        {"{" GAMMA "," BETA ",}", 20, "a string is expected"},
        {"{" GAMMA " " BETA "}", 20, "an object ends with }"},
        {"{" GAMMA "," BETA "}x", 20, "nothing but spaces"},
        {"{" GAMMA "," BETA "}\n", 20, "nothing but spaces"},
        {"{" GAMMA "," BETA, 20, "an object ends with }"},
        {WITH("\"dtype\":\"F16\",\"shape\":[2,1],\"data_offsets\":[12,16]"), 16,
         "\"a/beta\" is not of type F32"},
        {WITH("\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[12,20]"), 20, "shape 1 x 2, but 2 x 1"},
        {WITH("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]"), 20, "shape 2, but 2 x 1"},
        {WITH("\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[12,16]"), 16, "shape (), but 2 x 1"},
        {WITH("\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[12,24]"), 24, "has 12 bytes, not 8"},
        {WITH("\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[16,24]"), 24, "begins at 16, not at 12"},
        {WITH("\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]"), 12, "begins at 0, not at 8"},
        {WITH("\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[20,12]"), 20, "begin <= end"},
        {WITH("\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[12]"), 20, "begin <= end"},
        {WITH("\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[12,20,20]"), 20, "two numbers"},
        {WITH("\"dtype\":\"F32\",\"shape\":[2,-1],\"data_offsets\":[12,20]"), 20, "whole numbers"},
        {WITH("\"dtype\":\"F32\",\"shape\":[2,1.0],\"data_offsets\":[12,20]"), 20, "a list ends with ]"},
        {WITH("\"dtype\":\"F32\",\"shape\":[02,1],\"data_offsets\":[12,20]"), 20, "does not begin with 0"},
        {WITH("\"dtype\":\"F32\",\"shape\":[2,18446744073709551616],\"data_offsets\":[12,20]"), 20,
         "64 bits"},
        {WITH("\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,2,1],\"data_offsets\":[12,20]"), 20, "8 extents"},
        {WITH("\"dtype\":\"F32\",\"shape\":[2,1]"), 20, "and data_offsets"},
        {WITH("\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[12,20]"), 20, "once"},
        {WITH("\"dtype\":\"F32\",\"size\":[2,1],\"data_offsets\":[12,20]"), 20, "alone"},
        {"{\"__metadata__\":{\"a\":1}," GAMMA "," BETA "}", 20, "a string is expected"},
        {"{\"__metadata__\":{},\"__metadata__\":{}," GAMMA "," BETA "}", 20, "is there once"},
        {"{\"a/gamma", 0, "a string ends with a quote"},
        {"{\"a/gamma\\", 0, "a string ends with a quote"},
        {"{\"a/gam\tma\":1}", 0, "no control characters"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        write_header(REFUSED[i].header, REFUSED[i].data);
        refused(REFUSED[i].words);
    }
    /* Spaces and metadata where JSON has them are no fault, nor is another order. */
    write_header("{ \"__metadata__\" : { } ,\n\t" BETA " , " GAMMA "\r}  ", 20);
    assert_int_equal(load(), VKN_SUCCESS);
}

static void test_endless(void **state) {
    (void)state;
    poison();
    assert_fails(&log_of_test, vkn_tensors_load(LOG, "/dev/zero", 2, TENSORS), VKN_ERROR_INVALID_ARGUMENT,
                 "has more than the 100000028 bytes that the tensors and any header take");
    assert_poisoned();
}

/* ----------------------------------------------------------------------------------------------- saving */

static void test_saving_refused(void **state) {
    static const char *const NAMES[] = {"", "a\"b", "a\\b", "a\nb", "a\x7f", "__metadata__"};
    char bytes[1024];
    (void)state;
    write_file(PYTHON, PYTHON_SIZE);
    poison();
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        const VknNamedTensor tensor = {NAMES[i], 1, {3}, gamma_};
        assert_fails(&log_of_test, vkn_tensors_save(LOG, path, 1, &tensor), VKN_ERROR_INVALID_ARGUMENT,
                     "a tensor's name");
    }
    const VknNamedTensor twice[] = {TENSORS[0], TENSORS[0]}, without = {"a", 1, {3}, NULL},
                         rank = {"a", 9, {1}, gamma_};
    assert_fails(&log_of_test, vkn_tensors_save(LOG, path, 2, twice), VKN_ERROR_INVALID_ARGUMENT,
                 "\"a/gamma\" is there twice");
    assert_fails(&log_of_test, vkn_tensors_save(LOG, path, 1, &without), VKN_ERROR_INVALID_ARGUMENT,
                 "has no values");
    assert_fails(&log_of_test, vkn_tensors_save(LOG, path, 1, &rank), VKN_ERROR_INVALID_ARGUMENT,
                 "not rank 9");
    assert_fails(&log_of_test, vkn_tensors_save(LOG, NULL, 2, TENSORS), VKN_ERROR_INVALID_ARGUMENT,
                 "needs a path");
    assert_fails(&log_of_test, vkn_tensors_save(LOG, "no-such-folder/file", 2, TENSORS),
                 VKN_ERROR_INVALID_ARGUMENT, "no-such-folder/file.part: cannot be created: ");
    assert_fails(&log_of_test, vkn_tensors_load(LOG, "no-such-file", 2, TENSORS), VKN_ERROR_INVALID_ARGUMENT,
                 "no-such-file: cannot be opened: ");
    assert_fails(&log_of_test, vkn_tensors_load(LOG, ".", 2, TENSORS), VKN_ERROR_INVALID_ARGUMENT,
                 ".: cannot be read: ");
    /* What was there before is there still. */
    assert_int_equal(read_file(bytes, sizeof bytes), PYTHON_SIZE);
    assert_memory_equal(bytes, PYTHON, PYTHON_SIZE);
#if defined(__linux__)
    /* A full disk. */
    assert_int_equal(symlink("/dev/full", part), 0);
    assert_fails(&log_of_test, vkn_tensors_save(LOG, path, 2, TENSORS), VKN_ERROR_INVALID_ARGUMENT,
                 "cannot be written: ");
    assert_int_equal(read_file(bytes, sizeof bytes), PYTHON_SIZE);
    assert_memory_equal(bytes, PYTHON, PYTHON_SIZE);
#endif
    assert_null(fopen(part, "rb"));
}

static int remove_files(void **state) {
    (void)state;
    remove(path);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_foreign_library),  cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_truncation), cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_endless),          cmocka_unit_test(test_headers),
        cmocka_unit_test(test_saving_refused),
    };
    snprintf(path, sizeof path, "layer_files_%ld.safetensors", (long)getpid());
    snprintf(part, sizeof part, "%s.part", path);
    return cmocka_run_group_tests(tests, NULL, remove_files);
}
