#include "golden.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 32, MOST_VARIABLES = 32, MOST_ELEMENTS = 8, MOST_NAME = 64 };

/* What it must be, and how far from that float32 of the frameworks is. */
typedef struct Expected {
    double value, off;
} Expected;

typedef struct Variable {
    char name[MOST_NAME];
    uint64_t count;
    Expected sum, norm;
    uint32_t element_count;
    double element_off;
    struct {
        uint64_t index;
        double value;
    } elements[MOST_ELEMENTS];
    bool compared;
} Variable;

struct Golden {
    char model[MOST_NAME];
    uint32_t step_count, batch, variable_count;
    Expected steps[MOST_STEPS];
    bool step_compared[MOST_STEPS];
    Variable variables[MOST_VARIABLES];
    double share;               /* the largest of all that was compared */
    char where[MOST_NAME + 32]; /* of that */
    bool failed;
};

/* -------------------------------------------------------------------------------------------- reading */

typedef struct Reader {
    const char *path;
    FILE *file;
    uint32_t number;
    char line[256];
} Reader;

/* Goes to the next line that is not empty or a comment; false at the end of the file. */
static bool next(Reader *reader) {
    while (fgets(reader->line, sizeof reader->line, reader->file)) {
        reader->number++;
        reader->line[strcspn(reader->line, "\r\n")] = '\0';
        if (reader->line[0] && reader->line[0] != '#')
            return true;
    }
    snprintf(reader->line, sizeof reader->line, "%s",
             ferror(reader->file) ? strerror(errno) : "the end of the file");
    return false;
}

/* A line that is not as it must be. */
static bool expected(const Reader *reader, const char *form) {
    fprintf(stderr, "%s, line %u: expected \"%s\", found \"%s\"\n", reader->path, reader->number, form,
            reader->line);
    return false;
}

/* What sscanf() took is the whole line. */
static bool whole(const Reader *reader, int end) {
    return end > 0 && !reader->line[end];
}

static bool is_expected(Expected e) {
    return isfinite(e.value) && isfinite(e.off) && e.off >= 0;
}

static bool read_expected(Reader *reader, const char *word, Expected *e) {
    char form[32], found[16];
    int end = 0;
    snprintf(form, sizeof form, "%s VALUE OFF", word);
    return (next(reader) && sscanf(reader->line, "%15s %lf %lf%n", found, &e->value, &e->off, &end) == 3 &&
            whole(reader, end) && !strcmp(found, word) && is_expected(*e)) ||
           expected(reader, form);
}

static bool read_elements(Reader *reader, Variable *v) {
    int end = 0;
    if (!next(reader) ||
        sscanf(reader->line, "elements %u %lf%n", &v->element_count, &v->element_off, &end) != 2 ||
        !whole(reader, end) || v->element_count == 0 || v->element_count > MOST_ELEMENTS ||
        !(isfinite(v->element_off) && v->element_off >= 0))
        return expected(reader, "elements COUNT OFF");
    for (uint32_t i = 0; i < v->element_count; i++) {
        unsigned long long index;
        end = 0;
        if (!next(reader) || sscanf(reader->line, "%llu %lf%n", &index, &v->elements[i].value, &end) != 2 ||
            !whole(reader, end) || index >= v->count || !isfinite(v->elements[i].value))
            return expected(reader, "INDEX VALUE");
        v->elements[i].index = index;
    }
    return true;
}

/* A variable, from the line that the reader is at. */
static bool read_variable(Reader *reader, Golden *golden) {
    Variable *v = &golden->variables[golden->variable_count];
    unsigned long long count;
    int end = 0;
    if (golden->variable_count == MOST_VARIABLES ||
        sscanf(reader->line, "variable %63s %llu%n", v->name, &count, &end) != 2 || !whole(reader, end) ||
        count == 0)
        return expected(reader, "variable NAME COUNT");
    v->count = count;
    golden->variable_count++;
    return read_expected(reader, "sum", &v->sum) && read_expected(reader, "norm", &v->norm) &&
           read_elements(reader, v);
}

/* The line "model ..." of the golden's model. */
static bool find_model(Reader *reader, Golden *golden, const char *model) {
    while (next(reader)) {
        int end = 0;
        if (strncmp(reader->line, "model ", 6))
            continue;
        if (sscanf(reader->line, "model %63s %u %u%n", golden->model, &golden->step_count, &golden->batch,
                   &end) != 3 ||
            !whole(reader, end) || golden->step_count == 0 || golden->step_count > MOST_STEPS ||
            golden->batch == 0)
            return expected(reader, "model NAME STEPS BATCH");
        if (!strcmp(golden->model, model))
            return true;
    }
    if (ferror(reader->file))
        fprintf(stderr, "%s: %s\n", reader->path, reader->line);
    else
        fprintf(stderr, "%s: there is no model \"%s\" in it\n", reader->path, model);
    return false;
}

static bool read_model(Reader *reader, Golden *golden, const char *model) {
    if (!find_model(reader, golden, model))
        return false;
    for (uint32_t i = 0; i < golden->step_count; i++)
        if (!read_expected(reader, "step", &golden->steps[i]))
            return false;
    while (next(reader) && strcmp(reader->line, "end"))
        if (!read_variable(reader, golden))
            return false;
    return (golden->variable_count && !strcmp(reader->line, "end")) || expected(reader, "variable or end");
}

Golden *golden_open(const char *path, const char *model) {
    Reader reader = {.path = path, .file = fopen(path, "r")};
    Golden *golden = calloc(1, sizeof *golden);
    if (!reader.file || !golden)
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    if (!reader.file || !golden || !read_model(&reader, golden, model)) {
        free(golden);
        golden = NULL;
    }
    if (reader.file)
        fclose(reader.file);
    return golden;
}

void golden_close(Golden *golden) {
    free(golden);
}

uint32_t golden_steps(const Golden *golden) {
    return golden->step_count;
}

uint32_t golden_batch(const Golden *golden) {
    return golden->batch;
}

/* ------------------------------------------------------------------------------------------- comparing */

static bool compare(Golden *golden, const char *where, double found, Expected e) {
    const double bound = GOLDEN_FACTOR * e.off, difference = fabs(found - e.value);
    const double share = difference == 0 ? 0 : difference / bound;
    if (!(share <= golden->share)) { /* NaN is the largest */
        golden->share = isnan(share) ? HUGE_VAL : share;
        snprintf(golden->where, sizeof golden->where, "%s", where);
    }
    if (share <= 1)
        return true;
    fprintf(stderr, "%s, %s: expected %.10g within %.2g, found %.10g\n", golden->model, where, e.value, bound,
            found);
    golden->failed = true;
    return false;
}

bool golden_compare_step(Golden *golden, uint32_t step, double loss) {
    char where[32];
    if (step >= golden->step_count) {
        fprintf(stderr, "%s: steps go from 0 to %u, there is no step %u\n", golden->model,
                golden->step_count - 1, step);
        golden->failed = true;
        return false;
    }
    snprintf(where, sizeof where, "loss of step %u", step);
    golden->step_compared[step] = true;
    return compare(golden, where, loss, golden->steps[step]);
}

static bool compare_values(Golden *golden, const Variable *v, const float *values) {
    char where[MOST_NAME + 32];
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < v->count; i++) {
        sum += values[i];
        squares += (double)values[i] * values[i];
    }
    snprintf(where, sizeof where, "sum of %.63s", v->name);
    bool same = compare(golden, where, sum, v->sum);
    snprintf(where, sizeof where, "norm of %.63s", v->name);
    same &= compare(golden, where, sqrt(squares), v->norm);
    for (uint32_t i = 0; i < v->element_count; i++) {
        const uint64_t index = v->elements[i].index;
        snprintf(where, sizeof where, "%.63s[%llu]", v->name, (unsigned long long)index);
        same &= compare(golden, where, values[index], (Expected){v->elements[i].value, v->element_off});
    }
    return same;
}

bool golden_compare_variable(Golden *golden, const char *variable, uint64_t count, const float *values) {
    for (Variable *v = golden->variables; v < golden->variables + golden->variable_count; v++) {
        if (strcmp(v->name, variable))
            continue;
        v->compared = true;
        if (v->count == count)
            return compare_values(golden, v, values);
        fprintf(stderr, "%s: %s must have %llu elements, not %llu\n", golden->model, variable,
                (unsigned long long)v->count, (unsigned long long)count);
        golden->failed = true;
        return false;
    }
    fprintf(stderr, "%s: there is no variable %s\n", golden->model, variable);
    golden->failed = true;
    return false;
}

bool golden_finish(const Golden *golden) {
    bool passed = !golden->failed;
    for (uint32_t i = 0; i < golden->step_count; i++)
        if (!golden->step_compared[i]) {
            fprintf(stderr, "%s: step %u was not compared\n", golden->model, i);
            passed = false;
        }
    for (const Variable *v = golden->variables; v < golden->variables + golden->variable_count; v++)
        if (!v->compared) {
            fprintf(stderr, "%s: %s was not compared\n", golden->model, v->name);
            passed = false;
        }
    printf("%-12s %u steps, %u variables: %s, at most %.3f of the bound (%s)\n", golden->model,
           golden->step_count, golden->variable_count, passed ? "as the frameworks" : "WRONG", golden->share,
           golden->where);
    return passed;
}
