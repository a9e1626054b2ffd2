"""Card readers: a good card is held there, and a tap comes of it."""

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from simulators.cards import Interface
from simulators.device_box.box import DeviceBox, Injection, Part
from simulators.device_box.serial import SerialPart
from simulators.devices.pn532 import Pn532Chip
from simulators.vpcd import Faults

GOOD = "lin"  # a card that every lane accepts, and its holder


class CardPart(Part):
    """A card reader: a good card is accepted."""

    kind = "readers"

    @abstractmethod
    def hold(self, box: DeviceBox) -> None:
        """A good card comes."""

    @abstractmethod
    def take(self) -> None: ...

    def works(self, box: DeviceBox) -> str:
        box.forget(self.name)
        self.hold(box)
        try:
            box.report(self.name, "accepted-exit" if self.lane == "exit" else "accepted")
        finally:
            self.take()
        return "card-let-out" if self.lane == "exit" else "card-accepted"


class PcscPart(CardPart):
    """A reader of the real pcscd."""

    driver = "pcsc"

    def __init__(self, name: str, lane: str, system: str, box: DeviceBox) -> None:
        super().__init__(name, lane)
        self._system = system
        self._box = box

    def table(self) -> str:
        return (
            f'[[readers]]\nname = "{self.name}"\nmatch = "{self._system}*"\n'
            'interface = "contactless"\n\n'
        )

    def options(self) -> str:
        return "{}"

    def plug(self) -> None:
        if not self._box.pcscd.plugged(self._system):
            self._box.pcscd.plug(self._system)

    def unplug(self) -> None:
        self._box.pcscd.unplug(self._system)

    def hold(self, box: DeviceBox) -> None:
        box.slots[self._system].insert(box.wallet.at(GOOD, Interface.CONTACTLESS))

    def take(self) -> None:
        self._box.slots[self._system].remove()

    def faults(self) -> Mapping[str, Injection]:
        return {**super().faults(), "mute card": self.mute, "service killed": self.killed}

    def shows(self, fault: str) -> bool:
        return fault == "service killed" or super().shows(fault)

    def excused(self, box: DeviceBox, fault: str) -> Collection[str]:
        """The voice speaks when a card was held to the door; the PSAM is pcscd's too."""
        if fault == "service killed":
            return [part.name for part in box.parts if part.kind in ("readers", "prompts")]
        return [part.name for part in box.parts if part.kind == "prompts"]

    @contextmanager
    def mute(self) -> Iterator[None]:
        card = self._box.wallet.at(GOOD, Interface.CONTACTLESS)
        self._box.slots[self._system].insert(card, Faults(mute_from=1))
        try:
            yield
        finally:
            self.take()

    @contextmanager
    def killed(self) -> Iterator[None]:
        self._box.pcscd.kill()
        try:
            yield
        finally:
            self._box.pcscd.start()


class Pn532Part(SerialPart, CardPart):
    """A contactless chip on a serial port."""

    kind = "readers"
    driver = "pn532"
    peer: Pn532Chip

    def table(self) -> str:
        return (
            f'[[readers]]\nname = "{self.name}"\ndriver = "pn532"\nmatch = "{self.port.path}"\n'
            'interface = "contactless"\n\n'
        )

    def shows(self, fault: str) -> bool:
        return fault == "silent" or super().shows(fault)

    def hold(self, box: DeviceBox) -> None:
        self.peer.put(box.wallet.at(GOOD, Interface.CONTACTLESS))

    def take(self) -> None:
        self.peer.take()
