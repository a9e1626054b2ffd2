"""A tap: somebody came with a card, a code or a document, and it was decided."""

from typing import Final, Literal

import msgspec

from offline_store.events.happened import Checked, Verdict
from offline_store.events.ride import NO_RIDE, Ride
from offline_store.events.seen import NOTHING_SEEN, Seen

# Accepted without an answer of a status service; "foreign": a card of another province.
Offline = Literal["", "own", "foreign"]


class StageTimes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Microseconds of the stages of a tap, up to its decision."""

    detect: int = 0
    open: int = 0
    select: int = 0
    authenticate: int = 0
    read: int = 0
    check: int = 0
    decide: int = 0


NO_TIMES: Final = StageTimes()


class Tap(Checked, frozen=True, kw_only=True, omit_defaults=True, tag="tap"):
    """One tap, decided. A purse that pays has an `Intent` and a `PaymentEnd` instead."""

    verdict: Verdict
    code: str = ""  # of a code or ticket that was verified here: reference by `trust.sm3`, 64 hex
    code_content: str = ""  # its bytes in hex, as the clearing house needs them, where it pays
    number: str = ""  # of the card: reference by HMAC-SM3, 64 hex; empty for what has none
    province: str = ""  # of the card's city: two digits; empty: not known
    read: tuple[str, ...] = ()  # what of a card was read beside its proof: "person", "name" …
    card_kind: str = ""  # of the terminal's kinds of cards, where one was used
    ride: Ride = NO_RIDE
    seen: Seen = NOTHING_SEEN
    offline: Offline = ""
    stages_us: StageTimes = NO_TIMES
    fault: str = ""  # behind the reason: a fault's code
    held_by: str = ""  # programs that may hold the reader, as "name (pid), …"
    unstored_before: int = 0  # taps and alarms that could not be stored since an event told of it
    opened_first: bool = False  # the person left, and the way was opened before this was recorded

    @property
    def used_code(self) -> str:
        """The code that it uses up: what was refused or is unknown uses none."""
        return self.code if self.verdict == "accepted" else ""
