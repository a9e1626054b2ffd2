"""Was this code, or this account, here before? Read in the store's turn, judged purely.

The journal is the memory: what it holds was durable before anything opened, and outlives a restart.
In the order of spec transit-qr.md: the account a moment ago, the code, the account's interval, the
single limit. A holder for whom the barrier did not open may show the same code again. A ticket has
no account: it is judged by its own uses, whichever of its holder's people was here before.
"""

from typing import Final, Protocol

from msgspec.structs import replace

from agent.identify.identity import Identity, VerifiedCode
from agent.messages.reasons import Reason
from offline_store.clock import ClockReading, Dated
from offline_store.events.seen import NOTHING_SEEN, CodeSeen, Seen

MOMENT: Final = 2.0  # seconds: the same account again was not meant


class Used(Protocol):
    """See `offline_store.turn.Uses`."""

    @property
    def count(self) -> int:
        """Uses of the code so far, without those that were given back."""
        ...

    @property
    def last_ms(self) -> int:
        """When the code was last used, unix milliseconds; 0: never."""
        ...


class CodeHistory(Protocol):
    """See `offline_store.turn.Turn`."""

    def code_uses(self, code: str) -> Used:
        """The uses of the code with this reference (64 hexadecimal digits)."""
        ...

    def last_accepted(self, person: str, *, scene: str) -> Dated | None:
        """The person's last accepted tap of that scene, or None."""
        ...


class CodeMemory:
    """One terminal's rule. `interval`: seconds between two codes of one account, at least."""

    def __init__(self, interval: float) -> None:
        self._interval_ms = int(interval * 1000)

    def look(self, turn: CodeHistory, identity: Identity, scene: str, clock: ClockReading) -> Seen:
        """What `judge` needs; nothing where no code was verified here."""
        shown = identity.shown
        if shown is None:
            return NOTHING_SEEN
        used = turn.code_uses(shown.code)
        last = used.last_ms if used.count else None
        code = CodeSeen(
            uses=used.count,
            last_ms=last,
            good_for=shown.uses,
            limit=shown.limit,
            pays=shown.pays,
            counted=shown.counted,
        )
        if shown.counted:
            return Seen(code=code)
        since = clock.time_ms - max(self._interval_ms, int(MOMENT * 1000))
        before = turn.last_accepted(identity.person, scene=scene)
        just = before is not None and before.clock.time_ms >= since
        account = before.clock.time_ms if before is not None and just else None
        return Seen(code=replace(code, last_account_ms=account))

    def judge(self, shown: VerifiedCode, seen: Seen, clock: ClockReading) -> Reason | None:
        """Why it is not taken, None when nothing stands against it."""
        moment = int(MOMENT * 1000)
        code = seen.code or CodeSeen(uses=0)
        if any(_within(last, moment, clock) for last in (code.last_ms, code.last_account_ms)):
            return Reason.CODE_TOO_SOON
        if code.uses >= shown.uses:
            return shown.too_often
        if _within(code.last_account_ms, self._interval_ms, clock):
            return Reason.CODE_INTERVAL
        amount = seen.price.amount if seen.price else None
        if shown.limit is not None and amount is not None and amount > shown.limit:
            return Reason.CODE_OVER_LIMIT
        return None


def for_several(seen: Seen) -> bool:
    """Whether that is of a ticket that several people may go in on: it does not say that its holder
    was one of them."""
    return seen.code is not None and seen.code.good_for > 1


def _within(last: int | None, window_ms: int, clock: ClockReading) -> bool:
    """A time far "in the future" says that the clock went back: nobody is locked out for that. The
    code itself stays used, whatever the clock says."""
    return last is not None and abs(clock.time_ms - last) < window_ms
