#include "source.h"

#include <stdlib.h>
#include <string.h>

/* Text that grows. */
typedef struct Text {
    char *memory;
    size_t length, capacity;
} Text;

static bool append(Text *text, const char *from, size_t length) {
    if (text->capacity - text->length <= length) {
        size_t capacity = 2 * (text->length + length) + 1;
        char *memory = realloc(text->memory, capacity);
        if (!memory)
            return false;
        text->memory = memory;
        text->capacity = capacity;
    }
    memcpy(text->memory + text->length, from, length);
    text->length += length;
    text->memory[text->length] = '\0';
    return true;
}

static const char *find(const char *name, size_t length) {
    const VknSource *source = vkn_sources;
    while (source->name && !(strlen(source->name) == length && memcmp(source->name, name, length) == 0))
        source++;
    return source->text; /* NULL: there is none */
}

/* Includes stand in column 1 and have one form in shaders/. */
static bool expand(Text *text, const char *line, const char *rows, bool after_table) {
    static const char INCLUDE[] = "#include \"", TABLE[] = "activation.def\"";
    while (line && *line) {
        size_t size = strcspn(line, "\n");
        const char *file = line + strlen(INCLUDE);
        if (strncmp(line, INCLUDE, strlen(INCLUDE)) != 0) {
            size += line[size] == '\n';
            if (!append(text, line, size))
                return false;
        } else {
            bool is_table = strncmp(file, TABLE, strlen(TABLE)) == 0;
            if ((!is_table || after_table) &&
                !expand(text, find(file, strcspn(file, "\"")), rows, after_table))
                return false;
            if (is_table && !append(text, rows, strlen(rows)))
                return false;
        }
        line += size;
    }
    return line != NULL;
}

char *vkn_source_expand(const char *text, const char *rows, bool after_table) {
    Text expanded = {0};
    if (expand(&expanded, text, rows, after_table))
        return expanded.memory;
    free(expanded.memory);
    return NULL;
}
