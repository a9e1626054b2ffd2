"""`onecard prove tear`: card and PSAM pulled out before, during and after every APDU of a tap.

On a real pcscd, through the product's `Taps` and a store on disk. How many APDUs there are is
counted from a whole tap's trace; whether a card was authenticated is judged from what card and PSAM
really answered, never from what the product says.
"""

import argparse
import queue
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Final, Self

from agent.reading import CardDesk
from simulators.cards import Interface
from simulators.cards.faults import wrong_cryptogram
from simulators.gate import AT, Ended, LocalGate, MakeDesk, become_client
from simulators.pcscd import FOUR_READERS, Pcscd
from simulators.people import Wallet, load_cast
from simulators.proofs.hasty import HastyDesk
from simulators.site import PSAM, until
from simulators.vpcd import SOUND, Exchange, Faults, Insertion, Moment, Slot, TearAtApdu

READY_WITHIN: Final = 2.0  # seconds after the card has left
GIVE_UP: Final = 10.0  # seconds after which a tap that has not ended is left behind
QUICK: Final = 11  # every so many boundaries: prime to the three moments, so all of them come
GOALS: Final = {
    "stuck_max": 0,
    "accepted_without_authentication_max": 0,
    "missing_events_max": 0,
    "extra_events_max": 0,
    "slowest_ready_ms_max": READY_WITHIN * 1000,
    # How often a PSAM was asked less than in the tap that was measured: its overlap is a matter of
    # time, so its last APDU may be one that this tap did not need.
    "unreached_max": 2,
}
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


class NoProof(Exception):
    """What was to be provoked did not happen, so nothing was proved. The text says what."""


@dataclass
class Tally:
    """What came of all taps."""

    boundaries: int = 0
    taps: int = 0
    stuck: int = 0
    accepted_without_authentication: int = 0
    missing_events: int = 0
    extra_events: int = 0
    unreached: int = 0
    slowest_ready_ms: float = 0.0

    def holds(self) -> bool:
        return self.boundaries > 0 and all(
            getattr(self, goal.removesuffix("_max")) <= most for goal, most in GOALS.items()
        )


@dataclass(frozen=True)
class Whole:
    """A tap that nobody disturbed: APDUs answered by the card and the PSAM, and how many of the
    PSAM's answers were cryptograms."""

    card: int
    psam: int
    cryptograms: int


@dataclass(frozen=True)
class Visit:
    """One tap: the card's insertion, what the PSAM did meanwhile, and how the tap ended."""

    card: Insertion
    psam: Sequence[Exchange]
    ended: Ended | None  # None: not within `GIVE_UP`

    def measured(self) -> Whole:
        return Whole(_answered(self.card.trace), _answered(self.psam), _cryptograms(self.psam))

    def authenticated(self, whole: Whole) -> bool:
        """Whether the terminal can know that the card is genuine: the card gave every answer of
        the flow, and the PSAM every cryptogram. (That it is genuine is the caller's to know.)"""
        seen = self.measured()
        return seen.card >= whole.card and seen.cryptograms >= whole.cryptograms


def run(arguments: Sequence[str] = ()) -> dict[str, object]:
    """`boundaries` pulls (APDU × moment, of card and PSAM, in each flow), each followed by a good
    card. `slowest_ready_ms`: from a pulled card's (or PSAM's) leaving to the end of the next tap.

    `--quick`: every 11th boundary. `control`: the same, PSAM and false cards only, with a desk
    that accepts before it compares; `lost` counts whom it let in without authentication.
    """
    parser = argparse.ArgumentParser(prog="onecard prove tear")
    parser.add_argument("--quick", action="store_true")
    every = QUICK if parser.parse_args(arguments).quick else 1
    with Pcscd(FOUR_READERS) as pcscd:
        become_client(pcscd)
        return prove(pcscd, every=every)


def prove(pcscd: Pcscd, *, every: int = 1) -> dict[str, object]:
    """The proof on a running pcscd, at every so many boundaries of each flow."""
    tally = attempt(pcscd, CardDesk, every=every)
    control = attempt(pcscd, HastyDesk, every=every, tear_cards=False)
    lost = control.accepted_without_authentication
    return {
        "name": "tear",
        "boundaries": tally.boundaries,
        "taps": tally.taps,
        "stuck": tally.stuck,
        "accepted_without_authentication": tally.accepted_without_authentication,
        "missing_events": tally.missing_events,
        "extra_events": tally.extra_events,
        "unreached": tally.unreached,
        "slowest_ready_ms": round(tally.slowest_ready_ms, 1),
        "goals": GOALS,
        "holds": tally.holds() and lost > 0,
        "control": {"variant": "accepts before comparing", "lost": lost, "caught": lost > 0},
    }


def attempt(pcscd: Pcscd, desk: MakeDesk, *, every: int, tear_cards: bool = True) -> Tally:
    """All flows with one desk, each on a gate and a journal of its own."""
    tally = Tally()
    for flow in FLOWS:
        with (
            tempfile.TemporaryDirectory(prefix="onecard-tear-") as folder,
            LocalGate(load_cast(), Path(folder), desk=desk) as gate,
            Trial(pcscd, gate, flow, tally) as trial,
        ):
            trial.meet_false_card()
            if tear_cards:
                trial.tear_card(every)
            trial.tear_psam(every)
    return tally


class Trial:
    """One flow at one gate. Every visit is judged and counted in the tally. A context manager,
    which leaves the slots empty."""

    def __init__(self, pcscd: Pcscd, gate: LocalGate, flow: Flow, tally: Tally) -> None:
        self._gate = gate
        self._slot = Slot(pcscd, AT[flow.interface])
        self._sam_slot = Slot(pcscd, PSAM)
        self._cast = load_cast()
        wallet = Wallet(self._cast)
        self._good = wallet.at(flow.card, flow.interface)
        self._false = wallet.at(flow.card, flow.interface, wrong=wrong_cryptogram)
        self._tally = tally

    def __enter__(self) -> Self:
        self._psam = self._insert_psam()
        self._measure()
        self._psam_apdus = len(self._psam.trace)  # being probed and serving a first tap
        self._whole = self._measure()
        return self

    def __exit__(self, *exception: object) -> None:
        self._slot.remove()
        self._sam_slot.remove()

    def meet_false_card(self) -> None:
        """All is right with it but its proof."""
        self._visit(genuine=False)
        self._slot.remove()

    def tear_card(self, every: int) -> None:
        for tear in _tears(self._whole.card, every):
            torn = self._visit(Faults(tear=tear))
            self._settle(torn.card, tear)

    def tear_psam(self, every: int) -> None:
        """At each APDU from its insertion to the end of the first tap, and of a later tap."""
        for tear in _tears(self._psam_apdus, every):
            self._psam = self._insert_psam(Faults(tear=tear))
            self._tear_psam_in_visit(tear)
        for tear in _tears(self._whole.psam, every):
            apdu = len(self._psam.trace) + tear.apdu
            self._psam.faults = Faults(tear=TearAtApdu(apdu, tear.moment))
            self._tear_psam_in_visit(TearAtApdu(apdu, tear.moment))

    def _tear_psam_in_visit(self, tear: TearAtApdu) -> None:
        torn = self._psam
        self._visit()
        reached = torn.left.wait(READY_WITHIN)  # the control's desk does not wait for its PSAM
        self._slot.remove()
        self._psam = self._insert_psam()
        if reached:
            self._settle(torn, tear)
        else:
            self._tally.unreached += 1
        self._psam.wait_for(self._psam_apdus)

    def _settle(self, torn: Insertion, tear: TearAtApdu) -> None:
        """The reader is ready again when it lets the next good card through."""
        if not torn.left.wait(READY_WITHIN) or len(torn.trace) != tear.apdu + 1:
            raise NoProof(f"{tear} did not happen after {len(torn.trace)} APDUs")
        self._tally.boundaries += 1
        last = torn.trace[-1]
        following = self._visit()
        self._slot.remove()
        if following.ended is not None:
            self._tally.stuck += not following.ended.report.accepted
            ready = (following.ended.at - last.at - last.seconds) * 1000
            self._tally.slowest_ready_ms = max(self._tally.slowest_ready_ms, ready)

    def _insert_psam(self, faults: Faults = SOUND) -> Insertion:
        """A fresh PSAM in its slot, in place of the one that is there; returns when the product
        has probed it, or it has left again."""
        self._sam_slot.remove()
        until(lambda: not self._gate.has_psam, "the product does not miss its PSAM")
        inserted = self._sam_slot.insert(self._cast.psam(), faults)
        until(
            lambda: self._gate.has_psam or inserted.left.is_set(), "the product does not see a PSAM"
        )
        return inserted

    def _measure(self) -> Whole:
        visit = self._present(SOUND, genuine=True)
        self._slot.remove()
        if visit.ended is None or not visit.ended.report.accepted:
            raise NoProof(f"a good card is not accepted: {visit.ended}")
        return visit.measured()

    def _visit(self, faults: Faults = SOUND, *, genuine: bool = True) -> Visit:
        """A tap, judged."""
        tally, gate = self._tally, self._gate
        head, opened = gate.store.head(), gate.opened
        visit = self._present(faults, genuine=genuine)
        tally.taps += 1
        tally.stuck += visit.ended is None
        events = sum(record.event().kind == "tap" for record in gate.journal_since(head))
        tally.missing_events += max(0, 1 - events)
        tally.extra_events += max(0, events - 1)
        if gate.opened > opened and not (genuine and visit.authenticated(self._whole)):
            tally.accepted_without_authentication += 1
        return visit

    def _present(self, faults: Faults, *, genuine: bool) -> Visit:
        """The card comes and, unless it is torn, lies there until the tap's end."""
        before = len(self._psam.trace)
        card = self._slot.insert(self._good if genuine else self._false, faults)
        try:
            ended = self._gate.ended.get(timeout=GIVE_UP)
        except queue.Empty:
            ended = None
        return Visit(card, self._psam.trace[before:], ended)


def _tears(apdus: int, every: int) -> Iterator[TearAtApdu]:
    boundaries = list(product(range(apdus), Moment))
    return (TearAtApdu(apdu, moment) for apdu, moment in boundaries[::every])


def _answered(trace: Sequence[Exchange]) -> int:
    return sum(exchange.response is not None for exchange in trace)


def _cryptograms(psam: Sequence[Exchange]) -> int:
    """How often CIPHER DATA was carried through: by T=0 its answer is fetched."""
    return sum(
        one.command.startswith(CIPHER_DATA)
        and other.command.startswith(GET_RESPONSE)
        and other.response is not None
        and other.response.endswith(DONE)
        for one, other in pairwise(psam)
    )
