/* For tests of what samples/train reads and writes: a folder, and what is written to stdout or stderr. */
#ifndef TRAIN_TEST_H
#define TRAIN_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

/* Of this process. */
static char folder[] = "/tmp/vknorm-train-XXXXXX";

static inline const char *path_of(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* What was written to a stream since capture_begin(). */
static struct {
    FILE *stream, *file;
    int saved;
    char text[8192];
} capture;

static inline void capture_begin(FILE *stream) {
    fflush(stream);
    capture.stream = stream;
    capture.file = tmpfile();
    assert_non_null(capture.file);
    capture.saved = dup(fileno(stream));
    dup2(fileno(capture.file), fileno(stream));
}

static inline const char *capture_end(void) {
    fflush(capture.stream);
    dup2(capture.saved, fileno(capture.stream));
    close(capture.saved);
    rewind(capture.file);
    capture.text[fread(capture.text, 1, sizeof capture.text - 1, capture.file)] = '\0';
    fclose(capture.file);
    return capture.text;
}

#endif
