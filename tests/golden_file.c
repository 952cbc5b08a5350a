#include "golden_file.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* ----------------------------------------------------------------------------------------------- tables */

static const char *const roles[VKN_ROLE_COUNT] = {
#define ROLE(name) [VKN_ROLE_##name] = #name
    ROLE(X),
    ROLE(Y),
    ROLE(GAMMA),
    ROLE(BETA),
    ROLE(MEAN),
    ROLE(INV_STD),
    ROLE(VARIANCE),
    ROLE(RUNNING_MEAN),
    ROLE(RUNNING_VARIANCE),
    ROLE(RESIDUAL),
    ROLE(DY),
    ROLE(DX),
    ROLE(DGAMMA),
    ROLE(DBETA),
    ROLE(DRESIDUAL),
    ROLE(MASK),
    ROLE(RENORM_MEAN),
    ROLE(RENORM_STD),
    ROLE(RUNNING_STD),
    ROLE(RENORM),
    ROLE(SLOPE),
    ROLE(DSLOPE),
    ROLE(RESIDUAL_SUM),
    ROLE(DRESIDUAL_SUM),
    ROLE(RESULT),
    ROLE(INDEX)
#undef ROLE
};

typedef struct Name {
    const char *name;
    int value;
} Name;

#define NAME(kind, name)                                                                                     \
    { #name, VKN_##kind##_##name }
static const Name operations[] = {NAME(OPERATION, TRAIN),
                                  NAME(OPERATION, APPLY),
                                  NAME(OPERATION, STATISTICS),
                                  NAME(OPERATION, TRAIN_GRADIENT),
                                  NAME(OPERATION, APPLY_GRADIENT),
                                  NAME(OPERATION, REDUCE),
                                  {NULL, 0}};
static const Name types[] = {NAME(TYPE, F32), NAME(TYPE, F16), NAME(TYPE, BF16), {NULL, 0}};
static const Name momenta[] = {
    NAME(MOMENTUM, OLD), NAME(MOMENTUM, NEW), NAME(MOMENTUM, CUMULATIVE), {NULL, 0}};
static const Name variances[] = {NAME(RUNNING_VARIANCE, BIASED), NAME(RUNNING_VARIANCE, UNBIASED), {NULL, 0}};
static const Name statistics[] = {
    NAME(STATISTIC, VARIANCE),  NAME(STATISTIC, MEAN_SQUARE), NAME(STATISTIC, SUM_SQUARE),
    NAME(STATISTIC, SUM_POWER), NAME(STATISTIC, LOG_SUM_EXP), NAME(STATISTIC, MAX),
    NAME(STATISTIC, NONE),      NAME(STATISTIC, MIN),         NAME(STATISTIC, SUM),
    NAME(STATISTIC, MEAN),      NAME(STATISTIC, PRODUCT),     {NULL, 0}};
static const Name residual_uses[] = {
    NAME(RESIDUAL, AFTER), NAME(RESIDUAL, BEFORE), NAME(RESIDUAL, FACTOR), {NULL, 0}};
static const Name activations[] = {
#define VKN_ACTIVATION(id, ...) NAME(ACTIVATION, id),
#include "activation.def"
#undef VKN_ACTIVATION
    {NULL, 0}};

/* What `set` knows. `names` makes it an enumerator; a list has as many numbers as its line, which are counted
 * at `length` if it has any length. */
typedef enum Kind { ENUM, FLOAT, DOUBLE, BOOL, COUNT, AXES, STRIDES, ACTIVATION_KIND } Kind;

#define AT(field) offsetof(GoldenCase, field)
static const struct {
    const char *key;
    Kind kind;
    size_t offset;
    const Name *names;
    size_t length;
} keys[] = {
#define CHOICE(field, names)                                                                                 \
    { #field, ENUM, AT(desc.field), names, 0 }
#define NUMBER(kind, field)                                                                                  \
    { #field, kind, AT(desc.field), NULL, 0 }
    CHOICE(operation, operations),
    {"axes", AXES, AT(desc.kept_axes), NULL, AT(desc.kept_axis_count)},
    CHOICE(statistic, statistics),
    NUMBER(FLOAT, power),
    NUMBER(BOOL, last_index),
    {"parameter_axes", AXES, AT(desc.parameter_axes), NULL, AT(desc.parameter_axis_count)},
    CHOICE(residual_use, residual_uses),
    NUMBER(STRIDES, mask_stride),
    CHOICE(momentum_convention, momenta),
    CHOICE(running_variance, variances),
    {"activation", ACTIVATION_KIND, AT(desc.activation), activations, 0},
    {"prologue", ACTIVATION_KIND, AT(desc.prologue), activations, 0},
    NUMBER(BOOL, accumulate),
    {"x_type", ENUM, AT(desc.x.type), types, 0},
    {"y_type", ENUM, AT(desc.y.type), types, 0},
    {"residual_type", ENUM, AT(desc.residual.type), types, 0},
    {"dx_type", ENUM, AT(desc.dx.type), types, 0},
    NUMBER(COUNT, virtual_batch_size),
    NUMBER(FLOAT, epsilon),
    NUMBER(FLOAT, momentum),
    NUMBER(FLOAT, count_epsilon),
    NUMBER(FLOAT, renorm_momentum),
    NUMBER(FLOAT, renorm_r_min),
    NUMBER(FLOAT, renorm_r_max),
    NUMBER(FLOAT, renorm_d_max),
#undef CHOICE
#undef NUMBER
    {"batch_number", COUNT, AT(batch_number), NULL, 0},
    {"factor", DOUBLE, AT(factor), NULL, 0},
};

const char *golden_role_name(uint32_t role) {
    return role < VKN_ROLE_COUNT ? roles[role] : NULL;
}

/* ----------------------------------------------------------------------------------------------- words */

static bool error(const GoldenFile *file, const char *what, const char *word) {
    printf("%s:%u: %s \"%s\"\n", file->path, file->line, what, word ? word : "end of file");
    return false;
}

static void skip_blanks(GoldenFile *file) {
    file->next += strspn(file->next, " \t\r");
    if (*file->next == '#')
        file->next += strcspn(file->next, "\n");
}

/* The next word of this line, good until the next call; NULL at the line's end. */
static const char *word_of_line(GoldenFile *file) {
    skip_blanks(file);
    size_t length = strcspn(file->next, " \t\r\n#");
    if (!length)
        return NULL;
    snprintf(file->word, sizeof file->word, "%.*s", (int)length, file->next);
    file->next += length;
    return file->word;
}

static const char *next_word(GoldenFile *file) {
    const char *word;
    while (!(word = word_of_line(file)) && *file->next) {
        file->next++;
        file->line++;
    }
    return word;
}

static bool number_of(const char *word, double *number) {
    char *end = NULL;
    *number = word ? strtod(word, &end) : 0;
    return word && end != word && !*end;
}

/* Whether `count` numbers are whole and from `least` to `most`. */
static bool are_whole(const double *number, uint32_t count, double least, double most) {
    for (uint32_t i = 0; i < count; i++)
        if (!(number[i] >= least && number[i] <= most && number[i] == trunc(number[i])))
            return false;
    return true;
}

/* Up to here, all whole numbers are doubles. */
#define MOST_WHOLE 0x1p53

/* ------------------------------------------------------------------------------------------------ cases */

static bool read_name(GoldenFile *file, const Name *names, void *to) {
    const char *word = word_of_line(file);
    for (; word && names->name; names++)
        if (strcmp(names->name, word) == 0) {
            memcpy(to, &names->value, sizeof names->value);
            return true;
        }
    return error(file, "unknown name", word);
}

/* Numbers up to the end of the line. */
static bool read_list(GoldenFile *file, double *list, uint32_t most, uint32_t *count) {
    const char *word;
    for (*count = 0; (word = word_of_line(file)); ++*count)
        if (*count == most || !number_of(word, &list[*count]))
            return error(file, "not a number, or one too many:", word);
    return true;
}

static bool read_setting(GoldenFile *file, GoldenCase *test) {
    const char *word = word_of_line(file);
    double list[VKN_MAX_RANK] = {0};
    uint32_t k = 0, count = 0;
    while (k < LENGTH(keys) && word && strcmp(keys[k].key, word) != 0)
        k++;
    if (!word || k == LENGTH(keys))
        return error(file, "unknown key", word);
    char *field = (char *)test + keys[k].offset;
    if (keys[k].names && !read_name(file, keys[k].names, field))
        return false;
    if (!read_list(file, list, VKN_MAX_RANK, &count))
        return false;
    bool counts = keys[k].kind == ENUM              ? count == 0
                  : keys[k].kind == ACTIVATION_KIND ? count <= VKN_MAX_ACTIVATION_PARAMETERS
                  : keys[k].kind == AXES            ? true
                  : keys[k].kind == STRIDES         ? count > 0
                                                    : count == 1;
    if (!counts)
        return error(file, "wrong number of values for", keys[k].key);
    bool whole = keys[k].kind == AXES ? are_whole(list, count, INT32_MIN, INT32_MAX)
                 : keys[k].kind == COUNT || keys[k].kind == STRIDES ? are_whole(list, count, 0, MOST_WHOLE)
                                                                    : true;
    if (!whole)
        return error(file, "not whole, or too large, for", keys[k].key);
    switch (keys[k].kind) {
    case ENUM:
        break;
    case FLOAT:
        *(float *)field = (float)list[0];
        break;
    case DOUBLE:
        *(double *)field = list[0];
        break;
    case BOOL:
        *(bool *)field = list[0] != 0;
        break;
    case COUNT:
        *(uint64_t *)field = (uint64_t)list[0];
        break;
    case AXES:
        memcpy((char *)test + keys[k].length, &count, sizeof count);
        for (uint32_t i = 0; i < count; i++)
            ((int32_t *)field)[i] = (int32_t)list[i];
        break;
    case STRIDES:
        for (uint32_t i = 0; i < count; i++)
            ((uint64_t *)field)[i] = (uint64_t)list[i];
        break;
    case ACTIVATION_KIND:
        for (uint32_t i = 0; i < VKN_MAX_ACTIVATION_PARAMETERS; i++)
            ((VknActivation *)field)->parameter[i] = (float)list[i];
        break;
    }
    return true;
}

static bool read_role(GoldenFile *file, GoldenCase *test, bool is_out) {
    const char *word = word_of_line(file);
    double shape[VKN_MAX_RANK];
    uint32_t role = 0, rank = 0;
    while (role < VKN_ROLE_COUNT && word && (!roles[role] || strcmp(roles[role], word) != 0))
        role++;
    if (!word || role == VKN_ROLE_COUNT)
        return error(file, "unknown role", word);
    double **values = is_out ? &test->role[role].out : &test->role[role].in;
    if (*values)
        return error(file, "a second", roles[role]);
    if (!read_list(file, shape, VKN_MAX_RANK, &rank) || !rank)
        return error(file, "no extents for", roles[role]);
    uint64_t count = 1, most = strlen(file->next); /* each value is a character, or more */
    if (!are_whole(shape, rank, 0, (double)most))
        return error(file, "extents are not whole, or larger than the file, for", roles[role]);
    for (uint32_t i = 0; i < rank; i++) {
        count *= (uint64_t)shape[i];
        if (count > most)
            return error(file, "more elements than the file has, for", roles[role]);
    }
    if (test->role[role].count && test->role[role].count != count)
        return error(file, "other extents before for", roles[role]);
    test->role[role].count = count;
    test->desc.roles |= VKN_ROLE_BIT(role);
    *values = calloc(count ? count : 1, sizeof **values);
    if (!*values)
        return error(file, "no memory for", roles[role]);
    for (uint64_t i = 0; i < count; i++)
        if (!number_of(word = next_word(file), &(*values)[i]))
            return error(file, "not a number:", word);
    if (role == VKN_ROLE_X || (role == VKN_ROLE_DY && !test->desc.rank)) {
        test->desc.rank = rank;
        for (uint32_t i = 0; i < rank; i++)
            test->desc.shape[i] = (uint64_t)shape[i];
    }
    return true;
}

static bool read_case(GoldenFile *file, GoldenCase *test) {
    const char *word = next_word(file);
    if (!word || strcmp(word, "case") != 0 || !(word = word_of_line(file)))
        return error(file, "a case should begin here, not", word);
    snprintf(test->name, sizeof test->name, "%s", word);
    test->line = file->line;
    /* every setting has the library's default first */
    vkn_desc_batch_norm(&test->desc, (VknOperation)0, 0, NULL, 0, NULL);
    test->desc.roles = 0;
    test->factor = 1;
    while ((word = next_word(file)) && strcmp(word, "end") != 0) {
        bool is_out = strcmp(word, "out") == 0;
        if (strcmp(word, "set") == 0            ? !read_setting(file, test)
            : is_out || strcmp(word, "in") == 0 ? !read_role(file, test, is_out)
                                                : !error(file, "neither set, in, out nor end:", word))
            return false;
    }
    if (!word || !test->desc.operation || !test->desc.rank)
        return error(file, "no end, operation, X or DY in", test->name);
    return true;
}

GoldenResult golden_next(GoldenFile *file, GoldenCase *test) {
    *test = (GoldenCase){0};
    for (skip_blanks(file); *file->next == '\n'; skip_blanks(file)) {
        file->next++;
        file->line++;
    }
    if (!*file->next)
        return GOLDEN_END;
    return read_case(file, test) ? GOLDEN_CASE : GOLDEN_ERROR;
}

void golden_case_free(GoldenCase *test) {
    for (uint32_t role = 0; role < VKN_ROLE_COUNT; role++) {
        free(test->role[role].in);
        free(test->role[role].out);
    }
}

bool golden_open(GoldenFile *file, const char *path) {
    *file = (GoldenFile){.path = path, .line = 1};
    FILE *stream = fopen(path, "rb");
    long size = -1;
    if (stream && fseek(stream, 0, SEEK_END) == 0 && (size = ftell(stream)) >= 0)
        file->text = calloc((size_t)size + 1, 1);
    bool read = file->text && fseek(stream, 0, SEEK_SET) == 0 &&
                fread(file->text, 1, (size_t)size, stream) == (size_t)size;
    if (stream)
        fclose(stream);
    file->next = file->text;
    return read || error(file, "cannot read", path);
}

void golden_close(GoldenFile *file) {
    free(file->text);
}
