"""A visit that did not happen is given back: by an event that names the tap, so often a day, and
only where the sensors have seen that nobody went through."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from agent.equipment.lane import Lane
from agent.equipment.passage import LATE, PassageEnd, Passages
from agent.identify.tickets.ticket import ANYBODY
from config.model import GiveBackSettings, SceneSettings
from contracts.scenes.stand import WINDOW, Stand
from drivers.contract import Crossing, DeviceFault
from offline_store.columns import verdict_of
from offline_store.events.about import GiveBack as GivenBack
from offline_store.events.row import Event
from offline_store.store import Store
from simulators.transit import tickets
from simulators.transit.codes import GOOD, NOW
from simulators.world import SimWorld
from tests.agent.events import about_seq, as_kind
from tests.agent.identify.ministry_codes.code_terminal import PHONES, SM2, CodeTerminal
from tests.offline_store.support import TERMINAL, MemoryKeys

T = TypeVar("T")
WITHIN = 4.0  # seconds to go through; less than the window of repetition
DAY = 86_400.0


class Site:
    """A gate that tells who goes through, with codes; `terminal.stand` beneath."""

    def __init__(
        self, world: SimWorld, settings: GiveBackSettings, store: Store | None = None
    ) -> None:
        scene = SceneSettings(kind="library-gate", options={"repeat_window": WINDOW})
        self.world = world
        self.stand = Stand(world, store=store, scene=scene, give_back=settings)
        self.terminal = CodeTerminal(self.stand)
        self.passages = Passages(world, self.stand.barrier, {"entry", "exit"}, WITHIN, self._ended)
        self.entry = replace(self.stand.entry, passages=self.passages)
        self.exit = replace(self.stand.exit, passages=self.passages)
        self.passages.start()

    def _ended(self, end: PassageEnd) -> None:
        self.stand.taps.handle_passage(self.entry, end)

    def tap(self, key: str = "lin", lane: Lane | None = None) -> str:
        return self.stand.tap(key, lane=lane or self.entry).reason

    def show(self, content: bytes) -> str:
        return self.terminal.show(content, self.entry).reason

    def turns_back(self) -> None:
        """Who was let in goes away; his time is up."""
        self.world.wait(WITHIN + 0.1)

    def goes_through(self) -> None:
        at = self.world.monotonic()
        self.stand.barrier.events.put(Crossing("gate", "entry", at))
        self.world.wait(0.1)

    def told(self) -> list[tuple[str, str, int | None]]:
        """What the journal says beside the taps."""
        beside = [event for event in self.stand.store.events if event.kind != "tap"]
        return [(event.kind, event.reason, about_seq(event)) for event in beside]


def play(
    scenario: Callable[[Site], T],
    settings: GiveBackSettings | None = None,
    folder: Path | None = None,
) -> T:
    """One history; with `folder` on the real store."""
    world = SimWorld(1)
    world.jump_clock(NOW - world.now())

    def history() -> T:
        if folder is None:
            return scenario(Site(world, settings or GiveBackSettings()))
        store = Store(world, folder, terminal=TERMINAL, boot="boot-1", keys=MemoryKeys())
        store.start()
        try:
            return scenario(Site(world, settings or GiveBackSettings(), store))
        finally:
            store.close()

    return world.play(history)


STORES = pytest.mark.parametrize("real", [False, True], ids=["fake store", "real store"])


def ticket(uses: int = 1, holder: bytes = b"\xa5" * 32, number: int = 0) -> bytes:
    made = replace(tickets.GOOD, uses=uses, holder=holder, id=bytes([number] * 16))
    return tickets.made(SM2, made)


def code(at: float) -> bytes:
    return PHONES.three_level(replace(GOOD, generated=int(at), validity=600))


@STORES
def test_who_turned_back_may_come_again_at_once(real: bool, tmp_path: Path) -> None:
    def scenario(site: Site) -> list[str]:
        found = [site.tap()]
        site.turns_back()
        found += [site.tap(), site.tap()]
        site.goes_through()
        return [*found, site.tap()]

    found = play(scenario, folder=tmp_path if real else None)
    assert found == ["accepted", "accepted", "repeated", "repeated"]


@STORES
@pytest.mark.parametrize("holder", [ANYBODY, b"\xa5" * 32], ids=["anybody", "named"])
@pytest.mark.parametrize("uses", [1, 3])
def test_a_use_of_a_ticket_comes_back(uses: int, holder: bytes, real: bool, tmp_path: Path) -> None:
    def scenario(site: Site) -> list[str]:
        shown, found = ticket(uses, holder), []
        for _ in range(2):
            found.append(site.show(shown))
            site.turns_back()
        for _ in range(uses + 1):
            found.append(site.show(shown))
            site.goes_through()
            site.world.wait(3.0)
        return found

    found = play(scenario, folder=tmp_path if real else None)
    assert found == ["accepted"] * (2 + uses) + ["ticket-used"]


@STORES
def test_a_code_may_be_shown_again(real: bool, tmp_path: Path) -> None:
    def scenario(site: Site) -> list[str]:
        shown = code(site.world.now())
        found = [site.show(shown)]
        site.turns_back()
        found.append(site.show(shown))
        site.goes_through()
        site.world.wait(WINDOW)
        return [*found, site.show(shown)]

    assert play(scenario, folder=tmp_path if real else None) == [
        "accepted",
        "accepted",
        "code-seen",
    ]


def test_the_event_names_the_tap_and_stands_before_the_end_of_the_passage() -> None:
    def scenario(site: Site) -> tuple[list[tuple[str, str, int | None]], Event]:
        site.tap()
        site.turns_back()
        return site.told(), site.stand.store.events[1]

    told, found = play(scenario)
    event = as_kind(found, GivenBack)
    assert told == [("give-back", "timed-out", 1), ("passage", "timed-out", 1)]
    assert (event.scene, event.lane, event.credential) == (
        "library-gate",
        "entry",
        "card-contactless",
    )
    assert (event.returns, event.given_back_today) == ("visit", 0)
    assert (verdict_of(event), event.amount, event.again_of) == (None, 0, "")
    assert event.person


@STORES
def test_nobody_turns_back_for_ever(real: bool, tmp_path: Path) -> None:
    """So often a day, of whatever he shows; the next day anew."""

    def scenario(site: Site) -> list[str]:
        found = []
        for _ in range(3):
            found.append(site.tap())
            site.turns_back()
        found.append(site.tap())
        site.world.wait(DAY)
        found.append(site.tap())
        site.turns_back()
        return [*found, site.tap()]

    settings = GiveBackSettings(visits_per_day=2)
    found = play(scenario, settings, tmp_path if real else None)
    assert found == ["accepted"] * 3 + ["repeated"] + ["accepted"] * 2


def test_it_is_the_person_who_is_counted_whatever_he_shows() -> None:
    def scenario(site: Site) -> list[str]:
        person = site.stand.cast.person(site.stand.cast.card("lin").person)
        holder = bytes.fromhex(site.stand.references.person(person.number))
        found = [site.tap()]
        site.turns_back()
        found.append(site.show(ticket(holder=holder)))
        site.turns_back()
        return [*found, site.show(ticket(holder=holder)), site.tap("wang")]

    assert play(scenario, GiveBackSettings(visits_per_day=1)) == [
        "accepted",
        "accepted",
        "ticket-used",
        "accepted",
    ]


@pytest.mark.parametrize("jump", [-10.0, -DAY, None])
def test_a_clock_that_goes_back_gives_nothing_back_once_more(jump: float | None) -> None:
    """None: to 1970, where no ticket is taken, but cards are."""

    def scenario(site: Site) -> list[str]:
        found = [site.tap()]
        site.turns_back()
        site.world.jump_clock(-site.world.now() if jump is None else jump)
        found.append(site.tap())
        site.turns_back()
        return [*found, site.tap()]

    assert play(scenario, GiveBackSettings(visits_per_day=1)) == [
        "accepted",
        "accepted",
        "repeated",
    ]


def test_a_ticket_of_anybody_is_counted_by_itself_and_for_good() -> None:
    def scenario(site: Site) -> list[str]:
        found = []
        for _ in range(2):
            found.append(site.show(ticket(holder=ANYBODY)))
            site.turns_back()
        found.append(site.show(ticket(holder=ANYBODY)))
        site.turns_back()
        return [*found, site.show(ticket(holder=ANYBODY, number=1))]

    assert play(scenario, GiveBackSettings(visits_per_day=1)) == [
        "accepted",
        "accepted",
        "ticket-used",
        "accepted",
    ]


def test_where_the_city_gives_nothing_back_nothing_is() -> None:
    def scenario(site: Site) -> list[str]:
        found = [site.show(ticket())]
        site.turns_back()
        return [*found, site.show(ticket())]

    assert play(scenario, GiveBackSettings(visits_per_day=0)) == ["accepted", "ticket-used"]


def test_a_barrier_without_sensors_knows_of_nobody_who_turned_back() -> None:
    def scenario(site: Site) -> list[str]:
        found = [site.terminal.show(ticket()).reason]
        site.turns_back()
        assert site.told() == []
        return [*found, site.terminal.show(ticket()).reason]

    assert play(scenario) == ["accepted", "ticket-used"]


def test_who_went_through_has_nothing_back() -> None:
    def scenario(site: Site) -> list[str]:
        found = [site.show(ticket())]
        site.goes_through()
        site.turns_back()
        assert site.told() == [("passage", "passed", 1)]
        return [*found, site.show(ticket())]

    assert play(scenario) == ["accepted", "ticket-used"]


@STORES
def test_who_goes_through_a_moment_late_has_it_taken_back(real: bool, tmp_path: Path) -> None:
    def scenario(site: Site) -> list[str]:
        found = [site.show(ticket())]
        site.turns_back()
        site.world.wait(LATE - 0.5)
        site.goes_through()
        return [*found, site.show(ticket())]

    assert play(scenario, folder=tmp_path if real else None) == ["accepted", "ticket-used"]


def test_what_is_taken_back_is_no_use_of_the_days_number() -> None:
    def scenario(site: Site) -> list[str]:
        site.show(ticket())
        site.turns_back()
        site.goes_through()
        assert site.told() == [
            ("give-back", "timed-out", 1),
            ("passage", "timed-out", 1),
            ("recovery", "passed-late", 2),
            ("passage", "passed-late", 1),
        ]
        found = [site.show(ticket(number=1))]
        site.turns_back()
        return [*found, site.show(ticket(number=1))]

    assert play(scenario, GiveBackSettings(visits_per_day=1)) == ["accepted", "accepted"]


def test_who_has_come_again_by_then_goes_through_on_that() -> None:
    def scenario(site: Site) -> list[str]:
        found = [site.show(ticket())]
        site.turns_back()
        found.append(site.show(ticket()))
        site.goes_through()
        site.world.wait(3.0)
        return [*found, site.show(ticket())]

    assert play(scenario) == ["accepted", "accepted", "ticket-used"]


def test_leaving_gives_nothing_back() -> None:
    """It used nothing up, and who did not leave is still inside."""

    def scenario(site: Site) -> list[str]:
        site.tap(lane=site.exit)
        site.turns_back()
        return [kind for kind, _, _ in site.told()]

    assert play(scenario) == ["passage"]


def test_a_gate_that_did_not_open_has_used_nothing_up_and_counts_for_nobody() -> None:
    def scenario(site: Site) -> list[str]:
        site.stand.barrier.fault = DeviceFault(device="gate")
        found = [site.show(ticket()) for _ in range(2)]
        site.stand.barrier.fault = None
        return [*found, site.show(ticket())]

    assert play(scenario, GiveBackSettings(visits_per_day=0)) == [
        "out-of-service",
        "out-of-service",
        "accepted",
    ]


@pytest.mark.parametrize("seed", range(6))
def test_two_who_come_with_one_ticket_when_it_is_given_back_are_one(
    seed: int, tmp_path: Path
) -> None:
    """At two readers at once, whichever way the threads fall: one goes in on it."""
    world = SimWorld(seed)
    world.jump_clock(NOW - world.now())

    def history() -> list[str]:
        store = Store(world, tmp_path, terminal=TERMINAL, boot="boot-1", keys=MemoryKeys())
        store.start()
        site = Site(world, GiveBackSettings(), store)
        site.show(ticket())
        site.turns_back()
        both: list[str] = []
        other = world.spawn(lambda: both.append(site.show(ticket())), name="other")
        both.append(site.show(ticket()))
        assert other.join(10)
        store.close()
        return sorted(both)

    assert world.play(history) == ["accepted", "code-too-soon"]


def test_what_was_given_back_outlives_a_restart_and_who_nobody_saw_has_nothing(
    tmp_path: Path,
) -> None:
    keys = MemoryKeys()

    def history(scenario: Callable[[Site], list[str]]) -> list[str]:
        world = SimWorld(1)
        world.jump_clock(NOW - world.now())

        def main() -> list[str]:
            store = Store(world, tmp_path, terminal=TERMINAL, boot="boot-1", keys=keys)
            store.start()
            try:
                return scenario(Site(world, GiveBackSettings(visits_per_day=1), store))
            finally:
                store.close()

        return world.play(main)

    def before(site: Site) -> list[str]:
        found = [site.show(ticket())]
        site.turns_back()
        return [*found, site.show(ticket(number=1))]  # and the power goes while it is open

    def after(site: Site) -> list[str]:
        site.world.wait(60.0)
        return [site.show(ticket()), site.show(ticket(number=1)), site.tap()]

    assert history(before) == ["accepted", "accepted"]
    assert history(after) == ["accepted", "ticket-used", "accepted"]


def test_control_an_end_that_returns_nothing_leaves_him_outside() -> None:
    """What the tests above see: without the event the ticket is gone."""

    def scenario(site: Site) -> list[str]:
        site.stand.taps._give_backs.timed_out = lambda lane, tap: None  # type: ignore[method-assign]
        found = [site.show(ticket())]
        site.turns_back()
        return [*found, site.show(ticket())]

    assert play(scenario) == ["accepted", "ticket-used"]
