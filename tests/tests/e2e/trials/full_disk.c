/*
 * A disk that is full: while a marker file exists, no file below a folder grows and none is made (ENOSPC).
 * What a file has already may be overwritten, and a write that only begins there is cut short, as on a real
 * disk. For a process that loads this first (LD_PRELOAD).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *folder;
static const char *marker;

__attribute__((constructor)) static void begin(void)
{
    folder = getenv("FULL_DISK_FOLDER");
    marker = getenv("FULL_DISK_MARKER");
}

static int is_full(void)
{
    return folder != NULL && marker != NULL && access(marker, F_OK) == 0;
}

static int is_below(const char *path)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && path[length] == '/';
}

/* How many of so many bytes can be written at this place, or at the file's own when it is negative. */
static size_t room(int file, off_t offset, size_t count)
{
    char link[64];
    char path[PATH_MAX];
    struct stat about;
    int error = errno;
    size_t possible = count;

    if (count > 0 && is_full()) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t length = readlink(link, path, sizeof path - 1);
        path[length < 0 ? 0 : length] = '\0';
        if (is_below(path) && fstat(file, &about) == 0 && S_ISREG(about.st_mode)) {
            off_t begin = offset < 0 ? lseek(file, 0, SEEK_CUR) : offset;
            off_t left = about.st_size > begin ? about.st_size - begin : 0;
            possible = (size_t)left < count ? (size_t)left : count;
        }
    }
    errno = error;
    return possible;
}

static ssize_t full(void)
{
    errno = ENOSPC;
    return -1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int file, const void *bytes, size_t count)
{
    size_t possible = room(file, -1, count);
    return possible == 0 && count > 0 ? full() : NEXT(write)(file, bytes, possible);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset)
{
    size_t possible = room(file, offset, count);
    return possible == 0 && count > 0 ? full() : NEXT(pwrite)(file, bytes, possible, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset)
{
    size_t possible = room(file, offset, count);
    return possible == 0 && count > 0 ? full() : NEXT(pwrite64)(file, bytes, possible, offset);
}

static int makes_one(const char *path, int flags)
{
    int error = errno;
    int makes = (flags & O_CREAT) != 0 && is_full() && is_below(path) && access(path, F_OK) != 0;

    errno = error;
    return makes;
}

#define OPEN(name)                                                    \
    int name(const char *path, int flags, ...)                        \
    {                                                                 \
        va_list more;                                                 \
        va_start(more, flags);                                        \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;     \
        va_end(more);                                                 \
        return makes_one(path, flags) ? (int)full()                   \
                                      : NEXT(name)(path, flags, mode); \
    }

OPEN(open)
OPEN(open64)
