"""The kinds of cards of a terminal's settings (`[[cards]]`), as the card's flows take them."""

import json

from msgspec.structs import asdict

from apdu.social_security.quirks import CardKind, CardKinds
from config.model import AgentSettings as Settings
from config.model import CardKindSettings as Row

WHICH = ("name", "regions", "generations", "atr")  # what says of which cards the others are


def card_kinds(settings: Settings) -> CardKinds:
    """What `config.checks` has let through."""
    return CardKinds([CardKind(**asdict(kind)) for kind in settings.cards])


def departures(settings: Settings, name: str) -> str:
    """How cards of that kind are spoken to otherwise than by the specification, as settings; empty:
    there is no such kind."""
    usual = asdict(Row(name=name))
    row = next((asdict(kind) for kind in settings.cards if kind.name == name), usual)
    found = {key: value for key, value in row.items() if key not in WHICH and value != usual[key]}
    return ", ".join(f"{key} = {json.dumps(value)}" for key, value in found.items())
