"""What every PIN pad must do. A driver's tests inherit `PinPadContract` and bring the fingers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import pytest

from contracts.drivers.reader import until
from drivers.contract import (
    DeviceBusy,
    DeviceFault,
    DeviceState,
    Pin,
    PinCancelled,
    PinLength,
    PinMismatch,
    PinPad,
    PinTimeout,
)
from world import Fault
from world.tasks import RealTask

PATIENCE = 60.0  # seconds


class PinPadBench(Protocol):
    """A pad named `pad`, in order, under the test's fingers."""

    @property
    def pad(self) -> PinPad: ...

    def press(self, digits: str) -> None: ...

    def confirm(self) -> None: ...

    def cancel(self) -> None: ...

    def back(self) -> None: ...

    def unplug(self) -> None: ...

    def plug(self) -> None: ...

    def await_question(self, count: int = 1) -> None:
        """Returns when the pad takes keys for its `count`th entry."""
        ...

    def settled(self) -> None:
        """Returns when all that was pressed has been taken."""
        ...


class Asked:
    """A question on a thread of its own, and what came of it."""

    def __init__(self, ask: Callable[[], Pin]) -> None:
        self.pin: Pin | None = None
        self.fault: Fault | None = None
        self._ask = ask
        self._task = RealTask(self._run, "asks")

    def _run(self) -> None:
        try:
            self.pin = self._ask()
        except Fault as fault:
            self.fault = fault

    def over(self, within: float) -> bool:
        """Whether it has come to something, after so many seconds at most."""
        return self._task.join(within)

    def entered(self) -> bytes:
        assert self._task.join(PATIENCE)
        assert self.pin is not None, self.fault
        return bytes(self.pin.digits)

    def failed(self) -> Fault:
        assert self._task.join(PATIENCE)
        assert self.fault is not None
        return self.fault


@contextmanager
def asking(bench: PinPadBench, ask: Callable[[], Pin]) -> Iterator[Asked]:
    asked = Asked(ask)
    bench.await_question()
    yield asked
    bench.pad.cancel()


class PinPadContract:
    """Inherit, and give a fixture `bench`."""

    def test_ready_under_its_own_name(self, bench: PinPadBench) -> None:
        assert bench.pad.name == bench.pad.status().name == "pad"
        assert bench.pad.status().state is DeviceState.READY

    def test_digits_and_confirm_are_a_pin(self, bench: PinPadBench) -> None:
        with asking(bench, bench.pad.ask) as asked:
            bench.press("493017")
            bench.confirm()
            assert asked.entered() == b"493017"

    def test_a_digit_taken_back_is_not_in_it(self, bench: PinPadBench) -> None:
        with asking(bench, bench.pad.ask) as asked:
            bench.press("4938")
            bench.back()
            bench.press("017")
            bench.confirm()
            assert asked.entered() == b"493017"

    def test_two_questions_have_two_answers(self, bench: PinPadBench) -> None:
        for at, digits in enumerate(("111111", "222222"), start=1):
            asked = Asked(bench.pad.ask)
            bench.await_question(at)
            bench.press(digits)
            bench.confirm()
            assert asked.entered() == digits.encode()

    def test_cancel_key_is_cancelled(self, bench: PinPadBench) -> None:
        with asking(bench, bench.pad.ask) as asked:
            bench.press("49")
            bench.cancel()
            assert isinstance(asked.failed(), PinCancelled)

    def test_cancelled_from_another_thread(self, bench: PinPadBench) -> None:
        with asking(bench, bench.pad.ask) as asked:
            bench.press("49")
            bench.pad.cancel()
            assert isinstance(asked.failed(), PinCancelled)

    def test_cancelling_without_a_question_changes_nothing(self, bench: PinPadBench) -> None:
        bench.pad.cancel()
        with asking(bench, bench.pad.ask) as asked:
            bench.press("493017")
            bench.confirm()
            assert asked.entered() == b"493017"

    def test_nothing_in_time_is_a_timeout(self, bench: PinPadBench) -> None:
        with pytest.raises(PinTimeout):
            bench.pad.ask(timeout=0.05)

    def test_not_all_in_time_is_a_timeout(self, bench: PinPadBench) -> None:
        asked = Asked(lambda: bench.pad.ask(timeout=3.0))  # a busy machine sees it late
        bench.await_question()
        bench.press("4930")
        assert isinstance(asked.failed(), PinTimeout)

    @pytest.mark.parametrize("digits", ["", "493", "4" * 17])
    def test_too_short_and_too_long_say_what_is_allowed(
        self, bench: PinPadBench, digits: str
    ) -> None:
        with asking(bench, bench.pad.ask) as asked:
            bench.press(digits)
            bench.confirm()
            fault = asked.failed()
        assert isinstance(fault, PinLength)
        assert fault.facts == {"minimum": 4, "maximum": 16}

    @pytest.mark.parametrize("digits", ["4930", "493017", "49301749", "4930174930174930"])
    def test_a_pin_of_any_length_that_cards_take_is_one(
        self, bench: PinPadBench, digits: str
    ) -> None:
        with asking(bench, bench.pad.ask) as asked:
            bench.press(digits)
            bench.confirm()
            assert asked.entered() == digits.encode()

    def test_a_length_of_choice(self, bench: PinPadBench) -> None:
        with asking(bench, lambda: bench.pad.ask(minimum=4, maximum=8)) as asked:
            bench.press("49301")
            bench.confirm()
            assert asked.entered() == b"49301"

    def test_new_pin_entered_twice(self, bench: PinPadBench) -> None:
        with asking(bench, bench.pad.ask_new) as asked:
            bench.press("493017")
            bench.confirm()
            bench.await_question(2)
            bench.press("493017")
            bench.confirm()
            assert asked.entered() == b"493017"

    @pytest.mark.parametrize("second", ["493018", "593017"])
    def test_two_that_differ_are_a_mismatch(self, bench: PinPadBench, second: str) -> None:
        with asking(bench, bench.pad.ask_new) as asked:
            bench.press("493017")
            bench.confirm()
            bench.await_question(2)
            bench.press(second)
            bench.confirm()
            assert isinstance(asked.failed(), PinMismatch)

    def test_new_pin_cancelled_in_its_second_entry(self, bench: PinPadBench) -> None:
        with asking(bench, bench.pad.ask_new) as asked:
            bench.press("493017")
            bench.confirm()
            bench.await_question(2)
            bench.cancel()
            assert isinstance(asked.failed(), PinCancelled)

    def test_keys_before_the_question_are_no_answer(self, bench: PinPadBench) -> None:
        bench.press("999")
        bench.settled()
        with asking(bench, bench.pad.ask) as asked:
            bench.press("493017")
            bench.confirm()
            assert asked.entered() == b"493017"

    def test_one_question_at_a_time(self, bench: PinPadBench) -> None:
        with asking(bench, bench.pad.ask) as asked:
            with pytest.raises(DeviceBusy):
                bench.pad.ask()
            bench.press("493017")
            bench.confirm()
            assert asked.entered() == b"493017"

    def test_unplugged_in_the_middle_is_a_device_fault_and_then_it_is_back(
        self, bench: PinPadBench
    ) -> None:
        with asking(bench, bench.pad.ask) as asked:
            bench.press("4930")
            bench.settled()
            bench.unplug()
            assert isinstance(asked.failed(), DeviceFault)
        with pytest.raises(DeviceFault):
            bench.pad.ask()
        bench.plug()
        bench.pad.look()
        until(lambda: bench.pad.status().state is DeviceState.READY, PATIENCE)
        asked = Asked(bench.pad.ask)
        bench.await_question(2)
        bench.press("493017")
        bench.confirm()
        assert asked.entered() == b"493017"

    def test_stopped_in_the_middle_nobody_waits_on(self, bench: PinPadBench) -> None:
        asked = Asked(bench.pad.ask)
        bench.await_question()
        bench.pad.stop()
        assert isinstance(asked.failed(), DeviceFault)
