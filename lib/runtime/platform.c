/* What C11 lacks: loading a library at run time, and a clock that never goes back. */
#define _POSIX_C_SOURCE 200809L
#include "internal.h"

#ifdef _WIN32

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

static const char *const library_names[] = {"vulkan-1.dll"};

static void *library_open(const char *name) {
    return LoadLibraryA(name);
}

static void *library_symbol(void *library, const char *name) {
    return (void *)GetProcAddress(library, name);
}

void vkn_loader_close(void *loader) {
    FreeLibrary(loader);
}

double vkn_clock_seconds(void) {
    LARGE_INTEGER ticks, frequency;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&frequency);
    return (double)ticks.QuadPart / (double)frequency.QuadPart;
}

#else

#include <dlfcn.h>
#include <time.h>

#ifdef __APPLE__
static const char *const library_names[] = {"libvulkan.dylib", "libvulkan.1.dylib", "libMoltenVK.dylib"};
#else
static const char *const library_names[] = {"libvulkan.so.1", "libvulkan.so"}; /* Android has the second */
#endif

static void *library_open(const char *name) {
    return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

static void *library_symbol(void *library, const char *name) {
    return dlsym(library, name);
}

void vkn_loader_close(void *loader) {
    dlclose(loader);
}

double vkn_clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif

void *vkn_loader_open(PFN_vkGetInstanceProcAddr *get_instance_proc_addr) {
    for (size_t i = 0; i < sizeof library_names / sizeof *library_names; i++) {
        void *loader = library_open(library_names[i]);
        /* ISO C has no cast from an object pointer to a function pointer. */
        union {
            void *object;
            PFN_vkGetInstanceProcAddr function;
        } symbol = {loader ? library_symbol(loader, "vkGetInstanceProcAddr") : NULL};
        if (symbol.object) {
            *get_instance_proc_addr = symbol.function;
            return loader;
        }
        if (loader)
            vkn_loader_close(loader);
    }
    return NULL;
}
