"""Was this code, or this account, here before? Read in the store's turn, judged purely.

The journal is the memory: what it holds was durable before anything opened, and outlives a restart.
In the order of spec transit-qr.md: the account a moment ago, the code, the account's interval, the
single limit. Who went through a barrier that did not open may show the same code again. A ticket
has no account: it is judged by its own uses, whoever of its holder's people was here before.
"""

from typing import Final, Protocol

from agent.clock import ClockReading
from agent.identity import Identity, Shown
from agent.reasons import Reason
from agent.scenes.port import State
from agent.scenes.standing import AMOUNT

MOMENT: Final = 2.0  # seconds: the same account again was not meant
LAST_CODE: Final = "last_code_ms"  # this very code's last use
LAST_ACCOUNT: Final = "last_account_ms"
USES: Final = "code_uses"
GOOD_FOR: Final = "code_good_for"  # uses of a ticket, this one and those before among them


class Used(Protocol):
    """See `offline_store.turn.Uses`."""

    @property
    def count(self) -> int:
        """Uses of the code so far, without those that were given back."""
        ...

    @property
    def last_ms(self) -> int:
        """When it was last used, unix milliseconds; 0: never."""
        ...


class Seen(Protocol):
    """See `offline_store.turn.Seen`."""

    @property
    def time_ms(self) -> int:
        """Wall clock of the event, unix milliseconds."""
        ...


class Memory(Protocol):
    """See `offline_store.turn.Turn`."""

    def code_uses(self, code: str) -> Used:
        """The uses of the code with this reference (64 hexadecimal digits)."""
        ...

    def last_accepted(self, person: str, *, scene: str) -> Seen | None:
        """The person's last accepted tap of that scene, or None."""
        ...


class CodeMemory:
    """One terminal's rule. `interval`: seconds between two codes of one account, at least."""

    def __init__(self, interval: float) -> None:
        self._interval_ms = int(interval * 1000)

    def look(self, turn: Memory, identity: Identity, scene: str, clock: ClockReading) -> State:
        """What `judge` needs; empty for whoever has shown no code that was verified here."""
        shown = identity.shown
        if shown is None:
            return {}
        used = turn.code_uses(shown.code)
        state: dict[str, int | str] = {USES: used.count}
        if used.count:
            state[LAST_CODE] = used.last_ms
        if shown.counted:
            return {**state, GOOD_FOR: shown.uses}
        since = clock.time_ms - max(self._interval_ms, int(MOMENT * 1000))
        seen = turn.last_accepted(identity.person, scene=scene)
        if seen is not None and seen.time_ms >= since:
            state[LAST_ACCOUNT] = seen.time_ms
        return state

    def judge(self, shown: Shown, state: State, clock: ClockReading) -> Reason | None:
        """Why it is not taken, None when nothing stands against it. `state` may hold the fare
        (`scenes.standing.AMOUNT`, fen)."""
        moment = int(MOMENT * 1000)
        if any(_within(state.get(last), moment, clock) for last in (LAST_CODE, LAST_ACCOUNT)):
            return Reason.CODE_TOO_SOON
        uses = state[USES]
        if isinstance(uses, int) and uses >= shown.uses:
            return shown.too_often
        if _within(state.get(LAST_ACCOUNT), self._interval_ms, clock):
            return Reason.CODE_INTERVAL
        amount = state.get(AMOUNT)
        if shown.limit is not None and isinstance(amount, int) and amount > shown.limit:
            return Reason.CODE_OVER_LIMIT
        return None


def for_several(state: State) -> bool:
    """Whether an event's state is of a ticket that several people may go in on: it does not say
    that its holder was one of them."""
    good_for = state.get(GOOD_FOR, 1)
    return isinstance(good_for, int) and good_for > 1


def _within(last: int | str | None, window_ms: int, clock: ClockReading) -> bool:
    """A time far "in the future" says that the clock went back: nobody is locked out for that. The
    code itself stays used, whatever the clock says."""
    return isinstance(last, int) and abs(clock.time_ms - last) < window_ms
