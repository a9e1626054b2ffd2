"""One connection to a broker: messages out with a handle each, messages in for us to acknowledge.

A `Link` keeps nothing: what is not connected is not sent, and every `connect` begins with an empty
session on both sides (clean start, expiry 0). What matters lives in the journal and in the
platform's database, never in a broker, which may be killed and come back empty.
"""

from dataclasses import dataclass, field
from typing import Protocol

from world import Event, Fault


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we are gone without a word. Always QoS 1 and retained."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Correlation:
    """What makes two messages a request and its response (MQTT 5, 4.10). The response has the
    request's correlation data and no response topic."""

    correlation: bytes = b""
    response_topic: str = ""
    expiry: int | None = None  # seconds (MQTT 5, 3.3.2.3.3); what a broker kept it for is taken off


@dataclass(frozen=True, slots=True)
class Message:
    """A message that came in; acknowledge it once its effect is durable."""

    topic: str
    payload: bytes = field(repr=False)
    retained: bool
    connection: int  # of which connection of this link
    packet: int  # MQTT packet identifier
    exchange: Correlation = Correlation()


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker's PUBACK. It says that the broker had the message in memory, nothing more."""

    handle: int
    fault: Fault | None = None  # `Unheard` or `PublishRefused`


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection ended by itself."""

    fault: Fault


Signal = Message | Acknowledged | Lost


class Link(Protocol):
    """One thread calls; the link's own network task only fills the signals."""

    @property
    def room(self) -> int:
        """How many messages may be published now: min(ours, Receive Maximum) − unacknowledged."""
        ...

    def connect(self, will: Will | None, wake: Event) -> None:
        """Connect and wait for CONNACK; from then on `wake` is set with every new signal.

        Signals of an earlier connection are dropped. Raises a `sync.*` Fault.
        """
        ...

    def subscribe(self, *filters: str) -> None:
        """Subscribe with QoS 1, wait for SUBACK. Raises `SubscriptionRefused`, `NotConnected`."""
        ...

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        exchange: Correlation | None = None,
    ) -> int:
        """Hand one QoS 1 message to the network; the handle comes back in `Acknowledged`.

        Raises `NotConnected` when there is no connection or no room.
        """
        ...

    def take(self) -> Signal | None:
        """The next signal, or None at once."""
        ...

    def acknowledge(self, message: Message) -> None:
        """Send the PUBACK, unless the message came by an earlier connection."""
        ...

    def disconnect(self) -> None:
        """End the connection politely (the will is not sent). Safe when there is none."""
        ...
