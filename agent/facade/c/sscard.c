/*
 * Calls become frames (agent/facade/wire.py), the service's answers become a `long` and a text.
 *
 * One line per process, one call on it at a time. The line is kept between calls, because the
 * steps of one flow belong to one line; it is opened anew when it was lost in between.
 */
#define _DEFAULT_SOURCE /* explicit_bzero */

#include "sscard.h"

#include "texts.h"
#include "transport.h"
#include "turn.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "SSC"
#define MAGIC_SIZE 3
#define VERSION 1
#define HEAD_SIZE (MAGIC_SIZE + 1)
#define LENGTH_SIZE 4
#define RESULT_SIZE 4
#define MAX_BODY (64 * 1024)

/* Seconds, so many that the service always comes first: config/waits.py holds its settings to them.
 * Tests build with fewer. */
#ifndef CARD_CALL
#define CARD_CALL 30
#endif
#ifndef PIN_CALL
#define PIN_CALL 150 /* a person types a PIN, maybe three times */
#endif

enum which {
    READ_CARD_BAS,
    READ_CARD,
    WRITE_CARD,
    VERIFY_PIN,
    CHANGE_PIN,
    RELOAD_PIN,
    UNBLOCK_PIN,
    DO_DEBIT,
    READ_DEBIT_RECORD,
    READ_CARD_BAS_HSM_1,
    READ_CARD_BAS_HSM_2,
    READ_CARD_HSM_1,
    READ_CARD_HSM_2,
    WRITE_CARD_HSM_1,
    WRITE_CARD_HSM_2,
    RELOAD_PIN_HSM_1,
    RELOAD_PIN_HSM_2,
    RELOAD_PIN_HSM_3,
    UNBLOCK_PIN_HSM_1,
    UNBLOCK_PIN_HSM_2,
    UNBLOCK_PIN_HSM_3,
    DO_DEBIT_HSM_1,
    DO_DEBIT_HSM_2
};

struct function {
    const char *name;
    int seconds; /* for its turn, for the way there, and for the answer */
    size_t room; /* of pOutInfo, closing NUL included */
};

static const struct function FUNCTIONS[] = {
    [READ_CARD_BAS] = {"iReadCardBas", CARD_CALL, SSCARD_OUT},
    [READ_CARD] = {"iReadCard", PIN_CALL, SSCARD_OUT_LARGE},
    [WRITE_CARD] = {"iWriteCard", PIN_CALL, SSCARD_OUT},
    [VERIFY_PIN] = {"iVerifyPIN", PIN_CALL, SSCARD_OUT},
    [CHANGE_PIN] = {"iChangePIN", PIN_CALL, SSCARD_OUT},
    [RELOAD_PIN] = {"iReloadPIN", PIN_CALL, SSCARD_OUT},
    [UNBLOCK_PIN] = {"iUnblockPIN", PIN_CALL, SSCARD_OUT},
    [DO_DEBIT] = {"iDoDebit", PIN_CALL, SSCARD_OUT},
    [READ_DEBIT_RECORD] = {"iReadDebitRecord", PIN_CALL, SSCARD_OUT_DEBIT},
    [READ_CARD_BAS_HSM_1] = {"iReadCardBas_HSM_Step1", CARD_CALL, SSCARD_OUT},
    [READ_CARD_BAS_HSM_2] = {"iReadCardBas_HSM_Step2", CARD_CALL, SSCARD_OUT},
    [READ_CARD_HSM_1] = {"iReadCard_HSM_Step1", PIN_CALL, SSCARD_OUT},
    [READ_CARD_HSM_2] = {"iReadCard_HSM_Step2", PIN_CALL, SSCARD_OUT_LARGE},
    [WRITE_CARD_HSM_1] = {"iWriteCard_HSM_Step1", PIN_CALL, SSCARD_OUT},
    [WRITE_CARD_HSM_2] = {"iWriteCard_HSM_Step2", PIN_CALL, SSCARD_OUT},
    [RELOAD_PIN_HSM_1] = {"iReloadPIN_HSM_Step1", PIN_CALL, SSCARD_OUT},
    [RELOAD_PIN_HSM_2] = {"iReloadPIN_HSM_Step2", PIN_CALL, SSCARD_OUT},
    [RELOAD_PIN_HSM_3] = {"iReloadPIN_HSM_Step3", PIN_CALL, SSCARD_OUT},
    [UNBLOCK_PIN_HSM_1] = {"iUnblockPIN_HSM_Step1", PIN_CALL, SSCARD_OUT},
    [UNBLOCK_PIN_HSM_2] = {"iUnblockPIN_HSM_Step2", PIN_CALL, SSCARD_OUT},
    [UNBLOCK_PIN_HSM_3] = {"iUnblockPIN_HSM_Step3", PIN_CALL, SSCARD_OUT},
    [DO_DEBIT_HSM_1] = {"iDoDebit_HSM_Step1", CARD_CALL, SSCARD_OUT},
    [DO_DEBIT_HSM_2] = {"iDoDebit_HSM_Step2", CARD_CALL, SSCARD_OUT},
};

/* One parameter: `text`, or where `limit` is 0 a number. Its length is measured once: what another
 * thread of the program does to the text meanwhile cannot make it longer. */
struct input {
    const char *text;
    size_t limit;
    size_t length;
    int number;
};

/* What the one call has whose turn it is. */
static struct {
    struct line line;
    unsigned char frame[LENGTH_SIZE + MAX_BODY];
    volatile sig_atomic_t forgotten; /* in the middle of the call: it has no line any more */
} desk;

static struct input number(int value);
static struct input text(const char *value);
static struct input large(const char *value);
static long ask(enum which which, struct input *inputs, size_t count, char *out);
static long refuse(long code, const char *words, char *out);
static size_t write_call(const char *name, const struct input *inputs, size_t count);
static long in_turn(const struct function *function, const struct input *inputs, size_t count,
                    char *out);
static long exchange(const struct function *function, size_t size, char *out);
static enum line_result send_call(size_t size, int64_t deadline);
static long receive_answer(size_t room, int64_t deadline, char *out);
static long line_lost(enum line_result result, char *out);
static long read_answer(const unsigned char *body, size_t size, size_t room, char *out);
static void forget(void);

/* --- The functions --------------------------------------------------------------------------- */

#define COUNT(array) (sizeof(array) / sizeof *(array))

long iReadCardBas(int iType, char *pOutInfo)
{
    struct input inputs[] = {number(iType)};
    return ask(READ_CARD_BAS, inputs, COUNT(inputs), pOutInfo);
}

long iReadCard(int iType, int iAuthType, char *pCardInfo, char *pFileAddr, char *pOutInfo)
{
    struct input inputs[] = {number(iType), number(iAuthType), text(pCardInfo),
                                   text(pFileAddr)};
    return ask(READ_CARD, inputs, COUNT(inputs), pOutInfo);
}

long iWriteCard(int iType, char *pCardInfo, char *pFileAddr, char *pWriteData, char *pOutInfo)
{
    struct input inputs[] = {number(iType), text(pCardInfo), text(pFileAddr),
                                   large(pWriteData)};
    return ask(WRITE_CARD, inputs, COUNT(inputs), pOutInfo);
}

long iVerifyPIN(int iType, char *pOutInfo)
{
    struct input inputs[] = {number(iType)};
    return ask(VERIFY_PIN, inputs, COUNT(inputs), pOutInfo);
}

long iChangePIN(int iType, char *pOutInfo)
{
    struct input inputs[] = {number(iType)};
    return ask(CHANGE_PIN, inputs, COUNT(inputs), pOutInfo);
}

long iReloadPIN(int iType, char *pCardInfo, char *pOutInfo)
{
    struct input inputs[] = {number(iType), text(pCardInfo)};
    return ask(RELOAD_PIN, inputs, COUNT(inputs), pOutInfo);
}

long iUnblockPIN(int iType, char *pCardInfo, char *pOutInfo)
{
    struct input inputs[] = {number(iType), text(pCardInfo)};
    return ask(UNBLOCK_PIN, inputs, COUNT(inputs), pOutInfo);
}

long iDoDebit(int iType, char *pCardInfo, char *pPayInfo, char *pOutInfo)
{
    struct input inputs[] = {number(iType), text(pCardInfo), text(pPayInfo)};
    return ask(DO_DEBIT, inputs, COUNT(inputs), pOutInfo);
}

long iReadDebitRecord(int iType, char *pOutInfo)
{
    struct input inputs[] = {number(iType)};
    return ask(READ_DEBIT_RECORD, inputs, COUNT(inputs), pOutInfo);
}

long iReadCardBas_HSM_Step1(int iType, char *pOutInfo)
{
    struct input inputs[] = {number(iType)};
    return ask(READ_CARD_BAS_HSM_1, inputs, COUNT(inputs), pOutInfo);
}

long iReadCardBas_HSM_Step2(char *pKey, char *pOutInfo)
{
    struct input inputs[] = {text(pKey)};
    return ask(READ_CARD_BAS_HSM_2, inputs, COUNT(inputs), pOutInfo);
}

long iReadCard_HSM_Step1(int iType, char *pCardInfo, char *pFileAddr, char *pOutInfo)
{
    struct input inputs[] = {number(iType), text(pCardInfo), text(pFileAddr)};
    return ask(READ_CARD_HSM_1, inputs, COUNT(inputs), pOutInfo);
}

long iReadCard_HSM_Step2(char *pKey, char *pOutInfo)
{
    struct input inputs[] = {text(pKey)};
    return ask(READ_CARD_HSM_2, inputs, COUNT(inputs), pOutInfo);
}

long iWriteCard_HSM_Step1(int iType, char *pCardInfo, char *pFileAddr, char *pOutInfo)
{
    struct input inputs[] = {number(iType), text(pCardInfo), text(pFileAddr)};
    return ask(WRITE_CARD_HSM_1, inputs, COUNT(inputs), pOutInfo);
}

long iWriteCard_HSM_Step2(char *pKey, char *pWriteData, char *pOutInfo)
{
    struct input inputs[] = {text(pKey), large(pWriteData)};
    return ask(WRITE_CARD_HSM_2, inputs, COUNT(inputs), pOutInfo);
}

long iReloadPIN_HSM_Step1(int iType, char *pCardInfo, char *pOutInfo)
{
    struct input inputs[] = {number(iType), text(pCardInfo)};
    return ask(RELOAD_PIN_HSM_1, inputs, COUNT(inputs), pOutInfo);
}

long iReloadPIN_HSM_Step2(char *pKey, char *pOutInfo)
{
    struct input inputs[] = {text(pKey)};
    return ask(RELOAD_PIN_HSM_2, inputs, COUNT(inputs), pOutInfo);
}

long iReloadPIN_HSM_Step3(char *pKey, char *pOutInfo)
{
    struct input inputs[] = {text(pKey)};
    return ask(RELOAD_PIN_HSM_3, inputs, COUNT(inputs), pOutInfo);
}

long iUnblockPIN_HSM_Step1(int iType, char *pCardInfo, char *pOutInfo)
{
    struct input inputs[] = {number(iType), text(pCardInfo)};
    return ask(UNBLOCK_PIN_HSM_1, inputs, COUNT(inputs), pOutInfo);
}

long iUnblockPIN_HSM_Step2(char *pKey, char *pOutInfo)
{
    struct input inputs[] = {text(pKey)};
    return ask(UNBLOCK_PIN_HSM_2, inputs, COUNT(inputs), pOutInfo);
}

long iUnblockPIN_HSM_Step3(char *pKey, char *pOutInfo)
{
    struct input inputs[] = {text(pKey)};
    return ask(UNBLOCK_PIN_HSM_3, inputs, COUNT(inputs), pOutInfo);
}

long iDoDebit_HSM_Step1(int iType, char *pCardInfo, char *pPayInfo, char *pOutInfo)
{
    struct input inputs[] = {number(iType), text(pCardInfo), text(pPayInfo)};
    return ask(DO_DEBIT_HSM_1, inputs, COUNT(inputs), pOutInfo);
}

long iDoDebit_HSM_Step2(char *pKey, char *pOutInfo)
{
    struct input inputs[] = {text(pKey)};
    return ask(DO_DEBIT_HSM_2, inputs, COUNT(inputs), pOutInfo);
}

/* Which of their parameters would be the output is not known, so none is touched. */
long PKI_SignData(void)
{
    return SSCARD_UNSUPPORTED;
}

long PKI_VerifySign(void)
{
    return SSCARD_UNSUPPORTED;
}

long PKI_EnvelopeSeal(void)
{
    return SSCARD_UNSUPPORTED;
}

long PKI_EnvelopeOpen(void)
{
    return SSCARD_UNSUPPORTED;
}

/* --- One call -------------------------------------------------------------------------------- */

static struct input number(int value)
{
    return (struct input){.number = value};
}

static struct input text(const char *value)
{
    return (struct input){.text = value, .limit = SSCARD_IN};
}

static struct input large(const char *value)
{
    return (struct input){.text = value, .limit = SSCARD_IN_LARGE};
}

static long ask(enum which which, struct input *inputs, size_t count, char *out)
{
    int errno_before = errno;
    size_t at;
    long result;

    if (out == NULL)
        return SSCARD_PARAMETER;
    for (at = 0; at < count; at++) {
        if (inputs[at].limit == 0)
            continue;
        if (inputs[at].text == NULL)
            return refuse(SSCARD_PARAMETER, TEXT_NULL_PARAMETER, out);
        inputs[at].length = strnlen(inputs[at].text, inputs[at].limit + 1);
        if (inputs[at].length > inputs[at].limit)
            return refuse(SSCARD_PARAMETER, TEXT_LONG_PARAMETER, out);
    }
    if (!turn_enter(forget))
        return refuse(SSCARD_REENTERED, TEXT_REENTERED, out);
    result = in_turn(&FUNCTIONS[which], inputs, count, out);
    turn_leave();
    errno = errno_before; /* a signal handler's program looks at its own */
    return result;
}

static int64_t within(const struct function *function)
{
    return line_now() + (int64_t)function->seconds * 1000;
}

static long in_turn(const struct function *function, const struct input *inputs, size_t count,
                    char *out)
{
    long result;

    if (!turn_take(within(function)))
        return refuse(SSCARD_NO_CONNECTION, TEXT_BUSY, out);
    pthread_cleanup_push(turn_give_up, NULL);
    desk.forgotten = 0;
    result = exchange(function, write_call(function->name, inputs, count), out);
    turn_end();
    pthread_cleanup_pop(0);
    return result;
}

static long refuse(long code, const char *words, char *out)
{
    /* All our texts are far shorter than SSCARD_OUT, the smallest room. */
    memcpy(out, words, strlen(words) + 1);
    return code;
}

static unsigned char *put_length(unsigned char *to, size_t length)
{
    to[0] = (unsigned char)(length >> 24);
    to[1] = (unsigned char)(length >> 16);
    to[2] = (unsigned char)(length >> 8);
    to[3] = (unsigned char)length;
    return to + LENGTH_SIZE;
}

static size_t get_length(const unsigned char *from)
{
    return (size_t)from[0] << 24 | (size_t)from[1] << 16 | (size_t)from[2] << 8 | from[3];
}

static unsigned char *put_string(unsigned char *to, const char *string, size_t length)
{
    to = put_length(to, length);
    memcpy(to, string, length);
    return to + length;
}

/* Size of the frame. The inputs are within their limits, so it fits: four at most, one of them
 * large. */
static size_t write_call(const char *name, const struct input *inputs, size_t count)
{
    unsigned char *end = desk.frame + LENGTH_SIZE;
    char digits[3 * sizeof(int) + 2];
    size_t at;

    memcpy(end, MAGIC, MAGIC_SIZE);
    end += MAGIC_SIZE;
    *end++ = VERSION;
    *end++ = (unsigned char)(1 + count);
    end = put_string(end, name, strlen(name));
    for (at = 0; at < count; at++) {
        if (inputs[at].limit == 0) {
            (void)snprintf(digits, sizeof digits, "%d", inputs[at].number);
            end = put_string(end, digits, strlen(digits));
        } else {
            end = put_string(end, inputs[at].text, inputs[at].length);
        }
    }
    put_length(desk.frame, (size_t)(end - desk.frame) - LENGTH_SIZE);
    return (size_t)(end - desk.frame);
}

/* The service has its time from the moment at which it has the whole call: what other threads or a
 * full queue took before is not its own. */
static long exchange(const struct function *function, size_t size, char *out)
{
    enum line_result result = send_call(size, within(function));

    explicit_bzero(desk.frame, size); /* a key or a name may be in it */
    out[0] = '\0';
    if (result != LINE_OK)
        return line_lost(result, out);
    return receive_answer(function->room, within(function), out);
}

/* A line that the service closed since the last call is opened anew, once. A call that did not get
 * through as a whole was never begun. */
static enum line_result send_call(size_t size, int64_t deadline)
{
    enum line_result result = LINE_BROKEN;
    int attempt;

    if (!line_is_idle(&desk.line))
        line_close(&desk.line);
    for (attempt = 0; attempt < 2 && result == LINE_BROKEN && !desk.forgotten; attempt++) {
        result = desk.line.open ? LINE_OK : line_open(&desk.line, deadline);
        if (result == LINE_OK)
            result = line_send(&desk.line, desk.frame, size, deadline);
        if (result != LINE_OK)
            line_close(&desk.line);
    }
    return result;
}

static long receive_answer(size_t room, int64_t deadline, char *out)
{
    unsigned char head[LENGTH_SIZE];
    enum line_result result = line_receive(&desk.line, head, sizeof head, deadline);
    size_t size = get_length(head);
    long answer;

    if (result != LINE_OK)
        return line_lost(result, out);
    if (size < HEAD_SIZE || size > MAX_BODY) {
        line_close(&desk.line);
        return refuse(SSCARD_CHECKSUM, TEXT_LYING, out);
    }
    result = line_receive(&desk.line, desk.frame, size, deadline);
    if (result == LINE_BROKEN) { /* it promised more */
        line_close(&desk.line);
        answer = refuse(SSCARD_CHECKSUM, TEXT_LYING, out);
    } else if (result != LINE_OK) {
        answer = line_lost(result, out);
    } else {
        answer = read_answer(desk.frame, size, room, out);
    }
    explicit_bzero(desk.frame, size);
    return answer;
}

/* An answer that comes later must not be taken for the next one's, so the line ends here. */
static long line_lost(enum line_result result, char *out)
{
    line_close(&desk.line);
    switch (result) {
    case LINE_FORBIDDEN:
        return refuse(SSCARD_NO_CONNECTION, TEXT_FORBIDDEN, out);
    case LINE_BAD_PATH:
        return refuse(SSCARD_NO_CONNECTION, TEXT_BAD_PATH, out);
    case LINE_LATE:
        return refuse(SSCARD_NO_CONNECTION, TEXT_LATE, out);
    case LINE_BROKEN:
        return refuse(SSCARD_NO_CONNECTION, TEXT_BROKEN, out);
    default:
        return refuse(SSCARD_NO_CONNECTION, TEXT_ABSENT, out);
    }
}

static long read_answer(const unsigned char *body, size_t size, size_t room, char *out)
{
    const unsigned char *output = body + HEAD_SIZE + RESULT_SIZE + LENGTH_SIZE;
    size_t length;
    uint32_t result;

    if (memcmp(body, MAGIC, MAGIC_SIZE) != 0)
        goto lying;
    if (body[MAGIC_SIZE] != VERSION) {
        line_close(&desk.line);
        return refuse(SSCARD_UNSUPPORTED, TEXT_OTHER_VERSION, out);
    }
    if (size < HEAD_SIZE + RESULT_SIZE + LENGTH_SIZE)
        goto lying;
    result = (uint32_t)get_length(body + HEAD_SIZE);
    length = get_length(body + HEAD_SIZE + RESULT_SIZE);
    if (length != size - (HEAD_SIZE + RESULT_SIZE + LENGTH_SIZE))
        goto lying;
    /* Positive results do not exist, and a NUL inside would cut the text without a word. */
    if ((result != 0 && result < 0x80000000u) || memchr(output, '\0', length) != NULL)
        goto lying;
    if (length >= room)
        return refuse(SSCARD_CHECKSUM, TEXT_TOO_LARGE, out);
    memcpy(out, output, length);
    out[length] = '\0';
    return result == 0 ? SSCARD_OK : -(long)(UINT32_MAX - result) - 1;

lying:
    line_close(&desk.line);
    return refuse(SSCARD_CHECKSUM, TEXT_LYING, out);
}

/* What belongs to a call that nobody ends: an answer that is still to come may not be taken for the
 * next one's, a key or a name may be in the frame. */
static void forget(void)
{
    desk.forgotten = 1;
    line_close(&desk.line);
    explicit_bzero(desk.frame, sizeof desk.frame);
}

/* A program that unloads the library keeps nothing of it. */
__attribute__((destructor)) static void end(void)
{
    line_close(&desk.line);
}
