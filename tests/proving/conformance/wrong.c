/*
 * libsscard with one mistake, chosen by -DWRONG=NAME when it is compiled: the real library is loaded
 * from $ONECARD_RIGHT_LIBRARY and asked; then something is done wrong on purpose.
 */
#define _GNU_SOURCE

#include "sscard.h"

#include <dlfcn.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum wrong {
    NOTHING,
    UTF8,            /* UTF-8 instead of GBK */
    NO_PIPE,         /* no `|` behind the last field */
    SWAPPED,         /* card number before social security number */
    POSITIVE,        /* errors are positive */
    OVERRUN,         /* a byte behind the buffer */
    NO_NUL,          /* errors fill the buffer, without a NUL */
    NO_READER,       /* "no card" where there is no reader */
    ANY_CARD,        /* pCardInfo is not looked at */
    ANY_KEY,         /* step 2 takes any key */
    NO_EMPTY,        /* empty fields are left out */
    NULL_CRASH,      /* NULL is read */
    HANG,            /* waits for ever where there is no card */
    NO_TEXT,         /* errors have no text */
    MISSING,         /* iUnblockPIN is not exported (-DWITHOUT_UNBLOCK) */
    STALE,           /* the first card's data for every card */
    ALWAYS_AIR,      /* iType 3 is taken for 4 */
    CHANGED_INPUT,   /* the key is overwritten */
    CUT_NAME,        /* the name ends in the middle of a character */
    SPLIT_BYTES,     /* the second byte of a character is taken for a divider */
    ONE_CARD_ERROR,  /* status words are lost */
    ANY_TYPE,        /* an unknown iType is taken for 3 */
    TWICE,           /* a wrong PIN is presented a second time */
    STEP_1_AGAIN     /* step 2 without step 1 does step 1 by itself and reads */
};

static void *right(const char *name)
{
    static void *library;

    if (library == NULL)
        library = dlopen(getenv("ONECARD_RIGHT_LIBRARY"), RTLD_NOW | RTLD_LOCAL);
    return library == NULL ? NULL : dlsym(library, name);
}

static int basic(const char *name)
{
    return strcmp(name, "iReadCardBas") == 0 || strcmp(name, "iReadCardBas_HSM_Step2") == 0;
}

static void to_utf8(char *out, size_t room)
{
    char *made = calloc(1, room), *from = out, *to = made;
    size_t left = strlen(out), rest = room - 1;
    iconv_t conversion = iconv_open("UTF-8", "GBK");

    iconv(conversion, &from, &left, &to, &rest);
    iconv_close(conversion);
    memcpy(out, made, room);
    free(made);
}

static char *field(char *out, int number)
{
    while (number-- > 0)
        out = strchr(out, '|') + 1;
    return out;
}

static void swap(char *out, size_t room)
{
    char *second = field(out, 1), *third = field(out, 2), *fourth = field(out, 3);
    char *made = calloc(1, room);

    snprintf(made, room, "%.*s%.*s%.*s%s", (int)(second - out), out, (int)(fourth - third), third,
             (int)(third - second), second, fourth);
    memcpy(out, made, room);
    free(made);
}

static void leave_out_empty(char *out)
{
    char *pair;

    while ((pair = strstr(out, "||")) != NULL)
        memmove(pair, pair + 1, strlen(pair));
}

static void cut_name(char *out)
{
    char *name = field(out, 4), *end = name;

    while (*end != '|')
        end += (unsigned char)*end > 0x80 ? 2 : 1;
    if (end - name > 30)
        memmove(name + 30, end, strlen(end) + 1);
}

static void keep_eleven(char *out)
{
    int fields = 0;

    for (; *out != '\0'; out++)
        if (*out == '|' && ++fields == 11) {
            out[1] = '\0';
            return;
        }
}

static char kept[SSCARD_OUT];
static int asked; /* step 1 was good */

static long after(const char *name, long result, char *out, size_t room)
{
    if (out == NULL)
        return result;
    if (WRONG == UTF8)
        to_utf8(out, room);
    if (WRONG == NO_PIPE && result == 0 && *out != '\0' && out[strlen(out) - 1] == '|')
        out[strlen(out) - 1] = '\0';
    if (WRONG == SWAPPED && result == 0 && basic(name))
        swap(out, room);
    if (WRONG == OVERRUN)
        out[room] = '\0';
    if (WRONG == NO_NUL && result != 0)
        memset(out + strlen(out), ' ', room - strlen(out));
    if (WRONG == NO_EMPTY && result == 0)
        leave_out_empty(out);
    if (WRONG == NO_TEXT && result != 0)
        *out = '\0';
    if (WRONG == CUT_NAME && result == 0 && basic(name))
        cut_name(out);
    if (WRONG == SPLIT_BYTES && result == 0 && basic(name))
        keep_eleven(out);
    if (WRONG == STALE && result == 0 && strcmp(name, "iReadCardBas") == 0) {
        if (*kept == '\0')
            memcpy(kept, out, SSCARD_OUT);
        memcpy(out, kept, SSCARD_OUT);
    }
    if (WRONG == NO_READER && result == SSCARD_READER)
        return SSCARD_NO_CARD;
    if (WRONG == ONE_CARD_ERROR && result < -10000)
        return SSCARD_NO_ANSWER;
    if (WRONG == HANG && result == SSCARD_NO_CARD)
        for (;;)
            pause();
    return WRONG == POSITIVE ? -result : result;
}

/* Before: what is done to inputs. */
static int type_of(int iType)
{
    if (WRONG == ALWAYS_AIR && iType == SSCARD_CONTACT_FIRST)
        return SSCARD_CONTACTLESS_FIRST;
    if (WRONG == ANY_TYPE && (iType < 1 || iType > 4))
        return SSCARD_CONTACT_FIRST;
    return iType;
}

static char *in(char *given)
{
    if (WRONG == NULL_CRASH && strlen(given) > 100000)
        return given + 1;
    return given;
}

/* The info of whatever card lies there. */
static char *info(int iType, char *given)
{
    static char made[SSCARD_OUT];
    long (*read)(int, char *) = (long (*)(int, char *))right("iReadCardBas");
    char out[SSCARD_OUT], *number, *id, *name;

    if (WRONG != ANY_CARD || given == NULL || read(iType, out) != 0)
        return in(given);
    number = field(out, 2);
    id = field(out, 3);
    name = field(out, 4);
    snprintf(made, sizeof made, "%.*s%.*s", (int)(name - id), id, (int)(id - number), number);
    return made;
}

#define ROOM(name) (strcmp(name, "iReadCard") == 0 || strcmp(name, "iReadCard_HSM_Step2") == 0 \
                        ? SSCARD_OUT_LARGE : SSCARD_OUT)
#define ASK(name, prototype, ...)                                               \
    after(#name, ((long(*) prototype)right(#name))(__VA_ARGS__), pOutInfo, ROOM(#name))

#define WITH_TYPE(name)                                                         \
    long name(int iType, char *pOutInfo)                                        \
    {                                                                           \
        return ASK(name, (int, char *), type_of(iType), pOutInfo);              \
    }
#define WITH_INFO(name)                                                         \
    long name(int iType, char *pCardInfo, char *pOutInfo)                       \
    {                                                                           \
        return ASK(name, (int, char *, char *), type_of(iType),                 \
                   info(iType, pCardInfo), pOutInfo);                           \
    }
#define WITH_INFO_AND(name, other)                                              \
    long name(int iType, char *pCardInfo, char *other, char *pOutInfo)          \
    {                                                                           \
        return ASK(name, (int, char *, char *, char *), type_of(iType),         \
                   info(iType, pCardInfo), in(other), pOutInfo);                \
    }
#define WITH_KEY(name)                                                          \
    long name(char *pKey, char *pOutInfo)                                       \
    {                                                                           \
        return ASK(name, (char *, char *), in(pKey), pOutInfo);                 \
    }

WITH_TYPE(iReadCardBas)
WITH_TYPE(iChangePIN)
WITH_TYPE(iReadDebitRecord)
WITH_INFO(iReloadPIN)
#ifndef WITHOUT_UNBLOCK
WITH_INFO(iUnblockPIN)
#endif
WITH_INFO(iReloadPIN_HSM_Step1)
WITH_INFO(iUnblockPIN_HSM_Step1)
WITH_INFO_AND(iDoDebit, pPayInfo)
WITH_INFO_AND(iDoDebit_HSM_Step1, pPayInfo)
WITH_INFO_AND(iReadCard_HSM_Step1, pFileAddr)
WITH_INFO_AND(iWriteCard_HSM_Step1, pFileAddr)
WITH_KEY(iReadCard_HSM_Step2)
WITH_KEY(iReloadPIN_HSM_Step2)
WITH_KEY(iReloadPIN_HSM_Step3)
WITH_KEY(iUnblockPIN_HSM_Step2)
WITH_KEY(iUnblockPIN_HSM_Step3)
WITH_KEY(iDoDebit_HSM_Step2)

long iVerifyPIN(int iType, char *pOutInfo)
{
    long result = ASK(iVerifyPIN, (int, char *), type_of(iType), pOutInfo);

    if (WRONG == TWICE && result == SSCARD_PIN_WRONG)
        result = ASK(iVerifyPIN, (int, char *), type_of(iType), pOutInfo);
    return result;
}

long iReadCard(int iType, int iAuthType, char *pCardInfo, char *pFileAddr, char *pOutInfo)
{
    return ASK(iReadCard, (int, int, char *, char *, char *), type_of(iType), iAuthType,
               info(iType, pCardInfo), in(pFileAddr), pOutInfo);
}

long iWriteCard(int iType, char *pCardInfo, char *pFileAddr, char *pWriteData, char *pOutInfo)
{
    return ASK(iWriteCard, (int, char *, char *, char *, char *), type_of(iType),
               info(iType, pCardInfo), in(pFileAddr), in(pWriteData), pOutInfo);
}

long iWriteCard_HSM_Step2(char *pKey, char *pWriteData, char *pOutInfo)
{
    return ASK(iWriteCard_HSM_Step2, (char *, char *, char *), in(pKey), in(pWriteData), pOutInfo);
}

long iReadCardBas_HSM_Step1(int iType, char *pOutInfo)
{
    long (*read)(int, char *) = (long (*)(int, char *))right("iReadCardBas");
    long result;

    if (WRONG == ANY_KEY && pOutInfo != NULL)
        read(iType, kept);
    result = ASK(iReadCardBas_HSM_Step1, (int, char *), type_of(iType), pOutInfo);
    asked = result == 0;
    return result;
}

long iReadCardBas_HSM_Step2(char *pKey, char *pOutInfo)
{
    long (*read)(int, char *) = (long (*)(int, char *))right("iReadCardBas");
    long result;

    if (WRONG == STEP_1_AGAIN && pOutInfo != NULL && pKey != NULL && !asked)
        return read(SSCARD_CONTACT_FIRST, pOutInfo);
    asked = 0;
    result = ASK(iReadCardBas_HSM_Step2, (char *, char *), in(pKey), pOutInfo);
    if (WRONG == CHANGED_INPUT && result == 0)
        *pKey = '\0';
    if (WRONG == ANY_KEY && result == SSCARD_INTERNAL_AUTH) {
        memcpy(pOutInfo, kept, SSCARD_OUT);
        return SSCARD_OK;
    }
    return result;
}

long PKI_SignData(void) { return SSCARD_UNSUPPORTED; }
long PKI_VerifySign(void) { return SSCARD_UNSUPPORTED; }
long PKI_EnvelopeSeal(void) { return SSCARD_UNSUPPORTED; }
long PKI_EnvelopeOpen(void) { return SSCARD_UNSUPPORTED; }
