"""Why a tap was decided as it was: the decision computed again, from its row and the signed lists
of that day.

    row ─▶ the text has its hash? ─▶ Seen, identity, checks ─▶ Decider.decide ─▶ the same?
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from agent.deciding import Decider
from agent.identity import Identity, Shown
from agent.reasons import Reason
from agent.scenes.port import Case, Decision, Lists
from offline_store.chain import body_hash
from offline_store.events.happened import LIST, Authentication
from offline_store.events.row import Record
from offline_store.events.tap import Tap
from world import Fault

# `same`: the row says what comes out again. `differs`: row or settings are others by now; `row`:
# its text is not what was hashed. `undecided`: nothing was decided by a scene.
Agreement = Literal["same", "differs", "row", "undecided"]


class NotExplained(Fault):
    """The row holds no tap. Facts: `seq`, `kind`."""

    code = "explain.no-tap"


@dataclass(frozen=True)
class Explanation:
    """`now`: what comes out today; None where nothing could be computed. `by`: the list that
    decided, or empty; `held`: whether this terminal still has it in that version."""

    tap: Tap
    agreement: Agreement
    now: Decision | None = None
    by: str = ""
    version: int = 0
    held: bool = False


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


def explain(record: Record, decider: Decider, lists: Lists | None) -> Explanation:
    """`lists`: those of the row's versions; None: the terminal has them no longer, so that only
    what the row says of them can be gone by. Raises `NotExplained`, what `Record.event` raises."""
    event = record.event()
    if not isinstance(event, Tap):
        raise NotExplained(seq=record.seq, kind=event.kind)
    by, version = _decided_by(event)
    if body_hash(record.body) != record.hash:
        return Explanation(event, "row", None, by, version, lists is not None)
    if not was_decided(event):
        return Explanation(event, "undecided")
    now = replayed(event, decider, lists or Recorded(event))
    same = (now.verdict, str(now.reason), now.checks, now.offline) == (
        event.verdict,
        event.reason,
        event.checks,
        event.offline,
    )
    return Explanation(event, "same" if same else "differs", now, by, version, lists is not None)


def was_decided(tap: Tap) -> bool:
    """By a scene: not where nobody was known, nor where the way was opened first."""
    passed = tap.authentication is not None and tap.authentication.result == "passed"
    return passed and not tap.fault and not tap.opened_first


def replayed(tap: Tap, decider: Decider, lists: Lists) -> Decision:
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


def _shown(tap: Tap) -> Shown | None:
    code = tap.seen.code
    if code is None:
        return None
    return Shown(
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
