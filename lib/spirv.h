/* The few numbers of SPIR-V that matter here (SPIR-V specification, sections 2.3 and 3). */
#ifndef VKN_SPIRV_H
#define VKN_SPIRV_H

enum {
    SPIRV_BOUND = 3, /* word of the header: ids are below this */
    SPIRV_HEADER_WORDS = 5,

    OP_SOURCE = 3,
    OP_SOURCE_EXTENSION = 4,
    OP_NAME = 5,
    OP_MEMBER_NAME = 6,
    OP_EXT_INST = 12,
    OP_ENTRY_POINT = 15,
    OP_EXECUTION_MODE = 16,
    OP_CAPABILITY = 17,
    OP_TYPE_VOID = 19, /* the first type, and the last: */
    OP_TYPE_BOOL = 20,
    OP_TYPE_FUNCTION = 33,
    OP_CONSTANT_TRUE = 41,
    OP_CONSTANT_FALSE = 42,
    OP_CONSTANT = 43,
    OP_CONSTANT_COMPOSITE = 44,
    OP_SPEC_CONSTANT = 50,
    OP_SPEC_CONSTANT_COMPOSITE = 51,
    OP_SPEC_CONSTANT_OP = 52,
    OP_FUNCTION = 54,
    OP_FUNCTION_PARAMETER = 55,
    OP_FUNCTION_END = 56,
    OP_FUNCTION_CALL = 57,
    OP_DECORATE = 71,
    OP_SNEGATE = 126, /* the first arithmetic instruction, and the last: */
    OP_DOT = 148,
    OP_FNEGATE = 127,
    OP_FADD = 129,
    OP_FSUB = 131,
    OP_FMUL = 133,
    OP_VECTOR_TIMES_SCALAR = 142,
    OP_LOGICAL_OR = 166,
    OP_LOGICAL_AND = 167,
    OP_LOGICAL_NOT = 168,
    OP_IEQUAL = 170,
    OP_INOT_EQUAL = 171,
    OP_UGREATER_THAN = 172,
    OP_BITWISE_AND = 199,
    OP_PHI = 245,
    OP_LOOP_MERGE = 246,
    OP_SELECTION_MERGE = 247,
    OP_LABEL = 248,
    OP_BRANCH = 249,
    OP_BRANCH_CONDITIONAL = 250,
    OP_SWITCH = 251,
    OP_UNREACHABLE = 255,

    CAPABILITY_SHADER = 1,
    MODE_LOCAL_SIZE = 17,
    DECORATION_SPEC_ID = 1,
    DECORATION_NO_CONTRACTION = 42,
};

static inline uint32_t spirv_op(const uint32_t *instruction) {
    return instruction[0] & 0xFFFF;
}

static inline uint32_t spirv_words(const uint32_t *instruction) {
    return instruction[0] >> 16;
}

#endif
