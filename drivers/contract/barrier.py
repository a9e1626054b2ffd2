"""What opens: gate leaves, turnstiles, relays; and what their sensors saw."""

from dataclasses import dataclass
from typing import Literal, Protocol

from drivers.contract.device import Device
from world import Queue

Direction = Literal["entry", "exit", "counter"]


@dataclass(frozen=True)
class Crossing:
    """A person went through that way, whether it was open or not."""

    barrier: str
    direction: Direction
    at: float  # World.monotonic()


@dataclass(frozen=True)
class Forced:
    """The leaf or arm was moved by force, without an order to open."""

    barrier: str
    at: float


Sensed = Crossing | Forced


class Barrier(Device, Protocol):
    """A gate leaf, turnstile or relay. Opening is momentary; fire release is hardware."""

    def open(self, direction: Direction) -> None:
        """Let one person through. Raises `DeviceFault` when the board did not take it; within
        0.5 s, as a person waits."""
        ...

    @property
    def senses(self) -> bool:
        """Whether it tells who goes through; without that there are no passage events."""
        ...

    @property
    def events(self) -> Queue[Sensed]:
        """Passages and forced moves, in the order in which the sensors told of them. Nothing ever
        comes where `senses` is False."""
        ...
