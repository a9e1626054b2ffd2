"""Waits until pcscd has missed the cards of some readers: `python -m proving.conformance.emptied
READER…`, in a process of its own, as libpcsclite reads the way to pcscd once.

pcscd looks into a virtual slot every 0.4 s, and on a busy machine later.
"""

import sys
import time
from typing import Final

from smartcard.scard import (
    SCARD_S_SUCCESS,
    SCARD_SCOPE_USER,
    SCARD_STATE_PRESENT,
    SCARD_STATE_UNAWARE,
    SCardEstablishContext,
    SCardGetStatusChange,
    SCardListReaders,
)

WITHIN: Final = 60.0  # seconds of patience, no measure


def main(prefixes: list[str]) -> int:
    """0 once none of the readers with these beginnings of a name holds a card; 1 after `WITHIN`."""
    result, context = SCardEstablishContext(SCARD_SCOPE_USER)
    end = time.monotonic() + WITHIN
    while result == SCARD_S_SUCCESS and time.monotonic() < end:
        _, readers = SCardListReaders(context, [])
        looked = [reader for reader in readers if reader.startswith(tuple(prefixes))]
        if not looked:
            return 0
        states = [(reader, SCARD_STATE_UNAWARE) for reader in looked]
        _, states = SCardGetStatusChange(context, 0, states)
        if not any(state & SCARD_STATE_PRESENT for _, state, _ in states):
            return 0
        occupied = [(reader, state) for reader, state, _ in states]
        SCardGetStatusChange(context, 500, occupied)  # ms, or the first change
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
