"""Why a tap or a payment was decided as it was: the decision computed again, from its row and the
signed lists of that day.

    row, lists ─▶ as they were recorded? ─▶ Seen ─┬▶ Decider.decide            ─▶ the same?
                                                  └▶ the payer's price again   ─▶ the same?

What a payment came to, the card decides and no rule; its end is held against its intent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final, Literal, Protocol

import msgspec

from agent.fares.rules import RuleBook, Rules
from agent.identify.identity import Identity, VerifiedCode
from agent.messages.reasons import Reason, ReasonRow, rows_of
from agent.messages.texts import Texts
from agent.purse.pricing import PricedRide
from agent.scenes.port import Case, Decision, ListsInTurn
from agent.tap.deciding import Decider
from offline_store.chain import verify_chain
from offline_store.events.happened import LIST, Authentication, ListUsed
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.ride import Ride, over
from offline_store.events.row import Record
from offline_store.events.seen import PurseSeen
from offline_store.events.tap import Tap
from offline_store.faults import ListUnreadable
from offline_store.lists.on_disk import Lists
from offline_store.turn import ListView
from world import Fault, cause_of

# `same`: the row says what comes out again. `differs`: row or settings are others by now. `row`:
# its text is not what was recorded; `list`: a list is not what was in force. `undecided`: no scene
# and no price decided it. What cannot be computed: `gone`: a list is not kept in that version any
# more; `unread`: a list could not be read then; `unseen`: the row is of a version that did not say
# what was seen; `intent`: the end of a payment whose beginning is not in this journal any more.
Agreement = Literal[
    "same", "differs", "row", "list", "undecided", "gone", "unread", "unseen", "intent"
]
CONFIRMED: Final[frozenset[Agreement]] = frozenset({"same", "undecided"})
UNCOMPUTED: Final[frozenset[Agreement]] = frozenset({"gone", "unread", "unseen", "intent"})
AROUND: Final = 3  # rows: the one before, the one itself, the one behind it
# What only the card could say, after a price was made.
OF_THE_CARD: Final = frozenset({Reason.LOW_BALANCE, Reason.CARD_UNPROVED})


class NoSuchRow(Fault):
    """The journal holds no such row. Facts: `epoch`, `seq`."""

    code = "explain.no-row"


class RowUnreadable(Fault):
    """The row's text is none. Facts: `epoch`, `seq`."""

    code = "explain.row-unreadable"


class NotExplained(Fault):
    """The row holds neither a tap nor a payment. Facts: `seq`, `kind`."""

    code = "explain.no-tap"


@dataclass(frozen=True)
class Explanation:
    """`now`: what comes out today; None where nothing could be computed. `price`: what a purse was
    to pay, computed again. `by`: the lists that decided, or the one that is gone, altered or could
    not be read; `held`: whether this terminal still has them in that version. `own`: the scene's
    own reasons."""

    at: Reference
    event: Tap | Intent | PaymentEnd
    agreement: Agreement
    now: Decision | None = None
    price: PricedRide | None = None
    by: tuple[ListUsed, ...] = ()
    held: bool = False
    own: Mapping[str, ReasonRow] = field(default_factory=dict)


class Rows(Protocol):
    """The journal, whoever reads it."""

    def records(self, epoch: str | None, after: int, limit: int) -> Sequence[Record]:
        """At most `limit` rows of `epoch` behind row `after`, oldest first."""
        ...


class HeldLists(Protocol):
    """The signed lists that the terminal has; `KeptLists` is one."""

    def missing(self, versions: Mapping[str, int]) -> str:
        """The name of a list that the terminal has no longer in that version; empty: none."""
        ...

    def view_of(self, versions: Mapping[str, int]) -> ListView | None:
        """The long lists as they stood in these versions; None: one of them is gone. Raises
        `ListUnreadable` when one is not what was in force."""
        ...

    def rules_of(self, versions: Mapping[str, int]) -> Rules | None:
        """The same of fares, entitlements and lines."""
        ...


class KeptLists:
    """See `HeldLists`."""

    def __init__(self, lists: Lists, rules: RuleBook) -> None:
        self._lists = lists
        self._rules = rules

    def missing(self, versions: Mapping[str, int]) -> str:
        return self._lists.missing(versions) or self._rules.missing(versions)

    def view_of(self, versions: Mapping[str, int]) -> ListView | None:
        try:
            return self._lists.view_of(versions)
        except OSError as error:
            raise ListUnreadable(list=", ".join(versions), cause=cause_of(error)) from error

    def rules_of(self, versions: Mapping[str, int]) -> Rules | None:
        try:
            return self._rules.rules_of(versions)
        except OSError as error:
            raise ListUnreadable(list=", ".join(versions), cause=cause_of(error)) from error


class Recorded:
    """The lists as the row itself tells of them, where the terminal has them no longer."""

    def __init__(self, tap: Tap) -> None:
        self._tap = tap

    def find_blacklisted(
        self, *, card: str = "", number: str = "", person: str = ""
    ) -> object | None:
        subject = "holder" if person else "card"
        listed = (
            check
            for check in self._tap.checks
            if check.subject == subject and check.status == "listed"
        )
        return next(listed, None)

    def versions(self) -> Mapping[str, int]:
        return {used.name: used.version for used in self._tap.lists}


def explain(epoch: str, seq: int, journal: Rows, decider: Decider, held: HeldLists) -> Explanation:
    """An altered row does not fit between its neighbours. Raises `NoSuchRow`, `RowUnreadable`,
    `NotExplained`, what `journal` raises, and `apdu.transit.files.LayoutUnknown`."""
    around = _around(journal, epoch, seq)
    record = next((row for row in around if row.seq == seq), None)
    if record is None:
        raise NoSuchRow(epoch=epoch, seq=seq)
    event = _explained(record)
    at = record.reference
    if verify_chain(around):
        return Explanation(at, event, "row", by=_decided_by(event))
    try:
        found = _computed(at, event, journal, decider, held)
    except ListUnreadable as fault:
        return Explanation(at, event, "list", by=_named(event, str(fault.facts["list"])))
    return replace(found, own=rows_of(decider.scene.reasons))


def _computed(
    at: Reference,
    event: Tap | Intent | PaymentEnd,
    journal: Rows,
    decider: Decider,
    held: HeldLists,
) -> Explanation:
    """Raises `ListUnreadable`."""
    if isinstance(event, PaymentEnd):
        return _end_explained(at, event, journal, decider, held)
    if isinstance(event, Intent) or event.seen.purse is not None:
        return _purse_explained(at, event, decider, held)
    return _tap_explained(at, event, decider, held)


def _around(journal: Rows, epoch: str, seq: int) -> list[Record]:
    rows = journal.records(epoch, max(0, seq - 2), AROUND)
    return [row for row in rows if row.epoch == epoch and abs(row.seq - seq) <= 1]


def _explained(record: Record) -> Tap | Intent | PaymentEnd:
    try:
        event = record.event()
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RowUnreadable(epoch=record.epoch, seq=record.seq) from error
    if not isinstance(event, Tap | Intent | PaymentEnd):
        raise NotExplained(seq=record.seq, kind=event.kind)
    return event


# Taps


def _tap_explained(at: Reference, tap: Tap, decider: Decider, held: HeldLists) -> Explanation:
    if not was_decided(tap):
        return Explanation(at, tap, "undecided")
    if tap.seen.unreadable:
        return Explanation(at, tap, "unread", by=(ListUsed(tap.seen.unreadable, 0),))
    versions = _versions(tap)
    lists, rules = held.view_of(versions), held.rules_of(versions)
    if rules is None:
        return _gone(at, tap, held)
    now = replayed(tap, decider, lists or Recorded(tap), rules)
    agreement: Agreement = "same" if _same_tap(tap, decider, now, rules) else "differs"
    return Explanation(at, tap, agreement, now, None, _decided_by(tap), lists is not None)


def outcome_of(decided: Tap | Decision) -> tuple[object, ...]:
    """What has to come out again, of either."""
    return decided.verdict, str(decided.reason), decided.checks, decided.offline


def was_decided(tap: Tap) -> bool:
    """By a scene: not where the person stayed unknown, nor where the way was opened first."""
    passed = tap.authentication is not None and tap.authentication.result == "passed"
    return passed and not tap.fault and not tap.opened_first


def replayed(
    tap: Tap, decider: Decider, lists: ListsInTurn, rules: Rules | None = None
) -> Decision:
    """The same decision, from its event. `rules`: the fare lists of that day; None: what the event
    says of the price is taken as it is."""
    case, seen = case_of(tap), tap.seen
    if rules is not None:
        seen = decider.scene.look_again(rules, case, seen).seen
    return decider.decide(lists, case, seen)


def _same_tap(tap: Tap, decider: Decider, now: Decision, rules: Rules) -> bool:
    """The decision, what the ride costs and how that came about."""
    looked = decider.scene.look_again(rules, case_of(tap), tap.seen)
    rode = _fare_of(looked.ride) if tap.verdict == "accepted" else _fare_of(Ride())
    if looked.seen.price is None:  # the scene knows of no price
        rode = _fare_of(tap.ride)
    same_price = looked.seen.price == tap.seen.price and rode == _fare_of(tap.ride)
    return outcome_of(tap) == outcome_of(now) and same_price


def case_of(tap: Tap) -> Case:
    """Of whom it was decided, and when; what the scene itself checked is left out."""
    standing = tuple(check for check in tap.checks if not check.own)
    return Case(identity_of(tap), tap.clock, standing)


def identity_of(tap: Tap) -> Identity:
    """Whom the decision was about, as far as it goes by that; nothing rests on it."""
    return Identity(
        credential=tap.credential,
        card=tap.card,
        number=tap.number,
        person=tap.person,
        issued=_day(tap.seen.card_issued),
        expires=_day(tap.seen.card_expires),
        authentication=tap.authentication or Authentication(mode="none", result="passed"),
        kind=tap.card_kind,
        region=f"{tap.province}0000" if tap.province else "",
        doubts=tap.doubts,
        shown=_shown(tap),
    )


def _shown(tap: Tap) -> VerifiedCode | None:
    code = tap.seen.code
    if code is None:
        return None
    return VerifiedCode(
        code=tap.code,
        uses=code.good_for,
        too_often=Reason.TICKET_USED if code.counted else Reason.CODE_SEEN,
        limit=code.limit,
        content=tap.code_content,
        pays=code.pays,
        counted=code.counted,
    )


def _day(digits: int | None) -> date | None:
    if digits is None:
        return None
    return date(digits // 10_000, digits // 100 % 100, digits % 100)


# Purses


def _end_explained(
    at: Reference, end: PaymentEnd, journal: Rows, decider: Decider, held: HeldLists
) -> Explanation:
    """By its intent, which it has to repeat."""
    around = _around(journal, *end.intent.place)
    record = next((row for row in around if row.seq == end.intent.seq), None)
    if record is None:
        return Explanation(at, end, "intent")
    begun = _explained(record)
    altered = end.intent.hash not in ("", record.hash) or verify_chain(around)
    if altered or not isinstance(begun, Intent):
        return Explanation(at, end, "row", by=_decided_by(begun))
    found = _purse_explained(at, begun, decider, held)
    agreement = found.agreement
    if (begun.purchase, begun.ride) != (end.purchase, end.ride):
        agreement = "differs"
    return Explanation(at, end, agreement, found.now, found.price, found.by, found.held)


def _purse_explained(
    at: Reference, row: Intent | Tap, decider: Decider, held: HeldLists
) -> Explanation:
    """By the price that was made for it."""
    if isinstance(row, Intent) and not row.checks:  # a card only proves itself
        return Explanation(at, row, "undecided")
    purse, payer = row.seen.purse, decider.scene.payer
    if purse is None:
        return Explanation(at, row, "unseen")
    if row.seen.unreadable:
        return Explanation(at, row, "unread", by=(ListUsed(row.seen.unreadable, 0),))
    if payer is None:  # the terminal is another scene's by now
        return Explanation(at, row, "differs", held=True)
    versions = _versions(row)
    lists, rules = held.view_of(versions), held.rules_of(versions)
    if lists is None or rules is None:
        return _gone(at, row, held)
    priced = payer.price_again(lists, rules, row, purse)
    now = Decision("refused" if priced.refused else "accepted", priced.refused or priced.bought)
    agreement: Agreement = "same" if _same_price(row, priced) else "differs"
    by = _priced_by(row, purse, priced, lists)
    return Explanation(at, row, agreement, now, priced, by, held=True)


def _same_price(row: Intent | Tap, priced: PricedRide) -> bool:
    """The same purchase for the same reason, to the letter."""
    if isinstance(row, Tap):
        refused = None if row.reason in OF_THE_CARD else row.reason
        return (priced.refused, priced.ride) == (refused, row.ride)
    ride = msgspec.structs.replace(priced.ride, full=priced.full)
    return (
        priced.refused is None
        and (priced.amount, priced.proof) == (row.purchase.amount, row.purchase.proof)
        and over(row.ride, priced.ride) == row.ride
        and _fare_of(ride) == _fare_of(row.ride)
    )


def _fare_of(ride: Ride) -> tuple[object, ...]:
    """What a price says of a ride; where it was, the vehicle says."""
    return (
        ride.fare,
        ride.full,
        ride.steps,
        ride.concession,
        ride.trip,
        ride.again,
        ride.again_of,
    )


# The lists


def _versions(row: Tap | Intent) -> dict[str, int]:
    return {used.name: used.version for used in row.lists}


def _gone(at: Reference, row: Tap | Intent, held: HeldLists) -> Explanation:
    return Explanation(at, row, "gone", by=_named(row, held.missing(_versions(row))))


def _named(event: Tap | Intent | PaymentEnd, name: str) -> tuple[ListUsed, ...]:
    version = 0 if isinstance(event, PaymentEnd) else _versions(event).get(name, 0)
    return (ListUsed(name, version),)


def _decided_by(event: Tap | Intent | PaymentEnd) -> tuple[ListUsed, ...]:
    """The list that an entry was found in; of a price the lists that it goes by."""
    if isinstance(event, PaymentEnd):
        return ()
    for check in event.checks:
        if check.status == "listed" and check.source.startswith(LIST):
            name, _, version = check.source.removeprefix(LIST).partition("@")
            return (ListUsed(name, int(version)),)
    return _made_by(event, event.ride) if event.ride.steps else ()


def _priced_by(
    row: Intent | Tap, purse: PurseSeen, priced: PricedRide, lists: ListView
) -> tuple[ListUsed, ...]:
    if priced.refused == Reason.BLACKLISTED:
        return _named(row, "blacklist")
    if priced.refused == Reason.WRONG_CITY and not lists.issuer_allowed(
        bytes.fromhex(purse.issuer)
    ):
        return _named(row, "issuers")
    return _made_by(row, priced.ride)


def _made_by(row: Intent | Tap, ride: Ride) -> tuple[ListUsed, ...]:
    """`fares`, and `entitlements` where the person stands in it; empty: the settings' flat fare."""
    personal = any(
        step.startswith("concession ") and step.split()[2] == "person"
        for step in ride.steps.split("; ")
    )
    names = ("fares", "entitlements") if personal else ("fares",)
    return tuple(used for used in row.lists if used.name in names)


# Words


def sentences(found: Explanation, texts: Texts) -> str:
    """For a person: what was decided, by what, and whether it comes out again."""
    said = [_told(found, texts)]
    if found.agreement in ("same", "differs"):
        said += [
            texts.ui("explain-by-list", list=one.name, version=one.version) for one in found.by
        ]
        said += [] if found.by else [texts.ui("explain-by-rule")]
        said += [] if found.held else [texts.ui("explain-not-held")]
    if found.price is not None and found.price.refused is None:
        amount, steps = found.price.amount, found.price.ride.steps or "–"
        said.append(texts.ui("explain-price", amount=amount, steps=steps))
    first = found.by[0] if found.by else ListUsed("", 0)
    now = _happened(found, str(found.now.reason), texts) if found.now is not None else "–"
    facts: dict[str, str | int] = {"list": first.name, "version": first.version, "now": now}
    said.append(texts.ui(f"explain-{found.agreement}", **facts))
    return " ".join(said)


def _happened(found: Explanation, reason: str, texts: Texts) -> str:
    """What a reason means, in the scene's words where it is the scene's own."""
    row = found.own.get(reason)
    return texts.happened(reason) if row is None else row.meaning[texts.language]


def _told(found: Explanation, texts: Texts) -> str:
    """What the row says."""
    event, seq = found.event, found.at.seq
    if isinstance(event, Tap):
        return texts.ui(
            f"verdict-{event.verdict}", seq=seq, reason=_happened(found, event.reason, texts)
        )
    amount = event.purchase.amount
    if isinstance(event, Intent):
        return texts.ui("explain-begun", seq=seq, amount=amount)
    return texts.ui(f"explain-payment-{event.outcome}", seq=seq, amount=amount)


def answer(found: Explanation, texts: Texts) -> dict[str, object]:
    """As a JSON object."""
    event, first = found.event, found.by[0] if found.by else ListUsed("", 0)
    return {
        "epoch": found.at.epoch,
        "seq": found.at.seq,
        "kind": event.kind,
        "agreement": found.agreement,
        "verdict": "" if isinstance(event, Intent) else event.verdict or "",
        "reason": event.reason,
        "list": first.name,
        "list_version": first.version,
        "lists": {one.name: one.version for one in found.by},
        "list_held": found.held,
        "amount": None if isinstance(event, Tap) else event.purchase.amount,
        "now": _now(found),
        "sentence": sentences(found, texts),
    }


def _now(found: Explanation) -> dict[str, object] | None:
    if found.now is None:
        return None
    now: dict[str, object] = {"verdict": found.now.verdict, "reason": str(found.now.reason)}
    if found.price is not None:
        now |= {"amount": found.price.amount, "steps": found.price.ride.steps}
    return now
