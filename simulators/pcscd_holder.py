"""Runs inside the private namespaces of `simulators.pcscd`: keeps them, pcscd, and dials vpcd.

Started as a script by `unshare --mount --net`; takes orders over the socket that it inherits, one
datagram each, and answers each with `ok` or the reason why not. When the other end closes, however
that came about, it ends, and pcscd and the folder with it. A socket made here stays in this
network wherever it is used, so a card's connection is made here and handed out.
"""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

DRIVERS = b"/usr/lib/pcsc/drivers"  # compiled into pcscd
SOCKET = "/run/pcscd/pcscd.comm"  # compiled into pcscd
READY_WITHIN = 60.0  # seconds
MS_BIND, SIOCSIFFLAGS, IFF_UP = 4096, 0x8914, 1
# pcsclite's winscard_msg.h: header (size, command), then version_struct (major, minor, rv).
CMD_VERSION = struct.pack("=IIiiI", 12, 0x11, 4, 4, 0)


def private_machine(folder: Path) -> None:
    """A loopback that is up, an empty /run, and our bundles as pcscd's only drivers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    libc = ctypes.CDLL(None, use_errno=True)
    bundles = str(folder / "bundles").encode()
    for source, target, kind, flags in (
        (b"tmpfs", b"/run", b"tmpfs", 0),
        (bundles, DRIVERS, None, MS_BIND),
    ):
        if libc.mount(source, target, kind, flags, None):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), target.decode())


class Daemon:
    """The one pcscd of these namespaces."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["setpriv", "--pdeathsig", "KILL", "--", "/usr/sbin/pcscd", "--foreground"]
        command += ["--config", str(self._folder / "reader.conf")]
        with (self._folder / "pcscd.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "LD_LIBRARY_PATH": str(self._folder / "lib"),
                    "ONECARD_BUS": str(self._folder / "bus"),
                },
            )
        deadline = time.monotonic() + READY_WITHIN
        while not self._answers():
            if self._process.poll() is not None:
                raise RuntimeError(f"pcscd ended with status {self._process.returncode}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"pcscd did not answer within {READY_WITHIN:g} s")
            time.sleep(0.005)

    def end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2.0)
        self._process.kill()
        self._process.wait()
        self._process = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @staticmethod
    def _answers() -> bool:
        """pcscd serves its socket only after it has started all readers that are plugged in."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(READY_WITHIN)
            try:
                client.connect(SOCKET)
                client.sendall(CMD_VERSION)
                return bool(client.recv(12))
            except OSError:
                return False


def dial(port: int) -> socket.socket:
    """A connection to vpcd, which takes the place of a card in the slot. vpcd lets one wait; one
    more gets no answer until the first has been let in, or has been found to have left again."""
    sock = socket.create_connection(("127.0.0.1", port), 0.05)
    sock.settimeout(None)
    return sock


def serve(orders: socket.socket, folder: Path) -> None:
    """Until the other end closes, in the middle of an order or between two; not at all, and with
    the reason as the answer, where the system allows no such machine."""
    try:
        private_machine(folder)
    except OSError as reason:
        orders.send(str(reason).encode())
        return
    orders.send(b"ok")
    daemon = Daemon(folder)
    try:
        with contextlib.suppress(ConnectionError):
            while order := orders.recv(64).decode():
                obey(order, daemon, orders)
    finally:
        daemon.end(signal.SIGKILL)
        shutil.rmtree(folder)


def obey(order: str, daemon: Daemon, orders: socket.socket) -> None:
    """Carry out one order and answer it. Raises `ConnectionError` when nobody hears the answer."""
    verb, _, argument = order.partition(" ")
    handed: list[socket.socket] = []
    try:
        if verb == "start":
            daemon.start()
        elif verb == "dial":
            handed = [dial(int(argument))]
        else:
            daemon.end(signal.Signals(int(argument)))
        said = f"ok {daemon.pid}"
    except (OSError, RuntimeError) as reason:
        said = f"{type(reason).__name__}: {reason}"
    try:
        socket.send_fds(orders, [said.encode()], [sock.fileno() for sock in handed])
    finally:
        for sock in handed:
            sock.close()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]))
