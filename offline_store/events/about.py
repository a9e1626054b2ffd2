"""Events about an earlier one, and alarms."""

from typing import Final, Literal

import msgspec

from offline_store.events.happened import Happened, OfPerson
from offline_store.events.reference import Reference

# What a give-back returns: all that the tap used up, or one boarding, as the payment stands.
Returned = Literal["visit", "ride"]
NOT_EXECUTED: Final = "not-executed"  # reason of a recovery: what it is about did not take place


class Passage(Happened, frozen=True, kw_only=True, omit_defaults=True, tag="passage"):
    """What became of an opening: passed, timed-out, passed-late."""

    about: Reference | None = None  # whose; None: nobody's, or not recorded
    direction: str = ""


class GiveBack(OfPerson, frozen=True, kw_only=True, omit_defaults=True, tag="give-back"):
    """A visit that did not happen is returned. A `Recovery` about it takes it back."""

    about: Reference  # its tap or payment
    returns: Returned
    amount: int = 0  # fen, paid for a ride that did not happen
    code: str = ""  # that was used: reference, 64 hex
    again_of: str = ""  # at a metro's gate the trip's end that it was for, by the card's own time
    given_back_today: int = 0  # as much of that kind timed out before this one


class Recovery(Happened, frozen=True, kw_only=True, omit_defaults=True, tag="recovery"):
    """What it is about did not take place, or is taken back: that row does not count."""

    about: Reference


class LostRows(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Rows that cannot be read any more."""

    epoch: str
    first: int
    last: int


class Alarm(Happened, frozen=True, kw_only=True, omit_defaults=True, tag="alarm"):
    """Something that an operator has to know."""

    about: Reference | None = None  # the tap beside which it happened; the row that is contested
    direction: str = ""
    reader: str = ""
    file: str = ""  # of the journal, that was found damaged
    lost: LostRows | None = None
    receipted: int | None = None  # seq up to which the platform holds the epoch of `about`
