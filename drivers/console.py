"""A barrier and prompts for a terminal without hardware: each opening, each prompt is one line.

The agent or a test may take the lines (`listen`), else they go to standard output; what was opened
and shown last is remembered.
"""

import sys
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from drivers.contract import (
    DeviceFault,
    DeviceState,
    DeviceStatus,
    Direction,
    Options,
    Prompt,
    Sensed,
)
from drivers.options import DriverOptions, typed
from world import Queue, World

REMEMBERED = 256
Listener = Callable[[str], None]


@dataclass(frozen=True)
class OpeningShown:
    """The barrier let somebody through."""

    direction: Direction
    at: float  # World.monotonic()


@dataclass(frozen=True)
class PromptShown:
    """A prompt was shown."""

    prompt: Prompt
    at: float  # World.monotonic()


def to_standard_output(line: str) -> None:
    """One line at once, to whatever reads it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class _Console:
    """Where lines go, and the status of a device that cannot be lost."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._listener: Listener = to_standard_output

    @property
    def name(self) -> str:
        return self._name

    def listen(self, listener: Listener) -> None:
        """Give each line to `listener` from now on, instead of standard output."""
        self._listener = listener

    def start(self) -> None:
        """Nothing to keep: standard output is there or it is not."""

    def stop(self) -> None:
        """See `start`."""

    def look(self) -> None:
        """See `start`."""

    def status(self) -> DeviceStatus:
        return DeviceStatus(self._name, DeviceState.READY, attached="console")


class ConsoleBarrier(_Console):
    """See `drivers.contract.Barrier`. It takes no options."""

    def __init__(self, world: World, name: str, options: Options) -> None:
        typed(options, DriverOptions, device=name)
        super().__init__(name)
        self._world = world
        self._events: Queue[Sensed] = world.queue()
        self._opened: Counter[Direction] = Counter()
        self._history: deque[OpeningShown] = deque(maxlen=REMEMBERED)

    @property
    def senses(self) -> bool:
        return False

    @property
    def events(self) -> Queue[Sensed]:
        return self._events

    @property
    def opened(self) -> Mapping[Direction, int]:
        """How often it opened, by direction."""
        return self._opened

    @property
    def history(self) -> Sequence[OpeningShown]:
        """The last openings, oldest first."""
        return tuple(self._history)

    def open(self, direction: Direction) -> None:
        try:
            self._listener(f"{self._name}: open {direction}")
        except OSError as error:  # the terminal or pipe behind it is gone: nothing opened
            raise DeviceFault(device=self._name) from error
        self._opened[direction] += 1
        self._history.append(OpeningShown(direction, self._world.monotonic()))


class ConsolePrompts(_Console):
    """See `drivers.contract.Prompts`. It takes no options."""

    def __init__(self, world: World, name: str, options: Options) -> None:
        typed(options, DriverOptions, device=name)
        super().__init__(name)
        self._world = world
        self._failed = 0
        self._history: deque[PromptShown] = deque(maxlen=REMEMBERED)

    @property
    def failed(self) -> int:
        """How many prompts could not be shown."""
        return self._failed

    @property
    def history(self) -> Sequence[PromptShown]:
        """The last prompts, oldest first."""
        return tuple(self._history)

    def show(self, prompt: Prompt) -> None:
        self._history.append(PromptShown(prompt, self._world.monotonic()))
        try:
            self._listener(f"{self._name}: [{prompt.lamp}, {prompt.beep}] {prompt.text}")
        except OSError:  # the terminal or pipe behind it is gone
            self._failed += 1
