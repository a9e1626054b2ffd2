/*
 * A library that drives the readers by PC/SC itself, as other makers' do: reads EF05 and EF06 of a
 * 1.0 or 2.0 card in the first reader with a card. It authenticates nothing, which conform finds.
 */
#include "sscard.h"

#include <stdio.h>
#include <string.h>
#include <winscard.h>

#define NAMES 1024
#define ANSWER 258

static SCARDHANDLE card;
static const SCARD_IO_REQUEST *line;

static long tell(long code, const char *words, char *out)
{
    strcpy(out, words);
    return code;
}

static int send(const unsigned char *command, DWORD size, unsigned char *answer, DWORD *length)
{
    unsigned char get[5] = {0x00, 0xC0, 0x00, 0x00, 0x00};

    *length = ANSWER;
    if (SCardTransmit(card, line, command, size, NULL, answer, length) != SCARD_S_SUCCESS)
        return 0;
    if (*length == 2 && answer[0] == 0x61) {
        get[4] = answer[1];
        *length = ANSWER;
        if (SCardTransmit(card, line, get, sizeof get, NULL, answer, length) != SCARD_S_SUCCESS)
            return 0;
    }
    return *length >= 2 && answer[*length - 2] == 0x90;
}

static int select_file(unsigned char low)
{
    unsigned char command[] = {0x00, 0xA4, 0x02, 0x00, 0x02, 0xEF, low}, answer[ANSWER];
    DWORD length;

    return send(command, sizeof command, answer, &length);
}

/* A record by its tag; `cn` in hex digits without padding, else text. */
static int record(unsigned char tag, unsigned char size, int cn, char *out)
{
    unsigned char command[] = {0x00, 0xB2, tag, 0x00, (unsigned char)(size + 2)}, answer[ANSWER];
    DWORD length, at;

    if (!send(command, sizeof command, answer, &length))
        return 0;
    for (at = 2; at < (DWORD)size + 2; at++)
        if (cn)
            out += sprintf(out, "%02X", answer[at]);
        else if (answer[at] != 0)
            *out++ = (char)answer[at];
    *out = '\0';
    return 1;
}

static long read(char *out)
{
    static const unsigned char environment[] = {0x00, 0xA4, 0x04, 0x00, 0x0F, 0x73, 0x78, 0x31, 0x2E,
                                                0x73, 0x68, 0x2E, 0xC9, 0xE7, 0xBB, 0xE1, 0xB1, 0xA3,
                                                0xD5, 0xCF};
    unsigned char answer[ANSWER], reset[64];
    char id[64], version[8], issued[16], expires[16], number[16], person[32], name[64], names[64];
    char historical[32] = "";
    DWORD length, state, protocol, size = sizeof reset, names_size = sizeof names, at;

    SCardStatus(card, names, &names_size, &state, &protocol, reset, &size);
    for (at = 4; at < 17 && at < size; at++)
        sprintf(historical + 2 * (at - 4), "%02X", reset[at]);
    if (!send(environment, sizeof environment, answer, &length))
        return tell(SSCARD_WRONG_CARD, "\xBF\xA8\xB4\xED", out); /* 卡错 */
    if (!select_file(0x05) || !record(0x01, 16, 1, id) || !record(0x03, 4, 0, version) ||
        !record(0x05, 4, 1, issued) || !record(0x06, 4, 1, expires) || !record(0x07, 9, 0, number) ||
        !select_file(0x06) || !record(0x08, 18, 0, person) || !record(0x09, 30, 0, name))
        return tell(SSCARD_NO_ANSWER, "\xBF\xA8\xB4\xED", out);
    sprintf(out, "%.6s|%s|%s|%s|%s|%s|%s|%s|%s|519900000077||", id, person, number, id, name,
            historical, version, issued, expires);
    return SSCARD_OK;
}

long iReadCardBas(int iType, char *pOutInfo)
{
    SCARDCONTEXT context;
    char names[NAMES], *name;
    DWORD size = sizeof names, protocol;
    long result;

    if (pOutInfo == NULL || iType < 1 || iType > 4)
        return SSCARD_PARAMETER;
    if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS)
        return tell(SSCARD_READER, "\xB6\xC1\xBF\xA8\xC6\xF7\xB4\xED", pOutInfo); /* 读卡器错 */
    result = tell(SSCARD_READER, "\xB6\xC1\xBF\xA8\xC6\xF7\xB4\xED", pOutInfo);
    if (SCardListReaders(context, NULL, names, &size) == SCARD_S_SUCCESS)
        for (name = names; *name != '\0'; name += strlen(name) + 1) {
            if (strstr(name, "SAM") != NULL)
                continue;
            result = tell(SSCARD_NO_CARD, "\xCE\xDE\xBF\xA8", pOutInfo); /* 无卡 */
            if (SCardConnect(context, name, SCARD_SHARE_EXCLUSIVE,
                             SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card,
                             &protocol) != SCARD_S_SUCCESS)
                continue;
            line = protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
            result = read(pOutInfo);
            SCardDisconnect(card, SCARD_UNPOWER_CARD);
            break;
        }
    SCardReleaseContext(context);
    return result;
}
