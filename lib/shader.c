#include "shader.h"

#include <assert.h>
#include <string.h>

#include "interface.h"

/* The few instructions of SPIR-V that matter here (SPIR-V specification, 3.52). */
enum {
    OP_EXECUTION_MODE = 16,
    MODE_LOCAL_SIZE = 17,
    OP_CONSTANT = 43,
    OP_CONSTANT_COMPOSITE = 44,
    OP_SPEC_CONSTANT_TRUE = 48,
    OP_SPEC_CONSTANT_FALSE = 49,
    OP_SPEC_CONSTANT = 50,
    OP_SPEC_CONSTANT_COMPOSITE = 51,
    OP_SPEC_CONSTANT_OP = 52,
    OP_DECORATE = 71,
    DECORATION_SPEC_ID = 1,
    HEADER_WORDS = 5,
};

uint32_t *vkn_shader_specialize(const VknHost *host, const VknShader *shader, const uint32_t *spec,
                                size_t *size) {
    struct {
        uint32_t target; /* a SPIR-V id */
        uint32_t spec_id;
    } decorations[VKN_SPEC_COUNT + 1]; /* LOCAL_SIZE has two: the workgroup's size is its own constant */
    uint32_t decoration_count = 0;
    const uint32_t *from = shader->code, *end = from + shader->size / sizeof *from;
    uint32_t *code = vkn_host_alloc(host, shader->size), *to = code;
    if (!code)
        return NULL;
    memcpy(to, from, HEADER_WORDS * sizeof *from);
    to += HEADER_WORDS;
    for (from += HEADER_WORDS; from < end; from += from[0] >> 16) {
        uint32_t words = from[0] >> 16, op = from[0] & 0xFFFF;
        /* These would need arithmetic on constants; shaders are written without them. */
        assert(op != OP_SPEC_CONSTANT_OP && op != OP_SPEC_CONSTANT_TRUE && op != OP_SPEC_CONSTANT_FALSE);
        if (op == OP_DECORATE && from[2] == DECORATION_SPEC_ID) {
            assert(from[3] >= 1 && from[3] <= VKN_SPEC_COUNT && decoration_count <= VKN_SPEC_COUNT);
            decorations[decoration_count].target = from[1];
            decorations[decoration_count++].spec_id = from[3];
            continue;
        }
        memcpy(to, from, words * sizeof *from);
        /* Drivers that take WorkgroupSize from specialization alone read this one. */
        if (op == OP_EXECUTION_MODE && from[2] == MODE_LOCAL_SIZE)
            to[3] = spec[VKN_SPEC_LOCAL_SIZE - 1];
        if (op == OP_SPEC_CONSTANT_COMPOSITE)
            to[0] = words << 16 | OP_CONSTANT_COMPOSITE;
        if (op == OP_SPEC_CONSTANT) {
            to[0] = words << 16 | OP_CONSTANT;
            for (uint32_t i = 0; i < decoration_count; i++)
                if (decorations[i].target == from[2])
                    to[3] = spec[decorations[i].spec_id - 1];
        }
        to += words;
    }
    *size = (size_t)(to - code) * sizeof *code;
    return code;
}
