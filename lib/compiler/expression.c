#include "expression.h"

#include <stdio.h>
#include <string.h>

static bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}

/* Of a name or a number. */
static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || is_upper(c) || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

/* Whether a word begins at text[i]; what follows the sign of an exponent is none. */
static bool begins_word(const char *text, size_t i) {
    if (!is_word(text[i]) || (i > 0 && is_word(text[i - 1])))
        return false;
    return i < 2 || !strchr("+-", text[i - 1]) || !strchr("eE", text[i - 2]);
}

bool vkn_expression_check(const char *text, char message[VKN_COMPILER_MESSAGE]) {
    size_t length = strlen(text), open = 0;
    if (length > VKN_MAX_EXPRESSION) {
        snprintf(message, VKN_COMPILER_MESSAGE, "an expression has at most %d characters, this one %zu",
                 VKN_MAX_EXPRESSION, length);
        return false;
    }
    if (strspn(text, " ") == length) {
        snprintf(message, VKN_COMPILER_MESSAGE, "the expression is empty");
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        const char *wrong = NULL;
        if (!is_word(text[i]) && !strchr(" +-*/%<>=!&|^~?:,()[]", text[i]))
            wrong = "no expression has this character";
        else if (text[i] == '/' && (text[i + 1] == '/' || text[i + 1] == '*'))
            wrong = "comments are not allowed";
        else if (begins_word(text, i) &&
                 (is_upper(text[i]) || text[i] == '_' || !strncmp(text + i, "gl_", 3)))
            wrong = "names begin with a small letter, and not with gl_"; /* the kernels' own do */
        else if (text[i] == ')' && open == 0)
            wrong = "nothing is open that this closes";
        open += (text[i] == '(') - (size_t)(text[i] == ')');
        if (wrong) {
            snprintf(message, VKN_COMPILER_MESSAGE, "character %zu: %s", i + 1, wrong);
            return false;
        }
    }
    if (open)
        snprintf(message, VKN_COMPILER_MESSAGE, "character %zu: a closing parenthesis is missing", length);
    return !open;
}

void vkn_expression_split(const char *text, char *lines) {
    for (size_t i = 0; text[i]; i++) {
        if (begins_word(text, i))
            *lines++ = '\n';
        *lines++ = text[i];
    }
    *lines = '\0';
}

size_t vkn_expression_position(const char *text, size_t word) {
    size_t i = 0;
    for (; text[i]; i++)
        if (begins_word(text, i) && --word == 0)
            break;
    return i + 1;
}
