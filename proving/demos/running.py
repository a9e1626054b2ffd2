"""What runs of a bus and of a metro share: what goes wrong in between, and waiting for the end.

A run stands on a site with a transit PSAM; its journal and its platform are compared by the scene.
"""

from typing import Final

from offline_store.events.payment import Intent, PaymentEnd
from simulators.feed import Feed
from simulators.site import DRAIN_SECONDS, Site, until

SPARE: Final = 20.0  # seconds


class TransitRun:
    """Base of a scene in which purses pay. `grey_after`: seconds, as the terminal is set."""

    def __init__(self, site: Site, grey_after: float) -> None:
        self._terminal = site
        self._grey_after = grey_after
        self._feed = Feed(site)

    def _lose_platform(self) -> None:
        self._terminal.broker.kill()
        until(lambda: not self._online(), "the platform was not missed")

    def _bring_platform_back(self) -> None:
        self._terminal.broker.start()
        until(self._online, "the platform is not back")

    def _kill_agent(self) -> None:
        """SIGKILL while an intent is open."""
        self._terminal.agent.kill()
        self._terminal.agent.start()
        until(self._terminal.agent.equipped, "a device or a PSAM is not ready")
        self._feed.listen()

    def _online(self) -> bool:
        return bool(self._terminal.agent.status()["sync"]["state"] == "online")

    def _await_end(self) -> None:
        """Every payment has its end, and the platform every row. Raises `NotInTime`."""
        patience = self._grey_after + SPARE
        until(lambda: not self._open(), "what is open does not end as grey", patience)
        until(
            lambda: self._terminal.agent.status()["store"]["unreceipted"] == 0,
            "the platform has not receipted everything",
            DRAIN_SECONDS,
        )

    def _open(self) -> bool:
        rows = [record.stored() for record in self._terminal.agent.records()]
        ended = {row.event.intent for row in rows if isinstance(row.event, PaymentEnd)}
        return any(isinstance(row.event, Intent) and row.at not in ended for row in rows)
