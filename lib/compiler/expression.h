/* What can be said of an expression before a compiler sees it. */
#ifndef VKN_EXPRESSION_H
#define VKN_EXPRESSION_H

#include "compiler.h"

/* Whether `text` can be nothing but an expression, if it compiles between parentheses, as an argument of a
 * macro too; if not, says why. */
bool vkn_expression_check(const char *text, char message[VKN_COMPILER_MESSAGE]);

/* Copies `text` with a line break before each word, so that a compiler that tells lines tells words. `lines`
 * has room for twice the characters and one. */
void vkn_expression_split(const char *text, char *lines);

/* The character, from 1 on, at which a word begins, counted from 1; past the last one the end. */
size_t vkn_expression_position(const char *text, size_t word);

#endif
