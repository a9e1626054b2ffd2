"""PSAM first, the city's HSM only where the PSAM is unable, and one of the two proves a card."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest

from agent.identify.card import CardIdentifier
from agent.identify.fallback import LEADS_TO_HSM, FallbackAuthenticator
from agent.identify.hsm import HsmClient
from agent.messages.reasons import Reason
from agent.stages import Stages
from apdu.crypto import Algorithm as KeyAlgorithm
from apdu.crypto import LevelFactors
from apdu.social_security.authentication import AuthenticationFailed
from apdu.social_security.psam import (
    Psam,
    PsamBusy,
    PsamKey,
    PsamKeyLevel,
    PsamLacksAlgorithm,
    PsamLacksKey,
    PsamLacksReadKey,
    PsamMalformed,
    PsamMissing,
    PsamUnable,
)
from contracts.scenes.stand import FakeReader, Stand
from simulators.cards import Algorithm, Card, PsamKeyId
from simulators.city.hsm import Manners, city_hsm
from simulators.world import SimWorld
from sync.contract.services import Service
from sync.contract.topics import Place
from sync.requests import RequestLost, RequestOffline, RequestTimeout
from tests.apdu.flow import CARD_2_0, CARD_3_0, FakeAuthenticator, read
from tests.apdu.scripted import Scripted
from tests.product import faults
from world import Event, Fault, World

T = TypeVar("T")

WITHIN = 2.0
PLACE = Place("onecard/v1", "519900", "gate-1")


class HsmRequests:
    """The way to the city's HSM and back, on a task of its own: see `sync.requests.Requests`."""

    def __init__(self, world: World, hsm: Callable[[Place, bytes], bytes]) -> None:
        self._world = world
        self._hsm = hsm
        self.online = True
        self.lost = False  # the connection ends while the HSM is at it

    def ask(self, service: Service, payload: bytes, *, within: float) -> "HsmAsked":
        assert service == "hsm"
        asked = HsmAsked(self._world.event(), within, lost=self.lost, online=self.online)
        if self.online:
            self._world.spawn(lambda: asked.answer(self._hsm(PLACE, payload)), name="hsm")
        return asked


class HsmAsked:
    """See `sync.requests.PendingRequest`."""

    def __init__(self, done: Event, within: float, *, lost: bool, online: bool) -> None:
        self._done = done
        self._within = within
        self._lost = lost
        self._online = online
        self._payload = b""

    def answer(self, payload: bytes) -> None:
        self._payload = payload
        self._done.set()

    def result(self) -> bytes:
        if not self._online:
            raise RequestOffline(service="hsm")
        if not self._done.wait(self._within):
            raise RequestTimeout(service="hsm", milliseconds=round(self._within * 1000))
        if self._lost:
            raise RequestLost(service="hsm")
        return self._payload


class HsmStand(Stand):
    """A stand whose PSAM, if any, has the city's HSM behind it."""

    def card_desk(self) -> CardIdentifier:
        self.hsm = city_hsm(self.cast)
        self.hsm.sleep = self.world.wait
        self.to_hsm = HsmRequests(self.world, self.hsm)
        return CardIdentifier(
            self.world, self.sams, self.references, HsmClient(self.to_hsm, within=WITHIN)
        )


def play(
    scenario: Callable[[HsmStand], T],
    seed: int = 1,
    psam: Callable[[HsmStand], Card | None] = lambda stand: None,
) -> T:
    world = SimWorld(seed)

    def main() -> T:
        stand = HsmStand(world, psam=False)
        card = psam(stand)
        if card is not None:
            stand.psam.insert(card)
        return scenario(stand)

    return world.play(main)


def no_psam(stand: HsmStand) -> None:
    return None


def whole(stand: HsmStand) -> Card:
    return stand.cast.psam()


def without_algorithm(stand: HsmStand) -> Card:
    return stand.cast.city.psam("519900000001", algorithms=[Algorithm.DES3])


def without_read_key(stand: HsmStand) -> Card:
    return stand.cast.city.psam("519900000001", keys=[PsamKeyId.IRK])


def without_key(stand: HsmStand) -> Card:
    return stand.cast.city.psam("519900000001", keys=[PsamKeyId.RKSSSE])


def of_our_city(stand: HsmStand) -> Card:
    return stand.cast.city.psam("519900000001", level=lambda key: 1)


def of_our_province(stand: HsmStand) -> Card:
    return stand.cast.city.psam("519900000001", level=lambda key: 2)


UNABLE = [
    (no_psam, "lin"),
    (no_psam, "zhang"),
    (no_psam, "qian"),
    (without_algorithm, "lin"),
    (without_read_key, "lin"),
    (without_key, "lin"),
    (without_key, "zhang"),
    (of_our_city, "sun"),
    (of_our_province, "sun"),
]


@pytest.mark.parametrize(
    ("psam", "card"), UNABLE, ids=[f"{psam.__name__}-{card}" for psam, card in UNABLE]
)
def test_what_the_psam_cannot_do_the_hsm_does(
    psam: Callable[[HsmStand], Card | None], card: str
) -> None:
    def scenario(stand: HsmStand) -> None:
        report = stand.tap(card)
        assert report.reason == Reason.ACCEPTED
        event = stand.store.taps()[0]
        assert event.authentication is not None
        assert (event.authentication.mode, event.authentication.terminal_number) == ("hsm", "")
        assert stand.hsm.asked == {"01": 1}
        assert stand.door.closed == stand.door.opened == 1

    play(scenario, psam=psam)


ABLE = [
    (whole, "lin"),
    (whole, "zhang"),
    (whole, "sun"),
    (of_our_city, "lin"),
    (of_our_province, "zhang"),
    (without_read_key, "zhang"),  # 2.0 opens nothing
]


@pytest.mark.parametrize(
    ("psam", "card"), ABLE, ids=[f"{psam.__name__}-{card}" for psam, card in ABLE]
)
def test_what_the_psam_can_do_nobody_else_is_asked(
    psam: Callable[[HsmStand], Card], card: str
) -> None:
    def scenario(stand: HsmStand) -> None:
        assert stand.tap(card).reason == Reason.ACCEPTED
        event = stand.store.taps()[0]
        assert event.authentication is not None
        assert event.authentication.mode == "psam"
        assert event.authentication.terminal_number == "519900000001"
        assert not stand.hsm.asked

    play(scenario, psam=psam)


def test_control_without_its_home_a_city_psam_would_make_a_forgery_of_a_foreign_card() -> None:
    def scenario(stand: HsmStand) -> None:
        stand.slot.insert(of_our_city(stand))
        handle = stand.slot.open()
        sun = stand.cast.card("sun")
        issuer = stand.cast.issuer_of(sun)
        factors = LevelFactors.of(issuer.region, issuer.historical(sun.serial))
        asked = (KeyAlgorithm.SSF33, PsamKey.IRK, factors, b"factor 8", b"origin 8")
        genuine = issuer.authentication_data(
            Algorithm.SSF33,
            "IRK",
            issuer.historical(sun.serial),
            factor=b"factor 8",
            original=b"origin 8",
        )
        assert Psam(handle).compute(*asked) != genuine
        with pytest.raises(PsamKeyLevel):
            Psam(handle, home=stand.cast.region).compute(*asked)

    play(scenario)


@pytest.mark.parametrize("psam", [whole, no_psam, without_read_key])
def test_a_forged_card_is_refused_by_whoever_proves(
    psam: Callable[[HsmStand], Card | None],
) -> None:
    def scenario(stand: HsmStand) -> None:
        report = stand.tap("feng")
        assert report.reason == Reason.AUTHENTICATION_FAILED
        event = stand.store.taps()[0]
        assert event.verdict == "refused"
        assert event.authentication is not None
        assert event.authentication.mode == ("psam" if psam is whole else "hsm")
        assert bool(stand.hsm.asked) == (psam is not whole)

    play(scenario, psam=psam)


def test_the_card_hears_the_same_in_both_modes() -> None:
    """No second challenge, no command more: the same kinds of commands in the same order."""

    def scenario(stand: HsmStand) -> Sequence[bytes]:
        presence = stand.door.insert(stand.card("lin", stand.door.interface))
        assert stand.taps.handle(stand.entry, stand.door, presence).accepted
        return [command[:2] for command in stand.door.sent]

    assert play(scenario, psam=whole) == play(scenario, psam=without_read_key)


def test_a_lane_waits_for_no_psam_that_another_ones_hsm_question_holds() -> None:
    def scenario(stand: HsmStand) -> None:
        stand.hsm.manners = Manners(delay=1.9)
        other = stand.world.spawn(lambda: _tap(stand, "lin", stand.second), name="other")
        stand.world.wait(0.5)  # the other one waits for the HSM
        began = stand.world.monotonic()
        assert stand.tap("zhang").reason == Reason.ACCEPTED  # 2.0, by the PSAM
        assert stand.world.monotonic() - began < 0.5
        other.join()

    play(scenario, psam=without_read_key)


def _tap(stand: HsmStand, card: str, reader: FakeReader) -> None:
    assert stand.tap(card, reader=reader).reason == Reason.ACCEPTED


# While the platform is waited for


def test_the_watchdog_does_not_give_up_a_card_that_waits_for_the_platform() -> None:
    def scenario(stand: HsmStand) -> None:
        stand.hsm.manners = Manners(delay=1.9)  # longer than the watchdog's 1.2
        assert stand.tap("lin").reason == Reason.ACCEPTED
        assert stand.door.given_up == 0
        assert [code for code, _ in stand.prompts.shown] == ["accepted"]

    play(scenario)


def lost(stand: HsmStand) -> None:
    stand.to_hsm.lost = True


def offline(stand: HsmStand) -> None:
    stand.to_hsm.online = False


def silent(stand: HsmStand) -> None:
    stand.hsm.manners = Manners(delay=60)


def busy(stand: HsmStand) -> None:
    stand.hsm.manners = Manners(error="busy")


@pytest.mark.parametrize("card", ["lin", "zhang", "qian"])
@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (lost, "platform-unreachable"),
        (offline, "platform-unreachable"),
        (silent, "platform-silent"),
        (busy, "platform-silent"),
    ],
    ids=["lost", "offline", "silent", "busy"],
)
def test_without_an_answer_it_is_unknown_and_nobody_comes_in(
    trouble: Callable[[HsmStand], None], reason: str, card: str
) -> None:
    def scenario(stand: HsmStand) -> None:
        trouble(stand)
        presence = stand.door.insert(stand.card(card, stand.door.interface))
        report = stand.taps.handle(stand.entry, stand.door, presence)
        assert (report.reason, report.accepted) == (reason, False)
        event = stand.store.taps()[0]
        assert (event.verdict, event.reason, event.card) == ("unknown", reason, "")
        assert stand.barrier.opened == 0
        assert stand.door.closed == 1
        assert not any(command[1] == 0x82 for command in stand.door.sent)

    play(scenario)


@pytest.mark.parametrize("card", ["lin", "zhang", "qian"])
@pytest.mark.parametrize("exchanged", [False, True])
def test_a_card_that_left_meanwhile_is_gone_whatever_lies_there_now(
    card: str, exchanged: bool
) -> None:
    def scenario(stand: HsmStand) -> None:
        def meanwhile() -> None:
            stand.door.remove()
            if exchanged:
                stand.door.insert(stand.card(card, stand.door.interface))

        stand.hsm.manners = Manners(before=meanwhile)
        assert stand.tap(card).reason == Reason.CARD_GONE
        assert stand.store.taps()[0].verdict == "refused"
        assert stand.barrier.opened == 0
        stand.hsm.manners = Manners()
        assert stand.tap(card).reason == Reason.ACCEPTED

    play(scenario)


@pytest.mark.parametrize("seed", range(30))
def test_a_card_pulled_at_any_moment_comes_in_only_if_it_was_there_at_the_answer(
    seed: int,
) -> None:
    def scenario(stand: HsmStand) -> None:
        stand.hsm.manners = Manners(delay=0.05)
        moment = 0.2 * int.from_bytes(stand.world.random(2), "big") / 65535
        pulled: list[float] = []
        answered: list[float] = []

        def pull() -> None:
            stand.world.wait(moment)
            stand.door.remove()
            pulled.append(stand.world.monotonic())

        stand.hsm.manners = Manners(
            before=lambda: answered.append(stand.world.monotonic()), delay=0.05
        )
        presence = stand.door.insert(stand.card("zhang", stand.door.interface))
        hand = stand.world.spawn(pull, name="hand")
        report = stand.taps.handle(stand.entry, stand.door, presence)
        hand.join()
        if report.accepted:
            assert pulled[0] >= answered[0] + 0.05
        else:
            assert report.reason == Reason.CARD_GONE

    play(scenario, seed)


def test_leaving_waits_for_no_hsm() -> None:
    """Nor does who stands behind him: the same reader has to let him out as well."""

    def scenario(stand: HsmStand) -> None:
        silent(stand)
        began = stand.world.monotonic()
        for key in ("lin", "zhang"):
            assert stand.leave(key).reason == Reason.ACCEPTED_EXIT
        assert stand.calls[0] == "open exit"
        assert stand.world.monotonic() - began < 0.5
        assert not stand.hsm.asked

    play(scenario)


# The chain itself

UNABLE_FAULTS: list[Fault] = [
    PsamMissing(reason="silent"),
    PsamLacksAlgorithm(algorithm="SM4"),
    PsamLacksReadKey(algorithm="SM4"),
    PsamLacksKey(algorithm="SM4", key="IRK"),
    PsamKeyLevel(algorithm="SM4", key="IRK"),
]


def test_exactly_the_five_faults_of_the_specification_lead_to_the_hsm() -> None:
    kinds = {kind for kind in faults() if issubclass(kind, PsamUnable)} - {PsamUnable}
    assert {kind.interface_error for kind in kinds} == set(LEADS_TO_HSM)
    assert kinds == {type(fault) for fault in UNABLE_FAULTS}


@pytest.mark.parametrize("conversation", [CARD_3_0, CARD_2_0], ids=["3.0", "2.0"])
@pytest.mark.parametrize("fault", UNABLE_FAULTS, ids=lambda fault: fault.code)
def test_the_second_one_is_asked_the_same(
    fault: Fault, conversation: Sequence[tuple[str, str]]
) -> None:
    psam = FakeAuthenticator(fault=fault)
    hsm = FakeAuthenticator(mode="hsm", terminal_number="")
    channel = Scripted(conversation)
    found = read(channel, FallbackAuthenticator(psam, hsm))
    assert found.authenticated.mode == "hsm"
    assert hsm.asked == psam.asked
    assert [word for word in psam.diary if word == "release"]


@pytest.mark.parametrize(
    "fault", [PsamBusy(), PsamMalformed(what="cryptogram")], ids=lambda fault: fault.code
)
def test_any_other_fault_of_the_psam_ends_the_flow(fault: Fault) -> None:
    hsm = FakeAuthenticator(mode="hsm")
    with pytest.raises(type(fault)):
        read(Scripted(CARD_3_0), FallbackAuthenticator(FakeAuthenticator(fault=fault), hsm))
    assert hsm.asked == []


def test_what_the_psam_proves_wrong_is_not_asked_again_elsewhere() -> None:
    hsm = FakeAuthenticator(mode="hsm")
    psam = FakeAuthenticator(internal_answer=bytes(8))
    with pytest.raises(AuthenticationFailed) as caught:
        read(Scripted(CARD_3_0), FallbackAuthenticator(psam, hsm))
    assert caught.value.facts["mode"] == "psam"
    assert hsm.asked == []


def test_a_platform_that_is_away_is_told_with_what_the_psam_lacked() -> None:
    def scenario(stand: HsmStand) -> None:
        stand.to_hsm.online = False
        stand.door.insert(stand.card("lin"))
        handle = stand.door.open()
        with pytest.raises(RequestOffline) as told:
            stand.desk.read_in_clear(handle, Stages(stand.world, 0.0))
        assert isinstance(told.value.__cause__, PsamMissing)

    play(scenario)
