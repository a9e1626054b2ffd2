/*
 * The way to the service, as sscard.c sees it. One file per system: transport_unix.c today.
 *
 * A line is used by one thread at a time. No function raises a signal, prints, or waits longer than
 * its deadline.
 */
#ifndef ONECARD_TRANSPORT_H
#define ONECARD_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

/* What became of an operation. */
enum line_result {
    LINE_OK = 0,
    LINE_ABSENT,     /* nobody listens there */
    LINE_FORBIDDEN,  /* somebody listens, and this user may not talk to him */
    LINE_BAD_PATH,   /* the way given can be none */
    LINE_BROKEN,     /* the other end went away */
    LINE_LATE        /* the deadline is over */
};

/* Closed is all zero. `inode` and `device` tell our descriptor from another's that took its number
 * after the program had closed it behind our back. */
struct line {
    int open;
    int descriptor;
    uint64_t inode;
    uint64_t device;
};

/* Milliseconds that never jump. A deadline is one of these. */
int64_t line_now(void);

enum line_result line_open(struct line *line, int64_t deadline);

/* Open, still ours, and quiet, as a line between two calls is. */
int line_is_idle(const struct line *line);

/* All of it or nothing useful: after any failure the line is to be closed. */
enum line_result line_send(struct line *line, const unsigned char *data, size_t size,
                           int64_t deadline);
enum line_result line_receive(struct line *line, unsigned char *data, size_t size,
                              int64_t deadline);

/* Nothing happens to a line that is closed, or to a descriptor that is not ours any more. */
void line_close(struct line *line);

#endif
