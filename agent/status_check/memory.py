"""What was answered before, where no service answers now: read from the journal in the store's
turn.

A remembered answer keeps its source, as `cached:SOURCE`, and its age grows from the moment at which
its source knew it.
"""

from collections.abc import Sequence
from math import inf
from typing import Protocol

from agent.identify.identity import Identity
from agent.status_check.service import Findings
from offline_store.clock import ClockReading
from offline_store.events.happened import UNKNOWN, Check


class Remembered(Protocol):
    """See `offline_store.turn.RememberedStatus`."""

    @property
    def check(self) -> Check:
        """What the status service said."""
        ...

    @property
    def clock(self) -> ClockReading:
        """When it was recorded."""
        ...


class StatusHistory(Protocol):
    """See `offline_store.turn.Turn`."""

    def last_standing(
        self, *, card: str, person: str, application: str = ""
    ) -> Sequence[Remembered]:
        """The last answers about this card, this person and this application, if one is named."""
        ...


def recalled(
    memory: StatusHistory,
    identity: Identity,
    application: str,
    findings: Findings,
    clock: ClockReading,
) -> tuple[Check, ...]:
    """The findings, with each unknown one replaced by what is remembered of it.

    What is remembered against a person does not age: it counts however the clock stands, and also
    where a service answers that it knows nothing. What is in the person's favour counts only while
    no service answers and its age is known.
    """
    if all(check.status != UNKNOWN for check in findings.checks):
        return findings.checks
    known = {
        remembered.check.subject: _aged(remembered, clock)
        for remembered in memory.last_standing(
            card=identity.card, person=identity.person, application=application
        )
        if remembered.check.against or (findings.fault and _has_age(remembered, clock))
    }
    return tuple(
        known.get(check.subject, check) if check.status == UNKNOWN else check
        for check in findings.checks
    )


def _has_age(remembered: Remembered, clock: ClockReading) -> bool:
    """Not without a clock, nor from a time that has not come yet: the clock was wrong then or is
    now."""
    return clock.quality != "unset" and clock.age(remembered.clock).most < inf


def _aged(remembered: Remembered, clock: ClockReading) -> Check:
    check, age = remembered.check, clock.age(remembered.clock)
    return Check(
        subject=check.subject,
        status=check.status,
        source=f"cached:{check.source}",
        age_s=check.age_s + (int(age.least) // 1000 if age.least < inf else 0),
    )
