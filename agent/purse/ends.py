"""What became of a payment → its end, durable; and payments without an end, which become grey.

Every intent is ended here and nowhere else. An end that says for certain whether the card paid
takes what that rests on (`agent.purse.records.Ending`).
"""

from collections.abc import Sequence
from contextlib import suppress

from agent.messages.reasons import Reason
from agent.messages.results import Results
from agent.purse.intents import OpenIntent, OpenIntents
from agent.purse.records import Ending, Grey, end_of
from offline_store.clock import Clock
from offline_store.events.row import Record
from offline_store.store import Entry, Store, Unstored
from world import Task, World


class Ends:
    """Of all payments of a terminal; any thread."""

    def __init__(
        self, world: World, clock: Clock, store: Store, results: Results, grey_after: float
    ) -> None:
        """`grey_after`: seconds that a card may take to come back."""
        self._world = world
        self._clock = clock
        self._store = store
        self._results = results
        self._grey_after = grey_after
        self.open = OpenIntents(world)
        self._loading = world.lock()
        self._loaded = False
        self._stopped = False
        self._task: Task | None = None

    def start(self) -> None:
        """Read what is still open, and watch it. A journal that cannot be read now is tried again
        with each tap."""
        with suppress(Unstored):
            self.load()
        self._task = self._world.spawn(self._watch, name="open payments")

    def stop(self) -> None:
        """What is open stays so; the next start finds it in the journal."""
        self._stopped = True
        self.open.changed.set()
        if self._task is not None:
            self._task.join(1.0)

    def load(self) -> None:
        """What a power cut has left open. Raises `Unstored`; then no card may be charged."""
        with self._loading:
            if not self._loaded:
                self.open.load(self._store.open_intents())
                self._loaded = True

    def end(
        self, intent: OpenIntent, reason: Reason, ending: Ending, lane: str = ""
    ) -> Record | None:
        """Durable on return. None: not now (the disk), or another thread has said it; then the
        holder is only asked to come again, and nothing opens."""
        if not self.open.claim(intent):
            return None
        # A card that only proved itself has decided nothing yet.
        verdict = None if reason == Reason.CARD_PROVED else self._results.verdict(reason)
        event = end_of(intent, ending, reason, verdict, self._clock.read(), lane)
        try:
            return self._store.turn(lambda turn: Entry(event))
        except Unstored:
            self.open.add(intent)
            return None

    def _watch(self) -> None:
        """A card that does not come back in time: grey, for the back office to find out."""
        while not self._stopped:
            oldest = self.open.oldest()
            now = self._world.monotonic()
            wait = None if oldest is None else max(0.0, oldest + self._grey_after - now)
            self.open.changed.wait(wait)
            self.open.changed.clear()
            if not self._stopped:
                self._give_up(self.open.opened_before(self._world.monotonic() - self._grey_after))

    def _give_up(self, intents: Sequence[OpenIntent]) -> None:
        for intent in intents:
            self.end(intent, Reason.PAYMENT_GREY, Grey())
