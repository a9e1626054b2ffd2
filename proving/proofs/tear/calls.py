"""Calls of the national interface at a counter, torn at every APDU; the card comes back at once.

So that whoever goes on with it, repeats something or takes it for another one shows.
"""

import re
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Final, Self

import msgspec

from agent.facade.call import CallAnswer
from offline_store.store import LastRow
from proving.proofs.tear.boundaries import GIVE_UP, NoProof, tears
from proving.proofs.tear.business import READ, Business
from proving.proofs.tear.cards import NotedCard
from proving.proofs.tear.judging import (
    HEADER,
    PINS,
    Seen,
    Whole,
    decides,
    half_written,
    head,
    pins_shown,
)
from proving.proofs.tear.tally import Tally
from proving.proofs.tear.taps import Flow
from simulators.counter import LocalCounter
from simulators.pcscd import Pcscd
from simulators.people import load_cast
from simulators.site import PROMPT, PSAM, NotInTime, until
from simulators.terminal import AT
from simulators.vpcd import SOUND, Exchange, Faults, Insertion, Moment, Slot, TearAtApdu

# pcscd looks whether the card of a handle has left, and then waits for the reader (winscard.c,
# SCardTransmit): a command that it is given while the cards change goes to the one that has come.
# A product goes on each time, pcscd now and then.
LET_THROUGH: Final = 1  # command
TIMES: Final = 3
# Not within longer digits: references and hashes are full of them.
SHOWN: Final = re.compile(rf"(?<![0-9A-Fa-f])({'|'.join(PINS)})(?![0-9A-Fa-f])")


class Calling:
    """A business on a thread of its own, as its caller's process would be."""

    def __init__(self, counter: LocalCounter, card: NotedCard, business: Business) -> None:
        self.answers: Sequence[CallAnswer] | None = None
        self._work = partial(business.carry_out, counter, card)
        self._thread = threading.Thread(target=self._run, name=business.name, daemon=True)
        self._thread.start()

    def wait(self) -> Sequence[CallAnswer] | None:
        """All answers; None when it did not end within `GIVE_UP`."""
        self._thread.join(GIVE_UP)
        return self.answers

    def _run(self) -> None:
        self.answers = self._work()


class CallTrial:
    """One card at one counter. A context manager, which leaves the slots empty."""

    def __init__(self, pcscd: Pcscd, counter: LocalCounter, flow: Flow, tally: Tally) -> None:
        self._counter = counter
        self._tally = tally
        self._slot = Slot(pcscd, AT[flow.interface])
        self._sam_slot = Slot(pcscd, PSAM)
        self._cast = load_cast()
        self._card = NotedCard(self._cast, flow.card, flow.interface)
        self._seat = counter.seat(flow.interface)

    def __enter__(self) -> Self:
        until(lambda: not self._counter.has_psam, "the product does not miss its PSAM")
        self._sam_slot.insert(self._cast.psam())
        until(lambda: self._counter.has_psam, "the product does not see a PSAM")
        return self

    def __exit__(self, *exception: object) -> None:
        self._slot.remove()
        self._sam_slot.remove()

    def tear(self, business: Business, every: int) -> None:
        """At every so many boundaries, and wherever the answer to a deciding command is lost."""
        whole = self._measure(business)
        lost = [TearAtApdu(apdu, Moment.DURING) for apdu in whole.deciding]
        for tear in dict.fromkeys([*tears(whole.apdus, every), *lost]):
            self._tear(business, whole, tear)

    def _measure(self, business: Business) -> Whole:
        """Nobody disturbs it."""
        inserted = self._lay(business)
        old = self._card.content()
        answers = Calling(self._counter, self._card, business).wait()
        self._counter.me.release()
        if answers is None or answers[-1].result != business.result:
            raise NoProof(f"{business.name} of a good card: {answers and answers[-1].output}")
        deciding = [
            number
            for number, exchange in enumerate(inserted.trace)
            if decides(business, head(exchange), exchange.command[HEADER:])
        ]
        whole = Whole(len(inserted.trace), deciding, old, self._card.content())
        self._await_free(inserted)
        self._lift()
        return whole

    def _tear(self, business: Business, whole: Whole, tear: TearAtApdu) -> None:
        """Until it is not pcscd that has let a command through to the card that came."""
        strayed = LET_THROUGH
        for _ in range(TIMES):
            if strayed == LET_THROUGH:
                strayed = self._torn(business, whole, tear)
        self._tally.boundaries += 1
        self._tally.strayed += strayed

    def _torn(self, business: Business, whole: Whole, tear: TearAtApdu) -> int:
        """Pulled there, put in again, judged; then the card is served. How many commands went to
        the card that came."""
        before = self._counter.store.head()
        torn = self._lay(business, Faults(tear=tear))
        calling = Calling(self._counter, self._card, business)
        if not torn.left.wait(GIVE_UP) or len(torn.trace) != tear.apdu + 1:
            raise NoProof(f"{business.name}: {tear} did not happen")
        back = self._slot.insert(self._card.at_reader)
        answers = calling.wait()
        self._tally.calls += 1
        self._tally.stuck += answers is None
        told, strayed = False, len(back.trace)
        if answers is not None:
            trace = [*torn.trace, *back.trace]
            seen = Seen(business, answers, list(self._card.book.done), trace)
            self._judge(seen, whole)
            told = seen.told_new_pin
        self._count_events(before, told + self._serve(torn.trace[-1], back))
        self._lift()
        return strayed if answers is not None else 0

    def _judge(self, seen: Seen, whole: Whole) -> None:
        tally, card = self._tally, self._card
        now = card.content()
        tally.false_success += seen.false_success(whole, now)
        tally.misnamed += seen.misnamed()
        tally.tries_spent_twice += seen.twice()
        tally.tries_unexplained += card.unexplained()
        tally.half_written += half_written(whole, now, seen.book)
        tally.pins_shown += pins_shown(seen)

    def _serve(self, last: Exchange, back: Insertion) -> bool:
        """Whether the card that lies there is read, as every caller does who tries again."""
        left = last.at + last.seconds
        while time.perf_counter() < left + GIVE_UP:
            answers = Calling(self._counter, self._card, READ).wait()
            if answers is None:
                break
            if answers[-1].result == READ.result:
                self._tally.ready(time.perf_counter() - left)
                self._await_free(back)
                return True
            time.sleep(PROMPT)
        self._tally.stuck += 1
        return False

    def _await_free(self, inserted: Insertion) -> None:
        """Nobody has the reader, and the card is powered down."""
        try:
            until(
                lambda: not self._counter.calls.leases.current() and not inserted.powered,
                "the reader is still held",
                GIVE_UP,
            )
        except NotInTime:
            self._tally.unreleased += 1

    def _count_events(self, before: LastRow | None, due: int) -> None:
        records = self._counter.journal_since(before)
        events = [record.event() for record in records]
        disclosed = sum(event.kind == "disclosure" for event in events)
        self._tally.missing_events += max(0, due - disclosed)
        self._tally.extra_events += max(0, disclosed - due)
        written = [msgspec.json.encode(event).decode() for event in events]
        logged, self._counter.log.lines = self._counter.log.lines, []
        self._tally.pins_shown += sum(bool(SHOWN.search(line)) for line in written + logged)

    def _lay(self, business: Business, faults: Faults = SOUND) -> Insertion:
        """The card as it was at first, seen by the reader's thread; its holder is ready to type."""
        self._card.renew()
        typist = self._counter.typist
        typist.rest()
        typist.will_type(*business.types, *business.types)  # twice, should anybody ask again
        inserted = self._slot.insert(self._card.at_reader, faults)
        until(self._seen, "the card is not seen")
        return inserted

    def _lift(self) -> None:
        self._slot.remove()
        until(lambda: self._seat.card_present is None, "the card's leaving is not seen")

    def _seen(self) -> bool:
        return self._seat.card_present is not None
