"""Why a tap was decided as it was: the decision computed again, from its row and the signed lists
of that day.

    row, lists ─▶ as they were recorded? ─▶ Seen, identity, checks ─▶ Decider.decide ─▶ the same?
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

import msgspec

from agent.identify.identity import Identity, VerifiedCode
from agent.messages.reasons import Reason, ReasonRow, rows_of
from agent.messages.texts import Texts
from agent.scenes.port import Case, Decision, ListsInTurn
from agent.tap.deciding import Decider
from offline_store.chain import verify_chain
from offline_store.events.happened import LIST, Authentication
from offline_store.events.reference import Reference
from offline_store.events.row import Record
from offline_store.events.tap import Tap
from offline_store.faults import ListUnreadable
from world import Fault

# `same`: the row says what comes out again. `differs`: row or settings are others by now. `row`:
# its text is not what was recorded; `list`: a list is not what was in force. `undecided`: nothing
# was decided by a scene.
Agreement = Literal["same", "differs", "row", "list", "undecided"]


class NoSuchRow(Fault):
    """The journal holds no such row. Facts: `epoch`, `seq`."""

    code = "explain.no-row"


class RowUnreadable(Fault):
    """The row's text is none. Facts: `epoch`, `seq`."""

    code = "explain.row-unreadable"


class NotExplained(Fault):
    """The row holds no tap. Facts: `seq`, `kind`."""

    code = "explain.no-tap"


@dataclass(frozen=True)
class Explanation:
    """`now`: what comes out today; None where nothing could be computed. `by`: the list that
    decided, or empty; `held`: whether this terminal still has it in that version. `own`: the
    scene's own reasons."""

    at: Reference
    tap: Tap
    agreement: Agreement
    now: Decision | None = None
    by: str = ""
    version: int = 0
    held: bool = False
    own: Mapping[str, ReasonRow] = field(default_factory=dict)


class HeldLists(Protocol):
    """The signed lists that the terminal has; `offline_store.lists.on_disk.Lists` is one."""

    def view_of(self, versions: Mapping[str, int]) -> ListsInTurn | None:
        """As they stood in these versions; None: one of them is gone. Raises `ListUnreadable` when
        one is not what was in force."""
        ...


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


def explain(
    epoch: str, seq: int, rows: Sequence[Record], decider: Decider, held: HeldLists
) -> Explanation:
    """`rows`: of the epoch, the one before, the one itself, and the one behind it, as far as there
    are any: an altered one does not fit between them. Raises `NoSuchRow`, `RowUnreadable`,
    `NotExplained`."""
    around = [row for row in rows if row.epoch == epoch]
    record = next((row for row in around if row.seq == seq), None)
    if record is None:
        raise NoSuchRow(epoch=epoch, seq=seq)
    event = _tap_of(record)
    at, (by, version) = record.reference, _decided_by(event)
    if verify_chain(around):
        return Explanation(at, event, "row", None, by, version)
    if not was_decided(event):
        return Explanation(at, event, "undecided")
    try:
        lists = held.view_of({used.name: used.version for used in event.lists})
    except ListUnreadable as fault:
        return Explanation(at, event, "list", None, str(fault.facts["list"]))
    now = replayed(event, decider, lists or Recorded(event))
    agreement: Agreement = "same" if outcome_of(event) == outcome_of(now) else "differs"
    own = rows_of(decider.scene.reasons)
    return Explanation(at, event, agreement, now, by, version, lists is not None, own)


def _tap_of(record: Record) -> Tap:
    try:
        event = record.event()
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RowUnreadable(epoch=record.epoch, seq=record.seq) from error
    if not isinstance(event, Tap):
        raise NotExplained(seq=record.seq, kind=event.kind)
    return event


def outcome_of(decided: Tap | Decision) -> tuple[object, ...]:
    """What has to come out again, of either."""
    return decided.verdict, str(decided.reason), decided.checks, decided.offline


def was_decided(tap: Tap) -> bool:
    """By a scene: not where the person stayed unknown, nor where the way was opened first."""
    passed = tap.authentication is not None and tap.authentication.result == "passed"
    return passed and not tap.fault and not tap.opened_first


def replayed(tap: Tap, decider: Decider, lists: ListsInTurn) -> Decision:
    """The same decision, from its event."""
    standing = tuple(check for check in tap.checks if not check.own)
    case = Case(identity_of(tap), tap.clock, standing)
    return decider.decide(lists, case, tap.seen)


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


def _decided_by(tap: Tap) -> tuple[str, int]:
    """The list, and its version, that an entry was found in; empty: none decided."""
    for check in tap.checks:
        if check.status == "listed" and check.source.startswith(LIST):
            name, _, version = check.source.removeprefix(LIST).partition("@")
            return name, int(version)
    return "", 0


def sentences(found: Explanation, texts: Texts) -> str:
    """For a person: what was decided, by what, and whether it comes out again."""
    facts: dict[str, str | int] = {
        "seq": found.at.seq,
        "reason": _happened(found, found.tap.reason, texts),
        "list": found.by,
        "version": found.version,
        "now": _happened(found, str(found.now.reason), texts) if found.now is not None else "",
    }
    said = [texts.ui(f"verdict-{found.tap.verdict}", **facts)]
    if found.agreement in ("same", "differs"):
        said.append(texts.ui("explain-by-list" if found.by else "explain-by-rule", **facts))
        said += [] if found.held else [texts.ui("explain-not-held", **facts)]
    said.append(texts.ui(f"explain-{found.agreement}", **facts))
    return " ".join(said)


def _happened(found: Explanation, reason: str, texts: Texts) -> str:
    """What a reason means, in the scene's words where it is the scene's own."""
    row = found.own.get(reason)
    return texts.happened(reason) if row is None else row.meaning[texts.language]


def answer(found: Explanation, texts: Texts) -> dict[str, object]:
    """As a JSON object."""
    return {
        "epoch": found.at.epoch,
        "seq": found.at.seq,
        "agreement": found.agreement,
        "verdict": found.tap.verdict,
        "reason": found.tap.reason,
        "list": found.by,
        "list_version": found.version,
        "list_held": found.held,
        "now": _now(found.now),
        "sentence": sentences(found, texts),
    }


def _now(decision: Decision | None) -> dict[str, str] | None:
    if decision is None:
        return None
    return {"verdict": decision.verdict, "reason": str(decision.reason)}
