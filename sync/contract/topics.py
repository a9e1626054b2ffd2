"""The topic tree: `<namespace>/<city>/<terminal>/up|down/…`, one tree per terminal.

Who sends is read from the topic, because the broker's access list vouches for it; what a payload
says of its sender is checked against it. `@all` is no terminal's id: what is published there goes
to every terminal of the city.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sync.contract.services import SERVICES, Service
from sync.faults import MessageMalformed

Up = Literal["events", "state", "applied"]
Down = Literal["receipt", "list", "config", "keys", "command"]

EVERYBODY = "@all"

_CITY = re.compile(r"[0-9]{6}", re.ASCII)
_TERMINAL = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Which terminal of which city."""

    namespace: str  # may hold slashes
    city: str
    terminal: str

    def up(self, channel: Up) -> str:
        """Where this terminal publishes: `…/up/events`, `…/up/state` …"""
        return f"{self.namespace}/{self.city}/{self.terminal}/up/{channel}"

    def down(self, kind: Down, name: str = "") -> str:
        """`…/down/receipt`; every other kind has a name: `…/down/list/blacklist`."""
        tail = f"{kind}/{name}" if name else kind
        return f"{self.namespace}/{self.city}/{self.terminal}/down/{tail}"

    def request(self, service: Service) -> str:
        """Where this terminal asks a service: `…/up/request/status`."""
        return f"{self.namespace}/{self.city}/{self.terminal}/up/request/{service}"

    def response(self, service: Service) -> str:
        """Where the answers to such a request come, and to no other topic."""
        return f"{self.responses}{service}"

    @property
    def responses(self) -> str:
        """What the topics of all answers begin with."""
        return f"{self.namespace}/{self.city}/{self.terminal}/down/response/"

    def listens(self) -> tuple[str, str]:
        """The filters a terminal subscribes to: its own tree and the city's."""
        everybody = Place(self.namespace, self.city, EVERYBODY)
        return self.down_filter(), everybody.down_filter()

    def down_filter(self) -> str:
        """The filter of all that is sent to this place: `…/down/#`."""
        return f"{self.namespace}/{self.city}/{self.terminal}/down/#"


def up_filter(namespace: str, channel: Up) -> str:
    """All terminals of all cities, for the platform."""
    return f"{namespace}/+/+/up/{channel}"


def request_filter(namespace: str, service: Service) -> str:
    """Requests of all terminals of all cities, for the platform."""
    return f"{namespace}/+/+/up/request/{service}"


def shared(group: str, topic_filter: str) -> str:
    """A shared subscription (MQTT 5, 4.8.2): each message goes to one of the group's workers."""
    return f"$share/{group}/{topic_filter}"


def sender(namespace: str, topic: str) -> Place:
    """Who published on an `up` topic. Raises `MessageMalformed`."""
    parts = _below(namespace, topic)
    if len(parts) != 4 or parts[2] != "up":
        raise MessageMalformed(message="topic", cause="not <city>/<terminal>/up/<channel>")
    return _place(namespace, parts)


def asker(namespace: str, topic: str) -> tuple[Place, Service]:
    """Who asks which service, from a request's topic. Raises `MessageMalformed`."""
    parts = _below(namespace, topic)
    services = [service for service in SERVICES if parts[2:] == ["up", "request", service]]
    if not services:
        raise MessageMalformed(message="topic", cause="not <city>/<terminal>/up/request/<service>")
    return _place(namespace, parts), services[0]


def _place(namespace: str, parts: Sequence[str]) -> Place:
    city, terminal = parts[:2]
    if not _CITY.fullmatch(city) or not _TERMINAL.fullmatch(terminal):
        raise MessageMalformed(message="topic", cause="not a city and a terminal")
    return Place(namespace, city, terminal)


def envelope_name(namespace: str, topic: str) -> tuple[str, str]:
    """Kind and name that a `down` topic promises; a receipt has no name. Raises likewise."""
    parts = _below(namespace, topic)
    if len(parts) not in (4, 5) or parts[2] != "down":
        raise MessageMalformed(message="topic", cause="not <city>/<terminal>/down/<kind>[/<name>]")
    return parts[3], parts[4] if len(parts) == 5 else ""


def _below(namespace: str, topic: str) -> list[str]:
    if not topic.startswith(f"{namespace}/"):
        raise MessageMalformed(message="topic", cause="outside the namespace")
    return topic[len(namespace) + 1 :].split("/")
