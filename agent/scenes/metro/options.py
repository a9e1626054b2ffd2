"""What a city sets of its metro's gates: `[scene.options]`."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Minutes = Annotated[int, Meta(ge=0, le=1440)]
Fen = Annotated[int, Meta(ge=0, le=1_000_000)]


class MetroOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Trips by metro (docs/metro-gate.md); the station stands in `[transit]`, what a trip costs in
    the signed list `fares`."""

    # How cards know this metro: 001E's operator, and the institution of 001A and 001E.
    operator: Annotated[str, Meta(pattern=r"^[0-9A-F]{4}\Z", description='"0-9 A-F" 4')] = "0000"
    institution: Annotated[str, Meta(pattern=r"^[0-9A-F]{16}\Z", description='"0-9 A-F" 16')] = (
        "0000000000000000"
    )
    # Fen that who enters has to have; without it what his cheapest trip from here would cost.
    least_balance: Fen | None = None
    # Who is inside already, or outside already, by a tap at this station less than so long ago, is
    # let through once more for nothing; 0: nobody is.
    reentry_minutes: Minutes = 5
    reexit_minutes: Minutes = 0
    turn_back_minutes: Minutes = 0  # who leaves where he came in sooner than that pays nothing
    # Who comes to leave and never entered, or to enter and never left: sent to the counter, or
    # charged the highest or lowest fare that there is from the one stop that is known.
    no_entry: Literal["refuse", "highest", "lowest"] = "refuse"
    no_exit: Literal["refuse", "highest", "lowest"] = "refuse"
    longest_minutes: Minutes = 0  # that anybody may stay inside; 0: as long as he likes
    overstay: Literal["refuse", "surcharge"] = "refuse"
    overstay_fare: Fen = 0  # the surcharge
