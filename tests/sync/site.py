"""A small city on this machine: a real mosquitto, the platform, and terminals with made-up keys."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from config.model import Sync
from simulators.broker import Broker
from sync.applier import Handler
from sync.contract.services import Service
from sync.contract.topics import Place
from sync.outbox import Outbox
from sync.paho_link import PahoLink
from sync.platform import Platform, PlatformSettings
from sync.platform.services import ServiceHandler
from sync.uplink import LinkStatus, Uplink
from sync.window import Patience
from tests.sync.journal import SEED
from trust.envelope import Opener
from trust.keystore import FileKeyStore
from trust.sm2 import sm2
from world.real import RealWorld

CITY = "990100"
ISSUER = "made-up-1"
PRIVATE = bytes(range(1, 33))
QUICK = Patience(first=0.5, most=2.0)


class Site:
    """Everything of one test, stopped at its end."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.world = RealWorld()
        self.folder = folder
        self.broker = broker
        self._stops: list[Callable[[], object]] = []

    def __enter__(self) -> "Site":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for stop in reversed(self._stops):
            stop()
        self.broker.stop()

    def settings(self, **changes: object) -> Sync:
        return Sync(
            **{
                "host": self.broker.host,
                "port": self.broker.port,
                "backoff_max": 0.2,
                **changes,
            }  # type: ignore[arg-type]
        )

    def platform_keys(self) -> FileKeyStore:
        keys = FileKeyStore(self.world, self.folder / "platform-keys")
        keys.write(f"issuer-{ISSUER}.key", PRIVATE)
        keys.write("journal-seed-gate-1", SEED)
        return keys

    def platform(
        self, services: Mapping[Service, ServiceHandler] | None = None, **changes: object
    ) -> Platform:
        keys = self.platform_keys()
        settings = PlatformSettings(
            broker=self.settings(max_inflight=20, **changes),
            database=str(self.folder / "platform.db"),
            keys=str(self.folder / "platform-keys"),
            issuer=ISSUER,
            retry=0.2,
        )
        platform = Platform(self.world, settings, keys, services)
        self._stops.append(platform.stop)
        platform.start()
        return platform

    def uplink(
        self,
        outbox: Outbox,
        handlers: Mapping[str, Handler] | None = None,
        *,
        terminal: str = "gate-1",
        report: Callable[[LinkStatus], None] | None = None,
        **changes: object,
    ) -> Uplink:
        settings = self.settings(**changes)
        uplink = Uplink(
            self.world,
            PahoLink(self.world, settings, terminal),
            outbox,
            handlers or {},
            opener(),
            Place(settings.namespace, CITY, terminal),
            settings,
            patience=QUICK,
            report=report,
        )
        self._stops.append(lambda: uplink.stop(10))
        uplink.start()
        return uplink


def opener() -> Opener:
    return Opener(sm2(), {ISSUER: sm2().public(PRIVATE)})
