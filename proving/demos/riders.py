"""What a passenger of the demo's bus has in his hand: a purse, a phone with a code, a ticket."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, Literal

from simulators.cards import Card
from simulators.transit import tickets
from simulators.transit.bus import Passenger
from simulators.transit.codes import GOOD, STRANGER, Order
from simulators.transit.lists import FARES, FULL
from simulators.transit.passengers import PurseWallet
from simulators.transit.site import BusSite
from trust.references import References
from trust.sm2 import sm2

Shows = Literal[
    "code", "stale", "forged", "small-limit", "same-again", "two-level", "ticket", "text"
]
BY_LIST: Final = ("disabled", "veteran", "staff")  # whose card says nothing of it


class Riders:
    """All passengers of `passengers.toml` at one site. A person's code has an account of its
    own."""

    def __init__(self, site: BusSite) -> None:
        self._site = site
        self._references: References = site.references()
        self._wallet = PurseWallet(site.transit)
        self._last: dict[str, bytes] = {}  # code by who showed it
        self.passengers: Mapping[str, Passenger] = {
            who: Passenger(told.order, self._wallet.inside(who))
            for who, told in self._wallet.passengers.items()
        }

    def card(self, who: str) -> Card:
        return self._wallet.bring(who)

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
        yield {"transit": self.passengers["listed"].number}
        yield {"person": self._references.account(self._account("listed"))}

    def _number(self, who: str) -> int:
        return list(self.passengers).index(who)

    def _account(self, who: str) -> bytes:
        """16 printable bytes, as in his code."""
        return f"621051{self._number(who):010}".encode()

    def _code(self, who: str, what: Shows) -> bytes:
        now = int(time.time())
        order = replace(GOOD, account=self._account(who), generated=now)
        if what == "two-level":  # names no account, but its card
            card = bytes.fromhex(f"{self._number(who):020}")
            return self._site.phones.two_level(replace(order, card=card))
        changes: Mapping[str, Order] = {
            "code": order,
            "stale": replace(order, generated=now - 2 * order.validity),
            "forged": replace(order, user_signer=STRANGER),
            "small-limit": replace(order, limit=FULL - 1),
        }
        return self._site.phones.three_level(changes[what])

    def _ticket(self, who: str) -> bytes:
        now = int(time.time())
        number = self._number(who).to_bytes(16)
        return tickets.made(
            sm2(), replace(tickets.GOOD, id=number, first=now - 60, last=now + 3600)
        )
