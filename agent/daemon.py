"""The life of one terminal's agent: store and link last as long as it does, the service as long as
the settings.

Start: store → service → local API → link. Stop runs the other way, and lets taps under way end.
"""

import logging
from pathlib import Path

from agent.api.backend import Backend
from agent.api.server import ApiServer
from agent.assembly import NONE, Replacements, Service, Terminal
from agent.in_force import RefusedSettings, SettingsInForce, require_same_terminal
from agent.messages.texts import Texts
from config.model import AgentSettings as Settings
from sync.paho_link import read_password
from sync.uplink import Uplink
from world import Fault, World

LOG = logging.getLogger("onecard")
FAREWELL = 3.0  # seconds that the link gets to say goodbye


class Agent:
    """One terminal. `start` raises the `Fault` that keeps it from serving people."""

    def __init__(
        self, world: World, settings: Settings, texts: Texts, replace: Replacements = NONE
    ) -> None:
        """Touches no device. Raises what `Terminal` and `Service` raise."""
        self.terminal = Terminal(world, settings, replace)
        self._texts = texts
        self._in_force = SettingsInForce(settings, self.terminal.clock.read().time_ms)
        self.backend = Backend(self.terminal, self._in_force, texts)
        self.service = self._make_service(settings, texts)
        self._api = ApiServer(world, self.backend, Path(settings.terminal.socket))
        self._uplink: Uplink | None = None

    def start(self) -> None:
        """Serve. A missing reader, card service or network is no reason not to start."""
        self._api.require_free()
        self.terminal.store.start()
        self._open(self.service)
        self._api.start()
        self._connect(self.terminal.uplink(self._in_force.settings, self._texts))
        self.backend.ready = True
        LOG.info("%s", self._texts.ui("started", terminal=self._in_force.settings.terminal.id))

    def stop(self) -> None:
        """Drain: taps under way end and are recorded, the platform hears a farewell."""
        self.backend.ready = False
        self.service.close()
        self._connect(None)
        self._api.stop()
        self.terminal.store.close()
        LOG.info("%s", self._texts.ui("stopped"))

    def reload(self, settings: Settings, texts: Texts) -> None:
        """Take new settings and their language; people notice a moment without readers.

        Raises `NeedsRestart`, the fault of a broker's password, and what `Service` raises; then
        the old settings are in force.
        """
        before = self._in_force.settings
        require_same_terminal(before, settings)
        # What is wrong shows here, before anything stops.
        service = self._make_service(settings, texts)
        moved = settings.sync != before.sync
        if moved and settings.sync is not None:
            read_password(settings.sync, self.terminal.keys)
        uplink = self.terminal.uplink(settings, texts) if moved else self._uplink
        self.service.close()
        self.service, self._texts = service, texts
        self.terminal.staff.settings = settings.sign_in
        self._open(service)
        self._in_force.take(settings, self.terminal.clock.read().time_ms)
        if moved:
            self._connect(uplink)

    def refuse(self, fault: Fault) -> None:
        """New settings were not taken, and why: those in force stay."""
        self._in_force.refused = RefusedSettings(self.terminal.clock.read().time_ms, fault)

    def _make_service(self, settings: Settings, texts: Texts) -> Service:
        return Service(self.terminal, settings, texts, self.backend.publish)

    def _open(self, service: Service) -> None:
        service.open()
        self.backend.serve(service, self._texts)

    def _connect(self, uplink: Uplink | None) -> None:
        if self._uplink is not None:
            self._uplink.stop(FAREWELL)
        self._uplink = self.terminal.requests.uplink = uplink
        if uplink is not None:
            uplink.start()
