"""A PIN pad whose keys a test presses beforehand: entries, or the faults that came of them."""

from collections.abc import Callable

from contracts.scenes.stand import FakeDevice
from drivers.contract import Pin, PinCancelled, PinFault, PinLength
from world import Event, World


class FakePad(FakeDevice):
    """See `drivers.contract.PinPad`. Without an entry it waits until it is cancelled."""

    def __init__(self, world: World) -> None:
        self.name = "pad"
        self.entries: list[str | PinFault] = []
        self.pins: list[Pin] = []
        self.cancelled: Event = world.event()
        self.asking: Event = world.event()
        self.on_ask: Callable[[], None] | None = None

    def ask(self, *, minimum: int = 4, maximum: int = 16, timeout: float = 30.0) -> Pin:
        self.asking.set()
        if self.on_ask is not None:
            self.on_ask()
        if not self.entries:
            self.cancelled.wait()
            raise PinCancelled(device=self.name)
        entry = self.entries.pop(0)
        if isinstance(entry, PinFault):
            raise entry
        if not minimum <= len(entry) <= maximum:
            raise PinLength(minimum=minimum, maximum=maximum)
        self.pins.append(Pin(bytearray(entry.encode())))
        return self.pins[-1]

    def ask_new(self, *, minimum: int = 4, maximum: int = 16, timeout: float = 30.0) -> Pin:
        return self.ask(minimum=minimum, maximum=maximum, timeout=timeout)

    def cancel(self) -> None:
        self.cancelled.set()
