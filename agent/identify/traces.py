"""Recorded flows: redacted APDUs of a card, while somebody listens, else nothing is kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.feed import Feed
from apdu.channel import Channel
from apdu.social_security.authentication import Authenticator
from world import Fault, World
from world.packages import version

if TYPE_CHECKING:
    from apdu.trace import Flow, Trace

Sides = tuple[Channel, Authenticator]


@contextmanager
def recorded(
    world: World, card: Channel, keys: Authenticator, flow: "Flow", keep: "Callable[[Trace], None]"
) -> Iterator[Sides]:
    """The same card and key server, recorded while the flow runs on them; `keep` gets the trace
    when it has ended, well or with a `Fault`. A defect leaves no trace."""
    from apdu.trace import Recorder

    recorder = Recorder(card, world.monotonic)
    watched = recorder.authenticator(keys)
    agent = version("onecard-agent")
    try:
        yield recorder, watched
    except Fault as fault:
        keep(recorder.trace(flow, agent, watched, fault))
        raise
    keep(recorder.trace(flow, agent, watched, None))


class Traces:
    """Hands flows recorded sides of card and key server for those who listen at `/v1/traces`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.feed = Feed(world)

    @contextmanager
    def watching(
        self, reader: str, card: Channel, keys: Authenticator, flow: "Callable[[], Flow]"
    ) -> Iterator[Sides]:
        """The card and the key server that the flow is to use. `flow`: asked for its name when
        somebody listens."""
        if not self.feed.listeners:
            yield card, keys
            return

        def publish(trace: "Trace") -> None:
            self.feed.publish({"reader": reader, "trace": bytes(trace).decode()})

        with recorded(self._world, card, keys, flow(), publish) as sides:
            yield sides
