"""Payments that were begun and have no end yet: in memory for the tap, in the journal for good.

One is open from its COMMIT before 8054 until the COMMIT of its end. Whoever ends one claims it
first, so that a card that comes back and the time limit never both do. While the card that began it
is still at its reader it is under way: nobody else who shows that number is asked about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.fares.ride import PROOF
from agent.transit.psams import Session
from apdu.transit.transit_psam import Verified
from apdu.transit.values import Kind
from offline_store.event import Event
from world import World


@dataclass(frozen=True)
class Place:
    """Where an event stands."""

    epoch: str
    seq: int


@dataclass(frozen=True)
class Intent:
    """What was about to be paid; `event` is the whole record, which its end repeats."""

    place: Place
    event: Event
    session: Session | None = field(default=None, compare=False)  # None after a restart

    @property
    def card(self) -> str:
        return self.event.card

    def is_own(self, verified: Verified) -> bool:
        """The PSAM's word is for this very payment."""
        session = self.session
        return session is not None and session.authorisation == verified.authorisation

    @property
    def kind(self) -> Kind:
        return Kind.COMPOSITE if self.event.detail["type"] == Kind.COMPOSITE.type else Kind.SIMPLE

    @property
    def proves(self) -> bool:
        """It was a purchase of 0 fen by which the card was to prove itself: it buys nothing."""
        return PROOF in self.event.detail

    @property
    def seq(self) -> int:
        """The card's own number, as 8050 told it."""
        return int(self.event.detail["card_seq"])

    @property
    def amount(self) -> int:
        return self.event.amounts["amount"]

    @property
    def balance_before(self) -> int:
        return self.event.amounts["balance_before"]

    @property
    def terminal(self) -> bytes:
        return bytes.fromhex(self.event.evidence["terminal"])

    @property
    def moment(self) -> str:
        return str(self.event.detail["moment"])


class OpenIntents:
    """All that are open at this terminal; used by every reader's thread."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._changing = world.lock()
        self._open: dict[Place, tuple[Intent, float]] = {}  # with World.monotonic() of its opening
        self._under_way: set[Place] = set()
        self.changed = world.event()

    def load(self, events: Sequence[Event]) -> None:
        """What the journal knows of at a start."""
        for event in events:
            self.add(Intent(Place(event.epoch, event.seq), event))

    def begin(self, intent: Intent) -> None:
        """Its card is about to be sent 8054; `rest` says that this is over."""
        with self._changing:
            self._under_way.add(intent.place)
            self._open[intent.place] = intent, self._world.monotonic()
        self.changed.set()

    def rest(self, intent: Intent) -> None:
        """Its card has left, or is given up; whoever comes with that number is asked about it."""
        with self._changing:
            self._under_way.discard(intent.place)

    def add(self, intent: Intent) -> None:
        with self._changing:
            self._open[intent.place] = intent, self._world.monotonic()
        self.changed.set()

    def claim(self, intent: Intent) -> bool:
        """Take it out, to end it; False: somebody else does. `add` puts it back."""
        with self._changing:
            return self._open.pop(intent.place, None) is not None

    def of_card(self, card: str) -> Sequence[Intent] | None:
        """By the card's reference, oldest first; None: one of them is under way elsewhere."""
        if not self._open:
            return []
        with self._changing:
            found = [intent for intent, _ in self._open.values() if intent.card == card]
            if any(intent.place in self._under_way for intent in found):
                return None
            return found

    def opened_before(self, at: float) -> Sequence[Intent]:
        """Those that have been open since `at` (World.monotonic()) or longer."""
        with self._changing:
            return [intent for intent, since in self._open.values() if since <= at]

    def oldest(self) -> float | None:
        """World.monotonic() of the oldest one's opening."""
        with self._changing:
            return min((since for _, since in self._open.values()), default=None)

    def __len__(self) -> int:
        return len(self._open)
