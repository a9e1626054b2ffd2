"""A platform within reach: `sync.requests.Requests` straight to the services' handlers.

It can be away, keep silent after it has acted, take its time, or lose the line.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from sync.contract.services import Service
from sync.contract.topics import Place
from sync.requests import PendingRequest, RequestLost, RequestOffline, RequestTimeout
from world import World

Mood = Literal["well", "offline", "silent", "lost"]
Handler = Callable[[Place, bytes], bytes]


class FakePlatform:
    """One terminal's way to `handlers`. `pace`: seconds that an answer takes."""

    def __init__(
        self, world: World, handlers: Mapping[Service, Handler], *, terminal: str = "gate-1"
    ) -> None:
        self._world = world
        self._handlers = handlers
        self._place = Place("onecard/v1", "519900", terminal)
        self.mood: Mood = "well"
        self.pace = 0.05
        self.asked: list[bytes] = []
        self.answers: list[bytes] = []

    def ask(self, service: Service, payload: bytes, *, within: float) -> PendingRequest:
        self.asked.append(payload)
        until = self._world.monotonic() + within
        answer = b"" if self.mood == "offline" else self._handlers[service](self._place, payload)
        self.answers.append(answer)
        return FakeAsked(self, self._world, service, answer, until, self.mood)


@dataclass(frozen=True)
class FakeAsked:
    """See `sync.requests.PendingRequest`."""

    platform: FakePlatform
    world: World
    service: Service
    answer: bytes
    until: float
    mood: Mood

    def result(self) -> bytes:
        if self.mood == "offline":
            raise RequestOffline(service=self.service)
        left = max(0.0, self.until - self.world.monotonic())
        late = self.mood == "silent" or self.platform.pace > left
        self.world.wait(left if late else self.platform.pace)
        if late:
            raise RequestTimeout(service=self.service, milliseconds=round(left * 1000))
        if self.mood == "lost":
            raise RequestLost(service=self.service)
        return self.answer
