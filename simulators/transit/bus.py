"""A bus in a seeded World: purses and a transit PSAM that outlive any power cut, and the truth
about every debit, noted where the card's operating system makes it.

Each APDU lets the World choose who goes on, before and after it, so a history can end between any
two steps of agent, card and PSAM.
"""

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from apdu.channel import CardGone, Transport
from apdu.transit.purse import Purse
from apdu.transit.transit_psam import TransitPsam
from apdu.transit.values import Kind
from drivers.contract import Absence, DeviceState, DeviceStatus, Interface, Presence
from simulators.cards import Card
from simulators.cards.purse import PurseOs
from simulators.cards.transit_psam import transit_psam
from simulators.channel import CardChannel
from simulators.transit.city import PurseOrder, TransitCity
from simulators.world import SimWorld
from world import Database, Queue, World

OURS, THEIRS = "012300033D11", "0123000400AA"
APDU = 0.002  # seconds of an exchange


class CutWorld(SimWorld):
    """Its history may end at any step (`steps`), as by a power cut; `settle` then waits until its
    threads have let go, and closes what they had open, without a COMMIT."""

    def __init__(self, seed: int, *, steps: int) -> None:
        super().__init__(seed, steps=steps)
        self._databases: list[sqlite3.Connection] = []

    def database(self, path: Path) -> Database:
        db = super().database(path)
        assert isinstance(db, sqlite3.Connection)
        self._databases.append(db)
        return db

    def settle(self) -> None:
        """After `play`, however it ended."""
        self.join_all()
        for db in self._databases:
            db.close()


@dataclass(frozen=True)
class Debit:
    """What a card's operating system did."""

    card: str
    psam_seq: str  # 8 hex digits: which 8070 it was for
    amount: int


@dataclass
class Passenger:
    """Somebody with a purse. `elsewhere`: fen that others took (or, below zero, put in)."""

    order: PurseOrder
    inside: PurseOs
    elsewhere: int = 0
    debits: list[Debit] = field(default_factory=list)  # by our terminal

    @property
    def number(self) -> str:
        return self.order.card_number

    @property
    def spent_here(self) -> int:
        """Fen, by the balances alone."""
        return self.order.money - self.elsewhere - self.inside.money


class SteppedCard:
    """A purse on our reader: see `apdu.channel.Channel`. Notes each debit as it is made."""

    transport = Transport.T1

    def __init__(self, world: World, passenger: Passenger, face: Card) -> None:
        self._world = world
        self._passenger = passenger
        self._inner = CardChannel(face, self.transport)
        self.atr = self._inner.atr

    def transmit(self, command: bytes) -> bytes:
        self._world.wait(APDU / 2)
        state = self._passenger.inside.state
        answer = self._inner.transmit(command)
        after = self._passenger.inside.state
        if after.seq != state.seq:
            spent = state.money - after.money
            number = command[5:9].hex()  # 8054: terminal seq 4 ‖ date ‖ time ‖ MAC1
            self._passenger.debits.append(Debit(self._passenger.number, number, spent))
        self._world.wait(APDU / 2)
        return answer


class PsamSlot:
    """The slot with the transit PSAM: see `drivers.contract.CardReader`."""

    name = "transit-psam"
    interface = Interface.SAM

    def __init__(self, world: World, card: Card) -> None:
        self._world = world
        self._card = card
        self.count = 1
        self.events: Queue[Presence | Absence] = world.queue()

    def open(self, count: int | None = None) -> "_SlotHandle":
        return _SlotHandle(self._world, self, self._card)

    def pull(self) -> None:
        """Out and in again: all that was begun in it is over."""
        self.count += 1
        now = self._world.monotonic()
        self.events.put(Absence(self.name, self.count, now))
        atr = self._card.atr
        self.events.put(Presence(self.name, self.interface, atr, self.count, now, came=True))

    def give_up(self) -> None: ...

    def status(self) -> DeviceStatus:
        return DeviceStatus(self.name, DeviceState.READY)


class _SlotHandle:
    transport = Transport.T0

    def __init__(self, world: World, slot: PsamSlot, card: Card) -> None:
        self._world = world
        self._slot = slot
        self._count = slot.count
        self._inner = CardChannel(card, self.transport)
        self.atr = card.atr

    def transmit(self, command: bytes) -> bytes:
        self._world.wait(APDU / 2)
        if not self.present():
            raise CardGone
        answer = self._inner.transmit(command)
        self._world.wait(APDU / 2)
        return answer

    def present(self) -> bool:
        return self._slot.count == self._count

    def close(self) -> None: ...


class OtherBus:
    """A terminal of another company, without faults."""

    def __init__(self, city: TransitCity) -> None:
        self._city = city
        self._psam = TransitPsam(CardChannel(transit_psam(city.psam(THEIRS)), Transport.T0))

    def charge(self, passenger: Passenger, amount: int, moment: str) -> None:
        """A whole purchase; who has too little walks."""
        if passenger.inside.money < amount:
            return
        purse = Purse(CardChannel(self._city.face(passenger.inside), Transport.T1))
        public = purse.select()
        begun = purse.initialise(Kind.SIMPLE, amount, self._psam.open())
        purse.debit(self._psam.authorise(public, begun, moment))
        passenger.elsewhere += amount
