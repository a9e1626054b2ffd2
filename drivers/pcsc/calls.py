"""The calls of libpcsclite that take or give a reader's name, by ctypes, for names of any bytes.

pyscard 2.3.1 encodes a name in ASCII for SCardGetStatusChange (helpers.c, PyScardHelper) and raises
for any other; its SCardStatus raises for one that is no UTF-8. A driver's bundle may call its
reader what it likes, and pcscd cuts a long name at 127 bytes, in the middle of a character too.
Contexts and handles are the library's own numbers, so they go with pyscard's other calls. Here a
name is text in UTF-8; bytes that are none are lone surrogates in it (PEP 383), which `shown` turns
into signs.
"""

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, byref, c_char_p, c_long, c_ubyte, c_ulong, c_void_p
from functools import cache
from typing import Any, Final

from smartcard import scard

LIBRARY: Final = "libpcsclite.so.1"  # the one that pyscard loads
LONGEST_ATR: Final = 33
State = tuple[str, int, bytes]  # name, event state, ATR


class _ReaderState(ctypes.Structure):
    """SCARD_READERSTATE (pcsclite.h); DWORD is an unsigned long on Linux."""

    _fields_ = (
        ("name", c_char_p),
        ("user_data", c_void_p),
        ("current", c_ulong),
        ("event", c_ulong),
        ("atr_length", c_ulong),
        ("atr", c_ubyte * LONGEST_ATR),
    )


def list_readers(context: int) -> tuple[int, Sequence[str]]:
    """The error and the names of all slots (SCardListReaders)."""
    call, size = _library().SCardListReaders, c_ulong(0)
    while True:
        error = call(context, None, None, byref(size))
        if error != scard.SCARD_S_SUCCESS:
            return error, ()
        buffer = ctypes.create_string_buffer(size.value)
        error = call(context, None, buffer, byref(size))
        if error != scard.SCARD_E_INSUFFICIENT_BUFFER:  # another reader has come in between
            names = buffer.raw[: size.value].split(b"\0") if error == scard.SCARD_S_SUCCESS else ()
            return error, [_text(name) for name in names if name]


def status_change(
    context: int, milliseconds: int, known: Sequence[tuple[str, int]]
) -> tuple[int, Sequence[State]]:
    """The error and the states of these slots, of which `known` was the last state
    (SCardGetStatusChange)."""
    states = (_ReaderState * len(known))()
    for state, (name, current) in zip(states, known, strict=True):
        state.name, state.current = _bytes(name), current
    error = _library().SCardGetStatusChange(context, milliseconds, states, len(known))
    return error, [
        (name, int(state.event), bytes(state.atr[: min(state.atr_length, LONGEST_ATR)]))
        for state, (name, _) in zip(states, known, strict=True)
    ]


def connect(context: int, name: str, share: int, protocols: int) -> tuple[int, int, int]:
    """The error, a handle and its protocol (SCardConnect); by pyscard for the names that it can
    hand on unchanged."""
    if name.isascii():
        error, handle, protocol = scard.SCardConnect(context, name, share, protocols)
        return error, handle, protocol
    found, active = c_long(0), c_ulong(0)
    error = _library().SCardConnect(
        context, _bytes(name), share, protocols, byref(found), byref(active)
    )
    return error, found.value, active.value


def atr_of(handle: int) -> bytes:
    """The ATR of an open card (SCardStatus), without its reader's name; empty: it does not say."""
    atr, length = (c_ubyte * LONGEST_ATR)(), c_ulong(LONGEST_ATR)
    error = _library().SCardStatus(handle, None, None, None, None, atr, byref(length))
    return bytes(atr[: length.value]) if error == scard.SCARD_S_SUCCESS else b""


def shown(name: str) -> str:
    """A name as it is printed, logged and matched: what is no UTF-8 as `\\\\xE9`."""
    return _bytes(name).decode(errors="backslashreplace")


def _text(name: bytes) -> str:
    return name.decode(errors="surrogateescape")


def _bytes(name: str) -> bytes:
    return name.encode(errors="surrogateescape")


@cache
def _library() -> Any:
    """Loaded once; no call of it changes what another one does."""
    library = ctypes.CDLL(LIBRARY)
    library.SCardListReaders.argtypes = (c_long, c_char_p, c_char_p, POINTER(c_ulong))
    library.SCardGetStatusChange.argtypes = (c_long, c_ulong, POINTER(_ReaderState), c_ulong)
    library.SCardConnect.argtypes = (
        c_long, c_char_p, c_ulong, c_ulong, POINTER(c_long), POINTER(c_ulong),
    )  # fmt: skip
    library.SCardStatus.argtypes = (
        c_long, c_char_p, *[POINTER(c_ulong)] * 3, POINTER(c_ubyte), POINTER(c_ulong),
    )  # fmt: skip
    for name in ("SCardListReaders", "SCardGetStatusChange", "SCardConnect", "SCardStatus"):
        call = getattr(library, name)
        call.restype = c_long
    return library
