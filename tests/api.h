/* What the tests of the public functions share: a device with commands of the test's own. */
#ifndef TESTS_API_H
#define TESTS_API_H

#include "runtime_test.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define BIT(role)     VKN_ROLE_BIT(VKN_ROLE_##role)

/* Vulkan functions that the tests call themselves. */
#define API_FUNCTIONS(F)                                                                                     \
    F(AllocateCommandBuffers)                                                                                \
    F(BeginCommandBuffer)                                                                                    \
    F(CmdPipelineBarrier)                                                                                    \
    F(CreateCommandPool)                                                                                     \
    F(DestroyCommandPool)                                                                                    \
    F(EndCommandBuffer)                                                                                      \
    F(GetDeviceQueue)                                                                                        \
    F(QueueSubmit)                                                                                           \
    F(QueueWaitIdle)

typedef struct Api {
    VknRuntime *runtime;
    VknContext *context; /* the runtime's */
    VknContextDesc desc; /* what it was made from, with this log */
    Log log;
#define F(name) PFN_vk##name name;
    API_FUNCTIONS(F)
#undef F
    uint32_t family;
    VkQueue queue;
} Api;

/* Setup and teardown of a cmocka test whose state is an Api. The device is the one of --device. */
int api_open(void **state);
int api_close(void **state);

#define TEST_WITH_API(name) cmocka_unit_test_setup_teardown(name, api_open, api_close)

/* A command buffer with a pool of its own, so that each thread may have one. */
typedef struct Commands {
    VkCommandPool pool;
    VkCommandBuffer buffer;
} Commands;

Commands commands_begin(const Api *api);
/* Between recordings that share outputs or a workspace. */
void commands_barrier(const Api *api, const Commands *commands);
void commands_submit(const Api *api, const Commands *commands); /* and waits */
void commands_destroy(const Api *api, const Commands *commands);

/* A plan with buffers for all its roles, side by side in one. */
typedef struct Bound {
    VknPlan *plan;
    VknBindings *bindings;
    VknBuffer memory;
    VknBuffer buffers[VKN_ROLE_COUNT];
} Bound;

/* Training of 4 x 6 x 5 x 7, the second axis kept, with all roles that it may have; in three dispatches. */
VknDesc api_desc(void);

/* Plans on `context` and lays the roles out in one new buffer that holds POISON everywhere but in x. */
Bound bound_create(const Api *api, VknContext *context, const VknDesc *desc);
void bound_destroy(const Api *api, const Bound *bound);

/* Whether y holds POISON in every word, or in none. */
#define POISON 0xA5A5A5A5u
bool bound_is_poisoned(const Api *api, const Bound *bound);
bool bound_is_written(const Api *api, const Bound *bound);

/* The groups of tests, by file. */
int api_context_tests(void);
int api_plan_tests(void);
int api_memory_tests(void);
int api_thread_tests(void);

#endif
