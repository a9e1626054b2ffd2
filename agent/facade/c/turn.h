/*
 * One call at a time in a process, whatever the program does to the thread that makes it: cancel it,
 * end it, call from a signal handler, leave the call by longjmp, fork in the middle.
 *
 * enter → take → (wait …) → end → leave. Cancellation strikes only where a call waits.
 */
#ifndef ONECARD_TURN_H
#define ONECARD_TURN_H

#include <poll.h>
#include <stdint.h>

/* False when this thread is in a call already: a signal handler calls. `forget` throws away what
 * belongs to a call that will never be ended by itself; it may be called in the middle of anything
 * that the call does. */
int turn_enter(void (*forget)(void));
void turn_leave(void);

/* True when the turn is ours until `turn_end`; false when the deadline came first. */
int turn_take(int64_t deadline);
void turn_end(void);

/* For `pthread_cleanup_push`, from `turn_take` to `turn_end`. */
void turn_give_up(void *unused);

/* poll(2) on one descriptor, or on none where `look` is NULL. */
int turn_poll(struct pollfd *look, int milliseconds);

#endif
