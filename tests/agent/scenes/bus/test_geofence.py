"""Circles around stops: entered only when sure, left only well outside, never fluttering."""

from hypothesis import given
from hypothesis import strategies as st

from agent.scenes.bus.geofence import LEAVE, Located, locate, metres
from tests.agent.fares.city import lines

BOOK = lines()
COURSE = BOOK.course("9", "up")
S1, S2 = BOOK.stops["S1"], BOOK.stops["S2"]
DEGREE = 111_195.0  # metres of a degree of latitude
SURE = 3


def north_of_s2(away: float) -> tuple[float, float]:
    assert S2.lat is not None
    assert S2.lon is not None
    return S2.lat + away / DEGREE, S2.lon


def after(known: Located, *away: float, sure: int = SURE) -> Located:
    for one in away:
        known = locate(known, *north_of_s2(one), COURSE, sure)
    return known


def test_metres_are_metres() -> None:
    assert round(metres(30, 120, 31, 120)) == 111_195
    assert round(metres(30, 120, 30, 120.01)) == 963
    assert metres(30, 120, 30, 120) == 0


def test_a_stop_is_reached_after_so_many_fixes_in_a_row_inside() -> None:
    assert after(Located(), 0, 0).stop == ""
    assert after(Located(), 0, 0, 0) == Located("S2", True)
    assert after(Located(), 0, 0, 200, 0, 0).stop == ""


def test_one_fix_far_away_moves_nobody() -> None:
    there = Located("S1", True)
    here = locate(there, *north_of_s2(0), COURSE, SURE)
    assert here.stop == "S1"


def test_on_the_edge_nothing_flutters() -> None:
    at = Located("S2", True)
    for away in (S2.radius - 1, S2.radius + 1, S2.radius * LEAVE - 1, S2.radius + 1):
        at = after(at, away)
        assert at == Located("S2", True)
    assert after(at, S2.radius * LEAVE + 1) == Located("S2", False)


def test_between_stops_the_last_one_holds() -> None:
    assert after(Located("S2", True), 100, 200, 250) == Located("S2", False)


def test_coming_back_to_the_same_stop_is_being_there_again() -> None:
    assert after(Located("S2", False), 0, 0, 0) == Located("S2", True)


def test_stops_without_a_place_never_come_into_question() -> None:
    course = BOOK.course("M1", "up")
    assert locate(Located("M11", True), 30.0, 120.0, course, 1) == Located("M11")
    assert locate(Located(), 30.0, 120.0, (), 1) == Located()


fixes = st.lists(st.tuples(st.floats(29.99, 30.03), st.floats(119.99, 120.01)), max_size=60)


@given(fixes, st.integers(1, 5))
def test_no_stop_is_reached_without_so_many_fixes_in_its_circle(
    way: list[tuple[float, float]], sure: int
) -> None:
    known, inside = Located(), dict.fromkeys((stop.id for stop in COURSE), 0)
    for lat, lon in way:
        for stop in COURSE:
            assert stop.lat is not None
            assert stop.lon is not None
            near = metres(lat, lon, stop.lat, stop.lon) <= stop.radius
            inside[stop.id] = inside[stop.id] + 1 if near else 0
        before, known = known, locate(known, lat, lon, COURSE, sure)
        if known.at_stop and not (before.at_stop and before.stop == known.stop):
            assert inside[known.stop] >= sure
        if before.at_stop and not known.at_stop:
            left = BOOK.stops[before.stop]
            assert left.lat is not None
            assert left.lon is not None
            assert metres(lat, lon, left.lat, left.lon) > left.radius * LEAVE
        assert known.stop or not before.stop  # what was known is never forgotten


def test_control_one_fix_alone_would_flutter() -> None:
    """With `sure` 1 a single stray fix does move the vehicle: the rule is what holds it."""
    assert locate(Located("S1", False), *north_of_s2(0), COURSE, 1).stop == "S2"
