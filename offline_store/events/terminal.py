"""Events of the terminal itself: an epoch begins, staff comes and goes, somebody drives."""

from typing import Literal

import msgspec

from offline_store.events.happened import Checked, Happened, OfPerson, Verdict
from offline_store.events.reference import Reference

EpochCause = Literal["enrolment", "damaged", "platform-ahead", "platform-conflict"]


class Checkpoint(Happened, frozen=True, kw_only=True, omit_defaults=True, tag="checkpoint"):
    """The first row of an epoch tells why it began."""

    cause: EpochCause
    step: int = 0  # how often the journal's seed had been stepped
    head: str = ""  # the last known hash before it; empty when there was none
    before: str = ""  # the epoch before it
    file: str = ""  # that was found damaged
    contested: str = ""  # the epoch on which the platform does not agree


class SignIn(Checked, frozen=True, kw_only=True, omit_defaults=True, tag="sign-in"):
    """Somebody of the staff signs in or out at the terminal."""

    verdict: Verdict
    lasting_s: int = 0  # of who signs in
    session: Reference | None = None  # of who signs out: where he signed in


class Takings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Rides of one class and kind of credential, and what they cost together (fen)."""

    group: str
    credential: str
    rides: int
    amount: int = 0


class ShiftTotals(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a shift took in."""

    rides: int = 0
    amount: int = 0  # fen
    refused: int = 0
    unknown: int = 0  # grey: nobody knew yet whether they were paid
    takings: tuple[Takings, ...] = ()


class Shift(OfPerson, frozen=True, kw_only=True, omit_defaults=True, tag="shift"):
    """A driver's shift begins, or ends and is counted. `person`: the driver."""

    shift: str  # 16 hex
    vehicle: str = ""
    line: str = ""
    direction: str = ""
    # Of a beginning: the row up to which the shift before was counted, if one ended for it; of an
    # end the last row that was counted into it.
    after: Reference | None = None
    opened_ms: int | None = None  # of an end
    totals: ShiftTotals | None = None  # of an end


class Disclosure(Checked, frozen=True, kw_only=True, omit_defaults=True, tag="disclosure"):
    """An identity was handed to a program, or withheld from it: to whom, what for, which fields.
    It never holds a value."""

    client: str  # by name in the settings
    caller: str  # as the system knows it
    purpose: str
    function: str  # the call
    act: str  # what the holder did
    fields: str = ""  # names, joined by commas
    withheld: str = ""  # the same, where nothing was handed out
    verdict: Verdict | None = None  # "refused" with what was withheld
    beyond_gbk: int = 0  # characters of the name told as "?" in GBK
