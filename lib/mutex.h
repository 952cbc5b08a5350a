/* A mutex where C11's <threads.h> cannot be counted on. */
#ifndef VKN_MUTEX_H
#define VKN_MUTEX_H

#include <stdbool.h>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

typedef SRWLOCK VknMutex;

#define VKN_MUTEX_INITIALIZER SRWLOCK_INIT

static inline bool vkn_mutex_init(VknMutex *mutex) {
    InitializeSRWLock(mutex);
    return true;
}

static inline void vkn_mutex_destroy(VknMutex *mutex) {
    (void)mutex;
}

static inline void vkn_mutex_lock(VknMutex *mutex) {
    AcquireSRWLockExclusive(mutex);
}

static inline void vkn_mutex_unlock(VknMutex *mutex) {
    ReleaseSRWLockExclusive(mutex);
}
#else
#include <pthread.h>

typedef pthread_mutex_t VknMutex;

#define VKN_MUTEX_INITIALIZER PTHREAD_MUTEX_INITIALIZER

static inline bool vkn_mutex_init(VknMutex *mutex) {
    return pthread_mutex_init(mutex, NULL) == 0;
}

static inline void vkn_mutex_destroy(VknMutex *mutex) {
    pthread_mutex_destroy(mutex);
}

static inline void vkn_mutex_lock(VknMutex *mutex) {
    pthread_mutex_lock(mutex);
}

static inline void vkn_mutex_unlock(VknMutex *mutex) {
    pthread_mutex_unlock(mutex);
}
#endif

#endif
