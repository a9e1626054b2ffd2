"""Vendors' scanners, ID-card readers, barriers, prompts, PIN pads and printers."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from drivers.contract import (
    Code,
    Crossing,
    DeviceState,
    DeviceStatus,
    Direction,
    Document,
    Forced,
    Options,
    Pin,
    Prompt,
    Receipt,
    Sensed,
    Unread,
)
from drivers.foreign.guard import Events, ForeignWorld, Guard, Origin, WrongType, can_be_told
from drivers.options import OptionsFault
from world import Fault, Queue, World

DIRECTIONS: Final = ("entry", "exit", "counter")
Driver = Callable[[World, str, Options], Any]


class ForeignDevice:
    """See `drivers.contract.Device`."""

    def __init__(
        self,
        origin: Origin,
        driver: Driver | Fault,
        world: World,
        name: str,
        options: Options,
    ) -> None:
        """`driver`: its class, or why there is none. Raises `OptionsFault`, as any driver does."""
        self._name = name
        self._guard = Guard(world, origin, name)
        self._broken = driver if isinstance(driver, Fault) else None  # there is no device at all
        self._inner: Any = None
        if not isinstance(driver, Fault):
            self._make(driver, ForeignWorld(world, self._guard.keep_running), options)
        self._events = Events(world, self._guard, self._inner, self._is_event)

    def _make(self, driver: Driver, world: Any, options: Options) -> None:
        try:
            self._inner = self._guard.ask("__init__", lambda: driver(world, self._name, options))
        except OptionsFault:
            raise
        except Fault as fault:
            self._broken = fault

    @property
    def broken(self) -> Fault | None:
        """Why this device can never work."""
        return self._broken

    @property
    def name(self) -> str:
        return self._name

    def start(self) -> None:
        self._tell("start", lambda: self._inner.start())
        if self._tells and self._broken is None:
            self._events.start()

    def stop(self) -> None:
        self._guard.stop()
        self._tell("stop", lambda: self._inner.stop())
        if self._tells and self._broken is None:
            self._events.stop()

    def look(self) -> None:
        self._tell("look", lambda: self._inner.look())

    def status(self) -> DeviceStatus:
        if self._broken is not None:
            return _out_of_order(self._name, self._broken)
        try:
            told = self._guard.ask("status", lambda: sound_status(self._inner.status(), self._name))
        except Fault:
            told = DeviceStatus(self._name, DeviceState.PROTOCOL_ERROR)
        return self._guard.status(told)

    # What a kind has besides

    @property
    def _tells(self) -> bool:
        """Whether it has events."""
        return False

    def _is_event(self, event: Any) -> bool:
        return False

    def _tell(self, where: str, order: Callable[[], object]) -> None:
        if self._broken is None:
            self._guard.tell(where, order)

    def _ask(self, where: str, question: Callable[[], object], kind: type[Any]) -> Any:
        """Raises the contract's faults, `DriverDefect`, and why there is no device."""
        if self._broken is not None:
            raise self._broken
        return self._guard.typed(where, question, kind)


class ForeignScanner(ForeignDevice):
    """See `drivers.contract.CodeSource`."""

    @property
    def events(self) -> Queue[Code]:
        return self._events.queue

    def release(self) -> None:
        self._tell("release", lambda: self._inner.release())

    def take_back(self) -> None:
        self._tell("take_back", lambda: self._inner.take_back())

    @property
    def _tells(self) -> bool:
        return True

    def _is_event(self, event: Any) -> bool:
        return (
            isinstance(event, Code)
            and isinstance(event.content, bytes)
            and isinstance(event.source, str)
            and isinstance(event.symbology, str)
            and isinstance(event.came, bool)
            and self._guard.are_times(event.seen, event.at)
        )


class ForeignDocuments(ForeignDevice):
    """See `drivers.contract.DocumentReader`."""

    @property
    def events(self) -> Queue[Document | Unread]:
        return self._events.queue

    @property
    def _tells(self) -> bool:
        return True

    def _is_event(self, event: Any) -> bool:
        if isinstance(event, Document):
            parts = (event.text, event.photo, event.fingerprint, event.newest_address)
            whole = all(isinstance(part, bytes) for part in parts)
        else:
            whole = isinstance(event, Unread) and isinstance(event.fault, Fault)
            whole = whole and can_be_told(event.fault)
        whole = whole and isinstance(event.source, str) and isinstance(event.came, bool)
        return whole and self._guard.are_times(event.seen, event.at)


class ForeignBarrier(ForeignDevice):
    """See `drivers.contract.Barrier`."""

    def open(self, direction: Direction) -> None:
        self._ask("open", lambda: self._inner.open(direction), object)

    @property
    def senses(self) -> bool:
        if self._broken is not None:
            return False
        try:
            return self._guard.typed("senses", lambda: self._inner.senses, bool)
        except Fault:
            return False

    @property
    def events(self) -> Queue[Sensed]:
        return self._events.queue

    @property
    def _tells(self) -> bool:
        return self.senses

    def _is_event(self, event: Any) -> bool:
        crossed = isinstance(event, Crossing) and event.direction in DIRECTIONS
        return (crossed or isinstance(event, Forced)) and self._guard.are_times(event.at)


class ForeignPrompts(ForeignDevice):
    """See `drivers.contract.Prompts`."""

    def show(self, prompt: Prompt) -> None:
        self._tell("show", lambda: self._inner.show(prompt))


class ForeignPinPad(ForeignDevice):
    """See `drivers.contract.PinPad`."""

    def ask(self, *, minimum: int = 6, maximum: int = 6, timeout: float = 30.0) -> Pin:
        given = {"minimum": minimum, "maximum": maximum, "timeout": timeout}
        return self._pin("ask", minimum, maximum, lambda: self._inner.ask(**given))

    def ask_new(self, *, minimum: int = 6, maximum: int = 6, timeout: float = 30.0) -> Pin:
        given = {"minimum": minimum, "maximum": maximum, "timeout": timeout}
        return self._pin("ask_new", minimum, maximum, lambda: self._inner.ask_new(**given))

    def cancel(self) -> None:
        self._tell("cancel", lambda: self._inner.cancel())

    def _pin(self, where: str, minimum: int, maximum: int, typed: Callable[[], object]) -> Pin:
        found: Pin = self._ask(where, lambda: _sound_pin(typed(), minimum, maximum), Pin)
        return found


class ForeignPrinter(ForeignDevice):
    """See `drivers.contract.Printer`."""

    def print(self, receipt: Receipt) -> None:
        self._ask("print", lambda: self._inner.print(receipt), object)


KINDS: Final[Mapping[str, type[ForeignDevice]]] = {
    "onecard.scanners": ForeignScanner,
    "onecard.documents": ForeignDocuments,
    "onecard.barriers": ForeignBarrier,
    "onecard.prompts": ForeignPrompts,
    "onecard.pinpads": ForeignPinPad,
    "onecard.printers": ForeignPrinter,
}


def foreign_device(group: str, origin: Origin, driver: Driver | Fault) -> Driver:
    """What makes a device of a group of entry points; `driver` as `ForeignDevice` takes it."""

    def made(world: World, name: str, options: Options) -> ForeignDevice:
        return KINDS[group](origin, driver, world, name, options)

    return made


def sound_status(told: Any, name: str) -> DeviceStatus:
    """A status that can be shown, whatever stands in it. Raises `WrongType`."""
    if not isinstance(told, DeviceStatus) or not isinstance(told.state, DeviceState):
        raise WrongType
    return DeviceStatus(
        name,
        told.state,
        attached=str(told.attached),
        fault=str(told.fault),
        lost=int(told.lost),
        presented=int(told.presented),
        holder=str(told.holder),
        facts={str(key): _fact(value) for key, value in dict(told.facts).items()},
        counters={str(key): int(value) for key, value in dict(told.counters).items()},
    )


def _fact(value: object) -> str | int:
    return value if isinstance(value, int) else str(value)


def _sound_pin(pin: Any, minimum: int, maximum: int) -> Pin:
    """Raises `WrongType`; what was typed is wiped even then."""
    if not isinstance(pin, Pin) or not isinstance(pin.digits, bytearray):
        raise WrongType
    if not (pin.digits.isdigit() and minimum <= len(pin.digits) <= maximum):
        pin.wipe()
        raise WrongType
    return pin


def _out_of_order(name: str, fault: Fault) -> DeviceStatus:
    facts = {"device": name, **fault.facts}
    return DeviceStatus(name, DeviceState.PROTOCOL_ERROR, fault=fault.code, facts=facts)
