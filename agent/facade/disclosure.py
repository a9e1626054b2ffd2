"""What leaves this terminal about a person is in the journal before it leaves.

An event says to whom (client, user or origin), what for, by which call, which fields by name, and
what the holder did; it never holds a value. What cannot be stored is not handed out, nor is, where
the settings want that, what a status service has something against.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec import structs

from agent.facade.fields import beyond_gbk
from agent.facade.standing import StandsAgainst, StatusQuestion, StatusReader
from agent.messages.reasons import Reason
from apdu.social_security.authentication import BasicRead
from drivers.contract import Interface
from offline_store.clock import Clock
from offline_store.events.happened import Authentication
from offline_store.events.terminal import Disclosure as Event
from offline_store.store import Entry, Store, Turn
from trust import canonical
from trust.references import References

# `card-left-lying`: nobody was seen to put it there (`drivers.contract.Presence`).
Act = Literal["card-inserted", "card-presented", "card-left-lying", "pin-entered"]

BASIC = (
    "region,social-security-number,card-number,card-id,name,historical-bytes,version,issue-date,"
    "expiry-date"
)
NEW_PIN = "new-pin"  # for the caller's HSM; capability `pin-clear`
CARD_SIDE = "region,historical-bytes,card-id"  # what the first step of the HSM group tells


@dataclass(frozen=True)
class Recipient:
    """Who is given something: `client` by name in the settings, `caller` as the system knows it."""

    client: str
    caller: str  # "user:NAME uid:N pid:N" or "origin:… user:NAME uid:N"
    purpose: str


@dataclass(frozen=True, repr=False)
class PlannedDisclosure:
    """What is about to be told of a card. `number` is empty where it was not read."""

    fields: str  # names, joined by commas
    card_id: str  # 32 hex digits; empty where it was not read
    number: str = ""
    name: str = ""
    authentication: Authentication | None = None
    asked: StatusQuestion | None = None  # how holder and card stand, where that is asked
    doubts: Sequence[str] = ()  # what is odd about the card, or places that are not legible


def basic(read: BasicRead, asked: StatusQuestion | None) -> PlannedDisclosure:
    """The 11 fields of the basic read."""
    return PlannedDisclosure(
        BASIC,
        read.card_id,
        read.holder.social_security_number,
        read.holder.name,
        Authentication(
            mode=read.authenticated.mode,
            result="passed",
            generation=read.generation.value,
            algorithm=read.algorithm.value,
            key=read.authenticated.key,
            terminal_number=read.authenticated.terminal_number,
        ),
        asked,
        [doubt.value for doubt in read.doubts],
    )


class DisclosureBook:
    """Writes disclosures; called on the readers' threads."""

    def __init__(
        self, clock: Clock, store: Store, references: References, standing: StatusReader
    ) -> None:
        self._clock = clock
        self._store = store
        self._references = references
        self._standing = standing

    def write(
        self,
        disclosure: PlannedDisclosure,
        recipient: Recipient,
        *,
        function: str,
        lane: str,
        interface: Interface,
        act: Act,
    ) -> None:
        """Durable on return, and also when it is refused. Raises `Unstored`, `StandsAgainst`."""
        refusal: Reason | None = None
        clock = self._clock.read()
        asked = disclosure.asked
        references, card_id = self._references, disclosure.card_id
        number = canonical.id_number(disclosure.number)
        told = Event(
            clock=clock,
            lane=lane,
            reason="disclosed",
            credential=f"card-{interface.value}",
            card=references.card(bytes.fromhex(card_id)) if card_id else "",
            person=references.person(number) if number else "",
            application=self._standing.application if asked else "",
            authentication=disclosure.authentication,
            status_fault=asked.findings.fault if asked is not None else "",
            doubts=tuple(disclosure.doubts),
            client=recipient.client,
            caller=recipient.caller,
            purpose=recipient.purpose,
            function=function,
            fields=disclosure.fields,
            act=act,
            beyond_gbk=beyond_gbk(disclosure.name),
        )

        def decide(turn: Turn) -> Entry:
            nonlocal refusal
            checks = self._standing.checks(turn, asked, clock)
            refusal = self._standing.refusal(checks, disclosure.doubts)
            checked = structs.replace(told, checks=checks)
            return Entry(checked if refusal is None else _withheld(checked, refusal))

        self._store.turn(decide)
        if refusal is not None:
            raise StandsAgainst(standing=refusal.value)


def _withheld(told: Event, reason: Reason) -> Event:
    """The same, where nothing was handed out."""
    return structs.replace(
        told, verdict="refused", reason=reason.value, fields="", withheld=told.fields
    )
