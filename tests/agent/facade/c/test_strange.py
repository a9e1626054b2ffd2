"""libsscard in programs that do strange things to the thread that calls: the next call works."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.site import until
from tests.agent.facade.c.conftest import Built, Caller
from tests.agent.facade.c.service import Service, answers

REENTERED = -16


class Stranger(Caller):
    """A running stranger.c; `service` answers calls with iType 1 when it is let go."""

    def __init__(self, built: Built, service: Service) -> None:
        super().__init__(built.stranger, built.library, service.path)
        self._service = service
        self.let_go = threading.Event()
        answer = answers(0, b"answer|")

        def behave(line: object, call: tuple[bytes, list[bytes]]) -> bool:
            if call[1] == [b"1"]:
                self.let_go.wait(60)
            return answer(line, call)  # type: ignore[arg-type]

        service.behaviour = behave  # type: ignore[assignment]

    def begin(self, how: str) -> None:
        """Returns when the service has the thread's call."""
        self._until_it_calls(f"begin {how}")

    def jump(self) -> None:
        """Returns when the service has the call after the jump: a thread that is told to jump only
        when its call is over does so out of whatever it does then, and may hold a lock for ever."""
        self._until_it_calls("now")

    def _until_it_calls(self, order: str) -> None:
        before = len(self._service.calls)
        self.send(order)
        until(lambda: len(self._service.calls) > before, "the call does not come")

    def told(self) -> tuple[str, int, str]:
        """Who, result and output of a call that has ended."""
        who, result, *output = self.words()
        return who, int(result), bytes.fromhex("".join(output)).decode("gbk")

    def join(self) -> None:
        self.send("join")
        assert self.words() == ["ended"]

    def calls(self) -> tuple[str, int, str]:
        self.send("call")
        return self.told()


@pytest.fixture(params=["shipped", "checked"])
def built(request: pytest.FixtureRequest) -> Built:
    made: Built = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def stranger(built: Built, tmp_path: Path) -> Iterator[Stranger]:
    with Service(tmp_path / "sscard.sock") as service:
        stranger = Stranger(built, service)
        yield stranger
        stranger.let_go.set()
        assert stranger.end() == (0, b"")


@pytest.mark.parametrize("how", ["cancel", "async", "exit"])
def test_a_thread_that_ends_in_a_call_is_in_nobodys_way(stranger: Stranger, how: str) -> None:
    for _ in range(3):
        stranger.begin(how)
        stranger.send("now")
        stranger.join()
        assert stranger.calls() == ("first", 0, "answer|")


@pytest.mark.parametrize("how", ["call", "alt"])
def test_a_signal_handler_that_calls_is_told_so_at_once(stranger: Stranger, how: str) -> None:
    stranger.begin(how)
    stranger.send("now")
    who, result, text = stranger.told()  # while the thread's call still waits
    assert (who, result) == ("handler", REENTERED)
    assert "信号处理函数" in text
    stranger.let_go.set()
    assert stranger.told() == ("thread", 0, "answer|"), "the call itself goes on"
    stranger.join()
    assert stranger.calls() == ("first", 0, "answer|")


def test_a_call_that_is_left_by_a_longjmp_is_over_with_the_next(stranger: Stranger) -> None:
    stranger.begin("jump")
    stranger.jump()
    stranger.let_go.set()
    assert stranger.told() == ("thread", 0, "answer|")
    stranger.join()
    assert stranger.calls() == ("first", 0, "answer|")


def test_a_child_that_a_signal_handler_forks_in_a_call_has_no_part_in_it(
    stranger: Stranger,
) -> None:
    stranger.begin("fork")
    stranger.send("now")
    who, result, text = stranger.told()
    assert (who, result) == ("child", -12)
    assert "未知" in text
    assert stranger.told() == ("child", 0, "answer|"), "its own next call is its own"
    stranger.let_go.set()
    assert stranger.told() == ("thread", 0, "answer|")
    stranger.join()
    assert stranger.calls() == ("first", 0, "answer|")
