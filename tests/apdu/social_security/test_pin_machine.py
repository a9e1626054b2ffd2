"""The PIN through any history: what the session says of it and what the card holds agree."""

from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from apdu.social_security.pin import PinFormFault
from apdu.social_security.session import CardSession
from apdu.status import PinBlocked, WrongPin
from simulators.cards import Algorithm, Generation
from tests.apdu.simulated import Bench, bench

LIMIT = 6
PINS = st.sampled_from(["123456", "654321", "1234", "12345", "00000000"])


class PinMachine(RuleBasedStateMachine):
    """One card, many sessions; the model is the PIN and the tries left."""

    bench: Bench
    session: CardSession

    @initialize(modern=st.booleans())
    def personalise(self, modern: bool) -> None:
        self.bench = bench() if modern else bench(Generation.V2, Algorithm.DES3)
        self.pin, self.left = "123456", LIMIT
        self.session = self.bench.session()

    @rule()
    def power_again(self) -> None:
        self.bench.channel.card.power_off()
        self.bench.channel.card.power_on()
        self.session = self.bench.session()

    @rule(entered=PINS)
    def verify(self, entered: str) -> None:
        self._present(entered, lambda: self.session.verify_pin(bytearray(entered.encode())))

    @rule(old=PINS, new=PINS)
    def change(self, old: str, new: str) -> None:
        pair = bytearray(old.encode()), bytearray(new.encode())
        if self._present(old, lambda: self.session.change_pin(*pair)):
            self.pin = new

    @rule(new=PINS)
    def reload(self, new: str) -> None:
        self.session.reload_pin(bytearray(new.encode()))
        self.pin, self.left = new, LIMIT

    @rule()
    def unblock(self) -> None:
        self.session.unblock_pin()
        self.left = LIMIT

    @rule(entered=st.sampled_from(["", "1", "12a4", "1" * 17]))
    def enter_what_is_none(self, entered: str) -> None:
        with pytest.raises(PinFormFault if self.left else PinBlocked):
            self.session.verify_pin(bytearray(entered.encode()))

    @invariant()
    def the_card_says_what_the_model_knows(self) -> None:
        assert self.session.pin_tries() == self.left == self.bench.inside.pin.tries.left
        assert self.bench.inside.pin.digits == self.pin

    def _present(self, entered: str, present: Callable[[], None]) -> bool:
        """Whether the card took it; the model says beforehand how it has to end."""
        if not self.left:
            with pytest.raises(PinBlocked):
                present()
            return False
        if entered != self.pin:
            self.left -= 1
            with pytest.raises(WrongPin) as caught:
                present()
            assert caught.value.tries == self.left
            return False
        present()
        self.left = LIMIT
        return True


TestPinMachine = PinMachine.TestCase
TestPinMachine.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
