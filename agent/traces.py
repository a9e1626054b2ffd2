"""Recorded taps: redacted APDUs of a card's flow, while somebody listens, else nothing is kept."""

from collections.abc import Callable
from importlib.metadata import version

from agent.api.feed import Feed
from apdu.authentication import Authenticator, BasicRead
from apdu.channel import Channel
from apdu.trace import Recorder, Trace
from world import Fault, World

Flow = Callable[[Channel, Authenticator], BasicRead]


def recorded(
    world: World,
    card: Channel,
    keys: Authenticator,
    flow: Flow,
    name: str,
    keep: Callable[[Trace], None],
) -> BasicRead:
    """Run the flow; `keep` gets its trace before it returns or raises. `name`: one of
    `apdu.replay.FLOWS`."""
    recorder = Recorder(card, world.monotonic)
    watched = recorder.authenticator(keys)
    ending: Fault | None = None
    read: BasicRead | None = None
    try:
        read = flow(recorder, watched)
    except Fault as fault:
        ending = fault
        raise
    finally:
        if read is not None or ending is not None:  # a defect leaves no trace
            keep(recorder.trace(name, version("onecard-agent"), watched, read, ending))
    return read


class Traces:
    """Runs the flows of taps, recorded for those who listen at the local API."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.feed = Feed()

    def run(
        self, reader: str, card: Channel, keys: Authenticator, flow: Flow, name: str
    ) -> BasicRead:
        """Raises what the flow raises."""
        if not self.feed.listeners:
            return flow(card, keys)
        return recorded(
            self._world, card, keys, flow, name, lambda trace: self._publish(reader, trace)
        )

    def _publish(self, reader: str, trace: Trace) -> None:
        self.feed.publish({"reader": reader, "trace": bytes(trace).decode()})
