"""identity → which service → its three answers as checks, or "unknown" with a fault's code.

Runs on the reader's own thread before the store's turn, with a deadline: somebody stands at the
lane. A service that keeps failing is left alone for a while, so that a platform that is away at
noon costs a queue no more than a few waits. Nothing is kept here: the journal is the memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_args

from agent.identify.identity import Identity
from agent.status_check.faults import (
    NobodyToAskAbout,
    NoService,
    Resting,
    ServiceRefused,
    ServiceUnreachable,
    TimedOut,
    Unaskable,
)
from agent.status_check.port import StatusSource
from offline_store.events.happened import NOT_ASKED, Check, Subject
from sync.contract.services import LONGEST_SHORT, StatusAnswer, StatusFinding, StatusRequest
from sync.requests import RequestLost, RequestTimeout
from world import Fault, World

SUBJECTS: Final[tuple[Subject, ...]] = get_args(Subject)
NOBODY: Final = "none"  # source of an answer that nobody could be asked for

FAILURES: Final = 3  # in a row, until a service is left alone
REST: Final = 10.0  # seconds
# A service that answers, be it with an error, or a link that is known to be down keeps nobody.
COSTS_TIME: Final = (RequestTimeout, RequestLost, TimedOut, ServiceUnreachable)
# Of one credential it may be, and no other is kept from an answer.
OF_THE_QUESTION: Final = (Unaskable, ServiceRefused)


@dataclass(frozen=True)
class Findings:
    """Holder, card and business; all that was asked unknown with `fault`, the code of what went
    wrong."""

    checks: tuple[Check, ...]
    fault: str = ""


@dataclass(frozen=True)
class Routes:
    """Which source by the first two digits of the card's region, and which for all others."""

    provinces: Mapping[str, StatusSource]
    default: StatusSource | None = None

    def source(self, region: str) -> StatusSource:
        """Raises `NoService`."""
        source = self.provinces.get(region[:2], self.default)
        if source is None:
            raise NoService()
        return source


class StatusService:
    """One per agent, asked by many reader threads."""

    def __init__(self, world: World, routes: Routes, *, application: str, within: float) -> None:
        """`application`: registered application code (应用目录); `within`: seconds."""
        self._world = world
        self._routes = routes
        self._application = application
        self._within = within
        self._failures: dict[str, int] = {}
        self._rests_until: dict[str, float] = {}
        self._trouble: dict[str, Fault] = {}  # of the last question

    def ask(self, identity: Identity) -> Findings:
        """How they stand now. Never raises a `Fault`: what fails is an answer, "unknown"."""
        source = NOBODY
        try:
            chosen = self._routes.source(identity.region)
            source = chosen.name
            answer = self._answer(chosen, self._question(identity))
        except Fault as fault:
            return Findings(self._checks(identity, StatusAnswer(), source), fault.code)
        return Findings(self._checks(identity, answer, source))

    def trouble(self) -> Mapping[str, Fault]:
        """Services that did not answer when they were last asked, and why. Any thread."""
        return dict(self._trouble)

    def _question(self, identity: Identity) -> StatusRequest:
        clear = identity.clear
        if not (clear.card_id or clear.card_number or clear.number):
            raise NobodyToAskAbout()
        return StatusRequest(
            region=identity.region,
            card_id=clear.card_id,
            card_number=clear.card_number,
            number=clear.number,
            name=clear.name[:LONGEST_SHORT],  # whatever stands on the card, it can be asked about
            business=self._application,
        )

    def _answer(self, source: StatusSource, question: StatusRequest) -> StatusAnswer:
        """Raises whatever keeps the answer back; counts it, too."""
        rest = self._rests_until.get(source.name, 0.0) - self._world.monotonic()
        if rest > 0:
            raise Resting(service=source.name, seconds=round(rest))
        try:
            answer = source.ask(question, self._within)
        except Fault as fault:
            if isinstance(fault, COSTS_TIME):
                self._failed(source.name)
            if not isinstance(fault, OF_THE_QUESTION):
                self._trouble[source.name] = fault
            raise
        self._failures.pop(source.name, None)
        self._trouble.pop(source.name, None)
        return answer

    def _failed(self, name: str) -> None:
        # Two threads may count at once: one failure more or less does not matter.
        failures = self._failures[name] = self._failures.get(name, 0) + 1
        if failures >= FAILURES:
            self._rests_until[name] = self._world.monotonic() + REST

    def _checks(self, identity: Identity, answer: StatusAnswer, source: str) -> tuple[Check, ...]:
        """What nobody could know is nobody's business: the card of who shows an ID card, the
        business of a terminal that has none registered."""
        clear = identity.clear
        asked = {
            "holder": (answer.holder, True),
            "card": (answer.card, bool(clear.card_id or clear.card_number)),
            "business": (answer.business, bool(self._application)),
        }
        return tuple(self._check(subject, *asked[subject], source=source) for subject in SUBJECTS)

    def _check(
        self, subject: Subject, standing: StatusFinding, asked: bool, *, source: str
    ) -> Check:
        if not asked:
            return Check(subject=subject, status=NOT_ASKED, source=source)
        age = max(0, int(self._world.now()) - standing.at) if standing.at else 0
        return Check(subject=subject, status=standing.status, source=source, age_s=age)
