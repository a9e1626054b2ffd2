"""`cast.toml` typed: who comes to the window, what he shows, and what has to come of it."""

from importlib import resources
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from simulators.people import Cast

Shows = Literal["card", "code", "id-card", "program", "phone"]
CodeKind = Literal["fresh", "again", "expired", "forged"]
Incident = Literal["platform-lost", "platform-back"]
Order = Literal["read", "holder", "verify", "change", "reload", "unblock", "records"]


class Visit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One person at the window. A card, code or ID card is shown to the terminal, which decides;
    `program`: the card lies before the clerk, whose old program gets `orders`; `phone`: somebody of
    the staff signs in by scanning."""

    at: Annotated[str, Meta(pattern=r"^[0-9]{2}:[0-9]{2}:[0-9]{2}$")]
    person: str
    shows: Shows
    expect: str  # reason code; of a program "OK" or the last order's error code; of a phone its end
    note: str  # what is particular, `window-…` of the texts
    interface: Literal["contact", "contactless"] = "contactless"
    code: CodeKind = "fresh"
    stands: dict[Literal["holder", "card", "business"], str] = {}  # at the city, from now on
    orders: tuple[Order, ...] = ()
    types: tuple[str, ...] = ()  # at the PIN pad, when he is asked
    pin_tries: int | None = None  # that many are left when he comes
    incident: Incident | None = None  # just before


class CounterDay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file; each person has one card, with his own key. Visits are in order of time."""

    cast: Cast
    visits: tuple[Visit, ...]


def load_counter_day() -> CounterDay:
    """Raises `msgspec.ValidationError`."""
    text = resources.files(__package__).joinpath("cast.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=CounterDay)
