"""PN532 readers: the reader's own thread has the chip look into its field; comings go to the lane.

While a card is open the lane's thread speaks to it; the reader's thread asks an idle one now and
then whether it still is there. No bytes of the two ever mix: who talks is in flight.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Final

from msgspec import Meta

from apdu.channel import CardGone, CardMute, ReaderGone, Transport
from drivers.contract import (
    Absence,
    DeviceBusy,
    DeviceFault,
    DeviceState,
    DeviceStatus,
    DeviceStuck,
    Interface,
    Presence,
    SeveralCards,
    SlotBinding,
)
from drivers.io.flight import Flight
from drivers.io.keeper import LOG, ManagedDevice
from drivers.io.line import LineOptions, open_line
from drivers.io.together import together
from drivers.io.wait import Interrupted
from drivers.options import DriverOptions, OptionsFault, typed
from drivers.pn532.chip import WITHOUT_ANSWER, CardFailed, Chip
from drivers.pn532.place import Came, FieldPlace, Left, Several
from drivers.pn532.target import Target
from world import Fault, Queue, World

FIRST_LOOKS: Final = 3
CALLS_AGAIN: Final = 2
# The chip waits by itself for a card to come. It cannot tell that one has left: for that the field
# has to be looked at again and again, every `interval_ms`, but only while something lies there.
LISTEN: Final = 1.0  # seconds of one wait for a card; then the chip has to show that it still lives
# A card without ISO/IEC 14443-4 takes no APDU, so it has no application that could be selected.
NO_APPLICATION: Final = b"\x6a\x82"


class Pn532Options(DriverOptions, frozen=True, kw_only=True):
    """`several`: what becomes of two cards at once. `interval_ms`: between two looks at cards."""

    baudrate: Annotated[int, Meta(ge=9600, le=1_288_000)] = 115_200
    several: Several = "refuse"
    interval_ms: Annotated[int, Meta(ge=20, le=500)] = 100


class Pn532Card:
    """A card held exclusively; see `drivers.contract.CardHandle`."""

    transport = Transport.T1

    def __init__(self, reader: "Pn532Reader", target: Target, now: float) -> None:
        self._reader = reader
        self._flight = reader.flight
        self._lost: type[Fault] = CardGone
        self.target = target
        self.atr = target.atr
        self.open = True
        self.used = now  # World.monotonic() of the last answer

    def transmit(self, command: bytes) -> bytes:
        """See `apdu.channel.Channel`. After a fault the card is powered down and stays so."""
        if self.open:
            with self._flight:
                if self.open:  # still, when the look that was under way is over
                    return self._reader.transmit(self, command)
        raise self._lost(reader=self._reader.name)

    def present(self) -> bool:
        return self.open

    def close(self) -> None:
        if self.open:
            with self._flight:
                if self.open:
                    self._reader.put_down(self)

    def lose(self, to: type[Fault]) -> None:
        """It is not ours any more; every later transmit says so."""
        self._lost = to
        self.open = False


class Pn532Reader(ManagedDevice[Chip]):
    """One `[[readers]]` entry; see `drivers.contract.CardReader`."""

    RESTARTS = True
    interface = Interface.CONTACTLESS

    def __init__(self, world: World, binding: SlotBinding) -> None:
        """Raises `OptionsFault`."""
        super().__init__(world, binding.name)
        options = typed(binding.options, Pn532Options, device=binding.name)
        if binding.interface is not self.interface:
            raise OptionsFault(device=binding.name, problem="interface: only contactless")
        line = {"port": binding.match, "baudrate": options.baudrate}
        self._line = typed(line, LineOptions, device=binding.name)
        self._interval = options.interval_ms / 1000
        self._several = options.several
        self._place = FieldPlace(options.several)
        self._found: Sequence[Target] = ()  # at the last look; powered until the card is served
        self._card: Pn532Card | None = None
        self.flight = Flight(world)
        self.events: Queue[Presence | Absence] = world.queue()

    # The lane's thread

    def open(self, count: int | None = None) -> Pn532Card:
        """See `drivers.contract.CardReader`."""
        if self.flight.hangs:
            raise DeviceStuck(device=self.name)
        if self._card is not None and self._card.open:
            raise DeviceBusy(device=self.name, holder="onecard")
        with self._held() as chip:
            if self._place.now is None:  # the chip is waiting for a card, and is left to it
                raise CardGone(reader=self.name)
            with self.flight:
                return self._opened(chip, count)

    def _opened(self, chip: Chip, count: int | None) -> Pn532Card:
        now = self._place.now
        if now is None or count not in (None, now.count):
            raise CardGone(reader=self.name)
        try:
            target = self._powered(chip, now)
        except CardFailed:
            self._place.served = True
            raise CardGone(reader=self.name) from None
        except Interrupted:
            raise ReaderGone(reader=self.name) from None
        except Fault:
            self._place.served = True
            raise
        self._card = Pn532Card(self, target, self._world.monotonic())
        return self._card

    def _powered(self, chip: Chip, now: Came) -> Target:
        """The card of this coming, powered and selected. Raises `SeveralCards`, `CardGone`,
        `CardMute`, `CardFailed`."""
        if now.refused:
            raise SeveralCards(reader=self.name)
        # One that was served has no power any more.
        found = chip.inventory() if self._place.served else self._found
        target = next((one for one in found if one.is_same(now.targets[0])), None)
        if target is None:
            raise CardGone(reader=self.name)
        if not target.atr:
            raise CardMute(reader=self.name)
        if len(found) > 1:
            if self._several == "refuse":
                raise SeveralCards(reader=self.name)
            chip.select(target.number)
        return target

    def transmit(self, card: Pn532Card, command: bytes) -> bytes:
        """One APDU of an open card. In flight."""
        if not card.target.speaks:
            return NO_APPLICATION
        try:
            with self._held() as chip:
                try:
                    answer = chip.exchange(card.target.number, command)
                    if len(answer) < 2:
                        raise CardFailed(WITHOUT_ANSWER)
                except CardFailed:
                    raise self._failed(chip, card) from None
        except (DeviceFault, Interrupted):
            self._let_go(card, ReaderGone)
            raise ReaderGone(reader=self.name) from None
        card.used = self._world.monotonic()
        return answer

    def _failed(self, chip: Chip, card: Pn532Card) -> Fault:
        """What it means that a card failed, with its power taken: it is there and mute, or gone."""
        self._let_go(card, CardGone)
        found = chip.inventory()
        chip.field_off()
        there = any(one.is_same(card.target) for one in found)
        return CardMute(reader=self.name) if there else CardGone(reader=self.name)

    def put_down(self, card: Pn532Card) -> None:
        """Take the card's power. In flight."""
        self._let_go(card, CardGone)
        # A reader that goes away meanwhile takes the power with it, and `_held` has told of it.
        with suppress(DeviceFault, Interrupted), self._held() as chip:
            chip.power_down()

    def _let_go(self, card: Pn532Card, because: type[Fault]) -> None:
        card.lose(because)
        self._place.served = True
        self._card = None

    # The watchdog and the agent

    def give_up(self) -> None:
        """See `drivers.contract.CardReader`."""
        self.flight.give_up()
        if self.flight.hangs:
            LOG.warning("device %s: the card does not answer, given up", self.name)

    def status(self) -> DeviceStatus:
        """See `drivers.contract.CardReader`: `no-answer` while a call hangs that was given up."""
        status = super().status()
        hangs = self.flight.hangs
        return replace(status, state=DeviceState.NO_ANSWER) if hangs else status

    @property
    def looked(self) -> bool:
        """It has been looked for at least once."""
        status = self.status()
        return status.state is DeviceState.READY or bool(status.fault)

    # The reader's own thread

    def _open(self) -> Chip:
        line = open_line(self._world, self._line, device=self.name)
        return Chip(self._world, line, flight=self.flight, device=self.name, count=self._count)

    def _greet(self, connection: Chip) -> None:
        with self.flight.grounded():
            connection.wake()
            self._found = self._lie_there(connection)

    def _serve(self, connection: Chip) -> None:
        try:
            with self.flight.grounded():
                self._tell(self._place.begin(self._found))
                self._rest_field(connection)
            while True:
                with self.flight.grounded():
                    self._look(connection)
                if self._place.now is not None:
                    connection.rest(self._interval)
        finally:
            with self.flight.grounded():
                if self._card is not None:
                    self._let_go(self._card, ReaderGone)
                self._tell(self._place.see(()))

    def _lie_there(self, chip: Chip) -> Sequence[Target]:
        """Who is in the field already. Looked at several times, because a card at its edge may miss
        a call, and would be seen to come at the next one."""
        for _ in range(FIRST_LOOKS):
            if found := chip.inventory():
                return found
        return ()

    def _look(self, chip: Chip) -> None:
        """Find out who is there, unless an open card is at work."""
        if self._card is not None:
            if not self._has_left(self._card, chip):
                return
            self._let_go(self._card, CardGone)
        if self._place.now is None and not chip.await_card(LISTEN):
            return
        self._found = self._still_there(chip)
        self._tell(self._place.see(self._found))
        self._rest_field(chip)

    def _still_there(self, chip: Chip) -> Sequence[Target]:
        """Who is in the field now. Who seems to have left is called again: a card at the edge of
        the field, or a phone that has lost it for a moment, may miss a call and has not moved."""
        found = chip.inventory()
        for _ in range(CALLS_AGAIN):
            if not self._place.misses(found):
                break
            found = chip.inventory()
        return found

    def _rest_field(self, chip: Chip) -> None:
        """Only a card that waits to be served keeps its power."""
        if self._place.now is None or self._place.served:
            chip.field_off()

    def _has_left(self, card: Pn532Card, chip: Chip) -> bool:
        """Asked only of a card that has been idle: one at work tells by itself."""
        idle = self._world.monotonic() - card.used >= self._interval
        return idle and card.target.speaks and not chip.is_there()

    def _tell(self, news: Sequence[Came | Left]) -> None:
        for told in news:
            now = self._world.monotonic()
            if isinstance(told, Left):
                self.events.put(Absence(self.name, told.count, now))
                continue
            self._present()
            atr = b"" if told.refused else told.targets[0].atr
            came = not told.lay
            self.events.put(Presence(self.name, self.interface, atr, told.count, now, came))


class Pn532Readers:
    """All PN532 readers of one terminal; see `drivers.contract.ReaderDriver`. A binding's `match`
    is its port: a path, or a pattern that fits one (`drivers.io.ports.find_port`)."""

    def __init__(self, world: World, bindings: Sequence[SlotBinding]) -> None:
        """Raises `OptionsFault`."""
        self._world = world
        self._readers = tuple(Pn532Reader(world, binding) for binding in bindings)

    def readers(self) -> Sequence[Pn532Reader]:
        return self._readers

    def start(self) -> None:
        for reader in self._readers:
            reader.start()

    def stop(self) -> None:
        together(self._world, {f"stop {reader.name}": reader.stop for reader in self._readers})

    def attached(self) -> Sequence[str]:
        """The ports of the readers that answer: of others a port does not tell what is on it."""
        states = [reader.status() for reader in self._readers]
        return [state.attached for state in states if state.state is DeviceState.READY]

    def look(self) -> None:
        for reader in self._readers:
            reader.look()

    def looked(self) -> bool:
        return all(reader.looked for reader in self._readers)
