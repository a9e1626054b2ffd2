"""The torn card (闪卡): 8054 was sent, its answer lost. What the same card says when it is back.

805A before any new 8050. A proof alone does not say whose it is: after a power cut between intent
and 8054 another bus may have used the card's number, so what the PSAM cannot check any more is
held against what a composite purchase writes with it, and against the card's own log. Source: spec
transit-card.md, The torn card.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from agent.transit.intents import Intent
from agent.transit.psams import Session
from agent.transit.records import Mac2
from agent.transit.trips import Sight
from apdu.psam import PsamBusy, PsamMissing
from apdu.transit.faults import PurseStatus
from apdu.transit.purse import LOG_ROWS, Purse
from apdu.transit.transit_psam import Mac2Refused, PsamSessionOver, TransitPsamStatus
from apdu.transit.values import Kind, LogEntry, Proof

Paid = Literal["yes", "no", "unknown"]
PURCHASES: Final = frozenset(kind.type for kind in Kind)


@dataclass(frozen=True)
class Finding:
    """Whether the card paid an intent; `tac` where it proved it."""

    paid: Paid
    tac: bytes = b""
    mac2: Mac2 = "none"
    balance: int | None = None


@dataclass(frozen=True)
class _Log:
    """What 0018 tells of an intent."""

    ours: LogEntry | None
    others: bool  # its rows are another terminal's, back to before the intent
    empty: bool


def settle(purse: Purse, intent: Intent, look: Callable[[Purse, Intent], Sight]) -> Finding:
    """Find out from the card. `look`: what its records say of that intent, by itself.

    Raises the channel's faults and `ChainFault`, `PurseMalformed`, `PurseStatus`, and what `look`
    raises: then nothing is known yet, and it stays open.
    """
    proof = purse.proof(intent.kind, intent.seq)
    balance = purse.balance()
    mac2: Mac2 = "none" if proof is None else verified(intent.session, proof.mac2)
    if proof is not None and mac2 == "verified":
        return Finding("yes", proof.tac, mac2, balance)
    sight = look(purse, intent)
    paid = _by_sight(sight, proof)
    if paid == "no" and mac2 != "refused":
        return Finding("no", balance=balance)
    if paid == "yes" and mac2 != "refused":
        return Finding("yes", proof.tac if proof else b"", mac2, balance)
    log = _log(purse, intent)
    if proof is not None:
        return _by_proof(proof, mac2, log, balance)
    if log.ours is not None:
        return Finding("yes", balance=balance)
    # A trip of 0 fen leaves any balance as it was: where its record was written over, only the log
    # can tell.
    silent = log.empty and (intent.amount > 0 or sight == "nothing")
    if max(balance, 0) == intent.balance_before and (log.others or silent):
        return Finding("no", balance=balance)
    return Finding("unknown", balance=balance)


def verified(session: Session | None, mac2: bytes) -> Mac2:
    """8072, where the PSAM still remembers that payment and no other."""
    if session is None:
        return "unverified"
    try:
        session.verify(mac2).result()
    except Mac2Refused:
        return "refused"
    except (PsamSessionOver, PsamMissing, PsamBusy, TransitPsamStatus):
        return "unverified"
    return "verified"


def _by_sight(sight: Sight, proof: Proof | None) -> Literal["yes", "no"] | None:
    """What a composite purchase's record says by itself; None: nothing. The proof is of the card's
    last purchase: where that is ours, nobody can have written the record since."""
    if sight == "ours":
        return "yes"
    if sight == "before" or (sight == "others" and proof is not None):
        return "no"
    return None


def _by_proof(proof: Proof, mac2: Mac2, log: _Log, balance: int) -> Finding:
    """A proof that the PSAM did not confirm: ours, or of a purchase elsewhere with that number."""
    if mac2 == "refused":
        return Finding("unknown" if log.ours or log.empty else "no", proof.tac, mac2, balance)
    if log.ours is not None or log.empty:  # a card that keeps no log: its proof has to do
        return Finding("yes", proof.tac, mac2, balance)
    if log.others:
        return Finding("no", balance=balance)
    return Finding("unknown", proof.tac, mac2, balance)


def _log(purse: Purse, intent: Intent) -> _Log:
    """From the newest row back to one before the intent."""
    seen = 0
    try:
        for number in range(1, LOG_ROWS + 1):
            row = purse.log(number)
            if row is None:
                return _Log(None, others=seen > 0, empty=seen == 0)
            if _is(row, intent):
                return _Log(row, others=False, empty=False)
            seen += 1
            if row.type in PURCHASES and row.seq < intent.seq:
                return _Log(None, others=True, empty=False)
    except PurseStatus:
        return _Log(None, others=False, empty=True)
    return _Log(None, others=False, empty=False)


def _is(row: LogEntry, intent: Intent) -> bool:
    """Terminal, amount, time, and the card's number, which tells two of one second apart. Cards may
    log it as 8050 told it or as it is after the purchase; the specification is silent."""
    same = (row.terminal, row.amount, row.moment) == (
        intent.terminal,
        intent.amount,
        intent.moment,
    )
    return same and row.seq in (intent.seq, (intent.seq + 1) & 0xFFFF)
