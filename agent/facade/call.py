"""One call of the national interface on its way from a caller's thread to a reader's and back."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.facade.functions import Function
from agent.facade.leases import ReaderLease
from world import World


@dataclass(frozen=True, repr=False)
class CallAnswer:
    """What goes back: 0 or a negative error, and the output or the error's text."""

    result: int
    output: str


class Call:
    """Answered exactly once, by the first of these: the flow, the watchdog, the terminal's end."""

    def __init__(
        self, world: World, function: Function, parameters: Sequence[str], lease: ReaderLease
    ) -> None:
        self.function = function
        self.parameters = parameters
        self.lease = lease
        self._changing = world.lock()
        self._done = world.event()
        self._begun = False
        self._answer: CallAnswer | None = None

    def begin(self) -> bool:
        """False when no caller waits for it any more."""
        with self._changing:
            self._begun = self._answer is None
            return self._begun

    def answer(self, answer: CallAnswer) -> bool:
        """False when it has been answered before."""
        with self._changing:
            if self._answer is not None:
                return False
            self._answer = answer
        self._done.set()
        return True

    def wait(self, begun_within: float, else_: CallAnswer) -> CallAnswer:
        """The answer; `else_` when no thread came to it within that many seconds."""
        if not self._done.wait(begun_within):
            if self._withdraw(else_):
                return else_
            self._done.wait()
        assert self._answer is not None
        return self._answer

    def _withdraw(self, answer: CallAnswer) -> bool:
        """With that answer, unless it is under way or answered."""
        with self._changing:
            if self._begun or self._answer is not None:
                return False
            self._answer = answer
            return True
