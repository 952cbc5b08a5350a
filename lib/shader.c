#include "shader.h"

#include <assert.h>
#include <string.h>

#include "contraction.h"
#include "interface.h"
#include "prune.h"
#include "spirv.h"

/* What is known of an id. */
typedef struct Constant {
    uint32_t spec_id; /* 0: none */
    uint32_t value;   /* of a 32-bit constant or a bool */
    bool known;       /* value is */
} Constant;

/* The operations on constants that the build's own modules have. Custom activations may have others. */
static Constant evaluate(const uint32_t *op, const Constant *constants) {
    bool binary = spirv_words(op) == 6;
    Constant a = constants[op[4]], b = binary ? constants[op[5]] : a;
    a.known = a.known && b.known;
    switch (op[3]) {
    case OP_LOGICAL_NOT:
        a.value = !a.value;
        break;
    case OP_IEQUAL:
        a.value = a.value == b.value;
        break;
    case OP_INOT_EQUAL:
        a.value = a.value != b.value;
        break;
    case OP_UGREATER_THAN:
        a.value = a.value > b.value;
        break;
    case OP_LOGICAL_OR:
        a.value = a.value | b.value;
        break;
    case OP_LOGICAL_AND:
    case OP_BITWISE_AND:
        a.value = a.value & b.value;
        break;
    default:
        a.known = false;
        break;
    }
    return a;
}

/* Writes constant `id` of `type` and returns the words written. */
static uint32_t write_constant(uint32_t *to, bool is_bool, uint32_t type, uint32_t id, uint32_t value) {
    to[0] = is_bool ? 3u << 16 | (value ? OP_CONSTANT_TRUE : OP_CONSTANT_FALSE) : 4u << 16 | OP_CONSTANT;
    to[1] = type;
    to[2] = id;
    if (!is_bool)
        to[3] = value;
    return to[0] >> 16;
}

/* Copies with specialization; returns the words written. */
static size_t specialize(const VknShader *shader, const uint32_t *spec, Constant *constants, uint32_t *code) {
    const uint32_t *from = shader->code, *end = from + shader->size / sizeof *from;
    uint32_t *to = code, bool_type = 0;
    memcpy(to, from, SPIRV_HEADER_WORDS * sizeof *from);
    to += SPIRV_HEADER_WORDS;
    for (from += SPIRV_HEADER_WORDS; from < end; from += spirv_words(from)) {
        switch (spirv_op(from)) {
        case OP_DECORATE:
            if (from[2] == DECORATION_SPEC_ID) {
                assert(from[3] >= 1 && from[3] <= VKN_SPEC_COUNT);
                constants[from[1]].spec_id = from[3];
                continue;
            }
            break;
        case OP_TYPE_BOOL:
            bool_type = from[1];
            break;
        case OP_CONSTANT_TRUE:
        case OP_CONSTANT_FALSE:
            constants[from[2]] = (Constant){.value = spirv_op(from) == OP_CONSTANT_TRUE, .known = true};
            break;
        case OP_CONSTANT:
            constants[from[2]] = (Constant){.value = from[3], .known = spirv_words(from) == 4};
            break;
        case OP_SPEC_CONSTANT:
            constants[from[2]].value = spec[constants[from[2]].spec_id - 1];
            constants[from[2]].known = true;
            to += write_constant(to, false, from[1], from[2], constants[from[2]].value);
            continue;
        case OP_SPEC_CONSTANT_OP:
            constants[from[2]] = evaluate(from, constants);
            if (!constants[from[2]].known)
                break; /* the driver's to evaluate */
            to += write_constant(to, from[1] == bool_type, from[1], from[2], constants[from[2]].value);
            continue;
        default:
            break;
        }
        memcpy(to, from, spirv_words(from) * sizeof *from);
        /* Some drivers take the workgroup's size from here, others from a constant that follows. */
        if (spirv_op(from) == OP_EXECUTION_MODE && from[2] == MODE_LOCAL_SIZE)
            to[3] = spec[VKN_SPEC_LOCAL_SIZE - 1];
        if (spirv_op(from) == OP_SPEC_CONSTANT_COMPOSITE)
            to[0] = spirv_words(from) << 16 | OP_CONSTANT_COMPOSITE;
        to += spirv_words(from);
    }
    return (size_t)(to - code);
}

bool vkn_shader_has(const VknShader *shader, uint32_t id) {
    const uint32_t *end = shader->code + shader->size / sizeof *shader->code;
    for (const uint32_t *at = shader->code + SPIRV_HEADER_WORDS; at < end; at += spirv_words(at))
        if (spirv_op(at) == OP_DECORATE && at[2] == DECORATION_SPEC_ID && at[3] == id)
            return true;
    return false;
}

uint32_t *vkn_shader_specialize(const VknHost *host, const VknShader *shader, const uint32_t *spec,
                                size_t *size) {
    uint32_t *code = vkn_host_alloc(host, shader->size);
    Constant *constants = code ? vkn_host_alloc(host, shader->code[SPIRV_BOUND] * sizeof *constants) : NULL;
    size_t words = constants ? specialize(shader, spec, constants, code) : 0;
    vkn_host_free(host, constants);
    bool forbids = spec[VKN_SPEC_MODES - 1] & VKN_MODE_REPRODUCIBLE;
    if (!words || !vkn_spirv_prune(host, code, &words) ||
        (forbids && !vkn_spirv_forbid_contraction(host, &code, &words))) {
        vkn_host_free(host, code);
        return NULL;
    }
    *size = words * sizeof *code;
    return code;
}
