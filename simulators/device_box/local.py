"""The daemon in this process, so that it sees the in-memory USB bus; else as in its own."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

from agent.daemon import Agent
from agent.messages.texts import Texts
from config.load import load
from simulators.site import READY_SECONDS, AgentProcess, until
from world.real import RealWorld


class LocalAgent(AgentProcess):
    """One per process, as libpcsclite reads the way to pcscd once."""

    def __init__(self, folder: Path, config: Path, environment: Mapping[str, str]) -> None:
        super().__init__(folder, config, environment)
        self._file = config
        self._way = environment
        self._agent: Agent | None = None

    @property
    def running(self) -> Agent:
        assert self._agent is not None, "not started"
        return self._agent

    def start(self) -> float:
        os.environ.update(self._way)
        world = RealWorld()
        began = world.monotonic()
        settings = load(world, self._file)
        agent = Agent(world, settings, Texts("en"))
        agent.start()
        self._agent = agent
        until(lambda: bool(self.status()["ready"]), "the agent is not ready", READY_SECONDS)
        return world.monotonic() - began

    def printed(self) -> str:
        return ""

    def reload(self) -> None:
        settings = load(RealWorld(), self._file)
        self.running.reload(settings, Texts("en"))

    def _end(self, number: signal.Signals) -> int:
        """There is no way to kill a part of this process: it always drains."""
        agent, self._agent = self._agent, None
        if agent is not None:
            agent.stop()
        return 0
