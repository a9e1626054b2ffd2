"""A staff session: durable before it counts, over with its time, and shown by no name."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from msgspec.structs import replace

from agent.staff.session import SIGNED_IN, SIGNED_OUT, Staff, StaffNeeded
from config.model import SignInSettings
from contracts.scenes.stand import WINDOW, FakeLists, Stand, cast_store
from contracts.secrets_probe import Probe
from offline_store.clock import Clock
from offline_store.events.happened import ListUsed
from offline_store.events.terminal import SignIn as SignedIn
from simulators.world import SimWorld
from sync.contract.services import ResolvedPerson
from tests.agent.events import as_kind

T = TypeVar("T")
HOURS = 2.0
SETTINGS = SignInSettings(enabled=True, hours=HOURS, required_for=("lend-devices",))


class Office:
    def __init__(self, world: SimWorld) -> None:
        self.world = world
        self.stand = Stand(world)
        self.staff = Staff(
            world, Clock(world), cast_store(self.stand.store), self.stand.references, SETTINGS
        )

    def person(self, key: str = "lin") -> ResolvedPerson:
        person = self.stand.cast.person(key)
        return ResolvedPerson(number=person.number, name=person.name)


def play(scenario: Callable[[Office], T]) -> T:
    world = SimWorld(1)
    return world.play(lambda: scenario(Office(world)))


def test_a_session_begins_with_its_event_and_is_the_persons() -> None:
    def scenario(office: Office) -> None:
        assert office.staff.current() is None
        assert office.staff.enter(office.person())
        session = office.staff.current()
        assert session is not None
        [event] = office.stand.store.events
        entered = as_kind(event, SignedIn)
        assert (entered.credential, entered.reason) == ("sign-in", SIGNED_IN)
        assert session.person == entered.person
        assert session.person == office.stand.references.person(office.person().number)
        assert session.until_ms - session.since_ms == HOURS * 3_600_000

    play(scenario)


def test_no_session_without_its_event() -> None:
    def scenario(office: Office) -> None:
        office.stand.store.broken = True
        assert not office.staff.enter(office.person())
        assert office.staff.current() is None

    play(scenario)


def test_who_is_on_the_list_is_refused_and_that_is_recorded() -> None:
    def scenario(office: Office) -> None:
        listed = office.stand.references.person(office.person().number)
        office.stand.store.lists = FakeLists(persons=[listed])
        assert not office.staff.enter(office.person())
        assert office.staff.current() is None
        [event] = office.stand.store.events
        refused = as_kind(event, SignedIn)
        assert (refused.verdict, refused.reason) == ("refused", "blacklisted")
        assert refused.lists == (ListUsed("blacklist", 7),)

    play(scenario)


def test_an_answer_that_names_nobody_signs_nobody_in() -> None:
    def scenario(office: Office) -> None:
        assert not office.staff.enter(replace(office.person(), number=""))
        assert office.stand.store.events == []

    play(scenario)


def test_a_session_is_over_with_its_time_whatever_the_wall_clock_says() -> None:
    def scenario(office: Office) -> None:
        assert office.staff.enter(office.person())
        office.world.jump_clock(-86_400.0)
        office.world.wait(HOURS * 3600 - 1.0)
        assert office.staff.current() is not None
        office.world.wait(1.0)
        assert office.staff.current() is None

    play(scenario)


def test_the_next_who_signs_in_takes_over() -> None:
    def scenario(office: Office) -> None:
        assert office.staff.enter(office.person("lin"))
        assert office.staff.enter(office.person("wang"))
        session = office.staff.current()
        assert session is not None
        assert session.person == office.stand.references.person(office.person("wang").number)

    play(scenario)


def test_signing_out_ends_it_and_is_recorded() -> None:
    def scenario(office: Office) -> None:
        assert office.staff.enter(office.person())
        office.staff.leave()
        office.staff.leave()
        assert office.staff.current() is None
        entered, left = (as_kind(event, SignedIn) for event in office.stand.store.events)
        assert (left.reason, left.person) == (SIGNED_OUT, entered.person)
        assert left.session == office.stand.store.records[0].reference

    play(scenario)


def test_signing_out_waits_for_no_disk() -> None:
    def scenario(office: Office) -> None:
        assert office.staff.enter(office.person())
        office.stand.store.broken = True
        office.staff.leave()
        assert office.staff.current() is None

    play(scenario)


def test_what_is_kept_for_staff_needs_somebody_signed_in() -> None:
    def scenario(office: Office) -> None:
        with pytest.raises(StaffNeeded):
            office.staff.require("lend-devices")
        assert office.staff.enter(office.person())
        office.staff.require("lend-devices")
        office.staff.settings = SignInSettings(enabled=True)
        office.staff.leave()
        office.staff.require("lend-devices")

    play(scenario)


def test_where_signing_in_is_switched_off_nobody_is_signed_in() -> None:
    def scenario(office: Office) -> None:
        assert office.staff.enter(office.person())
        office.staff.settings = SignInSettings()
        assert office.staff.current() is None

    play(scenario)


def test_a_sign_in_is_no_visit_to_the_gate() -> None:
    def scenario(office: Office) -> None:
        assert office.staff.enter(office.person())
        assert office.stand.tap("lin").reason == "accepted"
        office.world.wait(WINDOW)
        assert office.stand.tap("lin").reason == "accepted"

    play(scenario)


def test_no_name_or_number_is_kept() -> None:
    def scenario(office: Office) -> None:
        person = office.person()
        assert office.staff.enter(person)
        probe = Probe({"number": person.number, "name": person.name})
        probe.check("session", repr(office.staff.current()))
        probe.check("journal", "".join(record.body for record in office.stand.store.records))
        probe.check("person", repr(person))

    play(scenario)
