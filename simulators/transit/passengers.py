"""The passengers of `passengers.toml`, and their purses as objects, each issued once.

A purse that comes twice is the same purse with the same money; what is on all of them together is
one side of a money equation.
"""

from collections.abc import Mapping
from functools import cached_property
from importlib import resources
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from simulators.cards import Algorithm, Card, Generation, Interface, face
from simulators.cards.purse import OneCard, PurseFaults, PurseOs
from simulators.ceremony import CardOrder, KeyAuthority, card_number
from simulators.people import Cast, Person, load_cast
from simulators.transit.city import PurseOrder, TransitCity

HOME = "5199"


class SocialRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The social security side of a card that has both."""

    generation: Literal["3.0"]
    serial: Annotated[str, Meta(pattern=r"^[0-9A-F]{8}$")]
    card_number: Annotated[str, Meta(pattern=r"^[0-9A-Z]{8}$")]  # without its check character


class Passenger(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One transit card, who has it, and what is wrong with it."""

    key: str
    number: Annotated[str, Meta(pattern=r"^[0-9]{19}$")]
    money: int
    person: str = ""  # a key of `people.toml`; empty: nobody knows
    issuer: Annotated[str, Meta(pattern=r"^[0-9A-F]{16}$")] = "01015199FFFFFFFF"
    province: str = "5100"
    city: Annotated[str, Meta(pattern=r"^[0-9]{4}$")] = HOME
    card_type: int = 0x01
    interoperable: bool = True
    overdraft: int = 0
    starts: str = "20200101"
    expires: str = "20991231"
    state: int = 0x01
    key_version: int = 1
    phone: bool = False
    public_in_fci: bool = True
    social: SocialRow | None = None
    blacklisted: bool = False
    forged: bool = False
    select_sw: int = 0
    lies: int = 0
    wrong_mac2: bool = False
    wrong_tac: bool = False

    @property
    def order(self) -> PurseOrder:
        """What the issuer makes of it."""
        return PurseOrder(
            card_number=self.number,
            issuer=self.issuer,
            city=self.city,
            province=self.province,
            card_type=self.card_type,
            interoperable=self.interoperable,
            money=self.money,
            overdraft=self.overdraft,
            state=self.state,
            starts=self.starts,
            expires=self.expires,
            key_version=self.key_version,
            phone=self.phone,
            public_in_fci=self.public_in_fci,
        )


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    passengers: tuple[Passenger, ...]


def load_passengers() -> Mapping[str, Passenger]:
    """All of `passengers.toml`, by key, in order. Raises `msgspec.ValidationError`."""
    text = resources.files(__package__).joinpath("passengers.toml").read_text("utf-8")
    file = msgspec.toml.decode(text, type=_File)
    return {passenger.key: passenger for passenger in file.passengers}


class PurseWallet:
    """All passengers' cards, made when they first come."""

    def __init__(self, transit: TransitCity | None = None) -> None:
        self.transit = transit or TransitCity()
        self.passengers = load_passengers()
        self._issued: dict[str, tuple[PurseOs, OneCard | None, bytes]] = {}

    def bring(self, key: str, interface: Interface = Interface.CONTACTLESS) -> Card:
        """The card as a reader of that kind meets it. Raises `KeyError`."""
        purse, both, historical = self._card(key)
        if both is None:
            return self.transit.face(purse, interface)
        return face(both, historical, interface)

    def inside(self, key: str) -> PurseOs:
        """What no terminal sees of a purse: its money. Raises `KeyError`."""
        return self._card(key)[0]

    def person(self, key: str) -> Person | None:
        """Whose card it is, where anybody knows. Raises `KeyError`."""
        passenger = self.passengers[key]
        return self._people.person(passenger.person) if passenger.person else None

    @property
    def money(self) -> int:
        """On all cards that have come together, fen."""
        return sum(purse.money for purse, _, _ in self._issued.values())

    @property
    def money_at_first(self) -> int:
        """The same before anybody paid."""
        return sum(self.passengers[key].money for key in self._issued)

    @cached_property
    def _forger(self) -> TransitCity:
        return TransitCity(b"somebody else's purse keys")

    @cached_property
    def _people(self) -> Cast:
        return load_cast()

    def _card(self, key: str) -> tuple[PurseOs, OneCard | None, bytes]:
        if key not in self._issued:
            self._issued[key] = self._issue(self.passengers[key])
        return self._issued[key]

    def _issue(self, passenger: Passenger) -> tuple[PurseOs, OneCard | None, bytes]:
        issuer = self._forger if passenger.forged else self.transit
        both, historical = None, b""
        if passenger.social is None:
            purse = issuer.purse(passenger.order)
        else:
            city = KeyAuthority(self._people.region, self._people.seed.encode())
            both, _ = issuer.one_card(passenger.order, self._social(passenger), city)
            purse, historical = both.purse, city.historical(passenger.social.serial)
        purse.faults = PurseFaults(
            select_sw=passenger.select_sw,
            wrong_mac2=passenger.wrong_mac2,
            wrong_tac=passenger.wrong_tac,
            lies=passenger.lies,
        )
        return purse, both, historical

    def _social(self, passenger: Passenger) -> CardOrder:
        row, person = passenger.social, self.person(passenger.key)
        if row is None or person is None:
            raise ValueError(f"{passenger.key} has no social security card")
        return CardOrder(
            holder=person.holder(),
            generation=Generation(row.generation),
            algorithm=Algorithm.SM4,
            serial=row.serial,
            card_number=card_number(row.card_number),
        )
