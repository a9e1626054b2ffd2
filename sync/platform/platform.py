"""The platform as one object: workers that take in batches, a desk that knows the terminals.

Workers share the batches of all terminals among them, and services answer requests. The desk has a
subscription of its own, so that it also hears the births that the broker kept while no platform was
there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from sync.contract import messages
from sync.contract.services import Service
from sync.contract.topics import Down, Place, sender, shared, up_filter
from sync.faults import MessageMalformed, MessageTooLarge
from sync.link import Message
from sync.paho_link import open_link
from sync.platform.examine import examine
from sync.platform.ledger import Ledger
from sync.platform.macs import Macs
from sync.platform.publisher import Publisher
from sync.platform.services import ServiceHandler, Services
from sync.platform.settings import PlatformSettings
from sync.platform.station import OutgoingMessage, Subscriber
from trust.keystore import KeyStore
from trust.secrets import PRIVATE_KEY, read_secret
from trust.sm2 import sm2
from world import Fault, World


class Platform:
    """`keys` holds `issuer-<key id>.key` (SM2, 32 bytes) and, where rows' MACs are to be checked,
    `journal-seed-<terminal>`. `services` are what terminals may ask for."""

    def __init__(
        self,
        world: World,
        settings: PlatformSettings,
        keys: KeyStore,
        services: Mapping[Service, ServiceHandler] | None = None,
    ) -> None:
        self._world = world
        self._settings = settings
        self._keys = keys
        self._namespace = settings.broker.namespace
        self.ledger = Ledger(world, Path(settings.database), Macs(keys))
        self._publisher = Publisher(
            world,
            self.ledger,
            self._namespace,
            issuer=settings.issuer,
            sm2=sm2(),
            private=read_secret(keys, f"issuer-{settings.issuer}.key", PRIVATE_KEY),
        )
        batches = [shared(settings.group, up_filter(self._namespace, "events"))]
        self._workers = [
            self._placed_station(f"worker-{number}", batches, self._take_batch)
            for number in range(1, settings.workers + 1)
        ]
        news = [up_filter(self._namespace, "state"), up_filter(self._namespace, "applied")]
        self._desk = self._placed_station("desk", news, self._take_news)
        self.services = Services(
            world,
            services or {},
            namespace=self._namespace,
            group=settings.group,
            workers=settings.service_workers,
            station=self._station,
        )

    def start(self) -> None:
        """Begin; returns at once, with or without a broker."""
        for station in self._stations:
            station.start()

    def wait_ready(self, timeout: float) -> bool:
        """True once all subscriptions stand."""
        return all(station.ready.wait(timeout) for station in self._stations)

    def stop(self) -> None:
        """End all subscribers, wait for each without limit, then close the ledger."""
        for seconds in (0, None):  # tell all, then wait for each
            for station in self._stations:
                station.stop(seconds)
        self.ledger.close()

    def faults(self) -> dict[str, Fault]:
        """Station → what last ended its connection."""
        found = {station.name: station.fault for station in self._stations}
        return {name: fault for name, fault in found.items() if fault is not None}

    def publish(
        self,
        kind: Down,
        name: str,
        payload: bytes,
        *,
        audience: str = "*",
        revoked: Iterable[str] = (),
    ) -> None:
        """Give out a new version of a list, a configuration, keys or a command.

        `revoked`: references of cards and persons that this list blocks; rows accepted without
        knowing it are flagged when they come in.
        """
        self.ledger.block(name, revoked)
        for letter in self._publisher.publish(kind, name, audience, payload):
            self._desk.send(letter)

    @property
    def _stations(self) -> Sequence[Subscriber]:
        return [self._desk, *self._workers, *self.services.stations]

    def _station(
        self,
        name: str,
        filters: Sequence[str],
        handle: Callable[[Message], Sequence[OutgoingMessage]],
    ) -> Subscriber:
        client_id = f"{self._settings.group}-{name}"
        link = open_link(self._world, self._settings.broker, client_id, self._keys)
        return Subscriber(self._world, link, filters, handle, name=name, retry=self._settings.retry)

    def _placed_station(
        self,
        name: str,
        filters: Sequence[str],
        handle: Callable[[Place, Message], Sequence[OutgoingMessage]],
    ) -> Subscriber:
        return self._station(name, filters, lambda message: self._placed(message, handle))

    def _placed(
        self, message: Message, handle: Callable[[Place, Message], Sequence[OutgoingMessage]]
    ) -> Sequence[OutgoingMessage]:
        try:
            place = sender(self._namespace, message.topic)
        except MessageMalformed:
            return []  # of no terminal: there is nobody to keep it for or to answer
        return handle(place, message)

    def _take_batch(self, place: Place, message: Message) -> Sequence[OutgoingMessage]:
        try:
            batch = examine(place, message.payload)
        except (MessageMalformed, MessageTooLarge):
            self.ledger.keep_unaddressed(place, message.payload)
            return []
        receipt = self.ledger.ingest(place, batch)
        return [self._publisher.receipt(place, receipt)]

    def _take_news(self, place: Place, message: Message) -> Sequence[OutgoingMessage]:
        try:
            if message.topic == place.up("state"):
                return self._take_state(place, messages.decode_state(message.payload))
            answer = messages.decode_applied(message.payload)
            self._publisher.applied(place, answer)
            return self._publisher.whole(place, answer)
        except (MessageMalformed, MessageTooLarge):
            self.ledger.keep_unaddressed(place, message.payload)
        return []

    def _take_state(self, place: Place, state: messages.State) -> Sequence[OutgoingMessage]:
        repeated = self._publisher.state(place, state)
        if state.state == "offline":
            return []
        receipts = self.ledger.receipts(place.terminal)
        lacking = self._publisher.lacking(place, state.held, repeated=repeated)
        return [*(self._publisher.receipt(place, receipt) for receipt in receipts), *lacking]
