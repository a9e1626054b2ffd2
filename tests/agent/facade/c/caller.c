/*
 * A program that calls libsscard as told on stdin, one order per line, and prints one line per call:
 *     NAME RESULT OUTPUT-IN-HEX whole|overrun
 *
 *   NAME PARAMETER…          one call; parameters are words, @null, @empty, @long:SIZE, @hex:DIGITS
 *   all                      every function once
 *   threads COUNT NAME …     so many threads, one call each
 *   fork NAME …              the call in a forked child
 *   steal                    closes the library's descriptors behind its back, and takes their numbers
 *   stolen                   prints how many bytes came to who has those numbers now
 */
#define _DEFAULT_SOURCE

#include "sscard.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS 8
#define LINE_SIZE 65536
#ifdef __SANITIZE_ADDRESS__
#define CANARY 0 /* the sanitizer watches what is behind the buffer */
#else
#define CANARY 64
#endif
#define DESCRIPTORS 64

static int took[DESCRIPTORS], pipes;

static char *parameter(const char *word)
{
    char *made;
    size_t size, at;

    if (strcmp(word, "@null") == 0)
        return NULL;
    if (strcmp(word, "@empty") == 0)
        return strdup("");
    if (strncmp(word, "@long:", 6) == 0) {
        size = (size_t)atol(word + 6);
        made = malloc(size + 1);
        memset(made, '9', size);
        made[size] = '\0';
        return made;
    }
    if (strncmp(word, "@hex:", 5) == 0) {
        size = strlen(word + 5) / 2;
        made = malloc(size + 1);
        for (at = 0; at < size; at++) {
            unsigned int byte = 0;

            sscanf(word + 5 + 2 * at, "%2x", &byte);
            made[at] = (char)byte;
        }
        made[size] = '\0';
        return made;
    }
    return strdup(word);
}

static size_t room_of(const char *name)
{
    int large = strcmp(name, "iReadCard") == 0 || strcmp(name, "iReadCard_HSM_Step2") == 0;

    if (strcmp(name, "iReadDebitRecord") == 0) {
        return SSCARD_OUT_DEBIT;
    }
    return large ? SSCARD_OUT_LARGE : SSCARD_OUT;
}

#define IS(function) (strcmp(name, #function) == 0)

static long dispatch(const char *name, int type, int auth, char *a, char *b, char *c, char *out)
{
    if (IS(iReadCardBas)) return iReadCardBas(type, out);
    if (IS(iReadCard)) return iReadCard(type, auth, a, b, out);
    if (IS(iWriteCard)) return iWriteCard(type, a, b, c, out);
    if (IS(iVerifyPIN)) return iVerifyPIN(type, out);
    if (IS(iChangePIN)) return iChangePIN(type, out);
    if (IS(iReloadPIN)) return iReloadPIN(type, a, out);
    if (IS(iUnblockPIN)) return iUnblockPIN(type, a, out);
    if (IS(iDoDebit)) return iDoDebit(type, a, b, out);
    if (IS(iReadDebitRecord)) return iReadDebitRecord(type, out);
    if (IS(iReadCardBas_HSM_Step1)) return iReadCardBas_HSM_Step1(type, out);
    if (IS(iReadCardBas_HSM_Step2)) return iReadCardBas_HSM_Step2(a, out);
    if (IS(iReadCard_HSM_Step1)) return iReadCard_HSM_Step1(type, a, b, out);
    if (IS(iReadCard_HSM_Step2)) return iReadCard_HSM_Step2(a, out);
    if (IS(iWriteCard_HSM_Step1)) return iWriteCard_HSM_Step1(type, a, b, out);
    if (IS(iWriteCard_HSM_Step2)) return iWriteCard_HSM_Step2(a, b, out);
    if (IS(iReloadPIN_HSM_Step1)) return iReloadPIN_HSM_Step1(type, a, out);
    if (IS(iReloadPIN_HSM_Step2)) return iReloadPIN_HSM_Step2(a, out);
    if (IS(iReloadPIN_HSM_Step3)) return iReloadPIN_HSM_Step3(a, out);
    if (IS(iUnblockPIN_HSM_Step1)) return iUnblockPIN_HSM_Step1(type, a, out);
    if (IS(iUnblockPIN_HSM_Step2)) return iUnblockPIN_HSM_Step2(a, out);
    if (IS(iUnblockPIN_HSM_Step3)) return iUnblockPIN_HSM_Step3(a, out);
    if (IS(iDoDebit_HSM_Step1)) return iDoDebit_HSM_Step1(type, a, b, out);
    if (IS(iDoDebit_HSM_Step2)) return iDoDebit_HSM_Step2(a, out);
    if (IS(PKI_SignData)) return PKI_SignData();
    if (IS(PKI_VerifySign)) return PKI_VerifySign();
    if (IS(PKI_EnvelopeSeal)) return PKI_EnvelopeSeal();
    if (IS(PKI_EnvelopeOpen)) return PKI_EnvelopeOpen();
    return 1;
}

/* Words: the name, then its parameters in order. A number first is iType, a second iAuthType. */
static void call(char **words, size_t count)
{
    const char *name = words[0];
    size_t room = room_of(name), at = 1, texts = 0, byte;
    int numbers[2] = {0, 0}, whole = 1, null_out = 0;
    char *text[3] = {NULL, NULL, NULL}, *guarded = malloc(room + CANARY);
    long result;

    memset(guarded, 0xA5, room + CANARY);
    if (at < count && strchr(name, '2') == NULL && strchr(name, '3') == NULL)
        numbers[0] = atoi(words[at++]);
    if (at < count && strcmp(name, "iReadCard") == 0)
        numbers[1] = atoi(words[at++]);
    for (; at < count; at++) {
        if (strcmp(words[at], "@noout") == 0)
            null_out = 1;
        else if (texts < 3)
            text[texts++] = parameter(words[at]);
    }
    if (null_out || strncmp(name, "PKI", 3) == 0)
        guarded[0] = '\0';
    result = dispatch(name, numbers[0], numbers[1], text[0], text[1], text[2],
                      null_out ? NULL : guarded);
    for (byte = room; byte < room + CANARY; byte++)
        whole &= (unsigned char)guarded[byte] == 0xA5;
    flockfile(stdout);
    printf("%s %ld ", name, result);
    for (byte = 0; byte < room && guarded[byte] != '\0'; byte++)
        printf("%02x", (unsigned char)guarded[byte]);
    printf(" %s\n", whole && byte < room ? "whole" : "overrun");
    fflush(stdout);
    funlockfile(stdout);
    free(text[0]);
    free(text[1]);
    free(text[2]);
    free(guarded);
}

struct job {
    char **words;
    size_t count;
};

static void *run_job(void *given)
{
    struct job *job = given;

    call(job->words, job->count);
    return NULL;
}

static void threads(long count, char **words, size_t words_count)
{
    pthread_t *made = calloc((size_t)count, sizeof *made);
    struct job job = {words, words_count};
    long at;

    for (at = 0; at < count; at++)
        pthread_create(&made[at], NULL, run_job, &job);
    for (at = 0; at < count; at++)
        pthread_join(made[at], NULL);
    free(made);
}

static void forked(char **words, size_t count)
{
    pid_t child = fork();

    if (child == 0) {
        call(words, count);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static void steal(void)
{
    struct stat status;
    int descriptor, end = DESCRIPTORS;

    pipes = 0;
    for (descriptor = 3; descriptor < end; descriptor++)
        if (fstat(descriptor, &status) == 0 && S_ISSOCK(status.st_mode)) {
            int pair[2];

            close(descriptor);
            if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0)
                took[pipes++] = pair[0] == descriptor ? pair[1] : pair[0];
            end = descriptor; /* what comes behind is ours */
        }
    printf("steal %d\n", pipes);
}

static void stolen(void)
{
    char byte;
    int at, bytes = 0;

    for (at = 0; at < pipes; at++)
        while (recv(took[at], &byte, 1, MSG_DONTWAIT) == 1)
            bytes++;
    printf("stolen %d\n", bytes);
}

static void all(void)
{
    static const char *const orders[] = {
        "iReadCardBas 3", "iReadCard 1 2 INFO FILES", "iWriteCard 1 INFO FILES DATA", "iVerifyPIN 1",
        "iChangePIN 2", "iReloadPIN 1 INFO", "iUnblockPIN 1 INFO", "iDoDebit 1 INFO PAY",
        "iReadDebitRecord 1", "iReadCardBas_HSM_Step1 4", "iReadCardBas_HSM_Step2 KEY",
        "iReadCard_HSM_Step1 1 INFO FILES", "iReadCard_HSM_Step2 KEY",
        "iWriteCard_HSM_Step1 1 INFO FILES", "iWriteCard_HSM_Step2 KEY DATA",
        "iReloadPIN_HSM_Step1 1 INFO", "iReloadPIN_HSM_Step2 KEY", "iReloadPIN_HSM_Step3 KEY",
        "iUnblockPIN_HSM_Step1 1 INFO", "iUnblockPIN_HSM_Step2 KEY", "iUnblockPIN_HSM_Step3 KEY",
        "iDoDebit_HSM_Step1 1 INFO PAY", "iDoDebit_HSM_Step2 KEY", "PKI_SignData",
        "PKI_VerifySign", "PKI_EnvelopeSeal", "PKI_EnvelopeOpen"};
    size_t at;

    for (at = 0; at < sizeof orders / sizeof *orders; at++) {
        char *words[WORDS], *order = strdup(orders[at]), *rest = order;
        size_t count = 0;

        while (count < WORDS && (words[count] = strtok_r(rest, " ", &rest)) != NULL)
            count++;
        call(words, count);
        free(order);
    }
}

int main(void)
{
    static char line[LINE_SIZE];

    while (fgets(line, sizeof line, stdin) != NULL) {
        char *words[WORDS + 2], *rest = line;
        size_t count = 0;

        while (count < WORDS + 2 && (words[count] = strtok_r(rest, " \n", &rest)) != NULL)
            count++;
        if (count == 0)
            continue;
        if (strcmp(words[0], "all") == 0)
            all();
        else if (strcmp(words[0], "steal") == 0)
            steal();
        else if (strcmp(words[0], "stolen") == 0)
            stolen();
        else if (strcmp(words[0], "threads") == 0)
            threads(atol(words[1]), words + 2, count - 2);
        else if (strcmp(words[0], "fork") == 0)
            forked(words + 1, count - 1);
        else
            call(words, count);
        fflush(stdout);
    }
    return 0;
}
