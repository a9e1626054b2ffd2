/*
 * sscard.h - the national social security card reader interface, answered by onecard.
 *
 * A program that already calls iReadCardBas and its sisters needs nothing of this file: the library
 * has their names, parameters, texts and error codes. It talks to the onecard service of the same
 * machine and to no device itself; it may be loaded by any number of programs at once.
 *
 * 字符串一律为 GBK 编码（不是 UTF-8），字段以 '|' 分隔，最后一个字段后也有 '|'，空字段保留。
 * GBK 的第二字节可能正好是 0x7C（'|'），按字节拆分前请先识别双字节字符。
 * All strings are GBK, not UTF-8. Fields end with '|', the last one too; empty fields are kept.
 * The second byte of a GBK character may be 0x7C ('|'): step over double bytes before splitting.
 *
 * 返回值：0 成功；负数为错误代码，此时 pOutInfo 中是错误说明（GBK）。
 * Every function returns 0, or a negative code and leaves its text (GBK) in pOutInfo.
 *
 * pOutInfo: SSCARD_OUT bytes; for iReadCard and iReadCard_HSM_Step2 SSCARD_OUT_LARGE, for
 * iReadDebitRecord SSCARD_OUT_DEBIT, which the newest rows that fit fill. The closing NUL is within
 * that size, and nothing behind it is touched. It may not be NULL (-14).
 *
 * Inputs are read up to their NUL, at most SSCARD_IN bytes (pWriteData: SSCARD_IN_LARGE); NULL or
 * longer is -14. They are never changed.
 *
 * Threads may call at any time; calls of one process are made one after the other. _HSM_Step1, 2
 * and 3 of one flow belong to one process, and no other call may come between them. A forked child
 * starts afresh. A call ends by itself: 150 s after it has reached the service where a person may
 * have to type a PIN, else 30 s; for its turn behind other threads' calls it waits as long again. A
 * call that may have reached the card is never repeated by the library.
 *
 * A signal handler that calls while its own thread is in a call is told so at once (-16). A thread
 * may be cancelled (pthread_cancel) or end (pthread_exit) in the middle of a call, which then ends at
 * once; one that is left by longjmp ends with the thread's next. What the card has done by then is
 * not known.
 *
 * The service's socket is $ONECARD_SSCARD_SOCKET, else /run/onecard/sscard.sock.
 */
#ifndef ONECARD_SSCARD_H
#define ONECARD_SSCARD_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SSCARD_API __attribute__((visibility("default")))
#else
#define SSCARD_API
#endif

#define SSCARD_OUT 1024
#define SSCARD_OUT_DEBIT (2 * 1024)
#define SSCARD_OUT_LARGE (20 * 1024)
#define SSCARD_IN 1023
#define SSCARD_IN_LARGE (20 * 1024 - 1)

/* iType */
enum sscard_type {
    SSCARD_CONTACT = 1,            /* 接触式 */
    SSCARD_CONTACTLESS = 2,        /* 非接触式 */
    SSCARD_CONTACT_FIRST = 3,      /* 自动寻卡，接触式优先 */
    SSCARD_CONTACTLESS_FIRST = 4   /* 自动寻卡，非接触式优先 */
};

/* iAuthType */
enum sscard_auth {
    SSCARD_BY_PIN = 1,
    SSCARD_BY_READ_KEY = 2
};

/* Errors. A card's own refusal is -(status word): 6A88 is -27272, 63C0 is -25536, 9302 is -37634. */
enum sscard_error {
    SSCARD_OK = 0,
    SSCARD_WRONG_CARD = -1,          /* 卡片类型不对 */
    SSCARD_NO_CARD = -2,             /* 无卡 */
    SSCARD_NOT_POWERED = -3,         /* 卡片未上电 */
    SSCARD_NO_ANSWER = -4,           /* 卡片无应答 */
    SSCARD_LIBRARY = -5,             /* 加载动态库错 */
    SSCARD_READER = -11,             /* 读写器连接错 */
    SSCARD_NO_CONNECTION = -12,      /* 未建立连接 */
    SSCARD_UNSUPPORTED = -13,        /* 不支持该命令 */
    SSCARD_PARAMETER = -14,          /* 命令参数错 */
    SSCARD_CHECKSUM = -15,           /* 信息校验和出错 */
    SSCARD_REENTERED = -16,          /* 同一线程重入：本库自有，不在国家接口的表中 */
    SSCARD_CARD_ID = -20,            /* 卡识别码格式错 */
    SSCARD_INTERNAL_AUTH = -21,      /* 内部认证失败 */
    SSCARD_OTHER_CARD = -22,         /* 传入信息与卡不符 */
    SSCARD_INPUT = -23,              /* 传入信息不合法 */
    SSCARD_PSAM_LEVEL = -24,         /* PSAM 卡密钥级别不符 */
    SSCARD_PIN_CANCELLED = -31,      /* 取消输入密码 */
    SSCARD_PIN_TIMEOUT = -32,        /* 输入密码超时 */
    SSCARD_PIN_LENGTH = -33,         /* 密码长度错 */
    SSCARD_PIN_MISMATCH = -34,       /* 两次密码不一致 */
    SSCARD_CHARACTERS = -41,         /* 非法字符 */
    SSCARD_LENGTH = -42,             /* 长度错 */
    SSCARD_PIN_WRONG = -51,          /* 密码错，还可重试 */
    SSCARD_PIN_LOCKED = -52,         /* 密码已锁定 */
    SSCARD_NO_PSAM = -2201,          /* 无 PSAM 卡：改走加密机 */
    SSCARD_PSAM_ALGORITHM = -2202,   /* PSAM 卡不支持该算法：改走加密机 */
    SSCARD_PSAM_KEY = -2203,         /* PSAM 卡无 RKSSSE：改走加密机 */
    SSCARD_HSM_NOT_NEEDED = -2204    /* 不需要加密机 */
};

/* --- PSAM ------------------------------------------------------------------------------------ */

/* 地区|社会保障号码|卡号|卡识别码|姓名|复位信息|规范版本|发卡日期|卡有效期|终端机编号|终端设备号| */
SSCARD_API long iReadCardBas(int iType, char *pOutInfo);

/* pCardInfo: 卡识别码|卡号|   pFileAddr: SSSEEF06|09|$DF01EF15|40:2|$   pOutInfo: 20 K */
SSCARD_API long iReadCard(int iType, int iAuthType, char *pCardInfo, char *pFileAddr,
                          char *pOutInfo);
SSCARD_API long iWriteCard(int iType, char *pCardInfo, char *pFileAddr, char *pWriteData,
                           char *pOutInfo);

/* The PIN is typed on the terminal's PIN pad; the caller never sees it. */
SSCARD_API long iVerifyPIN(int iType, char *pOutInfo);
SSCARD_API long iChangePIN(int iType, char *pOutInfo);
SSCARD_API long iReloadPIN(int iType, char *pCardInfo, char *pOutInfo);
SSCARD_API long iUnblockPIN(int iType, char *pCardInfo, char *pOutInfo);

/* pPayInfo: 总额|个人账户+统筹|YYYYMMDDHHMMSS|   (-13 today) */
SSCARD_API long iDoDebit(int iType, char *pCardInfo, char *pPayInfo, char *pOutInfo);
/* pOutInfo 2 K */
SSCARD_API long iReadDebitRecord(int iType, char *pOutInfo);

/* --- HSM (加密机): after -2201, -2202, -2203, -27272, -24 of the PSAM functions ----------------- */

/* 地区|复位信息|算法|卡识别码|内部认证因子|内部认证原文|外部认证因子|外部认证原文| */
SSCARD_API long iReadCardBas_HSM_Step1(int iType, char *pOutInfo);
/* pKey: 内部认证结果+原文|外部认证结果+原文|   (1.0, 2.0: the second field is empty) */
SSCARD_API long iReadCardBas_HSM_Step2(char *pKey, char *pOutInfo);

/* Step1: 算法|密钥地址|过程因子|原文|   Step2: pKey 32 hex digits, pOutInfo 20 K */
SSCARD_API long iReadCard_HSM_Step1(int iType, char *pCardInfo, char *pFileAddr, char *pOutInfo);
SSCARD_API long iReadCard_HSM_Step2(char *pKey, char *pOutInfo);
SSCARD_API long iWriteCard_HSM_Step1(int iType, char *pCardInfo, char *pFileAddr, char *pOutInfo);
SSCARD_API long iWriteCard_HSM_Step2(char *pKey, char *pWriteData, char *pOutInfo);

/* Step2 hands the new PIN to the caller: only callers with that right get it. */
SSCARD_API long iReloadPIN_HSM_Step1(int iType, char *pCardInfo, char *pOutInfo);
SSCARD_API long iReloadPIN_HSM_Step2(char *pKey, char *pOutInfo);
SSCARD_API long iReloadPIN_HSM_Step3(char *pKey, char *pOutInfo);
SSCARD_API long iUnblockPIN_HSM_Step1(int iType, char *pCardInfo, char *pOutInfo);
SSCARD_API long iUnblockPIN_HSM_Step2(char *pKey, char *pOutInfo);
SSCARD_API long iUnblockPIN_HSM_Step3(char *pKey, char *pOutInfo);

SSCARD_API long iDoDebit_HSM_Step1(int iType, char *pCardInfo, char *pPayInfo, char *pOutInfo);
SSCARD_API long iDoDebit_HSM_Step2(char *pKey, char *pOutInfo);

/* --- PKI -------------------------------------------------------------------------------------
 * Their parameters are in no public source. They are here so that a program that looks all names
 * up finds them; whatever they are called with, they touch none of it and return -13.
 */
SSCARD_API long PKI_SignData(void);
SSCARD_API long PKI_VerifySign(void);
SSCARD_API long PKI_EnvelopeSeal(void);
SSCARD_API long PKI_EnvelopeOpen(void);

#ifdef __cplusplus
}
#endif

#endif
