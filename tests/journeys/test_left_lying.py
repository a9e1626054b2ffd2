"""A card that was accepted is left on the reader while pcscd restarts, the reader is replugged, the
settings are reloaded, the agent is killed: nobody passes, the person is told what to do, and passes
when the card has left and comes again. On a whole daemon.
"""

from collections.abc import Callable, Iterator

import pytest

from simulators.cards import Card
from simulators.site import DOOR, Site, until
from tests.journeys.gate import GOOD, OTHER, Doors

Outage = tuple[Callable[[Doors], None], Callable[[Doors], None]]  # how it begins, how it ends


def _kill_agent(doors: Doors) -> None:
    doors.site.agent.kill()


def _start_agent(doors: Doors) -> None:
    doors.site.agent.start()


def _reload(doors: Doors) -> None:
    """The same settings again: every reader is bound anew."""
    doors.site.agent.reload()


def _unplug(doors: Doors) -> None:
    """Until the agent has seen it: a hand is slower than that."""
    doors.site.pcscd.unplug(DOOR)
    until(lambda: doors.reader(DOOR)["state"] == "absent", "the reader is not missed")


OUTAGES: dict[str, Outage] = {
    "pcscd restarted": (lambda d: d.site.pcscd.stop(), lambda d: d.site.pcscd.start()),
    "reader replugged": (_unplug, lambda d: d.site.pcscd.plug(DOOR)),
    "settings reloaded": (_reload, lambda d: None),
    "agent killed": (_kill_agent, _start_agent),
}


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    with Site(language="en") as site:
        doors = Doors(site)
        doors.two_entries()
        doors.open()
        yield doors
        site.slots[DOOR].remove()


@pytest.fixture(params=OUTAGES)
def outage(request: pytest.FixtureRequest) -> Outage:
    return OUTAGES[request.param]


def taps(doors: Doors) -> list[str]:
    """The reasons of all taps so far."""
    events = [record.event() for record in doors.site.agent.records()]
    return [event.reason for event in events if event.kind == "tap"]


def turned_away(doors: Doors, before: list[str]) -> bool:
    """A card without power at the first look is told of twice."""
    return doors.site.agent.ready() and {*taps(doors)[len(before) :]} == {"left-lying"}


def comes_again(doors: Doors, card: Card, *, stays: bool = False) -> str:
    """The card leaves, and once the reader is ready it comes; what that tap ends as."""
    slot = doors.site.slots[DOOR]
    slot.remove()
    until(lambda: doors.reader(DOOR)["state"] == "ready", "the reader is not ready")
    before = taps(doors)
    slot.insert(card)
    until(lambda: len(taps(doors)) > len(before), "nobody was served")
    if not stays:
        slot.remove()
    return taps(doors)[-1]


def test_nobody_passes_by_a_card_that_was_left_lying(doors: Doors, outage: Outage) -> None:
    begins, ends = outage
    card = doors.card(GOOD)
    assert comes_again(doors, card, stays=True) == "accepted"
    before = taps(doors)
    begins(doors)
    ends(doors)
    until(lambda: turned_away(doors, before), "nobody was told to take the card away")
    assert comes_again(doors, card) == "accepted"


@pytest.mark.parametrize("who", [GOOD, OTHER])
def test_a_card_laid_down_or_swapped_meanwhile_passes_when_it_comes_again(
    doors: Doors, who: str
) -> None:
    begins, ends = OUTAGES["pcscd restarted"]
    assert comes_again(doors, doors.card(GOOD)) == "accepted"
    before = taps(doors)
    begins(doors)
    card = doors.card(who)
    doors.site.slots[DOOR].insert(card)
    ends(doors)
    until(lambda: turned_away(doors, before), "nobody was told to take the card away")
    assert comes_again(doors, card) == "accepted"
