"""After `onecard demo --stay` another terminal works on the same agent, as long as it stays."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

ONECARD = str(Path(sys.executable).parent / "onecard")


@dataclass(frozen=True)
class StayingDemo:
    """The demo that stays, and the way to its agent."""

    orders: IO[str]
    answers: IO[str]
    way: dict[str, str]

    def order(self, words: str) -> str:
        self.orders.write(words + "\n")
        self.orders.flush()
        return self.answers.readline().rstrip("\n")

    def elsewhere(self, *words: str) -> Any:
        """What a command says in a second terminal that knows the configuration's path only."""
        clean = {k: v for k, v in os.environ.items() if k != "PCSCLITE_CSOCK_NAME"}
        done = subprocess.run(
            [ONECARD, *words, "--json", "--config", self.way["config"]],
            env=clean,
            stdout=subprocess.PIPE,
            check=False,
        )
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def demo() -> Iterator[StayingDemo]:
    with subprocess.Popen(
        [ONECARD, "demo", "--stay", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "LANG": "en_US.UTF-8"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            played = json.loads(process.stdout.readline())
            assert played["good"], played
            yield StayingDemo(process.stdin, process.stdout, json.loads(process.stdout.readline()))
            process.stdin.write("quit\n")
            process.stdin.flush()
            assert process.wait() == 0
        finally:
            process.terminate()  # where it failed it would stay


def test_the_journal_of_the_morning_is_there(demo: StayingDemo) -> None:
    records = demo.elsewhere("journal", "list")["records"]
    assert len(records) > 5


def test_the_doctor_finds_the_demos_own_reader_service(demo: StayingDemo) -> None:
    found = {finding["id"]: finding for finding in demo.elsewhere("doctor")["findings"]}
    assert found["pcscd-runs"]["well"]
    assert "reader-virtual" not in found


def test_a_tap_ordered_here_is_told_there(demo: StayingDemo) -> None:
    command = [ONECARD, "tap", "--json", "--config", demo.way["config"]]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as watcher:
        said = ""
        while watcher.poll() is None:  # until it listens it hears of none
            said = demo.order("tap lin")
        assert watcher.stdout is not None
        report = json.loads(watcher.stdout.read())
    assert report["reader"] == "door"
    assert said.startswith(report["reason"])


@pytest.mark.parametrize(
    ("order", "answer"),
    [
        ("tap nobody", "There is no card nobody; cards lists them."),
        ("tap lin nowhere", "Here: tap CARD [in | slot | out] · cards · quit"),
        ("dance", "Here: tap CARD [in | slot | out] · cards · quit"),
    ],
)
def test_an_order_that_is_none_is_answered_with_those_that_are(
    demo: StayingDemo, order: str, answer: str
) -> None:
    assert demo.order(order) == answer


def test_who_leaves_is_let_out(demo: StayingDemo) -> None:
    assert demo.order("tap wang out").startswith("accepted-exit")
    assert Path(demo.way["config"]).exists()
