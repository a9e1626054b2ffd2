"""Lanes: readers, barrier and prompts that belong together, and the thread that serves a reader."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drivers.contract import Absence, Barrier, CardReader, Direction, Presence, Prompt, Prompts
from world import Task, World


@dataclass(frozen=True)
class Lane:
    """One way through."""

    name: str
    direction: Direction
    barrier: Barrier | None
    prompts: Sequence[Prompts]

    def open(self) -> None:
        """Let one person through. Raises `DeviceFault`."""
        if self.barrier is not None:
            self.barrier.open(self.direction)

    def show(self, prompt: Prompt) -> None:
        for prompts in self.prompts:
            prompts.show(prompt)


class ReaderThread:
    """Takes a reader's presences one after another and carries each tap to its end."""

    def __init__(
        self,
        world: World,
        lane: Lane,
        reader: CardReader,
        handle: Callable[[Lane, CardReader, Presence], object],
    ) -> None:
        self._world = world
        self._lane = lane
        self._reader = reader
        self._handle = handle
        self._stopping = False
        self._task: Task | None = None

    def start(self) -> None:
        self._task = self._world.spawn(self._run, name=f"reader {self._reader.name}")

    def stop(self) -> None:
        """Take no more presences; a tap that is under way goes on to its end."""
        self._stopping = True
        # An absence that nobody acts on wakes the thread.
        self._reader.events.put(Absence(self._reader.name, 0, self._world.monotonic()))

    def join(self, timeout: float) -> bool:
        """True when the thread has ended; a hanging reader may keep it for ever."""
        return self._task is None or self._task.join(timeout)

    def _run(self) -> None:
        while not self._stopping:
            event = self._reader.events.get()
            if isinstance(event, Presence) and not self._stopping:
                self._handle(self._lane, self._reader, event)
