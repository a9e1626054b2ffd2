"""Taps at the gate, torn: what both modes share, and the mode in which a PSAM proves the card.

How many APDUs there are is counted from a whole tap's trace; whether a card was authenticated is
judged from what card and PSAM (or HSM) really answered, never from what the product says.
"""

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final, Self

from offline_store.store import LastRow
from proving.proofs.tear.boundaries import GIVE_UP, NoProof, answered, tears
from proving.proofs.tear.tally import READY_WITHIN, Tally
from simulators.cards import Card, Interface
from simulators.cards.faults import wrong_cryptogram
from simulators.gate import Ended, LocalGate
from simulators.pcscd import Pcscd
from simulators.people import Wallet, load_cast
from simulators.site import PSAM, until
from simulators.terminal import AT
from simulators.vpcd import SOUND, Exchange, Faults, Insertion, Slot, TearAtApdu

CIPHER_DATA: Final = b"\x80\xfa"
GET_RESPONSE: Final = b"\x00\xc0"
DONE: Final = b"\x90\x00"


@dataclass(frozen=True)
class Flow:
    """A generation at an interface: whose card it is."""

    card: str  # key in the cast
    interface: Interface


FLOWS: Final = (
    Flow("qian", Interface.CONTACT),  # 1.0
    Flow("zhang", Interface.CONTACT),  # 2.0
    Flow("lin", Interface.CONTACT),  # 3.0
    Flow("lin", Interface.CONTACTLESS),  # 3.0
)


@dataclass(frozen=True)
class Visit:
    """One tap: the card's insertion, how many right proofs were computed meanwhile, and how it
    ended."""

    card: Insertion
    proofs: int
    ended: Ended | None  # None: not within `GIVE_UP`


@dataclass(frozen=True)
class Before:
    """Where journal and barrier stood."""

    head: LastRow | None
    opened: int


class TapTrial:
    """One flow at one gate. Every visit is judged and counted in the tally. A context manager,
    which leaves the slots empty."""

    def __init__(self, pcscd: Pcscd, gate: LocalGate, flow: Flow, tally: Tally) -> None:
        self.gate = gate
        self.slot = Slot(pcscd, AT[flow.interface])
        self.sam_slot = Slot(pcscd, PSAM)
        self.cast = load_cast()
        wallet = Wallet(self.cast)
        self.good = wallet.at(flow.card, flow.interface)
        self.false = wallet.at(flow.card, flow.interface, wrong=wrong_cryptogram)
        self.tally = tally

    def __enter__(self) -> Self:
        self.measure()
        return self

    def __exit__(self, *exception: object) -> None:
        self.slot.remove()
        self.sam_slot.remove()

    def proofs(self) -> int:
        """How many right proofs who holds the keys has given so far."""
        raise NotImplementedError

    def measure(self) -> None:
        """A tap that nobody disturbs: how much it takes."""
        visit = self.present(self.good)
        self.slot.remove()
        if visit.ended is None or not visit.ended.report.accepted:
            raise NoProof(f"a good card is not accepted: {visit.ended}")
        self._card_apdus = answered(visit.card.trace)
        self._proofs = visit.proofs

    def meet_false_card(self) -> None:
        """All is right with it but its proof."""
        self.visit(self.false, genuine=False)
        self.slot.remove()

    def tear_card(self, every: int) -> None:
        for tear in tears(self._card_apdus, every):
            torn = self.visit(self.good, Faults(tear=tear))
            self.settle_torn(torn.card, tear)

    def bounce_card(self, every: int) -> None:
        """It comes back at once: a tap that fails, and one that does not."""
        for tear in tears(self._card_apdus, every):
            before = self.now()
            torn = self.slot.insert(self.good, Faults(tear=tear))
            self._require_torn(torn, tear)
            self.slot.insert(self.good)
            self.settle_two(before, partial(_left, torn), answered_all=self._all(torn))

    def settle_two(
        self, before: "Before", left: Callable[[], float], *, answered_all: bool = False
    ) -> None:
        """Two cards, the second as soon as the first had left: it comes in by its own answers, the
        first only when it had given all of them. `left` is asked when both taps are over."""
        first, second = self.next_end(), self.next_end()
        self.slot.remove()
        tally, opened = self.tally, self.gate.opened - before.opened
        tally.boundaries += 1
        tally.taps += 2
        tally.stuck += (first is None) + (second is None or not second.report.accepted)
        tally.accepted_without_authentication += max(0, opened - 1 - answered_all)
        self._count_events(before, 2)
        if second is not None:
            tally.ready(second.at - left())

    def now(self) -> "Before":
        return Before(self.gate.store.head(), self.gate.opened)

    def settle_torn(self, torn: Insertion, tear: TearAtApdu) -> None:
        self._require_torn(torn, tear)
        self.settle(_left(torn))

    def settle(self, left: float) -> None:
        """The reader is ready again when it lets the next good card through; `left`: since when
        (`time.perf_counter`)."""
        self.tally.boundaries += 1
        following = self.visit(self.good)
        self.slot.remove()
        if following.ended is not None:
            self.tally.stuck += not following.ended.report.accepted
            self.tally.ready(following.ended.at - left)

    def visit(self, card: Card, faults: Faults = SOUND, *, genuine: bool = True) -> Visit:
        """A tap, judged. One that is not `genuine` may not come in, whatever is answered."""
        tally, before = self.tally, self.now()
        visit = self.present(card, faults)
        tally.taps += 1
        tally.stuck += visit.ended is None
        self._count_events(before, 1)
        if self.gate.opened > before.opened and not (genuine and self._authenticated(visit)):
            tally.accepted_without_authentication += 1
        return visit

    def _count_events(self, before: "Before", due: int) -> None:
        records = self.gate.journal_since(before.head)
        events = sum(record.event().kind == "tap" for record in records)
        self.tally.missing_events += max(0, due - events)
        self.tally.extra_events += max(0, events - due)

    def present(self, card: Card, faults: Faults = SOUND) -> Visit:
        """The card comes and, unless it is torn, lies there until the tap's end."""
        proofs = self.proofs()
        inserted = self.slot.insert(card, faults)
        ended = self.next_end()
        return Visit(inserted, self.proofs() - proofs, ended)

    def next_end(self) -> Ended | None:
        try:
            return self.gate.ended.get(timeout=GIVE_UP)
        except queue.Empty:
            return None

    def _authenticated(self, visit: Visit) -> bool:
        """Whether the terminal can know that the card is genuine: the card gave every answer of
        the flow, and who holds the keys every proof. (That it is genuine is the caller's to
        know.)"""
        return self._all(visit.card) and visit.proofs >= self._proofs

    def _all(self, card: Insertion) -> bool:
        return answered(card.trace) >= self._card_apdus

    def _require_torn(self, torn: Insertion, tear: TearAtApdu) -> None:
        if not torn.left.wait(GIVE_UP) or len(torn.trace) != tear.apdu + 1:
            raise NoProof(f"{tear} did not happen after {len(torn.trace)} APDUs")


class PsamTrial(TapTrial):
    """The PSAM lies in its slot, and is torn too."""

    def __enter__(self) -> Self:
        self._psam = self._insert_psam()
        self.measure()
        self._first_apdus = len(self._psam.trace)  # being probed and serving a first tap
        self.measure()
        self._later_apdus = answered(self._psam.trace[self._first_apdus :])
        return self

    def proofs(self) -> int:
        return _cryptograms(self._psam.trace)

    def tear_psam(self, every: int) -> None:
        """At each APDU from its insertion to the end of the first tap, and of a later tap."""
        for tear in tears(self._first_apdus, every):
            self._psam = self._insert_psam(Faults(tear=tear))
            self._tear_psam_in_visit(tear)
        for tear in tears(self._later_apdus, every):
            apdu = len(self._psam.trace) + tear.apdu
            self._psam.faults = Faults(tear=TearAtApdu(apdu, tear.moment))
            self._tear_psam_in_visit(TearAtApdu(apdu, tear.moment))

    def _tear_psam_in_visit(self, tear: TearAtApdu) -> None:
        torn = self._psam
        self.visit(self.good)
        reached = torn.left.wait(READY_WITHIN)  # the control's desk does not wait for its PSAM
        self.slot.remove()
        self._psam = self._insert_psam()
        if reached:
            self.settle_torn(torn, tear)
        else:
            self.tally.unreached += 1
        self._psam.wait_for(self._first_apdus)

    def _insert_psam(self, faults: Faults = SOUND) -> Insertion:
        """A fresh PSAM in its slot, in place of the one that is there; returns when the product
        has probed it, or it has left again."""
        self.sam_slot.remove()
        until(lambda: not self.gate.has_psam, "the product does not miss its PSAM")
        inserted = self.sam_slot.insert(self.cast.psam(), faults)
        until(
            lambda: self.gate.has_psam or inserted.left.is_set(), "the product does not see a PSAM"
        )
        return inserted


def _left(torn: Insertion) -> float:
    """When its own tear pulled it out, `time.perf_counter`."""
    return torn.trace[-1].at + torn.trace[-1].seconds


def _cryptograms(psam: Sequence[Exchange]) -> int:
    """How often CIPHER DATA was carried through: by T=0 its answer is fetched."""
    return sum(
        one.command.startswith(CIPHER_DATA)
        and other.command.startswith(GET_RESPONSE)
        and other.response is not None
        and other.response.endswith(DONE)
        for one, other in pairwise(psam)
    )
