"""Lanes: readers, barrier and prompts that belong together, and the thread that serves an input."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from agent.equipment.passage import Opening, Passages
from agent.identify.proof import Right
from drivers.contract import Barrier, Direction, PinPad, Printer, Prompt, Prompts
from offline_store.events.reference import Reference
from world import Queue, Task, World

E = TypeVar("E")
WAKE: Final[Any] = object()  # put among the events, it ends the wait of a thread that is to stop


@dataclass(frozen=True)
class Lane:
    """One way through."""

    name: str
    direction: Direction
    barrier: Barrier | None
    prompts: Sequence[Prompts]
    staff: Sequence[Prompts] = ()  # that only staff see or hear
    pinpad: PinPad | None = None
    printer: Printer | None = None
    passages: Passages | None = None  # where the barrier tells who goes through

    def open(self, right: Right, tap: Reference | None = None) -> Opening | None:
        """Let one person through, who has a `right` to it: the one way to a barrier. Whom, `tap`
        says, or `name_opening` afterwards where people are let out first. Raises `DeviceFault`."""
        if self.passages is not None:
            return self.passages.open(self.direction, tap)
        if self.barrier is not None:
            self.barrier.open(self.direction)
        return None

    def name_opening(self, opening: Opening | None, tap: Reference | None) -> None:
        """The record of an opening without a tap is durable, or there will be none."""
        if self.passages is not None and opening is not None:
            self.passages.name(opening, tap)

    def show(self, prompt: Prompt, staff: Prompt | None = None) -> None:
        """To everybody, and to staff what they are told instead."""
        for prompts in self.prompts:
            prompts.show(prompt)
        for prompts in self.staff:
            prompts.show(staff or prompt)


class InputThread(Generic[E]):
    """Takes what a reader, scanner or ID-card reader tells, one after another, to its end."""

    def __init__(
        self,
        world: World,
        name: str,
        events: Queue[E],
        handle: Callable[[E], object],
        *,
        ahead: bool = False,
    ) -> None:
        """`ahead`: see `World.spawn`."""
        self._world = world
        self._ahead = ahead
        self._name = name
        self._events = events
        self._handle = handle
        self._stopping = False
        self._task: Task | None = None

    def start(self) -> None:
        """Begin the thread, under the name that logs know it by."""
        self._task = self._world.spawn(self._run, name=self._name, ahead=self._ahead)

    def stop(self) -> None:
        """Take no more events; a tap that is under way goes on to its end."""
        self._stopping = True
        self._events.put(WAKE)

    def join(self, timeout: float) -> bool:
        """True when the thread has ended; a hanging reader may keep it for ever."""
        return self._task is None or self._task.join(timeout)

    def _run(self) -> None:
        while not self._stopping:
            event = self._events.get()
            if event is not WAKE and not self._stopping:
                self._handle(event)
