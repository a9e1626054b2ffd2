"""A network, a broker and a platform inside a seeded World: everything that can go astray does.

The platform is the real one behind its links: real batches, real ledger, real signed receipts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simulators.world import SimWorld
from sync import faults
from sync.asking import AT_ONCE
from sync.contract.topics import Place
from sync.link import Acknowledged, Correlation, Lost, Message, Signal, Will
from sync.platform.examine import examine
from sync.platform.ledger import Ledger
from sync.platform.macs import Macs
from sync.platform.publisher import Publisher
from tests.sync.site import CITY, ISSUER, PRIVATE
from trust.sm2 import sm2
from world import Event, Queue, QueueEmpty

NO_EXCHANGE = Correlation()
GATE = Place("onecard/v1", CITY, "gate-1")


@dataclass(frozen=True)
class Weather:
    """Chances from 0 to 1, and seconds."""

    lost: float = 0.0  # a batch after its PUBACK, or a receipt
    doubled: float = 0.0
    delay: float = 0.0  # at most; more than the gaps between messages means reordering
    refused: float = 0.0  # a connection attempt
    cut: float = 0.0  # the connection, with each message


class NoKeys:
    """A key store of a platform that knows no terminal's seed."""

    def names(self) -> list[str]:
        return []

    def read(self, name: str) -> bytes:
        raise KeyError(name)


class Storm:
    """One terminal's way to the platform and back."""

    def __init__(self, world: SimWorld, weather: Weather) -> None:
        self.world = world
        self.weather = weather
        self.ledger = Ledger(world, Path(":memory:"), Macs(NoKeys()))  # type: ignore[arg-type]
        self._publisher = Publisher(
            world, self.ledger, GATE.namespace, issuer=ISSUER, sm2=sm2(), private=PRIVATE
        )
        self.up = True  # the platform takes part
        self.connections = 0
        self.batches = 0
        self.asked: list[Correlation] = []
        self.link = StormLink(self)

    def chance(self, probability: float) -> bool:
        return int.from_bytes(self.world.random(4), "big") < probability * 2**32

    def carry(self, effect: Callable[[], None]) -> None:
        """Once, twice or not at all, now or later."""
        if self.chance(self.weather.lost):
            return
        for _ in range(2 if self.chance(self.weather.doubled) else 1):
            seconds = self.weather.delay * int.from_bytes(self.world.random(2), "big") / 65535
            self.world.spawn(lambda s=seconds: self.later(s, effect), name="carrier")  # type: ignore[misc]

    def later(self, seconds: float, effect: Callable[[], None]) -> None:
        if seconds:
            self.world.wait(seconds)
        effect()

    def published(self, topic: str, payload: bytes, exchange: Correlation | None) -> None:
        if topic == GATE.up("events"):
            self.batches += 1
            self.carry(lambda: self._ingest(payload))
        elif exchange is not None:
            self.asked.append(exchange)
            self.carry(lambda: self._answer(payload, exchange))

    def _answer(self, payload: bytes, exchange: Correlation) -> None:
        """The services echo."""
        if self.up:
            to = Correlation(correlation=exchange.correlation)
            self.carry(lambda: self.link.bring(exchange.response_topic, payload, to))

    def _ingest(self, payload: bytes) -> None:
        if not self.up:
            return
        receipt = self.ledger.ingest(GATE, examine(GATE, payload))
        letter = self._publisher.receipt(GATE, receipt)
        self.carry(lambda: self.link.bring(letter.topic, letter.payload))


class StormLink:
    """See `sync.link.Link`."""

    def __init__(self, storm: Storm) -> None:
        self._storm = storm
        self._signals: Queue[Signal] | None = None
        self._wake: Event | None = None
        self.last_handle = 0
        self.pubacks = True
        self.torn = False  # the socket is gone, and the network task tells it a moment later
        self._unacknowledged = 0

    @property
    def room(self) -> int:
        return 0 if self._signals is None else 4 + AT_ONCE - self._unacknowledged

    def connect(self, will: Will | None, wake: Event) -> None:
        self.disconnect()
        if self._storm.chance(self._storm.weather.refused):
            raise faults.Unreachable(host="storm", port=1, cause="refused")
        self._signals, self._wake = self._storm.world.queue(), wake
        self._unacknowledged = 0
        self._storm.connections += 1

    def subscribe(self, *filters: str) -> None:
        if self._signals is None:
            raise faults.NotConnected

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        exchange: Correlation | None = None,
    ) -> int:
        if self.torn:
            self.torn = False
            self._storm.world.spawn(lambda: self._storm.later(0.1, self.cut), name="network")
            raise faults.NotConnected
        if self.room <= 0:
            raise faults.NotConnected
        self.last_handle += 1
        self._unacknowledged += 1
        if self.pubacks:
            self._signal(Acknowledged(self.last_handle))
        self._storm.published(topic, payload, exchange)
        if self._storm.chance(self._storm.weather.cut):
            self.cut()
        return self.last_handle

    def cut(self) -> None:
        self._signal(Lost(faults.ConnectionLost(host="storm", reason="cut")))

    def bring(self, topic: str, payload: bytes, exchange: Correlation = NO_EXCHANGE) -> None:
        self._signal(Message(topic, payload, False, self._storm.connections, 1, exchange))

    def refuse(self, handle: int) -> None:
        """A PUBACK that says that nobody listens."""
        self._signal(Acknowledged(handle, faults.Unheard(topic="")))

    def _signal(self, signal: Signal) -> None:
        if self._signals is not None and self._wake is not None:
            self._signals.put(signal)
            self._wake.set()

    def take(self) -> Signal | None:
        if self._signals is None:
            return None
        try:
            signal = self._signals.get(timeout=0)
        except QueueEmpty:
            return None
        if isinstance(signal, Acknowledged):
            self._unacknowledged -= 1
        return signal

    def acknowledge(self, message: Message) -> None:
        """Nothing in this weather depends on it."""

    def disconnect(self) -> None:
        self._signals = None
