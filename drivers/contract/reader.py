"""Card readers: a card comes, is opened, answers APDUs, leaves. Drivers never decide."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, runtime_checkable

from apdu.channel import Channel
from drivers.contract.device import DeviceStatus, Options
from drivers.contract.prompts import Prompt
from world import Fault, Queue, World


class Interface(Enum):
    """How a card touches the reader."""

    CONTACT = "contact"
    CONTACTLESS = "contactless"
    SAM = "sam"


class SeveralCards(Fault):
    """More than one card is in the field, and the settings say that none is taken then."""

    code = "card.several"


class CardProtocol(Fault):
    """Another program has left the card at a protocol that carries no APDUs, or the card knows none
    that does; taking its power did not help. Facts: `reader`, `holder` (programs that may)."""

    code = "card.protocol"


@dataclass(frozen=True)
class Presence:
    """A card is there. `count` is the reader's insertion counter, so a fast swap is two of them.

    `came`: the driver has seen the place empty, and then this card. False where it lay there when
    the reader was bound, or bound again: service restarted, reader plugged in again, settings
    reloaded, device opened anew. No holder may have come then, so it is no presentation.
    """

    reader: str  # the name in the configuration
    interface: Interface
    atr: bytes
    count: int
    at: float  # World.monotonic() when the driver knew
    came: bool


@dataclass(frozen=True)
class Absence:
    """The card of this reader has left."""

    reader: str
    count: int
    at: float


class CardHandle(Channel, Protocol):
    """An open, exclusively held card. `close` powers it down; it is called on every exit."""

    def close(self) -> None:
        """Power the card down and let go of it. A second call does nothing."""
        ...

    def present(self) -> bool:
        """True while the same card, never removed since `open`, is still there."""
        ...


class CardReader(Protocol):
    """One slot. `events` carries `Presence` and `Absence` in order; `open` connects."""

    @property
    def name(self) -> str:
        """The name in the settings, unique among all devices of the terminal."""
        ...

    @property
    def interface(self) -> Interface:
        """How cards touch this reader; it never changes."""
        ...

    @property
    def events(self) -> Queue[Presence | Absence]:
        """`Presence` and `Absence`, in the order in which the driver saw them."""
        ...

    def open(self, count: int | None = None) -> CardHandle:
        """Power the card that is there and hold it exclusively; one handle at a time. With the
        `count` of a presence it is that card and no other: `CardGone` for one that came later.

        A card that another program holds for a moment is waited for, about a second, while it
        lies there. Raises `SeveralCards`, `CardGone`, `CardMute`, `CardProtocol`, `ReaderGone`,
        `DeviceAbsent`, `DeviceBusy`, `DeviceDenied`, `DeviceStuck`, `DeviceProtocol`.
        """
        ...

    def status(self) -> DeviceStatus:
        """The state of this moment, from memory: it never waits for the reader. Any thread."""
        ...

    def give_up(self) -> None:
        """The watchdog's word: a call to the device (open, transmit, close) hangs. The reader is
        marked `no-answer` until that call returns; the handle itself is not touched (design.md)."""
        ...


@runtime_checkable
class SignallingReader(Protocol):
    """A `CardReader` with a lamp or buzzer of its own."""

    def signal(self, prompt: Prompt) -> None:
        """Show it; never raises, and does nothing where the settings name no lamp. Only on the
        thread that opens the reader's cards, after the tap, with no card open: so that it never
        meets a call to a card."""
        ...


@dataclass(frozen=True)
class SlotBinding:
    """One `[[readers]]` entry: a name of ours for a slot found by pattern."""

    name: str
    match: str  # what the system calls the slot, or a pattern on it (drivers.io.patterns)
    interface: Interface
    options: Options = field(default_factory=dict)


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

    def readers(self) -> Sequence[CardReader]:
        """One reader for each binding, in their order; the same objects every time."""
        ...

    def attached(self) -> Sequence[str]:
        """The system's names of all slots that are there now, bound or not."""
        ...

    def look(self) -> None:
        """Something was plugged or unplugged; nothing to do where the system itself tells."""
        ...

    def looked(self) -> bool:
        """True once it has looked for its readers: one that is absent then is really not there."""
        ...
