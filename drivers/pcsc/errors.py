"""What pcsc-lite answers, by what it means to us: its error numbers in sets."""

from typing import Final

from smartcard import scard

CARD_LEFT: Final = frozenset(
    {
        scard.SCARD_W_REMOVED_CARD,
        scard.SCARD_E_NO_SMARTCARD,
        scard.SCARD_W_RESET_CARD,
        scard.SCARD_W_UNPOWERED_CARD,
    }
)
CARD_SILENT: Final = frozenset({scard.SCARD_W_UNRESPONSIVE_CARD, scard.SCARD_W_UNSUPPORTED_CARD})
# INVALID_VALUE is the answer to a handle whose reader is not there any more (RFReaderInfoById).
READER_LEFT: Final = frozenset(
    {scard.SCARD_E_READER_UNAVAILABLE, scard.SCARD_E_UNKNOWN_READER, scard.SCARD_E_INVALID_VALUE}
)
SERVICE_LEFT: Final = frozenset(
    {
        scard.SCARD_E_NO_SERVICE,
        scard.SCARD_E_SERVICE_STOPPED,
        scard.SCARD_E_INVALID_HANDLE,
        scard.SCARD_F_COMM_ERROR,
        scard.SCARD_F_INTERNAL_ERROR,
    }
)
DENIED: Final = frozenset({scard.SCARD_E_NO_ACCESS, scard.SCARD_W_SECURITY_VIOLATION})
BUSY: Final = frozenset({scard.SCARD_E_SHARING_VIOLATION, scard.SCARD_E_NOT_READY})

# What a slot shows after a power-down that did not succeed: pcscd calls the card "swallowed", which
# is MUTE to us, or left our hold as it was, because the reader is being removed (winscard.c,
# SCardDisconnect).
READER_FAILS: Final = (
    scard.SCARD_STATE_UNAVAILABLE
    | scard.SCARD_STATE_UNKNOWN
    | scard.SCARD_STATE_MUTE
    | scard.SCARD_STATE_EXCLUSIVE
)
IN_USE: Final = scard.SCARD_STATE_INUSE | scard.SCARD_STATE_EXCLUSIVE
