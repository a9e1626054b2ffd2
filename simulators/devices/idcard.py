"""A simulated SAM_V module and the made-up documents that people lay on it.

`SamVModule` is the chip: behind a `PtyPort` it keeps the baud rate, behind a `SamVUsb` it answers
on two or four pipes. It keeps the order find → select → read, and after a good read the document
has to leave the field. `document_of(person)` makes a document in any of the four layouts.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from apdu.id_document import FLAGS, LAYOUTS, LONG_TERM, DocumentLayout
from drivers.idcard.frames import HEADER, Deframer, frame
from simulators.devices.usb import Endpoint, Interface, UsbDevice
from simulators.people import Person

VENDOR, PRODUCT = 0x0400, 0xC35A
STEPS: Final[Mapping[bytes, str]] = {
    b"\x10\xff": "reset",
    b"\x11\xff": "status",
    b"\x12\xff": "sam id",
    b"\x20\x01": "find",
    b"\x20\x02": "select",
    b"\x30\x01": "read",
    b"\x30\x10": "read fingerprint",
    b"\x30\x03": "newest address",
}
DONE, FOUND, ORDER, NO_CARD, NO_SELECT, NO_READ, NO_ITEM = (
    0x90, 0x9F, 0x21, 0x80, 0x81, 0x41, 0x91,
)  # fmt: skip

# What a module does about a document that was read and still lies there. The specification says
# that it is not found again; modules are known that find it and refuse to select it, or that read
# it again.
AfterRead = Literal["hidden", "refused", "again"]


@dataclass(frozen=True)
class IdCard:
    """A document's memory."""

    text: bytes = field(repr=False)
    photo: bytes = field(default=bytes(range(256)) * 4, repr=False)
    fingerprint: bytes = field(default=b"", repr=False)
    newest_address: bytes = field(default=b"", repr=False)


@dataclass
class ModuleFaults:
    """What is wrong with the module now. Counts go down as they are used up; -1 means for ever."""

    refusals: dict[str, list[int]] = field(default_factory=dict)  # step → status words to come
    wrong_xor: int = 0  # answers whose check byte does not hold
    truncated: int = 0  # answers that stop in their middle
    noise: bytes = b""  # before each answer
    work: dict[str, float] = field(default_factory=dict)  # step → seconds until the answer
    silent: set[str] = field(default_factory=set)  # steps that get no answer
    meanwhile: dict[str, Callable[[], None]] = field(default_factory=dict)  # step → what happens


class SamVModule:
    """The chip. A `simulators.devices.pty.Peer`."""

    baudrate = 115_200

    def __init__(self, *, after_read: AfterRead = "hidden") -> None:
        self.after_read = after_read
        self.faults = ModuleFaults()
        self.asked: list[str] = []  # steps, as they came
        self._guard = threading.Lock()
        self._changed = threading.Condition()
        self._deframer = Deframer()
        self._card: IdCard | None = None
        self._state: Literal["idle", "found", "selected", "read"] = "idle"
        self._missed_at = 0  # finds, among them one that was answered after the last lifting

    def lay(self, card: IdCard) -> None:
        """A document comes into the field, in place of the one that lies there. No hand changes
        two between two finds; see `wait_missed`."""
        with self._guard:
            self._card, self._state = card, "idle"

    def lift(self) -> None:
        with self._guard:
            self._card, self._state = None, "idle"
        self._missed_at = self.count("find") + 2  # who asks again has the answer before

    def wait_missed(self, patience: float = 60.0) -> bool:
        """Wait until whoever asks has been told that the document which was lifted is away."""
        with self._changed:
            return self._changed.wait_for(lambda: self.count("find") >= self._missed_at, patience)

    def reset(self) -> None:
        """Power was away: it knows nothing of what lay there."""
        with self._guard:
            self._deframer = Deframer()
            self._state = "idle"

    def count(self, step: str) -> int:
        """How often a step was asked."""
        return self.asked.count(step)

    def wait_asked(self, step: str, times: int = 1, patience: float = 60.0) -> bool:
        """Wait until a step is asked so many times more."""
        with self._changed:
            goal = self.count(step) + times
            return self._changed.wait_for(lambda: self.count(step) >= goal, patience)

    def received(self, data: bytes, send: Callable[[bytes], None]) -> None:
        for content in self._deframer.feed(data):
            step = STEPS.get(content[:2], "unknown")
            with self._changed:
                self.asked.append(step)
                self._changed.notify_all()
            if step in self.faults.meanwhile:
                self.faults.meanwhile.pop(step)()
            time.sleep(self.faults.work.get(step, 0.0))
            if step not in self.faults.silent:
                send(self._damaged(self._answer(step)))

    def _answer(self, step: str) -> bytes:
        refusals = self.faults.refusals.get(step)
        if refusals:
            return _frame(refusals.pop(0))
        with self._guard:
            return self._step(step)

    def _step(self, step: str) -> bytes:
        match step:
            case "reset":
                self._state = "idle"
                return _frame(DONE)
            case "status":
                return _frame(DONE)
            case "sam id":
                return _frame(DONE, bytes.fromhex("05000100D2040000B168DE3A00000001"))
            case "find":
                return self._find()
            case "select":
                return self._select()
            case "read" | "read fingerprint":
                return self._read(with_fingerprint=step == "read fingerprint")
            case "newest address" if self._card is not None and self._state in ("selected", "read"):
                address = self._card.newest_address
                return _frame(DONE, address) if address else _frame(NO_ITEM)
        return _frame(ORDER)

    def _find(self) -> bytes:
        if self._card is None or (self._state == "read" and self.after_read == "hidden"):
            return _frame(NO_CARD)
        if self._state != "read" or self.after_read == "again":
            self._state = "found"
        return _frame(FOUND, bytes(4))

    def _select(self) -> bytes:
        if self._card is None or self._state == "read":
            return _frame(NO_SELECT)
        if self._state != "found":
            return _frame(ORDER)
        self._state = "selected"
        return _frame(DONE, bytes(8))

    def _read(self, *, with_fingerprint: bool) -> bytes:
        if self._card is None:
            return _frame(NO_READ)
        if self._state != "selected":
            return _frame(ORDER)
        self._state = "read"
        parts = [self._card.text, self._card.photo]
        if with_fingerprint:
            parts.append(self._card.fingerprint)
        lengths = b"".join(len(part).to_bytes(2, "big") for part in parts)
        return _frame(DONE, lengths + b"".join(parts))

    def _damaged(self, answer: bytes) -> bytes:
        faults = self.faults
        if faults.wrong_xor:
            faults.wrong_xor -= faults.wrong_xor > 0
            answer = answer[:-1] + bytes([answer[-1] ^ 0x5A])
        if faults.truncated:
            faults.truncated -= faults.truncated > 0
            answer = answer[: len(answer) // 2]
        return faults.noise + answer


class SamVUsb(UsbDevice):
    """A module on USB, with one or two pairs of pipes. Plug it into a `UsbBus`."""

    def __init__(self, module: SamVModule, *, pipes: Literal[2, 4] = 2, serial: str = "") -> None:
        # The protocol description names 0x02, 0x06, 0x81 and 0x85.
        addresses = (0x81, 0x02) if pipes == 2 else (0x81, 0x85, 0x02, 0x06)
        endpoints = [Endpoint(address) for address in addresses]
        super().__init__(VENDOR, PRODUCT, [Interface(0, endpoints)], peer=module, serial=serial)
        self._torn = pipes == 4

    def received(self, endpoint: int, data: bytes) -> None:
        assert self.peer is not None
        if self._torn:  # the head comes by 0x02, the rest by 0x06
            assert (endpoint == 0x02) == data.startswith(frame(b"")[:5])
        self.peer.received(data, self._answer)

    def _answer(self, data: bytes) -> None:
        if self._torn:
            self.send(data[:HEADER], 0x81)
            self.send(data[HEADER:], 0x85)
        else:
            self.send(data)


def document_of(
    person: Person,
    layout: DocumentLayout = DocumentLayout.RESIDENT,
    *,
    issued: str = "20200101",
    expires: str = LONG_TERM,
    address: str = "测试省测试市测试路1号",
    newest_address: str = "",
    fingerprint: bytes = b"",
    **fields: str,
) -> IdCard:
    """A person's document. `fields` replace or add fields of the layout by name."""
    number = person.number
    if layout is DocumentLayout.FOREIGNER_2017:
        number = f"UTO{number[:12]}"  # Utopia, by ICAO Doc 9303
    values = {
        "name": person.name,
        "latin_name": f"DOE, {person.key.upper()}",
        "sex": person.sex,
        "nation": person.nation,
        "birth": person.birth,
        "address": address,
        "number": number,
        "issuer": "测试市公安局",
        "issued": issued,
        "expires": expires,
        "pass_number": "H01234567",
        "issue_count": "01",
        "nationality": "UTO",
        "version": "01",
        "authority": "1500",
        "renewals": "02",
        "older_number_link": "001",
    }
    return IdCard(
        text=text_of(layout, {**values, **fields}),
        fingerprint=fingerprint,
        newest_address=_padded(newest_address, 70) if newest_address else b"",
    )


def text_of(layout: DocumentLayout, values: Mapping[str, str]) -> bytes:
    """The 256 bytes. What does not fit its field is cut off, as on real documents."""
    return b"".join(_fields(layout, values))


def _fields(layout: DocumentLayout, values: Mapping[str, str]) -> Iterable[bytes]:
    flag = next(flag for flag, kind in FLAGS.items() if kind is layout)
    for name, size in LAYOUTS[layout]:
        yield flag if name == "flag" else _padded(values.get(name, ""), size)


def _padded(value: str, size: int) -> bytes:
    whole = value.encode("utf-16-le")[:size].decode("utf-16-le", "ignore")  # no half character
    encoded = whole.encode("utf-16-le")
    return encoded + b" \0" * ((size - len(encoded)) // 2)


def _frame(sw: int, data: bytes = b"") -> bytes:
    return frame(bytes([0, 0, sw]) + data)
