"""Console barrier and prompts: their contracts, and what tests and demo read from them."""

import pytest

from contracts.drivers.barrier import BarrierContract
from contracts.drivers.prompts import WELCOME, PromptsContract
from drivers.console import REMEMBERED, ConsoleBarrier, ConsolePrompts
from drivers.contract import DeviceFault
from world.real import RealWorld


class TestConsoleBarrier(BarrierContract):
    @pytest.fixture
    def barrier(self) -> ConsoleBarrier:
        return ConsoleBarrier(RealWorld(), "gate", {})

    def test_each_opening_is_one_line_and_is_remembered(self, barrier: ConsoleBarrier) -> None:
        lines: list[str] = []
        barrier.listen(lines.append)
        barrier.open("entry")
        barrier.open("exit")
        assert lines == ["gate: open entry", "gate: open exit"]
        assert barrier.opened == {"entry": 1, "exit": 1}
        assert [opening.direction for opening in barrier.history] == ["entry", "exit"]

    def test_memory_is_bounded_and_the_counter_is_not(self, barrier: ConsoleBarrier) -> None:
        barrier.listen(lambda line: None)
        for _ in range(REMEMBERED + 1):
            barrier.open("entry")
        assert barrier.opened["entry"] == REMEMBERED + 1
        assert len(barrier.history) == REMEMBERED

    def test_an_opening_that_nobody_can_see_is_none(self, barrier: ConsoleBarrier) -> None:
        barrier.listen(_closed_terminal)
        with pytest.raises(DeviceFault):
            barrier.open("entry")
        assert not barrier.opened
        assert not barrier.history


def _closed_terminal(line: str) -> None:
    raise BrokenPipeError


class TestConsolePrompts(PromptsContract):
    @pytest.fixture
    def prompts(self) -> ConsolePrompts:
        return ConsolePrompts(RealWorld(), "screen", {})

    @pytest.fixture
    def broken(self) -> ConsolePrompts:
        prompts = ConsolePrompts(RealWorld(), "screen", {})
        prompts.listen(_closed_terminal)
        return prompts

    def test_each_prompt_is_one_line_on_standard_output(
        self, prompts: ConsolePrompts, capsys: pytest.CaptureFixture[str]
    ) -> None:
        prompts.show(WELCOME)
        assert capsys.readouterr().out == "screen: [green, short] 欢迎 welcome\n"
        assert [shown.prompt for shown in prompts.history] == [WELCOME]

    def test_prompts_that_cannot_be_shown_are_counted(self, broken: ConsolePrompts) -> None:
        broken.show(WELCOME)
        assert broken.failed == 1
