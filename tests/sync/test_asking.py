"""Requests with an answer in a seeded World: each asker gets his own answer, or is told why not."""

from collections import Counter
from collections.abc import Callable

import pytest

from simulators.world import SimWorld
from sync.asking import AT_ONCE, RequestSender
from sync.contract.services import CORRELATION_BYTES, Service
from sync.link import Correlation, Message
from sync.requests import (
    PendingRequest,
    RequestBusy,
    RequestFault,
    RequestLost,
    RequestOffline,
    RequestTimeout,
)
from tests.sync.storm import GATE, Weather
from tests.sync.test_uplink import CALM, Scene

WITHIN = 2.0
STORM = Weather(lost=0.15, doubled=0.3, delay=2.5, refused=0.2, cut=0.03)


class Asker(Scene):
    """A scene whose uplink is connected."""

    def __init__(self, world: SimWorld, weather: Weather) -> None:
        super().__init__(world, weather)
        self.uplink.start()
        self.until(lambda: self.uplink.status().state == "online")

    @property
    def asking(self) -> RequestSender:
        assert isinstance(self.uplink.requests, RequestSender)
        return self.uplink.requests

    def ask(
        self, payload: bytes = b"?", service: Service = "hsm", within: float = WITHIN
    ) -> PendingRequest:
        return self.uplink.requests.ask(service, payload, within=within)

    def outcome(self, asked: PendingRequest) -> bytes | type[RequestFault]:
        try:
            return asked.result()
        except RequestFault as fault:
            return type(fault)


def play(weather: Weather, history: Callable[[Asker], None], seed: int = 1) -> None:
    world = SimWorld(seed)

    def main() -> None:
        history(Asker(world, weather))

    world.play(main)


def crowd(scene: Asker) -> Counter[str]:
    """Six lanes ask one thing after the other; what they got, by kind."""
    got: Counter[str] = Counter()

    def lane(number: int) -> None:
        for turn in range(6):
            question = f"{number}/{turn}".encode()
            began = scene.world.monotonic()
            outcome = scene.outcome(scene.ask(question))
            took = scene.world.monotonic() - began
            assert took < WITHIN + 0.01, outcome
            if isinstance(outcome, bytes):
                got["own" if outcome == question else "another's"] += 1
            else:
                got[outcome.code] += 1
                scene.world.wait(5)

    lanes = [scene.world.spawn(lambda n=n: lane(n), name=f"lane-{n}") for n in range(6)]  # type: ignore[misc]
    for task in lanes:
        task.join()
    return got


@pytest.mark.parametrize("seed", range(40))
def test_in_any_weather_each_asker_gets_his_own_answer_or_a_fault(seed: int) -> None:
    def history(scene: Asker) -> None:
        got = crowd(scene)
        assert sum(got.values()) == 36
        assert got["another's"] == 0, f"seed {seed}"
        assert got["own"] > 0, f"seed {seed}: {got}"

    play(STORM, history, seed)


def test_the_storm_brings_every_kind_of_fault() -> None:
    seen: Counter[str] = Counter()
    for seed in range(10):
        play(STORM, lambda scene: seen.update(crowd(scene)), seed)
    for kind in (RequestOffline, RequestLost, RequestTimeout):
        assert seen[kind.code], seen


class Trusting(RequestSender):
    """The mistake that the tests above must see: any answer will do for whoever waits longest."""

    def hear(self, message: Message) -> None:
        oldest = next(iter(self._under_way), b"")
        exchange = Correlation(correlation=oldest)
        super().hear(Message(message.topic, message.payload, False, 1, 1, exchange))


def test_control_an_answer_with_another_correlation_is_seen_when_it_is_believed() -> None:
    def history(scene: Asker) -> None:
        scene.asking.__class__ = Trusting
        assert crowd(scene)["another's"] > 0

    play(STORM, history)


def test_an_answer_comes_at_once_from_an_uplink_that_sleeps() -> None:
    def history(scene: Asker) -> None:
        scene.world.wait(3600)
        began = scene.world.monotonic()
        assert scene.ask(b"who").result() == b"who"
        assert scene.world.monotonic() - began < 0.01
        (exchange,) = scene.storm.asked
        assert len(exchange.correlation) == CORRELATION_BYTES
        assert exchange.response_topic == GATE.response("hsm")
        assert exchange.expiry == 2

    play(CALM, history)


@pytest.mark.parametrize("foreign", ["correlation", "service", "tree"])
def test_an_answer_of_somebody_elses_is_dropped_and_counted(foreign: str) -> None:
    def history(scene: Asker) -> None:
        scene.storm.up = False
        asked = scene.ask()
        scene.until(lambda: bool(scene.storm.asked))
        correlation = scene.storm.asked[0].correlation
        if foreign == "correlation":
            scene.storm.link.bring(GATE.response("hsm"), b"!", Correlation(correlation=bytes(16)))
            scene.storm.link.bring(GATE.response("hsm"), b"!")
        elif foreign == "service":
            scene.storm.link.bring(
                GATE.response("code"), b"!", Correlation(correlation=correlation)
            )
        else:
            everybody = GATE.response("hsm").replace("gate-1", "@all")
            scene.storm.link.bring(everybody, b"!", Correlation(correlation=correlation))
        assert scene.outcome(asked) is RequestTimeout
        dropped = {"correlation": 2, "service": 1, "tree": 0}[foreign]  # @all's are no answers
        assert scene.asking.dropped == dropped

    play(CALM, history)


def test_a_repeated_and_a_late_answer_are_dropped_and_counted() -> None:
    def history(scene: Asker) -> None:
        assert scene.ask(b"1").result() == b"1"
        known = scene.storm.asked[0].correlation
        scene.storm.link.bring(GATE.response("hsm"), b"2", Correlation(correlation=known))
        scene.world.wait(0.1)
        assert scene.asking.dropped == 1
        scene.storm.up = False
        asked = scene.ask(b"3")
        assert scene.outcome(asked) is RequestTimeout
        late = scene.storm.asked[1].correlation
        scene.storm.link.bring(GATE.response("hsm"), b"3", Correlation(correlation=late))
        scene.world.wait(0.1)
        assert scene.asking.dropped == 2
        assert scene.outcome(asked) is RequestTimeout  # and stays so

    play(CALM, history)


def test_a_lost_connection_ends_every_wait_at_once() -> None:
    def history(scene: Asker) -> None:
        scene.storm.up = False
        asked = [scene.ask() for _ in range(3)]
        began = scene.world.monotonic()
        scene.until(lambda: len(scene.storm.asked) == 3)
        scene.storm.link.cut()
        assert [scene.outcome(each) for each in asked] == [RequestLost] * 3
        assert scene.world.monotonic() - began < WITHIN / 2

    play(CALM, history)


def test_what_is_asked_offline_fails_at_once_and_is_never_sent() -> None:
    def history(scene: Asker) -> None:
        scene.storm.weather = Weather(refused=1.0)
        scene.storm.link.cut()
        scene.until(lambda: scene.uplink.status().state == "offline")
        began = scene.world.monotonic()
        assert scene.outcome(scene.ask()) is RequestOffline
        assert scene.world.monotonic() - began < 0.01
        scene.storm.weather = CALM
        scene.until(lambda: scene.uplink.status().state == "online")
        scene.world.wait(10)
        assert scene.storm.asked == []

    play(CALM, history)


def test_where_nobody_listens_nobody_waits() -> None:
    def history(scene: Asker) -> None:
        scene.storm.up = False
        asked = scene.ask()
        scene.until(lambda: bool(scene.storm.asked))
        began = scene.world.monotonic()
        scene.storm.link.refuse(scene.storm.link.last_handle)
        assert scene.outcome(asked) is RequestOffline
        assert scene.world.monotonic() - began < WITHIN / 2

    play(CALM, history)


def test_no_more_are_under_way_than_there_may_be_and_forgotten_ones_make_room() -> None:
    def history(scene: Asker) -> None:
        scene.storm.up = False
        for _ in range(AT_ONCE):
            scene.ask()  # and its asker goes away
        assert scene.outcome(scene.ask()) is RequestBusy
        scene.world.wait(WITHIN)
        scene.storm.up = True
        assert scene.ask(b"!").result() == b"!"

    play(CALM, history)


def test_a_full_outbox_does_not_hold_a_person_back() -> None:
    def history(scene: Asker) -> None:
        scene.storm.link.pubacks = False  # every batch keeps its place in the window
        scene.journal.add(1000)
        scene.world.wait(5)
        assert scene.storm.batches * 50 < 1000
        for _ in range(AT_ONCE // 2):
            assert scene.ask(b"!").result() == b"!"

    play(CALM, history)


def test_what_is_under_way_when_it_stops_is_over() -> None:
    def history(scene: Asker) -> None:
        scene.storm.up = False
        asked = scene.ask(within=100)
        assert scene.uplink.stop(10)
        assert scene.outcome(asked) is RequestLost
        assert scene.outcome(scene.ask()) is RequestOffline

    play(CALM, history)
