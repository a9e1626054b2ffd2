"""Vendors' families of card readers: each of the settings is there, whatever the driver says."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from apdu.channel import ReaderGone, Transport
from drivers.contract import (
    Absence,
    DeviceState,
    DeviceStatus,
    Interface,
    Presence,
    Prompt,
    SlotBinding,
)
from drivers.foreign.devices import sound_status
from drivers.foreign.guard import DriverDefect, Events, ForeignWorld, Guard, Origin, WrongType
from drivers.options import OptionsFault
from world import Fault, Queue, World

Driver = Callable[[World, Sequence[SlotBinding]], Any]


class ForeignReaders:
    """See `drivers.contract.ReaderDriver`."""

    def __init__(
        self,
        origin: Origin,
        driver: Driver | Fault,
        world: World,
        bindings: Sequence[SlotBinding],
    ) -> None:
        """`driver`: its class, or why there is none. Raises `OptionsFault`, as any driver does."""
        self._guard = Guard(world, origin, ", ".join(one.name for one in bindings))
        self._broken = driver if isinstance(driver, Fault) else None
        self._inner: Any = None
        if not isinstance(driver, Fault):
            self._make(driver, ForeignWorld(world, self._guard.keep_running), bindings)
        inner = self._found()
        self._readers = [
            ForeignReader(world, origin, self, one, inner.get(one.name)) for one in bindings
        ]

    def _make(self, driver: Driver, world: Any, bindings: Sequence[SlotBinding]) -> None:
        try:
            self._inner = self._guard.ask("__init__", lambda: driver(world, bindings))
        except OptionsFault:
            raise
        except Fault as fault:
            self._broken = fault

    def _found(self) -> Mapping[str, Any]:
        """Its own readers by name."""
        if self._broken is not None:
            return {}
        try:
            return self._guard.ask(
                "readers", lambda: {reader.name: reader for reader in self._inner.readers()}
            )
        except Fault as fault:
            self._broken = fault
            return {}

    @property
    def broken(self) -> Fault | None:
        """Why none of these readers can ever work."""
        return self._broken

    @property
    def guard(self) -> Guard:
        """The guard of the whole family, whose defects are those of all its readers."""
        return self._guard

    def start(self) -> None:
        self._tell("start", lambda: self._inner.start())
        for reader in self._readers:
            reader.start()

    def stop(self) -> None:
        self._guard.stop()
        self._tell("stop", lambda: self._inner.stop())
        for reader in self._readers:
            reader.stop()

    def readers(self) -> Sequence["ForeignReader"]:
        return self._readers

    def attached(self) -> Sequence[str]:
        if self._broken is not None:
            return ()
        try:
            return self._guard.ask(
                "attached", lambda: [str(name) for name in self._inner.attached()]
            )
        except Fault:
            return ()

    def look(self) -> None:
        self._tell("look", lambda: self._inner.look())

    def looked(self) -> bool:
        """One that cannot say so keeps no caller waiting."""
        if self._broken is not None:
            return True
        try:
            return self._guard.typed("looked", lambda: self._inner.looked(), bool)
        except Fault:
            return True

    def _tell(self, where: str, order: Callable[[], object]) -> None:
        if self._broken is None:
            self._guard.tell(where, order)


class ForeignReader:
    """See `drivers.contract.CardReader` and `SignallingReader`."""

    def __init__(
        self,
        world: World,
        origin: Origin,
        family: ForeignReaders,
        binding: SlotBinding,
        inner: Any,
    ) -> None:
        """`inner`: the driver's own reader; None where it has none of that name."""
        self._family = family
        self._binding = binding
        self._inner = inner
        self._guard = Guard(world, origin, binding.name)
        self._events = Events(world, self._guard, inner, self._is_event)
        if inner is None and family.broken is None:
            self._guard.tell("readers", _raise_wrong_type)

    @property
    def name(self) -> str:
        return self._binding.name

    @property
    def interface(self) -> Interface:
        return self._binding.interface

    @property
    def events(self) -> Queue[Presence | Absence]:
        return self._events.queue

    def start(self) -> None:
        """Begin to take the driver's events; a driver that could not be made has none."""
        if self._inner is not None:
            self._events.start()

    def stop(self) -> None:
        """Take no more events, and let the driver's calls end."""
        self._guard.stop()
        if self._inner is not None:
            self._events.stop()

    def open(self, count: int | None = None) -> "ForeignHandle":
        if self._family.broken is not None:
            raise self._family.broken
        inner = self._guard.ask("open", lambda: self._inner.open(count))
        return ForeignHandle(self._guard, inner)

    def give_up(self) -> None:
        if self._inner is not None:
            self._guard.tell("give_up", lambda: self._inner.give_up())

    def signal(self, prompt: Prompt) -> None:
        """Not every reader has one."""
        self._guard.tell("signal", lambda: getattr(self._inner, "signal", _no_signal)(prompt))

    def status(self) -> DeviceStatus:
        broken = self._family.broken
        if broken is not None:
            facts = {"device": self.name, **broken.facts}
            return DeviceStatus(
                self.name, DeviceState.PROTOCOL_ERROR, fault=broken.code, facts=facts
            )
        try:
            told = self._guard.ask("status", lambda: sound_status(self._inner.status(), self.name))
        except Fault:
            told = DeviceStatus(self.name, DeviceState.PROTOCOL_ERROR)
        return self._family.guard.status(self._guard.status(told))

    def _is_event(self, event: Any) -> bool:
        if isinstance(event, Presence):
            sound = isinstance(event.atr, bytes) and isinstance(event.interface, Interface)
            sound = sound and isinstance(event.came, bool)
        else:
            sound = isinstance(event, Absence)
        return sound and isinstance(event.count, int) and self._guard.are_times(event.at)


class ForeignHandle:
    """See `drivers.contract.CardHandle`. What the driver did wrong in the middle leaves the card's
    last answer unknown, as a reader does that went away."""

    def __init__(self, guard: Guard, inner: Any) -> None:
        """Raises `DriverDefect`."""
        self._guard = guard
        self._inner = inner
        self.transport = guard.typed("transport", lambda: inner.transport, Transport)
        self.atr = guard.typed("atr", lambda: inner.atr, bytes)

    def transmit(self, command: bytes) -> bytes:
        try:
            return self._guard.ask("transmit", lambda: _answer(self._inner.transmit(command)))
        except DriverDefect as fault:
            raise ReaderGone(reader=self._guard.device) from fault

    def present(self) -> bool:
        try:
            return self._guard.typed("present", lambda: self._inner.present(), bool)
        except DriverDefect:
            return False

    def close(self) -> None:
        self._guard.tell("close", lambda: self._inner.close())


def _answer(answer: Any) -> bytes:
    if not isinstance(answer, bytes) or len(answer) < 2:
        raise WrongType
    return answer


def _no_signal(prompt: Prompt) -> None:
    pass


def _raise_wrong_type() -> None:
    raise WrongType
