"""A card reader without wires: a simulated card in this process, for what only the agent's own
work is to be timed or counted in."""

from apdu.channel import CardGone, CardMute, Transport
from drivers.contract import Absence, CardHandle, DeviceState, DeviceStatus, Interface, Presence
from simulators.cards import Card
from world import Queue, World


class MemoryReader:
    """See `drivers.contract.CardReader`."""

    def __init__(self, world: World, name: str, interface: Interface) -> None:
        self._world = world
        self._count = 0
        self._card: Card | None = None
        self.name = name
        self.interface = interface
        self.events: Queue[Presence | Absence] = world.queue()

    def insert(self, card: Card) -> None:
        self._card = card
        self._count += 1
        now = self._world.monotonic()
        self.events.put(Presence(self.name, self.interface, card.atr, self._count, now, came=True))

    def open(self, count: int | None = None) -> CardHandle:
        if self._card is None or count not in (None, self._count):
            raise CardGone(reader=self.name)
        self._card.power_on()
        return MemoryHandle(self, self._card)

    def lies(self, card: Card) -> bool:
        return self._card is card

    def status(self) -> DeviceStatus:
        return DeviceStatus(self.name, DeviceState.READY, attached=self.name)

    def give_up(self) -> None:
        """Nothing here can hang."""


class MemoryHandle:
    """See `drivers.contract.CardHandle`."""

    def __init__(self, reader: MemoryReader, card: Card) -> None:
        self._reader = reader
        self._card = card
        self.atr = card.atr
        contact = reader.interface is not Interface.CONTACTLESS
        self.transport = Transport.T0 if contact else Transport.T1

    def transmit(self, command: bytes) -> bytes:
        answer = self._card.transmit(command)
        if not answer:
            raise CardMute(reader=self._reader.name)
        return answer

    def present(self) -> bool:
        return self._reader.lies(self._card)

    def close(self) -> None:
        self._card.power_off()
