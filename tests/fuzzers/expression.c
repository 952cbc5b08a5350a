/* Expressions of any characters. What is accepted is what it claims to be, and no compiler crashes on it. */
#include "expression.h"
#include "fuzzer.h"

#include <string.h>

/* The same text but for the line breaks, each before a word that is found again. */
static void check_split(const char *text, const char *lines) {
    size_t at = 0, words = 0;
    for (size_t i = 0; lines[i]; i++) {
        if (lines[i] == '\n') {
            words++;
            FUZZ_REQUIRE(vkn_expression_position(text, words) == at + 1, "word %zu\n", words);
            continue;
        }
        FUZZ_REQUIRE(lines[i] == text[at], "character %zu\n", at);
        at++;
    }
    FUZZ_REQUIRE(!text[at], "it ends early\n");
    FUZZ_REQUIRE(vkn_expression_position(text, words + 1) == at + 1, "past the last word\n");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    char lines[2 * VKN_MAX_EXPRESSION + 1], message[VKN_COMPILER_MESSAGE] = "";
    char *text = malloc(size + 1);
    FUZZ_REQUIRE(text, "no memory\n");
    memcpy(text, bytes, size);
    text[size] = '\0';
    bool accepted = vkn_expression_check(text, message);
    FUZZ_REQUIRE(accepted == !message[0], "%s\n", message);
    if (accepted) {
        vkn_expression_split(text, lines);
        check_split(text, lines);
        const VknCompiler *compiler = vkn_compiler_glslang();
        static bool open;
        open = open || (compiler && compiler->open()); /* for good: to open it costs more than to compile */
        bool compiles = !open || compiler->check(text, message);
        FUZZ_REQUIRE(compiles == !message[0], "%s\n", message);
    }
    free(text);
    return 0;
}
