/*
 * A clerk's program as they have been written for twenty years: it looks the classic names up in
 * whatever library it is given, keeps GBK in fixed buffers, takes bytes apart at '|', asks the PSAM
 * first and goes to the HSM for five errors only. It knows nothing of onecard.
 *
 *     old_business LIBRARY [COMMAND…]        else commands come by stdin, one per line
 *
 * Commands: read, holder, verify, change, reload, unblock, records. Each prints one line of UTF-8:
 *     OK COMMAND WORDS…      or      ERROR COMMAND CODE TEXT
 * When it needs its HSM, which stands in a server room elsewhere, it prints `HSM FIELDS` and reads
 * the key as one line from stdin.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUT 1024
#define OUT_DEBIT (2 * 1024)
#define OUT_LARGE (20 * 1024)
#define FIELDS 32
#define AUTOMATIC 3 /* iType: the slot first, then the antenna */
#define BY_KEY 2    /* iAuthType */

typedef void (*function)(void);
typedef long (*by_type)(int, char *);
typedef long (*by_key)(char *, char *);
typedef long (*by_info)(int, char *, char *);
typedef long (*by_file)(int, int, char *, char *, char *);

static void *library;
static char card_info[OUT]; /* 卡识别码|卡号| of the last card read */

/* dlsym has objects only; ISO C knows no way from one to a function but this. */
static function look_up(const char *name)
{
    union {
        void *object;
        function function;
    } found = {dlsym(library, name)};

    if (found.object == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    return found.function;
}

/* GBK in, UTF-8 out; what cannot be shown is left out, as the old screens did. */
static const char *utf8(const char *gbk)
{
    static char shown[3 * OUT_LARGE];
    char *from = (char *)gbk, *to = shown;
    size_t left = strlen(gbk), room = sizeof shown - 1;
    iconv_t conversion = iconv_open("UTF-8//IGNORE", "GBK");

    if (conversion == (iconv_t)-1)
        return gbk;
    (void)iconv(conversion, &from, &left, &to, &room);
    *to = '\0';
    iconv_close(conversion);
    return shown;
}

/* Takes `text` apart at every '|'; empty fields are fields. */
static int split(char *text, char *fields[FIELDS])
{
    int count = 0;
    char *bar;

    while (count < FIELDS && (bar = strchr(text, '|')) != NULL) {
        *bar = '\0';
        fields[count++] = text;
        text = bar + 1;
    }
    return count;
}

static int goes_to_the_hsm(long result)
{
    return result == -2201 || result == -2202 || result == -2203 || result == -27272 ||
           result == -24;
}

static int ask_the_hsm(const char *question, char *key, size_t size)
{
    printf("HSM %s\n", question);
    fflush(stdout);
    if (fgets(key, (int)size, stdin) == NULL)
        return 0;
    key[strcspn(key, "\r\n")] = '\0';
    return 1;
}

static void failed(const char *command, long result, const char *out)
{
    printf("ERROR %s %ld %s\n", command, result, utf8(out));
}

static void done(const char *command, long result, const char *out)
{
    if (result == 0)
        printf("OK %s\n", command);
    else
        failed(command, result, out);
}

static long read_by_hsm(char *out)
{
    char key[OUT];
    long result = ((by_type)look_up("iReadCardBas_HSM_Step1"))(AUTOMATIC, out);

    if (result != 0)
        return result;
    if (!ask_the_hsm(out, key, sizeof key))
        key[0] = '\0';
    return ((by_key)look_up("iReadCardBas_HSM_Step2"))(key, out);
}

static void read_card(void)
{
    char out[OUT] = "", *fields[FIELDS];
    const char *way = "PSAM";
    long result = ((by_type)look_up("iReadCardBas"))(AUTOMATIC, out);

    if (goes_to_the_hsm(result)) {
        way = "HSM";
        result = read_by_hsm(out);
    }
    if (result != 0) {
        failed("read", result, out);
        return;
    }
    if (split(out, fields) < 11) {
        failed("read", -100, "");
        return;
    }
    (void)snprintf(card_info, sizeof card_info, "%.32s|%.9s|", fields[3], fields[2]);
    printf("OK read %s", utf8(fields[4]));
    printf(" %s %s %s %s\n", fields[1], fields[2], fields[6], way);
}

static void read_holder(void)
{
    static char out[OUT_LARGE];
    char files[] = "SSSEEF06|08|09|$";
    long result = ((by_file)look_up("iReadCard"))(AUTOMATIC, BY_KEY, card_info, files, out);

    if (result == 0)
        printf("OK holder %s\n", utf8(out));
    else
        failed("holder", result, out);
}

static void records(void)
{
    char out[OUT_DEBIT] = "";
    long result = ((by_type)look_up("iReadDebitRecord"))(AUTOMATIC, out);

    if (result == 0)
        printf("OK records %s\n", utf8(out));
    else
        failed("records", result, out);
}

static void with_type(const char *command, const char *name)
{
    char out[OUT] = "";
    long result = ((by_type)look_up(name))(AUTOMATIC, out);

    done(command, result, out);
}

static void with_info(const char *command, const char *name)
{
    char out[OUT] = "";
    long result = ((by_info)look_up(name))(AUTOMATIC, card_info, out);

    done(command, result, out);
}

static void perform(const char *command)
{
    if (strcmp(command, "read") == 0)
        read_card();
    else if (strcmp(command, "holder") == 0)
        read_holder();
    else if (strcmp(command, "verify") == 0)
        with_type(command, "iVerifyPIN");
    else if (strcmp(command, "change") == 0)
        with_type(command, "iChangePIN");
    else if (strcmp(command, "reload") == 0)
        with_info(command, "iReloadPIN");
    else if (strcmp(command, "unblock") == 0)
        with_info(command, "iUnblockPIN");
    else if (strcmp(command, "records") == 0)
        records();
    else
        printf("ERROR %s 0 -\n", command);
    fflush(stdout);
}

int main(int count, char **words)
{
    char line[OUT];
    int at;

    if (count < 2) {
        fprintf(stderr, "old_business LIBRARY [COMMAND...]\n");
        return 2;
    }
    library = dlopen(words[1], RTLD_NOW);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    for (at = 2; at < count; at++)
        perform(words[at]);
    while (count == 2 && fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (*line != '\0')
            perform(line);
    }
    return 0;
}
