/* Host memory of the layer: through callbacks, and what the library takes from malloc() itself, which the
 * linker leads here. */
#include "faults_layer.h"

#include <stdlib.h>
#include <string.h>

/* The linker has led malloc() and its kin to the end of this file. */
#ifdef HAS_WRAP
void __real_free(void *block);
#define FREE __real_free
#else
#define FREE free
#endif

/* ---------------------------------------------------------------------------------------- callbacks */

enum { GUARD = 32, GUARD_BYTE = 0xC3 };

/* What stands before a block and its first guard. */
typedef struct Header {
    size_t size;
    size_t room;  /* bytes before the block */
    void *memory; /* its own address, so that strangers are told */
} Header;

static uint32_t blocks;

uint32_t faults_blocks(void) {
    return blocks;
}

static Header *header_of(void *block) {
    return (Header *)((char *)block - GUARD) - 1;
}

static VKAPI_ATTR void *VKAPI_CALL heap_allocate(void *user, size_t size, size_t alignment,
                                                 VkSystemAllocationScope scope) {
    size_t room = sizeof(Header) + GUARD;
    (void)user, (void)scope;
    if (alignment < 16)
        alignment = 16;
    room = (room + alignment - 1) / alignment * alignment;
    if (fault_next(faults_in_driver() ? FAULT_allocation_by_driver : FAULT_allocation_by_callback))
        return NULL;
    char *memory = aligned_alloc(alignment, (room + size + GUARD + alignment - 1) / alignment * alignment);
    if (!memory)
        return NULL;
    memset(memory, GUARD_BYTE, room + size + GUARD);
    *header_of(memory + room) = (Header){size, room, memory};
    blocks++;
    return memory + room;
}

static VKAPI_ATTR void VKAPI_CALL heap_free(void *user, void *block) {
    static const char *const NAME = "vkFreeFunction";
    (void)user;
    if (!block)
        return;
    Header header = *header_of(block);
    if (header.memory != (char *)block - header.room) {
        faults_violation("a block that was not allocated, or is freed already, in", NAME);
        return;
    }
    for (size_t i = 0; i < GUARD; i++)
        if (((unsigned char *)block)[header.size + i] != GUARD_BYTE ||
            ((unsigned char *)block)[-1 - (ptrdiff_t)i] != GUARD_BYTE) {
            faults_violation("a write beyond a block was found in", NAME);
            break;
        }
    header_of(block)->memory = NULL;
    blocks--;
    FREE(header.memory);
}

static VKAPI_ATTR void *VKAPI_CALL heap_reallocate(void *user, void *block, size_t size, size_t alignment,
                                                   VkSystemAllocationScope scope) {
    void *moved = size ? heap_allocate(user, size, alignment, scope) : NULL;
    if (moved && block)
        memcpy(moved, block, size < header_of(block)->size ? size : header_of(block)->size);
    if (moved || size == 0)
        heap_free(user, block);
    return moved;
}

VkAllocationCallbacks faults_callbacks(void) {
    return (VkAllocationCallbacks){
        .pfnAllocation = heap_allocate, .pfnReallocation = heap_reallocate, .pfnFree = heap_free};
}

/* -------------------------------------------------------------------------------------------- malloc */

#ifdef HAS_WRAP
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

/* What is taken while the library runs is counted, and has to be given back while it runs. */
static void *counted(void *block) {
    blocks += faults.watching && block;
    return block;
}

void *__wrap_malloc(size_t size) {
    return fault_next(FAULT_allocation_by_malloc) ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size) {
    return fault_next(FAULT_allocation_by_malloc) ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size) {
    if (fault_next(FAULT_allocation_by_malloc))
        return NULL;
    return block ? __real_realloc(block, size) : counted(__real_realloc(block, size));
}

void __wrap_free(void *block) {
    blocks -= faults.watching && block;
    __real_free(block);
}
#endif
