"""Who is at the other end of a connection that somebody on this machine made to us.

A Unix socket says it itself (SO_PEERCRED). Of a TCP connection over loopback the kernel's table of
sockets names the owner of the other end. It is asked for that one row (sock_diag(7)); the whole
table (proc_pid_net(5)) takes it milliseconds, and is read where it cannot be asked.
"""

import pwd
import re
import socket
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from world.ports import Connected, Peer

TABLES: Final = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
# ESTABLISHED, FIN_WAIT1, FIN_WAIT2 (linux/net/tcp_states.h): who has said all may still listen.
TALKING: Final = (1, 4, 5)
_STATE: Final = re.compile(rb"[0-9A-F]{2}")
_MAPPED: Final = bytes(10) + b"\xff\xff"  # ::ffff:a.b.c.d, an IPv4 connection of an IPv6 socket

# sock_diag(7), linux/netlink.h, linux/inet_diag.h
_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _REQUEST = 4, 20, 1
_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, seq, pid
_QUESTION: Final = struct.Struct("=BBBxI")  # family, protocol, extensions; states
_ENDS: Final = struct.Struct(">HH16s16sI8s")  # ports, addresses; interface, cookie: any
_ANSWER: Final = struct.Struct("=BBBB48sIIIII")  # …, state, …; …, owner, inode
_ANY_STATE, _ANY_COOKIE = 0xFFFFFFFF, b"\xff" * 8
_LONGEST_ANSWER = 8192
_ASKED_WITHIN = 1.0  # seconds

_UCRED: Final = struct.Struct("iII")  # pid, uid, gid: struct ucred of unix(7)

Address = tuple[bytes, int]  # 4 or 16 bytes, port


def peer_of(connection: Connected) -> Peer:
    """Raises `OSError`, `LookupError` when the kernel does not say (any more)."""
    if connection.family == socket.AF_UNIX:
        ucred = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        pid, uid, _ = _UCRED.unpack(ucred)
        return Peer(pid, uid, _user(uid))
    theirs, ours = _address(connection.getpeername()), _address(connection.getsockname())
    uid = _asked(theirs, ours)
    if uid is None:
        owners = (owner_in(_read(table), theirs, ours) for table in TABLES)
        uid = next((owner for owner in owners if owner is not None), None)
    if uid is None:
        raise LookupError("no such connection in the table of sockets")
    return Peer(0, uid, _user(uid))


def _asked(local: Address, remote: Address) -> int | None:
    """The owner, from the kernel itself; None where it says nothing of it, or has no sock_diag.
    Raises `LookupError` when it says that nobody has that socket any more."""
    family = socket.AF_INET if len(local[0]) == 4 else socket.AF_INET6
    places = [end[0].ljust(16, b"\0") for end in (local, remote)]
    question = _QUESTION.pack(family, socket.IPPROTO_TCP, 0, _ANY_STATE)
    question += _ENDS.pack(local[1], remote[1], *places, 0, _ANY_COOKIE)
    head = _HEADER.pack(_HEADER.size + len(question), _SOCK_DIAG_BY_FAMILY, _REQUEST, 0, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(_ASKED_WITHIN)
            kernel.send(head + question)
            return owner_told(kernel.recv(_LONGEST_ANSWER))
    except OSError:
        return None


def owner_told(answer: bytes) -> int | None:
    """The owner in an answer of sock_diag; None for an error. Raises `LookupError` for a socket
    that no user has any more: see `owner_in`."""
    if len(answer) < _HEADER.size + _ANSWER.size:
        return None
    _, kind, *_ = _HEADER.unpack_from(answer)
    if kind != _SOCK_DIAG_BY_FAMILY:
        return None
    _, state, _, _, _, _, _, _, uid, inode = _ANSWER.unpack_from(answer, _HEADER.size)
    if state not in TALKING or inode == 0:
        raise LookupError("nobody has that socket any more")
    return int(uid)


def owner_in(table: bytes, local: Address, remote: Address) -> int | None:
    """The user that has the socket with these two ends; None when none in the table has.

    A socket that its program has let go of stands there under user 0 and without an inode: it is
    no user's, and certainly not root's.
    """
    wanted = {(_written(local, wide), _written(remote, wide)) for wide in (False, True)}
    for row in _rows(table):
        if (row[1], row[2]) in wanted and int(row[3], 16) in TALKING and row[9] != b"0":
            return int(row[7])
    return None


def _rows(table: bytes) -> Iterator[Sequence[bytes]]:
    for line in table.splitlines()[1:]:
        row = line.split()
        if len(row) > 9 and row[7].isdigit() and _STATE.fullmatch(row[3]):
            yield row


def _written(address: Address, wide: bool) -> bytes:
    """As the tables write it: words of 32 bits in this machine's order, then the port."""
    ip, port = address
    whole = _MAPPED + ip if wide and len(ip) == 4 else ip
    words = struct.unpack(f"={len(whole) // 4}I", whole)
    return b"%s:%04X" % (b"".join(b"%08X" % word for word in words), port)


def _address(name: object) -> Address:
    """Of `getsockname`. Raises `LookupError` for what is no IP address."""
    if not isinstance(name, tuple) or len(name) < 2:
        raise LookupError("no IP address")
    host, port = str(name[0]), int(name[1])
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.inet_pton(family, host.partition("%")[0]), port


def _read(path: Path) -> bytes:
    """Empty where the kernel has no such table (no IPv6)."""
    try:
        with path.open("rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
