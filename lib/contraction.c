#include "contraction.h"

#include <string.h>

#include "spirv.h"

/* Floating-point arithmetic, which has its result in word 2. */
static bool is_arithmetic(uint32_t op) {
    return op == OP_FNEGATE || op == OP_FADD || op == OP_FSUB || op == OP_FMUL ||
           op == OP_VECTOR_TIMES_SCALAR;
}

static bool is_decorated(const uint32_t *code, const uint32_t *end, uint32_t id) {
    for (const uint32_t *i = code + SPIRV_HEADER_WORDS; i < end; i += spirv_words(i))
        if (spirv_op(i) == OP_DECORATE && i[1] == id && i[2] == DECORATION_NO_CONTRACTION)
            return true;
    return false;
}

/* Decorations stand before the types, the first of which is void, a bool or a number. */
static bool is_type(uint32_t op) {
    return op >= OP_TYPE_VOID && op <= OP_TYPE_FUNCTION;
}

bool vkn_spirv_forbid_contraction(const VknHost *host, uint32_t **code, size_t *words) {
    const uint32_t *from = *code, *end = from + *words, *types = NULL;
    size_t count = 0;
    for (const uint32_t *i = from + SPIRV_HEADER_WORDS; i < end; i += spirv_words(i)) {
        if (!types && is_type(spirv_op(i)))
            types = i;
        count += is_arithmetic(spirv_op(i));
    }
    uint32_t *marked = vkn_host_alloc(host, (*words + 3 * count) * sizeof *marked);
    if (!marked)
        return false;
    size_t before = (size_t)(types - from);
    uint32_t *to = marked + before;
    memcpy(marked, from, before * sizeof *marked);
    for (const uint32_t *i = types; i < end; i += spirv_words(i)) {
        if (!is_arithmetic(spirv_op(i)) || is_decorated(from, types, i[2]))
            continue;
        to[0] = 3u << 16 | OP_DECORATE;
        to[1] = i[2];
        to[2] = DECORATION_NO_CONTRACTION;
        to += 3;
    }
    memcpy(to, types, (*words - before) * sizeof *marked);
    *words += (size_t)(to - marked) - before;
    vkn_host_free(host, *code);
    *code = marked;
    return true;
}
