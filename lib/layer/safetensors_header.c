/* The header of a safetensors file: one JSON object, whose members are tensors, {"dtype": string, "shape":
 * [integers], "data_offsets": [begin, end]}, and "__metadata__", an object of strings, which is not used. */
#include "internal.h"

#include <string.h>

typedef struct Parser {
    const char *next, *end;
    const char *error; /* the first rule that was broken */
} Parser;

static bool fail(Parser *parser, const char *rule) {
    if (!parser->error)
        parser->error = rule;
    return false;
}

static void skip_spaces(Parser *parser) {
    while (parser->next < parser->end && strchr(" \t\r\n", *parser->next) && *parser->next)
        parser->next++;
}

/* Takes `wanted` if it comes next. */
static bool accept(Parser *parser, char wanted) {
    skip_spaces(parser);
    if (parser->next == parser->end || *parser->next != wanted)
        return false;
    parser->next++;
    return true;
}

static bool expect(Parser *parser, char wanted, const char *rule) {
    return accept(parser, wanted) || fail(parser, rule);
}

/* Returns its text without quotes, in which escapes stay as they are. */
static bool parse_string(Parser *parser, const char **text, size_t *size) {
    if (!expect(parser, '"', "a string is expected"))
        return false;
    *text = parser->next;
    for (; parser->next < parser->end && *parser->next != '"'; parser->next++) {
        if ((unsigned char)*parser->next < ' ')
            return fail(parser, "a string has no control characters");
        if (*parser->next == '\\' && ++parser->next == parser->end)
            break;
    }
    if (parser->next >= parser->end)
        return fail(parser, "a string ends with a quote");
    *size = (size_t)(parser->next++ - *text);
    return true;
}

static bool is_digit(const Parser *parser) {
    return parser->next < parser->end && *parser->next >= '0' && *parser->next <= '9';
}

static bool parse_integer(Parser *parser, uint64_t *value) {
    skip_spaces(parser);
    const char *first = parser->next;
    if (!is_digit(parser))
        return fail(parser, "extents and offsets are whole numbers");
    for (*value = 0; is_digit(parser); parser->next++) {
        const uint64_t digit = (uint64_t)(*parser->next - '0');
        if (*value > (UINT64_MAX - digit) / 10)
            return fail(parser, "extents and offsets have at most 64 bits");
        *value = *value * 10 + digit;
    }
    if (*first == '0' && parser->next - first > 1)
        return fail(parser, "a number does not begin with 0");
    return true;
}

/* At most `most` integers. */
static bool parse_integers(Parser *parser, uint32_t most, uint64_t *values, uint32_t *count) {
    *count = 0;
    if (!expect(parser, '[', "shape and data_offsets are lists"))
        return false;
    if (accept(parser, ']'))
        return true;
    do {
        if (*count == most)
            return fail(parser, "a shape has at most 8 extents, data_offsets two numbers");
        if (!parse_integer(parser, &values[(*count)++]))
            return false;
    } while (accept(parser, ','));
    return expect(parser, ']', "a list ends with ]");
}

static bool is(const char *text, size_t size, const char *word) {
    return size == strlen(word) && !memcmp(text, word, size);
}

static bool parse_tensor(Parser *parser, VknEntry *entry) {
    unsigned seen = 0;
    if (!expect(parser, '{', "a tensor is an object"))
        return false;
    do {
        const char *text, *type;
        size_t size, type_size;
        uint64_t offsets[2];
        uint32_t count;
        unsigned member;
        if (!parse_string(parser, &text, &size) || !expect(parser, ':', "a colon follows a name"))
            return false;
        if (is(text, size, "dtype")) {
            member = 1;
            if (!parse_string(parser, &type, &type_size))
                return false;
            entry->f32 = is(type, type_size, "F32");
        } else if (is(text, size, "shape")) {
            member = 2;
            if (!parse_integers(parser, VKN_MAX_RANK, entry->shape, &entry->rank))
                return false;
        } else if (is(text, size, "data_offsets")) {
            member = 4;
            if (!parse_integers(parser, 2, offsets, &count))
                return false;
            if (count != 2 || offsets[0] > offsets[1])
                return fail(parser, "data_offsets are two numbers, begin <= end");
            entry->begin = offsets[0];
            entry->end = offsets[1];
        } else {
            return fail(parser, "a tensor has a dtype, a shape and data_offsets alone");
        }
        if (seen & member)
            return fail(parser, "a tensor has each of dtype, shape and data_offsets once");
        seen |= member;
    } while (accept(parser, ','));
    if (seen != 7)
        return fail(parser, "a tensor has a dtype, a shape and data_offsets");
    return expect(parser, '}', "an object ends with }");
}

static bool skip_metadata(Parser *parser) {
    const char *text;
    size_t size;
    if (!expect(parser, '{', "__metadata__ is an object"))
        return false;
    if (accept(parser, '}'))
        return true;
    do {
        if (!parse_string(parser, &text, &size) || !expect(parser, ':', "a colon follows a name") ||
            !parse_string(parser, &text, &size))
            return false;
    } while (accept(parser, ','));
    return expect(parser, '}', "an object ends with }");
}

static bool parse_members(Parser *parser, uint32_t most, VknEntry *entries, uint32_t *count) {
    bool metadata = false;
    do {
        VknEntry entry = {0};
        if (!parse_string(parser, &entry.name, &entry.name_size) ||
            !expect(parser, ':', "a colon follows a name"))
            return false;
        if (is(entry.name, entry.name_size, "__metadata__")) {
            if (metadata)
                return fail(parser, "__metadata__ is there once");
            metadata = true;
            if (!skip_metadata(parser))
                return false;
            continue;
        }
        if (!parse_tensor(parser, &entry))
            return false;
        for (uint32_t i = 0; i < *count && i < most; i++)
            if (entries[i].name_size == entry.name_size &&
                !memcmp(entries[i].name, entry.name, entry.name_size))
                return fail(parser, "each tensor is there once");
        if (*count < most)
            entries[*count] = entry;
        ++*count;
    } while (accept(parser, ','));
    return expect(parser, '}', "an object ends with }");
}

const char *vkn_layer_header_parse(const char *text, size_t size, uint32_t most, VknEntry *entries,
                                   uint32_t *count) {
    Parser parser = {.next = text, .end = text + size};
    *count = 0;
    if (size == 0 || *text != '{')
        return "a header begins with {";
    parser.next++;
    if (!accept(&parser, '}') && !parse_members(&parser, most, entries, count))
        return parser.error;
    while (parser.next < parser.end)
        if (*parser.next++ != ' ')
            return "nothing but spaces follows the header's object";
    return NULL;
}
