/* What the host says. */
#define _GNU_SOURCE
#include "bench.h"

#include <stdio.h>
#ifdef _WIN32
#include <windows.h>
#else
#include <time.h>
#endif

#define SMALLEST_CACHE ((uint64_t)64 << 20)

#ifdef _WIN32
double bench_clock(void) {
    LARGE_INTEGER ticks, frequency;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&frequency);
    return (double)ticks.QuadPart / (double)frequency.QuadPart;
}
#else
double bench_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
#endif

uint64_t bench_cache_size(void) {
    uint64_t most = SMALLEST_CACHE;
    for (int i = 0; i < 8; i++) {
        char path[80];
        unsigned long long kilobytes = 0;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
        FILE *file = fopen(path, "r");
        if (!file)
            break;
        if (fscanf(file, "%lluK", &kilobytes) == 1 && kilobytes << 10 > most)
            most = kilobytes << 10;
        fclose(file);
    }
    return most;
}
