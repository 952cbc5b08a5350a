/* Whole files, read with distrust and replaced in one step. */
#define _POSIX_C_SOURCE 200809L
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Larger files are taken to be no cache. */
#define MOST_BYTES (256u << 20)

void vkn_file_tell(const VknLog *log, VknLogLevel level, const char *what, const char *kind, const char *path,
                   const char *why) {
    char message[1024];
    snprintf(message, sizeof message, "%s the %s %s: %s", what, kind, path, why);
    if (log->write)
        log->write(log->user, level, message);
}

#ifdef _WIN32

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

/* Folders of one user let others write no more than they let them read, so there is nothing else to check. */
void *vkn_file_read(const char *path, uint64_t *size, const char **why) {
    HANDLE file =
        CreateFileA(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, OPEN_EXISTING, 0, NULL);
    LARGE_INTEGER length;
    DWORD got = 0;
    if (file == INVALID_HANDLE_VALUE) {
        if (GetLastError() != ERROR_FILE_NOT_FOUND)
            *why = "it cannot be opened";
        return NULL;
    }
    char *bytes = NULL;
    if (GetFileType(file) != FILE_TYPE_DISK || !GetFileSizeEx(file, &length) || length.QuadPart > MOST_BYTES)
        *why = "it is no file, or larger than 256 MiB";
    else if (!(bytes = malloc((size_t)length.QuadPart + 1)))
        *why = "no memory";
    else if (!ReadFile(file, bytes, (DWORD)length.QuadPart, &got, NULL))
        *why = "it cannot be read";
    CloseHandle(file);
    *size = got;
    return bytes;
}

const char *vkn_file_replace(const char *path, const VknFilePart *parts, uint32_t part_count) {
    static atomic_uint number;
    char name[MAX_PATH];
    snprintf(name, sizeof name, "%s.%lu.%u", path, GetCurrentProcessId(), atomic_fetch_add(&number, 1));
    HANDLE file = CreateFileA(name, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return "no file can be made beside it";
    bool written = true;
    for (uint32_t i = 0; i < part_count && written; i++) {
        DWORD done;
        written = WriteFile(file, parts[i].bytes, (DWORD)parts[i].size, &done, NULL) && done == parts[i].size;
    }
    written = FlushFileBuffers(file) && written;
    CloseHandle(file);
    if (written && MoveFileExA(name, path, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
        return NULL;
    DeleteFileA(name);
    return written ? "it cannot be replaced" : "the disk refuses more";
}

#else

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* What speaks against reading an open file; NULL: nothing. */
static const char *distrust(const struct stat *status) {
    if (!S_ISREG(status->st_mode))
        return "it is no regular file";
    if (status->st_uid != geteuid() && status->st_uid != 0)
        return "another user owns it";
    if (status->st_mode & (S_IWGRP | S_IWOTH))
        return "other users may write to it";
    return status->st_size > MOST_BYTES ? "it is larger than 256 MiB" : NULL;
}

void *vkn_file_read(const char *path, uint64_t *size, const char **why) {
    struct stat status;
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* of a pipe, nobody may be writing */
    if (file < 0 && errno == ENOENT)
        return NULL;
    char *bytes = NULL;
    ssize_t got = 0;
    if (file < 0 || fstat(file, &status))
        *why = strerror(errno);
    else
        *why = distrust(&status);
    if (!*why && !(bytes = malloc((size_t)status.st_size + 1)))
        *why = "no memory";
    for (*size = 0; bytes && *size < (uint64_t)status.st_size; *size += (uint64_t)got) {
        got = read(file, bytes + *size, (size_t)status.st_size - *size);
        if (got <= 0)
            break; /* what is missing, the reader of the bytes will miss */
    }
    if (file >= 0)
        close(file);
    return bytes;
}

static bool write_all(int file, const VknFilePart *part) {
    const char *bytes = part->bytes;
    for (uint64_t done = 0; done < part->size;) {
        ssize_t some = write(file, bytes + done, part->size - done);
        if (some < 0 && errno != EINTR)
            return false;
        done += some > 0 ? (uint64_t)some : 0;
    }
    return true;
}

const char *vkn_file_replace(const char *path, const VknFilePart *parts, uint32_t part_count) {
    char *name = malloc(strlen(path) + sizeof ".XXXXXX");
    if (!name)
        return "no memory";
    strcat(strcpy(name, path), ".XXXXXX");
    int file = mkstemp(name); /* for this user alone */
    bool written = file >= 0;
    for (uint32_t i = 0; i < part_count && written; i++)
        written = write_all(file, &parts[i]);
    written = written && fsync(file) == 0 && rename(name, path) == 0;
    const char *why = written ? NULL : strerror(errno);
    if (file >= 0 && !written)
        unlink(name);
    if (file >= 0)
        close(file);
    free(name);
    return why;
}

#endif
