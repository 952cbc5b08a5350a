/* A driver that is bad at some modules: it does not compile them, or not to what they say. */
#ifndef TESTS_BAD_DRIVER_H
#define TESTS_BAD_DRIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan_core.h>

/* Instructions of SPIR-V by which workers are told apart. */
enum {
    OP_EXT_INST = 12,
    OP_FADD = 129,
    OP_FSUB = 131,
    OP_CONTROL_BARRIER = 224,
    OP_SHUFFLE = 345,
    OP_SHUFFLE_XOR = 346,
    OP_SUBGROUP_FADD = 350,
    OP_SUBGROUP_FMAX = 358,
    ANY = 0,
};

/* The device with a driver that is bad at modules that have an instruction. One at a time: Vulkan's functions
 * have no user pointer. */
typedef struct BadDriver {
    PFN_vkGetInstanceProcAddr get;
    VkInstance instance;
    PFN_vkCreateShaderModule create_module;
    PFN_vkCreateComputePipelines create_pipelines;
    VkResult result;        /* of compiling a module with one of `unloved`, unless it is VK_SUCCESS */
    uint32_t unloved[2];    /* or ANY */
    uint32_t taken, placed; /* in modules that have `among`, the one instruction is taken for the other */
    uint32_t among;
    bool drops_nan;  /* min(), max() and clamp() of a NaN are another operand */
    bool is_unloved; /* the last module */
    /* Pipelines with subgroups see only the first 2048 elements of a row, if that is `shortened`. */
    bool shortened, has_subgroups; /* the last module */
    PFN_vkCmdBindPipeline bind;
    PFN_vkCmdPushConstants push;
    VkPipeline with_subgroups[256];
    uint32_t with_subgroup_count;
    bool is_bound; /* one of those */
    uint32_t compiled, refused;
} BadDriver;

extern BadDriver bad;

/* Makes `bad` the good driver behind `get`, and returns the entry point to give to a context. */
PFN_vkGetInstanceProcAddr bad_driver_open(PFN_vkGetInstanceProcAddr get, VkInstance instance);

#endif
