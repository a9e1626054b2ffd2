/* Whose turn it is, and what becomes of a call whose thread does not come back to it. */
#define _GNU_SOURCE /* SS_ONSTACK, PTHREAD_MUTEX_ERRORCHECK */

#include "turn.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define FRAMES 512 /* bytes by which the frames of two of our functions may differ */

/* What all threads share. The mutex says so when its own thread locks it again: a signal handler
 * may fork, or a longjmp may have left it, while it was locked. */
static struct {
    pthread_once_t begun;
    pthread_mutex_t mutex;
    pthread_cond_t freed;
    int busy;
    pid_t process;
    void (*forget)(void);
} turn = {.begun = PTHREAD_ONCE_INIT};

/* What each thread knows of itself; there from the thread's beginning, so that nothing is allocated
 * for it in a signal handler. */
static _Thread_local struct {
    const char *stack; /* where its call began; NULL: it is in none */
    int holds;         /* the turn is its */
    int state, type;   /* the program's own wish how to be cancelled */
    int locked;        /* for the time of a fork */
} mine __attribute__((tls_model("initial-exec")));

static void make_locks(void)
{
    pthread_mutexattr_t checking;
    pthread_condattr_t steady;

    pthread_mutexattr_init(&checking);
    pthread_mutexattr_settype(&checking, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&turn.mutex, &checking);
    pthread_mutexattr_destroy(&checking);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&turn.freed, &steady);
    pthread_condattr_destroy(&steady);
}

static void before_fork(void)
{
    mine.locked = pthread_mutex_lock(&turn.mutex) == 0;
}

static void after_fork(void)
{
    if (mine.locked)
        pthread_mutex_unlock(&turn.mutex);
}

/* The line belongs to the parent, and so does a call of another thread, which is not here. A call
 * of this thread, in whose middle a signal handler forked, goes on here too: without a line. */
static void in_child(void)
{
    make_locks();
    turn.busy = mine.holds;
    turn.process = getpid();
    turn.forget();
}

static void begin(void)
{
    make_locks();
    turn.process = getpid();
    pthread_atfork(before_fork, after_fork, in_child);
}

/* A handler on this stack lies deeper than what it interrupts, by a whole frame of the kernel's; one
 * on a stack of its own says so. What begins no deeper than the call before it can only follow a
 * longjmp out of that. */
static int was_left(const char *here)
{
    stack_t now;

    return sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_ONSTACK) == 0 &&
           here + FRAMES > mine.stack;
}

int turn_enter(void (*forget)(void))
{
    const char *here = __builtin_frame_address(0);
    int left = mine.stack != NULL;
    int state;

    if (left && !was_left(here))
        return 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    if (!left) { /* else they are known, and by now ours */
        mine.state = state;
        pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &mine.type);
    }
    mine.stack = here;
    turn.forget = forget;
    pthread_once(&turn.begun, begin);
    if (mine.holds)
        turn_give_up(NULL);
    return 1;
}

void turn_leave(void)
{
    int state = mine.state;

    mine.stack = NULL;
    pthread_setcanceltype(mine.type, NULL);
    pthread_setcancelstate(state, NULL);
}

static void unlock(void *unused)
{
    (void)unused;
    pthread_mutex_unlock(&turn.mutex);
}

/* With the mutex; false when the deadline came first. */
static int await_turn(const struct timespec *until)
{
    int late = 0;

    pthread_setcancelstate(mine.state, NULL);
    while (turn.busy && !late)
        late = pthread_cond_timedwait(&turn.freed, &turn.mutex, until) != 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    return !turn.busy;
}

int turn_take(int64_t deadline)
{
    const struct timespec until = {.tv_sec = (time_t)(deadline / 1000),
                                   .tv_nsec = (long)(deadline % 1000) * 1000000};

    pthread_mutex_lock(&turn.mutex);
    pthread_cleanup_push(unlock, NULL);
    mine.holds = await_turn(&until);
    turn.busy = 1;
    pthread_cleanup_pop(1);
    if (mine.holds && turn.process != getpid()) { /* a fork that told nobody: clone(2), vfork(2) */
        turn.forget();
        turn.process = getpid();
    }
    return mine.holds;
}

void turn_end(void)
{
    pthread_mutex_lock(&turn.mutex);
    mine.holds = 0;
    turn.busy = 0;
    pthread_cond_signal(&turn.freed);
    pthread_mutex_unlock(&turn.mutex);
}

void turn_give_up(void *unused)
{
    (void)unused;
    turn.forget();
    turn_end();
}

int turn_poll(struct pollfd *look, int milliseconds)
{
    int ready;

    pthread_setcancelstate(mine.state, NULL);
    ready = poll(look, look != NULL, milliseconds);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    return ready;
}
