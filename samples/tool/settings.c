/* Text into the fields of a Request. */
#include "table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The length of the name in "name=value". */
static size_t name_length(const char *text) {
    return strcspn(text, "=");
}

const char *setting_find(const Settings *settings, const char *name) {
    for (size_t i = 0; i < settings->count; i++) {
        const char *text = settings->texts[i];
        if (name_length(text) == strlen(name) && strncmp(text, name, strlen(name)) == 0)
            return text + strlen(name) + 1;
    }
    return NULL;
}

static bool has_word(const char *words, const char *word) {
    for (; *words; words += strspn(words, " ")) {
        size_t length = strcspn(words, " ");
        if (length == strlen(word) && strncmp(words, word, length) == 0)
            return true;
        words += length;
    }
    return false;
}

/* ------------------------------------------------------------------------------------------ values */

static bool parse_integer(const char *name, const char *text, const char **end, int64_t least, uint64_t most,
                          uint64_t *value) {
    char *stop = NULL;
    errno = 0;
    *value = *text == '-' ? (uint64_t)strtoll(text, &stop, 10) : strtoull(text, &stop, 10);
    bool too_large = *text == '-' ? (int64_t)*value < least : *value > most;
    if (stop == text || errno || too_large || strspn(text, " +"))
        return fail("%s=%s: expected %s", name, text,
                    least < 0 ? "a whole number" : "a whole number that is not negative");
    *end = stop;
    return true;
}

static bool parse_list(const Attribute *a, const char *text, Request *request) {
    uint32_t count = 0;
    uint64_t value;
    bool is_signed = a->kind == KIND_I32_LIST;
    void *list = (char *)request + a->offset;
    for (const char *at = text; *at; at += *at == ',') {
        if (count == VKN_MAX_RANK)
            return fail("%s=%s: at most %d numbers", a->name, text, VKN_MAX_RANK);
        if (!parse_integer(a->name, at, &at, is_signed ? INT32_MIN : 0, is_signed ? INT32_MAX : UINT64_MAX,
                           &value))
            return false;
        if ((*at && *at != ',') || (*at == ',' && !at[1]))
            return fail("%s=%s: expected whole numbers with commas between them", a->name, text);
        if (is_signed)
            ((int32_t *)list)[count++] = (int32_t)value;
        else
            ((uint64_t *)list)[count++] = value;
    }
    if (!a->count_offset && count != request->desc.rank)
        return fail("%s=%s: numbers for %u axes, but the shape has %u", a->name, text, count,
                    request->desc.rank);
    if (a->count_offset)
        *(uint32_t *)((char *)request + a->count_offset) = count;
    return true;
}

static bool parse_float(const char *name, const char *text, float *value) {
    char *end = NULL;
    *value = strtof(text, &end);
    if (end == text || *end || strspn(text, " "))
        return fail("%s=%s: expected a number", name, text);
    return true;
}

static bool parse_word(const Attribute *a, const char *text, int *value) {
    size_t count = 0;
    for (; a->words[count]; count++) {
        if (strcmp(a->words[count], text) == 0) {
            *value = a->first + (int)count;
            return true;
        }
    }
    return fail("%s=%s: no such value%s See vknorm run --list", a->name, text,
                suggest(text, a->words, count, sizeof *a->words));
}

static bool parse_activation(const char *name, const char *text, VknActivation *activation) {
    for (size_t id = 0; id < activation_count; id++) {
        if (strcmp(activation_rows[id].name, text) == 0) {
            *activation = vkn_activation_default((VknActivationId)id);
            return true;
        }
    }
    return fail("%s=%s: no such activation%s See vknorm run --list", name, text,
                suggest(text, activation_rows, activation_count, sizeof *activation_rows));
}

static bool parse_strategy(const char *name, const char *text, uint32_t *strategy) {
    const char *names[64] = {"auto"};
    size_t count = 1;
    for (; count < 64 && vkn_strategy_name((uint32_t)count - 1); count++)
        names[count] = vkn_strategy_name((uint32_t)count - 1);
    for (*strategy = 0; *strategy < count; ++*strategy)
        if (strcmp(names[*strategy], text) == 0)
            return true;
    return fail("%s=%s: no such strategy%s See vknorm run --list", name, text,
                suggest(text, names, count, sizeof *names));
}

static bool parse(const Attribute *a, const char *text, Request *request) {
    void *field = (char *)request + a->offset;
    const char *end = "";
    uint64_t value = 0;
    bool parsed = false;
    switch (a->kind) {
    case KIND_BOOL:
        *(bool *)field = strcmp(text, "true") == 0;
        return *(bool *)field || strcmp(text, "false") == 0 ||
               fail("%s=%s: expected true or false", a->name, text);
    case KIND_FLOAT:
        return parse_float(a->name, text, field);
    case KIND_ENUM:
        return parse_word(a, text, field);
    case KIND_U64_LIST:
    case KIND_I32_LIST:
        return parse_list(a, text, request);
    case KIND_ACTIVATION:
        return parse_activation(a->name, text, field);
    case KIND_STRATEGY:
        return parse_strategy(a->name, text, field);
    case KIND_U32:
        parsed = parse_integer(a->name, text, &end, 0, UINT32_MAX, &value);
        *(uint32_t *)field = (uint32_t)value;
        break;
    case KIND_U64:
        parsed = parse_integer(a->name, text, &end, 0, UINT64_MAX, &value);
        *(uint64_t *)field = value;
        break;
    case KIND_I32:
        parsed = parse_integer(a->name, text, &end, INT32_MIN, INT32_MAX, &value);
        *(int32_t *)field = (int32_t)value;
        break;
    }
    return parsed && (!*end || fail("%s=%s: expected one whole number", a->name, text));
}

/* ------------------------------------------------------------------------------------------- names */

const Operation *operation_find(const char *name) {
    for (size_t i = 0; i < operation_count; i++)
        if (strcmp(operations[i].name, name) == 0)
            return &operations[i];
    fail("no operation %s%s See vknorm run --list", name,
         suggest(name, operations, operation_count, sizeof *operations));
    return NULL;
}

const Role *role_find(const char *where, const char *name) {
    for (size_t i = 0; i < VKN_ROLE_COUNT; i++)
        if (i != VKN_ROLE_WORKSPACE && strcmp(roles[i].name, name) == 0)
            return &roles[i];
    fail("%s: no such role%s See vknorm run --list", where,
         suggest(name, roles, VKN_ROLE_COUNT, sizeof *roles));
    return NULL;
}

/* ---------------------------------------------------------------------------------------- settings */

/* Sets a parameter, "activation.NAME=..." or "prologue.NAME=...". */
static bool set_parameter(const char *text, const char *name, VknActivation *activation) {
    const ActivationRow *row = &activation_rows[activation->id];
    const char *parameter = strchr(text, '.') + 1;
    char full[64];
    for (uint32_t i = 0; i < row->parameter_count; i++) {
        size_t length = strlen(row->parameters[i]);
        if (name_length(parameter) == length && strncmp(parameter, row->parameters[i], length) == 0) {
            snprintf(full, sizeof full, "%s.%s", name, row->parameters[i]);
            return parse_float(full, parameter + length + 1, &activation->parameter[i]);
        }
    }
    return fail("--set %s: the %s %s has %s%s%s%s%s%s", text, name, row->name,
                row->parameter_count ? "the parameters " : "no parameters",
                row->parameter_count > 0 ? row->parameters[0] : "", row->parameter_count > 1 ? ", " : "",
                row->parameter_count > 1 ? row->parameters[1] : "", row->parameter_count > 2 ? ", " : "",
                row->parameter_count > 2 ? row->parameters[2] : "");
}

static bool is_parameter(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool check(const char *text, const Operation *operation) {
    char name[64];
    if (!strchr(text, '='))
        return fail("--set %s: expected attribute=value", text);
    snprintf(name, sizeof name, "%.*s", (int)name_length(text), text);
    if (has_word(operation->refuses, name))
        return fail("--set %s: %s has no %s", text, operation->name, name);
    if (is_parameter(text, "activation.") || is_parameter(text, "prologue."))
        return true;
    for (size_t i = 0; i < attribute_count; i++)
        if (strcmp(attributes[i].name, name) == 0)
            return true;
    return fail("--set %s: no such attribute%s See vknorm run --list", text,
                suggest(name, attributes, attribute_count, sizeof *attributes));
}

bool settings_check(const Settings *settings, const Operation *operation) {
    for (size_t i = 0; i < settings->count; i++) {
        const char *text = settings->texts[i];
        if (!check(text, operation))
            return false;
        for (size_t k = 0; k < i; k++)
            if (name_length(text) == name_length(settings->texts[k]) &&
                strncmp(text, settings->texts[k], name_length(text) + 1) == 0)
                return fail("--set %s: it is set twice", text);
    }
    for (size_t i = 0; i < attribute_count; i++)
        if (has_word(operation->needs, attributes[i].name) && !setting_find(settings, attributes[i].name))
            return fail("%s needs --set %s=...: %s", operation->name, attributes[i].name, attributes[i].says);
    return true;
}

bool settings_arguments(const Settings *settings, const Operation *operation, Request *request) {
    request->operation = operation->pass;
    for (size_t i = 0; i < attribute_count; i++) {
        const char *text = setting_find(settings, attributes[i].name);
        if (text && attributes[i].offset < offsetof(Request, desc) && !parse(&attributes[i], text, request))
            return false;
    }
    return true;
}

bool settings_describe(const Settings *settings, const Operation *operation, Request *request) {
    operation->construct(request);
    for (size_t i = 0; i < attribute_count; i++) {
        const char *text = setting_find(settings, attributes[i].name);
        if (text && attributes[i].offset >= offsetof(Request, desc) && !parse(&attributes[i], text, request))
            return false;
    }
    for (size_t i = 0; i < settings->count; i++) {
        const char *text = settings->texts[i];
        if (is_parameter(text, "activation.") &&
            !set_parameter(text, "activation", &request->desc.activation))
            return false;
        if (is_parameter(text, "prologue.") && !set_parameter(text, "prologue", &request->desc.prologue))
            return false;
    }
    return true;
}
