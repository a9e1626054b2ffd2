"""Readers that no card is ever held to: programs, or machines on the network, put cards into them.

Seen by the reader's name, by the driver that the reader service is told to load, and by the ports
that the reader service itself keeps open. Source: reader.conf(5); proc(5), /proc/net/tcp.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from agent.doctor.findings import ExaminedTerminal, Finding
from agent.reader_service import PCSCD_SOCKET

WORDS: Final = ("virtual", "vpcd", "vicc")  # in names of readers and of drivers
DRIVERS: Final = (Path("etc/reader.conf.d"), Path("etc"))  # the latter for reader.conf
PROC: Final = Path("proc")
LISTENING: Final = "0A"  # TCP_LISTEN


def virtual(case: ExaminedTerminal) -> Iterator[Finding]:
    """What takes cards from elsewhere at the reader service of the system."""
    names = [name for name in case.attached if _sounds_virtual(name)]
    if case.pcscd_socket == PCSCD_SOCKET:  # another one has its drivers elsewhere
        names += _stanzas(case)
        for address in _ports(case):
            yield Finding("pcscd-listens", False, {"address": address})
    if names:
        yield Finding("reader-virtual", False, {"reader": ", ".join(names)})


def _sounds_virtual(name: str) -> bool:
    return any(word in name.casefold() for word in WORDS)


def _stanzas(case: ExaminedTerminal) -> Iterator[str]:
    """The files that have such a driver loaded, now or when pcscd starts next."""
    for folder in DRIVERS:
        for name in _listed(case, folder):
            if folder.name == "reader.conf.d" or name == "reader.conf":
                text = case.read(folder / name).decode(errors="replace")
                lines = [line.split() for line in text.splitlines()]
                if any(line[:1] == ["LIBPATH"] and _sounds_virtual(line[-1]) for line in lines):
                    yield f"/{folder / name}"


def _ports(case: ExaminedTerminal) -> Iterator[str]:
    """Where pcscd waits for connections; nothing when its sockets may not be looked at."""
    sockets = {
        case.world.real_path(case.root / PROC / pid / "fd" / descriptor).name
        for pid in _listed(case, PROC)
        if pid.isdigit() and case.read(PROC / pid / "comm") == b"pcscd\n"
        for descriptor in _listed(case, PROC / pid / "fd")
    }
    for table in ("tcp", "tcp6"):
        rows = case.read(PROC / "net" / table).decode().splitlines()[1:]
        for _, local, _, state, _, _, _, _, _, inode, *_ in map(str.split, rows):
            if state == LISTENING and f"socket:[{inode}]" in sockets:
                yield _address(local)


def _address(local: str) -> str:
    """`0100007F:8C7B` as `127.0.0.1:35963`: words of 32 bits in the machine's order."""
    host, _, port = local.partition(":")
    words = [bytes.fromhex(host[at : at + 8])[::-1] for at in range(0, len(host), 8)]
    address = IPv4Address(words[0]) if len(words) == 1 else f"[{IPv6Address(b''.join(words))}]"
    return f"{address}:{int(port, 16)}"


def _listed(case: ExaminedTerminal, folder: Path) -> list[str]:
    """Nothing where there is no such folder, or it may not be looked into."""
    try:
        return sorted(case.world.list_folder(case.root / folder))
    except OSError:
        return []
