"""Which application of a card a bus or a metro deals with: T-Union first, then social security.

A social security card with a transit application answers as T-Union, in one exchange, like any
other purse; who has none is a person without a purse, and may still ride by concession (spec
transit-card.md, Applications and files; What the terminal owes the back office).
"""

from dataclasses import dataclass
from typing import Literal

from apdu.channel import Channel
from apdu.processors import Observer
from apdu.social_security.card import SocialSecurityCard
from apdu.social_security.quirks import STANDARD, Quirks
from apdu.tlv import Fci
from apdu.transit.faults import NotPurse
from apdu.transit.purse import Purse
from apdu.transit.values import PublicInfo

Answering = Literal["t-union", "social-security"]


@dataclass(frozen=True)
class PurseSelected:
    """The purse answered, and is selected."""

    purse: Purse
    public: PublicInfo
    application: Answering = "t-union"


@dataclass(frozen=True)
class SocialSecuritySelected:
    """There is no purse; the social security environment answered, and is selected."""

    card: SocialSecurityCard
    fci: Fci
    application: Answering = "social-security"


def select_application(
    channel: Channel, *, quirks: Quirks = STANDARD, observer: Observer | None = None
) -> PurseSelected | SocialSecuritySelected:
    """Ask in order; a purse that is locked or stopped is the answer, not a reason to go on.

    Raises `PurseLocked`, `PurseBlocked`, `PurseStopped`, `PurseMalformed`; with no purse on it
    `NotSocialSecurityCard`, `CardBlocked`, `TlvFault`; the channel's faults, `ChainFault`.
    """
    purse = Purse(channel, quirks=quirks, observer=observer)
    try:
        return PurseSelected(purse, purse.select())
    except NotPurse:
        card = SocialSecurityCard(channel, quirks=quirks, observer=observer)
        return SocialSecuritySelected(card, card.select())
