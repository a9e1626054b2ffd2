"""Rows of version 1: what stood in them as texts under names, read as the events of today.

Only reading: such a row keeps its text, its hash and its version for as long as it is kept.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from offline_store.clock import ClockQuality, ClockReading
from offline_store.events.about import Alarm, GiveBack, LostRows, Passage, Recovery
from offline_store.events.happened import (
    Authentication,
    Check,
    Happened,
    ListUsed,
    Verdict,
)
from offline_store.events.payment import Intent, PaymentEnd
from offline_store.events.reference import Reference
from offline_store.events.ride import Outcome, Purchase, Ride, Trip
from offline_store.events.seen import (
    CardTold,
    CardTrip,
    CodeSeen,
    LastRide,
    Price,
    RidesBefore,
    Seen,
    TripPoint,
)
from offline_store.events.tap import StageTimes, Tap
from offline_store.events.terminal import (
    Checkpoint,
    Disclosure,
    Shift,
    ShiftTotals,
    SignIn,
    Takings,
)

Texts = Mapping[str, int | str]
Kind1 = Literal[
    "tap",
    "intent",
    "payment-end",
    "passage",
    "recovery",
    "give-back",
    "checkpoint",
    "alarm",
    "disclosure",
]
# Taps that were none; in place of a scene.
SIGN_IN: Final = "staff-sign-in"
SHIFT: Final = "driver-shift"


class Event1(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The text of a row of version 1."""

    kind: Kind1
    time_ms: int
    clock: ClockQuality
    boot: str
    up_ms: int = 0
    lane: str = ""
    scene: str = ""
    credential: str = ""
    card: str = ""
    person: str = ""
    code: str = ""
    verdict: Verdict | None = None
    reason: str = ""
    authentication: Authentication | None = None
    checks: tuple[Check, ...] = ()
    application: str = ""
    amounts: dict[str, int] = {}  # fen
    evidence: dict[str, str] = {}  # hex
    lists: dict[str, int] = {}
    state: dict[str, int | str] = {}
    stages_us: dict[str, int] = {}
    refers: int | None = None  # a seq of the same epoch
    detail: dict[str, int | str] = {}
    v: Literal[1]
    terminal: str
    epoch: str
    seq: int
    prev: str
    sealed: str = ""


def decoded(body: str | bytes) -> Event1:
    """The text of such a row. Raises `msgspec.MsgspecError`, `RecursionError` when it is none."""
    return _decoder.decode(body)


def upgraded(old: Event1) -> tuple[Any, Reference | None]:
    """The event of today, and where it stood before if it was entered again.

    Raises `msgspec.ValidationError`: what it says is no event of its kind.
    """
    try:
        return _maker(old)(old), _was(old)
    except (KeyError, TypeError, ValueError) as error:
        raise msgspec.ValidationError(f"no {old.kind} of version 1") from error


def _maker(old: Event1) -> Callable[[Event1], Happened]:
    if old.kind == "tap" and old.scene == SIGN_IN:
        return _sign_in
    if old.kind == "tap" and old.scene == SHIFT:
        return _shift
    return _MAKERS[old.kind]


def _header(old: Event1) -> dict[str, Any]:
    return {
        "clock": ClockReading(old.time_ms, old.clock, old.boot, old.up_ms),
        "reason": old.reason,
        "lane": old.lane,
        "scene": old.scene,
    }


def _person(old: Event1) -> dict[str, Any]:
    return {
        **_header(old),
        "credential": old.credential,
        "card": old.card,
        "person": old.person,
        "application": old.application,
    }


def _checked(old: Event1) -> dict[str, Any]:
    return {
        **_person(old),
        "authentication": old.authentication,
        "checks": old.checks,
        "status_fault": _text(old.detail, "status_fault"),
        "doubts": _doubts(old.detail),
        "lists": tuple(ListUsed(name, version) for name, version in old.lists.items()),
    }


def _tap(old: Event1) -> Tap:
    said = old.detail
    return Tap(
        **_checked(old),
        verdict=_verdict(old),
        code=old.code,
        code_content=old.evidence.get("code", ""),
        card_kind=_text(said, "card_kind"),
        ride=_ride(old),
        seen=_seen(old.state),
        offline=msgspec.convert(said.get("offline", ""), Literal["", "own", "foreign"]),
        stages_us=msgspec.convert(old.stages_us, StageTimes),
        fault=_text(said, "fault"),
        held_by=_text(said, "holder"),
        unstored_before=int(said.get("unstored_before", 0)),
        opened_first="opened_first" in said,
    )


def _intent(old: Event1) -> Intent:
    return Intent(**_checked(old), purchase=_purchase(old), ride=_ride(old), seen=_seen(old.state))


def _payment_end(old: Event1) -> PaymentEnd:
    outcome: Outcome = "not-made"
    if "confirmed" in old.amounts:
        outcome = "confirmed"
    elif "grey" in old.amounts:
        outcome = "grey"
    return PaymentEnd(
        **_person(old),
        intent=_named(old, "intent_epoch", "intent_seq"),
        outcome=outcome,
        purchase=_purchase(old),
        ride=_ride(old),
        verdict=old.verdict,
        mac2=msgspec.convert(
            old.detail["mac2"], Literal["verified", "proved", "unverified", "refused", "none"]
        ),
        tac=old.evidence.get("tac", ""),
        balance_after=old.amounts.get("balance_after"),
        proved_by=old.evidence.get("proved_by", ""),
        doubts=_doubts(old.detail),
    )


def _passage(old: Event1) -> Passage:
    return Passage(**_header(old), about=_about(old), direction=_text(old.detail, "direction"))


def _recovery(old: Event1) -> Recovery:
    return Recovery(**_header(old), about=_named(old, "epoch", "seq"))


def _give_back(old: Event1) -> GiveBack:
    return GiveBack(
        **_person(old),
        about=_named(old, "epoch", "seq"),
        returns=msgspec.convert(old.detail["returns"], Literal["visit", "ride"]),
        amount=old.amounts.get("amount", 0),
        code=old.code,
        again_of=_text(old.detail, "again_of"),
        given_back_today=int(old.state.get("given_back_today", 0)),
    )


def _alarm(old: Event1) -> Alarm:
    said = old.detail
    lost = None
    if "first" in said:
        lost = LostRows(epoch=str(said["epoch"]), first=int(said["first"]), last=int(said["last"]))
    receipted = said.get("receipted")
    return Alarm(
        **_header(old),
        about=None if lost else _about(old),
        direction=_text(said, "direction"),
        reader=_text(said, "reader"),
        file=_text(said, "file"),
        lost=lost,
        receipted=None if receipted is None else int(receipted),
    )


def _checkpoint(old: Event1) -> Checkpoint:
    said = {**old.detail}
    names = ("cause", "step", "head", "before", "file", "contested")
    return msgspec.convert(
        {**_header(old), "kind": "checkpoint", **{n: said[n] for n in names if n in said}},
        Checkpoint,
    )


def _disclosure(old: Event1) -> Disclosure:
    said = old.detail
    return Disclosure(
        **_checked(old),
        client=_text(said, "client"),
        caller=_text(said, "caller"),
        purpose=_text(said, "purpose"),
        function=_text(said, "function"),
        fields=_text(said, "fields"),
        withheld=_text(said, "withheld"),
        act=_text(said, "act"),
        verdict=old.verdict,
        beyond_gbk=int(said.get("beyond_gbk", 0)),
    )


def _sign_in(old: Event1) -> SignIn:
    return SignIn(
        **_checked(old),
        verdict=_verdict(old),
        lasting_s=int(old.detail.get("lasting_s", 0)),
        session=_about(old),
    )


def _shift(old: Event1) -> Shift:
    said = old.detail
    closed = "rides" in said
    mark = "until" if closed else "after"
    after = None
    if said.get(f"{mark}_epoch"):
        after = Reference(str(said[f"{mark}_epoch"]), int(said[f"{mark}_seq"]))
    return Shift(
        **_person(old),
        shift=_text(said, "shift"),
        vehicle=_text(said, "vehicle"),
        line=_text(said, "line"),
        direction=_text(said, "direction"),
        after=after,
        opened_ms=int(said["opened_ms"]) if closed else None,
        totals=_totals(old) if closed else None,
    )


def _totals(old: Event1) -> ShiftTotals:
    takings = []
    for name, amount in old.amounts.items():
        group, _, credential = name.rpartition(" ")
        rides = int(old.state[name])
        takings.append(Takings(group=group, credential=credential, rides=rides, amount=amount))
    return ShiftTotals(
        rides=int(old.detail["rides"]),
        amount=int(old.detail["amount"]),
        refused=int(old.state.get("refused", 0)),
        unknown=int(old.state.get("unknown", 0)),
        takings=tuple(takings),
    )


_MAKERS: Final[Mapping[Kind1, Callable[[Event1], Happened]]] = {
    "tap": _tap,
    "intent": _intent,
    "payment-end": _payment_end,
    "passage": _passage,
    "recovery": _recovery,
    "give-back": _give_back,
    "alarm": _alarm,
    "checkpoint": _checkpoint,
    "disclosure": _disclosure,
}


# Parts


def _verdict(old: Event1) -> Verdict:
    if old.verdict is None:
        raise ValueError("no verdict")
    return old.verdict


def _named(old: Event1, epoch: str, seq: str) -> Reference:
    """The earlier row, by its seq in this epoch or by what the detail has under these names."""
    if seq in old.detail:
        return Reference(str(old.detail[epoch]), int(old.detail[seq]))
    if old.refers is not None:
        return Reference(old.epoch, old.refers)
    # Entered again: the seq was one of its old epoch.
    return Reference(str(old.detail["was_epoch"]), int(old.detail["was_refers"]))


def _was(old: Event1) -> Reference | None:
    said = old.detail
    if "was_seq" not in said:
        return None
    return Reference(str(said["was_epoch"]), int(said["was_seq"]))


def _about(old: Event1) -> Reference | None:
    named = old.refers is not None or {"seq", "was_refers"} & old.detail.keys()
    return _named(old, "epoch", "seq") if named else None


def _text(texts: Texts, name: str) -> str:
    return str(texts.get(name, ""))


def _number(texts: Texts, name: str) -> int | None:
    return int(texts[name]) if name in texts else None


def _doubts(detail: Texts) -> tuple[str, ...]:
    doubts = _text(detail, "doubts")
    return tuple(doubts.split(",")) if doubts else ()


def _purchase(old: Event1) -> Purchase:
    """Raises `KeyError` where something is missing."""
    said, shown = old.detail, old.evidence
    return Purchase(
        amount=old.amounts["amount"],
        balance_before=old.amounts["balance_before"],
        overdraft=old.amounts.get("overdraft", 0),
        card_number=shown["card_number"],
        issuer=shown.get("issuer", ""),
        terminal=shown.get("terminal", ""),
        psam_serial=shown.get("psam_serial", ""),
        psam_seq=shown.get("psam_seq", ""),
        type=int(said["type"]),
        moment=str(said["moment"]),
        card_seq=int(said["card_seq"]),
        key_version=int(said.get("key_version", 0)),
        key_index=int(said.get("key_index", 0)),
        algorithm=int(said.get("algorithm", 0)),
        province=_text(said, "province"),
        city=_text(said, "city"),
        card_type=int(said.get("card_type", 0)),
        proof="proof" in said,
    )


def _ride(old: Event1) -> Ride:
    said = old.detail
    again = None
    if "again_seq" in said:
        again = Reference(str(said["again_epoch"]), int(said["again_seq"]))
    return Ride(
        line=_text(said, "line"),
        direction=_text(said, "direction") if old.kind != "passage" else "",
        vehicle=_text(said, "vehicle"),
        driver=_text(said, "driver"),
        shift=_text(said, "shift"),
        station=_text(said, "station"),
        line_code=_number(said, "line_code"),
        station_code=_number(said, "station_code"),
        fare=old.amounts.get("fare"),
        full=old.amounts.get("full"),
        steps=_text(said, "steps"),
        concession=_text(said, "concession"),
        trip=_trip(said),
        again=again,
        again_of=_text(said, "again_of"),
        card_told="card_told" in said,
    )


def _trip(said: Texts) -> Trip | None:
    names = ("trip", "trip_type", "entry_station", "entry_moment", "missing", "overstay")
    if not any(name in said for name in names):
        return None
    return Trip(
        end=msgspec.convert(said.get("trip"), Literal["entry", "exit"] | None),
        type=int(said.get("trip_type", 0)),
        entry_station=_text(said, "entry_station"),
        entry_moment=_text(said, "entry_moment"),
        missing=_number(said, "missing"),
        overstay=_number(said, "overstay"),
    )


def _seen(state: Texts) -> Seen:
    return Seen(
        card_issued=_number(state, "card_issued"),
        card_expires=_number(state, "card_expires"),
        last_entry_ms=_number(state, "last_entry_ms"),
        offline_today=_number(state, "offline_today"),
        foreign_offline_today=_number(state, "foreign_offline_today"),
        code=_code(state),
        price=_price(state),
        rides=_rides(state),
        card=_card(state),
        trip=_card_trip(state),
    )


def _code(state: Texts) -> CodeSeen | None:
    if "code_uses" not in state:
        return None
    return CodeSeen(
        uses=int(state["code_uses"]),
        last_ms=_number(state, "last_code_ms"),
        last_account_ms=_number(state, "last_account_ms"),
        good_for=int(state.get("code_good_for", 1)),
    )


def _price(state: Texts) -> Price | None:
    if not {"driver", "price", "unpriced"} & state.keys():
        return None
    return Price(
        amount=_number(state, "price"),
        full=_number(state, "price_full"),
        refused=_text(state, "unpriced"),
        passes=_text(state, "passes"),
        driver="driver" in state,
    )


def _rides(state: Texts) -> RidesBefore | None:
    if "paid_today" not in state:
        return None
    last = None
    if "last_line" in state:
        last = LastRide(
            str(state["last_line"]),
            int(state["last_ms"]),
            int(state["last_paid"]),
            int(state["last_transfers"]),
        )
    return RidesBefore(
        int(state["paid_today"]), int(state["rides_today"]), int(state["conceded_today"]), last
    )


def _card(state: Texts) -> CardTold | None:
    if not {"card_line", "card_day_ms"} & state.keys():
        return None
    return CardTold(
        line=_number(state, "card_line"),
        time_ms=_number(state, "card_ms"),
        day_ms=_number(state, "card_day_ms"),
        paid_today=_number(state, "card_paid_today"),
        conceded_today=_number(state, "card_conceded_today"),
        transfers=_number(state, "card_transfers"),
    )


def _card_trip(state: Texts) -> CardTrip | None:
    if "trip_state" not in state:
        return None
    return CardTrip(int(state["trip_state"]), _point(state, "entry"), _point(state, "exit"))


def _point(state: Texts, end: str) -> TripPoint:
    return TripPoint(
        *(_text(state, f"trip_{end}_{part}") for part in ("city", "station", "terminal", "time"))
    )


_decoder = msgspec.json.Decoder(Event1)
