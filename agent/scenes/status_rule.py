"""How people stand (卡鉴权), judged: what each answer means, and what goes while none comes.

Pure. An answer against a person counts however old it is; one in the person's favour counts when a
service gave it just now, or when it is young enough and the scene's limits for unanswered taps
allow it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from agent.identify.identity import Identity
from agent.messages.reasons import Reason
from agent.scenes.port import Case, Offline, SceneTurn
from config.model import Offline as OfflineSettings
from offline_store.clock import ClockReading
from offline_store.events.happened import NORMAL, NOT_ASKED, Check, Subject
from offline_store.events.seen import NOTHING_SEEN, Seen
from offline_store.turn import Done

# What stands against somebody, by subject and status; any other word is the last of its subject.
AGAINST: Final[Mapping[Subject, Mapping[str, Reason]]] = {
    "holder": {"deceased": Reason.HOLDER_DECEASED, "": Reason.NOT_ELIGIBLE},
    "card": {
        "lost": Reason.CARD_LOST,
        "cancelled": Reason.CARD_CANCELLED,
        "": Reason.CARD_NOT_ACTIVE,  # "stock", "frozen" …
    },
    "business": {"": Reason.NOT_ELIGIBLE},
}


@dataclass(frozen=True)
class StatusVerdict:
    """`reason`: why not; None: nothing stands against it, `offline` as in `Decision`."""

    reason: Reason | None
    offline: Offline = ""


class StandingRule:
    """One scene's rule; `region` is the terminal's own, six digits."""

    def __init__(self, settings: OfflineSettings, region: str) -> None:
        self._settings = settings
        self._province = region[:2]

    def look(self, turn: SceneTurn, case: Case) -> Seen:
        """How often today it went unanswered; read only when it is unanswered again. A day that may
        be today's is: a clock that is set renews no count."""
        if not self._unanswered(case.standing):
            return NOTHING_SEEN
        own, foreign = None, None
        rule = self._settings
        if rule.max_count is not None and case.identity.person:
            done = turn.unanswered(case.identity.person)
            own = _today(done, case.clock, rule.max_count)
        if rule.max_count_foreign is not None and self._foreign(case.identity):
            foreign = _today(turn.unanswered(), case.clock, rule.max_count_foreign)
        return Seen(offline_today=own, foreign_offline_today=foreign)

    def judge(self, case: Case, seen: Seen) -> StatusVerdict:
        """What these answers, fresh or remembered, mean for this person here."""
        against = reason_against(case.standing)
        if against is not None:
            return StatusVerdict(against)
        if not self._unanswered(case.standing):
            return StatusVerdict(None)
        return self._judge_unanswered(case, seen)

    def _judge_unanswered(self, case: Case, seen: Seen) -> StatusVerdict:
        rule = self._settings
        foreign = self._foreign(case.identity)
        if foreign and rule.foreign == "refuse":
            return StatusVerdict(Reason.STATUS_UNKNOWN)
        if rule.unknown == "refuse" and not all(self._known(check) for check in case.standing):
            return StatusVerdict(Reason.STATUS_UNKNOWN)
        limits = [
            (seen.offline_today, rule.max_count, 1),
            (seen.foreign_offline_today, rule.max_count_foreign, 1),
            (to_charge(case.identity, seen), rule.max_amount, 0),
        ]
        for spent, limit, more in limits:
            if limit is not None and spent is not None and spent + more > limit:
                return StatusVerdict(Reason.OFFLINE_LIMIT)
        return StatusVerdict(None, "foreign" if foreign else "own")

    def _unanswered(self, standing: Sequence[Check]) -> bool:
        return not all(_answered(check) for check in standing)

    def _known(self, check: Check) -> bool:
        """Answered now, or remembered in his favour and young enough."""
        return _answered(check) or (
            check.status == NORMAL and check.age_s <= self._settings.max_age
        )

    def _foreign(self, identity: Identity) -> bool:
        """A card of another province. An ID card names none, so it counts as one's own."""
        return identity.region != "" and identity.region[:2] != self._province


def to_charge(identity: Identity, seen: Seen) -> int | None:
    """Fen that the account behind a code would be charged; None: there is none, or no price."""
    return seen.price.amount if identity.shown is not None and seen.price is not None else None


def reason_against(standing: Sequence[Check]) -> Reason | None:
    """What an answer, however old, has against somebody; the first one counts."""
    for check in standing:
        if check.against:
            against = AGAINST[check.subject]
            return against.get(check.status, against[""])
    return None


def _today(done: Iterator[Done], clock: ClockReading, at_most: int) -> int:
    """How many of them, newest first, may be of today and took place; counted up to `at_most`."""
    today = clock.perhaps_within(done, clock.today_ms + 1)
    return sum(1 for _ in islice((one for one in today if not one.given_back), at_most))


def _answered(check: Check) -> bool:
    """A service knew it just now, or it is nobody's business."""
    return check.status == NOT_ASKED or (check.answered and check.status == NORMAL)
