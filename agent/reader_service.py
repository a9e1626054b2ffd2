"""Where the reader service is reached, as libpcsclite takes it."""

from os import environ
from typing import Final

PCSCD_SOCKET: Final = "/run/pcscd/pcscd.comm"  # of the system's own


def reader_service() -> str:
    """The socket of the one that this process uses."""
    return environ.get("PCSCLITE_CSOCK_NAME", PCSCD_SOCKET)
