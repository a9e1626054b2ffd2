"""Tickets of the made-up city: good ones at `codes.NOW`, and each defect."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from agent.identify.tickets import base45
from agent.identify.tickets.ticket import PREFIX, Ticket, issue, signed
from agent.messages.reasons import Reason
from offline_store.lists.keys import Keys, PublicKey
from simulators.transit.codes import FAR, ISSUER, NOW, STRANGER
from trust.sm2 import Sm2

KEY_ID: Final = 12
GROUP: Final = 3
GOOD: Final = Ticket(
    kind="reservation",
    id=bytes(range(16)),
    first=NOW - 600,
    last=NOW + 3600,
    issuer=KEY_ID,
    holder=b"\xa5" * 32,
    group=GROUP,
)


def issuers(sm2: Sm2, *, expires: int = FAR) -> Keys:
    """The signed list `ticket-issuers`."""
    return {KEY_ID: PublicKey(KEY_ID, expires, sm2.public(ISSUER))}


def made(sm2: Sm2, ticket: Ticket = GOOD, *, signer: bytes = ISSUER) -> bytes:
    """What a scanner gives of it."""
    return issue(ticket, sm2, signer).encode()


def patched(sm2: Sm2, place: int, value: int) -> bytes:
    """A good ticket with one byte of its body changed, and signed over again."""
    body = bytearray(base45.decode(made(sm2).decode().removeprefix(PREFIX)) or b"")[:-64]
    body[place] = value
    signature = sm2.sign(ISSUER, signed(bytes(body)))
    return (PREFIX + base45.encode(bytes(body) + signature)).encode()


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong."""

    reason: Reason
    make: Callable[[Sm2], bytes]
    issuers_expire: int = FAR


def _ordered(reason: Reason, **changes: object) -> Defect:
    ticket = replace(GOOD, **changes)  # type: ignore[arg-type]
    return Defect(reason, lambda sm2: made(sm2, ticket))


DEFECTS: Final[Mapping[str, Defect]] = {
    "shorter": Defect(Reason.CODE_LENGTH, lambda sm2: made(sm2)[:-3]),
    "longer": Defect(Reason.CODE_LENGTH, lambda sm2: made(sm2) + b"000"),
    "no base45": Defect(Reason.CODE_LENGTH, lambda sm2: made(sm2)[:-1] + b"a"),
    "base45 above two bytes": Defect(Reason.CODE_LENGTH, lambda sm2: made(sm2)[:4] + b":::" * 65),
    "version": Defect(Reason.CODE_VERSION, lambda sm2: patched(sm2, 0, 2)),
    "kind zero": Defect(Reason.CODE_FORM, lambda sm2: patched(sm2, 1, 0)),
    "kind unknown": Defect(Reason.CODE_FORM, lambda sm2: patched(sm2, 1, 3)),
    "no uses": Defect(Reason.CODE_FORM, lambda sm2: patched(sm2, 60, 0)),
    "ends before it begins": Defect(Reason.CODE_FORM, lambda sm2: patched(sm2, 54, 0)),
    "issuer unknown": _ordered(Reason.CODE_ROOT_UNKNOWN, issuer=KEY_ID + 1),
    "issuer expired": Defect(Reason.CODE_ROOT_EXPIRED, made, issuers_expire=NOW),
    "not yet": _ordered(Reason.TICKET_NOT_YET, first=NOW + 1),
    "over": _ordered(Reason.TICKET_OVER, last=NOW - 1),
    "other gates": _ordered(Reason.TICKET_ELSEWHERE, group=GROUP + 1),
    "forged": Defect(Reason.CODE_ISSUER_FORGED, lambda sm2: made(sm2, signer=STRANGER)),
}
