/* The way to the service on systems with Unix sockets. */
#define _GNU_SOURCE /* secure_getenv, SOCK_CLOEXEC */

#include "transport.h"

#include "turn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define VARIABLE "ONECARD_SSCARD_SOCKET"
#define USUAL "/run/onecard/sscard.sock"
#define FIRST_DESCRIPTOR 3 /* a program that has closed its stdout still prints: not into us */
#define REDIAL 20 /* milliseconds between attempts while the service's queue is full */

static enum line_result await(int descriptor, short events, int64_t deadline);

int64_t line_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum line_result address_of(struct sockaddr_un *address)
{
    /* A program with the set-user-ID bit does not let its caller choose whom it talks to. */
    const char *path = secure_getenv(VARIABLE);
    size_t length;

    if (path == NULL || *path == '\0')
        path = USUAL;
    length = strlen(path);
    if (length >= sizeof address->sun_path)
        return LINE_BAD_PATH;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length);
    return LINE_OK;
}

static int make_socket(void)
{
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int moved;

    if (made < 0 || made >= FIRST_DESCRIPTOR)
        return made;
    moved = fcntl(made, F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR);
    close(made);
    return moved;
}

static enum line_result dial(int descriptor, const struct sockaddr_un *address, int64_t deadline)
{
    for (;;) {
        if (connect(descriptor, (const struct sockaddr *)address, sizeof *address) == 0)
            return LINE_OK;
        switch (errno) {
        case EINTR:
            break;
        case EAGAIN: /* its queue is full */
            if (line_now() >= deadline)
                return LINE_LATE;
            (void)turn_poll(NULL, REDIAL);
            break;
        case EACCES:
        case EPERM:
            return LINE_FORBIDDEN;
        default:
            return LINE_ABSENT;
        }
    }
}

enum line_result line_open(struct line *line, int64_t deadline)
{
    struct sockaddr_un address;
    struct stat status;
    enum line_result result = address_of(&address);
    int descriptor;

    memset(line, 0, sizeof *line);
    if (result != LINE_OK)
        return result;
    descriptor = make_socket();
    if (descriptor < 0)
        return LINE_BROKEN;
    result = dial(descriptor, &address, deadline);
    if (result == LINE_OK && fstat(descriptor, &status) != 0)
        result = LINE_BROKEN;
    if (result != LINE_OK) {
        close(descriptor);
        return result;
    }
    line->open = 1;
    line->descriptor = descriptor;
    line->inode = (uint64_t)status.st_ino;
    line->device = (uint64_t)status.st_dev;
    return LINE_OK;
}

static int is_ours(const struct line *line)
{
    struct stat status;

    return line->open && fstat(line->descriptor, &status) == 0 &&
           (uint64_t)status.st_ino == line->inode && (uint64_t)status.st_dev == line->device;
}

int line_is_idle(const struct line *line)
{
    struct pollfd look = {.fd = line->descriptor, .events = POLLIN};

    /* The service speaks only when it is asked: anything to be read here is its end. */
    return is_ours(line) && poll(&look, 1, 0) == 0;
}

enum line_result line_send(struct line *line, const unsigned char *data, size_t size,
                           int64_t deadline)
{
    while (size > 0) {
        ssize_t sent;

        if (!line->open) /* a signal handler forked: this is the child */
            return LINE_BROKEN;
        sent = send(line->descriptor, data, size, MSG_NOSIGNAL);
        if (sent >= 0) {
            data += sent;
            size -= (size_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            enum line_result ready = await(line->descriptor, POLLOUT, deadline);

            if (ready != LINE_OK)
                return ready;
        } else if (errno != EINTR) {
            return LINE_BROKEN;
        }
    }
    return LINE_OK;
}

enum line_result line_receive(struct line *line, unsigned char *data, size_t size,
                              int64_t deadline)
{
    while (size > 0) {
        enum line_result ready = line->open ? await(line->descriptor, POLLIN, deadline) : LINE_BROKEN;
        ssize_t got;

        if (ready != LINE_OK)
            return ready;
        if (!line->open)
            return LINE_BROKEN;
        got = recv(line->descriptor, data, size, 0);
        if (got > 0) {
            data += got;
            size -= (size_t)got;
        } else if (got == 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)) {
            return LINE_BROKEN;
        }
    }
    return LINE_OK;
}

void line_close(struct line *line)
{
    if (is_ours(line))
        close(line->descriptor);
    memset(line, 0, sizeof *line);
}

static enum line_result await(int descriptor, short events, int64_t deadline)
{
    struct pollfd look = {.fd = descriptor, .events = events};

    for (;;) {
        int64_t rest = deadline - line_now();
        int ready;

        if (rest <= 0)
            return LINE_LATE;
        ready = turn_poll(&look, (int)rest);
        if (ready > 0)
            return LINE_OK; /* the end is told by send and recv */
        if (ready < 0 && errno != EINTR)
            return LINE_BROKEN;
    }
}
