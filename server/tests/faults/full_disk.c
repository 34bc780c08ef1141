/* Loaded before the C library: while the file that FULL_DISK names exists, no file grows whose path has the words in it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Whether there is no room for what ends there in a file. */
static int is_full(int file, off_t end) {
    const char *sign = getenv("FULL_DISK");
    int opened = sign ? open(sign, O_RDONLY | O_CLOEXEC) : -1;
    if (opened < 0) {
        return 0;
    }
    char words[256];
    ssize_t length = read(opened, words, sizeof words - 1);
    close(opened);
    struct stat now;
    if (length <= 0 || fstat(file, &now) != 0 || !S_ISREG(now.st_mode) || end <= now.st_size) {
        return 0;
    }
    words[length] = 0;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    length = readlink(link, path, sizeof path - 1);
    if (length <= 0) {
        return 0;
    }
    path[length] = 0;
    return strstr(path, words) != NULL;
}

static off_t total(const struct iovec *parts, int count) {
    off_t bytes = 0;
    for (int n = 0; n < count; n++) {
        bytes += (off_t)parts[n].iov_len;
    }
    return bytes;
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t) =
        (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
    if (is_full(file, at + (off_t)count)) {
        errno = ENOSPC;
        return -1;
    }
    return real(file, bytes, count, at);
}

ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) {
    ssize_t (*real)(int, const struct iovec *, int, off_t) =
        (ssize_t (*)(int, const struct iovec *, int, off_t))dlsym(RTLD_NEXT, "pwritev");
    if (is_full(file, at + total(parts, count))) {
        errno = ENOSPC;
        return -1;
    }
    return real(file, parts, count, at);
}

int posix_fallocate(int file, off_t at, off_t length) {
    int (*real)(int, off_t, off_t) = (int (*)(int, off_t, off_t))dlsym(RTLD_NEXT, "posix_fallocate");
    return is_full(file, at + length) ? ENOSPC : real(file, at, length);
}

/* The same under the names that programs with large files have for them. */
ssize_t pwrite64(int file, const void *bytes, size_t count, off_t at) { return pwrite(file, bytes, count, at); }

ssize_t pwritev64(int file, const struct iovec *parts, int count, off_t at) { return pwritev(file, parts, count, at); }

int posix_fallocate64(int file, off_t at, off_t length) { return posix_fallocate(file, at, length); }
