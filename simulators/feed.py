"""The agent's tap reports as they come, for whoever shows something and waits for an answer."""

import queue
import threading
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from agent.cli.client import DaemonAbsent
from simulators.site import Site

TAP_SECONDS = 60.0
LISTEN = 3600.0  # seconds without a tap; longer than any test lets pass


class Feed:
    """The agent's tap reports as they come, across restarts of the agent."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._reports: Mapping[str, queue.Queue[dict[str, Any]]] = defaultdict(queue.Queue)
        self._listening = threading.Event()

    def listen(self) -> None:
        """Begin to listen to the agent that runs now; returns when nothing is missed any more."""
        self._listening.clear()
        threading.Thread(target=self._listen, name="feed", daemon=True).start()
        if not self._listening.wait(TAP_SECONDS):
            raise TimeoutError("the agent's feed does not open")

    def next(self, reader: str) -> dict[str, Any]:
        """The next report of that reader. Raises `queue.Empty`."""
        return self.take(reader, TAP_SECONDS)

    def take(self, reader: str, seconds: float) -> dict[str, Any]:
        """The next report of that reader, which comes within `seconds`. Raises `queue.Empty`."""
        return self._reports[reader].get(timeout=seconds)

    def _listen(self) -> None:
        try:
            for report in self._site.agent.client.stream("/v1/taps", LISTEN):
                if report:
                    self._reports[report["reader"]].put(report)
                else:
                    self._listening.set()
        except DaemonAbsent:
            return  # killed: `listen` is called again after the restart
