/* A disk with a write cache that loses power: LD_PRELOAD=powercut.so, POWERCUT_LIVE=/folder,
 * POWERCUT_PLATTER=/shadow, POWERCUT_SEED=n.
 *
 * Processes see the live folder. What would be left after a power cut is in the platter: a write
 * gets there when its file is synced, or by chance before (whole 512-byte sectors of some writes,
 * in no order with others, as a cache writes back). Renames and removals get there at once, as
 * with a journalling file system. Kill the process at any time and look at the platter.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512, EARLY_ONE_IN = 4 };

struct change { /* a write, or a truncation when data is NULL */
    char *path; /* in the platter */
    off_t offset;
    size_t size;
    char *data;
    struct change *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct change *oldest, **newest = &oldest;
static unsigned int chance;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);

__attribute__((constructor)) static void find_real(void)
{
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    const char *seed = getenv("POWERCUT_SEED");
    chance = (seed ? (unsigned int)atoi(seed) : 1) ^ (unsigned int)getpid();
}

/* The place in the platter of a path in the live folder; NULL for all others. */
static char *in_platter(const char *path)
{
    const char *live = getenv("POWERCUT_LIVE"), *platter = getenv("POWERCUT_PLATTER");
    if (!live || !platter || strncmp(path, live, strlen(live)) != 0 || path[strlen(live)] != '/')
        return NULL;
    char *place = NULL;
    return asprintf(&place, "%s%s", platter, path + strlen(live)) < 0 ? NULL : place;
}

static char *of_descriptor(int fd)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0)
        return NULL;
    path[size] = 0;
    return in_platter(path);
}

static void carry_out(const char *path, off_t offset, const char *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    if (fd < 0)
        abort();
    if (data ? real_pwrite(fd, data, size, offset) != (ssize_t)size : real_ftruncate(fd, offset))
        abort();
    close(fd);
}

/* The cache writes some sectors back before anybody asked for it. */
static void early(const struct change *change)
{
    if (rand_r(&chance) % EARLY_ONE_IN)
        return;
    for (size_t at = 0; at < change->size; at += SECTOR)
        if (rand_r(&chance) % 2) {
            size_t left = change->size - at;
            carry_out(change->path, change->offset + (off_t)at, change->data + at,
                      left < SECTOR ? left : SECTOR);
        }
}

static void remember(int fd, off_t offset, const void *data, size_t size)
{
    char *path = of_descriptor(fd);
    if (!path)
        return;
    struct change *change = calloc(1, sizeof *change);
    *change = (struct change){.path = path, .offset = offset, .size = size};
    if (data) {
        change->data = malloc(size ? size : 1);
        memcpy(change->data, data, size);
    }
    pthread_mutex_lock(&lock);
    *newest = change;
    newest = &change->next;
    if (data)
        early(change);
    pthread_mutex_unlock(&lock);
}

/* Carry out, or forget when !keep, what waits for the file. */
static void settle(const char *path, int keep)
{
    pthread_mutex_lock(&lock);
    for (struct change **at = &oldest; *at;) {
        struct change *change = *at;
        if (strcmp(change->path, path) != 0) {
            at = &change->next;
            continue;
        }
        if (keep)
            carry_out(change->path, change->offset, change->data, change->size);
        if (newest == &change->next)
            newest = at;
        *at = change->next;
        free(change->path);
        free(change->data);
        free(change);
    }
    pthread_mutex_unlock(&lock);
}

ssize_t write(int fd, const void *data, size_t size)
{
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t done = real_write(fd, data, size);
    if (done > 0 && offset >= 0)
        remember(fd, offset, data, (size_t)done);
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset)
{
    ssize_t done = real_pwrite(fd, data, size, offset);
    if (done > 0)
        remember(fd, offset, data, (size_t)done);
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return pwrite64(fd, data, size, offset);
}

int ftruncate64(int fd, off_t size)
{
    int failed = real_ftruncate(fd, size);
    if (!failed)
        remember(fd, size, NULL, 0);
    return failed;
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

int fsync(int fd)
{
    int failed = real_fsync(fd);
    char *path = failed ? NULL : of_descriptor(fd);
    struct stat found;
    if (path && fstat(fd, &found) == 0 && S_ISREG(found.st_mode)) {
        carry_out(path, found.st_size, "", 0); /* a synced file is there, also an empty one */
        settle(path, 1);
    }
    free(path);
    return failed;
}

int fdatasync(int fd)
{
    return fsync(fd);
}

int rename(const char *from, const char *to)
{
    int failed = real_rename(from, to);
    char *old = failed ? NULL : in_platter(from), *new = failed ? NULL : in_platter(to);
    if (old && new) {
        settle(new, 0);
        if (access(old, F_OK) == 0)
            real_rename(old, new);
        else
            real_unlink(new);
        pthread_mutex_lock(&lock);
        for (struct change *change = oldest; change; change = change->next)
            if (strcmp(change->path, old) == 0) {
                free(change->path);
                change->path = strdup(new);
            }
        pthread_mutex_unlock(&lock);
    }
    free(old);
    free(new);
    return failed;
}

int unlink(const char *path)
{
    int failed = real_unlink(path);
    char *place = failed ? NULL : in_platter(path);
    if (place) {
        settle(place, 0);
        real_unlink(place);
    }
    free(place);
    return failed;
}
