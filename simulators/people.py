"""Who comes, with what, when: the cast of `people.toml`, its cards as objects, its expectations.

The file says what each card is; `Wallet` has the city issue it, once, so that a card that comes
twice is the same card with the same counters.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from importlib import resources
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from simulators.cards import (
    Algorithm,
    Card,
    Generation,
    Holder,
    Interface,
    SocialSecurityCardOs,
    face,
    operating_system,
)
from simulators.cards.contract import Processor
from simulators.cards.foreign import foreign_card
from simulators.ceremony import CardOrder, KeyAuthority

FOREIGN = "foreign"  # the card of a visit that is no social security card

Day = Annotated[str, Meta(pattern=r"^([0-9]{8})?$")]
Region = Annotated[str, Meta(pattern=r"^[0-9]{6}$")]


class _Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the file's rows."""


class Person(_Row, frozen=True, kw_only=True):
    """A made-up person; the values are those of EF06."""

    key: str
    name: str
    number: Annotated[str, Meta(pattern=r"^[0-9]{17}[0-9X]$")]
    sex: Literal["1", "2", "9"]
    nation: str
    birthplace: str
    birth: Day

    def holder(self) -> Holder:
        return Holder(self.number, self.name, self.sex, self.nation, self.birthplace, self.birth)


class PersonsCard(_Row, frozen=True, kw_only=True):
    """One card of a person, and what is wrong with it."""

    key: str
    person: str
    generation: Literal["1.0", "2.0", "3.0"]
    algorithm: Literal["DES3", "SSF33", "SM4"]
    serial: Annotated[str, Meta(pattern=r"^[0-9A-F]{8}$")]
    card_number: Annotated[str, Meta(pattern=r"^[0-9A-Z]{9}$")]
    region: Region | None = None  # None: the cast's
    issued: Day = "20200101"
    expires: Day = "20991231"
    card_type: Literal["1", "2", "3", "4"] = "3"
    version: str | None = None
    pad: Literal["F", "E"] = "F"
    algorithm_in_fci: bool = True
    forged: bool = False  # right in all but its keys
    blacklisted: Literal["", "card", "number"] = ""  # which of its two names the list has
    blocked: Literal["", "application", "card"] = ""  # for good, by 841E or 8416


class Tear(_Row, frozen=True, kw_only=True):
    """Pulled out at this APDU, counted from 0: as `simulators.vpcd.TearAtApdu`."""

    apdu: int
    moment: Literal["before", "during", "after"]


Incident = Literal["reader-unplugged", "pcscd-restarted", "broker-killed", "agent-killed"]


class Visit(_Row, frozen=True, kw_only=True):
    """One tap and what must come of it. `incident` happens just before."""

    at: Annotated[str, Meta(pattern=r"^[0-9]{2}:[0-9]{2}:[0-9]{2}$")]
    card: str  # a card's key, or "foreign"
    person: str
    interface: Literal["contact", "contactless"]
    lane: Literal["entry", "exit"] = "entry"
    verdict: Literal["accepted", "refused", "unknown"]
    reason: str  # the agent's reason code
    tear: Tear | None = None
    mute_from: int | None = None  # as `simulators.vpcd.Faults`
    incident: Incident | None = None


class Cast(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """The whole file. `visits` are in order of time."""

    region: Region
    seed: str
    forger: str
    terminal_number: Annotated[str, Meta(pattern=r"^[0-9]{12}$")]
    people: tuple[Person, ...]
    cards: tuple[PersonsCard, ...]
    visits: tuple[Visit, ...] = ()

    @cached_property
    def city(self) -> KeyAuthority:
        return KeyAuthority(self.region, self.seed.encode())

    def person(self, key: str) -> Person:
        """Raises `KeyError`."""
        return self._people[key]

    def card(self, key: str) -> PersonsCard:
        """Raises `KeyError`."""
        return self._cards[key]

    def issuer_of(self, card: PersonsCard) -> KeyAuthority:
        """The city named on the card."""
        return KeyAuthority(card.region or self.region, self.seed.encode())

    def card_id(self, card: PersonsCard) -> str:
        """The card identification code, 32 hex digits."""
        return self.issuer_of(card).card_id(card.serial)

    def blacklist(self, kind: Literal["card", "number"]) -> Sequence[str]:
        """Card identification codes, or card numbers, of the cards listed by that name."""
        listed = [card for card in self.cards if card.blacklisted == kind]
        if kind == "card":
            return [self.card_id(card) for card in listed]
        return [card.card_number for card in listed]

    def psam(self) -> Card:
        """The gate's own key card: every algorithm, both keys, roots."""
        return self.city.psam(self.terminal_number)

    @cached_property
    def _people(self) -> dict[str, Person]:
        return {person.key: person for person in self.people}

    @cached_property
    def _cards(self) -> dict[str, PersonsCard]:
        return {card.key: card for card in self.cards}


class Wallet:
    """The cards of a cast as objects, each issued once."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._issued: dict[str, tuple[SocialSecurityCardOs, bytes]] = {}

    def bring(self, visit: Visit) -> Card:
        """The card of a visit at the interface of the visit."""
        return self.at(visit.card, Interface(visit.interface))

    def at(
        self,
        key: str,
        interface: Interface,
        *,
        wrong: Callable[[Processor], Processor] | None = None,
    ) -> Card:
        """A card by its key (or `FOREIGN`) as a reader of that kind meets it.

        `wrong` is one of `simulators.cards.faults`, put around the card's inside.
        """
        if key == FOREIGN:
            return foreign_card(interface)
        inside, historical = self._card(key)
        return face(wrong(inside) if wrong else inside, historical, interface)

    def inside(self, key: str) -> SocialSecurityCardOs:
        """What no terminal sees of a card: its files, keys and tries."""
        return self._card(key)[0]

    def _card(self, key: str) -> tuple[SocialSecurityCardOs, bytes]:
        if key not in self._issued:
            self._issued[key] = self._issue(self._cast.card(key))
        return self._issued[key]

    def _issue(self, card: PersonsCard) -> tuple[SocialSecurityCardOs, bytes]:
        issuer = self._cast.issuer_of(card)
        forger = KeyAuthority(issuer.region, self._cast.forger.encode()) if card.forged else None
        spec = issuer.card_spec(self._order(card), keys_of=forger)
        inside = operating_system(spec)
        inside.blocked = card.blocked == "card"
        inside.application("SSSE").blocked = card.blocked == "application"
        return inside, spec.historical

    def _order(self, card: PersonsCard) -> CardOrder:
        return CardOrder(
            holder=self._cast.person(card.person).holder(),
            generation=Generation(card.generation),
            algorithm=Algorithm[card.algorithm],
            serial=card.serial,
            card_number=card.card_number,
            issued=card.issued,
            expires=card.expires,
            card_type=card.card_type,
            algorithm_in_fci=card.algorithm_in_fci,
            pad=card.pad,
            version=card.version,
        )


def load_cast() -> Cast:
    """The cast of `people.toml`. Raises `msgspec.ValidationError`."""
    text = resources.files(__package__).joinpath("people.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=Cast)
