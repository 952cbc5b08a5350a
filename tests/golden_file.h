/* Golden files: inputs, and what a real framework made of them. tests/golden/README.md has the format. */
#ifndef TESTS_GOLDEN_FILE_H
#define TESTS_GOLDEN_FILE_H

#include <vknorm/vknorm.h>

/* A role's values in the order of its elements; NULL where the case has none. */
typedef struct GoldenRole {
    uint64_t count;
    double *in, *out;
} GoldenRole;

typedef struct GoldenCase {
    char name[96];
    uint32_t line;         /* where it begins */
    VknDesc desc;          /* strategy 0 */
    uint64_t batch_number; /* VknRecordInfo */
    double factor;         /* by which the bounds are wider: the framework itself computed in f32 */
    GoldenRole role[VKN_ROLE_COUNT];
} GoldenCase;

typedef struct GoldenFile {
    const char *path;
    char *text, *next; /* all of it, and where to go on */
    char word[96];
    uint32_t line;
} GoldenFile;

/* Returns false, having said why, when the file cannot be read. */
bool golden_open(GoldenFile *file, const char *path);
void golden_close(GoldenFile *file);

typedef enum GoldenResult { GOLDEN_CASE, GOLDEN_END, GOLDEN_ERROR } GoldenResult;

/* Reads the next case. GOLDEN_ERROR: something in the file is not known or not complete; a line of output
 * has named it. What a case holds is freed with golden_case_free(). */
GoldenResult golden_next(GoldenFile *file, GoldenCase *test);
void golden_case_free(GoldenCase *test);

/* "RUNNING_MEAN"; NULL for a role that golden files do not have. */
const char *golden_role_name(uint32_t role);

#endif
