"""PSAM first; where it is missing or lacks what a card needs, the city's HSM with the same values.

Only the five faults of the specification lead there ("Which mode"); any other one ends the flow. A
card is proved by one of the two and not by half of each: what the PSAM said is believed only when
it could do all that it was asked for by then.
"""

from collections.abc import Callable
from typing import Final

from apdu.social_security.authentication import Authenticator, CardParameters, Mode, Pending
from apdu.social_security.keys import RKSSSE, Key
from apdu.social_security.psam import PsamUnable
from sync.requests import RequestFault
from world import Fault

# No PSAM, no algorithm, no RKSSSE, 6A88, key level: spec social-security-card.md, Which mode.
LEADS_TO_HSM: Final = (-2201, -2202, -2203, -27272, -24)


class FallbackAuthenticator:
    """See `apdu.social_security.authentication.Authenticator`; `mode` and `terminal_number` are of
    the one that serves the flow by now. No new challenge is drawn for the second one."""

    def __init__(self, psam: Authenticator, hsm: Authenticator) -> None:
        self._psam = psam
        self._hsm = hsm
        self._using = psam
        self._unable: PsamUnable | None = None  # why the PSAM does not serve this flow
        self._asked: list[_Step] = []  # and not fetched

    @property
    def mode(self) -> Mode:
        return self._using.mode

    @property
    def terminal_number(self) -> str:
        return self._using.terminal_number

    def internal(self, card: CardParameters, factor: bytes, original: bytes) -> Pending[bytes]:
        return self._ask(lambda server: server.internal(card, factor, original))

    def external(
        self, card: CardParameters, factor: bytes, original: bytes, key: Key = RKSSSE
    ) -> Pending[bytes]:
        return self._ask(lambda server: server.external(card, factor, original, key))

    def secured(
        self, card: CardParameters, factor: bytes, header: bytes, new_pin: bytes
    ) -> Pending[bytes]:
        return self._ask(lambda server: server.secured(card, factor, header, new_pin))

    def release(self) -> None:
        self._psam.release()
        self._hsm.release()

    def fetch(self, step: "_Step") -> bytes:
        """A step's result, from the PSAM or the HSM that serves the flow."""
        if self._using is self._psam:
            self._unable = next(filter(None, map(_unable, self._asked)), None)
            if self._unable is not None:
                self._turn_to_hsm()
        if step in self._asked:
            self._asked.remove(step)
        try:
            return step.pending.result()
        except RequestFault as fault:
            # Who has an HSM of his own (`…_HSM_Step1`) wants to know what the PSAM lacked.
            raise fault from self._unable

    def _ask(self, question: "_Question") -> Pending[bytes]:
        step = _Step(self, question, question(self._using))
        self._asked.append(step)
        return step

    def _turn_to_hsm(self) -> None:
        self._psam.release()  # nobody's lane waits for a PSAM that is of no use here
        self._using = self._hsm
        for step in self._asked:
            step.pending = step.question(self._hsm)


_Question = Callable[[Authenticator], Pending[bytes]]


class _Step:
    """One question of the flow, asked again where the first one asked cannot answer."""

    def __init__(
        self, fallback: FallbackAuthenticator, question: _Question, pending: Pending[bytes]
    ) -> None:
        self._fallback = fallback
        self.question = question
        self.pending = pending

    def result(self) -> bytes:
        return self._fallback.fetch(self)


def _unable(step: _Step) -> PsamUnable | None:
    """Waits for it. What else is wrong is told by whoever fetches it."""
    try:
        step.pending.result()
    except PsamUnable as fault:
        return fault if fault.interface_error in LEADS_TO_HSM else None
    except Fault:
        return None
    return None
