"""扫码登录: one at a time; its person, its time or whoever began ends it, and no guess does.

A machine of begins, phones, cancels and a bad line in a seeded World, and the cases by name.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

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
from msgspec.structs import replace

from agent.staff.qr import draw
from agent.staff.sign_in import OPEN, SignInFlow, SignInOff, SignInOpen, SignInUnable, _Open
from config.model import SignInSettings
from simulators.city.signin import LIFE, Phone, SignInService
from simulators.people import load_cast
from simulators.world import SimWorld
from sync.contract.services import ResolvedPerson, SignInAnswer, SignInRequest, decode, encode
from sync.contract.topics import Place
from sync.requests import RequestFault, RequestOffline, RequestTimeout
from tests.agent.platform import FakePlatform, Handler, Mood

T = TypeVar("T")
CAST = load_cast()
STAFF = "lin"
SETTINGS = SignInSettings(enabled=True, hours=8.0, poll=2.0, within=1.0)
SOON = 5.0  # seconds in which a poll comes and its answer is heard


class Counter:
    """A desk, its platform and the phones."""

    def __init__(
        self,
        world: SimWorld,
        given: SignInSettings = SETTINGS,
        handler: Handler | None = None,
        desk: type[SignInFlow] = SignInFlow,
    ) -> None:
        self.world = world
        self.service = SignInService(CAST, world.monotonic, world.random, staff=[STAFF])
        self.platform = FakePlatform(world, {"sign-in": handler or self.service.handle})
        self.admitted: list[str] = []
        self.takes = True
        self.desk = desk(world, self.platform, given, "staff", self.admit)

    def admit(self, person: ResolvedPerson) -> bool:
        self.world.wait(0.01)  # the store
        if self.takes:
            self.admitted.append(person.number)
        return self.takes

    def begin(self) -> str:
        """The content that the terminal shows."""
        assert self.desk.begin().state in OPEN
        return decode(self.platform.answers[-1], SignInAnswer).content

    def phone(self, key: str = STAFF) -> Phone:
        return self.service.phone(key)

    @property
    def state(self) -> str:
        return self.desk.view().state


@pytest.fixture(scope="module", autouse=True)
def drawn_once() -> Iterator[None]:
    """Drawing takes most of a sign-in's time; tests/agent/staff/test_qr.py judges what is drawn."""
    with pytest.MonkeyPatch.context() as patch:
        picture = draw("made up")
        patch.setattr("agent.staff.sign_in.draw", lambda content: picture)
        yield


def play(scenario: Callable[[Counter], T], seed: int = 1) -> T:
    world = SimWorld(seed)
    return world.play(lambda: scenario(Counter(world)))


def test_a_confirmed_person_is_admitted_once() -> None:
    def scenario(counter: Counter) -> None:
        assert counter.state == "NONE"
        phone = counter.phone()
        assert phone.scan(counter.begin())
        counter.world.wait(SOON)
        view = counter.desk.view()
        assert (view.state, view.picture) == ("SCANNED", None), "nobody else can scan it now"
        assert phone.confirm()
        counter.world.wait(SOON)
        assert counter.state == "CONFIRMED"
        assert counter.admitted == [CAST.person(STAFF).number]
        polled = counter.service.polled
        counter.world.wait(10 * SOON)
        assert counter.service.polled == polled, "nothing is asked when it is over"

    play(scenario)


def test_what_is_shown_is_a_picture_and_how_long_it_is_good() -> None:
    def scenario(counter: Counter) -> None:
        counter.begin()
        view = counter.desk.view()
        assert view.state == "PENDING"
        assert 0 < view.expires_in <= LIFE
        assert view.picture is not None
        assert view.picture.svg.startswith("<svg")
        content = decode(counter.platform.answers[0], SignInAnswer).content
        assert content not in f"{view!r} {view.picture!r}"

    play(scenario)


@pytest.mark.parametrize("how", ["refuse", "not staff"])
def test_who_refuses_or_may_not_is_not_admitted(how: str) -> None:
    def scenario(counter: Counter) -> None:
        phone = counter.phone(STAFF if how == "refuse" else "wang")
        assert phone.scan(counter.begin())
        assert phone.refuse() if how == "refuse" else phone.confirm()
        counter.world.wait(SOON)
        assert (counter.state, counter.admitted) == ("INVALID", [])

    play(scenario)


def test_a_sign_in_that_nobody_confirms_ends_with_its_time() -> None:
    def scenario(counter: Counter) -> None:
        phone = counter.phone()
        assert phone.scan(counter.begin())
        counter.world.wait(LIFE + SOON)
        assert counter.state == "EXPIRED"
        assert not phone.confirm()
        counter.begin()

    play(scenario)


def test_it_ends_with_its_time_though_the_platform_is_silent() -> None:
    def scenario(counter: Counter) -> None:
        counter.begin()
        counter.platform.mood = "silent"
        counter.world.wait(LIFE + SOON)
        assert counter.state == "EXPIRED"

    play(scenario)


def test_a_poll_without_an_answer_is_asked_again() -> None:
    def scenario(counter: Counter) -> None:
        phone = counter.phone()
        assert phone.scan(counter.begin())
        for mood in ("silent", "lost", "offline"):
            counter.platform.mood = mood
            counter.world.wait(SOON)
            assert counter.state == "PENDING"
        counter.platform.mood = "well"
        counter.world.wait(SOON)
        assert phone.confirm()
        counter.world.wait(SOON)
        assert counter.state == "CONFIRMED"

    play(scenario)


def test_a_confirmation_that_was_lost_admits_nobody() -> None:
    """The person comes with it once; what did not arrive is no sign-in."""

    def scenario(counter: Counter) -> None:
        phone = counter.phone()
        assert phone.scan(counter.begin())
        assert phone.confirm()
        counter.platform.mood = "lost"
        counter.world.wait(SOON)
        counter.platform.mood = "well"
        counter.world.wait(SOON)
        assert (counter.state, counter.admitted) == ("INVALID", [])

    play(scenario)


def test_one_sign_in_is_open_at_a_time() -> None:
    def scenario(counter: Counter) -> None:
        counter.begin()
        asked = len(counter.platform.asked)
        with pytest.raises(SignInOpen) as caught:
            counter.desk.begin()
        assert 0 < int(caught.value.facts["seconds"]) <= LIFE
        assert len(counter.platform.asked) == asked

    play(scenario)


@pytest.mark.parametrize("seed", range(8))
def test_two_who_begin_at_once_get_one_sign_in(seed: int) -> None:
    def scenario(counter: Counter) -> None:
        refused: list[SignInOpen] = []

        def begin() -> None:
            try:
                counter.desk.begin()
            except SignInOpen as fault:
                refused.append(fault)

        other = counter.world.spawn(begin, name="other")
        begin()
        assert other.join(10)
        assert len(refused) == 1

    play(scenario, seed)


def test_a_cancelled_sign_in_is_over_for_the_phone_too() -> None:
    def scenario(counter: Counter) -> None:
        phone = counter.phone()
        content = counter.begin()
        counter.desk.cancel()
        assert counter.state == "CANCELLED"
        assert not phone.scan(content)
        counter.world.wait(SOON)
        polled = counter.service.polled
        counter.world.wait(SOON)
        assert counter.service.polled == polled
        counter.desk.cancel()
        assert counter.state == "CANCELLED"
        counter.begin()

    play(scenario)


@pytest.mark.parametrize("seed", range(20))
def test_cancelled_and_confirmed_at_once_is_one_of_them(seed: int) -> None:
    def scenario(counter: Counter) -> None:
        phone = counter.phone()
        assert phone.scan(counter.begin())
        assert phone.confirm()
        counter.platform.pace = 0.0
        counter.world.wait(SETTINGS.poll - 0.01)
        while counter.service.polled == 0:
            counter.world.wait(0.001)
        counter.desk.cancel()
        counter.world.wait(SOON)
        assert counter.state == ("CONFIRMED" if counter.admitted else "CANCELLED")

    play(scenario, seed)


def test_who_cannot_be_recorded_is_not_signed_in() -> None:
    def scenario(counter: Counter) -> None:
        phone = counter.phone()
        counter.takes = False
        assert phone.scan(counter.begin())
        assert phone.confirm()
        counter.world.wait(SOON)
        assert counter.state == "INVALID"

    play(scenario)


def test_a_token_is_good_only_at_the_terminal_that_began() -> None:
    def scenario(counter: Counter) -> None:
        phone = counter.phone()
        assert phone.scan(counter.begin())
        assert phone.confirm()
        token = decode(counter.platform.answers[0], SignInAnswer).token
        poll = encode(SignInRequest(act="poll", token=token))
        stolen = counter.service.handle(Place("onecard/v1", "519900", "another"), poll)
        assert decode(stolen, SignInAnswer) == SignInAnswer(state="INVALID")
        counter.world.wait(SOON)
        assert counter.state == "CONFIRMED"

    play(scenario)


def test_where_it_is_not_offered_nothing_is_asked() -> None:
    def scenario() -> None:
        counter = Counter(world, SignInSettings())
        with pytest.raises(SignInOff):
            counter.desk.begin()
        assert counter.platform.asked == []

    world = SimWorld(1)
    world.play(scenario)


@pytest.mark.parametrize(
    ("mood", "fault"), [("offline", RequestOffline), ("silent", RequestTimeout)]
)
def test_without_a_platform_nobody_can_begin_and_the_next_may_try(
    mood: Mood, fault: type[Exception]
) -> None:
    def scenario(counter: Counter) -> None:
        counter.platform.mood = mood
        for _ in range(2):
            with pytest.raises(fault):
                counter.desk.begin()
        counter.platform.mood = "well"
        counter.begin()

    play(scenario)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b'{"state": "MAYBE"}',
        encode(SignInAnswer(error="busy")),
        encode(SignInAnswer(state="PENDING", token="t", content="c")),
        encode(SignInAnswer(state="PENDING", token="t", expires_in=60)),
        encode(SignInAnswer(state="PENDING", content="c", expires_in=60)),
        encode(SignInAnswer(state="CONFIRMED", token="t", content="c", expires_in=60)),
    ],
)
def test_an_answer_without_a_code_to_show_begins_nothing(answer: bytes) -> None:
    def scenario() -> None:
        counter = Counter(world, handler=lambda place, payload: answer)
        with pytest.raises(SignInUnable):
            counter.desk.begin()
        assert counter.state == "NONE"

    world = SimWorld(1)
    world.play(scenario)


class Hall(RuleBasedStateMachine):
    """Somebody at the terminal, two phones and a line that comes and goes.

    The model: how many were admitted before the open sign-in began, how often somebody who may has
    confirmed, and which end the last sign-in came to.
    """

    desk: type[SignInFlow] = SignInFlow

    @initialize(seed=st.integers(0, 2**32))
    def opens(self, seed: int) -> None:
        self.world = SimWorld(seed)
        self.world.begin()
        self.counter = Counter(self.world, desk=self.desk)
        self.content = ""
        self.confirmed = self.admitted_before = 0
        self.over = ""

    def teardown(self) -> None:
        self.world.end()

    @rule()
    def begin(self) -> None:
        before = len(self.counter.admitted)
        try:
            self.content = self.counter.begin()
        except SignInOpen:
            assert self.counter.state in OPEN
        except RequestFault:
            assert self.counter.platform.mood != "well"
        else:
            self.admitted_before, self.over = before, ""

    @rule(
        mood=st.sampled_from(["well", "well", "silent", "lost", "offline"]),
        pace=st.sampled_from([0.05, 0.9]),
    )
    def the_line_changes(self, mood: Mood, pace: float) -> None:
        self.counter.platform.mood, self.counter.platform.pace = mood, pace

    @rule()
    def a_phone_scans(self) -> None:
        self.counter.phone().scan(self.content)

    @rule(key=st.sampled_from([STAFF, "wang"]), confirms=st.booleans())
    def a_phone_decides(self, key: str, confirms: bool) -> None:
        phone = self.counter.phone(key)
        phone.scan(self.content)
        taken = phone.confirm() if confirms else phone.refuse()
        self.confirmed += taken and confirms and key == STAFF

    @rule()
    def cancel(self) -> None:
        before = self.counter.state
        self.counter.desk.cancel()
        assert self.counter.state in (("CANCELLED", *OPEN) if before in OPEN else (before,))

    @rule(seconds=st.sampled_from([0.01, 0.5, 1.9, 2.1, SOON]))
    def time_passes(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule()
    def the_time_of_a_sign_in_passes(self) -> None:
        self.world.wait(LIFE + SOON)
        assert self.counter.state not in OPEN

    @rule()
    def somebody_signs_in_undisturbed(self) -> None:
        self.the_line_changes("well", 0.05)
        self.world.wait(LIFE + SOON)
        self.begin()
        self.a_phone_decides(STAFF, confirms=True)
        self.world.wait(SOON)
        assert self.counter.state == "CONFIRMED"

    @rule()
    def somebody_only_scans(self) -> None:
        self.the_line_changes("well", 0.05)
        self.world.wait(LIFE + SOON)
        self.begin()
        self.a_phone_scans()
        self.world.wait(SOON)
        assert self.counter.state == "SCANNED"

    @rule()
    def somebody_cancels_while_the_confirmation_is_on_its_way(self) -> None:
        self.the_line_changes("well", 0.9)
        self.world.wait(LIFE + SOON)
        self.begin()
        self.a_phone_decides(STAFF, confirms=True)
        self.world.wait(SETTINGS.poll + 0.1)
        self.counter.desk.cancel()
        self.world.wait(SOON)
        assert self.counter.state == "CANCELLED"

    @invariant()
    def only_who_has_confirmed_is_admitted_and_once(self) -> None:
        admitted = self.counter.admitted
        assert len(admitted) <= self.confirmed
        assert set(admitted) <= {CAST.person(STAFF).number}
        state = self.counter.state
        if state == "CONFIRMED":
            assert len(admitted) == self.admitted_before + 1
        elif state not in OPEN:
            assert len(admitted) == self.admitted_before

    @invariant()
    def what_is_over_stays_over(self) -> None:
        view = self.counter.desk.view()
        assert self.over in ("", view.state)
        if view.state not in (*OPEN, "NONE"):
            self.over = view.state
        assert (view.picture is not None) == (view.state == "PENDING")


BRIEFLY = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_whatever_happens_nobody_is_admitted_who_has_not_confirmed() -> None:
    run_state_machine_as_test(Hall, settings=BRIEFLY)


class TakesAScanForAConfirmation(SignInFlow):
    """Wrong on purpose."""

    def _heard(self, opened: _Open, answer: SignInAnswer) -> None:
        person = ResolvedPerson(number=CAST.person(STAFF).number)
        if answer.state == "SCANNED":
            answer = replace(answer, state="CONFIRMED", person=person)
        super()._heard(opened, answer)


class HearsNoCancel(SignInFlow):
    """Wrong on purpose: what was confirmed counts, though it was cancelled before."""

    def _confirmed(self, opened: _Open, person: ResolvedPerson | None) -> None:
        if person is not None:
            self._admit(person)
        self._end(opened, "CONFIRMED")


@pytest.mark.parametrize("wrong", [TakesAScanForAConfirmation, HearsNoCancel])
def test_control_a_desk_that_admits_too_soon_or_too_late_is_caught(
    wrong: type[SignInFlow],
) -> None:
    machine = type("WrongHall", (Hall,), {"desk": wrong})
    found = settings(BRIEFLY, max_examples=100, database=None, phases=[Phase.generate])
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=found)
