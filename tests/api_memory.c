/* Host memory: all of it is freed, none is taken while recording, and none left is an error like others. */
#include "api.h"

#include <stdatomic.h>

/* ---------------------------------------------------------------------------------------- allocator */

typedef struct Heap {
    atomic_long live;    /* blocks */
    atomic_long total;   /* allocations so far */
    atomic_long fail_at; /* the total at which one fails; 0: none */
    bool for_good;       /* and all after it */
    atomic_long failed;
} Heap;

/* The two words before a block. */
typedef struct Header {
    size_t size;
    size_t room; /* bytes before the block */
} Header;

static VKAPI_ATTR void *VKAPI_CALL heap_allocate(void *user, size_t size, size_t alignment,
                                                 VkSystemAllocationScope scope) {
    Heap *heap = user;
    size_t room = alignment < sizeof(Header) ? sizeof(Header) : alignment;
    long number = ++heap->total;
    (void)scope;
    if (heap->fail_at && (number == heap->fail_at || (heap->for_good && number > heap->fail_at))) {
        heap->failed++;
        return NULL;
    }
    char *memory = aligned_alloc(room, (size + 2 * room - 1) / room * room);
    if (!memory)
        return NULL;
    ((Header *)(memory + room))[-1] = (Header){size, room};
    heap->live++;
    return memory + room;
}

static VKAPI_ATTR void VKAPI_CALL heap_free(void *user, void *block) {
    if (!block)
        return;
    ((Heap *)user)->live--;
    free((char *)block - ((Header *)block)[-1].room);
}

static VKAPI_ATTR void *VKAPI_CALL heap_reallocate(void *user, void *block, size_t size, size_t alignment,
                                                   VkSystemAllocationScope scope) {
    void *moved = size ? heap_allocate(user, size, alignment, scope) : NULL;
    if (moved && block)
        memcpy(moved, block, size < ((Header *)block)[-1].size ? size : ((Header *)block)[-1].size);
    if (moved || size == 0)
        heap_free(user, block);
    return moved;
}

static VkAllocationCallbacks heap_callbacks(Heap *heap) {
    return (VkAllocationCallbacks){.pUserData = heap,
                                   .pfnAllocation = heap_allocate,
                                   .pfnReallocation = heap_reallocate,
                                   .pfnFree = heap_free};
}

/* -------------------------------------------------------------------------------------------- leaks */

static void test_all_is_freed(void **state) {
    Api *api = *state;
    Heap heap = {0};
    VkAllocationCallbacks callbacks = heap_callbacks(&heap);
    VknContextDesc context_desc = api->desc;
    VknDesc desc = api_desc();
    VknContext *context;
    context_desc.allocator = &callbacks;
    assert_int_equal(vkn_context_create(&context_desc, &context), VKN_SUCCESS);
    memset(&callbacks, 0, sizeof callbacks); /* it was copied */
    long base = heap.live;
    assert_true(base > 0);
    Bound bound = bound_create(api, context, &desc);
    assert_true(heap.live > base);

    Commands commands = commands_begin(api);
    long total = heap.total;
    assert_int_equal(vkn_plan_record(bound.plan, bound.bindings, commands.buffer, NULL), VKN_SUCCESS);
    assert_int_equal(heap.total, total); /* recording takes nothing */
    commands_submit(api, &commands);
    commands_destroy(api, &commands);

    /* Nor does what fails keep anything. */
    long live = heap.live;
    VknBindings *bindings;
    VknPlan *plan;
    VknBuffer none[VKN_ROLE_COUNT] = {{0}};
    assert_fails(&api->log, vkn_bindings_create(bound.plan, none, &bindings), VKN_ERROR_INVALID_ARGUMENT, "");
    desc.rank = 0;
    assert_fails(&api->log, vkn_plan_create(context, &desc, &plan), VKN_ERROR_INVALID_ARGUMENT, "");
    assert_int_equal(heap.live, live);

    bound_destroy(api, &bound);
    vkn_context_destroy(context);
    assert_int_equal(heap.live, 0);
}

static void test_failed_context_is_freed(void **state) {
    Api *api = *state;
    Heap heap = {0};
    VkAllocationCallbacks callbacks = heap_callbacks(&heap);
    VknContextDesc context_desc = api->desc;
    VknContext *context;
    VknCaps caps = *vkn_context_caps(api->context);
    context_desc.allocator = &callbacks;
    context_desc.caps = &caps;
    caps.max_group_count = 0;
    assert_fails(&api->log, vkn_context_create(&context_desc, &context), VKN_ERROR_UNSUPPORTED, "");
    assert_int_equal(heap.live, 0);
}

/* ------------------------------------------------------------------------------------- no host memory */

/* A context, a plan and bindings. A step that finds no memory says so and leaves nothing behind; the same
 * step with memory goes on. Returns whether an allocation failed. */
static bool run_with(Api *api, Heap *heap, const VkBuffer memory) {
    const VkAllocationCallbacks callbacks = heap_callbacks(heap);
    VknContextDesc context_desc = api->desc;
    VknDesc desc = api_desc();
    VknContext *context = NULL;
    VknPlan *plan = NULL;
    VknBindings *bindings = NULL;
    VknBuffer buffers[VKN_ROLE_COUNT] = {{0}};
    context_desc.allocator = &callbacks;
    for (int step = 0; step < 3;) {
        long live = heap->live;
        VknResult result = step == 0   ? vkn_context_create(&context_desc, &context)
                           : step == 1 ? vkn_plan_create(context, &desc, &plan)
                                       : vkn_bindings_create(plan, buffers, &bindings);
        if (result == VKN_SUCCESS) {
            for (uint32_t role = 0; step == 1 && role < VKN_ROLE_COUNT; role++)
                buffers[role] = (VknBuffer){memory, role * 4096, 4096};
            step++;
            continue;
        }
        assert_true(heap->failed > 0);
        assert_fails(&api->log, result, VKN_ERROR_OUT_OF_HOST_MEMORY, "memory");
        assert_true((step == 0 ? (void *)context : step == 1 ? (void *)plan : (void *)bindings) == NULL);
        if (step != 1) /* pipelines that were finished stay with the context */
            assert_int_equal(heap->live, live);
        heap->fail_at = 0;
    }
    heap->fail_at = 0;
    vkn_bindings_destroy(bindings);
    vkn_plan_destroy(plan);
    vkn_context_destroy(context);
    api->log.text[0] = '\0';
    assert_int_equal(heap->live, 0);
    return heap->failed > 0;
}

/* The n-th allocation fails, once or from then on, for every n there is. */
static void test_no_host_memory(void **state) {
    Api *api = *state;
    /* Others call their own allocations safe, or crash. */
    if (!strstr(vkn_runtime_info(api->runtime)->driver_name, "SwiftShader"))
        skip();
    VknBuffer memory = create_buffer(api->runtime, VKN_ROLE_COUNT * 4096);
    long n = 0;
    for (bool failed = true; failed;) {
        n++;
        failed = false;
        for (int for_good = 0; for_good < 2; for_good++) {
            Heap heap = {.fail_at = n, .for_good = for_good};
            failed = run_with(api, &heap, memory.buffer) || failed;
        }
    }
    print_message("%ld allocations\n", n - 1);
    assert_true(n > 8);
}

int api_memory_tests(void) {
    const struct CMUnitTest tests[] = {
        TEST_WITH_API(test_all_is_freed),
        TEST_WITH_API(test_failed_context_is_freed),
        TEST_WITH_API(test_no_host_memory),
    };
    return cmocka_run_group_tests_name("api_memory", tests, NULL, NULL);
}
