"""The city's platform on a broker of its own, with the city's HSM behind it, in this process."""

from contextlib import ExitStack
from pathlib import Path
from typing import Self

from config.model import Sync
from simulators.broker import Broker
from simulators.city.hsm import city_hsm
from simulators.people import Cast
from simulators.site import ISSUER, PLATFORM_RETRY, READY_SECONDS, NotInTime
from sync.platform.platform import Platform
from sync.platform.settings import PlatformSettings
from trust.keystore import FileKeyStore
from world.real import RealWorld


class CityPlatform:
    """A context manager. What a terminal needs to reach it is `settings`, the text of `[sync]`."""

    def __init__(self, cast: Cast, folder: Path) -> None:
        self.hsm = city_hsm(cast)
        self.broker = Broker(folder / "broker", city=cast.region)
        self._cast = cast
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.broker)
            world = RealWorld()
            keys = FileKeyStore(world, self._folder / "platform-keys")
            keys.write(f"issuer-{ISSUER}.key", self._cast.city.issuer_private())
            settings = PlatformSettings(
                broker=Sync(host=self.broker.host, port=self.broker.port),
                database=str(self._folder / "platform.db"),
                keys=str(self._folder / "platform-keys"),
                issuer=ISSUER,
                retry=PLATFORM_RETRY,
            )
            platform = Platform(world, settings, keys, {"hsm": self.hsm})
            platform.start()
            stack.callback(platform.stop)
            if not platform.wait_ready(READY_SECONDS):
                raise NotInTime(f"the platform does not reach the broker: {platform.faults()}")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    @property
    def settings(self) -> str:
        """TOML; a terminal comes back as quickly as it may."""
        return f"""
[sync]
host = "{self.broker.host}"
port = {self.broker.port}
backoff_max = 0.5
"""
