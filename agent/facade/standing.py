"""The status check (卡鉴权) behind the basic read: asked as at a tap, in the disclosure, and, where
the settings want it, a reason to hand nothing out.

Asked on the reader's own thread with the scene's deadline; what was answered before is read from
the journal in the turn that writes the disclosure. A missing answer never refuses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from agent.facade.faults import FacadeFault
from agent.identify.card import identity_of
from agent.identify.identity import Identity
from agent.messages.reasons import Reason
from agent.scenes.status_rule import reason_against
from agent.status_check import Findings, StatusService, recalled
from agent.status_check.memory import StatusHistory
from apdu.social_security.authentication import BasicRead
from offline_store.clock import ClockReading
from offline_store.events.happened import Check
from trust.references import References

Policy = Literal["record", "refuse"]


class StandsAgainst(FacadeFault):
    """A status service, or the card itself, says that card or holder is not to be served. Fact:
    `standing`, a reason's code."""

    code = "facade.stands-against"


@dataclass(frozen=True, repr=False)
class StatusQuestion:
    """Whom it was about, and what was found."""

    identity: Identity
    findings: Findings


class StatusReader:
    """Asks as the terminal's taps do; with `status` None no service is asked. `application`:
    registered application code (应用目录)."""

    def __init__(
        self,
        status: StatusService | None,
        references: References,
        application: str,
        policy: Policy,
        refuses: Mapping[str, Reason] = MappingProxyType({}),
    ) -> None:
        """`refuses`: doubts about a card that the city takes for reasons."""
        self._refuses = refuses
        self._status = status
        self._references = references
        self.application = application
        self._policy = policy

    def ask(self, read: BasicRead) -> StatusQuestion | None:
        """Waits as long as a tap would. None where no service is asked."""
        if self._status is None:
            return None
        identity = identity_of(read, "", self._references)
        return StatusQuestion(identity, self._status.ask(identity))

    def checks(
        self, memory: StatusHistory, asked: StatusQuestion | None, clock: ClockReading
    ) -> tuple[Check, ...]:
        """In the store's turn: what was found now, else what is remembered."""
        if asked is None:
            return ()
        return recalled(memory, asked.identity, self.application, asked.findings, clock)

    def refusal(self, checks: Sequence[Check], doubts: Sequence[str]) -> Reason | None:
        """Why nothing is handed out; None: it is. The business is the business program's."""
        refused = [self._refuses[doubt] for doubt in doubts if doubt in self._refuses]
        if refused:
            return refused[0]
        if self._policy == "record":
            return None
        return reason_against([check for check in checks if check.subject != "business"])
