"""HSM mode on a real mosquitto: whole reads by the city's HSM, and what may go wrong meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.identify.card import CardIdentifier
from agent.identify.hsm import HsmAuthenticator, HsmBusy, HsmClient, HsmRefused
from agent.identify.identity import Identity
from agent.psam.social_security import PsamPool
from agent.stages import Stages
from apdu.channel import CardGone
from apdu.social_security.authentication import AuthenticationFailed
from apdu.social_security.hsm_messages import HsmMessageFault
from apdu.status import ExternalAuthenticationRefused
from contracts.scenes.stand import CITY_KEY, FakeReader
from drivers.contract import Interface
from simulators.broker import Broker
from simulators.cards import Algorithm, Card, Generation
from simulators.cards import Interface as CardInterface
from simulators.ceremony import CardOrder, KeyAuthority, card_number
from simulators.city.hsm import SECOND, THIRD, Manners, city_hsm
from simulators.people import load_cast
from sync.asking import RequestSender
from sync.requests import RequestFault, RequestLost, RequestOffline, RequestTimeout
from tests.sync.journal import MemoryJournal
from tests.sync.site import Site
from trust.references import References
from world import Event, Fault
from world.real import RealWorld

CAST = load_cast()
PATIENT = 20.0  # seconds for an answer that will come, however busy this machine is


class Online:
    """A reader and no PSAM, an uplink, a broker, a platform with the city's HSM behind it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.world = RealWorld()
        self.hsm = city_hsm(CAST)
        self.platform = site.platform({"hsm": self.hsm})
        assert self.platform.wait_ready(60)
        self.uplink = site.uplink(MemoryJournal("gate-1"))
        self.reader = FakeReader(self.world, "slot", Interface.CONTACT)

    def wait_online(self) -> None:
        while self.uplink.status().state != "online":
            self.world.wait(0.01)

    def read(self, card: Card, within: float = PATIENT) -> Identity:
        """As a tap does: open, read, power down on every exit."""
        desk = CardIdentifier(
            self.world,
            PsamPool(self.world, []),
            References(CITY_KEY),
            HsmClient(self.uplink.requests, within),
        )
        presence = self.reader.insert(card)
        handle = self.reader.open(presence.count)
        try:
            return desk.read(handle, "card-contact", Stages(self.world, presence.at))
        finally:
            handle.close()
            assert not self.reader.powered

    def wait_offline(self) -> None:
        while self.uplink.status().state == "online":
            self.world.wait(0.01)

    def fault(self, card: Card, within: float = PATIENT) -> Fault:
        with pytest.raises(Fault) as caught:
            self.read(card, within)
        return caught.value


@pytest.fixture
def online(tmp_path: Path) -> Iterator[Online]:
    broker = Broker(tmp_path / "broker")
    broker.start()
    with Site(tmp_path, broker) as site:
        found = Online(site)
        found.wait_online()
        yield found


def card_of(
    city: KeyAuthority, generation: Generation = Generation.V3, algorithm: Algorithm = Algorithm.SM4
) -> Card:
    order = CardOrder(
        holder=CAST.people[0].holder(),
        generation=generation,
        algorithm=algorithm,
        serial="0A0B0C0D",
        card_number=card_number("H0000001"),
    )
    return city.card(order, CardInterface.CONTACT)


def test_every_generation_algorithm_and_province_is_read_by_the_hsm(online: Online) -> None:
    for city in (CAST.city, SECOND, THIRD):
        for generation in Generation:
            for algorithm in Algorithm:
                before = online.hsm.asked["01"]
                found = online.read(card_of(city, generation, algorithm))
                assert online.hsm.asked["01"] == before + 1  # one question for both answers
                assert found.authentication.mode == "hsm"
                assert found.authentication.result == "passed"
                assert found.authentication.terminal_number == ""
                assert found.authentication.generation == generation.value
                assert found.region == city.region


EVERY_GENERATION = pytest.mark.parametrize("generation", list(Generation))


@EVERY_GENERATION
def test_a_wrong_answer_of_the_hsm_is_no_proof(online: Online, generation: Generation) -> None:
    online.hsm.manners = Manners(wrong="internal")
    fault = online.fault(card_of(CAST.city, generation))
    assert isinstance(fault, AuthenticationFailed)
    assert fault.facts["mode"] == "hsm"
    assert not any(command[1] == 0x82 for command in online.reader.sent)


def test_a_wrong_opening_is_shown_to_the_card_once(online: Online) -> None:
    online.hsm.manners = Manners(wrong="external")
    assert isinstance(online.fault(card_of(CAST.city)), ExternalAuthenticationRefused)
    assert [command[1] for command in online.reader.sent].count(0x82) == 1


@pytest.mark.parametrize("wrong", ["original", "text", "json"])
def test_an_answer_to_something_else_is_not_used(online: Online, wrong: str) -> None:
    online.hsm.manners = Manners(wrong=wrong)  # type: ignore[arg-type]
    assert isinstance(online.fault(card_of(CAST.city)), HsmMessageFault)
    assert not any(command[1] == 0x82 for command in online.reader.sent)


@pytest.mark.parametrize(
    ("error", "kind"),
    [("busy", HsmBusy), ("unknown-key", HsmRefused), ("what it likes", HsmRefused)],
)
def test_what_the_hsm_cannot_do_is_told(online: Online, error: str, kind: type[Fault]) -> None:
    online.hsm.manners = Manners(error=error)
    fault = online.fault(card_of(CAST.city))
    assert type(fault) is kind
    assert fault.facts.get("error", "unknown-key") in ("unknown-key", "other")


def test_a_province_without_roots_is_refused_by_name(online: Online) -> None:
    fault = online.fault(card_of(KeyAuthority("419900", b"nobody's")))
    assert isinstance(fault, HsmRefused)
    assert fault.facts == {"error": "unknown-region"}


@EVERY_GENERATION
def test_a_card_that_left_while_the_platform_was_asked_is_gone(
    online: Online, generation: Generation
) -> None:
    online.hsm.manners = Manners(before=online.reader.remove)
    assert isinstance(online.fault(card_of(CAST.city, generation)), CardGone)
    assert not any(command[1] == 0x82 for command in online.reader.sent)


@EVERY_GENERATION
def test_a_card_that_left_before_its_reader_says_so_is_gone(
    online: Online, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    online.hsm.manners = Manners(before=online.reader.remove)
    monkeypatch.setattr("contracts.scenes.stand.FakeHandle.present", lambda handle: True)
    assert isinstance(online.fault(card_of(CAST.city, generation)), CardGone)


@EVERY_GENERATION
def test_a_card_exchanged_or_put_back_meanwhile_is_another_one(
    online: Online, generation: Generation
) -> None:
    card, other = card_of(CAST.city, generation), card_of(CAST.city, generation)
    for next_one in (other, card):  # the same card again has lost its power all the same

        def meanwhile(next_one: Card = next_one) -> None:
            online.reader.remove()
            online.reader.insert(next_one)

        online.hsm.manners = Manners(before=meanwhile)
        assert isinstance(online.fault(card), CardGone)


@EVERY_GENERATION
def test_control_a_flow_that_does_not_look_again_takes_a_card_that_has_gone(
    online: Online, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    online.hsm.manners = Manners(before=online.reader.remove)
    monkeypatch.setattr(HsmAuthenticator, "require_same_card", lambda hsm, last: None)
    if generation is Generation.V3:  # its 0082 meets nobody
        assert isinstance(online.fault(card_of(CAST.city, generation)), CardGone)
        assert online.reader.sent[-1][1] == 0x82
    else:
        assert online.read(card_of(CAST.city, generation)).authentication.result == "passed"


def test_a_broker_that_dies_meanwhile_ends_the_wait_at_once(online: Online) -> None:
    online.hsm.manners = Manners(before=online.site.broker.kill)
    assert isinstance(online.fault(card_of(CAST.city)), RequestLost)
    online.wait_offline()
    assert isinstance(online.fault(card_of(CAST.city)), RequestOffline)


def test_a_platform_that_stays_silent_is_waited_for_no_longer_than_said(online: Online) -> None:
    speak = online.world.event()
    online.hsm.manners = Manners(before=lambda: _wait(speak))
    fault = online.fault(card_of(CAST.city), within=0.2)
    assert isinstance(fault, RequestTimeout)
    assert fault.facts == {"service": "hsm", "milliseconds": 200}
    speak.set()  # and its answer comes too late for anybody
    asking = online.uplink.requests
    assert isinstance(asking, RequestSender)
    while not asking.dropped:
        online.world.wait(0.01)
    online.hsm.manners = Manners()
    assert online.read(card_of(CAST.city)).authentication.mode == "hsm"


def test_where_nobody_hears_the_question_nobody_waits(online: Online) -> None:
    online.platform.stop()
    fault = online.fault(card_of(CAST.city))
    assert isinstance(fault, RequestFault)
    assert not isinstance(fault, RequestTimeout)


def _wait(event: Event) -> None:
    event.wait(PATIENT)
