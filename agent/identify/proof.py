"""What opens, signs on, charges nothing or ends a payment rests on: a proof of this very card, code
or document, made in this presentation (docs/decisions.md, "What rests on a proof").

A `Proof` comes of a check that has been passed, by one of the five makers below and by nothing
else. It lives on the stack of its tap: no journal, no memory and no setting can give one back.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # what a check has made is only named here: commands start without the checks
    from agent.identify.ministry_codes.layout import ThreeLevel, TwoLevel
    from agent.identify.tickets.ticket import Scanned
    from apdu.id_document import IdDocument
    from apdu.social_security.authentication import Authenticated
    from apdu.transit.transit_psam import Verified
    from sync.contract.services import ResolvedPerson


@dataclass(frozen=True)
class Proof:
    """`by`: what has proved itself, and how. Which modules may call which maker, a test reads from
    the source (tests/agent/identify/test_proof.py)."""

    by: Literal["purse", "card", "code", "platform", "document"]

    @classmethod
    def of_purse(cls, verified: "Verified") -> "Proof":
        """The PSAM has answered 9000 to 8072: the purse has the key of its number."""
        return cls("purse")

    @classmethod
    def of_card(cls, authenticated: "Authenticated") -> "Proof":
        """The social security card's answer to 0088 is the key server's."""
        return cls("card")

    @classmethod
    def of_code(cls, verified: "ThreeLevel | TwoLevel | Scanned") -> "Proof":
        """The signatures of a code or ticket hold, for now and here."""
        return cls("code")

    @classmethod
    def of_platform(cls, person: "ResolvedPerson") -> "Proof":
        """The platform has resolved the code that was shown, or confirmed who signs in."""
        return cls("platform")

    @classmethod
    def of_document(cls, document: "IdDocument") -> "Proof":
        """The ID-card reader's security module vouches for the document."""
        return cls("document")


class Unasked(Enum):
    """The stated exception: for whom a lane opens without a proof."""

    LEAVING = "leaving"
    """Leaving never waits, where the scene does not decide about exits."""


LEAVING = Unasked.LEAVING
Right = Proof | Unasked
"""What a lane opens for."""
