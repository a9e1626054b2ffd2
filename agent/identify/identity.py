"""Who stands there, as far as known: references instead of numbers, dates, how it was proved."""

from dataclasses import dataclass, field
from datetime import date

from agent.identify.proof import Proof
from agent.messages.reasons import Reason
from apdu.social_security.needs import Need
from offline_store.events.happened import Authentication


@dataclass(frozen=True, repr=False)
class InClear:
    """What names card and person, as it was read. It lives for one tap, so that the platform can be
    asked how they stand; nothing of it is journaled, logged or shown. Empty where there is none."""

    card_id: str = ""  # 32 hex digits
    card_number: str = ""
    number: str = ""  # social security number
    name: str = ""


@dataclass(frozen=True, repr=False)
class VerifiedCode:
    """A code or ticket that was verified here: what the decision still has to keep to in the
    store's turn (`agent.scenes.code_uses`), and what its record carries. `pays`: by the
    account behind it; a ticket does not, it is paid for. `counted`: a ticket or package, of which
    its issuer says how often it is good for: its holder may let others go in on it, one right
    behind the other, so nothing else judges how often."""

    code: str  # reference, 64 hex: two showings of one code have the same
    uses: int  # how often it is good for at this terminal
    too_often: Reason  # once they are used up
    limit: int | None  # of a single trip, fen
    content: str  # hex, as the clearing house needs it
    pays: bool = False
    counted: bool = False


@dataclass(frozen=True)
class Identity:
    """An authenticated credential, with nothing in what it shows that names the person. `proof`:
    why it is believed; without one, as in a decision that is made again from its event, nothing
    opens."""

    credential: str  # "card-contact", "card-contactless", "code:NAME", "id-card"
    card: str  # card reference, or the ID document's
    number: str  # card number's reference; empty for what has none
    person: str  # person reference; a card that holds no number stands for its person
    issued: date | None
    expires: date | None
    authentication: Authentication
    kind: str = ""  # of `[[cards]]`, by which the card was spoken to
    region: str = ""  # six digits, of the card's city; in no event; empty: not known
    read: tuple[Need, ...] = ()  # what of a card was read
    doubts: tuple[str, ...] = ()  # what is odd about card or document and refuses nobody; codes
    clear: InClear = field(default=InClear(), repr=False, compare=False)
    shown: VerifiedCode | None = field(default=None, repr=False, compare=False)
    proof: Proof | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Unidentified:
    """A person stood there, but the credential gave no identity: why, and how far it came."""

    credential: str
    reason: Reason
    authentication: Authentication | None = None
    detail: str = ""  # code of the fault behind the reason
    holder: str = ""  # programs that may hold the reader, as "name (pid), …"


Presented = Identity | Unidentified
