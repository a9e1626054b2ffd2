"""The conversation with a SAM_V module: one command out, its answer in, or the fault it means.

Source: spec devices.md, ID card reader; SAM_V protocol description (status words 24 and 47). A
document goes find → select → read; the status is the third byte, whose meaning is data here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol

from apdu.id_document import TEXT_SIZE, DocumentFault
from drivers.contract import DeviceFault, DeviceProtocol, DeviceState
from drivers.idcard.frames import Deframer, frame
from world import World

TRIES: Final = 3  # of a command whose answer was garbled, or that the module got garbled
GAP: Final = 0.4  # seconds; an answer that stops in its middle for so long is over
STATUS_BYTES: Final = 3  # SW1 SW2 SW3


class ModuleWire(Protocol):
    """What carries the bytes: `drivers.io.line.OpenLine`, or USB pipes."""

    @property
    def attached(self) -> str:
        """What the system calls the port: path, or USB device."""
        ...

    def read(self, timeout: float | None = None) -> bytes:
        """What has come, after at most `timeout` seconds (None: for ever); empty when nothing has.
        Raises `DeviceLost`, `drivers.io.wait.Interrupted`."""
        ...

    def write(self, data: bytes, *, marks: bool = False) -> None:
        """Send all of `data`. `marks`: the module says nothing that is equal to it, so a line that
        gives it back echoes. Raises `DeviceSilent`, `DeviceLost`."""
        ...

    def silent(self) -> DeviceFault:
        """The fault of a module that did not answer on this wire, to be raised by the caller."""
        ...

    def discard(self) -> None:
        """Forget what has come and was not read. Raises `DeviceLost`."""
        ...

    def interrupt(self) -> None:
        """Make a `read` that waits raise `Interrupted`. Any thread."""
        ...

    def close(self) -> None:
        """Give the port back."""
        ...


class ModuleUnfit(DeviceFault):
    """The module says that it cannot work at all. Facts: `device`, `sw`, `status`."""

    code = "document.module"
    state = DeviceState.PROTOCOL_ERROR


class DocumentUnread(DocumentFault):
    """The module could not select or read what lies there. Facts: `device`, `step`, `sw`,
    `status`."""

    code = "document.unread"


class DocumentGone(DocumentFault):
    """It was taken away before it was read. Facts: `device`."""

    code = "document.gone"


class DocumentLay(DocumentFault):
    """It lay there already when the reader was opened, so it is not read. Facts: `device`."""

    code = "document.lay"


class Meaning(Enum):
    """What a status word is about."""

    DONE = "done"
    FOUND = "found"
    NOBODY = "nobody"
    DOCUMENT = "document"  # what lies there cannot be read
    COMMAND = "command"  # the command came to the module garbled
    ORDER = "order"  # the module is not where we think it is
    MODULE = "module"
    NO_ITEM = "no item"


STATUS_WORDS: Final[Mapping[int, tuple[str, Meaning]]] = {
    0x90: ("done", Meaning.DONE),
    0x9F: ("found", Meaning.FOUND),
    0x10: ("checksum", Meaning.COMMAND),
    0x11: ("length", Meaning.COMMAND),
    0x21: ("order", Meaning.ORDER),
    0x24: ("unknown error", Meaning.DOCUMENT),
    0x31: ("card refused the module", Meaning.DOCUMENT),
    0x32: ("module refused the card", Meaning.DOCUMENT),
    0x33: ("verification", Meaning.DOCUMENT),
    0x40: ("unknown card", Meaning.DOCUMENT),
    0x41: ("read", Meaning.DOCUMENT),
    0x47: ("random number", Meaning.DOCUMENT),
    0x60: ("self test", Meaning.MODULE),
    0x66: ("not authorised", Meaning.MODULE),
    0x80: ("no card", Meaning.NOBODY),
    0x81: ("select", Meaning.DOCUMENT),
    0x91: ("no such item", Meaning.NO_ITEM),
}


@dataclass(frozen=True)
class ModuleCommand:
    """What can be asked: CMD and PARA, how long the whole answer may take (seconds), and how many
    bytes of data come with a good one."""

    step: str
    code: bytes
    within: float
    least: int = 0
    most: int = 0


# Card work under a second is what readers' makers promise; the limits leave room for a slow one.
STATUS: Final = ModuleCommand("status", b"\x11\xff", 0.5)
FIND: Final = ModuleCommand("find", b"\x20\x01", 1.0)
SELECT: Final = ModuleCommand("select", b"\x20\x02", 2.0, 0, 16)
READ: Final = ModuleCommand("read", b"\x30\x01", 4.0, 4 + TEXT_SIZE, 4 + TEXT_SIZE + 1024)
READ_FINGERPRINT: Final = ModuleCommand(
    "read", b"\x30\x10", 4.0, 6 + TEXT_SIZE, 6 + TEXT_SIZE + 1024 + 1024
)
# 70 bytes each, as long as the first one; how many there can be is not stated.
NEWEST_ADDRESS: Final = ModuleCommand("newest address", b"\x30\x03", 1.0, 2, 4 * 70)


@dataclass(frozen=True)
class ModuleAnswer:
    """A whole answer: SW3 and its data, which may be a person's."""

    sw: int  # SW3
    data: bytes = field(repr=False)

    @property
    def status(self) -> str:
        """SW3 in words, "unknown" where the protocol description has none."""
        return STATUS_WORDS[self.sw][0] if self.sw in STATUS_WORDS else "unknown"

    @property
    def meaning(self) -> Meaning | None:
        """What SW3 is about; None for one that the protocol description does not name."""
        return STATUS_WORDS[self.sw][1] if self.sw in STATUS_WORDS else None


@dataclass(frozen=True)
class DocumentParts:
    """One document's parts as the module gave them."""

    text: bytes = field(repr=False)
    photo: bytes = field(repr=False)
    fingerprint: bytes = field(repr=False)


class Module:
    """An open module. `count` is told "garbled" and "stale" answers."""

    def __init__(
        self, world: World, wire: ModuleWire, device: str, count: Callable[[str], None]
    ) -> None:
        self._world = world
        self._wire = wire
        self._device = device
        self._count = count
        self.attached = wire.attached

    def check(self) -> None:
        """Whether a module is there and well. Raises `DeviceFault`s."""
        answer = self._ask(STATUS)
        if answer.meaning is not Meaning.DONE:
            raise self._protocol()

    def find(self) -> bool:
        """Whether a document lies there that was not read yet (spec: after a good read it has to
        leave the field first). Raises `DeviceFault`s."""
        answer = self._ask(FIND)
        if answer.meaning not in (Meaning.FOUND, Meaning.NOBODY, Meaning.DOCUMENT):
            raise self._protocol()
        return answer.meaning is not Meaning.NOBODY

    def select(self) -> None:
        """Raises `DocumentUnread`, `DeviceFault`s."""
        self._ask_document(SELECT)

    def read(self, *, fingerprint: bool) -> DocumentParts:
        """Raises `DocumentUnread`, `DeviceFault`s."""
        answer = self._ask_document(READ_FINGERPRINT if fingerprint else READ)
        reading = _parts(answer.data, 3 if fingerprint else 2)
        if reading is None:
            raise self._unread(READ, answer, "malformed")
        return reading

    def newest_address(self) -> bytes:
        """UTF-16LE; empty when none was added. Raises `DocumentUnread`, `DeviceFault`s."""
        answer = self._ask(NEWEST_ADDRESS)
        if answer.meaning is Meaning.NO_ITEM:
            return b""
        return self._done(NEWEST_ADDRESS, answer).data

    def rest(self, seconds: float) -> None:
        """Let `seconds` pass; what comes unasked is thrown away. Raises `Interrupted`,
        `DeviceLost`."""
        deadline = self._world.monotonic() + seconds
        while (left := deadline - self._world.monotonic()) > 0:
            self._wire.read(left)

    def interrupt(self) -> None:
        """Make a wait for an answer raise `Interrupted`. Any thread."""
        self._wire.interrupt()

    def close(self) -> None:
        """Give the port back; only the device's own thread does."""
        self._wire.close()

    def _ask_document(self, command: ModuleCommand) -> ModuleAnswer:
        return self._done(command, self._ask(command))

    def _done(self, command: ModuleCommand, answer: ModuleAnswer) -> ModuleAnswer:
        if answer.meaning is Meaning.DONE:
            return answer
        raise self._unread(command, answer, answer.status)

    def _unread(self, command: ModuleCommand, answer: ModuleAnswer, status: str) -> DocumentUnread:
        return DocumentUnread(
            device=self._device, step=command.step, sw=f"{answer.sw:02X}", status=status
        )

    def _ask(self, command: ModuleCommand) -> ModuleAnswer:
        """Its answer, whatever the status. Raises `ModuleUnfit`, `DeviceSilent`, `DeviceProtocol`
        when it stays garbled, `DeviceLost`, `Interrupted`."""
        for _ in range(TRIES):
            answer = self._exchange(command)
            if answer is None or answer.meaning is Meaning.COMMAND:
                self._count("garbled")
                continue
            if answer.meaning is Meaning.MODULE:
                raise ModuleUnfit(device=self._device, sw=f"{answer.sw:02X}", status=answer.status)
            return answer
        raise self._protocol()

    def _exchange(self, command: ModuleCommand) -> ModuleAnswer | None:
        """None when what came was no answer. Raises `DeviceSilent` when nothing came."""
        self._wire.discard()
        self._wire.write(frame(command.code), marks=True)  # answers have three bytes of status
        deframer = Deframer()
        heard = broken = False
        deadline = self._world.monotonic() + command.within
        while (left := deadline - self._world.monotonic()) > 0:
            data = self._wire.read(min(left, GAP) if broken else left)
            if not data:
                break
            heard = broken = True
            for content in deframer.feed(data):
                broken = False  # a whole frame; if it is not ours, ours is still to come
                answer = _answer(command, content)
                if answer is not None:
                    return answer
                self._count("stale")
        if not heard:
            raise self._wire.silent()
        return None

    def _protocol(self) -> DeviceProtocol:
        return DeviceProtocol(device=self._device, port=self.attached)


def _answer(command: ModuleCommand, content: bytes) -> ModuleAnswer | None:
    """None for what cannot be this command's answer: an echo, or a late answer to another."""
    if len(content) < STATUS_BYTES:
        return None
    answer = ModuleAnswer(content[2], content[STATUS_BYTES:])
    if answer.meaning in (Meaning.FOUND, Meaning.NOBODY):
        return answer if command is FIND else None
    if answer.meaning is Meaning.DONE:
        fits = command is not FIND and command.least <= len(answer.data) <= command.most
        return answer if fits else None
    return answer


def _parts(data: bytes, count: int) -> DocumentParts | None:
    """Two or three lengths of two bytes each, then the parts. None when they do not add up."""
    lengths = [int.from_bytes(data[2 * n : 2 * n + 2], "big") for n in range(count)]
    if lengths[0] != TEXT_SIZE or sum(lengths) != len(data) - 2 * count:
        return None
    parts, at = [], 2 * count
    for length in lengths:
        parts.append(data[at : at + length])
        at += length
    return DocumentParts(*parts, *[b""] * (3 - count))
