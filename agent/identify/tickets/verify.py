"""Is this a ticket of ours, for now and here? Text, issuers' keys, clock, gate groups → verdict.

Pure, cheap checks first. How often it was used is decided in the store's turn.
"""

from agent.identify.tickets.ticket import EVERY_GROUP, KINDS, VERSION, Scanned, scan
from agent.messages.reasons import Reason
from offline_store.clock import ClockReading
from offline_store.lists.keys import Keys
from trust.sm2 import Sm2


def verify(
    text: bytes, issuers: Keys, sm2: Sm2, clock: ClockReading, groups: tuple[int, ...]
) -> Scanned | Reason:
    """The ticket when all holds, else the first reason why not. `groups`: this terminal's."""
    ticket = scan(text)
    if ticket is None:
        return Reason.CODE_LENGTH
    if ticket.version != VERSION:
        return Reason.CODE_VERSION
    if not 1 <= ticket.kind <= len(KINDS) or ticket.uses < 1 or ticket.first > ticket.last:
        return Reason.CODE_FORM
    if clock.quality == "unset":
        return Reason.CODE_CLOCK_UNSET
    now = clock.time_ms // 1000
    issuer = issuers.get(ticket.issuer)
    if issuer is None:
        return Reason.CODE_ROOT_UNKNOWN
    if now >= issuer.expires:
        return Reason.CODE_ROOT_EXPIRED
    if (elsewhere := _time_and_place(ticket, now, groups)) is not None:
        return elsewhere
    good = sm2.verify(issuer.key, ticket.signed, ticket.signature)
    return ticket if good else Reason.CODE_ISSUER_FORGED


def _time_and_place(ticket: Scanned, now: int, groups: tuple[int, ...]) -> Reason | None:
    if now < ticket.first:
        return Reason.TICKET_NOT_YET
    if now > ticket.last:
        return Reason.TICKET_OVER
    elsewhere = ticket.group not in (EVERY_GROUP, *groups)
    return Reason.TICKET_ELSEWHERE if elsewhere else None
