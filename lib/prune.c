#include "prune.h"

#include <assert.h>
#include <string.h>

#include "spirv.h"

/* What is known of an id. */
typedef struct Id {
    uint32_t at;     /* word of its OpFunction or OpLabel */
    uint32_t header; /* of a continue target: the loop it continues */
    bool is_false, is_true;
    bool kept;  /* function, block or value that is reached */
    bool named; /* block that a kept merge instruction names: must exist, if only as unreachable */
} Id;

typedef struct Pruner {
    uint32_t *code;
    size_t words;
    Id *ids;
    uint32_t *pending; /* functions, then blocks, still to visit */
    size_t pending_count;
} Pruner;

static void reach(Pruner *p, uint32_t id) {
    if (p->ids[id].kept)
        return;
    p->ids[id].kept = true;
    p->pending[p->pending_count++] = id;
}

/* The label that a conditional branch always takes, or 0. */
static uint32_t taken_label(const Pruner *p, const uint32_t *instruction) {
    if (spirv_op(instruction) != OP_BRANCH_CONDITIONAL)
        return 0;
    const Id *condition = &p->ids[instruction[1]];
    return condition->is_true ? instruction[2] : condition->is_false ? instruction[3] : 0;
}

/* Whether `op` ends a block, and the range of its words that name successors. */
static bool ends_block(const uint32_t *instruction, uint32_t *first, uint32_t *step) {
    uint32_t op = spirv_op(instruction);
    *first = op == OP_BRANCH ? 1 : 2;
    *step = op == OP_SWITCH ? 2 : 1; /* default, then literal and label */
    return op >= OP_BRANCH && op <= OP_UNREACHABLE;
}

static void visit_block(Pruner *p, uint32_t label) {
    uint32_t first, step;
    for (const uint32_t *i = p->code + p->ids[label].at;; i += spirv_words(i)) {
        uint32_t op = spirv_op(i);
        if (op == OP_FUNCTION_CALL)
            reach(p, i[3]);
        if (op == OP_EXT_INST || (op >= OP_SNEGATE && op <= OP_DOT))
            p->ids[i[2]].kept = true;
        if (op == OP_LOOP_MERGE) {
            p->ids[i[1]].named = p->ids[i[2]].named = true;
            p->ids[i[2]].header = label;
        }
        if (op == OP_SELECTION_MERGE && !taken_label(p, i + spirv_words(i)))
            p->ids[i[1]].named = true;
        if (!ends_block(i, &first, &step))
            continue;
        uint32_t taken = taken_label(p, i);
        if (taken)
            reach(p, taken);
        else if (op == OP_BRANCH || op == OP_BRANCH_CONDITIONAL || op == OP_SWITCH)
            for (uint32_t word = first; word < spirv_words(i); word += step)
                reach(p, i[word]);
        return;
    }
}

/* Whether control can still pass from one kept block to another. */
static bool has_edge(const Pruner *p, uint32_t from, uint32_t to) {
    uint32_t first, step;
    if (!p->ids[from].kept)
        return false;
    const uint32_t *i = p->code + p->ids[from].at;
    while (!ends_block(i, &first, &step))
        i += spirv_words(i);
    uint32_t taken = taken_label(p, i);
    if (taken)
        return taken == to;
    for (uint32_t word = first; word < spirv_words(i); word += step)
        if (i[word] == to)
            return true;
    return false;
}

/* Finds what is reached from the entry point. */
static void mark(Pruner *p) {
    const uint32_t *end = p->code + p->words;
    uint32_t entry = 0;
    for (const uint32_t *i = p->code + SPIRV_HEADER_WORDS; i < end; i += spirv_words(i)) {
        switch (spirv_op(i)) {
        case OP_ENTRY_POINT:
            entry = i[2];
            break;
        case OP_CONSTANT_TRUE:
            p->ids[i[2]].is_true = true;
            break;
        case OP_CONSTANT_FALSE:
            p->ids[i[2]].is_false = true;
            break;
        case OP_FUNCTION:
            p->ids[i[2]].at = (uint32_t)(i - p->code);
            break;
        case OP_LABEL:
            p->ids[i[1]].at = (uint32_t)(i - p->code);
            break;
        default:
            break;
        }
    }
    reach(p, entry);
    while (p->pending_count) {
        uint32_t id = p->pending[--p->pending_count];
        const uint32_t *i = p->code + p->ids[id].at;
        if (spirv_op(i) == OP_LABEL) {
            visit_block(p, id);
            continue;
        }
        while (spirv_op(i) != OP_LABEL)
            i += spirv_words(i);
        reach(p, i[1]);
    }
}

/* ------------------------------------------------------------------------------------------- write */

static uint32_t *write_branch(uint32_t *to, uint32_t label) {
    to[0] = 2u << 16 | OP_BRANCH;
    to[1] = label;
    return to + 2;
}

/* A phi keeps the values that arrive over edges that are left. */
static uint32_t *write_phi(const Pruner *p, const uint32_t *phi, uint32_t block, uint32_t *to) {
    uint32_t words = spirv_words(phi), count = 3;
    uint32_t type = phi[1], result = phi[2];
    for (uint32_t word = 3; word < words; word += 2) {
        uint32_t value = phi[word], parent = phi[word + 1];
        if (!has_edge(p, parent, block))
            continue;
        to[count++] = value;
        to[count++] = parent;
    }
    to[0] = count << 16 | OP_PHI;
    to[1] = type;
    to[2] = result;
    return to + count;
}

/* Writes one instruction of a kept block. */
static uint32_t *write_instruction(const Pruner *p, const uint32_t *i, uint32_t block, uint32_t *to) {
    uint32_t taken = taken_label(p, i);
    if (taken)
        return write_branch(to, taken);
    if (spirv_op(i) == OP_SELECTION_MERGE && taken_label(p, i + spirv_words(i)))
        return to;
    if (spirv_op(i) == OP_PHI)
        return write_phi(p, i, block, to);
    memmove(to, i, spirv_words(i) * sizeof *to);
    return to + spirv_words(i);
}

static bool is_dropped_outside_functions(const Pruner *p, const uint32_t *i) {
    switch (spirv_op(i)) {
    case OP_SOURCE:
    case OP_SOURCE_EXTENSION:
    case OP_NAME:
    case OP_MEMBER_NAME:
        return true;
    case OP_DECORATE:
        return i[2] == DECORATION_NO_CONTRACTION && !p->ids[i[1]].kept;
    default:
        return false;
    }
}

/* Writes what is kept to `to`, which does not overlap the code that is read. */
static size_t write(const Pruner *p, uint32_t *code) {
    const uint32_t *i = p->code, *end = p->code + p->words;
    uint32_t *to = code, function = 0, block = 0;
    memcpy(to, i, SPIRV_HEADER_WORDS * sizeof *to);
    to += SPIRV_HEADER_WORDS;
    for (i += SPIRV_HEADER_WORDS; i < end; i += spirv_words(i)) {
        uint32_t op = spirv_op(i);
        if (op == OP_FUNCTION) {
            function = i[2];
            block = 0;
        }
        if (op == OP_LABEL)
            block = i[1];
        bool ends = op == OP_FUNCTION_END;
        bool kept = function ? p->ids[function].kept && (ends || !block || p->ids[block].kept)
                             : !is_dropped_outside_functions(p, i);
        if (kept) {
            to = write_instruction(p, i, block, to);
        } else if (op == OP_LABEL && p->ids[function].kept && p->ids[block].named) {
            *to++ = 2u << 16 | OP_LABEL;
            *to++ = block;
            if (p->ids[block].header)
                to = write_branch(to, p->ids[block].header);
            else
                *to++ = 1u << 16 | OP_UNREACHABLE;
        }
    }
    return (size_t)(to - code);
}

bool vkn_spirv_prune(const VknHost *host, uint32_t *code, size_t *words) {
    uint32_t bound = code[SPIRV_BOUND];
    Pruner p = {.code = vkn_host_alloc(host, *words * sizeof *code), .words = *words};
    /* One after the other: what is refused is said once. */
    p.ids = p.code ? vkn_host_alloc(host, bound * sizeof *p.ids) : NULL;
    p.pending = p.ids ? vkn_host_alloc(host, bound * sizeof *p.pending) : NULL;
    bool success = p.pending != NULL;
    if (success) {
        memcpy(p.code, code, *words * sizeof *code);
        mark(&p);
        *words = write(&p, code);
    }
    vkn_host_free(host, p.pending);
    vkn_host_free(host, p.ids);
    vkn_host_free(host, p.code);
    return success;
}
