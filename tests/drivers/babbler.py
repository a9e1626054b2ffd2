"""A device that never pauses, by a simulated clock."""

from typing import Generic, TypeVar

from drivers.contract import DeviceFault
from drivers.io.wait import Interrupted
from simulators.world import SimWorld

T = TypeVar("T")


class Babbler(Generic[T]):
    """A connection on which `word` comes every `pause` seconds, after what stands in `first`."""

    attached = "a port"

    def __init__(self, world: SimWorld, word: T, pause: float) -> None:
        self.word = word
        self.first: list[T] = []
        self._world = world
        self._pause = pause
        self._interrupted = False

    def read(self, timeout: float | None = None) -> T:
        self._world.wait(self._pause)
        if self._interrupted:
            raise Interrupted
        return self.first.pop(0) if self.first else self.word

    def write(self, data: bytes, *, marks: bool = False) -> None:
        """It does not listen."""

    def discard(self) -> None:
        """There is more."""

    def silent(self) -> DeviceFault:
        raise AssertionError("it is not silent")

    def interrupt(self) -> None:
        self._interrupted = True

    def close(self) -> None:
        pass
