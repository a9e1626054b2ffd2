/*
 * A USB reader for the real pcscd: everything that concerns the card goes on to vsmartcard's
 * libifdvpcd; this file adds what the hardware of a CCID reader adds. It has one slot, it tells
 * pcscd at once when a card comes or leaves (the interrupt pipe, here a FIFO), it never hides a
 * card that was swapped, and it can hold a card that does not answer its power-up.
 *
 * Files beside this library: vpcd.so (a copy of libifdvpcd.so of its own, because that keeps static
 * state), events (the FIFO), dead (exists: the card in the slot gives no ATR), escapes (exists: the
 * reader takes escape commands; they are noted in it), lies (exists: a card lies in the reader that
 * is plugged in).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <ifdhandler.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <reader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOT 0
#define TELLS 2 /* pcscd's status thread looks twice: before it takes the power, and for the state */
#define ESCAPE SCARD_CTL_CODE(1) /* libccid's IOCTL_SMARTCARD_VENDOR_IFD_EXCHANGE */
#define LOOK 10000 /* µs */
#define LOOKS 500
#define LONGEST_WAIT 400 /* ms; vpcd's own cards announce themselves to nobody */

static struct {
	void *library;
	RESPONSECODE (*create)(DWORD, DWORD);
	RESPONSECODE (*close)(DWORD);
	RESPONSECODE (*capabilities)(DWORD, DWORD, PDWORD, PUCHAR);
	RESPONSECODE (*power)(DWORD, DWORD, PUCHAR, PDWORD);
	RESPONSECODE (*transmit)(DWORD, SCARD_IO_HEADER, PUCHAR, DWORD, PUCHAR, PDWORD, PSCARD_IO_HEADER);
	RESPONSECODE (*presence)(DWORD);
	RESPONSECODE (*control)(DWORD, DWORD, PUCHAR, DWORD, PUCHAR, DWORD, LPDWORD);
} vpcd;

static int events = -1;
static pthread_t watcher; /* pcscd's status thread for this reader */
static int watched, present;
static int lost; /* how often the status thread still has to be told that the slot is empty */

static void beside(char *path, size_t size, const char *file)
{
	Dl_info own;
	dladdr((void *)beside, &own);
	snprintf(path, size, "%s", own.dli_fname);
	snprintf(strrchr(path, '/') + 1, size - (strrchr(path, '/') + 1 - path), "%s", file);
}

static int marked(const char *file)
{
	char path[PATH_MAX];
	beside(path, sizeof path, file);
	return access(path, F_OK) == 0;
}

static void ring(void)
{
	if (write(events, "!", 1) < 0)
		return; /* the FIFO is full: pcscd is awake anyhow */
}

/* The card left in the middle of something: pcscd's status thread has to hear of it before the
 * next card is let in, as a CCID slot-change interrupt makes sure. */
static RESPONSECODE card_lost(void)
{
	lost = TELLS;
	ring();
	return IFD_COMMUNICATION_ERROR;
}

static RESPONSECODE wait_for_change(DWORD lun, int timeout)
{
	struct pollfd change = {.fd = events, .events = POLLIN};
	char drained[64];
	(void)lun;
	watcher = pthread_self();
	watched = 1;
	poll(&change, 1, timeout < LONGEST_WAIT ? timeout : LONGEST_WAIT);
	while (read(events, drained, sizeof drained) > 0)
		;
	return IFD_SUCCESS;
}

static RESPONSECODE stop_waiting(DWORD lun)
{
	(void)lun;
	ring();
	return IFD_SUCCESS;
}

RESPONSECODE IFDHCreateChannel(DWORD lun, DWORD port)
{
	char path[PATH_MAX];
	RESPONSECODE result;
	int looks;
	(void)lun;
	beside(path, sizeof path, "vpcd.so");
	vpcd.library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	beside(path, sizeof path, "events");
	events = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (!vpcd.library || events < 0)
		return IFD_COMMUNICATION_ERROR;
	*(void **)&vpcd.create = dlsym(vpcd.library, "IFDHCreateChannel");
	*(void **)&vpcd.close = dlsym(vpcd.library, "IFDHCloseChannel");
	*(void **)&vpcd.capabilities = dlsym(vpcd.library, "IFDHGetCapabilities");
	*(void **)&vpcd.power = dlsym(vpcd.library, "IFDHPowerICC");
	*(void **)&vpcd.transmit = dlsym(vpcd.library, "IFDHTransmitToICC");
	*(void **)&vpcd.presence = dlsym(vpcd.library, "IFDHICCPresence");
	*(void **)&vpcd.control = dlsym(vpcd.library, "IFDHControl");
	watched = present = lost = 0;
	result = vpcd.create(SLOT, port);
	/* A reader has its card in it when it comes, however late a busy machine lets the card dial. */
	for (looks = 0; result == IFD_SUCCESS && marked("lies") && looks < LOOKS; looks++)
		usleep(LOOK);
	return result;
}

/* The bus names its devices usb:<vendor>/<product>:libudev:0:/vpcd/<port>. */
RESPONSECODE IFDHCreateChannelByName(DWORD lun, LPSTR device)
{
	return IFDHCreateChannel(lun, strtoul(strrchr(device, '/') + 1, NULL, 10));
}

RESPONSECODE IFDHCloseChannel(DWORD lun)
{
	RESPONSECODE closed = vpcd.close(SLOT);
	(void)lun;
	close(events);
	events = -1;
	dlclose(vpcd.library);
	return closed;
}

static RESPONSECODE answer(PDWORD length, PUCHAR value, const void *data, DWORD size)
{
	if (*length < size)
		return IFD_ERROR_INSUFFICIENT_BUFFER;
	memcpy(value, data, size);
	*length = size;
	return IFD_SUCCESS;
}

RESPONSECODE IFDHGetCapabilities(DWORD lun, DWORD tag, PDWORD length, PUCHAR value)
{
	RESPONSECODE (*wait)(DWORD, int) = wait_for_change;
	RESPONSECODE (*stop)(DWORD) = stop_waiting;
	(void)lun;
	switch (tag) {
	case TAG_IFD_SLOTS_NUMBER:
		return answer(length, value, "\x01", 1);
	case TAG_IFD_POLLING_THREAD_KILLABLE:
		return answer(length, value, "\x00", 1);
	case TAG_IFD_POLLING_THREAD_WITH_TIMEOUT:
		return answer(length, value, &wait, sizeof wait);
	case TAG_IFD_STOP_POLLING_THREAD:
		return answer(length, value, &stop, sizeof stop);
	}
	return vpcd.capabilities(SLOT, tag, length, value);
}

RESPONSECODE IFDHSetCapabilities(DWORD lun, DWORD tag, DWORD length, PUCHAR value)
{
	(void)lun, (void)tag, (void)length, (void)value;
	return IFD_NOT_SUPPORTED;
}

RESPONSECODE IFDHSetProtocolParameters(DWORD lun, DWORD protocol, UCHAR flags, UCHAR pts1, UCHAR pts2, UCHAR pts3)
{
	(void)lun, (void)protocol, (void)flags, (void)pts1, (void)pts2, (void)pts3;
	return IFD_SUCCESS;
}

RESPONSECODE IFDHPowerICC(DWORD lun, DWORD action, PUCHAR atr, PDWORD length)
{
	RESPONSECODE result;
	(void)lun;
	if (action != IFD_POWER_DOWN && marked("dead")) {
		*length = 0;
		return IFD_ERROR_POWER_ACTION;
	}
	result = vpcd.power(SLOT, action, atr, length);
	return result == IFD_SUCCESS ? result : card_lost();
}

RESPONSECODE IFDHTransmitToICC(DWORD lun, SCARD_IO_HEADER send, PUCHAR command, DWORD size, PUCHAR response,
			       PDWORD length, PSCARD_IO_HEADER receive)
{
	RESPONSECODE result = vpcd.transmit(SLOT, send, command, size, response, length, receive);
	(void)lun;
	if (result == IFD_SUCCESS && *length >= 2)
		return IFD_SUCCESS;
	/* One byte: the card is there and silent, and the reader's patience is over. No byte: libifdvpcd
	 * takes a closed connection for an empty answer. */
	result = result == IFD_SUCCESS && *length == 1 ? IFD_RESPONSE_TIMEOUT : card_lost();
	*length = 0;
	return result;
}

RESPONSECODE IFDHICCPresence(DWORD lun)
{
	int told = watched && pthread_equal(pthread_self(), watcher);
	RESPONSECODE result;
	(void)lun;
	if (marked("unplugged")) /* IFD_NO_SUCH_DEVICE would make pcscd sleep for a second */
		return IFD_COMMUNICATION_ERROR;
	result = lost ? IFD_ICC_NOT_PRESENT : vpcd.presence(SLOT);
	if (result == IFD_ICC_PRESENT) {
		present = 1;
		return result;
	}
	if (!told) {
		if (present)
			card_lost();
		return result;
	}
	if (present && !lost)
		lost = TELLS;
	present = 0;
	if (lost) {
		lost--;
		ring(); /* look again at once: the next card may be there already */
	}
	return result;
}

/* An escape command goes to the reader itself: noted as its length and its bytes. */
static RESPONSECODE escape(PUCHAR send, DWORD size, PUCHAR receive, DWORD length, LPDWORD returned)
{
	char path[PATH_MAX];
	unsigned char head = size;
	int notes;
	beside(path, sizeof path, "escapes");
	notes = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (notes < 0 || size > 255 || length < 2)
		return IFD_ERROR_NOT_SUPPORTED;
	if (write(notes, &head, 1) < 0 || write(notes, send, size) < 0) {
		close(notes);
		return IFD_COMMUNICATION_ERROR;
	}
	close(notes);
	memcpy(receive, "\x90\x00", 2);
	*returned = 2;
	return IFD_SUCCESS;
}

RESPONSECODE IFDHControl(DWORD lun, DWORD code, PUCHAR send, DWORD size, PUCHAR receive, DWORD length, LPDWORD returned)
{
	(void)lun;
	if (code == ESCAPE)
		return escape(send, size, receive, length, returned);
	return vpcd.control(SLOT, code, send, size, receive, length, returned);
}
