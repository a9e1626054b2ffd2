"""`resolve = "offline"` of the rule `onecard-ticket`: a ticket of ours → its holder."""

from collections.abc import Callable, Mapping

from agent.identify.identity import Identity, Presented, VerifiedCode
from agent.identify.ministry_codes.resolver import KeysOf, Verify, refused
from agent.identify.proof import Proof
from agent.identify.tickets.ticket import ANYBODY, Scanned
from agent.identify.tickets.verify import verify
from agent.messages.reasons import Reason
from offline_store.clock import ClockReading
from offline_store.events.happened import Authentication
from offline_store.lists.keys import TICKET_ISSUERS
from trust.sm2 import Sm2
from trust.sm3 import sm3

RULE = "onecard-ticket"


class Tickets:
    """Tickets for this terminal's `groups` of gates. `read_clock` is `Clock.read`."""

    def __init__(
        self,
        sm2: Sm2,
        keys: KeysOf,
        read_clock: Callable[[], ClockReading],
        groups: tuple[int, ...],
    ) -> None:
        self._sm2 = sm2
        self._keys = keys
        self._read_clock = read_clock
        self._groups = groups

    def verifiers(self) -> Mapping[str, Verify]:
        """By the name of the rule."""
        return {RULE: self._resolve}

    def _resolve(self, credential: str, content: bytes) -> Presented:
        issuers = self._keys(TICKET_ISSUERS)
        ticket = verify(content, issuers, self._sm2, self._read_clock(), self._groups)
        if isinstance(ticket, Reason):
            return refused(credential, ticket)
        reference = reference_of(ticket)
        return Identity(
            credential=credential,
            card=reference,
            number="",
            person="" if ticket.holder == ANYBODY else ticket.holder.hex(),
            issued=None,
            expires=None,
            authentication=Authentication(mode="code", result="passed", algorithm="SM2"),
            shown=VerifiedCode(
                code=reference,
                uses=ticket.uses,
                too_often=Reason.TICKET_USED,
                limit=None,
                content=ticket.content.hex(),
                counted=True,
            ),
            proof=Proof.of_code(ticket),
        )


def reference_of(ticket: Scanned) -> str:
    """64 hex. By its number alone: signed once more, it is the same ticket and no further use."""
    return sm3(b"ticket" + ticket.issuer.to_bytes(4) + ticket.id).hex()
