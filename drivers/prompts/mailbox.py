"""Where a prompt waits for its device's thread: one place, the newest wins, putting never waits."""

from drivers.contract import Prompt
from world import World


class Mailbox:
    """One prompt at most. Any thread puts, one thread takes."""

    def __init__(self, world: World) -> None:
        self._guard = world.lock()
        self._rung = world.event()
        self._prompt: Prompt | None = None

    def put(self, prompt: Prompt) -> bool:
        """True when an older prompt was still waiting, which will not be seen now."""
        with self._guard:
            waiting, self._prompt = self._prompt, prompt
        self._rung.set()
        return waiting is not None

    def ring(self) -> None:
        """End a wait without a prompt."""
        self._rung.set()

    def wait(self, timeout: float | None = None) -> bool:
        """True when there was a prompt or a ring within `timeout` seconds (None: for ever)."""
        return self._rung.wait(timeout)

    def take(self) -> Prompt | None:
        """The waiting prompt, if there is one; a ring is over with it."""
        with self._guard:
            self._rung.clear()
            prompt, self._prompt = self._prompt, None
        return prompt
