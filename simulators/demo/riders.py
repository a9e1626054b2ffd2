"""Who rides in the demo's bus, and what he has in his hand: purse, phone with a code, ticket."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, Literal

from simulators.cards import Algorithm, Card, Generation
from simulators.ceremony import CardOrder, card_number
from simulators.transit import tickets
from simulators.transit.bus import Passenger
from simulators.transit.city import PurseOrder
from simulators.transit.codes import GOOD, STRANGER, Order
from simulators.transit.lists import FARES, FULL
from simulators.transit.site import BusSite
from trust.references import References
from trust.sm2 import sm2

Shows = Literal[
    "code", "stale", "forged", "small-limit", "same-again", "two-level", "ticket", "text"
]

# Who has which purse; money in fen.
ORDERS: Final[Mapping[str, Mapping[str, object]]] = {
    "normal": {},
    "student": {"card_type": 0x02},
    "senior": {"card_type": 0x03},
    "veteran": {"card_type": 0x05},
    "monthly": {"card_type": 0x11},
    "disabled": {},  # by the list, as the two after them
    "staff": {},
    "driver": {"card_type": 0x70},
    "poor": {"money": FULL - 1},
    "low": {"money": 600},
    "overdrawn": {"money": 50, "overdraft": 800},
    "guest": {"city": "1000", "province": "1000"},
    "student-guest": {"city": "1000", "province": "1000", "card_type": 0x02},
    "stranger": {"city": "1000", "province": "1000", "interoperable": False},
    "test-card": {"card_type": 0x04},
    "barred": {},
    "late": {"expires": "20250101"},
    "early": {"starts": "20980101"},
    "locked": {},
    "stopped": {"state": 2},
    "phone": {"phone": True},
    "plain": {"public_in_fci": False},
    "one-card": {},
    "hasty": {},
    "torn": {},
    "unsent": {},
    "waiting": {},
    "rider": {},
    "cut": {},
    "gone": {},
    "forger": {},
}
BY_LIST: Final = ("disabled", "staff")  # whose card says nothing of it


class Riders:
    """All of them at one site. A person's code has an account of its own."""

    def __init__(self, site: BusSite) -> None:
        self._site = site
        self._references: References = site.references()
        self.passengers: dict[str, Passenger] = {}
        self._cards: dict[str, Card] = {}
        self._last: dict[str, bytes] = {}  # code by who showed it
        for number, (who, order) in enumerate(ORDERS.items(), start=1):
            self._make(who, PurseOrder(card_number=f"3105199{number:012}", **order))  # type: ignore[arg-type]
        self.passengers["locked"].inside.faults.select_sw = 0x6283
        self.passengers["forger"].inside.faults.wrong_mac2 = True

    def card(self, who: str) -> Card:
        return self._cards[who]

    def shown(self, who: str, what: Shows) -> bytes:
        """What the scanner sees of him now."""
        match what:
            case "text":
                return b"https://example.invalid/18"
            case "ticket":
                return self._ticket(who)
            case "same-again":
                return self._last[who]
            case _:
                self._last[who] = self._code(who, what)
                return self._last[who]

    def entitled(self) -> Iterator[tuple[str, str]]:
        """(person reference, class): accounts of every class, and the purses that say nothing."""
        for name in (*FARES, "driver"):
            yield self._references.account(self._account(name)), name
        for name in BY_LIST:
            yield self._references.number(self.passengers[name].number), name

    def barred(self) -> Iterator[Mapping[str, str]]:
        """The blacklist's entries: a purse and an account."""
        yield {"transit": self.passengers["barred"].number}
        yield {"person": self._references.account(self._account("barred"))}

    def _make(self, who: str, order: PurseOrder) -> None:
        city = self._site.transit
        if who != "one-card":
            self.passengers[who] = Passenger(order, city.purse(order))
            self._cards[who] = city.face(self.passengers[who].inside)
            return
        social = CardOrder(
            holder=self._site.cast.people[0].holder(),
            generation=Generation.V3,
            algorithm=Algorithm.SM4,
            serial="00B50001",
            card_number=card_number("Z0000200"),
        )
        inside, card = city.one_card(order, social, self._site.cast.city)
        self.passengers[who], self._cards[who] = Passenger(order, inside.purse), card

    def _account(self, who: str) -> bytes:
        """16 printable bytes, as in his code."""
        return f"621051{list(ORDERS).index(who):010}".encode()

    def _code(self, who: str, what: Shows) -> bytes:
        now = int(time.time())
        order = replace(GOOD, account=self._account(who), generated=now)
        if what == "two-level":  # names no account, but its card
            card = f"{list(ORDERS).index(who):020}"
            return self._site.phones.two_level(replace(order, card=bytes.fromhex(card)))
        changes: Mapping[str, Order] = {
            "code": order,
            "stale": replace(order, generated=now - 2 * order.validity),
            "forged": replace(order, user_signer=STRANGER),
            "small-limit": replace(order, limit=FULL - 1),
        }
        return self._site.phones.three_level(changes[what])

    def _ticket(self, who: str) -> bytes:
        now = int(time.time())
        number = list(ORDERS).index(who).to_bytes(16)
        return tickets.made(
            sm2(), replace(tickets.GOOD, id=number, first=now - 60, last=now + 3600)
        )
