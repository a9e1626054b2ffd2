"""The national interface of one terminal: its servers live as long as the settings' `[facade]`, its
desk as long as the gate.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.equipment.gate import Equipment
from agent.equipment.watchdog import Watchdog
from agent.facade.desk import CallDispatcher, CallerConnection
from agent.facade.disclosure import DisclosureBook
from agent.facade.faults import FacadePortUnusable, FacadeSocketUnusable
from agent.facade.means import CardServices
from agent.facade.refusals import Refusals
from agent.facade.standing import StatusReader
from agent.facade.unix import UnixServer
from agent.messages.results import Results
from apdu.social_security.authentication import Authenticator
from apdu.social_security.city_keys import CityKeys
from apdu.social_security.quirks import CardKinds
from config.model import Capability, FacadeClient
from config.model import FacadeSettings as Settings
from drivers.contract import CardHandle
from offline_store.clock import Clock
from offline_store.store import Store
from trust.references import References
from world import World

if TYPE_CHECKING:
    from agent.facade.web_server import WebServer


class Facade:
    """`open` and `close` go with the gate; callers who come in between are refused."""

    def __init__(
        self,
        world: World,
        settings: Settings,
        clock: Clock,
        store: Store,
        references: References,
        standing: StatusReader,
    ) -> None:
        self._world = world
        self._settings = settings
        self._standing = standing
        self._book = DisclosureBook(clock, store, references, standing)
        self._desk: CallDispatcher | None = None
        self._unix: UnixServer | None = None
        self._web: WebServer | None = None
        self._refusals = Refusals(world)
        self._fault = ""

    def open(
        self,
        gate: Equipment,
        watchdog: Watchdog,
        results: Results,
        authenticator: Callable[[CardHandle], Authenticator],
        keys: CityKeys,
        require: Callable[[Capability], None],
        cards: CardKinds,
    ) -> None:
        """Serve, with the readers of a gate that has started; `require`: see `CallDispatcher`.
        Raises `FacadeSocketUnusable`, `FacadePortUnusable`."""
        settings = self._settings
        desk = self._desk = CallDispatcher(
            seats=gate.seats,
            means=CardServices(
                self._world, authenticator, keys, settings.device_number, self._standing, cards
            ),
            watchdog=watchdog,
            results=results,
            book=self._book,
            lease=settings.lease,
            pin_timeout=settings.pin_timeout,
            require=require,
        )

        def connect(client: FacadeClient, caller: str) -> CallerConnection:
            return CallerConnection(desk, client, caller)

        world, clients, refusals = self._world, settings.clients, self._refusals
        try:
            self._unix = UnixServer(world, Path(settings.socket), clients, connect, refusals)
            self._unix.start()
            if settings.port is not None:
                # uvicorn and asyncio take megabytes, and wake ten times a second.
                from agent.facade.web_server import WebServer

                self._web = WebServer(world, settings.port, clients, connect, refusals)
                self._web.start()
        except (FacadeSocketUnusable, FacadePortUnusable) as fault:
            self._fault = fault.code
            raise

    def close(self) -> None:
        """Before the gate stops: every lease ends, every caller is hung up on."""
        if self._desk is not None:
            self._desk.close()
        if self._unix is not None:
            self._unix.stop()
        if self._web is not None:
            self._web.stop()
        self._desk = self._unix = self._web = None

    def leases(self) -> Sequence[dict[str, Any]]:
        """Who holds which reader now."""
        return self._desk.leases.status() if self._desk is not None else []

    def status(self) -> dict[str, Any]:
        """`fault`: the code of what keeps callers away, empty when nothing does; `refusals`: who
        was turned away lately."""
        return {"fault": self._fault, "refusals": list(self._refusals.status())}
