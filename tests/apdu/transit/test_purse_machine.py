"""Purses and a PSAM through any history of purchases, tears, proofs and stray commands.

Money never appears and never vanishes: what a card has lost is exactly what its commits were worth,
each commit takes one number, and a proof is there if and only if the last commit can be proved.
"""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from apdu.channel import CardGone
from apdu.transit.faults import BalanceTooSmall, DebitRefused, PurseState
from apdu.transit.files import national
from apdu.transit.purse import Purse
from apdu.transit.values import Authorisation, Initialised, Kind, PublicInfo
from simulators.cards import Interface
from simulators.cards.contract import Apdu
from simulators.cards.purse import PurseMemory, PurseOs
from simulators.cards.purse_codes import Purchase
from simulators.transit import PurseOrder
from simulators.vpcd import Moment, TearAtInstruction
from tests.apdu.transit.purses import MOMENT, bench

MONEY = st.integers(-200, 2000)
AMOUNTS = st.sampled_from([0, 1, 150, 200, 999, 5000])
TRIP = national().trip
LOST_AFTER_COMMIT = TearAtInstruction(0x54, Moment.DURING)
LOST_BEFORE_GET_RESPONSE = TearAtInstruction(0x54, Moment.AFTER)  # through contacts
TEARS = st.sampled_from([TearAtInstruction(ins, m) for ins in (0x50, 0xDC, 0x54) for m in Moment])


class PurseMachine(RuleBasedStateMachine):
    """One card that comes again and again; the model is what must have been committed."""

    @initialize(money=MONEY, contact=st.booleans())
    def issue(self, money: int, contact: bool) -> None:
        interface = Interface.CONTACT if contact else Interface.CONTACTLESS
        self.place = bench(PurseOrder(money=money, overdraft=500), interface=interface)
        self.losing = (LOST_AFTER_COMMIT, *([LOST_BEFORE_GET_RESPONSE] if contact else []))
        self.money, self.seq, self.trips = money, 1, 0
        self.provable: tuple[Kind, int] | None = None
        self.begun: Initialised | None = None
        self.authorised: Authorisation | None = None
        self.cached = 0
        self.come()

    @rule()
    def come(self) -> None:
        """The card is put on (again): whatever was begun is over."""
        self._put_on(None)

    @rule(tear=TEARS)
    def come_and_leave_early(self, tear: TearAtInstruction) -> None:
        self._put_on(tear)

    @rule(kind=st.sampled_from(Kind), amount=AMOUNTS)
    def begin(self, kind: Kind, amount: int) -> None:
        self._forget()
        asked = amount <= self.money + 500
        try:
            self.begun = self.purse.initialise(kind, amount, self.place.psam.open())
        except BalanceTooSmall:
            assert not asked
            return
        except CardGone:
            self._see_what_8050_did()
            return
        assert asked
        assert (self.begun.seq, self.begun.balance) == (self.seq, max(self.money, 0))
        self.provable = None
        self.authorised = self.place.psam.authorise(self.public, self.begun, MOMENT)

    @rule(kind=st.sampled_from(Kind), amount=AMOUNTS, trip=st.booleans())
    def pay(self, kind: Kind, amount: int, trip: bool) -> None:
        """All of it: chance alone seldom gets that far."""
        self.begin(kind, amount)
        if trip:
            self.write_a_trip()
        self.debit(bend=False)

    @rule()
    def write_a_trip(self) -> None:
        composite = self.begun is not None and self.begun.kind is Kind.COMPOSITE
        try:
            self.purse.update_record(TRIP, TRIP.encode({"type": 6}))
        except PurseState:
            assert not composite
        except CardGone:
            self._put_on(None)
        else:
            assert composite
            self.cached = 1

    @rule(bend=st.booleans())
    def debit(self, bend: bool) -> None:
        stale = Authorisation(1, bytes(4), MOMENT)
        authorised, begun = self.authorised or stale, self.begun
        good = self.authorised is not None and not bend
        if bend:
            authorised = Authorisation(authorised.sequence, _bent(authorised.mac1), MOMENT)
        committed = good and begun is not None
        answered = None
        try:
            answered = self.purse.debit(authorised)
        except DebitRefused:
            assert not committed
        except CardGone:
            self._book(begun, committed and self.tear in self.losing)
            self._put_on(None)
            return
        assert (answered is not None) is committed
        self._book(begun, committed)
        if answered is not None:
            assert self.authorised is not None
            self.place.psam.verify(self.authorised, answered.mac2)
        self._forget()

    @rule(kind=st.sampled_from(Kind), back=st.integers(0, 2))
    def prove(self, kind: Kind, back: int) -> None:
        seq = max(self.seq - back, 0)
        try:
            proof = self.purse.proof(kind, seq)
        except CardGone:
            self._put_on(None)
            return
        assert (proof is not None) is (self.provable == (kind, seq))
        self._forget()

    @rule()
    def read_the_balance(self) -> None:
        try:
            assert self.purse.balance() == self.money
        except CardGone:
            self._put_on(None)
            return
        self._forget()

    @rule()
    def cut_the_psams_power(self) -> None:
        self.place.power_psam().open()
        self.authorised = None

    @invariant()
    def the_card_holds_what_the_model_knows(self) -> None:
        state = self.place.inside.state
        assert (state.money, state.seq) == (self.money, self.seq)
        assert len(state.trips) == min(self.trips, 30)
        assert len(state.log) == min(self.seq - 1, 10)

    def _book(self, begun: Initialised | None, committed: bool) -> None:
        if committed and begun is not None:
            self.provable = (begun.kind, self.seq)
            self.money -= begun.amount
            self.seq += 1
            self.trips += self.cached

    def _see_what_8050_did(self) -> None:
        """Its work may be done or not; the proof that it ends may be there or not."""
        if self.place.inside.state.proof is None:
            self.provable = None
        self._put_on(None)

    def _put_on(self, tear: TearAtInstruction | None) -> None:
        self._forget()
        self.tear = tear
        self.purse: Purse = self.place.tap(tear)
        self.public: PublicInfo = self.purse.select()

    def _forget(self) -> None:
        self.begun = self.authorised = None
        self.cached = 0


def _bent(mac: bytes) -> bytes:
    return bytes((mac[0] ^ 1,)) + mac[1:]


class Thief(PurseOs):
    """Takes one fen more than it says."""

    def _after(self, purchase: Purchase, begun: Any, proof: Any) -> PurseMemory:
        state = super()._after(purchase, begun, proof)
        return replace(state, money=state.money - 1)


class Sloppy(PurseOs):
    """Writes its records when they come, whether it pays or not."""

    def _update_record(self, apdu: Apdu) -> bytes:
        data = super()._update_record(apdu)
        self.state = replace(self.state, trips=(apdu.data, *self.state.trips))
        return data


@pytest.mark.parametrize("wrong", [Thief, Sloppy])
def test_a_card_that_cheats_is_caught(wrong: type[PurseOs]) -> None:
    """The control."""

    class WithIt(PurseMachine):
        @initialize(money=MONEY, contact=st.booleans())
        def issue(self, money: int, contact: bool) -> None:
            super().issue(money, contact)
            self.place.inside = wrong(self.place.inside.spec)
            self.come()

    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            WithIt,
            settings=settings(TestPurseMachine.settings, database=None, phases=[Phase.generate]),
        )


TestPurseMachine = PurseMachine.TestCase
TestPurseMachine.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
