"""What every driver promises: the kinds of device, their states, and what flows out of them.

A driver says that something is present, opens it, and carries bytes or light; it never decides.
Each kind has one contract suite in `tests/drivers/contract/` that each driver's tests inherit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol

from apdu.channel import Channel
from world import Fault, Queue, World


class DeviceState(Enum):
    """Why a device can or cannot be used; `doctor` has a remedy for each."""

    ABSENT = "absent"
    NO_PERMISSION = "no-permission"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    PROTOCOL_ERROR = "protocol-error"
    READY = "ready"


class Interface(Enum):
    """How a card touches the reader."""

    CONTACT = "contact"
    CONTACTLESS = "contactless"
    SAM = "sam"


class DeviceFault(Fault):
    """A device cannot be used now."""

    code = "device.fault"
    state = DeviceState.NO_ANSWER


class DeviceAbsent(DeviceFault):
    """Nothing is attached under that name or pattern."""

    code = "device.absent"
    state = DeviceState.ABSENT


class DeviceBusy(DeviceFault):
    """Another process holds the device."""

    code = "device.busy"
    state = DeviceState.BUSY


class DeviceDenied(DeviceFault):
    """This user may not use the device."""

    code = "device.denied"
    state = DeviceState.NO_PERMISSION


class DeviceStuck(DeviceFault):
    """The device was given up while it owed an answer, and it still owes it."""

    code = "device.no-answer"
    state = DeviceState.NO_ANSWER


class DeviceProtocol(DeviceFault):
    """The device or its service answered what its contract does not know."""

    code = "device.protocol"
    state = DeviceState.PROTOCOL_ERROR


@dataclass(frozen=True)
class DeviceStatus:
    """What `onecard readers` and `doctor` show of one device."""

    name: str
    state: DeviceState
    attached: str = ""  # what the system calls it (PC/SC reader name, device path)
    fault: str = ""  # code of the last fault, empty when there was none
    lost: int = 0  # how often it went away
    presented: int = 0  # cards or codes seen
    holder: str = ""  # while busy: the other programs that may have it, as "name (pid), …"


@dataclass(frozen=True)
class Presence:
    """A card has come. `count` is the reader's insertion counter, so a fast swap is two of them."""

    reader: str  # the name in the configuration
    interface: Interface
    atr: bytes
    count: int
    at: float  # World.monotonic() when the driver knew


@dataclass(frozen=True)
class Absence:
    """The card of this reader has left."""

    reader: str
    count: int
    at: float


class CardHandle(Channel, Protocol):
    """An open, exclusively held card. `close` powers it down; it is called on every exit."""

    def close(self) -> None: ...

    def present(self) -> bool:
        """True while the same card, never removed since `open`, is still there."""
        ...


class CardReader(Protocol):
    """One slot. `events` carries `Presence` and `Absence` in order; `open` connects."""

    @property
    def name(self) -> str: ...

    @property
    def interface(self) -> Interface: ...

    @property
    def events(self) -> Queue[Presence | Absence]: ...

    def open(self, count: int | None = None) -> CardHandle:
        """Power the card that is there and hold it exclusively; one handle at a time. With the
        `count` of a presence it is that card and no other: `CardGone` for one that came later.

        Raises `CardGone`, `CardMute`, `ReaderGone`, `DeviceAbsent`, `DeviceBusy`, `DeviceDenied`,
        `DeviceStuck`, `DeviceProtocol`.
        """
        ...

    def status(self) -> DeviceStatus: ...

    def give_up(self) -> None:
        """The watchdog's word: a call to the device (open, transmit, close) hangs. The reader is
        marked `no-answer` until that call returns; the handle itself is not touched (design.md)."""
        ...


@dataclass(frozen=True)
class SlotBinding:
    """One `[[readers]]` entry: a name of ours for a slot found by pattern."""

    name: str
    match: str  # shell pattern on the system's name for the slot; `|` between alternatives
    interface: Interface
    options: Mapping[str, str | int | bool] = field(default_factory=dict)


class ReaderDriver(Protocol):
    """A family of readers (PC/SC, PN532 …), made once per agent for all its bindings."""

    def __init__(self, world: World, bindings: Sequence[SlotBinding]) -> None: ...

    def start(self) -> None:
        """Begin to watch. Never waits for a device and never raises for a missing one."""
        ...

    def stop(self) -> None:
        """Stop watching and release everything; returns when the threads have ended or after 2 s
        when a handle hangs."""
        ...

    def readers(self) -> Sequence[CardReader]: ...

    def attached(self) -> Sequence[str]:
        """The system's names of all slots that are there now, bound or not."""
        ...

    def looked(self) -> bool:
        """True once it has looked for its readers: one that is absent then is really not there."""
        ...


@dataclass(frozen=True)
class Code:
    """What a scanner saw: raw bytes, never logged."""

    source: str
    content: bytes = field(repr=False)
    at: float


class CodeSource(Protocol):
    """A scanner or camera."""

    @property
    def name(self) -> str: ...

    @property
    def events(self) -> Queue[Code]: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def status(self) -> DeviceStatus: ...


Lamp = Literal["green", "red", "yellow", "off"]
Beep = Literal["short", "double", "long", "none"]


@dataclass(frozen=True)
class Prompt:
    """One result for the person: words in the chosen language, and signals."""

    code: str  # reason code
    text: str
    lamp: Lamp
    beep: Beep


class Prompts(Protocol):
    """Whatever tells a person something: screen, lamp, voice, console."""

    def __init__(
        self, world: World, name: str, options: Mapping[str, str | int | bool]
    ) -> None: ...

    @property
    def name(self) -> str: ...

    def show(self, prompt: Prompt) -> None:
        """Show at once and return; a prompt that cannot be shown is counted, never raised."""
        ...

    def status(self) -> DeviceStatus: ...


Direction = Literal["entry", "exit", "counter"]


class Barrier(Protocol):
    """A gate leaf, turnstile or relay. Opening is momentary; fire release is hardware."""

    def __init__(
        self, world: World, name: str, options: Mapping[str, str | int | bool]
    ) -> None: ...

    @property
    def name(self) -> str: ...

    def open(self, direction: Direction) -> None:
        """Let one person through. Raises `DeviceFault` when the board did not take it."""
        ...

    def status(self) -> DeviceStatus: ...
