"""A real pcscd in namespaces of its own, with any readers on its bus, for tests, demo and proofs.

Nothing of it is seen from outside but one socket, and nothing of it outlives the process that made
it. Readers come and go by pcscd's own USB hot-plug code (usb_bus.c stands in for libudev), and each
is vsmartcard's vpcd behind a thin shim (usb_reader.c) that adds what CCID hardware adds.
`simulators.vpcd` puts cards into them.
"""

import contextlib
import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from simulators import parts

FIRST_PORT = 35963  # also in usb_bus.c
SHORT = "/tmp"  # a socket's path has 107 characters at most
BUS_WITHIN = 60.0  # seconds of patience, no measure
MOST_READERS = 16  # PCSCLITE_MAX_READERS_CONTEXTS
HERE = Path(__file__).parent

# Names as four reader models of a gate would have them; pcscd appends " 00 00".
FOUR_READERS = (
    "Onecard Contactless A",
    "Onecard Contactless B",
    "Onecard Contact",
    "Onecard SAM",
)

INFO_PLIST = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN"
 "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>CFBundleExecutable</key>
	<string>reader.so</string>
	<key>ifdVendorID</key>
	<array>
		<string>0x0C0D</string>
	</array>
	<key>ifdProductID</key>
	<array>
		<string>0x{product:04X}</string>
	</array>
	<key>ifdFriendlyName</key>
	<array>
		<string>{name}</string>
	</array>
</dict>
</plist>
"""


class PcscdFailed(parts.Unavailable):
    """pcscd could not be started or did not do what it was told; the text says why."""


class NoNamespaces(PcscdFailed):
    """The system makes no namespaces for us, as in a container; the text is the system's."""


class PcscdClosed(PcscdFailed):
    """There is no such pcscd yet, or no more."""


@dataclass(frozen=True)
class Port:
    """One reader of the bus: its bare name, the name that PC/SC clients see, its place."""

    name: str
    number: int
    bundle: Path

    @property
    def attached(self) -> str:
        return f"{self.name} 00 00"

    @property
    def tcp(self) -> int:
        return FIRST_PORT + self.number

    def ring(self) -> bool:
        """Tell pcscd that a card has come or gone, as a reader's interrupt pipe does. False when
        nobody listens: pcscd is down or does not know the reader."""
        return _tell(self.bundle / "events", b"!")

    def take_escapes(self) -> None:
        """Escape commands are allowed from now on, as by ifdDriverOptions, and noted."""
        (self.bundle / "escapes").write_bytes(b"")

    def refuse_escapes(self) -> None:
        (self.bundle / "escapes").unlink(missing_ok=True)

    @property
    def escapes(self) -> list[bytes]:
        """The escape commands since `take_escapes`."""
        notes = (self.bundle / "escapes").read_bytes()
        found = []
        while notes:
            found.append(notes[1 : 1 + notes[0]])
            notes = notes[1 + notes[0] :]
        return found

    def mark(
        self, *, dead: bool | None = None, unplugged: bool | None = None, lies: bool | None = None
    ) -> None:
        """Say of the card in this slot that it is dead (no ATR), or that it lies there while the
        reader is out; of the reader that it is out."""
        for file, marked in (("dead", dead), ("unplugged", unplugged), ("lies", lies)):
            if marked:
                (self.bundle / file).touch()
            elif marked is not None:
                (self.bundle / file).unlink(missing_ok=True)


class Pcscd:
    """One pcscd and its bus. A context manager; `started=False` leaves pcscd down at first, and
    `plugged` (default: all) names the readers that are there from the beginning."""

    def __init__(
        self,
        readers: Sequence[str] = FOUR_READERS,
        *,
        started: bool = True,
        plugged: Sequence[str] | None = None,
    ) -> None:
        if len(readers) > MOST_READERS:
            raise ValueError(f"pcscd knows at most {MOST_READERS} readers")
        # Not in /run, which is empty on the inside.
        self._folder = Path(tempfile.mkdtemp(prefix="onecard-pcscd-", dir=SHORT))
        self.ports: Mapping[str, Port] = {
            name: Port(name, number, self._bundle(number) / "Contents/Linux")
            for number, name in enumerate(readers)
        }
        self._plugged = set(readers if plugged is None else plugged)
        self._started = started
        self._lines: dict[str, socket.socket] = {}
        self._lock = threading.Lock()
        self._holder: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None
        self.pid = 0

    def __enter__(self) -> Self:
        try:
            self._build()
            self._open()
            if self._started:
                self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # What clients need

    @property
    def socket_path(self) -> str:
        """The way to pcscd from outside; it stays the same when pcscd is restarted."""
        if self._holder is None:
            raise PcscdClosed("pcscd's namespaces are not open")
        return f"/proc/{self._holder.pid}/root/run/pcscd/pcscd.comm"

    def environment(self) -> dict[str, str]:
        """The environment of a child process that is to be a client of this pcscd."""
        return os.environ | {"PCSCLITE_CSOCK_NAME": self.socket_path}

    def link(self, path: Path) -> None:
        """Make `path` the way to this pcscd. libpcsclite reads PCSCLITE_CSOCK_NAME once per
        process: a process that is to see several pcscd sets it to such a link before its first
        PC/SC call; contexts that are established already stay where they are."""
        fresh = path.with_name(f"{path.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self.socket_path)
        fresh.replace(path)

    @property
    def log(self) -> str:
        return (self._folder / "pcscd.log").read_text(errors="replace")

    # What happens to it

    def start(self) -> None:
        """Start pcscd; returns when it serves clients. Raises `PcscdFailed`."""
        said, _ = self._order("start")
        self.pid = int(said)

    def stop(self) -> None:
        """End pcscd as its service manager does."""
        self._order(f"end {int(signal.SIGTERM)}")
        self.pid = 0

    def kill(self) -> None:
        """SIGKILL: the socket file stays behind."""
        self._order(f"end {int(signal.SIGKILL)}")
        self.pid = 0

    def restart(self) -> None:
        self.stop()
        self.start()

    def plugged(self, reader: str) -> bool:
        return reader in self._plugged

    def plug(self, reader: str) -> None:
        """Plug a reader in; returns when a running pcscd has it."""
        number = f"{self.ports[reader].number:02X}"
        (self._folder / "bus" / number).touch()
        self._plugged.add(reader)
        self.ports[reader].mark(unplugged=False)
        if _tell(self._folder / "bus" / "events", f"+{number}".encode()):
            self._await(reader, running=True)

    def unplug(self, reader: str) -> None:
        """Pull a reader out, its card loses power; returns when a running pcscd has removed it."""
        number = f"{self.ports[reader].number:02X}"
        (self._folder / "bus" / number).unlink()
        with self._lock:
            self._plugged.discard(reader)
            self.ports[reader].mark(unplugged=True)
            line = self._lines.pop(reader, None)
            if line is not None and line.fileno() >= 0:
                self.ports[reader].mark(lies=True)
                with contextlib.suppress(OSError):  # the card may have left already
                    line.shutdown(socket.SHUT_RDWR)
        if _tell(self._folder / "bus" / "events", f"-{number}".encode()):
            self._await(reader, running=False)

    def dial(self, reader: str) -> socket.socket:
        """A connection into the slot, for a card. Raises `ConnectionError` while the reader is
        unplugged or pcscd is down."""
        with self._lock:
            if self._orders is None:
                raise PcscdClosed("pcscd's namespaces are not open")
            if reader not in self._plugged:
                self.ports[reader].mark(lies=True)
                raise ConnectionError(f"{reader} is unplugged")
            _, fds = self._exchange(f"dial {self.ports[reader].tcp}")
            self._lines[reader] = line = socket.socket(fileno=fds[0])
        self.ports[reader].mark(lies=False)
        return line

    def close(self) -> None:
        """End everything; also called when the opening failed half-way."""
        with self._lock:
            if self._orders is not None:
                self._orders.close()
                self._orders = None
        if self._holder is not None:
            self._holder.wait()
            self._holder = None
        with contextlib.suppress(FileNotFoundError):  # the holder has removed it already
            shutil.rmtree(self._folder)

    # How it is made

    def _bundle(self, number: int) -> Path:
        return self._folder / "bundles" / f"reader-{number:02}.bundle"

    def _build(self) -> None:
        """Compile the two stand-ins and lay out the folders that pcscd will see."""
        library, bus = self._folder / "lib", self._folder / "bus"
        library.mkdir(parents=True)
        bus.mkdir()
        os.mkfifo(bus / "events")
        (self._folder / "reader.conf").touch()
        versions = self._folder / "versions"
        versions.write_text("LIBUDEV_183 { global: udev_*; local: *; };\n")
        _compile("usb_bus.c", library / "libudev.so.1", f"-Wl,--version-script={versions}")
        _compile("usb_reader.c", self._folder / "reader.so", "-I/usr/include/PCSC")
        for name, port in self.ports.items():
            port.bundle.mkdir(parents=True)
            os.mkfifo(port.bundle / "events")
            # A copy each, no link: both libraries keep state of their own.
            shutil.copy(self._folder / "reader.so", port.bundle / "reader.so")
            shutil.copy(parts.vpcd(), port.bundle / "vpcd.so")
            plist = INFO_PLIST.format(product=port.number, name=name)
            # A name may hold any bytes, as lone surrogates.
            (port.bundle.parent / "Info.plist").write_text(plist, errors="surrogateescape")
            if name in self._plugged:
                (bus / f"{port.number:02X}").touch()

    def _open(self) -> None:
        """Open the namespaces: as root, or in a user namespace of our own."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = ["unshare", "--mount", "--net"]
        if os.geteuid() != 0:
            command.append("--map-root-user")
        command += [sys.executable, "-I", "-S", "-B", str(HERE / "pcscd_holder.py")]
        with theirs, (self._folder / "pcscd.log").open("ab") as log:
            self._holder = subprocess.Popen(
                [*command, str(theirs.fileno()), str(self._folder)],
                stdin=subprocess.DEVNULL,
                stderr=log,
                pass_fds=[theirs.fileno()],
                # A closed terminal is no news for it. No session: Linux would schedule it apart.
                process_group=0,
            )
        self._orders = ours
        if (said := ours.recv(256)) != b"ok":
            raise NoNamespaces(said.decode() or self.log.strip())

    def _order(self, order: str) -> tuple[str, list[int]]:
        with self._lock:
            return self._exchange(order)

    def _exchange(self, order: str) -> tuple[str, list[int]]:
        """With the lock held."""
        if self._orders is None:
            raise PcscdClosed("pcscd's namespaces are not open")
        self._orders.send(order.encode())
        message, fds, _, _ = socket.recv_fds(self._orders, 4096, 1)
        said = message.decode()
        if said.startswith("ok "):
            return said[3:], fds
        if said.startswith(("Connection", "TimeoutError")):  # names of OSError's children
            raise ConnectionError(said)
        raise PcscdFailed(f"{said or 'the holder of the namespaces ended'}; {self.log[-2000:]}")

    def _await(self, reader: str, *, running: bool) -> None:
        deadline = time.monotonic() + BUS_WITHIN
        while self.ports[reader].ring() is not running:
            if time.monotonic() > deadline:
                raise PcscdFailed(f"pcscd did not follow the bus within {BUS_WITHIN:g} s")
            time.sleep(0.001)


def _tell(fifo: Path, message: bytes) -> bool:
    """Write to a FIFO; False when nobody has it open."""
    try:
        end = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        return False
    try:
        with contextlib.suppress(BlockingIOError):  # full: the reader is awake anyhow
            os.write(end, message)
    except BrokenPipeError:
        return False
    finally:
        os.close(end)
    return True


def _compile(source: str, target: Path, *options: str) -> None:
    command = ["gcc", "-shared", "-fPIC", "-O1", "-o", str(target), str(HERE / source), *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise PcscdFailed(f"{source} could not be compiled: {result.stderr}")
