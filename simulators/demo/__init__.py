"""`onecard demo`: a scene on real parts, shown live and judged at the end."""

from agent.cli.context import Context
from simulators.box.fitting import fitted_box
from simulators.demo.devices import toured
from simulators.demo.morning import Morning
from simulators.demo.screen import Screen
from simulators.demo.showroom import Showroom
from simulators.site import Site
from simulators.timing import Air, TimeTable


def run(context: Context, scene: str, air: Air | None = None) -> int:
    """Play the scene. 0 when everything went as expected and the platform holds the journal."""
    return _devices(context) if scene == "devices" else _morning(context, air)


def _morning(context: Context, air: Air | None) -> int:
    """A morning at a library gate, with `air` (kbit/s) at the speed of real cards."""
    screen = Screen(context)
    with Site(language=context.texts.language) as site:
        screen.parts(site)
        morning = Morning(site, screen, TimeTable(air) if air else None)
        outcome = morning.play()
        screen.outcome(outcome)
    return 0 if outcome.good else 1


def _devices(context: Context) -> int:
    """A box with every kind of device, each unplugged and plugged again."""
    showroom = Showroom(context)
    with fitted_box() as box:
        showroom.parts(box)
        tour = toured(box, showroom)
        showroom.outcome(box, tour)
    return 0 if tour.good else 1
