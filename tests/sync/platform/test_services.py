"""Requests on a real mosquitto: who may ask, who is answered, and slowness stays where it is."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from simulators.broker import Broker
from simulators.world import SimWorld
from sync.contract.services import MAX_SERVICE, Answer, HsmAnswer, HsmRequest, decode, encode
from sync.contract.topics import Place
from sync.link import Correlation, Message
from sync.paho_link import PahoLink
from sync.platform import Platform
from sync.platform.services import Services
from sync.platform.station import OutgoingMessage
from sync.requests import RequestTimeout
from tests.sync.journal import MemoryJournal
from tests.sync.site import CITY, Site
from world import Event, Fault

GATE, OTHER = (Place("onecard/v1", CITY, name) for name in ("gate-1", "gate-2"))
CORRELATION = bytes(range(16))
SECONDS = 60.0


class MadeUp(Fault):
    """What a service may come to."""

    code = "made.up"


def echo(place: Place, payload: bytes) -> bytes:
    text = decode(payload, HsmRequest).message
    if text == "fault":
        raise MadeUp
    return encode(HsmAnswer(message=f"{place.terminal}: {text}"))


def question(text: str = "who") -> bytes:
    return encode(HsmRequest(message=text))


def until(happened: Callable[[], bool], site: Site) -> None:
    end = site.world.monotonic() + SECONDS
    while not happened():
        assert site.world.monotonic() < end
        site.world.wait(0.01)


class Raw:
    """A terminal that speaks MQTT by hand."""

    def __init__(self, site: Site, name: str = "gate-1", **credentials: str) -> None:
        self._wake: Event = site.world.event()
        self._link = PahoLink(site.world, site.settings(), name, **credentials)  # type: ignore[arg-type]
        self._link.connect(None, self._wake)
        self._link.subscribe(Place("onecard/v1", CITY, name).down_filter())

    def ask(self, topic: str, payload: bytes, exchange: Correlation | None) -> None:
        self._link.publish(topic, payload, exchange=exchange)

    def hears(self) -> Message:
        while True:
            self._wake.clear()
            while (signal := self._link.take()) is not None:
                if isinstance(signal, Message):
                    self._link.acknowledge(signal)
                    return signal
            assert self._wake.wait(SECONDS), "no answer"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    broker = Broker(tmp_path / "broker")
    broker.start()
    with Site(tmp_path, broker) as site:
        yield site


def serving(site: Site, **services: Callable[[Place, bytes], bytes]) -> Platform:
    platform = site.platform(services or {"hsm": echo})  # type: ignore[arg-type]
    assert platform.wait_ready(SECONDS)
    return platform


def own(**changes: object) -> Correlation:
    values = {"correlation": CORRELATION, "response_topic": GATE.response("hsm"), "expiry": 60}
    return Correlation(**{**values, **changes})  # type: ignore[arg-type]


def test_an_answer_has_its_requests_correlation_and_goes_to_who_asked(site: Site) -> None:
    serving(site)
    raw = Raw(site)
    raw.ask(GATE.request("hsm"), question(), own())
    answer = raw.hears()
    assert answer.topic == GATE.response("hsm")
    assert answer.exchange.correlation == CORRELATION
    assert 0 < (answer.exchange.expiry or 0) <= 60
    assert decode(answer.payload, HsmAnswer).message == "gate-1: who"


@pytest.mark.parametrize(
    ("topic", "exchange", "cause"),
    [
        (GATE.request("hsm"), own(response_topic=OTHER.response("hsm")), "response-topic"),
        (GATE.request("hsm"), own(response_topic=GATE.response("code")), "response-topic"),
        (GATE.request("hsm"), own(response_topic=GATE.down("list", "x")), "response-topic"),
        (GATE.request("hsm"), own(response_topic=""), "response-topic"),
        (GATE.request("hsm"), own(correlation=b""), "correlation"),
        (GATE.request("hsm"), own(correlation=bytes(17)), "correlation"),
        (GATE.request("hsm"), own(correlation=bytes(4000)), "correlation"),
        (GATE.request("hsm"), None, "response-topic"),
        ("onecard/v1/nowhere/gate-1/up/request/hsm", own(), "topic"),
    ],
)
def test_who_is_not_to_be_answered_gets_nothing_and_is_counted(
    site: Site, topic: str, exchange: Correlation | None, cause: str
) -> None:
    platform = serving(site)
    raw, other = Raw(site), Raw(site, "gate-2")
    raw.ask(topic, question(), exchange)
    until(lambda: platform.services.refused[cause] == 1, site)
    # Whatever had been sent to them would have come before this.
    other.ask(OTHER.request("hsm"), question("after"), own(response_topic=OTHER.response("hsm")))
    raw.ask(GATE.request("hsm"), question("after"), own())
    for each, name in ((other, "gate-2"), (raw, "gate-1")):
        assert decode(each.hears().payload, HsmAnswer).message == f"{name}: after"


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (question("fault"), "made-up"),
        (b"{", "malformed"),
        (b"x" * (MAX_SERVICE + 1), "too-large"),
    ],
)
def test_what_a_service_cannot_do_is_an_error_and_no_silence(
    site: Site, payload: bytes, error: str
) -> None:
    serving(site)
    raw = Raw(site)
    raw.ask(GATE.request("hsm"), payload, own())
    assert decode(raw.hears().payload, HsmAnswer).error == error
    assert decode(encode(Answer(error=error)), HsmAnswer) == HsmAnswer(error=error)


@pytest.mark.parametrize(("seconds", "answers"), [(0.9, 1), (1.0, 0), (30.0, 0)])
def test_what_has_expired_is_not_answered(seconds: float, answers: int) -> None:
    world = SimWorld(1)

    def slow(place: Place, payload: bytes) -> bytes:
        world.wait(seconds)
        return echo(place, payload)

    def scenario() -> None:
        takes: list[Callable[[Message], Sequence[OutgoingMessage]]] = []
        services = Services(
            world,
            {"hsm": slow},
            namespace=GATE.namespace,
            group="platform",
            workers=1,
            station=lambda name, filters, take: takes.append(take),  # type: ignore[arg-type, return-value]
        )
        message = Message(GATE.request("hsm"), question(), False, 1, 1, own(expiry=1))
        assert len(takes[0](message)) == answers
        assert services.refused["expired"] == 1 - answers

    world.play(scenario)


def test_a_slow_service_holds_back_neither_receipts_nor_other_services(site: Site) -> None:
    go = site.world.event()

    def slow(place: Place, payload: bytes) -> bytes:
        go.wait(SECONDS)
        return payload

    serving(site, hsm=slow, code=lambda place, payload: payload)
    journal = MemoryJournal("gate-1")
    uplink = site.uplink(journal)
    until(lambda: uplink.status().state == "online", site)
    waiting = [uplink.requests.ask("hsm", b"?", within=SECONDS) for _ in range(4)]
    assert uplink.requests.ask("code", b"!", within=SECONDS).result() == b"!"
    journal.add(120)
    assert journal.wait_receipted(120)
    go.set()
    assert [asked.result() for asked in waiting] == [b"?"] * 4


def test_the_brokers_access_list_lets_a_terminal_ask_in_its_own_tree_only(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker", terminals={"gate-1": "one", "gate-2": "two"})
    broker.start()
    with Site(tmp_path, broker) as site:
        site.platform_keys().write("broker", b"platform")
        platform = site.platform({"hsm": echo}, username="platform", password_secret="broker")
        assert platform.wait_ready(SECONDS), platform.faults()
        raw = Raw(site, username="gate-1", password="one")
        other = Raw(site, "gate-2", username="gate-2", password="two")
        raw.ask(OTHER.request("hsm"), question(), own(response_topic=OTHER.response("hsm")))
        raw.ask(GATE.request("hsm"), question(), own())
        assert decode(raw.hears().payload, HsmAnswer).message == "gate-1: who"
        other.ask(OTHER.request("hsm"), question("me"), own(response_topic=OTHER.response("hsm")))
        assert decode(other.hears().payload, HsmAnswer).message == "gate-2: me"


def test_a_service_that_nobody_offers_is_not_waited_for_longer_than_said(site: Site) -> None:
    serving(site)
    uplink = site.uplink(MemoryJournal("gate-1"))
    until(lambda: uplink.status().state == "online", site)
    with pytest.raises(Fault) as caught:
        uplink.requests.ask("status", b"?", within=SECONDS).result()
    assert not isinstance(caught.value, RequestTimeout)
