/* Cached pipelines in files: what is no file of ours is refused, and whoever reads while others write sees a
 * whole file. */
#define _XOPEN_SOURCE 700
#include "cache.h"
#include "folder.h"

#include "../lib/runtime/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char *replace(const char *at, const char *text) {
    VknFilePart parts[] = {{text, strlen(text) / 2}, {text + strlen(text) / 2, (strlen(text) + 1) / 2}};
    return vkn_file_replace(at, parts, LENGTH(parts));
}

/* The file holds `text`; or it cannot be read, because of `why`. */
static void expect(const char *at, const char *text, const char *why) {
    const char *said = NULL;
    uint64_t size = 99;
    char *bytes = vkn_file_read(at, &size, &said);
    if (text) {
        assert_null(said);
        assert_non_null(bytes);
        assert_int_equal(size, strlen(text));
        assert_memory_equal(bytes, text, size);
    } else {
        assert_null(bytes);
        assert_true(why ? said && strstr(said, why) : !said);
    }
    free(bytes);
}

static void test_files(void **state) {
    (void)state;
    expect(path, NULL, NULL);
    assert_null(replace(path, "one"));
    expect(path, "one", NULL);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_null(replace(path, "another one"));
    expect(path, "another one", NULL);
    assert_null(replace(path, ""));
    expect(path, "", NULL);
}

static void test_not_files(void **state) {
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    expect(path, NULL, "no regular file");
    assert_non_null(replace(path, "text"));
    assert_int_equal(rmdir(path), 0); /* still a folder, and empty */
    assert_int_equal(mkfifo(path, 0600), 0);
    expect(path, NULL, "no regular file"); /* and does not wait for a writer */
    expect("/dev/zero", NULL, "no regular file");
}

/* The link is replaced, not what it leads to. */
static void test_links(void **state) {
    (void)state;
    assert_null(replace(other, "theirs"));
    assert_int_equal(symlink(other, path), 0);
    expect(path, "theirs", NULL);
    assert_null(replace(path, "mine"));
    expect(path, "mine", NULL);
    expect(other, "theirs", NULL);
    assert_int_equal(unlink(path) || symlink("cache", path), 0); /* to itself */
    expect(path, NULL, "");
    assert_null(replace(path, "mine"));
    expect(path, "mine", NULL);
}

static void test_files_of_others(void **state) {
    (void)state;
    assert_null(replace(path, "text"));
    assert_int_equal(chmod(path, 0620), 0);
    expect(path, NULL, "other users may write");
    assert_int_equal(chmod(path, 0602), 0);
    expect(path, NULL, "other users may write");
    assert_int_equal(chmod(path, 0644), 0);
    expect(path, "text", NULL);
    if (geteuid() == 0) { /* who else could give it away */
        assert_int_equal(chown(path, 1, 1), 0);
        expect(path, NULL, "another user");
    }
    int file = open(path, O_WRONLY);
    assert_int_equal(chown(path, geteuid(), getegid()) || ftruncate(file, (256 << 20) + 1), 0);
    close(file);
    expect(path, NULL, "256 MiB");
}

/* In a process of its own, which may not come back from being nobody. */
static void test_no_room(void **state) {
    (void)state;
    assert_null(replace(path, "before"));
    assert_int_equal(chmod(folder, 0555), 0);
    pid_t child = fork();
    if (child == 0) {
        const char *why = geteuid() || setuid(65534) == 0 ? replace(path, "after") : NULL;
        _exit(why && strstr(why, strerror(EACCES)) ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(folder, 0755), 0);
    expect(path, "before", NULL);
    child = fork();
    if (child == 0) {
        struct rlimit few = {2, 2}; /* bytes of a file */
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &few);
        const char *why = replace(path, "after");
        _exit(why && strstr(why, strerror(EFBIG)) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    expect(path, "before", NULL);
    assert_non_null(vkn_file_replace("/no/such/folder/cache", NULL, 0));
    expect("/no/such/folder/cache", NULL, NULL);
}

/* Eight processes write, each caches of its own; whoever reads finds a whole one of somebody's. */
static void test_many_writers(void **state) {
    enum { WRITERS = 8, ROUNDS = 60 };
    uint8_t *whole = malloc(VKN_CACHE_HEADER_SIZE + 100000);
    pid_t children[WRITERS];
    (void)state;
    assert_non_null(whole);
    memset(whole, 0, VKN_CACHE_HEADER_SIZE + 100000);
    cache_fill(whole);
    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        for (int round = 0; children[i] == 0; round++) {
            uint64_t size = DATA + (uint64_t)(i * ROUNDS + round) * 199;
            uint8_t *data = whole + VKN_CACHE_HEADER_SIZE;
            VknFilePart parts[] = {{whole, VKN_CACHE_HEADER_SIZE}, {data, size}};
            data[DATA - 1] = (uint8_t)round;
            vkn_cache_pack(&cache_key, data, size, whole);
            if (round == ROUNDS)
                _exit(0);
            if (vkn_file_replace(path, parts, 2))
                _exit(1);
        }
    }
    int reads = 0, left = WRITERS, bad = 0;
    while (left) {
        const char *why = NULL;
        uint64_t size;
        void *bytes = vkn_file_read(path, &size, &why);
        assert_null(why);
        if (bytes) {
            assert_true(cache_accepts(bytes, size));
            reads++;
        }
        free(bytes);
        int status;
        if (waitpid(-1, &status, WNOHANG) > 0) {
            left--;
            bad += status != 0;
        }
    }
    assert_int_equal(bad, 0);
    assert_true(reads > 10);
    free(whole);
}

int cache_files_run(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_FOLDER(test_files),   TEST_IN_FOLDER(test_not_files),
        TEST_IN_FOLDER(test_links),   TEST_IN_FOLDER(test_files_of_others),
        TEST_IN_FOLDER(test_no_room), TEST_IN_FOLDER(test_many_writers),
    };
    return cmocka_run_group_tests_name("cache_files", tests, NULL, NULL);
}
