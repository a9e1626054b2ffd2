"""Payments that were begun and have no end yet: in memory for the tap, in the journal for good.

One is open from its COMMIT before 8054 until the COMMIT of its end. A thread that ends one claims
it first, so that a card that comes back and the time limit never both do. While the card that began
it is still at its reader it is under way: no other card that shows that number is asked about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.psam.transit import TransitPsamSession
from apdu.transit.transit_psam import Verified
from apdu.transit.values import Kind
from offline_store.events.payment import Intent as Event
from offline_store.events.reference import Reference
from offline_store.events.row import Event as ReaderEvent
from offline_store.events.row import Stored
from world import World


@dataclass(frozen=True)
class OpenIntent:
    """What was about to be paid; `event` is the whole record, which its end repeats."""

    at: Reference
    event: Event
    session: TransitPsamSession | None = field(default=None, compare=False)  # None after a restart

    @property
    def card(self) -> str:
        """The card reference, 64 hexadecimal digits."""
        return self.event.card

    def is_own(self, verified: Verified) -> bool:
        """The PSAM's word is for this very payment."""
        session = self.session
        return session is not None and session.authorisation == verified.authorisation

    @property
    def kind(self) -> Kind:
        """Simple or composite, by the type of the transaction."""
        return Kind.COMPOSITE if self.event.purchase.type == Kind.COMPOSITE.type else Kind.SIMPLE

    @property
    def proves(self) -> bool:
        """It was a purchase of 0 fen by which the card was to prove itself: it buys nothing."""
        return self.event.purchase.proof

    @property
    def seq(self) -> int:
        """The card's own number, as 8050 told it."""
        return self.event.purchase.card_seq

    @property
    def amount(self) -> int:
        """Fen that were to be debited; 0 only proves the card."""
        return self.event.purchase.amount

    @property
    def balance_before(self) -> int:
        """Fen in the purse before the debit."""
        return self.event.purchase.balance_before

    @property
    def terminal(self) -> bytes:
        """The PSAM's terminal number, 6 bytes."""
        return bytes.fromhex(self.event.purchase.terminal)

    @property
    def moment(self) -> str:
        """Date and time of the purchase as the card got them, YYYYMMDDhhmmss."""
        return self.event.purchase.moment


class OpenIntents:
    """All that are open at this terminal; used by every reader's thread."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._changing = world.lock()
        self._open: dict[
            tuple[str, int], tuple[OpenIntent, float]
        ] = {}  # with World.monotonic() of its opening
        self._under_way: set[tuple[str, int]] = set()
        self.changed = world.event()

    def load(self, rows: Sequence[Stored[ReaderEvent]]) -> None:
        """What the journal knows of at a start."""
        for row in rows:
            if isinstance(row.event, Event):
                self.add(OpenIntent(row.at, row.event))

    def begin(self, intent: OpenIntent) -> None:
        """Its card is about to be sent 8054; `rest` says that this is over."""
        with self._changing:
            self._under_way.add(intent.at.place)
            self._open[intent.at.place] = intent, self._world.monotonic()
        self.changed.set()

    def rest(self, intent: OpenIntent) -> None:
        """Its card has left, or is given up; the next card with that number is asked about it."""
        with self._changing:
            self._under_way.discard(intent.at.place)

    def add(self, intent: OpenIntent) -> None:
        """An intent is durable and has no end yet. Any thread."""
        with self._changing:
            self._open[intent.at.place] = intent, self._world.monotonic()
        self.changed.set()

    def claim(self, intent: OpenIntent) -> bool:
        """Take it out, to end it; False: somebody else does. `add` puts it back."""
        with self._changing:
            return self._open.pop(intent.at.place, None) is not None

    def of_card(self, card: str) -> Sequence[OpenIntent] | None:
        """By the card's reference, oldest first; None: one of them is under way elsewhere."""
        if not self._open:
            return []
        with self._changing:
            found = [intent for intent, _ in self._open.values() if intent.card == card]
            if any(intent.at.place in self._under_way for intent in found):
                return None
            return found

    def opened_before(self, at: float) -> Sequence[OpenIntent]:
        """Those that have been open since `at` (World.monotonic()) or longer."""
        with self._changing:
            return [intent for intent, since in self._open.values() if since <= at]

    def oldest(self) -> float | None:
        """World.monotonic() of the oldest one's opening."""
        with self._changing:
            return min((since for _, since in self._open.values()), default=None)

    def __len__(self) -> int:
        return len(self._open)
