"""The torn card (闪卡): 8054 was sent, its answer lost. What the same card says when it is back.

A card may say what it likes, also one that shows another's number: what it says of an
intent is a `Claim`, and nothing rests on that before it has proved itself in this presentation, by
8072 with that very MAC2 or by another purchase. 805A comes before any new 8050. A proof does not
say what was paid: after a power cut between intent and 8054 another bus may have used the card's
number; so the claim goes by what a composite purchase writes with it, and by the card's own log.
Source: spec transit-card.md, The torn card.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from agent.messages.reasons import Reason
from agent.psam.transit import TransitPsamSession
from agent.purse.intents import OpenIntent
from agent.purse.trips import RecordEvidence, moment_ms
from apdu.social_security.psam import PsamBusy, PsamMissing
from apdu.transit.faults import (
    Mac2Refused,
    PsamSessionOver,
    PurseMalformed,
    PurseStatus,
    TransitPsamStatus,
)
from apdu.transit.purse import LOG_ROWS, Purse
from apdu.transit.transit_psam import Verified
from apdu.transit.values import Kind, LogEntry, TransactionProof
from offline_store.events.payment import PaymentEnd
from offline_store.events.ride import Mac2
from offline_store.events.row import Stored

Paid = Literal["yes", "no", "unknown"]
Unchecked = Literal["unverified", "refused"]
PURCHASES: Final = frozenset(kind.type for kind in Kind)


@dataclass(frozen=True)
class Claim:
    """What a card says of an intent: whether it paid it; `tac` and `mac2` where it gave them.
    `verified`: the PSAM believes that MAC2, so it is true."""

    paid: Paid
    tac: bytes = b""
    mac2: Mac2 = "none"
    balance: int | None = None
    verified: Verified | None = None


@dataclass(frozen=True)
class IntentEvidence:
    """An intent and what the card says of it. `serves`: who has paid it has what people come to
    this lane for, and is `told` so."""

    intent: OpenIntent
    claim: Claim
    serves: bool = False
    told: Reason = Reason.TORN_RECOVERED

    @property
    def waits(self) -> bool:
        """Nothing else can be done for this person before it is known what became of it."""
        paid = self.claim.paid
        return not self.intent.proves and (paid == "unknown" or (paid == "yes" and self.serves))


@dataclass(frozen=True)
class Proved:
    """A purchase by which the card has just proved itself. `seq`: its own number before it, as 8050
    told it; a false one would have given another MAC2."""

    verified: Verified
    seq: int


@dataclass(frozen=True)
class _Log:
    """What 0018 tells of an intent."""

    ours: LogEntry | None
    others: bool  # its rows are another terminal's, back to before the intent
    empty: bool
    doubt: bool = False  # one that may be ours cannot be read


def hear(
    purse: Purse, intent: OpenIntent, look: Callable[[Purse, OpenIntent], RecordEvidence]
) -> Claim:
    """Ask the card. `look`: what its records say of that intent, by itself.

    Raises the channel's faults and `ChainFault`, `PurseMalformed`, `PurseStatus`, and what `look`
    raises: then nothing is known yet, and it stays open. No row of the log raises.
    """
    proof = purse.proof(intent.kind, intent.seq)
    balance = purse.balance()
    checked = check(intent.session, proof.mac2) if proof else "none"
    if isinstance(checked, Verified):
        return Claim("yes", proof.tac if proof else b"", "verified", balance, checked)
    sight = "nothing" if intent.proves else look(purse, intent)
    paid = _by_sight(sight, proof)
    if paid == "no" and checked != "refused":
        return Claim("no", balance=balance)
    if paid == "yes" and checked != "refused":
        return Claim("yes", proof.tac if proof else b"", checked, balance)
    log = _log(purse, intent)
    if proof is not None:
        return _by_proof(proof, checked, log, balance)
    if log.ours is not None:
        return Claim("yes", balance=balance)
    # A trip of 0 fen leaves any balance as it was: where its record was written over, only the log
    # can tell.
    silent = log.empty and (intent.amount > 0 or sight == "nothing")
    if max(balance, 0) == intent.balance_before and (log.others or silent):
        return Claim("no", balance=balance)
    return Claim("unknown", balance=balance)


def weighed(
    heard: Sequence[IntentEvidence], before: Sequence[Stored[PaymentEnd]]
) -> Sequence[IntentEvidence]:
    """A card uses each of its numbers once, and they grow: what it says is held against the ends of
    what it has paid here (`before`) and against each other. Of several intents with one number that
    it seems to have paid only the one that the PSAM believes was; else it is unknown which."""
    paid = [one for one in heard if one.claim.paid == "yes"]
    sure = {one.intent.seq for one in paid if one.claim.verified}
    numbers = [one.intent.seq for one in paid]

    def weigh(one: IntentEvidence) -> IntentEvidence:
        if one.claim.verified or one.claim.paid == "no":
            return one
        if one.intent.seq in sure or any(_used_up(one.intent, end) for end in before):
            return replace(one, claim=replace(one.claim, paid="no"))
        if numbers.count(one.intent.seq) > 1:
            return replace(one, claim=replace(one.claim, paid="unknown"))
        return one

    return [weigh(one) for one in heard]


def _used_up(intent: OpenIntent, end: Stored[PaymentEnd]) -> bool:
    """The card had used that number, or a later one, for the payment of `end` by then: whoever told
    it to this intent was not that card."""
    number, at = end.event.purchase.card_seq, intent.at
    earlier = end.at.epoch == at.epoch and end.at.seq < at.seq
    return intent.seq == number or (earlier and intent.seq < number)


def settled(heard: IntentEvidence, seq: int) -> Claim:
    """What holds of a claim of a card that is proved by a purchase begun after that intent. `seq`
    as in `Proved`: a card whose number has not moved on since has not paid, whatever else it (or
    what stands between it and the reader) says."""
    if heard.claim.verified is None and seq <= heard.intent.seq:
        return replace(heard.claim, paid="no")
    return heard.claim


def check(session: TransitPsamSession | None, mac2: bytes) -> Verified | Unchecked:
    """8072, where the PSAM still remembers that payment and no other."""
    if session is None:
        return "unverified"
    try:
        return session.verify(mac2).result()
    except Mac2Refused:
        return "refused"
    except (PsamSessionOver, PsamMissing, PsamBusy, TransitPsamStatus):
        return "unverified"


def _by_sight(sight: RecordEvidence, proof: TransactionProof | None) -> Literal["yes", "no"] | None:
    """What a composite purchase's record says by itself; None: nothing. The proof is of the card's
    last purchase: where that is ours, nobody can have written the record since."""
    if sight == "ours":
        return "yes"
    if sight == "before" or (sight == "others" and proof is not None):
        return "no"
    return None


def _by_proof(proof: TransactionProof, mac2: Mac2, log: _Log, balance: int) -> Claim:
    """A proof that the PSAM did not confirm: ours, or of a purchase elsewhere with that number."""
    if mac2 == "refused":
        unknown = log.ours or log.empty or log.doubt
        return Claim("unknown" if unknown else "no", proof.tac, mac2, balance)
    if log.ours is not None or log.empty:  # a card that keeps no log: its proof has to do
        return Claim("yes", proof.tac, mac2, balance)
    if log.others:
        return Claim("no", balance=balance)
    return Claim("unknown", proof.tac, mac2, balance)


def _log(purse: Purse, intent: OpenIntent) -> _Log:
    """From the newest row back to one before the intent. A row that cannot be read may be ours:
    beside it the others do not say that none is."""
    seen, doubt = 0, False
    try:
        for number in range(1, LOG_ROWS + 1):
            try:
                row = purse.log(number)
            except PurseMalformed:
                seen, doubt = seen + 1, True
                continue
            if row is None:
                return _Log(None, others=seen > 0 and not doubt, empty=seen == 0, doubt=doubt)
            if _is(row, intent) and row.moment == intent.moment:
                return _Log(row, others=False, empty=False)
            seen += 1
            doubt = doubt or (_is(row, intent) and not moment_ms(row.moment))
            if row.type in PURCHASES and row.seq < intent.seq:
                return _Log(None, others=not doubt, empty=False, doubt=doubt)
    except PurseStatus:
        return _Log(None, others=False, empty=not doubt, doubt=doubt)
    return _Log(None, others=False, empty=False, doubt=doubt)


def _is(row: LogEntry, intent: OpenIntent) -> bool:
    """But for its time: terminal, amount, and the card's number, which tells two of one second
    apart. Cards may log it as 8050 told it or as it is after the purchase; the specification is
    silent."""
    same = (row.terminal, row.amount) == (intent.terminal, intent.amount)
    return same and row.seq in (intent.seq, (intent.seq + 1) & 0xFFFF)
