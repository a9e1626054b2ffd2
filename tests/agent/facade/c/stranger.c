/*
 * A program that does strange things to the thread that calls libsscard. Orders on stdin:
 *
 *   begin HOW       a thread calls iReadCardBas(1), and will be disturbed: cancel, async (cancelled
 *                   asynchronously), exit, jump, call, alt (calls on a stack of its own), fork
 *   now             it is disturbed
 *   join            waits for it
 *   call            iReadCardBas(2), by the first thread
 *
 * Each call prints `WHO RESULT OUTPUT-IN-HEX`; `join` prints `ended`.
 */
#define _GNU_SOURCE

#include "sscard.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *how;
static pthread_t caller;
static pid_t self;
static sigjmp_buf before;
static char handlers_out[SSCARD_OUT];

static void print(const char *who, long result, const char *out)
{
    flockfile(stdout);
    printf("%s %ld ", who, result);
    for (; *out != '\0'; out++)
        printf("%02x", (unsigned char)*out);
    printf("\n");
    fflush(stdout);
    funlockfile(stdout);
}

static void disturb(int number)
{
    (void)number;
    if (strcmp(how, "exit") == 0)
        pthread_exit(NULL);
    if (strcmp(how, "jump") == 0)
        siglongjmp(before, 1);
    if (strcmp(how, "fork") == 0)
        (void)fork();
    else
        print("handler", iReadCardBas(3, handlers_out), handlers_out);
}

static void *run(void *unused)
{
    char out[SSCARD_OUT];
    long result;
    static char stack[65536];
    stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};

    (void)unused;
    if (strcmp(how, "alt") == 0)
        sigaltstack(&own, NULL);
    if (strcmp(how, "async") == 0)
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    if (sigsetjmp(before, 1) != 0)
        how = "jumped";
    result = iReadCardBas(1, out);
    if (getpid() != self) {
        print("child", result, out);
        result = iReadCardBas(4, out);
        print("child", result, out);
        _exit(0);
    }
    print("thread", result, out);
    return NULL;
}

static void begin(const char *mode)
{
    struct sigaction action;

    how = strdup(mode);
    memset(&action, 0, sizeof action);
    action.sa_handler = disturb;
    action.sa_flags = strcmp(how, "alt") == 0 ? SA_ONSTACK : 0;
    sigaction(SIGUSR1, &action, NULL);
    pthread_create(&caller, NULL, run, NULL);
}

int main(void)
{
    char line[64], out[SSCARD_OUT];

    self = getpid();
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "begin ", 6) == 0) {
            begin(line + 6);
        } else if (strcmp(line, "now") == 0) {
            if (strcmp(how, "cancel") == 0 || strcmp(how, "async") == 0)
                pthread_cancel(caller);
            else
                pthread_kill(caller, SIGUSR1);
        } else if (strcmp(line, "join") == 0) {
            pthread_join(caller, NULL);
            while (wait(NULL) > 0)
                ;
            puts("ended");
            fflush(stdout);
        } else {
            long result = iReadCardBas(2, out);

            print("first", result, out);
        }
    }
    return 0;
}
